//! What a policy was read from: so that a change can be seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The files of a policy and the directories from which it includes files, with what they looked
/// like just before they were read.
///
/// Equal sources hold equal policies, as far as device, inode, size and time of change tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    files: BTreeMap<PathBuf, Option<Stamp>>,
    directories: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds of the last change of content, name, owner or mode.
    changed: (i64, i64),
}

impl Sources {
    /// Takes a file in; to be called before it is read.
    pub(super) fn add_file(&mut self, path: &Path) {
        self.files.insert(path.to_path_buf(), stamp(path));
    }

    /// Takes a directory in; to be called before it is searched.
    pub(super) fn add_directory(&mut self, path: &Path) {
        self.directories.insert(path.to_path_buf(), names(path));
    }

    /// The same files and directories as they look now.
    #[must_use]
    pub fn look_again(&self) -> Self {
        Self {
            files: self.files.keys().map(|path| (path.clone(), stamp(path))).collect(),
            directories: self.directories.keys().map(|path| (path.clone(), names(path))).collect(),
        }
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

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(Stamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.size(),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}

fn names(directory: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}
