//! The reload of the policy while mail flows.
//!
//! A change of a policy file, or SIGHUP, leads to the whole policy being read anew; only if all
//! of it is valid is it put in force, in one step. What changed is logged. A policy with errors
//! changes nothing: the one in force stays, and the log says what is wrong, and where. That also holds
//! for a start: it goes on under the last good policy ([`crate::last_good`]).
//!
//! All of this happens on a thread of its own: a large policy, or a disk that does not answer,
//! keeps no mail waiting.

mod changes;
mod heads;
mod start;
mod watch;

pub use changes::Changes;

use crate::background::{AFTER_A_PANIC, step_back};
use crate::last_good::{Keeper, Unusable};
use crate::logging;
use arc_swap::ArcSwap;
use config::policy_file::{self, FileHead, Loaded, Snapshot, Sources};
use config::status::{FileInForce, Keeping};
use config::yaml::Problems;
use policy::Policy;
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot, watch as published};
use watch::Watch;

/// How often the log says that a policy with errors still waits to be mended.
const REMIND: Duration = Duration::from_secs(600);
/// How often files that the system did not let be read are read again, though they did not change.
const RETRY: Duration = Duration::from_secs(5);

/// A request to read the policy at once. It is answered when that is done, well or not.
pub type Request = oneshot::Sender<()>;

/// How the policy in force stands to its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyState {
    /// Since when it is in force.
    pub since: jiff::Timestamp,
    /// What its files looked like when they were last read, valid or not
    /// ([`Sources::fingerprint`]).
    pub fingerprint: u64,
    /// What they hold now, if that cannot be put in force; then the policy is that of before.
    pub rejected: Option<RejectedPolicy>,
    /// How often a policy was put in force since the start.
    pub reloads: u64,
    /// How often one could not be.
    pub failures: u64,
    /// How often a request was answered.
    pub asked: u64,
    /// Whether it is the last good policy, under which the milter has started since it could not use
    /// the files.
    pub last_good: bool,
    /// Whether it is kept for such a start.
    pub keeping: Keeping,
    /// How often it could not be.
    pub keeping_failures: u64,
    /// The files in it that have a head.
    pub files: Vec<FileInForce>,
}

/// Why there is no policy to start under.
#[derive(Debug)]
pub struct NoPolicy {
    /// What is wrong with its files.
    pub problems: Problems,
    /// The files.
    pub files: Sources,
    /// Why the last good one cannot take their place.
    pub last_good: Unusable,
}

/// A policy that cannot be put in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedPolicy {
    /// Since when.
    pub since: jiff::Timestamp,
    /// How many errors it has.
    pub errors: usize,
    /// The first of them, in one line: where, and what.
    pub first: String,
    /// The files with a head that were read, as far as they could be.
    pub files: Vec<FileHead>,
}

/// Keeps the policy in force in line with its files.
#[derive(Debug)]
pub struct Reloader {
    path: PathBuf,
    policy: Arc<ArcSwap<Policy>>,
    /// What the policy was last read from, valid or not.
    sources: Sources,
    watch: Watch,
    /// Policies that are not in force any more, until no message is judged by them: whoever drops the
    /// last reference frees the whole policy, and that must not keep mail waiting.
    retired: Vec<Arc<Policy>>,
    /// What others see of it.
    state: published::Sender<PolicyState>,
    /// When the log last said that the files hold errors.
    reminded: Instant,
    /// When to read the files again though they did not change, since the system did not let one be read.
    retry_at: Option<Instant>,
    /// Keeps what comes into force; none where there is no `state_dir`.
    keeper: Option<Arc<Keeper>>,
    /// Whether the log may name mailboxes.
    local_parts: bool,
}

/// How long what could not be read is left alone: a long list is not read all the time.
fn pause_after(reading: Duration) -> Duration {
    RETRY.max(reading * 50)
}

impl Reloader {
    /// The policy in force, as it changes.
    #[must_use]
    pub fn policy(&self) -> Arc<ArcSwap<Policy>> {
        Arc::clone(&self.policy)
    }

    /// How the policy in force stands to its files, as that changes.
    #[must_use]
    pub fn state(&self) -> published::Receiver<PolicyState> {
        self.state.subscribe()
    }

    /// What keeps the last good policy, to be waited for at the end.
    #[must_use]
    pub fn keeper(&self) -> Option<Arc<Keeper>> {
        self.keeper.clone()
    }

    /// Follows the files, on a thread of its own, until nobody can make requests any more. A
    /// request (SIGHUP) makes the policy be read at once, changed or not.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread.
    pub fn follow(mut self, mut requests: mpsc::Receiver<Request>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let mut run = move || runtime.block_on(self.run(&mut requests));
        let thread = std::thread::Builder::new().name("reload".into());
        thread.spawn(move || {
            step_back();
            // A panic in here must not be the end of all reloads; it is logged.
            while catch_unwind(AssertUnwindSafe(&mut run)).is_err() {
                std::thread::sleep(AFTER_A_PANIC);
                tracing::error!("the policy's files are followed again");
            }
        })?;
        Ok(())
    }

