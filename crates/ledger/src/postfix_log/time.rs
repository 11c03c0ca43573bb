//! The times of a log: with their year and zone, or without.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};

/// What a log's lines leave out of their times.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The zone of times without one.
    offset: Offset,
    /// When the log was last written: times without a year are not after it.
    written: Timestamp,
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Clock {
    /// A clock for a log that was last written at this time.
    #[must_use]
    pub fn new(offset: Offset, written: Timestamp) -> Self {
        Self { offset, written }
    }

    /// Whether the time at the beginning of a line says its zone: `2027-01-31T23:59:59+01:00`
    /// does, `Jan 31 23:59:59` does not.
    #[must_use]
    pub fn has_zone(line: &str) -> bool {
        line.as_bytes().first().is_some_and(u8::is_ascii_digit)
    }

    /// The time at the beginning of a line, in seconds since 1970-01-01, and the rest of the line.
    #[must_use]
    pub fn read<'l>(&self, line: &'l str) -> Option<(i64, &'l str)> {
        let (first, rest) = line.split_once(' ')?;
        if Self::has_zone(line) {
            let time: Timestamp = first.parse().ok()?;
            return Some((time.as_second(), rest));
        }
        let month = MONTHS.iter().position(|month| *month == first)?;
        let (day, rest) = rest.trim_start().split_once(' ')?;
        let (time, rest) = rest.split_once(' ')?;
        let mut parts = time.split(':').map(|part| part.parse::<i8>().ok());
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        let month = i8::try_from(month + 1).ok()?;
        let at = self.with_year(month, day.parse().ok()?, (hour, minute, second))?;
        Some((at.as_second(), rest))
    }

    /// The latest such time that is not after the log was last written, give or take a day.
    fn with_year(
        &self,
        month: i8,
        day: i8,
        (hour, minute, second): (i8, i8, i8),
    ) -> Option<Timestamp> {
        let latest = self.written.checked_add(SignedDuration::from_hours(24)).ok()?;
        let year = self.offset.to_datetime(latest).year();
        // A 29th of February may be up to eight years back.
        (0..=8).find_map(|back| {
            let time = DateTime::new(year - back, month, day, hour, minute, second, 0).ok()?;
            let at = self.offset.to_timestamp(time).ok()?;
            (at <= latest).then_some(at)
        })
    }
}
