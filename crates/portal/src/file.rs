//! The policy's file: all that was chosen, as the milter reads it.
//!
//! One task writes it ([`keep`]). Changes do not queue up: however many come while it writes, it writes
//! once more with all of them. It is written only where the whole policy with it can be used; until
//! then the file of before stays. An entry that the policy cannot take (the operator has removed its
//! requirement, say) does not keep those of others out.

use crate::app::App;
use crate::bind;
use crate::ops::OpError;
use crate::ops::domains::field_of;
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

/// What the policy does not take of an entry.
struct Fault {
    /// The key in which it lies.
    key: String,
    message: String,
}

/// The numbers of the entries in which errors of the policy lie, each with its first one. None where
/// there are errors elsewhere only.
fn faulty(problems: &Problems, gateway: &Gateway, text: &[u8]) -> BTreeMap<usize, Fault> {
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
            faulty.entry(entry).or_insert_with(|| Fault {
                key: field_of(problem.line.as_deref().unwrap_or_default()),
                message: problem.message.clone(),
            });
        }
    }
    faulty
}

/// Takes from entries what the policy does not take of them, so that they go on to be judged by the
/// operator's defaults. What it does not take without that either is left out.
///
/// A requirement that the operator has removed is taken from all that have it, at once: the policy tells
/// of some only.
fn give_way(
    entries: &mut Vec<WrittenEntry>,
    faulty: &BTreeMap<usize, Fault>,
    left_out: &mut BTreeMap<String, String>,
) {
    let (mut out, mut gone) = (BTreeSet::new(), BTreeMap::new());
    for (number, fault) in faulty {
        let Some(entry) = entries.get_mut(*number) else { continue };
        left_out.entry(entry.domain.clone()).or_insert_with(|| fault.message.clone());
        let taken = match &*fault.key {
            "deliver" => entry.deliver.take().is_some(),
            // Without them it is stricter, never less so.
            "exceptions" => !std::mem::take(&mut entry.exceptions).is_empty(),
            "require" => {
                entry.require.take().map(|name| gone.insert(name, fault.message.clone())).is_some()
            }
            _ => false,
        };
        if !taken {
            out.insert(*number);
        }
    }
    for entry in entries.iter_mut() {
        if let Some(message) = entry.require.as_ref().and_then(|name| gone.get(name)) {
            left_out.entry(entry.domain.clone()).or_insert_with(|| message.clone());
            entry.require = None;
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

#[cfg(test)]
mod tests {
    use super::*;
    use config::policy_file::WrittenDeliver;

    fn entry(domain: &str, require: Option<&str>) -> WrittenEntry {
        WrittenEntry {
            domain: domain.into(),
            require: require.map(str::to_owned),
            deliver: Some(WrittenDeliver::default()),
            ..WrittenEntry::default()
        }
    }

    /// An entry as domain, requirement, and whether it demands something of the second hop.
    type Shape = (String, Option<String>, bool);

    /// The entries after one fault in the first of them, and whose something was left out.
    fn after(key: &str) -> (Vec<Shape>, Vec<String>) {
        let mut entries = vec![
            entry("a.example", Some("own")),
            entry("b.example", Some("own")),
            entry("c.example", Some("rfc9325")),
        ];
        let fault = Fault { key: key.into(), message: "wrong".into() };
        let mut left_out = BTreeMap::new();
        give_way(&mut entries, &BTreeMap::from([(0, fault)]), &mut left_out);
        let state = |entry: WrittenEntry| (entry.domain, entry.require, entry.deliver.is_some());
        (entries.into_iter().map(state).collect(), left_out.into_keys().collect())
    }

    #[test]
    fn what_is_wrong_goes_and_all_else_of_an_entry_stays() {
        let own = || Some("own".to_owned());
        let rest = || ("c.example".to_owned(), Some("rfc9325".to_owned()), true);
        let b = || ("b.example".to_owned(), own(), true);
        // The requirement is gone, so it goes from all that have it.
        let (entries, left_out) = after("require");
        let without = |domain: &str| (domain.to_owned(), None, true);
        assert_eq!(entries, [without("a.example"), without("b.example"), rest()]);
        assert_eq!(left_out, ["a.example", "b.example"]);
        let (entries, left_out) = after("deliver");
        assert_eq!(entries, [("a.example".to_owned(), own(), false), b(), rest()]);
        assert_eq!(left_out, ["a.example"]);
        // What has no part to leave out goes as a whole.
        let (entries, left_out) = after("contact");
        assert_eq!(entries, [b(), rest()]);
        assert_eq!(left_out, ["a.example"]);
    }
}