    async fn run(&mut self, requests: &mut mpsc::Receiver<Request>) {
        // There may have been a panic between the reading and this.
        self.watch.follow(&self.sources);
        loop {
            // Also sees what changed after the files were read and before they were watched.
            while self.sources != self.sources.look_again() {
                let request = tokio::select! {
                    () = self.watch.settled(&self.sources) => None,
                    request = requests.recv() => request,
                };
                self.retry_at = None;
                self.reload();
                self.answer(request);
            }
            self.retired.retain(|policy| Arc::strong_count(policy) > 1);
            self.remind();
            tokio::select! {
                () = self.watch.changed(self.retry_at) => {
                    if self.retry_at.is_some_and(|retry_at| Instant::now() >= retry_at) {
                        self.reload();
                    }
                }
                request = requests.recv() => {
                    if request.is_none() {
                        return;
                    }
                    self.retry_at = None;
                    self.reload();
                    self.answer(request);
                }
            }
        }
    }

    /// Reads the policy, puts it in force if it is valid, and watches what it was read from.
    fn reload(&mut self) {
        self.read();
        self.watch.follow(&self.sources);
    }

    fn read(&mut self) {
        let is_retry = self.retry_at.take().is_some();
        let begun = Instant::now();
        let loaded = catch_unwind(AssertUnwindSafe(|| policy_file::load_to_keep(&self.path)));
        let Ok((Loaded { policy, warnings, sources, heads, .. }, snapshot)) = loaded else {
            tracing::error!(
                "policy not reloaded: reading it failed inside; the one in force stays"
            );
            self.sources = self.sources.look_again();
            self.publish_rejected(1, "reading it failed inside".into(), Vec::new());
            return;
        };
        self.sources = sources;
        match policy {
            Ok(policy) => {
                self.put_in_force(policy, snapshot, heads);
                logging::problems(&warnings);
            }
            Err(problems) => {
                let first = problems.first_error().map(config::yaml::Problem::in_one_line);
                let first = first.unwrap_or_default();
                if problems.is_refused() {
                    self.retry_at = Some(Instant::now() + pause_after(begun.elapsed()));
                    if is_retry && self.is_known(&first) {
                        return;
                    }
                }
                tracing::error!(
                    errors = problems.count(),
                    "policy not reloaded, the one in force stays"
                );
                logging::problems(&problems);
                self.publish_rejected(problems.count(), first, heads);
            }
        }
    }

    /// Whether the log has this error already.
    fn is_known(&self, first: &str) -> bool {
        self.state.borrow().rejected.as_ref().is_some_and(|rejected| rejected.first == first)
    }

    /// The policy's files have errors, from now on or still.
    fn publish_rejected(&mut self, errors: usize, first: String, heads: Vec<FileHead>) {
        self.reminded = Instant::now();
        let files = heads::absolute(heads);
        let fingerprint = self.sources.fingerprint();
        self.state.send_modify(|state| {
            let since = state
                .rejected
                .as_ref()
                .map_or_else(jiff::Timestamp::now, |rejected| rejected.since);
            state.fingerprint = fingerprint;
            state.rejected = Some(RejectedPolicy { since, errors, first, files });
            state.failures += 1;
        });
    }

    fn put_in_force(&mut self, policy: Policy, snapshot: Snapshot, heads: Vec<FileHead>) {
        let policy = Arc::new(policy);
        let old = self.policy.swap(Arc::clone(&policy));
        self.retired.push(Arc::clone(&old));
        let fingerprint = self.sources.fingerprint();
        let now = jiff::Timestamp::now();
        let mut versions = String::new();
        self.state.send_modify(|state| {
            let files = heads::in_force(heads, &state.files, now);
            versions = heads::changes(&state.files, &files);
            state.files = files;
            state.since = now;
            state.fingerprint = fingerprint;
            state.rejected = None;
            state.reloads += 1;
            state.last_good = false;
        });
        if let Some(keeper) = &self.keeper {
            keeper.keep(snapshot, now);
        }
        let changes = Changes::between(&old, &policy, self.local_parts);
        tracing::info!(
            domains = policy.domains.len(),
            senders = policy.senders.len(),
            files = policy.files.len(),
            "policy reloaded: {changes}{versions}"
        );
        let removed = changes.removed.count();
        if removed > 1 && removed * 2 > old.domains.len() + old.senders.len() {
            tracing::warn!(
                removed,
                "more than half of the domains are gone from the policy; is that meant?"
            );
        }
    }

    fn remind(&mut self) {
        let PolicyState { since, rejected, last_good, .. } = self.state.borrow().clone();
        let Some(rejected) = rejected else { return };
        if self.reminded.elapsed() < REMIND {
            return;
        }
        self.reminded = Instant::now();
        let broken = rejected.since;
        if last_good {
            tracing::warn!(
                "the policy's files have had errors since {broken}; the last good policy is in force, \
                 of {since}"
            );
        } else {
            tracing::warn!(
                "the policy's files have had errors since {broken}; the policy before them is in force"
            );
        }
    }

    /// Tells who asked that the policy has been read.
    fn answer(&self, request: Option<Request>) {
        if let Some(request) = request {
            self.state.send_modify(|state| state.asked += 1);
            // Nobody may wait for it any more.
            let _ = request.send(());
        }
    }
}
