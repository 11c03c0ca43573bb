//! How long rows are kept, by a clock that may be wrong.

use crate::model::clock::LEAP;
use crate::model::day::{Day, day_of};
use crate::sqlite::error::StoreError;
use crate::sqlite::store::Store;
use std::ops::RangeInclusive;

/// What became of rows that are too old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pruned {
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

impl Store {
    /// Deletes rows that are older than `keep` days, if the clock can be believed. `now` is in seconds
    /// since 1970-01-01. Returns how many.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn prune(&mut self, keep: Day, now: i64) -> Result<usize, StoreError> {
        Ok(match prune(self, keep, now)? {
            Pruned::Done { rows, .. } => rows,
            Pruned::Doubted { .. } => 0,
        })
    }
}

/// Deletes rows that are older than `keep` days, if the clock can be believed. `now` is in seconds
/// since 1970-01-01.
///
/// # Errors
///
/// When the file cannot be written.
pub(crate) fn prune(store: &mut Store, keep: Day, now: i64) -> Result<Pruned, StoreError> {
    let remembered = store.clock()?;
    let mut clock = remembered;
    if !clock.is_believed(now) {
        if clock != remembered {
            store.remember(clock)?;
        }
        return Ok(Pruned::Doubted { before: clock.believed });
    }
    let today = day_of(now);
    let are_some_ahead = store.has_rows_after(today.saturating_add(LEAP))?;
    let kept = clock.kept(today, keep, are_some_ahead);
    let rows = store.keep(&kept)?;
    // Last: what failed is done again.
    store.remember(clock)?;
    Ok(Pruned::Done { rows, kept })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{TODAY, key, row};
    use crate::history::{History, Selection};
    use crate::model::day::DAY;
    use crate::model::key::Key;
    use crate::sqlite::reader::Reader;
    use config::settings::ROOM;

    #[test]
    fn a_clock_that_was_wrong_for_a_while_deletes_nothing_and_leaves_nothing_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.sqlite");
        let mut store = Store::open(&path, ROOM).unwrap();
        let days = || {
            let mut days = Vec::new();
            let reader = Reader::open(&path).unwrap();
            reader.each(&Selection::default(), |row| days.push(row.key.day)).unwrap();
            days
        };
        let record = |day| {
            Store::open(&path, ROOM)
                .unwrap()
                .write_rows([row(&Key { day, ..key("192.0.2.1") }, 1)].iter())
                .unwrap();
            days()
        };
        let mut look = |day: Day, hour: i64| {
            let pruned = prune(&mut store, 90, i64::from(day) * DAY + hour * 3600).unwrap();
            matches!(pruned, Pruned::Done { .. })
        };
        record(TODAY - 91);
        record(TODAY - 90);
        // A ledger of which nothing is known is pruned after a day.
        assert!(!look(TODAY - 1, 12) && look(TODAY, 12));
        assert_eq!(record(TODAY), [TODAY - 90, TODAY]);
        // Each day begins ten years ahead.
        let wrong = TODAY + 3650;
        for day in TODAY + 1..=TODAY + 90 {
            assert!(!look(day + 3650, 0), "{day}");
            record(wrong + 1);
            assert!(look(day, 1), "{day}");
        }
        assert_eq!(days(), [TODAY, wrong + 1]);
        // What was written at a wrong time is kept no longer than the rest.
        assert!(look(TODAY + 92, 0));
        assert_eq!(days(), [] as [Day; 0]);
    }
}
