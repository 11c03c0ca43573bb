//! The day to propose for the beginning.

use crate::model::day::{DAY, Day};
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

/// The least notice, in days: time to be told, and to do something.
const LEAST: u64 = 14;
/// The most: somebody who writes once a quarter is not waited for twice.
const MOST: u64 = 60;
/// About how often somebody is taken to write who was seen on one day only, in days.
const UNKNOWN: u64 = 30;

/// The first day, not before so many days, on which a change is best made: Tuesday to Thursday, when those who
/// can mend something are at work on the next day, too, and not about the turn of the year.
fn suitable(day: Day) -> Day {
    (day..day.saturating_add(40)).find(|day| is_suitable(*day)).unwrap_or(day)
}

fn is_suitable(day: Day) -> bool {
    let moment = Timestamp::from_second(i64::from(day) * DAY).unwrap_or_default();
    let date = TimeZone::UTC.to_datetime(moment).date();
    let is_holiday = matches!((date.month(), date.day()), (12, 20..) | (1, ..=6));
    let is_midweek =
        matches!(date.weekday(), Weekday::Tuesday | Weekday::Wednesday | Weekday::Thursday);
    is_midweek && !is_holiday
}

/// The day to propose, where these stand in the way, each with about every how many days it writes, as far as
/// that is known: long enough that each of them writes twice before.
pub(super) fn start(today: Day, every: impl Iterator<Item = Option<u64>>) -> Day {
    let slowest = every.map(|days| days.unwrap_or(UNKNOWN)).max().unwrap_or(UNKNOWN);
    let notice = (2 * slowest).clamp(LEAST, MOST);
    suitable(today.saturating_add(Day::try_from(notice).unwrap_or(Day::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::day::day_text;

    #[test]
    fn the_day_follows_from_the_slowest_and_is_no_weekend_and_no_holiday() {
        // 2026-11-23, a Monday.
        let today = 20_780;
        for (every, day) in [
            // Two weeks at least, from Monday to Tuesday.
            (&[Some(1)][..], "2026-12-08"),
            (&[Some(1), Some(10)], "2026-12-15"),
            (&[Some(8)], "2026-12-09"),
            (&[Some(9)], "2026-12-15"),
            (&[None], "2027-01-26"),
            (&[Some(90)], "2027-01-26"),
            (&[Some(14)], "2027-01-07"),
        ] {
            assert_eq!(day_text(start(today, every.iter().copied())), day, "{every:?}");
        }
    }
}
