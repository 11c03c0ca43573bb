//! The file that holds the last good policy.
//!
//! One file, so that it is there as a whole or not at all: a line of JSON that says what it is, and
//! then what the policy's files held, one after the other. It belongs to the milter's user alone, since
//! whoever could write it would decide what a start beside a broken file judges by.

use config::files;
use config::policy_file::{self, Loaded, Snapshot};
use config::yaml::{self, Problems};
use jiff::Timestamp;
use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use policy::Policy;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fmt::Write,
    fs, io,
    io::{ErrorKind, Read},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Its name in the state directory.
const NAME: &str = "last-good-policy";
/// The form that is written here, and read.
const FORM: u32 = 1;
/// The first line is not longer than this: a policy may include thousands of files.
const MOST_MANIFEST: usize = 16 * 1024 * 1024;
/// The whole is not longer than this, in octets.
const MOST: u64 = 2 * files::MAX_FILE;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    form: u32,
    /// The version of the program that wrote it.
    version: String,
    /// The `policy` of the settings, as an absolute path.
    policy: PathBuf,
    /// When it came into force.
    since: Timestamp,
    /// [`digest`] of the files.
    sha256: String,
    files: Vec<KeptFile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptFile {
    path: PathBuf,
    octets: usize,
}

/// A last good policy, as it is written.
#[derive(Debug)]
pub(super) struct Encoded {
    octets: Vec<u8>,
    pub(super) sha256: String,
}

impl Encoded {
    /// The policy that was read from these files by this path, and came into force then.
    pub(super) fn new(policy: &Path, snapshot: &Snapshot, since: Timestamp) -> io::Result<Self> {
        let sha256 = digest(snapshot);
        let manifest = Manifest {
            form: FORM,
            version: env!("CARGO_PKG_VERSION").into(),
            policy: std::path::absolute(policy)?,
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
            return Err(io::Error::new(
                ErrorKind::FileTooLarge,
                "the policy's files are too large",
            ));
        }
        octets.reserve_exact(texts);
        for (_, text) in snapshot.files() {
            octets.extend_from_slice(text);
        }
        Ok(Self { octets, sha256 })
    }

    /// Replaces the one of before in the state directory, which is made if it is not there.
    pub(super) fn write(&self, state_dir: &Path) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o750).create(state_dir)?;
        files::replace(&state_dir.join(NAME), &self.octets, 0o640)
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

/// The last good policy, read and found valid.
#[derive(Debug)]
pub struct LastGood {
    /// The policy.
    pub policy: Policy,
    /// What may not be meant in it.
    pub warnings: Problems,
    /// When it came into force.
    pub since: Timestamp,
}

/// Why there is no last good policy to go on under.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// There is no place for one.
    #[error("no last good policy is kept, since the settings name no `state_dir`")]
    Off,
    /// There never was one.
    #[error("no policy has been in force yet: there is no {}", .0.display())]
    Never(PathBuf),
    /// The system does not let it be read.
    #[error("the last good policy, {}, cannot be read: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Whoever wrote it need not be the milter.
    #[error(
        "the last good policy, {}, is not used, since others than the milter may have written it: \
         its owner is user {owner}, its mode {mode:o}",
        .path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its owner's number.
        owner: u32,
        /// Its permissions.
        mode: u32,
    },
    /// It is not what was written.
    #[error("the last good policy, {}, is damaged ({what}), and is not used", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The settings named another policy then.
    #[error(
        "the last good policy, {}, is that of {}, and is not used for another `policy`",
        .path.display(),
        .policy.display()
    )]
    OtherPolicy {
        /// The file.
        path: PathBuf,
        /// What the settings named.
        policy: PathBuf,
    },
    /// This version of the program has errors to tell of it.
    #[error(
        "the last good policy, {}, was kept by version {version} and is not valid for this one: \
         {first}",
        .path.display()
    )]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The version that wrote it.
        version: String,
        /// The first error, in one line.
        first: String,
    },
}

impl LastGood {
    /// The one that was kept in the state directory for this `policy` of the settings.
    ///
    /// # Errors
    ///
    /// Why there is none that can be used.
    pub fn load(state_dir: Option<&Path>, policy: &Path) -> Result<Self, Unusable> {
        let path = state_dir.ok_or(Unusable::Off)?.join(NAME);
        let (manifest, snapshot) = read(&path, policy)?;
        let Loaded { policy, warnings, .. } = policy_file::load_snapshot(policy, &snapshot);
        let policy = policy.map_err(|problems| Unusable::Invalid {
            path,
            version: manifest.version,
            first: problems.first_error().map(yaml::Problem::in_one_line).unwrap_or_default(),
        })?;
        Ok(Self { policy, warnings, since: manifest.since })
    }
}

/// Removes drafts that were left in the state directory.
///
/// # Errors
///
/// Those of the system.
pub(super) fn remove_old_drafts(state_dir: &Path) -> io::Result<()> {
    files::remove_old_drafts(&state_dir.join(NAME))
}

/// The digest of what is kept for this policy, where it is whole.
pub(super) fn kept_digest(state_dir: &Path, policy: &Path) -> Option<String> {
    read(&state_dir.join(NAME), policy).ok().map(|(manifest, _)| manifest.sha256)
}

fn read(path: &Path, policy: &Path) -> Result<(Manifest, Snapshot), Unusable> {
    let octets = read_own(path)?;
    let damaged = |what: &str| Unusable::Damaged { path: path.into(), what: what.into() };
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
    let same = std::path::absolute(policy).is_ok_and(|policy| policy == manifest.policy);
    if !same {
        return Err(Unusable::OtherPolicy { path: path.into(), policy: manifest.policy });
    }
    Ok((manifest, snapshot))
}

/// Reads the file if nobody but this user, or root, can have written it.
fn read_own(path: &Path) -> Result<Vec<u8>, Unusable> {
    let unreadable = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => Unusable::Never(path.into()),
        _ => Unusable::Unreadable { path: path.into(), error },
    };
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    let own = owner == geteuid().as_raw() || owner == 0;
    if !own || mode & 0o022 != 0 || !metadata.is_file() {
        return Err(Unusable::Foreign { path: path.into(), owner, mode });
    }
    let mut octets = Vec::new();
    file.take(MOST).read_to_end(&mut octets).map_err(unreadable)?;
    Ok(octets)
}
