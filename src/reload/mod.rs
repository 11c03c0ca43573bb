//! The reload of the policy while mail flows.
//!
//! A change of a policy file, or SIGHUP, leads to the whole policy being read anew; only if all
//! of it is valid is it put in force, in one step. What changed is logged. A policy with errors
//! changes nothing: the one in force stays, and the log says what is wrong, and where.
//!
//! All of this happens on a thread of its own: a large policy, or a disk that does not answer,
//! keeps no mail waiting.

mod changes;
mod watch;

pub use changes::Changes;

use crate::logging;
use crate::metrics::PolicyStatus;
use crate::policy::Policy;
use crate::policy_file::{self, Loaded, Sources};
use crate::yaml::Problems;
use arc_swap::ArcSwap;
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use watch::Watch;

/// How often the log says that a policy with errors still waits to be mended.
const REMIND: Duration = Duration::from_secs(600);

/// Keeps the policy in force in line with its files.
#[derive(Debug)]
pub struct Reloader {
    path: PathBuf,
    policy: Arc<ArcSwap<Policy>>,
    /// What the policy was last read from, valid or not.
    sources: Sources,
    watch: Watch,
    /// Since when the files hold errors, and when the log last said so.
    broken: Option<(jiff::Timestamp, Instant)>,
    /// Whether the log may name mailboxes.
    local_parts: bool,
    /// What is counted of all this.
    status: Arc<PolicyStatus>,
}

impl Reloader {
    /// Reads the policy at `path` for the first time. `local_parts` says whether the log may name
    /// mailboxes.
    ///
    /// # Errors
    ///
    /// All that is wrong with the policy.
    pub fn start(path: &Path, local_parts: bool) -> Result<Self, Problems> {
        let Loaded { policy, warnings, sources } = policy_file::load(path);
        let policy = policy?;
        tracing::info!(
            domains = policy.domains.len(),
            senders = policy.senders.len(),
            files = policy.files.len(),
            "policy loaded from {}",
            path.display()
        );
        logging::problems(&warnings);
        let policy = Arc::new(ArcSwap::from_pointee(policy));
        // From here on, no writing goes unseen.
        let mut watch = Watch::new();
        watch.follow(&sources);
        let status = Arc::new(PolicyStatus::loaded_now());
        let path = path.to_path_buf();
        Ok(Self { path, policy, sources, watch, broken: None, local_parts, status })
    }

    /// What is counted of reloads.
    #[must_use]
    pub fn status(&self) -> Arc<PolicyStatus> {
        Arc::clone(&self.status)
    }

    /// The policy in force, as it changes.
    #[must_use]
    pub fn policy(&self) -> Arc<ArcSwap<Policy>> {
        Arc::clone(&self.policy)
    }

    /// Follows the files, on a thread of its own, until nobody can make requests any more. A
    /// request (SIGHUP) makes the policy be read at once, changed or not.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread.
    pub fn follow(self, requests: mpsc::Receiver<()>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let thread = std::thread::Builder::new().name("reload".into());
        thread.spawn(move || runtime.block_on(self.run(requests)))?;
        Ok(())
    }

    async fn run(mut self, mut requests: mpsc::Receiver<()>) {
        loop {
            // Also sees what changed after the files were read and before they were watched.
            while self.sources != self.sources.look_again() {
                tokio::select! {
                    () = self.watch.settled(&self.sources) => {}
                    _ = requests.recv() => {}
                }
                self.reload();
            }
            self.remind();
            tokio::select! {
                () = self.watch.changed() => {}
                request = requests.recv() => {
                    if request.is_none() {
                        return;
                    }
                    self.reload();
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
        let loaded = catch_unwind(AssertUnwindSafe(|| policy_file::load(&self.path)));
        let Ok(Loaded { policy, warnings, sources }) = loaded else {
            self.status.failed();
            tracing::error!(
                "policy not reloaded: reading it failed inside; the one in force stays"
            );
            self.sources = self.sources.look_again();
            return;
        };
        self.sources = sources;
        match policy {
            Ok(policy) => {
                self.put_in_force(policy);
                logging::problems(&warnings);
            }
            Err(problems) => {
                self.status.failed();
                let since = self.broken.map_or_else(jiff::Timestamp::now, |(since, _)| since);
                self.broken = Some((since, Instant::now()));
                tracing::error!(
                    errors = problems.count(),
                    "policy not reloaded, the one in force stays"
                );
                logging::problems(&problems);
            }
        }
    }

    fn put_in_force(&mut self, policy: Policy) {
        let policy = Arc::new(policy);
        let old = self.policy.swap(Arc::clone(&policy));
        self.broken = None;
        self.status.reloaded();
        let changes = Changes::between(&old, &policy, self.local_parts);
        tracing::info!(
            domains = policy.domains.len(),
            senders = policy.senders.len(),
            files = policy.files.len(),
            "policy reloaded: {changes}"
        );
        if changes.removed.len() > 1 && changes.removed.len() * 2 > old.domains.len() {
            tracing::warn!(
                removed = changes.removed.len(),
                "more than half of the domains are gone from the policy; is that meant?"
            );
        }
    }

    fn remind(&mut self) {
        if let Some((since, said)) = &mut self.broken
            && said.elapsed() >= REMIND
        {
            *said = Instant::now();
            tracing::warn!(
                "the policy's files have had errors since {since}; the policy before them is in force"
            );
        }
    }
}
