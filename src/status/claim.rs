//! The status file as one milter's own.
//!
//! A second milter with the same settings (started by hand, say) must neither overwrite the first one's
//! status nor remove it. Whose it is, a lock on the file says: the system lets go of it however the
//! milter ends.

use crate::trial::TrialKey;
use config::status::Status;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

/// Where the status is written, and whether this milter does so.
#[derive(Debug)]
pub struct StatusFile {
    path: PathBuf,
    lock: Mutex<Option<Flock<File>>>,
}

impl StatusFile {
    /// The file at `path`, which need not be there yet.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path, lock: Mutex::default() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the status.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ResourceBusy`] where it is another milter's; those of the system.
    pub(super) fn write(&self, status: &Status) -> io::Result<()> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_none() && self.path.exists() && self.lock()?.is_none() {
            return Err(io::Error::new(ErrorKind::ResourceBusy, "it is another milter's"));
        }
        if let Some(directory) = self.path.parent().filter(|path| !path.as_os_str().is_empty()) {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
        }
        status.write(&self.path)?;
        // Each writing makes another file; the lock on the one of before is let go after this.
        *lock = self.lock()?;
        Ok(())
    }

    /// Sets when it was last changed, if it is this milter's: that is how others see that it lives.
    pub(super) fn set_time(&self, time: SystemTime) {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*lock {
            let _ = file.set_modified(time);
        }
    }

    /// A lock on the file that is there; none if another process has one.
    fn lock(&self) -> io::Result<Option<Flock<File>>> {
        match Flock::lock(File::open(&self.path)?, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(lock)),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, error)) => Err(error.into()),
        }
    }

    /// Removes it, if it is this milter's: one that has stopped is not well.
    pub(super) fn remove(&self) {
        if self.lock.lock().is_ok_and(|lock| lock.is_some()) {
            let _ = fs::remove_file(&self.path);
            let _ = fs::remove_file(TrialKey::beside(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_file_is_written_and_removed_by_one_milter_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/status.json");
        let (first, second) = (StatusFile::at(path.clone()), StatusFile::at(path.clone()));
        let mut status = super::super::line::tests::status();
        for pid in [1, 2] {
            status.pid = pid;
            first.write(&status).unwrap();
            assert_eq!(second.write(&status).unwrap_err().kind(), ErrorKind::ResourceBusy);
            second.remove();
            assert_eq!(Status::read(&path).unwrap().pid, pid);
        }
        first.remove();
        assert!(!path.exists());
        // One that a milter left behind which was killed is nobody's.
        drop(first);
        fs::write(&path, "{}").unwrap();
        second.write(&status).unwrap();
        second.remove();
        assert!(!path.exists());
    }
}
