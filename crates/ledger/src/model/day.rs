//! Days and moments, as the ledger counts them: in UTC.

use jiff::Timestamp;

/// A day in UTC, counted from 1970-01-01.
pub type Day = i32;

/// Seconds of a day.
pub const DAY: i64 = 24 * 60 * 60;

/// The day of a moment in seconds since 1970-01-01.
#[must_use]
pub fn day_of(seconds: i64) -> Day {
    Day::try_from(seconds.div_euclid(DAY)).unwrap_or(Day::MAX)
}

/// A day as `2027-01-31`.
#[must_use]
pub fn day_text(day: Day) -> String {
    date_text(i64::from(day) * DAY)
}

/// The day of a moment in seconds since 1970-01-01, as `2027-01-31`.
#[must_use]
pub fn date_text(seconds: i64) -> String {
    let moment = Timestamp::from_second(seconds).unwrap_or_default();
    moment.strftime("%Y-%m-%d").to_string()
}
