//! The times of a log: with their year and zone, or without, in the forms that daemons, syslogs and
//! journalctl write.

mod months;
mod zones;

pub use zones::offset;

use super::unread::Unread;
use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};
use std::cell::Cell;
use zones::Zone;

/// What a log's lines leave out of their times.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The zone of times without one.
    zone: TimeZone,
    /// When the log was last written: times without a year are not after it.
    written: Timestamp,
    /// The last time that was read.
    last: Cell<i64>,
    /// The hour of that, since most lines are of the same one.
    hour: Cell<Option<(Hour, i64)>>,
}

/// A time that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// In seconds since 1970-01-01.
    pub at: i64,
    /// Whether its zone was said.
    pub zoned: bool,
}

/// An hour as it was written: the year, if it was there; month, day, hour; distance from UTC, if it was
/// there.
type Hour = (Option<i16>, i8, i8, i8, Option<Offset>);

/// A time of day: hour, minute, second.
type Clockface = (i8, i8, i8);

impl Clock {
    /// A clock for a log that was last written at this time. `zone` is that of times without one.
    #[must_use]
    pub fn new(zone: TimeZone, written: Timestamp) -> Self {
        Self { zone, written, last: Cell::new(i64::MIN), hour: Cell::new(None) }
    }

    /// Goes on with a log that was written to until this time.
    pub fn written_at(&mut self, written: Timestamp) {
        self.written = written;
    }

