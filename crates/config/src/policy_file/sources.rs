//! What a policy was read from: so that a change can be seen.

use crate::files;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

/// The files of a policy and the directories from which it includes files, with what they looked
/// like just before they were read.
///
/// Equal sources hold equal policies, as far as device, inode, size and time of change tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sources {
    files: BTreeMap<PathBuf, Option<Stamp>>,
    directories: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds of the last change of content, name, owner or mode.
    changed: (i64, i64),
}

impl Sources {
    /// One file, of which it is not known what it includes.
    #[must_use]
    pub fn of_file(path: &Path) -> Self {
        Self { files: BTreeMap::from([(path.to_path_buf(), stamp(path))]), ..Self::default() }
    }

    /// Takes a file in; to be called before it is read.
    pub(super) fn add_file(&mut self, path: &Path) {
        self.files.insert(path.to_path_buf(), settled_stamp(path));
    }

    /// Takes a directory in, and says which files are in it.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(super) fn add_directory(&mut self, path: &Path) -> io::Result<&BTreeSet<PathBuf>> {
        let result = names(path);
        let error = result.as_ref().err().map(io::Error::kind);
        let names = self.directories.entry(path.to_path_buf()).or_default();
        *names = result.unwrap_or_default();
        match error {
            Some(kind) => Err(kind.into()),
            None => Ok(names),
        }
    }

    /// The same files and directories as they look now.
    #[must_use]
    pub fn look_again(&self) -> Self {
        Self {
            files: self.files.keys().map(|path| (path.clone(), stamp(path))).collect(),
            directories: self
                .directories
                .keys()
                .map(|path| (path.clone(), names(path).unwrap_or_default()))
                .collect(),
        }
    }

    /// The same, with the files again as they look now of which `is_new` holds: for whoever has just put a
    /// file in its place, whose content was read before.
    #[must_use]
    pub fn with_put(&self, path: &Path, is_new: impl Fn(&Path) -> bool) -> Self {
        let mut sources = self.clone();
        for (path, stamped) in &mut sources.files {
            if is_new(path) {
                *stamped = stamp(path);
            }
        }
        // It may be the first in its directory.
        let there = path.parent().and_then(|directory| fs::canonicalize(directory).ok());
        for (directory, names) in &mut sources.directories {
            if let Some(name) = path.file_name()
                && fs::canonicalize(directory).ok() == there
            {
                names.insert(directory.join(name));
            }
        }
        sources
    }

    /// The same without the files of which `is_left_out` holds.
    #[must_use]
    pub fn without(mut self, is_left_out: impl Fn(&Path) -> bool) -> Self {
        self.files.retain(|path, _| !is_left_out(path));
        self
    }

    /// A number by which another process can tell whether it sees the same files, as far as it runs
    /// the same program.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// The directories from which files are included.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.directories.keys().map(PathBuf::as_path)
    }
}

/// The kernel's clock for files moves in steps of up to 10 ms: two changes within one step leave the
/// same time. A file is therefore read only once its last change is older than that.
const CLOCK_STEP: Duration = Duration::from_millis(20);

fn settled_stamp(path: &Path) -> Option<Stamp> {
    let first = stamp(path)?;
    let (seconds, nanoseconds) = first.changed;
    let changed = u64::try_from(seconds).ok().zip(u32::try_from(nanoseconds).ok()).and_then(
        |(seconds, nanoseconds)| UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds)),
    );
    let age = changed.and_then(|changed| changed.elapsed().ok());
    match age.and_then(|age| CLOCK_STEP.checked_sub(age)) {
        Some(rest) => {
            std::thread::sleep(rest);
            stamp(path)
        }
        None => Some(first),
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(Stamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.size(),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}

/// The files in a directory. What is about to be put there is none of them: a policy that was read while a
/// draft lay beside its files is the same without it.
fn names(directory: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let all = fs::read_dir(directory)?.map(|entry| Ok(entry?.path()));
    all.filter(|path| !path.as_ref().is_ok_and(|path| files::is_draft(path))).collect()
}
