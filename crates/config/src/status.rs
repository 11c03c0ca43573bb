//! How a running milter is: the file that it writes, and others read.

use crate::files;
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

/// How the settings in force stand to their file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsState {
    /// The file.
    pub path: PathBuf,
    /// That it could not be used at the start, so that the last good settings are in force.
    pub last_good: Option<LastGoodStart>,
    /// Whether the settings in force are kept for such a start.
    pub keeping: Keeping,
}

/// A start under the last good settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastGoodStart {
    /// When the milter first started under them.
    pub since: Timestamp,
    /// What was wrong with the file, in a line.
    pub problem: String,
}

/// Whether what is in force is kept as the last good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keeping {
    /// There is no place for it.
    #[default]
    Off,
    /// It will be in a moment.
    Pending,
    /// It is.
    Kept,
    /// It cannot be written.
    Failing,
}

/// Recipients (RCPT) since the start of the milter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientCounts {
    /// All of them.
    pub judged: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Those in sessions that the MTA says are encrypted.
    pub encrypted: u64,
    /// Those in sessions of which the MTA did not tell whether they are encrypted.
    pub unknown_tls: u64,
    /// When the last one was judged.
    pub last: Option<Timestamp>,
    /// When the last of those was judged.
    pub last_unknown_tls: Option<Timestamp>,
}

/// What came from clients that nobody trusts, in the last hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourCounts {
    /// Recipients in encrypted sessions.
    pub encrypted: u64,
    /// Recipients in plaintext sessions.
    pub plaintext: u64,
    /// Whether that is enough, from enough clients and for long enough, to expect some over TLS.
    pub is_telling: bool,
}

impl HourCounts {
    /// Whether there is so much mail, and none of it encrypted, that the fault is likely here.
    #[must_use]
    pub fn nothing_encrypted(self) -> bool {
        self.is_telling && self.encrypted == 0
    }
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

    /// Replaces the file, so that readers always find a whole one.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        // Monitoring may run as anybody.
        files::replace(path, &serde_json::to_vec_pretty(self)?, 0o644)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        Status {
            version: "1".into(),
            pid: 1,
            started: Timestamp::UNIX_EPOCH,
            listening: vec!["unix:/m".into()],
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
    fn a_status_file_reads_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("status.json");
        status().write(&path).unwrap();
        assert_eq!(Status::read(&path).unwrap(), status());
    }
}
