//! What was counted already: in these lines, or by the ledger before.

use super::DAYS;
use crate::model::day::{DAY, Day, day_of};
use crate::model::imports::Print;
use crate::sqlite::error::StoreError;
use crate::sqlite::store::Store;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Prints, found by their own hash.
type Prints = HashSet<Print, BuildHasherDefault<OfPrint>>;

/// The hash of a print: it holds one, of which nobody outside chooses more than the line that it is of.
#[derive(Debug, Default)]
pub(super) struct OfPrint(u64);

impl Hasher for OfPrint {
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = self.0.rotate_left(8) ^ u64::from(*octet);
        }
    }

    fn write_i64(&mut self, at: i64) {
        // So that the same at another time lies elsewhere, in all bits.
        self.0 ^= at.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 ^= hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What was counted already.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What the ledger had of the days that were asked for.
    imported: Prints,
    days: HashSet<Day>,
    /// What these lines told.
    seen: Prints,
    newest: i64,
}

/// How much is always remembered.
const MANY: usize = 500_000;

impl Known {
    /// Whether these lines told of it before.
    pub fn is_seen(&self, print: Print) -> bool {
        !self.seen.is_empty() && print.near().any(|print| self.seen.contains(&print))
    }

    /// These lines tell of it.
    pub fn see(&mut self, print: Print) {
        self.newest = self.newest.max(print.at);
        self.seen.insert(print);
    }

    /// Whether the ledger had it before.
    pub fn is_imported(&mut self, print: Print, store: &Store) -> Result<bool, StoreError> {
        for at in [print.at - Print::NEAR, print.at + Print::NEAR] {
            let day = day_of(at);
            if self.days.insert(day) {
                self.imported.extend(store.prints(day)?);
            }
        }
        Ok(!self.imported.is_empty() && print.near().any(|print| self.imported.contains(&print)))
    }

    /// Forgets days that are over, if there is much. What was told of them lies in the ledger, and is read
    /// again if need be.
    pub fn forget_old(&mut self) {
        if self.imported.len() + self.seen.len() < MANY {
            return;
        }
        let first = day_of(self.newest - DAYS);
        let is_kept = |print: &Print| print.at >= i64::from(first) * DAY;
        self.imported.retain(is_kept);
        self.seen.retain(is_kept);
        self.days.retain(|day| *day >= first);
    }
}
