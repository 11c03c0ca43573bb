//! How long rows are kept, by a clock that may be wrong.
//!
//! A clock that has leapt (a host that starts before it has asked for the time) must not make all
//! days too old at once. So the file remembers the day that it was last pruned by. A clock that is
//! far from it, on either side, deletes nothing until it has stayed so for a day.

use crate::model::key::{DAY, Day, day_of};
use crate::sqlite::store::{Store, StoreError};
use rusqlite::{OptionalExtension, params};
use std::ops::RangeInclusive;

/// A clock that is no further than so many days from when it was last believed has not leapt. Rows
/// may go too early by that much, and a host that was off for longer deletes nothing for a day.
const LEAP: Day = 7;
/// Seconds that a clock which has leapt must go on to be believed.
const STEADY: i64 = DAY;

/// What became of rows that are too old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pruned {
    /// They were deleted.
    Done {
        /// How many.
        rows: usize,
        /// The days that are kept.
        kept: RangeInclusive<Day>,
    },
    /// Nothing was deleted: the clock has leapt.
    Doubted {
        /// The day that it showed before; none in a ledger that was never pruned.
        before: Option<Day>,
    },
}

/// What the ledger remembers of the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Clock {
    /// The last day that was believed.
    believed: Option<Day>,
    /// The moment since which it shows another time, in seconds since 1970-01-01.
    doubted: Option<i64>,
    /// The day since which there are rows of days far ahead: the clock was wrong when they were
    /// written.
    ahead: Option<Day>,
}

impl Clock {
    fn is_believed(&mut self, now: i64) -> bool {
        let today = day_of(now);
        if self.believed.is_none_or(|believed| believed.abs_diff(today) > LEAP.unsigned_abs()) {
            // One that leaps once more has not stayed as it was.
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

    /// The days that are kept. Those far ahead go when they have been there for as long as others are
    /// kept.
    fn kept(&mut self, today: Day, keep: Day, are_some_ahead: bool) -> RangeInclusive<Day> {
        let known = self.ahead.filter(|since| *since <= today);
        self.ahead = are_some_ahead.then(|| known.unwrap_or(today));
        let go = self.ahead.is_some_and(|since| today.saturating_sub(since) > keep);
        let newest = if go { today.saturating_add(LEAP) } else { Day::MAX };
        today.saturating_sub(keep)..=newest
    }
}

impl Store {
    /// Deletes rows that are older than `keep` days, if the clock can be believed.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn prune(&mut self, keep: Day, now: i64) -> Result<Pruned, StoreError> {
        let remembered = self.clock()?;
        let mut clock = remembered;
        if !clock.is_believed(now) {
            if clock != remembered {
                self.remember(clock)?;
            }
            return Ok(Pruned::Doubted { before: clock.believed });
        }
        let today = day_of(now);
        let are_some_ahead = self.has_rows_after(today.saturating_add(LEAP))?;
        let kept = clock.kept(today, keep, are_some_ahead);
        let rows = self.keep(&kept)?;
        // Last: what failed is done again.
        self.remember(clock)?;
        Ok(Pruned::Done { rows, kept })
    }

    fn clock(&self) -> Result<Clock, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT believed, doubted, ahead FROM clock")?;
        let read = statement.query_row([], |row| {
            Ok(Clock { believed: row.get(0)?, doubted: row.get(1)?, ahead: row.get(2)? })
        });
        Ok(read.optional()?.unwrap_or_default())
    }

    fn remember(&self, clock: Clock) -> Result<(), StoreError> {
        self.connection.execute(
            "INSERT OR REPLACE INTO clock VALUES (1, ?1, ?2, ?3)",
            params![clock.believed, clock.doubted, clock.ahead],
        )?;
        Ok(())
    }

    fn has_rows_after(&self, day: Day) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM mail WHERE day > ?1)
                       OR EXISTS (SELECT 1 FROM lost WHERE day > ?1)";
        Ok(self.connection.query_row(sql, [day], |row| row.get(0))?)
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

    /// What a clock that shows these times in turn comes to.
    fn believed(clock: &mut Clock, times: &[i64]) -> Vec<bool> {
        times.iter().map(|time| clock.is_believed(*time)).collect()
    }

    #[test]
    fn a_clock_that_goes_on_is_believed_also_after_a_holiday_of_a_week() {
        let mut clock = Clock { believed: Some(TODAY), ..Clock::default() };
        let days = [TODAY, TODAY + 1, TODAY + 8, TODAY + 7];
        assert_eq!(believed(&mut clock, &days.map(noon)), [true; 4]);
    }

    #[test]
    fn a_clock_that_has_leapt_is_believed_once_it_has_stayed_so_for_a_day() {
        for days in [4000, 9, -9, -4000] {
            let mut clock = Clock { believed: Some(TODAY), ..Clock::default() };
            let then = noon(TODAY + days);
            let times = [then, then + HOUR, then + 23 * HOUR, then + 24 * HOUR, then + 25 * HOUR];
            assert_eq!(believed(&mut clock, &times), [false, false, false, true, true], "{days}");
        }
    }

    #[test]
    fn a_clock_that_is_wrong_at_each_start_is_never_believed_and_the_right_one_always() {
        let mut clock = Clock { believed: Some(TODAY), ..Clock::default() };
        for day in TODAY..TODAY + 100 {
            let times = [noon(day + 4000), noon(day)];
            assert_eq!(believed(&mut clock, &times), [false, true], "{day}");
        }
    }

    #[test]
    fn a_clock_that_leaps_twice_has_not_stayed_as_it_was() {
        let mut clock = Clock { believed: Some(TODAY), ..Clock::default() };
        let times = [noon(TODAY + 100), noon(TODAY + 200), noon(TODAY + 150), noon(TODAY)];
        assert_eq!(believed(&mut clock, &times), [false, false, false, true]);
    }

    #[test]
    fn days_far_ahead_go_after_as_long_as_others_are_kept() {
        let mut clock = Clock::default();
        assert_eq!(clock.kept(TODAY, KEEP, true), TODAY - KEEP..=Day::MAX);
        assert_eq!(clock.kept(TODAY + KEEP, KEEP, true), TODAY..=Day::MAX);
        let after = TODAY + KEEP + 1;
        assert_eq!(clock.kept(after, KEEP, true), TODAY + 1..=after + LEAP);
        assert_eq!(clock.kept(after, KEEP, false), TODAY + 1..=Day::MAX);
        assert_eq!(clock.ahead, None);
    }
}
