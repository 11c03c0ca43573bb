//! What the status file holds.

use crate::last_good::Keeping;
use crate::last_hour::HourCounts;
use crate::milter::RecipientCounts;
use crate::standing::{LastGoodStart, SettingsState};
use crate::wording::{age, counted};
use config::files;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    io,
    path::{Path, PathBuf},
};

/// How the running milter is; in the file, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The version of the program that runs.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it started.
    pub started: Timestamp,
    /// The sockets that it listens on (`unix:PATH`, `inet:HOST:PORT`).
    pub listening: Vec<String>,
    /// The sockets of the settings that it cannot listen on, and why, each in a line.
    #[serde(default)]
    pub missing: Vec<String>,
    /// The settings in force.
    #[serde(default)]
    pub settings: SettingsState,
    /// The policy in force.
    pub policy: PolicyStatus,
    /// What it has judged.
    pub recipients: RecipientCounts,
    /// How much of the last hour's mail was encrypted.
    #[serde(default)]
    pub last_hour: HourCounts,
    /// The ledger; none: no ledger is kept.
    pub ledger: Option<LedgerStatus>,
}

/// How the ledger is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerStatus {
    /// Recipients that were written since the start of the milter.
    pub written: u64,
    /// Recipients that could not be recorded.
    pub lost: u64,
    /// Whether it cannot be written at present.
    pub failing: bool,
}

/// The policy in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyStatus {
    /// Its main file.
    pub path: PathBuf,
    /// How many patterns of recipient domains and mailboxes it names.
    pub domains: usize,
    /// How many partners.
    pub senders: usize,
    /// Since when it is in force.
    pub since: Timestamp,
    /// What its files looked like when they were last read ([`config::policy_file::Sources`]).
    pub fingerprint: u64,
    /// How often the milter was asked since its start to read them, and has, well or not.
    #[serde(default)]
    pub asked: u64,
    /// Whether it is the last good policy, under which the milter has started since it could not use
    /// the files.
    #[serde(default)]
    pub last_good: bool,
    /// Whether it is kept for such a start.
    #[serde(default)]
    pub keeping: Keeping,
    /// What is wrong with them, if anything is; then the policy is that of before.
    pub problem: Option<ProblemStatus>,
}

/// A policy that cannot be put in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemStatus {
    /// Since when.
    pub since: Timestamp,
    /// How many errors there are.
    pub errors: usize,
    /// The first of them.
    pub first: String,
}

impl Status {
    /// Reads a status file.
    ///
    /// # Errors
    ///
    /// When it is missing, cannot be read, or is not of this version's form.
    pub fn read(path: &Path) -> io::Result<Self> {
        // It lies in a directory of the milter's user, and root reads it, too.
        Ok(serde_json::from_slice(&files::read_limited(path)?)?)
    }

    /// For `systemctl status`, in one line.
    #[must_use]
    pub fn line(&self, now: Timestamp) -> String {
        let PolicyStatus { domains, senders, since, problem, last_good, .. } = &self.policy;
        let age_of_policy = age(*since, now);
        let holds = format!("{}, {}", counted(*domains, "domain"), counted(*senders, "sender"));
        let mut line = match problem {
            None => format!("{holds}; policy in force for {age_of_policy}"),
            Some(problem) if *last_good => format!(
                "PROBLEM: the policy's files have errors: {}; in force is the last good policy, of {age_of_policy} \
                 ago, with {holds}",
                problem.first
            ),
            Some(problem) => format!(
                "PROBLEM: policy not reloaded: {}; in force for {age_of_policy} is the one before, with \
                 {holds}",
                problem.first
            ),
        };
        if let Some(LastGoodStart { since, problem }) = &self.settings.last_good {
            line.push_str(&format!(
                "; PROBLEM: at the start, the settings could not be used: {problem}; in force are the last good \
                 settings, of {} ago, until they are mended and the milter is restarted",
                age(*since, now)
            ));
        }
        for missing in &self.missing {
            line.push_str(&format!("; PROBLEM: {missing}"));
        }
        if self.settings.keeping == Keeping::Failing {
            line.push_str("; PROBLEM: the last good settings cannot be kept, see the log");
        }
        if self.policy.keeping == Keeping::Failing {
            line.push_str("; PROBLEM: the last good policy cannot be kept, see the log");
        }
        if self.recipients.unknown_tls > 0 {
            line.push_str("; PROBLEM: the MTA does not always tell of TLS, see the log");
        }
        if self.last_hour.nothing_encrypted() {
            line.push_str(
                "; PROBLEM: no mail of the last hour was encrypted, run mandatory-tls doctor",
            );
        }
        if self.ledger.as_ref().is_some_and(|ledger| ledger.failing) {
            line.push_str("; PROBLEM: the ledger cannot be written, see the log");
        }
        line
    }
}

/// Replaces a status file, so that readers always find a whole one.
pub(super) fn write(path: &Path, status: &Status) -> io::Result<()> {
    // Monitoring may run as anybody.
    files::replace(path, &serde_json::to_vec_pretty(status)?, 0o644)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn status() -> Status {
        Status {
            version: "1".into(),
            pid: 1,
            started: Timestamp::UNIX_EPOCH,
            listening: vec![],
            missing: vec![],
            settings: SettingsState::default(),
            policy: PolicyStatus {
                path: "policy.yaml".into(),
                domains: 4,
                senders: 1,
                since: Timestamp::UNIX_EPOCH,
                fingerprint: u64::MAX,
                asked: 0,
                last_good: false,
                keeping: Keeping::Kept,
                problem: None,
            },
            recipients: RecipientCounts::default(),
            last_hour: HourCounts::default(),
            ledger: None,
        }
    }

    #[test]
    fn the_line_for_systemd_says_what_is_in_force_for_how_long_and_what_is_wrong() {
        let mut status = status();
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        for (now, age) in [
            (0, "less than a minute"),
            (59, "less than a minute"),
            (60, "1 minute"),
            (7200, "2 hours"),
            (3 * 86400, "3 days"),
        ] {
            assert_eq!(
                status.line(at(now)),
                format!("4 domains, 1 sender; policy in force for {age}")
            );
        }
        status.policy.problem = Some(ProblemStatus {
            since: at(100),
            errors: 2,
            first: "policy.yaml:3: there is no key `mod` here".into(),
        });
        status.settings.last_good =
            Some(LastGoodStart { since: at(0), problem: "milter.yaml: empty".into() });
        assert!(status.line(at(7200)).ends_with(
            "; PROBLEM: at the start, the settings could not be used: milter.yaml: empty; in force are the last \
             good settings, of 2 hours ago, until they are mended and the milter is restarted"
        ));
        status.settings.last_good = None;
        status.recipients.unknown_tls = 1;
        status.last_hour = HourCounts { encrypted: 0, plaintext: 20, is_telling: true };
        status.ledger = Some(LedgerStatus { written: 1, lost: 0, failing: true });
        assert_eq!(
            status.line(at(120)),
            "PROBLEM: policy not reloaded: policy.yaml:3: there is no key `mod` here; in force for \
             2 minutes is the one before, with 4 domains, 1 sender; PROBLEM: the MTA does not \
             always tell of TLS, see the log; PROBLEM: no mail of the last hour was encrypted, run \
             mandatory-tls doctor; PROBLEM: the ledger cannot be written, see the log"
        );
    }

    #[test]
    fn a_status_file_reads_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("status.json");
        write(&path, &status()).unwrap();
        assert_eq!(Status::read(&path).unwrap(), status());
    }
}
