//! Days and moments, as the ledger counts them: in UTC.

use jiff::Timestamp;

/// A day in UTC, counted from 1970-01-01.
pub type Day = i32;

/// Seconds of a day.
pub const DAY: i64 = 24 * 60 * 60;

/// How long servers try to deliver a message before they give it back, in seconds: RFC 5321, section
/// 4.5.4.1, has four to five days, and Postfix, Sendmail and most others five.
pub const RETRY_TIME: i64 = 5 * DAY;

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

/// A moment in seconds since 1970-01-01, as `2027-01-31`, or as `2027-01-31 08:30 UTC` where it is not the
/// beginning of a day.
#[must_use]
pub fn moment_text(seconds: i64) -> String {
    if seconds.rem_euclid(DAY) == 0 {
        return date_text(seconds);
    }
    let moment = Timestamp::from_second(seconds).unwrap_or_default();
    moment.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
