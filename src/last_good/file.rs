//! The file that holds what was last good.
//!
//! One file, so that it is there as a whole or not at all: a line of JSON that says what it is, and
//! then what the files held, one after the other. It belongs to the milter's user alone, since whoever
//! could write it would decide what a start beside a broken file goes on under.

use config::files;
use config::policy_file::Snapshot;
use jiff::Timestamp;
use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fmt::{self, Write},
    fs, io,
    io::{ErrorKind, Read},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// The form that is written here, and read.
const FORM: u32 = 1;
/// The first line is not longer than this: a policy may include thousands of files.
const MOST_MANIFEST: usize = 16 * 1024 * 1024;
/// The whole is not longer than this, in octets.
const MOST: u64 = 2 * files::MAX_FILE;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The policy, with all its files.
    Policy,
    /// The settings.
    Settings,
}

impl What {
    /// Where it is kept in a directory.
    pub(super) fn file(self, directory: &Path) -> PathBuf {
        directory.join(match self {
            Self::Policy => "last-good-policy",
            Self::Settings => "last-good-settings",
        })
    }

    /// The verb that goes with it.
    pub(super) fn be(self) -> &'static str {
        match self {
            Self::Policy => "is",
            Self::Settings => "are",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => "policy",
            Self::Settings => "settings",
        })
    }
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    form: u32,
    /// The version of the program that wrote it.
    pub(super) version: String,
    /// The absolute path that it was read by: the `policy` of the settings, or the settings themselves.
    #[serde(alias = "policy")]
    source: PathBuf,
    /// When it came into force.
    pub(super) since: Timestamp,
    /// [`digest`] of the files.
    sha256: String,
    files: Vec<KeptFile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptFile {
    path: PathBuf,
    octets: usize,
}

/// What is kept, as it is written.
#[derive(Debug)]
pub(super) struct Encoded {
    octets: Vec<u8>,
    pub(super) sha256: String,
}

impl Encoded {
    /// What was read from these files by this path, and came into force then.
    pub(super) fn new(source: &Path, snapshot: &Snapshot, since: Timestamp) -> io::Result<Self> {
        let sha256 = digest(snapshot);
        let manifest = Manifest {
            form: FORM,
            version: env!("CARGO_PKG_VERSION").into(),
            source: std::path::absolute(source)?,
            since,
            sha256: sha256.clone(),
            files: snapshot
                .files()
                .map(|(path, octets)| KeptFile { path: path.into(), octets: octets.len() })
                .collect(),
        };
        let mut octets = serde_json::to_vec(&manifest)?;
        octets.push(b'\n');
        let texts: usize = snapshot.files().map(|(_, text)| text.len()).sum();
        // What could not be read back must not take the place of what can.
        if octets.len() > MOST_MANIFEST || (octets.len() as u64).saturating_add(texts as u64) > MOST
        {
            return Err(io::Error::new(ErrorKind::FileTooLarge, "the files are too large"));
        }
        octets.reserve_exact(texts);
        for (_, text) in snapshot.files() {
            octets.extend_from_slice(text);
        }
        Ok(Self { octets, sha256 })
    }

    /// Replaces the one of before in the directory, which is made if it is not there.
    pub(super) fn write(&self, what: What, directory: &Path) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o750).create(directory)?;
        files::replace(&what.file(directory), &self.octets, 0o640)
    }
}

/// The SHA-256 of all paths, lengths and octets.
fn digest(snapshot: &Snapshot) -> String {
    let mut hasher = Sha256::new();
    for (path, octets) in snapshot.files() {
        for part in [path.as_os_str().as_encoded_bytes(), octets] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    hasher.finalize().iter().fold(String::new(), |mut text, octet| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// Why what was last good cannot be gone on under.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// There is no place for the last good policy.
    #[error("no last good policy is kept, since the settings name no `state_dir`")]
    NoStateDir,
    /// There is no place for the last good settings.
    #[error(
        "no last good settings are kept, since nothing names a directory for them (STATE_DIRECTORY)"
    )]
    NoPlace,
    /// There never was any.
    #[error("no {what} ever came into force: there is no {}", .path.display())]
    Never {
        /// What was looked for.
        what: What,
        /// The file.
        path: PathBuf,
    },
    /// There is something, but not to be used.
    #[error("the last good {what} in {} cannot be used: {why}", .path.display())]
    File {
        /// What was looked for.
        what: What,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: Why,
    },
}

