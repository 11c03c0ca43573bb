//! A log in a file, followed through whatever rotation does to it.
//!
//! The file is looked at each second, rather than watched: a busy log would give an event for each line, and
//! file systems of the network give none.

use super::files::{self, LogFile};
use super::open_file::OpenFile;
use super::place::{FilePlace, SEEN};
use super::{Each, Progress};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// So much is read at once.
const CHUNK: usize = 256 * 1024;
/// How long a file that was rotated must have been left alone until it is over: a syslog daemon writes on to
/// it until it is told to open the new one.
const STILL: Duration = Duration::from_secs(2);

/// A log in a file.
pub(super) struct FileLog {
    path: PathBuf,
    place: FilePlace,
    open: Option<OpenFile>,
    buffer: Vec<u8>,
    still: Duration,
}

impl FileLog {
    /// The log at `path`, from a place on.
    pub fn at(path: &Path, place: FilePlace) -> Self {
        let buffer = vec![0; CHUNK];
        Self { path: path.to_owned(), place, open: None, buffer, still: STILL }
    }

    /// Looks whether there can be a log at `path`, and says if there is none yet: a name that was typed wrong
    /// would be waited for without end.
    pub fn look(path: &Path) -> io::Result<()> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => Ok(()),
            Ok(metadata) => {
                let what = if metadata.is_dir() { "a directory" } else { "no regular file" };
                let why = format!("it is {what}; name the file that the MTA's log is written to");
                Err(io::Error::new(io::ErrorKind::InvalidInput, why))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::warn!(
                    "there is no {} yet; it is waited for. If the MTA logs to another file, name that \
                     (Postfix: `postconf maillog_file`; else that of syslog)",
                    path.display()
                );
                Ok(())
            }
            // Its rights may be mended meanwhile.
            Err(_) => Ok(()),
        }
    }

    /// The log at `path`, from what is written to it from now on. A log that is not there yet is read from
    /// its beginning.
    pub fn from_now(path: &Path, now: i64) -> io::Result<Self> {
        // One that is empty and may not be read is known now and not at its first line.
        match fs::File::open(path) {
            Err(error) if !is_gone(&error) => return Err(error),
            _ => {}
        }
        let mut log = Self::at(path, FilePlace::before_all(now));
        if let Some(live) = log.files()?.last().filter(|file| file.path == log.path) {
            let open = OpenFile::at_its_end(live)?;
            log.place = open.lines.place(live.age.written());
            log.open = Some(open);
        }
        Ok(log)
    }

    /// Where it stands.
    pub fn place(&self) -> &FilePlace {
        &self.place
    }

    /// Goes to another place.
    pub fn go_to(&mut self, place: FilePlace) {
        self.open = None;
        self.place = place;
    }

    /// Takes a rotated file for finished at once, and reads little at once.
    #[cfg(test)]
    pub fn hurry(&mut self) {
        self.still = Duration::ZERO;
        self.buffer.truncate(1000);
    }

    /// Reads on, and hands out the lines that are complete.
    pub fn read(&mut self, each: &mut Each<'_>) -> io::Result<Progress> {
        if self.open.is_none() {
            match self.find()? {
                Progress::Read => {}
                other => return Ok(other),
            }
        }
        let Some(open) = &mut self.open else { return Ok(Progress::CaughtUp) };
        let count = open.read(&mut self.buffer)?;
        // After the reading: what was read is of the file as it is now.
        if !open.is_as_it_was()? {
            self.open = None;
            return Ok(Progress::Read);
        }
        if count == 0 {
            return self.at_the_end(each);
        }
        let before = open.lines.offset();
        open.lines.take(self.buffer.get(..count).unwrap_or_default(), each);
        let cut = open.lines.cut();
        if cut > 0 {
            tracing::warn!(
                "{} has lines of more than 64 KiB; they are read in part",
                open.path.display()
            );
        }
        if open.lines.offset() > before {
            self.place = open.lines.place(open.age()?.written());
        } else if open.path == self.path && before == 0 && open.lines.end() < SEEN as u64 {
            // A few octets of a first line do not tell whether it is the same file the next time.
            self.open = None;
            return Ok(Progress::CaughtUp);
        }
        Ok(Progress::Read)
    }

    /// Nothing more to read in this file.
    fn at_the_end(&mut self, each: &mut Each<'_>) -> io::Result<Progress> {
        let Some(open) = &self.open else { return Ok(Progress::CaughtUp) };
        let own = open.identity()?;
        let is_live = fs::metadata(&self.path).is_ok_and(|live| files::identity(&live) == own);
        if is_live {
            return Ok(Progress::CaughtUp);
        }
        let all = self.files()?;
        let listed = all.iter().find(|file| file.identity == own).map(|file| file.age);
        // Another file may have taken its place with the same content: it was packed, or copied.
        for file in all.iter().rev().filter(|file| listed.is_none_or(|own| file.age > own)) {
            if let Some(same) = at(file, &self.place)? {
                self.open = Some(same);
                return self.read(each);
            }
        }
        let age = listed.map_or_else(|| open.age(), Ok)?;
        let mut newer = all.iter().filter(|file| file.age > age);
        let Some(next) = newer.next() else { return Ok(Progress::CaughtUp) };
        let Some(open) = &mut self.open else { return Ok(Progress::CaughtUp) };
        if !open.is_still(self.still)? {
            return Ok(Progress::CaughtUp);
        }
        open.lines.is_over(each);
        if open.lines.offset() > 0 {
            self.place = open.lines.place(age.written());
        }
        self.open = Some(OpenFile::new(next)?);
        // At once: a file of which nothing was read is not known again.
        self.read(each)
    }

    /// Finds the file with the place.
    fn find(&mut self) -> io::Result<Progress> {
        let all = self.files()?;
        let mut damaged = Vec::new();
        if self.place.is_in_a_file() {
            // Of several with the same beginning, one is a copy.
            for file in all.iter().rev() {
                match OpenFile::at(file, &self.place) {
                    Ok(None) => {}
                    Ok(open) => {
                        self.open = open;
                        return Ok(Progress::Read);
                    }
                    Err(error) if is_gone(&error) => return Ok(Progress::CaughtUp),
                    Err(error) if is_refused(&error) => return Err(named(&file.path, &error)),
                    Err(error) => damaged.push((file, error)),
                }
            }
        }
        for (file, error) in damaged {
            tracing::warn!("{} cannot be read: {error}", file.path.display());
        }
        let Some(oldest) = all.iter().find(|file| file.age.written() >= self.place.written) else {
            return Ok(Progress::CaughtUp);
        };
        if self.place.is_in_a_file() {
            self.place = FilePlace::before_all(self.place.written);
            return Ok(Progress::Lost);
        }
        self.open = Some(OpenFile::new(oldest).map_err(|error| named(&oldest.path, &error))?);
        Ok(Progress::Read)
    }

    fn files(&self) -> io::Result<Vec<LogFile>> {
        files::files(&self.path)
    }

    /// Whether the file that is written to is read, and no rotated one.
    pub fn is_in_the_live_file(&self) -> bool {
        let own = self.open.as_ref().and_then(|open| open.identity().ok());
        let live = fs::metadata(&self.path).ok().map(|live| files::identity(&live));
        own.is_some() && own == live
    }

    /// Octets that were written and not read.
    pub fn behind(&self) -> io::Result<u64> {
        let Some(open) = &self.open else { return Ok(0) };
        let all = self.files()?;
        let (own, mut age) = (open.identity()?, open.age()?);
        if let Some(file) = all.iter().find(|file| file.identity == own) {
            age = file.age;
        }
        let newer = all.iter().filter(|file| file.age > age && file.identity != own);
        Ok(open.left()? + newer.map(|file| file.length).sum::<u64>())
    }
}

/// A file, open at a place; none if the place is not in it, or if it is gone again.
fn at(file: &LogFile, place: &FilePlace) -> io::Result<Option<OpenFile>> {
    if !place.is_in_a_file() {
        return Ok(None);
    }
    match OpenFile::at(file, place) {
        Err(error) if is_gone(&error) => Ok(None),
        found => found.map_err(|error| named(&file.path, &error)),
    }
}

/// Renamed or packed since the directory was read: the next look finds it.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn is_refused(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
