//! The policy's file: all that was chosen, as the milter reads it.
//!
//! One task writes it ([`keep`]). Changes do not queue up: however many come while it writes, it writes
//! once more with all of them. The file is written piece by piece beside its place and checked once, and what
//! was read of it in that check is what the pages go by from then on. It is written only where the whole policy
//! with it can be used, and includes it; until then the file of before stays. An entry that the policy cannot take
//! (the operator has removed its requirement, say) does not keep those of others out.

mod spared;

use crate::app::App;
use crate::ops::OpError;
use crate::ops::insight::{FileState, Gateway, WRITTEN_BY};
use crate::store::{Store, StoreError, Transaction};
use config::files::Draft;
use config::policy_file::{self, FileWriter, Loaded, Sources, WriteError, WrittenEntry};
use spared::{Spared, faulty};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::{select, time};

/// How often it is looked whether somebody else (another portal, the shell) has changed something, or
/// the operator's own files are others.
const LOOK: Duration = Duration::from_secs(1);

/// How long a write is rested from at most.
const LONGEST_REST: Duration = Duration::from_secs(10);

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
        let (store, before, start) = (Arc::clone(app.store()), last.clone(), Instant::now());
        match app.look(move |gateway| look(&store, gateway, before.as_ref())).await {
            Ok(Some(written)) => {
                if last.as_ref().map(|last| &last.state) != Some(&written.state) {
                    tell(&written);
                }
                app.gateway().note(written.state.clone());
                last = Some(written);
                // With very many domains it takes a while. What is changed meanwhile comes with the next
                // one, and at least half of the time is for the pages.
                time::sleep(start.elapsed().min(LONGEST_REST)).await;
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
    let Checked { version, draft, loaded, left_out } =
        store.read(|transaction| checked(transaction, gateway))?;
    let is_included = loaded.heads.iter().any(|head| gateway.is_own(&head.path));
    let Loaded { policy, sources, .. } = loaded;
    let policy = match policy {
        Ok(_) if !is_included => {
            let own = gateway.own_path().display();
            let first = format!("the policy does not include {own}: add it under `include`");
            return Ok(Written { version, state: FileState::Refused { first }, sources });
        }
        Ok(policy) => policy,
        Err(problems) => {
            let first = problems.shown().first().map(ToString::to_string).unwrap_or_default();
            return Ok(Written { version, state: FileState::Refused { first }, sources });
        }
    };
    let failed = |error| unwritable(gateway, &error);
    let draft = match is_there(&draft) {
        true => None,
        // The milter's user reads it, who is another.
        false => draft.settle(0o644).map(|()| Some(draft)).map_err(failed)?,
    };
    let sources = gateway.put(draft, policy, &sources).map_err(failed)?;
    Ok(Written { version, state: FileState::Written { left_out }, sources })
}

/// A draft of the file, and what the policy would be with it.
struct Checked {
    version: u64,
    draft: Draft,
    loaded: Loaded,
    /// What the policy does not take: domains, and why.
    left_out: BTreeMap<String, String>,
}

/// So often entries that the policy does not take are looked for: without their requirements, then left
/// out; 50 errors are told at a time.
const TRIES: usize = 200;

/// Drafts the file and has the whole policy read with it, until the policy takes all of its entries, or has
/// errors elsewhere. All tries see one state of the database.
fn checked(transaction: &mut Transaction<'_>, gateway: &Gateway) -> Result<Checked, OpError> {
    let version = generation(transaction)?;
    let mut spared = Spared::default();
    let mut tries = 0;
    loop {
        let draft = drafted(transaction, gateway, version, &mut spared)?;
        let loaded = policy_file::load_draft(gateway.policy_path(), &draft);
        tries += 1;
        let faulty = match &loaded.policy {
            Err(problems) if tries < TRIES => faulty(problems, gateway, draft.place()),
            _ => Ok(BTreeMap::new()),
        };
        let faulty = faulty.map_err(|error| unwritable(gateway, &error))?;
        if faulty.is_empty() {
            return Ok(Checked { version, draft, loaded, left_out: spared.left_out });
        }
        let mut found = Vec::new();
        let mut number = 0;
        each_entry(transaction, &mut spared, |entry| {
            if let Some(fault) = faulty.get(&number) {
                found.push((entry, fault));
            }
            number += 1;
            Ok(())
        })?;
        for (entry, fault) in found {
            spared.take_in(&entry, fault);
        }
    }
}

/// A draft of the file. It is written as the database gives its entries, and never in memory as a whole.
fn drafted(
    transaction: &mut Transaction<'_>,
    gateway: &Gateway,
    version: u64,
    spared: &mut Spared,
) -> Result<Draft, OpError> {
    let failed = |error: WriteError| unwritable(gateway, &error);
    let draft = Draft::beside(gateway.own_path()).map_err(|error| failed(error.into()))?;
    let mut writer = FileWriter::new(BufWriter::new(draft), WRITTEN_BY, version).map_err(failed)?;
    each_entry(transaction, spared, |entry| writer.entry(&entry).map_err(failed))?;
    let draft = writer.finish().map_err(failed)?.into_inner();
    draft.map_err(|error| failed(error.into_error().into()))
}

fn unwritable(gateway: &Gateway, error: &dyn std::fmt::Display) -> OpError {
    OpError::Unavailable(format!("{} cannot be written: {error}", gateway.own_path().display()))
}

/// Whether the place of a draft has the same in it already.
fn is_there(draft: &Draft) -> bool {
    let open = |path: &Path| File::open(path).map(BufReader::new);
    let (Ok(mut one), Ok(mut other)) = (open(draft.path()), open(draft.place())) else {
        return false;
    };
    loop {
        let (Ok(here), Ok(there)) = (one.fill_buf(), other.fill_buf()) else { return false };
        let length = here.len().min(there.len());
        if length == 0 {
            return here.len() == there.len();
        }
        if here.iter().take(length).ne(there.iter().take(length)) {
            return false;
        }
        one.consume(length);
        other.consume(length);
    }
}

/// Hands all that was chosen to `each`, in the order of the file.
fn each_entry(
    transaction: &mut Transaction<'_>,
    spared: &mut Spared,
    mut each: impl FnMut(WrittenEntry) -> Result<(), OpError>,
) -> Result<(), OpError> {
    let sql = "SELECT entry FROM domain WHERE switched IS NOT NULL ORDER BY name";
    transaction.each(sql, |row| {
        let text: String = row.get(0)?;
        let entry = serde_json::from_str(&text).map_err(|error| {
            StoreError::Foreign(format!("an entry that cannot be read: {error}"))
        })?;
        spared.rest(entry).map_or(Ok(()), &mut each)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A portal with one domain that was switched, and what it works with.
    fn portal(directory: &Path) -> (Arc<Store>, App) {
        let settings = [
            ("policy.yaml", "include: policy/*.yaml\n"),
            ("milter.yaml", "listen: inet:127.0.0.1:8893\npolicy: policy.yaml\nstate_dir: .\n"),
            (
                "portal.yaml",
                "listen: inet:127.0.0.1:8780\nbase_url: https://portal.example\n\
                 database: portal.sqlite\nfile: policy/portal.yaml\n",
            ),
        ];
        std::fs::create_dir(directory.join("policy")).unwrap();
        for (name, text) in settings {
            std::fs::write(directory.join(name), text).unwrap();
        }
        let place = crate::store::Place::Sqlite(directory.join("portal.sqlite"));
        let store = Arc::new(Store::open(&place).unwrap());
        store
            .write(|transaction| {
                transaction.execute(
                    "INSERT INTO organisation VALUES ('a', 'A', 0, 1)",
                    &[],
                )?;
                transaction.execute(
                    "INSERT INTO domain (name, reversed, organisation, mode, entry, switched, file_version,
                     created, version) VALUES ('a.example', 'example.a', 'a', 'enforce',
                     '{\"domain\": \"a.example\", \"mode\": \"enforce\"}', 1, 0, 0, 1)",
                    &[],
                )
            })
            .unwrap();
        let milter = config::Settings::load(&directory.join("milter.yaml")).unwrap();
        let gateway = Gateway::new(&milter, &directory.join("policy/portal.yaml"));
        let settings =
            config::settings::PortalSettings::load(&directory.join("portal.yaml")).unwrap();
        (Arc::clone(&store), App::new(settings, store, Arc::new(gateway)))
    }

    fn change(transaction: &mut Transaction<'_>) -> Result<(), OpError> {
        transaction.execute("UPDATE generation SET number = number + 1", &[])?;
        Ok(())
    }

    #[test]
    fn what_was_written_was_checked_once_and_is_what_the_pages_go_by() {
        let directory = tempfile::tempdir().unwrap();
        let (store, app) = portal(directory.path());
        for version in 0..3 {
            let written = write(&store, app.gateway()).unwrap();
            assert_eq!(written.version, version);
            // Nothing that it depends on looks otherwise: not the file itself, not its directory.
            assert_eq!(look(&store, app.gateway(), Some(&written)).unwrap(), None);
            let policy = app.gateway().policy().unwrap();
            assert!(policy.domains.get("a.example").is_some());
            // As long as that holds it is not read again.
            assert!(Arc::ptr_eq(&policy, &app.gateway().policy().unwrap()));
            store.write(change).unwrap();
            let own = directory.path().join("policy/portal.yaml");
            let left: Vec<_> =
                std::fs::read_dir(directory.path().join("policy")).unwrap().collect();
            assert!(own.exists() && left.len() == 1, "{left:?}");
        }
        // What the operator changes is seen.
        let written = write(&store, app.gateway()).unwrap();
        let policy = "include: policy/*.yaml\ndomains: [own.example]\n";
        std::fs::write(directory.path().join("policy.yaml"), policy).unwrap();
        assert!(look(&store, app.gateway(), Some(&written)).unwrap().is_some());
        assert!(app.gateway().policy().unwrap().domains.get("own.example").is_some());
    }

    /// On one thread nothing is written until all changes are made.
    #[test]
    fn many_changes_are_one_write() {
        use std::os::unix::fs::MetadataExt;
        let directory = tempfile::tempdir().unwrap();
        let (_, app) = portal(directory.path());
        let own = directory.path().join("policy/portal.yaml");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for _ in 0..100 {
                app.write(change).await.unwrap();
            }
            let writer = tokio::spawn(keep(app.clone()));
            let first = loop {
                if let Ok(file) = std::fs::metadata(&own) {
                    break file.ino();
                }
                time::sleep(Duration::from_millis(5)).await;
            };
            // A hundred are told of, and no write follows for them: the next one is that of the next change.
            app.write(change).await.unwrap();
            let mut seen = vec![first];
            loop {
                let text = std::fs::read_to_string(&own).unwrap();
                let inode = std::fs::metadata(&own).unwrap().ino();
                if seen.last() != Some(&inode) {
                    seen.push(inode);
                }
                if text.contains("version: 101\n") {
                    break;
                }
                assert!(text.contains("version: 100\n"), "{text}");
                time::sleep(Duration::from_millis(5)).await;
            }
            assert!(seen.len() <= 2, "{seen:?}");
            writer.abort();
        });
    }
}