/// What is wrong with a file that holds what was last good.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// The system does not let it be read.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    /// Whoever wrote it need not be the milter.
    #[error(
        "others than the milter may have written it: its owner is user {owner}, its mode {mode:o}"
    )]
    Foreign {
        /// Its owner's number.
        owner: u32,
        /// Its permissions.
        mode: u32,
    },
    /// It is not what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It was kept for another file.
    #[error("it is that of {}, and is not used for another file", .0.display())]
    Other(PathBuf),
    /// This version of the program has errors to tell of it.
    #[error("it was kept by version {version} and is not valid for this one: {first}")]
    Invalid {
        /// The version that wrote it.
        version: String,
        /// The first error, in one line.
        first: String,
    },
}

/// Removes drafts that were left in the directory.
///
/// # Errors
///
/// Those of the system.
pub(super) fn remove_old_drafts(what: What, directory: &Path) -> io::Result<()> {
    files::remove_old_drafts(&what.file(directory))
}

/// The digest of what is kept for this source, where it is whole.
pub(super) fn kept_digest(what: What, directory: &Path, source: &Path) -> Option<String> {
    read(what, directory, source).ok().map(|(manifest, _)| manifest.sha256)
}

/// What is kept in the directory for this source, whole and nobody else's.
///
/// # Errors
///
/// Why there is nothing to be used.
pub(super) fn read(
    what: What,
    directory: &Path,
    source: &Path,
) -> Result<(Manifest, Snapshot), Unusable> {
    let path = what.file(directory);
    let octets = match read_own(&path) {
        Err(Why::Unreadable(error)) if error.kind() == ErrorKind::NotFound => {
            return Err(Unusable::Never { what, path });
        }
        octets => octets,
    };
    let found = octets.and_then(|octets| unpacked(&octets, source));
    found.map_err(|why| Unusable::File { what, path, why })
}

/// The parts of a file of this form.
fn unpacked(octets: &[u8], source: &Path) -> Result<(Manifest, Snapshot), Why> {
    let damaged = |what: &str| Why::Damaged(what.into());
    let end = octets.iter().take(MOST_MANIFEST).position(|octet| *octet == b'\n');
    let (line, mut rest) = end
        .and_then(|end| octets.split_at_checked(end + 1))
        .ok_or_else(|| damaged("it does not say what it is"))?;
    let manifest: Manifest = serde_json::from_slice(line)
        .map_err(|error| damaged(&format!("it does not say what it is: {error}")))?;
    if manifest.form != FORM {
        return Err(damaged("it is in a form that this version does not know"));
    }
    let mut snapshot = Snapshot::default();
    for KeptFile { path, octets } in &manifest.files {
        let (text, after) =
            rest.split_at_checked(*octets).ok_or_else(|| damaged("its end is missing"))?;
        snapshot.add(path, text.to_vec());
        rest = after;
    }
    if !rest.is_empty() || digest(&snapshot) != manifest.sha256 {
        return Err(damaged("its checksum is wrong"));
    }
    if std::path::absolute(source).is_ok_and(|source| source == manifest.source) {
        Ok((manifest, snapshot))
    } else {
        Err(Why::Other(manifest.source))
    }
}

/// Reads the file if nobody but this user, or root, can have written it.
fn read_own(path: &Path) -> Result<Vec<u8>, Why> {
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(Why::Unreadable)?;
    let metadata = file.metadata().map_err(Why::Unreadable)?;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    let own = owner == geteuid().as_raw() || owner == 0;
    if !own || mode & 0o022 != 0 || !metadata.is_file() {
        return Err(Why::Foreign { owner, mode });
    }
    let mut octets = Vec::new();
    file.take(MOST).read_to_end(&mut octets).map_err(Why::Unreadable)?;
    Ok(octets)
}
