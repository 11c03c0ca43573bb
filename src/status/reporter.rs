//! Keeps the status file and systemd up to date while the milter runs.

use super::StatusFile;
use super::line::line;
use crate::milter::Activity;
use crate::reload::PolicyState;
use crate::standing::Standing;
use crate::systemd::{self, Watchdog};
use crate::trial::TrialKey;
use arc_swap::ArcSwap;
use config::status::{HourCounts, LedgerStatus, PolicyStatus, ProblemStatus, SIGN_OF_LIFE, Status};
use jiff::Timestamp;
use policy::Policy;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::watch;

/// How often to look for news.
const EVERY: Duration = Duration::from_secs(1);

/// Makes a [`Status`] from those who know its parts.
#[derive(Debug)]
pub struct Reporter {
    /// The status file, if one is wanted.
    pub file: Option<StatusFile>,
    /// When the milter started.
    pub started: Timestamp,
    /// The settings that it runs under, and their sockets.
    pub standing: watch::Receiver<Standing>,
    /// The policy's main file.
    pub path: PathBuf,
    /// The policy in force.
    pub policy: Arc<ArcSwap<Policy>>,
    /// How it stands to its files.
    pub state: watch::Receiver<PolicyState>,
    /// What the milter has done so far.
    pub activity: Arc<Activity>,
    /// The key that `doctor` needs, put beside the status file.
    pub trial_key: TrialKey,
    /// What the ledger counts of itself, where one is kept.
    pub ledger: Option<Arc<ledger::LedgerCounts>>,
}

impl Reporter {
    /// How the milter is now.
    #[must_use]
    pub fn status(&self) -> Status {
        let state = self.state.borrow().clone();
        let policy = self.policy.load();
        let Standing { settings, listening, missing } = self.standing.borrow().clone();
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            started: self.started,
            listening,
            missing,
            settings,
            policy: PolicyStatus {
                path: self.path.clone(),
                domains: policy.domains.len(),
                senders: policy.senders.len(),
                since: state.since,
                fingerprint: state.fingerprint,
                asked: state.asked,
                last_good: state.last_good,
                keeping: state.keeping,
                files: state.files,
                problem: state.rejected.map(|rejected| ProblemStatus {
                    since: rejected.since,
                    errors: rejected.errors,
                    first: rejected.first,
                    files: rejected.files,
                }),
            },
            recipients: self.activity.recipients(),
            last_hour: self.activity.last_hour().so_far(Timestamp::now()),
            ledger: self.ledger.as_ref().map(|counts| LedgerStatus {
                written: counts.written(),
                lost: counts.lost(),
                failing: counts.is_failing(),
            }),
        }
    }

    /// The line for systemd.
    #[must_use]
    pub fn line(&self) -> String {
        line(&self.status(), Timestamp::now())
    }

    /// Tells systemd and writes the file whenever there is something new, and gives signs of life.
    pub async fn run(self: Arc<Self>) {
        let mut watchdog = Watchdog::from_environment();
        let mut clock = tokio::time::interval(EVERY);
        let mut told = String::new();
        let mut written = None;
        let mut failed = false;
        let mut is_alarmed = false;
        let mut life = SignsOfLife::new();
        loop {
            clock.tick().await;
            watchdog.alive(self.activity.turns());
            life.note(self.activity.turns());
            let status = self.status();
            if is_alarmed != status.last_hour.nothing_encrypted() {
                is_alarmed = !is_alarmed;
                say_encrypted(status.last_hour);
            }
            let now = line(&status, Timestamp::now());
            if now != told {
                systemd::status(&now);
                told = now;
            }
            let Some(file) = &self.file else { continue };
            if written.as_ref() == Some(&status) {
                life.show(file);
                continue;
            }
            let is_first = written.is_none();
            let key_file = TrialKey::beside(file.path());
            let result = file
                .write(&status)
                .and_then(|()| if is_first { self.trial_key.write(&key_file) } else { Ok(()) });
            match result {
                Ok(()) => {
                    written = Some(status);
                    // That something could be written does not say that anything is judged.
                    life.show_again(file);
                }
                // Said once; it may go on for long.
                Err(_) if failed => {}
                Err(error) => {
                    say_unwritten(file.path(), &error);
                    failed = true;
                }
            }
        }
    }

    /// Removes the file: a milter that has stopped is not well.
    pub fn remove_file(&self) {
        if let Some(file) = &self.file {
            file.remove();
        }
    }
}

/// When the thread that judges last gave a sign of life, and what the file says of that by its time of change.
struct SignsOfLife {
    turns: u64,
    last: SystemTime,
    shown: Option<SystemTime>,
}

impl SignsOfLife {
    fn new() -> Self {
        Self { turns: 0, last: SystemTime::now(), shown: None }
    }

    /// Takes in how many turns it has taken.
    fn note(&mut self, turns: u64) {
        if turns != self.turns {
            (self.turns, self.last) = (turns, SystemTime::now());
        }
    }

    /// Shows it, unless that was done just now, or there is nothing new.
    fn show(&mut self, file: &StatusFile) {
        let is_due = self.shown.is_none_or(|shown| {
            self.last.duration_since(shown).is_ok_and(|passed| passed >= SIGN_OF_LIFE / 2)
        });
        // A clock that was set back.
        if is_due || self.shown.is_some_and(|shown| shown > self.last) {
            self.show_again(file);
        }
    }

    fn show_again(&mut self, file: &StatusFile) {
        file.set_time(self.last);
        self.shown = Some(self.last);
    }
}

/// That nothing is encrypted, or that something is again.
fn say_encrypted(hour: HourCounts) {
    if hour.nothing_encrypted() {
        tracing::error!(
            "none of the {} recipients of the last hour came over TLS: the fault is likely here, and not \
             with all senders; mandatory-tls doctor tries what this server offers them",
            hour.plaintext
        );
    } else {
        tracing::info!("not all mail of the last hour came without TLS any more");
    }
}

fn say_unwritten(path: &Path, error: &io::Error) {
    let directory = path.parent().unwrap_or(Path::new("")).display();
    let help = match error.kind() {
        io::ErrorKind::ResourceBusy => "; doctor tells of that one".to_owned(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound => {
            format!("; doctor needs it: install -d -o USER -m 755 {directory}")
        }
        _ => String::new(),
    };
    tracing::warn!("the status file {} cannot be written: {error}{help}", path.display());
}
