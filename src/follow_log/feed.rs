//! The lines of a log, each to be counted once: whatever happens, and whenever the program ends.

use super::file_log::FileLog;
use super::journal::JournalLog;
use super::place::{FilePlace, JournalPlace, Place};
use super::{Each, End, Progress};
use jiff::{Timestamp, tz::TimeZone};
use ledger::postfix_log::{Clock, Form, Line};
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    fmt, io,
    path::{Path, PathBuf},
};

/// How far back a start reads again, in seconds of the log's time: for so long a session is remembered.
const WINDOW: i64 = 5 * 60 * 60;
/// How close the places lie from which that may begin: seconds of the log's time, or lines.
const APART: (i64, u64) = (60, 100_000);
/// How many of them there are at most: a clock may go back.
const MOST: usize = 1000;

/// Which log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Log {
    /// A file, with what rotation makes of it.
    File(PathBuf),
    /// The journal.
    Journal,
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Journal => f.write_str("the journal"),
        }
    }
}

/// What is to be made of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heed {
    /// It is counted.
    Count,
    /// It was counted before; it is to be known beside others.
    Know,
}

/// What came of an attempt to read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Fed {
    /// There may be more.
    More,
    /// There is no more for now.
    All,
    /// The place was gone. What comes next may be all that was logged since, or not.
    Gap,
    /// What was known of earlier lines does not hold: reading again led elsewhere.
    Anew,
}

/// Where it stands: what is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    log: Log,
    place: Place,
    /// Where a start begins to read again, and how many lines lie between.
    window: Option<(Place, u64)>,
    /// The time of the last line, in seconds since 1970-01-01.
    last: i64,
    /// Lines behind the place are left out until one is not older than this: they are counted.
    since: Option<i64>,
}

impl Standing {
    /// The time of the last line, in seconds since 1970-01-01.
    #[must_use]
    pub fn last(&self) -> i64 {
        self.last
    }
}

/// Lines of a log.
pub struct Feed {
    log: Log,
    source: Source,
    form: Form,
    clock: Clock,
    again: Option<Again>,
    /// Lines that are counted are left out until one is not older than this.
    since: Option<i64>,
    /// Where reading again may begin, the oldest first.
    marks: VecDeque<Mark>,
    lines: u64,
    last: i64,
    is_at_the_end: bool,
}

enum Source {
    File(FileLog),
    Journal(JournalLog),
}

/// Lines that are read again.
struct Again {
    until: Place,
    left: u64,
    /// Whether something else was found than was read before.
    is_astray: bool,
}

struct Mark {
    place: Place,
    /// Lines up to there.
    lines: u64,
    /// The time of the last one.
    at: i64,
}

impl Feed {
    /// Goes on where it stood; without that, with what is logged from now on. Times that do not say their
    /// zone are of `zone`.
    ///
    /// # Errors
    ///
    /// When the log cannot be looked at.
    pub fn start(
        log: Log,
        zone: TimeZone,
        standing: Option<Standing>,
        now: Timestamp,
    ) -> io::Result<Self> {
        let second = now.as_second();
        let (last, since, again) = match standing {
            Some(standing) if standing.log == log => {
                (standing.last, standing.since, Some(standing))
            }
            // It stood in another log: what is there up to that time is counted.
            Some(standing) => (standing.last, Some(standing.last), None),
            None => (second, None, None),
        };
        if let Log::File(path) = &log {
            FileLog::look(path)?;
        }
        let source = match (&log, &again) {
            (Log::File(path), Some(standing)) => standing.place.in_file(path),
            (Log::Journal, Some(standing)) => standing.place.in_journal(),
            (Log::File(path), None) => Source::File(match since {
                None => FileLog::from_now(path, second)?,
                Some(since) => FileLog::at(path, FilePlace::before_all(since)),
            }),
            (Log::Journal, None) => Source::journal(JournalPlace {
                cursor: String::new(),
                taken: u64::try_from(last).unwrap_or_default() * 1_000_000,
            }),
        };
        let mut feed = Self {
            log,
            source,
            form: Form::default(),
            clock: Clock::new(zone, now),
            again: None,
            since,
            marks: VecDeque::new(),
            lines: 0,
            last,
            is_at_the_end: false,
        };
        if let Some(Standing { place, window: Some((from, left)), .. }) = again {
            feed.source.go_to(from);
            feed.again = Some(Again { until: place, left, is_astray: false });
        }
        feed.mark();
        Ok(feed)
    }

    /// Takes a rotated file for finished at once.
    #[cfg(test)]
    pub fn hurry(&mut self) {
        if let Source::File(log) = &mut self.source {
            log.hurry();
        }
    }

