//! The policy's file: all that was chosen, as the milter reads it.
//!
//! One task writes it ([`keep`]). Changes do not queue up: however many come while it writes, it writes
//! once more with all of them. It is written only where the whole policy with it can be used; until
//! then the file of before stays. An entry that the policy cannot take (the operator has removed its
//! requirement, say) does not keep those of others out.

use crate::app::App;
use crate::bind;
use crate::ops::OpError;
use crate::ops::insight::{FileState, Gateway, WRITTEN_BY};
use crate::store::{Store, StoreError, Transaction};
use config::files;
use config::policy_file::{self, Candidate, Loaded, Sources, WrittenEntry, WrittenFile};
use config::yaml::Problems;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::{select, time};

/// How often it is looked whether somebody else (another portal, the shell) has changed something, or
/// the operator's own files are others.
const LOOK: Duration = Duration::from_secs(1);

/// What became of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The version that the file would have.
    pub version: u64,
    /// How it is.
    pub state: FileState,
    /// What the policy was read from when it was checked.
    sources: Sources,
}

/// Keeps the file as the database says, for ever.
pub async fn keep(app: App) {
    let mut last: Option<Written> = None;
    loop {
        let (store, before) = (Arc::clone(app.store()), last.clone());
        match app.look(move |gateway| look(&store, gateway, before.as_ref())).await {
            Ok(Some(written)) => {
                if last.as_ref().map(|last| &last.state) != Some(&written.state) {
                    tell(&written);
                }
                app.gateway().note(written.state.clone());
                last = Some(written);
            }
            Ok(None) => {}
            Err(error) => tracing::error!("the policy's file: {error}"),
        }
        select! {
            () = app.changed() => {}
            () = time::sleep(LOOK) => {}
        }
    }
}

fn tell(written: &Written) {
    let version = written.version;
    match &written.state {
        FileState::Refused { first } => {
            tracing::error!(
                "the policy's file is not written, since the policy has errors: {first}"
            );
        }
        FileState::Written { left_out } => {
            tracing::info!(version, "the policy's file holds all that was chosen");
            for (domain, message) in left_out {
                tracing::error!("{domain}: the policy does not take what was chosen: {message}");
            }
        }
    }
}

/// Checks and writes the file, if anything has changed that it depends on.
fn look(
    store: &Store,
    gateway: &Gateway,
    last: Option<&Written>,
) -> Result<Option<Written>, OpError> {
    if let Some(last) = last {
        let number = store.read(generation)?;
        let same = number == last.version && last.sources == last.sources.look_again();
        if same && gateway.own_path().exists() {
            return Ok(None);
        }
    }
    write(store, gateway).map(Some)
}

fn generation(transaction: &mut Transaction<'_>) -> Result<u64, StoreError> {
    let number = transaction.number("SELECT number FROM generation WHERE id = 1", &[])?;
    Ok(u64::try_from(number).unwrap_or_default())
}

/// Writes the file, if the policy can be used with it.
///
/// # Errors
///
/// Where the database cannot be read, or the file not be written.
pub fn write(store: &Store, gateway: &Gateway) -> Result<Written, OpError> {
    let mut file = store.read(contents)?;
    let version = file.version;
    let mut left_out = BTreeMap::new();
    for _ in 0..TRIES {
        let candidate =
            file.candidate(gateway.own_path()).map_err(|error| unwritable(gateway, &error))?;
        let Loaded { policy, sources, .. } =
            policy_file::load_candidate(gateway.policy_path(), &candidate);
        let Err(problems) = policy else {
            put(gateway, &candidate)?;
            return Ok(Written { version, state: FileState::Written { left_out }, sources });
        };
        let text = candidate.contents.as_deref().unwrap_or_default();
        let faulty = faulty(&problems, gateway, text);
        if faulty.is_empty() {
            let first = problems.shown().first().map(ToString::to_string).unwrap_or_default();
            return Ok(Written { version, state: FileState::Refused { first }, sources });
        }
        give_way(&mut file.entries, &faulty, &mut left_out);
    }
    let first = "entries of the portal's cannot be used".to_owned();
    Ok(Written { version, state: FileState::Refused { first }, sources: Sources::default() })
}

/// So often entries that the policy does not take are looked for: without their requirements, then left
/// out; 50 errors are told at a time.
const TRIES: usize = 200;

fn unwritable(gateway: &Gateway, error: &dyn std::fmt::Display) -> OpError {
    OpError::Unavailable(format!("{} cannot be written: {error}", gateway.own_path().display()))
}

/// Puts the file in its place, if it is not there already.
fn put(gateway: &Gateway, candidate: &Candidate) -> Result<(), OpError> {
    let there = files::read_limited(&candidate.path).ok();
    if there.is_some() && there == candidate.contents {
        return Ok(());
    }
    // The milter's user reads it, who is another.
    candidate.write(0o644).map_err(|error| unwritable(gateway, &error))
}

/// The numbers of the entries in which errors of the policy lie, each with its first one. None where
/// there are errors elsewhere only.
fn faulty(problems: &Problems, gateway: &Gateway, text: &[u8]) -> BTreeMap<usize, String> {
    let text = String::from_utf8_lossy(text);
    let starts: Vec<usize> = (1..)
        .zip(text.lines())
        .filter(|(_, line)| line.starts_with("- "))
        .map(|(number, _)| number)
        .collect();
    let mut faulty = BTreeMap::new();
    for problem in problems.shown() {
        let Some(span) = problem.span.filter(|_| gateway.is_own(&problem.path)) else {
            continue;
        };
        let before = starts.partition_point(|start| *start <= span.line);
        if let Some(entry) = before.checked_sub(1) {
            faulty.entry(entry).or_insert_with(|| problem.message.clone());
        }
    }
    faulty
}

/// Takes the requirement from entries that the policy does not take, so that they are judged by the
/// operator's default and go on to enforce; what it does not take without that either is left out.
fn give_way(
    entries: &mut Vec<WrittenEntry>,
    faulty: &BTreeMap<usize, String>,
    left_out: &mut BTreeMap<String, String>,
) {
    let mut out = BTreeSet::new();
    for (number, message) in faulty {
        let Some(entry) = entries.get_mut(*number) else { continue };
        left_out.entry(entry.domain.clone()).or_insert_with(|| message.clone());
        if entry.require.take().is_none() {
            out.insert(*number);
        }
    }
    let mut number = 0;
    entries.retain(|_| {
        number += 1;
        !out.contains(&(number - 1))
    });
}

/// All that was chosen.
fn contents(transaction: &mut Transaction<'_>) -> Result<WrittenFile, StoreError> {
    let version = generation(transaction)?;
    let sql = "SELECT entry FROM domain WHERE switched IS NOT NULL ORDER BY name";
    let rows = transaction.query(sql, bind![])?;
    let mut entries: Vec<WrittenEntry> = Vec::with_capacity(rows.len());
    for row in rows {
        let text: String = row.get(0)?;
        entries.push(serde_json::from_str(&text).map_err(|error| {
            StoreError::Foreign(format!("an entry that cannot be read: {error}"))
        })?);
    }
    Ok(WrittenFile { written_by: WRITTEN_BY.into(), version, entries })
}
