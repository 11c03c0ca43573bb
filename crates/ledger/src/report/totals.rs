//! Recipients by what became of them.

use crate::model::row::Row;
use policy::Decision;
use serde::Serialize;

/// Recipients by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// All that were judged.
    pub judged: u64,
    /// Of those, the ones over sessions that count as encrypted.
    pub encrypted: u64,
    /// Let through.
    pub accepted: u64,
    /// Let through that would be refused in mode enforce.
    pub would_refuse: u64,
    /// Refused.
    pub refused: u64,
}

impl Totals {
    pub(super) fn add(&mut self, row: &Row, encrypted: bool) {
        let count = row.tally.count;
        self.judged += count;
        if encrypted {
            self.encrypted += count;
        }
        match row.key.verdict {
            Decision::Accept => self.accepted += count,
            Decision::WouldRefuse => self.would_refuse += count,
            Decision::Refuse => self.refused += count,
        }
    }

    /// The share that came encrypted, in per cent; none where nothing came.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        share(self.encrypted, self.judged)
    }

    /// Recipients that were refused or would be.
    #[must_use]
    pub fn at_fault(&self) -> u64 {
        self.refused + self.would_refuse
    }

    /// Recipients for which this was decided.
    pub(super) fn of(&self, verdict: Decision) -> u64 {
        match verdict {
            Decision::Accept => self.accepted,
            Decision::WouldRefuse => self.would_refuse,
            Decision::Refuse => self.refused,
        }
    }
}

/// A part of a whole in per cent.
#[expect(clippy::cast_precision_loss, reason = "counts of mail are far below 2^52")]
#[must_use]
pub fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 * 100.0 / whole as f64)
}