    /// The time at the beginning of a line, and the rest of the line.
    pub(super) fn read<'l>(&self, line: &'l str) -> Result<(Moment, &'l str), Unread> {
        let read = match line.as_bytes().first() {
            Some(digit) if digit.is_ascii_digit() => self.iso(line).or_else(|| epoch(line)),
            Some(b'[') => return Err(monotonic(line)),
            _ => self.syslog(line),
        };
        let (moment, rest) = match read {
            Some(read) => read,
            None => self.words(line)?,
        };
        self.last.set(moment.at);
        Ok((moment, rest.strip_prefix(' ').unwrap_or(rest)))
    }

    /// `2027-01-31T23:59:59.123456+01:00`, `2027-01-31 23:59:59 CET`, `2027-01-31T23:59:59`. One that
    /// several zones share is left to [`Clock::words`].
    fn iso<'l>(&self, line: &'l str) -> Option<(Moment, &'l str)> {
        let (date, rest) = date(line)?;
        let spaced = rest.starts_with(' ');
        let (time, rest) = clockface(rest.strip_prefix(['T', ' '])?)?;
        let end = rest.find(' ').unwrap_or(rest.len());
        let (said, after) = rest.split_at_checked(end)?;
        if !said.is_empty() {
            let Zone::Offset(offset) = zones::zone(said)? else { return None };
            return Some((self.moment(Some(date.0), date.1, date.2, time, Some(offset))?, after));
        }
        if spaced && let Some((word, after)) = zone_word(rest) {
            let Zone::Offset(offset) = word else { return None };
            return Some((self.moment(Some(date.0), date.1, date.2, time, Some(offset))?, after));
        }
        Some((self.moment(Some(date.0), date.1, date.2, time, None)?, rest))
    }

    /// `Jan 31 23:59:59`, `Jan  1 23:59:59.123456`.
    fn syslog<'l>(&self, line: &'l str) -> Option<(Moment, &'l str)> {
        let (month, rest) = line.split_at_checked(3)?;
        let month = months::english(month)?;
        let (day, rest) = rest.strip_prefix(' ')?.split_at_checked(2)?;
        let (time, rest) = clockface(rest.strip_prefix(' ')?)?;
        let day = day.strip_prefix(' ').unwrap_or(day).parse().ok()?;
        let moment = self.moment(None, month, day, time, None)?;
        rest.starts_with(' ').then_some((moment, rest))
    }

    /// Dates in words, in whatever order: `Fri 2027-01-31 23:59:59 CET`, `2027 Jan 31 23:59:59`,
    /// `Jan 31 2027 23:59:59`, `31 janv. 23:59:59`, `Sun, 31 Jan 2027 23:59:59 +0100`.
    fn words<'l>(&self, line: &'l str) -> Result<(Moment, &'l str), Unread> {
        // Only what stands before the first time of day is looked at.
        let colon = line.find(':').filter(|colon| *colon < 60).ok_or(Unread::NoTime)?;
        let start =
            line.get(..colon).and_then(|before| before.rfind(' ')).map_or(0, |space| space + 1);
        let (before, from) = line.split_at_checked(start).ok_or(Unread::NoTime)?;
        let (time, mut rest) = clockface(from).ok_or(Unread::NoTime)?;
        let mut written = Written::default();
        written.read(before);
        // The zone behind the time, and a year where there was none.
        let mut offset = None;
        let end = rest.find(' ').unwrap_or(rest.len());
        if let Some((said, after)) = rest.split_at_checked(end)
            && let Some(distance) = zones::distance(said)
        {
            (offset, rest) = (Some(distance), after);
        }
        if written.year.is_none()
            && let Some((year, after)) = rest.split_at_checked(5)
            && let Some(year) = year.strip_prefix(' ').and_then(year_of)
        {
            (written.year, rest) = (Some(year), after);
        }
        let months = written.months();
        let day = written.day.ok_or(Unread::NoTime)?;
        if months.is_empty() {
            return Err(Unread::Month);
        }
        if written.year.is_some()
            && offset.is_none()
            && let Some((zone, after)) = zone_word(rest)
        {
            rest = after;
            offset = match zone {
                Zone::Offset(offset) => Some(offset),
                // The zone that was given is a better guess than any.
                Zone::Ambiguous if self.zone != TimeZone::UTC => {
                    let at = self.moment(written.year, first(months), day, time, None);
                    return Ok((Moment { at: at.ok_or(Unread::NoTime)?.at, zoned: true }, rest));
                }
                Zone::Ambiguous => return Err(Unread::Zone),
            };
        }
        // Of a name of several months, the one next to what was read before.
        let near =
            if self.last.get() == i64::MIN { self.written.as_second() } else { self.last.get() };
        let moments =
            months.iter().filter_map(|month| self.moment(written.year, *month, day, time, offset));
        let moment = moments.min_by_key(|moment| moment.at.abs_diff(near));
        Ok((moment.ok_or(Unread::NoTime)?, rest))
    }

    fn moment(
        &self,
        year: Option<i16>,
        month: i8,
        day: i8,
        (hour, minute, second): Clockface,
        offset: Option<Offset>,
    ) -> Option<Moment> {
        let key = (year, month, day, hour, offset);
        let within = i64::from(minute) * 60 + i64::from(second);
        let zoned = offset.is_some();
        if let Some((known, begins)) = self.hour.get()
            && known == key
        {
            return Some(Moment { at: begins + within, zoned });
        }
        let (begins, is_certain) = match (year, offset) {
            (Some(year), offset) => self.hour_of((year, month, day, hour), offset)?,
            (None, _) => self.with_year(month, day, hour)?,
        };
        if is_certain {
            self.hour.set(Some((key, begins)));
        }
        Some(Moment { at: begins + within, zoned })
    }

    /// When an hour begins, and whether there is one such hour alone.
    fn hour_of(
        &self,
        (year, month, day, hour): (i16, i8, i8, i8),
        offset: Option<Offset>,
    ) -> Option<(i64, bool)> {
        let time = DateTime::new(year, month, day, hour, 0, 0, 0).ok()?;
        if let Some(offset) = offset {
            return Some((offset.to_timestamp(time).ok()?.as_second(), true));
        }
        let ambiguous = self.zone.to_ambiguous_timestamp(time);
        if let AmbiguousOffset::Fold { before, after } = ambiguous.offset() {
            // The hour that comes twice in autumn: the second time, if the first one has passed.
            let first = before.to_timestamp(time).ok()?.as_second();
            let second = after.to_timestamp(time).ok()?.as_second();
            let has_passed = self.last.get() >= second - BACKWARDS;
            return Some((if has_passed { second } else { first }, false));
        }
        Some((ambiguous.compatible().ok()?.as_second(), true))
    }

    /// The latest such hour that is not after the log was last written, give or take a day.
    fn with_year(&self, month: i8, day: i8, hour: i8) -> Option<(i64, bool)> {
        let latest = self.written.checked_add(SignedDuration::from_hours(24)).ok()?;
        let year = self.zone.to_datetime(latest).year();
        // A 29th of February may be up to eight years back.
        (0..=8).find_map(|back| {
            let found = self.hour_of((year - back, month, day, hour), None)?;
            (found.0 <= latest.as_second()).then_some(found)
        })
    }
}

