//! Whether the clock can be believed, and which days are kept by it.
//!
//! A clock that has leapt (a host that starts before it has asked for the time) must not make all
//! days too old at once. So the file remembers the day that it was last pruned by. A clock that is
//! far from it, on either side, deletes nothing until it has stayed so for a day.

use crate::model::day::{DAY, Day, day_of};
use std::ops::RangeInclusive;

/// How many days a clock may be away from when it was last believed, and count as right. Rows may be
/// deleted too early by that much, and a host that was off for longer deletes nothing for a day.
pub const LEAP: Day = 7;
/// How many seconds a clock that has leapt must run on before it is believed.
const STEADY: i64 = DAY;

/// What the ledger remembers of the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockMemory {
    /// The last day that was believed.
    pub believed: Option<Day>,
    /// The moment since which it shows another time, in seconds since 1970-01-01.
    pub doubted: Option<i64>,
    /// The day since which there are rows of days far ahead: the clock was wrong when they were
    /// written.
    pub ahead: Option<Day>,
}

impl ClockMemory {
    /// Whether the clock can be believed now; `now` is in seconds since 1970-01-01.
    pub fn is_believed(&mut self, now: i64) -> bool {
        let today = day_of(now);
        if self.believed.is_none_or(|believed| believed.abs_diff(today) > LEAP.unsigned_abs()) {
            // A clock that leaps once more has not stayed steady.
            let stayed =
                |since: &i64| (0..=i64::from(LEAP) * DAY).contains(&now.saturating_sub(*since));
            let since = self.doubted.filter(stayed).unwrap_or(now);
            if now.saturating_sub(since) < STEADY {
                self.doubted = Some(since);
                return false;
            }
        }
        (self.believed, self.doubted) = (Some(today), None);
        true
    }

    /// The days that are kept. Days far ahead go when they have been there for as long as other days
    /// are kept.
    pub fn kept(&mut self, today: Day, keep: Day, are_some_ahead: bool) -> RangeInclusive<Day> {
        let known = self.ahead.filter(|since| *since <= today);
        self.ahead = are_some_ahead.then(|| known.unwrap_or(today));
        let go = self.ahead.is_some_and(|since| today.saturating_sub(since) > keep);
        let newest = if go { today.saturating_add(LEAP) } else { Day::MAX };
        today.saturating_sub(keep)..=newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Day = 90;
    const TODAY: Day = 20_780;
    const HOUR: i64 = 60 * 60;

    fn noon(day: Day) -> i64 {
        i64::from(day) * DAY + 12 * HOUR
    }

    /// Whether the clock is believed at each of these times, one after the other.
    fn believed(clock: &mut ClockMemory, times: &[i64]) -> Vec<bool> {
        times.iter().map(|time| clock.is_believed(*time)).collect()
    }

    #[test]
    fn a_clock_that_goes_on_is_believed_also_after_a_holiday_of_a_week() {
        let mut clock = ClockMemory { believed: Some(TODAY), ..ClockMemory::default() };
        let days = [TODAY, TODAY + 1, TODAY + 8, TODAY + 7];
        assert_eq!(believed(&mut clock, &days.map(noon)), [true; 4]);
    }

    #[test]
    fn a_clock_that_has_leapt_is_believed_once_it_has_stayed_so_for_a_day() {
        for days in [4000, 9, -9, -4000] {
            let mut clock = ClockMemory { believed: Some(TODAY), ..ClockMemory::default() };
            let then = noon(TODAY + days);
            let times = [then, then + HOUR, then + 23 * HOUR, then + 24 * HOUR, then + 25 * HOUR];
            assert_eq!(believed(&mut clock, &times), [false, false, false, true, true], "{days}");
        }
    }

    #[test]
    fn a_clock_that_is_wrong_at_each_start_is_never_believed_and_the_right_one_always() {
        let mut clock = ClockMemory { believed: Some(TODAY), ..ClockMemory::default() };
        for day in TODAY..TODAY + 100 {
            let times = [noon(day + 4000), noon(day)];
            assert_eq!(believed(&mut clock, &times), [false, true], "{day}");
        }
    }

    #[test]
    fn a_clock_that_leaps_twice_has_not_stayed_as_it_was() {
        let mut clock = ClockMemory { believed: Some(TODAY), ..ClockMemory::default() };
        let times = [noon(TODAY + 100), noon(TODAY + 200), noon(TODAY + 150), noon(TODAY)];
        assert_eq!(believed(&mut clock, &times), [false, false, false, true]);
    }

    #[test]
    fn days_far_ahead_go_after_as_long_as_others_are_kept() {
        let mut clock = ClockMemory::default();
        assert_eq!(clock.kept(TODAY, KEEP, true), TODAY - KEEP..=Day::MAX);
        assert_eq!(clock.kept(TODAY + KEEP, KEEP, true), TODAY..=Day::MAX);
        let after = TODAY + KEEP + 1;
        assert_eq!(clock.kept(after, KEEP, true), TODAY + 1..=after + LEAP);
        assert_eq!(clock.kept(after, KEEP, false), TODAY + 1..=Day::MAX);
        assert_eq!(clock.ahead, None);
    }
}
