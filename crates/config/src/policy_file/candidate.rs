//! The files of a policy as they would be with one of them changed, or as they once were.
//!
//! A policy is all or nothing, so whoever is about to change one file of it has to know what
//! becomes of the whole: that file is read from memory, all others from the disk. A policy that was
//! kept whole is read from memory, too, whatever lies on the disk by now.

use super::{Snapshot, Sources};
use crate::files::{self, Draft};
use nix::errno::Errno;
use std::{
    cell::RefCell,
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

impl Candidate {
    /// Puts the file in its place with this mode, or removes it, in one step: who reads the policy meanwhile
    /// finds the one of before or this one. The milter's user must be able to read it.
    ///
    /// # Errors
    ///
    /// Those of the system, without the path.
    pub fn write(&self, mode: u32) -> io::Result<()> {
        let Some(contents) = &self.contents else {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                result => result,
            };
        };
        files::replace(&self.path, contents, mode)
    }
}

/// Symbolic links that are followed one after the other; Linux follows as many.
const MOST_LINKS: usize = 40;

/// The files that a policy is read from: those on disk, but for a candidate; or those of a snapshot.
pub(super) struct View<'c> {
    candidate: Option<(Location, Instead<'c>)>,
    snapshot: Option<&'c Snapshot>,
    /// What was read of the disk, where somebody wants to keep it.
    recorded: Option<RefCell<Snapshot>>,
}

/// What is read in place of a file.
#[derive(Clone, Copy)]
enum Instead<'c> {
    Octets(&'c [u8]),
    /// What another file holds.
    File(&'c Path),
    /// There is none.
    Nothing,
}

impl<'c> Instead<'c> {
    fn of(octets: Option<&'c [u8]>) -> Self {
        octets.map_or(Self::Nothing, Self::Octets)
    }

    fn is_there(self) -> bool {
        !matches!(self, Self::Nothing)
    }
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
        Self { candidate: None, snapshot: None, recorded: None }
    }

    pub(super) fn recording() -> Self {
        Self { recorded: Some(RefCell::default()), ..Self::of_disk() }
    }

    pub(super) fn of_snapshot(snapshot: &'c Snapshot) -> Self {
        Self { snapshot: Some(snapshot), ..Self::of_disk() }
    }

    pub(super) fn with(candidate: &'c Candidate) -> Self {
        // In a directory that is not there it cannot be put in place, and changes nothing.
        let location = Location::of(&candidate.path);
        let candidate =
            location.map(|location| (location, Instead::of(candidate.contents.as_deref())));
        Self { candidate, ..Self::of_disk() }
    }

    /// With a draft in its place.
    pub(super) fn with_draft(draft: &'c Draft) -> Self {
        let location = Location::of(draft.path());
        let candidate = location.map(|location| (location, Instead::File(draft.place())));
        Self { candidate, ..Self::of_disk() }
    }

    /// Takes what was read since the last time.
    pub(super) fn take_recorded(&self) -> Snapshot {
        self.recorded.as_ref().map(RefCell::take).unwrap_or_default()
    }

    /// What the candidate puts in place of the file at `path`; none: that is another file.
    fn instead(&self, path: &Path) -> Option<Instead<'c>> {
        if let Some(snapshot) = self.snapshot {
            return Some(Instead::of(snapshot.file(path)));
        }
        let (candidate, instead) = self.candidate.as_ref()?;
        let mut location = Location::of(path)?;
        for _ in 0..MOST_LINKS {
            if location == *candidate {
                return Some(*instead);
            }
            let target = fs::read_link(&location.path).ok()?;
            location = Location::of(&location.directory.join(target))?;
        }
        None
    }

    /// Reads a file.
    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.instead(path) {
            None => {
                let octets = files::read_limited(path)?;
                if let Some(recorded) = &self.recorded {
                    recorded.borrow_mut().add(path, octets.clone());
                }
                Ok(octets)
            }
            Some(Instead::Nothing) => Err(Errno::ENOENT.into()),
            Some(Instead::File(path)) => files::read_limited(path),
            Some(Instead::Octets(contents)) => {
                files::check_size(contents.len() as u64)?;
                Ok(contents.to_vec())
            }
        }
    }

    pub(super) fn is_file(&self, path: &Path) -> bool {
        self.instead(path).map_or_else(|| path.is_file(), Instead::is_there)
    }

    /// Whether the system does not let it be seen what is there.
    pub(super) fn is_hidden(&self, path: &Path) -> bool {
        let denied = || {
            fs::metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
        };
        self.instead(path).is_none() && denied()
    }

    pub(super) fn is_directory(&self, path: &Path) -> bool {
        self.instead(path).is_none() && path.is_dir()
    }

    /// The files in a directory; one of the disk becomes one of the sources.
    pub(super) fn names(
        &self,
        directory: &Path,
        sources: &mut Sources,
    ) -> io::Result<BTreeSet<PathBuf>> {
        if let Some(snapshot) = self.snapshot {
            return Ok(snapshot.within(directory));
        }
        let mut names = sources.add_directory(directory)?.clone();
        if let Some((candidate, instead)) = &self.candidate
            && let Some(name) = candidate.path.file_name()
            && canonical_directory(directory).as_ref() == Some(&candidate.directory)
        {
            if instead.is_there() {
                names.insert(directory.join(name));
            } else {
                names.remove(&directory.join(name));
            }
        }
        Ok(names)
    }
}
