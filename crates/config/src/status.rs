//! How a running milter is: the file that it writes, and others read.

use crate::files;
use crate::policy_file::FileHead;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How the running milter is; in the file, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyStatus {
    /// Its main file.
    pub path: PathBuf,
    /// How many patterns of recipient domains and mailboxes it names.
    pub domains: usize,
    /// How many partners.
    pub senders: usize,
    /// Since when it is in force.
    pub since: Timestamp,
    /// What its files looked like when they were last read ([`crate::policy_file::Sources`]).
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
    /// The files in it that programs write, or that say otherwise by a head of what state they are.
    #[serde(default)]
    pub files: Vec<FileInForce>,
    /// What is wrong with them, if anything is; then the policy is that of before.
    pub problem: Option<ProblemStatus>,
}

/// A file with a head, as the policy in force has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInForce {
    /// What it says of itself.
    #[serde(flatten)]
    pub head: FileHead,
    /// Since when this version of it is in force; of a file without a version, since when the policy is.
    pub since: Timestamp,
}

/// How a version of a file stands to the policy in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileStanding<'s> {
    /// It, or a later one, is in force.
    InForce(&'s FileInForce),
    /// It was read, and nothing that was read with it could be put in force; the problem need not be its own.
    Refused(&'s ProblemStatus),
    /// The milter has not read it yet.
    NotRead,
}

impl PolicyStatus {
    /// How this version of a file stands, by any path that leads to it.
    #[must_use]
    pub fn standing(&self, path: &Path, version: u64) -> FileStanding<'_> {
        let is_here = |head: &FileHead| files::is_same_place(&head.path, path);
        let has_come = |head: &FileHead| head.version.is_some_and(|found| found >= version);
        let in_force = self.files.iter().find(|file| is_here(&file.head) && has_come(&file.head));
        if let Some(file) = in_force {
            return FileStanding::InForce(file);
        }
        match &self.problem {
            // Where the policy's own file is broken, nobody knows what it includes.
            Some(problem)
                if !problem.files.iter().any(is_here)
                    || problem.files.iter().any(|head| is_here(head) && has_come(head)) =>
            {
                FileStanding::Refused(problem)
            }
            _ => FileStanding::NotRead,
        }
    }
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
    /// The files with a head that were read then, as far as they could be.
    #[serde(default)]
    pub files: Vec<FileHead>,
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

/// The milter gives a sign of life about this often, while it judges or could: then the time of change of its file
/// is set.
pub const SIGN_OF_LIFE: Duration = Duration::from_secs(5);
/// Without one for this long, it is silent.
const SILENT: Duration = Duration::from_secs(30);

/// What can be seen of a milter from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It lives.
    Alive(Box<Status>),
    /// It was there, and has given no sign of life for a while: it was killed, it hangs, or the system was
    /// asleep.
    Silent {
        /// What it said last.
        status: Box<Status>,
        /// When it gave its last sign of life.
        last: SystemTime,
    },
    /// There is no status file: it does not run, or was stopped in order.
    NotRunning,
}

impl Seen {
    /// Looks at a status file. Anybody may who can read it: nothing is asked of the milter.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not of this version's form.
    pub fn look(path: &Path, now: SystemTime) -> io::Result<Self> {
        let status = match Status::read(path) {
            Ok(status) => Box::new(status),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::NotRunning),
            Err(error) => return Err(error),
        };
        let last = match fs::metadata(path).and_then(|metadata| metadata.modified()) {
            Ok(last) => last,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::NotRunning),
            Err(error) => return Err(error),
        };
        // A clock that was set back makes it a time to come.
        let apart = now.duration_since(last).unwrap_or_else(|error| error.duration());
        Ok(if apart < SILENT { Self::Alive(status) } else { Self::Silent { status, last } })
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
        let policy = PolicyStatus {
            path: "policy.yaml".into(),
            fingerprint: u64::MAX,
            keeping: Keeping::Kept,
            ..PolicyStatus::default()
        };
        let listening = vec!["unix:/m".into()];
        Status { version: "1".into(), pid: 1, listening, policy, ..Status::default() }
    }

    #[test]
    fn a_status_file_reads_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("status.json");
        let mut status = status();
        status.policy.files =
            vec![FileInForce { head: head(Some(u64::MAX)), since: Timestamp::MAX }];
        status.write(&path).unwrap();
        assert_eq!(Status::read(&path).unwrap(), status);
        // One of a milter that said less.
        let mut value: serde_json::Value =
            serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        value["policy"].as_object_mut().unwrap().remove("files").unwrap();
        fs::write(&path, value.to_string()).unwrap();
        assert_eq!(Status::read(&path).unwrap().policy.files, []);
    }

    fn head(version: Option<u64>) -> FileHead {
        let path = "/var/lib/portal/portal.yaml".into();
        FileHead { path, gives_way: true, version, entries: 3, ..FileHead::default() }
    }

    #[test]
    fn it_is_told_whether_a_version_is_in_force_was_refused_or_was_not_read_yet() {
        let mine = Path::new("/var/lib/portal/portal.yaml");
        let since = Timestamp::UNIX_EPOCH;
        let problem = |files: Vec<FileHead>| {
            Some(ProblemStatus { since, errors: 1, first: "policy.yaml:1: no".into(), files })
        };
        let other = FileHead { path: "/var/lib/fleet/fleet.yaml".into(), ..head(Some(99)) };
        for (in_force, problem, expected) in [
            (Some(17), None, "in force"),
            (Some(18), None, "in force"),
            (Some(16), None, "not read"),
            (None, None, "not read"),
            // What is in force stays, whatever is broken since.
            (Some(17), problem(vec![head(Some(17))]), "in force"),
            (Some(16), problem(vec![head(Some(17))]), "refused"),
            (Some(16), problem(vec![head(Some(16))]), "not read"),
            (Some(16), problem(vec![other.clone()]), "refused"),
            (Some(16), problem(vec![]), "refused"),
            (None, problem(vec![head(None)]), "not read"),
        ] {
            let mut status = status().policy;
            status.files = vec![FileInForce { head: other.clone(), since }];
            status
                .files
                .extend(in_force.map(|version| FileInForce { head: head(Some(version)), since }));
            status.problem = problem;
            let standing = match status.standing(mine, 17) {
                FileStanding::InForce(_) => "in force",
                FileStanding::Refused(_) => "refused",
                FileStanding::NotRead => "not read",
            };
            assert_eq!(standing, expected, "{status:?}");
        }
    }

    #[test]
    fn a_milter_is_alive_while_it_gives_signs_of_life() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("status.json");
        let now = SystemTime::now();
        assert_eq!(Seen::look(&path, now).unwrap(), Seen::NotRunning);
        status().write(&path).unwrap();
        let file = fs::File::open(&path).unwrap();
        let at = |seconds: i64| {
            let apart = Duration::from_secs(seconds.unsigned_abs());
            if seconds < 0 { now - apart } else { now + apart }
        };
        for (seconds, alive) in [(0, true), (-29, true), (-31, false), (20, true), (3600, false)] {
            file.set_modified(at(seconds)).unwrap();
            let status = Box::new(status());
            let expected = match alive {
                true => Seen::Alive(status),
                false => Seen::Silent { status, last: at(seconds) },
            };
            assert_eq!(Seen::look(&path, now).unwrap(), expected, "{seconds}");
        }
        fs::write(&path, "{}").unwrap();
        assert_eq!(Seen::look(&path, now).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
