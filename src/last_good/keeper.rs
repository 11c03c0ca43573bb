//! Writes what is good, on a thread of its own.
//!
//! A list of a million domains takes a disk its time, and a disk that does not answer takes for ever:
//! neither mail nor the next reload waits for that.

use super::file::{Encoded, What, kept_digest, remove_old_drafts};
use crate::background::{AFTER_A_PANIC, step_back};
use crate::state_dir::write_help;
use config::policy_file::Snapshot;
use config::status::Keeping;
use jiff::Timestamp;
use std::{
    cell::Cell,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// How often it is tried again to write what could not be written.
const RETRY: Duration = Duration::from_secs(60);
/// How long the end of the milter waits for the last one.
const AT_THE_END: Duration = Duration::from_secs(5);

/// Keeps what is in force.
#[derive(Debug)]
pub struct Keeper(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    desk: Mutex<Desk>,
    changed: Condvar,
}

/// What there is to do.
#[derive(Debug, Default)]
struct Desk {
    /// What came into force, and when; a newer one takes its place.
    next: Option<(Snapshot, Timestamp)>,
    /// The thread is writing.
    busy: bool,
    /// Nothing more will come.
    closed: bool,
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Nothing can fail while it is held.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper {
    /// Keeps what is read from `source` in the directory, from now on, and tells how that goes: after each
    /// writing, and after each that failed.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread.
    pub(crate) fn start(
        what: What,
        directory: PathBuf,
        source: PathBuf,
        tell: impl Fn(Keeping) + Send + 'static,
    ) -> io::Result<Self> {
        Self::with_patience(what, directory, source, tell, RETRY)
    }

    fn with_patience(
        what: What,
        directory: PathBuf,
        source: PathBuf,
        tell: impl Fn(Keeping) + Send + 'static,
        retry: Duration,
    ) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let writer = Writer {
            shared: Arc::clone(&shared),
            what,
            directory,
            source,
            tell: Box::new(tell),
            failing: Cell::new(false),
            retry,
        };
        thread::Builder::new().name("last-good".into()).spawn(move || {
            step_back();
            // A panic in here must not be the end of all keeping; the panic itself is logged.
            while catch_unwind(AssertUnwindSafe(|| writer.run())).is_err() {
                thread::sleep(AFTER_A_PANIC);
                tracing::error!("the keeping of the {what} goes on from the next change on");
            }
        })?;
        Ok(Self(shared))
    }

    /// Keeps what has come into force.
    pub(crate) fn keep(&self, snapshot: Snapshot, since: Timestamp) {
        self.0.desk().next = Some((snapshot, since));
        self.0.changed.notify_all();
    }

    /// Waits until the last one is written, but not for long.
    pub fn finish(&self) {
        let mut desk = self.0.desk();
        desk.closed = true;
        self.0.changed.notify_all();
        let open = |desk: &mut Desk| desk.busy || desk.next.is_some();
        drop(self.0.changed.wait_timeout_while(desk, AT_THE_END, open));
    }
}

/// What the writing thread does next.
enum Next {
    Keep(Snapshot, Timestamp),
    TryAgain,
    End,
}

struct Writer {
    shared: Arc<Shared>,
    what: What,
    directory: PathBuf,
    source: PathBuf,
    tell: Box<dyn Fn(Keeping) + Send>,
    /// The last writing failed.
    failing: Cell<bool>,
    retry: Duration,
}

impl Writer {
    fn run(&self) {
        let Self { what, directory, source, .. } = self;
        // A milter that was killed while it wrote has left its draft, which is as large as the policy.
        let _ = remove_old_drafts(*what, directory);
        let mut kept = kept_digest(*what, directory, source);
        let mut unwritten: Option<Encoded> = None;
        loop {
            match self.next(unwritten.is_some()) {
                Next::Keep(snapshot, since) => {
                    let encoded = Encoded::new(source, &snapshot, since);
                    unwritten = encoded.inspect_err(|error| self.failed(error)).ok();
                }
                Next::TryAgain => {}
                Next::End => return,
            }
            let Some(encoded) = &unwritten else { continue };
            if kept.as_ref() != Some(&encoded.sha256) {
                if let Err(error) = encoded.write(*what, directory) {
                    self.failed(&error);
                    continue;
                }
                kept = Some(encoded.sha256.clone());
                tracing::debug!(
                    "the {what} in force {} kept in {}",
                    what.be(),
                    directory.display()
                );
            }
            unwritten = None;
            self.failing.set(false);
            (self.tell)(Keeping::Kept);
        }
    }

    /// Waits for something to do.
    fn next(&self, try_again: bool) -> Next {
        let mut desk = self.shared.desk();
        desk.busy = false;
        self.shared.changed.notify_all();
        loop {
            if let Some((snapshot, since)) = desk.next.take() {
                desk.busy = true;
                return Next::Keep(snapshot, since);
            }
            if desk.closed {
                return Next::End;
            }
            let patience = if try_again { self.retry } else { Duration::MAX };
            let waited = self.shared.changed.wait_timeout(desk, patience);
            let (again, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            desk = again;
            if waited.timed_out() {
                desk.busy = true;
                return Next::TryAgain;
            }
        }
    }

    fn failed(&self, error: &io::Error) {
        (self.tell)(Keeping::Failing);
        if !self.failing.replace(true) {
            tracing::warn!(
                %error,
                "the {} in force cannot be kept in {}: a start beside a broken file would go on under what was \
                 kept before, or fail; mail goes on{}",
                self.what,
                self.directory.display(),
                write_help(&self.directory, error)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::last_good::file::read;
    use std::{fs, path::Path, sync::mpsc::channel};

    /// Longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn what_could_not_be_kept_is_kept_as_soon_as_it_can_be_without_any_change() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("state");
        // Its place is taken.
        fs::write(&place, "").unwrap();
        let source = Path::new("/etc/policy.yaml");
        let (tell, told) = channel();
        let tell = move |keeping| tell.send(keeping).unwrap_or_default();
        let retry = Duration::from_millis(1);
        let keeper =
            Keeper::with_patience(What::Policy, place.clone(), source.into(), tell, retry).unwrap();
        let mut snapshot = Snapshot::default();
        snapshot.add(source, b"domains: []\n".to_vec());
        keeper.keep(snapshot.clone(), Timestamp::UNIX_EPOCH);
        // Each try that fails is told.
        for _ in 0..3 {
            assert_eq!(told.recv_timeout(PATIENCE), Ok(Keeping::Failing));
        }
        fs::remove_file(&place).unwrap();
        while told.recv_timeout(PATIENCE).unwrap() == Keeping::Failing {}
        let (kept, found) = read(What::Policy, &place, source).unwrap();
        assert_eq!((kept.since, found), (Timestamp::UNIX_EPOCH, snapshot));
        // And then there is nothing more to do.
        keeper.finish();
        assert!(told.recv_timeout(PATIENCE).is_err());
    }
}