/// How far lines of a log may go back in time, in seconds, without that an hour begins anew.
const BACKWARDS: i64 = 600;

/// The parts of a date in words.
#[derive(Default)]
struct Written<'l> {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    name: Vec<&'l str>,
}

impl<'l> Written<'l> {
    fn read(&mut self, text: &'l str) {
        for word in text.split([' ', ',', '/']).filter(|word| !word.is_empty()) {
            if let Some((date, "")) = date(word) {
                (self.year, self.month, self.day) = (Some(date.0), Some(date.1), Some(date.2));
            } else if let Some(year) = year_of(word) {
                self.year = Some(year);
            } else if let Some(day) = word.parse().ok().filter(|day| (1..=31).contains(day)) {
                self.day = Some(day);
            } else {
                self.name.push(word);
            }
        }
    }

    /// What months it may be: a name of one or two words, behind the day of the week or alone.
    fn months(&self) -> &'l [i8] {
        const ALL: [i8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        if let Some(month) = self.month {
            let index = usize::try_from(month - 1).unwrap_or_default();
            return ALL.get(index..=index).unwrap_or_default();
        }
        let whole = months::months(&self.name.join(" "));
        match self.name.last() {
            Some(last) if whole.is_empty() => months::months(last),
            _ => whole,
        }
    }
}

fn first(months: &[i8]) -> i8 {
    months.first().copied().unwrap_or(1)
}

/// `2027-01-31` or `2027/01/31` at the beginning, and the rest.
fn date(text: &str) -> Option<((i16, i8, i8), &str)> {
    let (date, rest) = text.split_at_checked(10)?;
    let &[a, b, c, d, b'-' | b'/', e, f, b'-' | b'/', g, h] = date.as_bytes() else { return None };
    let year = i16::from(two(a, b)?) * 100 + i16::from(two(c, d)?);
    Some(((year, two(e, f)?, two(g, h)?), rest))
}

/// The number of two digits.
fn two(tens: u8, ones: u8) -> Option<i8> {
    let is_number = tens.is_ascii_digit() && ones.is_ascii_digit();
    is_number.then(|| i8::try_from((tens - b'0') * 10 + (ones - b'0')).ok()).flatten()
}

/// `23:59:59` at the beginning, without its fraction, and the rest.
fn clockface(text: &str) -> Option<(Clockface, &str)> {
    let (time, rest) = text.split_at_checked(8)?;
    let &[a, b, b':', c, d, b':', e, f] = time.as_bytes() else { return None };
    let rest = match rest.strip_prefix(['.', ',']) {
        Some(fraction) => fraction.trim_start_matches(|digit: char| digit.is_ascii_digit()),
        None => rest,
    };
    let time = (two(a, b)?, two(c, d)?, two(e, f)?);
    (time.0 < 24 && time.1 < 60 && time.2 < 61).then_some((time, rest))
}

/// Seconds since 1970-01-01: `1795205890.123456`.
fn epoch(line: &str) -> Option<(Moment, &str)> {
    let (number, rest) = line.split_once(' ')?;
    let seconds = number.split('.').next()?;
    if !(9..=11).contains(&seconds.len()) {
        return None;
    }
    Some((Moment { at: seconds.parse().ok()?, zoned: true }, rest))
}

/// The time since the start of the system, in `[ 1234.123456] mx`, which no day can be told from.
fn monotonic(line: &str) -> Unread {
    let inside = line.trim_start_matches('[').split(']').next().unwrap_or_default();
    let number = inside.trim_start().split([' ', '.']).next().unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit());
    if is_number { Unread::Monotonic } else { Unread::NoTime }
}

fn year_of(word: &str) -> Option<i16> {
    let year = word.parse().ok().filter(|_| word.len() == 4);
    year.filter(|year| (1980..2200).contains(year))
}

/// The zone at the beginning of ` CET mx ..`, where a host follows it.
fn zone_word(rest: &str) -> Option<(Zone, &str)> {
    let word = rest.strip_prefix(' ')?;
    let (word, _) = word.split_once(' ')?;
    let zone = zones::zone(word)?;
    Some((zone, rest.get(word.len() + 1..)?))
}

#[cfg(test)]
mod tests;