    /// Where it stands, to be kept with what was counted; none while it reads again what was counted before.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        if self.again.is_some() {
            return None;
        }
        let from = self.marks.front().filter(|mark| mark.lines < self.lines);
        Some(Standing {
            log: self.log.clone(),
            place: self.source.place(),
            window: from.map(|mark| (mark.place.clone(), self.lines - mark.lines)),
            last: self.last,
            since: self.since,
        })
    }

    /// The time of the last line, in seconds since 1970-01-01.
    #[must_use]
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Whether there was no more to read when it was last read.
    #[must_use]
    pub fn is_at_the_end(&self) -> bool {
        self.is_at_the_end
    }

    /// Octets that were written and not read, where that can be told.
    #[must_use]
    pub fn behind(&self) -> Option<u64> {
        match &self.source {
            Source::File(log) => log.behind().ok(),
            Source::Journal(_) => None,
        }
    }

    /// Reads on, and hands out lines.
    ///
    /// # Errors
    ///
    /// When the log cannot be read at present.
    pub fn read(
        &mut self,
        now: Timestamp,
        each: &mut dyn FnMut(&str, &Clock, Heed),
    ) -> io::Result<Fed> {
        self.clock.written_at(now);
        let Self { source, form, clock, again, since, lines, last, .. } = self;
        let progress = source.read(&mut |raw, end| {
            *lines += 1;
            let heed = again.as_mut().map_or(Some(Heed::Count), |again| again.takes(end));
            let (Some(heed), Some(text)) = (heed, form.line(raw)) else { return };
            let at = Line::read(text, clock).ok().flatten().map(|line| line.at);
            if let Some(at) = at {
                *last = at;
            }
            if heed == Heed::Count {
                if since.is_some_and(|since| at.is_none_or(|at| at < since)) {
                    return;
                }
                *since = None;
            }
            each(text, clock, heed);
        })?;
        self.is_at_the_end = progress == Progress::CaughtUp;
        // All that there is was read, and the place is not in it: the log was cut to nothing, say.
        if let (Some(again), Progress::CaughtUp, Source::File(log)) =
            (&mut self.again, progress, &self.source)
        {
            again.is_astray |= again.left > 0 && log.is_in_the_live_file();
        }
        let is_over = self.again.as_ref().is_some_and(|again| again.left == 0 || again.is_astray);
        if let Some(again) = self.again.take_if(|_| is_over || progress == Progress::Lost)
            && (again.is_astray || again.left > 0)
        {
            self.source.go_to(again.until);
            self.marks.clear();
            self.mark();
            return Ok(Fed::Anew);
        }
        Ok(match progress {
            Progress::Read => {
                self.mark();
                Fed::More
            }
            Progress::CaughtUp => Fed::All,
            Progress::Lost => {
                self.since = Some(self.last);
                self.marks.clear();
                Fed::Gap
            }
        })
    }

    /// Remembers where it is, if that is far from the last such place, and forgets those that are too old.
    fn mark(&mut self) {
        let is_far = self.marks.back().is_none_or(|mark| {
            self.last.abs_diff(mark.at) >= APART.0.unsigned_abs()
                || self.lines - mark.lines >= APART.1
        });
        if is_far {
            let place = self.source.place();
            self.marks.push_back(Mark { place, lines: self.lines, at: self.last });
        }
        let oldest = self.last.saturating_sub(WINDOW);
        while self.marks.len() > MOST || self.marks.get(1).is_some_and(|next| next.at <= oldest) {
            self.marks.pop_front();
        }
    }
}

impl Again {
    /// What is to be made of a line that ends there.
    fn takes(&mut self, end: End<'_>) -> Option<Heed> {
        if self.is_astray {
            return None;
        }
        if self.left == 0 {
            return Some(Heed::Count);
        }
        match (end, &self.until) {
            (End::At(offset), Place::File(until)) => {
                self.left -= 1;
                self.is_astray = self.left == 0 && offset != until.offset;
            }
            (End::Entry(cursor, taken), Place::Journal(until)) => {
                if cursor == until.cursor {
                    self.left = 0;
                } else {
                    // The entry is not there any more.
                    self.is_astray = taken > until.taken;
                }
            }
            _ => self.is_astray = true,
        }
        (!self.is_astray).then_some(Heed::Know)
    }
}

impl Place {
    fn in_file(&self, path: &Path) -> Source {
        match self {
            Self::File(place) => Source::File(FileLog::at(path, place.clone())),
            Self::Journal(place) => {
                let written = i64::try_from(place.taken / 1_000_000).unwrap_or_default();
                Source::File(FileLog::at(path, FilePlace::before_all(written)))
            }
        }
    }

    fn in_journal(&self) -> Source {
        Source::journal(match self {
            Self::Journal(place) => place.clone(),
            Self::File(place) => JournalPlace {
                cursor: String::new(),
                taken: u64::try_from(place.written).unwrap_or_default() * 1_000_000,
            },
        })
    }
}

impl Source {
    fn journal(place: JournalPlace) -> Self {
        Self::Journal(JournalLog::at("journalctl", place))
    }

    fn place(&self) -> Place {
        match self {
            Self::File(log) => Place::File(log.place().clone()),
            Self::Journal(log) => Place::Journal(log.place().clone()),
        }
    }

    /// Goes to a place of the same log.
    fn go_to(&mut self, place: Place) {
        match (self, place) {
            (Self::File(log), Place::File(place)) => log.go_to(place),
            (Self::Journal(log), Place::Journal(place)) => log.go_to(place),
            // Nobody has places of two logs.
            (Self::File(_), Place::Journal(_)) | (Self::Journal(_), Place::File(_)) => {}
        }
    }

    fn read(&mut self, each: &mut Each<'_>) -> io::Result<Progress> {
        match self {
            Self::File(log) => log.read(each),
            Self::Journal(log) => log.read(each),
        }
    }
}
