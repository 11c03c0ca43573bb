//! What was judged and is not in the ledger yet, in memory.

use super::record::{Day, Key, Record};
use super::row::Tally;
use hashbrown::{HashMap, hash_map::Entry};
use std::collections::BTreeMap;

/// Different rows that are kept in memory, most of all while the ledger cannot be written; some
/// 20 MiB.
pub(super) const MOST_ROWS: usize = 50_000;

/// Recipients by what a row counts.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub rows: HashMap<Key, Tally>,
    /// Recipients that could not be taken in, by day.
    pub lost: BTreeMap<Day, u64>,
}

impl Batch {
    /// Takes a record in. Returns whether there was room.
    pub fn add(&mut self, record: Record) -> bool {
        let Record { key, at } = record;
        let full = self.rows.len() >= MOST_ROWS;
        let day = key.day;
        match self.rows.entry(key) {
            Entry::Occupied(mut row) => row.get_mut().add(Tally::once(at)),
            Entry::Vacant(row) if !full => drop(row.insert(Tally::once(at))),
            Entry::Vacant(_) => {
                self.lose(day, 1);
                return false;
            }
        }
        true
    }

    /// Takes note of what was lost on the way here.
    pub fn lose(&mut self, day: Day, count: u64) {
        if count > 0 {
            *self.lost.entry(day).or_default() += count;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.lost.is_empty()
    }
}
