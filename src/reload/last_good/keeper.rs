//! Writes the last good policy, on a thread of its own.
//!
//! A list of a million domains takes a disk its time, and a disk that does not answer takes for ever:
//! neither mail nor the next reload waits for that.

use super::file::{Encoded, kept_digest, remove_old_drafts};
use crate::reload::{AFTER_A_PANIC, Keeping, PolicyState, step_back};
use crate::state_dir::write_help;
use config::policy_file::Snapshot;
use jiff::Timestamp;
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use tokio::sync::watch::Sender;

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
    /// Keeps policies that are read from `policy` in the state directory, from now on.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread.
    pub(in crate::reload) fn start(
        state_dir: PathBuf,
        policy: PathBuf,
        state: Sender<PolicyState>,
    ) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let writer = Writer { shared: Arc::clone(&shared), state_dir, policy, state };
        thread::Builder::new().name("last-good".into()).spawn(move || {
            step_back();
            // A panic in here must not be the end of all keeping; the panic itself is logged.
            while catch_unwind(AssertUnwindSafe(|| writer.run())).is_err() {
                thread::sleep(AFTER_A_PANIC);
                tracing::error!("the last good policy is kept again from the next reload on");
            }
        })?;
        Ok(Self(shared))
    }

    /// Keeps what has come into force.
    pub(in crate::reload) fn keep(&self, snapshot: Snapshot, since: Timestamp) {
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
    state_dir: PathBuf,
    policy: PathBuf,
    state: Sender<PolicyState>,
}

impl Writer {
    fn run(&self) {
        // A milter that was killed while it wrote has left its draft, which is as large as the policy.
        let _ = remove_old_drafts(&self.state_dir);
        let mut kept = kept_digest(&self.state_dir, &self.policy);
        let mut unwritten: Option<Encoded> = None;
        loop {
            match self.next(unwritten.is_some()) {
                Next::Keep(snapshot, since) => {
                    let encoded = Encoded::new(&self.policy, &snapshot, since);
                    unwritten = encoded.inspect_err(|error| self.failed(error)).ok();
                }
                Next::TryAgain => {}
                Next::End => return,
            }
            let Some(policy) = &unwritten else { continue };
            if kept.as_ref() != Some(&policy.sha256) {
                if let Err(error) = policy.write(&self.state_dir) {
                    self.failed(&error);
                    continue;
                }
                kept = Some(policy.sha256.clone());
                tracing::debug!("the policy in force is kept in {}", self.state_dir.display());
            }
            unwritten = None;
            self.state.send_modify(|state| state.keeping = Keeping::Kept);
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
            let patience = if try_again { RETRY } else { Duration::MAX };
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
        let known = matches!(self.state.borrow().keeping, Keeping::Failing);
        self.state.send_modify(|state| {
            state.keeping = Keeping::Failing;
            state.keeping_failures += 1;
        });
        if !known {
            tracing::warn!(
                %error,
                "the policy in force cannot be kept in {}: a start beside a broken file would go on under an \
                 older one, or fail; mail goes on{}",
                self.state_dir.display(),
                write_help(&self.state_dir, error)
            );
        }
    }
}
