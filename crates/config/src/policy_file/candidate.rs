//! The files of a policy as they would be with one of them changed.
//!
//! A policy is all or nothing, so whoever is about to change one file of it has to know what
//! becomes of the whole: that file is read from memory, all others from the disk.

use crate::files;
use nix::errno::Errno;
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// A file of a policy as somebody is about to write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Where it will lie. There need not be such a file yet.
    pub path: PathBuf,
    /// What it will hold; none: it is about to be removed.
    pub contents: Option<Vec<u8>>,
}

/// Symbolic links that are followed one after the other; Linux follows as many.
const MOST_LINKS: usize = 40;

/// The files that a policy is read from: those on disk, but for a candidate.
pub(super) struct View<'c> {
    candidate: Option<(Location, Option<&'c [u8]>)>,
}

/// Where a file lies, whatever path leads there.
#[derive(PartialEq, Eq)]
struct Location {
    /// The directory, without symbolic links.
    directory: PathBuf,
    /// The file within.
    path: PathBuf,
}

impl Location {
    /// None where there is no such directory, or the path names no file.
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?;
        let directory = canonical_directory(path.parent()?)?;
        Some(Self { path: directory.join(name), directory })
    }
}

/// An empty path stands for the current directory.
fn canonical_directory(path: &Path) -> Option<PathBuf> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    fs::canonicalize(path).ok()
}

impl<'c> View<'c> {
    pub(super) fn of_disk() -> Self {
        Self { candidate: None }
    }

    pub(super) fn with(candidate: &'c Candidate) -> Self {
        // In a directory that is not there it cannot be put in place, and changes nothing.
        let location = Location::of(&candidate.path);
        Self { candidate: location.map(|location| (location, candidate.contents.as_deref())) }
    }

    /// What the candidate puts in place of the file at `path`; none: that is another file.
    fn instead(&self, path: &Path) -> Option<Option<&'c [u8]>> {
        let (candidate, contents) = self.candidate.as_ref()?;
        let mut location = Location::of(path)?;
        for _ in 0..MOST_LINKS {
            if location == *candidate {
                return Some(*contents);
            }
            let target = fs::read_link(&location.path).ok()?;
            location = Location::of(&location.directory.join(target))?;
        }
        None
    }

    /// Reads a file.
    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.instead(path) {
            None => files::read_limited(path),
            Some(None) => Err(Errno::ENOENT.into()),
            Some(Some(contents)) => {
                files::check_size(contents.len() as u64)?;
                Ok(contents.to_vec())
            }
        }
    }

    pub(super) fn is_file(&self, path: &Path) -> bool {
        self.instead(path).map_or_else(|| path.is_file(), |contents| contents.is_some())
    }

    pub(super) fn is_directory(&self, path: &Path) -> bool {
        self.instead(path).is_none() && path.is_dir()
    }

    /// The files in a directory; `on_disk` is what is in it now.
    pub(super) fn names(&self, directory: &Path, on_disk: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
        let mut names = on_disk.clone();
        if let Some((candidate, contents)) = &self.candidate
            && let Some(name) = candidate.path.file_name()
            && canonical_directory(directory).as_ref() == Some(&candidate.directory)
        {
            match contents {
                Some(_) => names.insert(directory.join(name)),
                None => names.remove(&directory.join(name)),
            };
        }
        names
    }
}
