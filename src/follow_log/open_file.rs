//! One file of a log, open, packed or not.

use super::files::{self, Age, LogFile};
use super::lines::Lines;
use super::place::{FilePlace, SEEN, Seen};
use crate::unpack::{Packing, unpacked};
use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

/// A file that is read.
pub(super) struct OpenFile {
    pub path: PathBuf,
    pub lines: Lines,
    octets: Octets,
    /// The file itself.
    file: File,
    /// Since when nothing came.
    still: Option<Instant>,
}

enum Octets {
    /// Of the file as it is.
    Plain,
    /// What was packed into it.
    Unpacked(Box<dyn Read>),
    /// Nothing more, since the rest is damaged.
    Damaged,
}

impl OpenFile {
    /// A file from its beginning.
    pub fn new(of: &LogFile) -> io::Result<Self> {
        let file = files::open(&of.path)?;
        let mut first = [0; 8];
        let count = read_at_most(&file, &mut first, 0)?;
        let octets = match Packing::of(first.get(..count).unwrap_or_default()) {
            None => Octets::Plain,
            Some(_) => match unpacked(BufReader::new(file.try_clone()?)) {
                Ok(octets) => Octets::Unpacked(octets),
                Err(error) => damaged(&of.path, &error),
            },
        };
        let path = of.path.clone();
        Ok(Self { path, lines: Lines::default(), octets, file, still: None })
    }

    /// The same at a place; none if the place is not in it.
    pub fn at(of: &LogFile, place: &FilePlace) -> io::Result<Option<Self>> {
        let mut open = Self::new(of)?;
        let found = match &mut open.octets {
            Octets::Plain => surroundings(&open.file, place),
            Octets::Unpacked(octets) => passed(octets, place),
            Octets::Damaged => Ok(None),
        };
        let Some((head, tail)) = (match found {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => None,
            found => found?,
        }) else {
            return Ok(None);
        };
        if Seen::of(head.get(..place.head.length).unwrap_or_default()) != place.head
            || Seen::of(&tail) != place.tail
        {
            return Ok(None);
        }
        open.lines = Lines::at(place.offset, head, tail);
        Ok(Some(open))
    }

    /// The same at the end of its last line.
    pub fn at_its_end(of: &LogFile) -> io::Result<Self> {
        let mut open = Self::new(of)?;
        let length = open.file.metadata()?.len();
        let from = length.saturating_sub(64 * 1024);
        let last = read_between(&open.file, from, length)?;
        let end = memchr::memrchr(b'\n', &last).map_or(length, |end| from + end as u64 + 1);
        let head = read_between(&open.file, 0, end.min(SEEN as u64))?;
        let tail = read_between(&open.file, end.saturating_sub(SEEN as u64), end)?;
        open.lines = Lines::at(end, head, tail);
        Ok(open)
    }

    /// Reads on. Nothing: there is no more for now.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.octets {
            Octets::Plain => read_at_most(&self.file, buffer, self.lines.end())?,
            Octets::Damaged => 0,
            Octets::Unpacked(octets) => match octets.read(buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                Err(error) => {
                    self.octets = damaged(&self.path, &error);
                    0
                }
            },
        };
        if count > 0 {
            self.still = None;
        }
        Ok(count)
    }

    /// Whether what was read of it still stands there: not where it was cut to nothing, and written anew.
    pub fn is_as_it_was(&self) -> io::Result<bool> {
        if !matches!(self.octets, Octets::Plain) {
            return Ok(true);
        }
        let (head, tail) = self.lines.surroundings();
        let offset = self.lines.offset();
        let same = |expected: &[u8], from: u64| {
            let mut found = vec![0; expected.len()];
            let count = read_at_most(&self.file, &mut found, from)?;
            Ok::<_, io::Error>(count == expected.len() && found == expected)
        };
        Ok(same(head, 0)?
            && same(tail, offset - tail.len() as u64)?
            && self.file.metadata()?.len() >= self.lines.end())
    }

    /// Whether nothing was written to it for so long, as far as can be seen.
    pub fn is_still(&mut self, so_long: Duration) -> io::Result<bool> {
        if !matches!(self.octets, Octets::Plain) {
            return Ok(true);
        }
        let since = *self.still.get_or_insert_with(Instant::now);
        let written = self.file.metadata()?.modified()?;
        let age = SystemTime::now().duration_since(written).unwrap_or_default();
        Ok(since.elapsed() >= so_long || age >= so_long.max(Duration::from_secs(60)))
    }

    /// Device and inode.
    pub fn identity(&self) -> io::Result<(u64, u64)> {
        Ok(files::identity(&self.file.metadata()?))
    }

    /// How old it is if it has no name any more.
    pub fn age(&self) -> io::Result<Age> {
        Ok(Age::of_nameless(&self.file.metadata()?))
    }

    /// Octets of it that were not read; of a packed one, as they are packed.
    pub fn left(&self) -> io::Result<u64> {
        let length = self.file.metadata()?.len();
        Ok(match self.octets {
            Octets::Plain => length.saturating_sub(self.lines.offset()),
            Octets::Unpacked(_) | Octets::Damaged => 0,
        })
    }
}

/// A packed file that cannot be read on.
fn damaged(path: &Path, error: &io::Error) -> Octets {
    let path = path.display();
    tracing::warn!("{path} is damaged, and what it has further on is not counted: {error}");
    Octets::Damaged
}

/// Head and tail of a place in a plain file.
fn surroundings(file: &File, place: &FilePlace) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let head = read_between(file, 0, place.offset.min(SEEN as u64))?;
    let Some(from) = place.offset.checked_sub(place.tail.length as u64) else { return Ok(None) };
    Ok(Some((head, read_between(file, from, place.offset)?)))
}

/// The same of what is unpacked, which is read up to the place.
fn passed(octets: &mut dyn Read, place: &FilePlace) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut lines = Lines::default();
    let mut buffer = vec![0; 64 * 1024];
    while lines.end() < place.offset {
        let left = usize::try_from(place.offset - lines.end()).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        let count = octets.read(buffer.get_mut(..room).unwrap_or_default())?;
        if count == 0 {
            return Ok(None);
        }
        let is_first = lines.end() == 0;
        lines.take(buffer.get(..count).unwrap_or_default(), &mut |_, _| {});
        let head = lines.surroundings().0;
        let is_other = || Seen::of(head.get(..place.head.length).unwrap_or_default()) != place.head;
        // Another log need not be read to its end.
        if is_first && head.len() >= place.head.length && is_other() {
            return Ok(None);
        }
    }
    // The last line may lack its end.
    lines.is_over(&mut |_, _| {});
    let (head, tail) = lines.surroundings();
    let from = tail.len().saturating_sub(place.tail.length);
    Ok(Some((head.to_vec(), tail.get(from..).unwrap_or_default().to_vec())))
}

/// Reads from a place in a file, without regard to where others read.
fn read_at_most(file: &File, buffer: &mut [u8], from: u64) -> io::Result<usize> {
    let mut count = 0;
    while let Some(room) = buffer.get_mut(count..).filter(|room| !room.is_empty()) {
        match file.read_at(room, from + count as u64) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

fn read_between(file: &File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut octets = vec![0; usize::try_from(to.saturating_sub(from)).unwrap_or_default()];
    file.read_exact_at(&mut octets, from)?;
    Ok(octets)
}
