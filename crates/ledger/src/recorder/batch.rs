//! What was judged and is not in the ledger yet, in memory.

use crate::model::key::{Day, Key, Seen};
use crate::model::row::Tally;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// Different rows that are kept in memory, most of all while the ledger cannot be written; some
/// 20 MiB.
pub(crate) const MOST_ROWS: usize = 50_000;

/// Recipients by what a row counts.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub rows: HashMap<Key, Tally>,
    /// Recipients that could not be taken in, by day.
    pub lost: BTreeMap<Day, u64>,
}

impl Batch {
    /// An empty one with room for so many rows: to grow takes time.
    pub fn with_room(rows: usize) -> Self {
        Self { rows: HashMap::with_capacity(rows), lost: BTreeMap::new() }
    }

    /// Counts a recipient. Returns whether there was room.
    pub fn add(&mut self, seen: &Seen<'_>, at: i64) -> bool {
        if let Some(row) = self.rows.get_mut(seen) {
            row.add(Tally::once(at));
        } else if self.rows.len() < MOST_ROWS {
            self.rows.insert(seen.to_key(), Tally::once(at));
        } else {
            *self.lost.entry(seen.day).or_default() += 1;
            return false;
        }
        true
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.lost.is_empty()
    }
}
