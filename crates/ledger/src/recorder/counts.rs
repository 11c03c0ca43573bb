//! What the ledger counts of itself.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What the ledger counts of itself, for metrics and status.
#[derive(Debug, Default)]
pub struct LedgerCounts {
    /// Recipients added up.
    pub(super) added: AtomicU64,
    /// How many of those were written, or lost after all.
    pub(super) settled: AtomicU64,
    /// Recipients written.
    pub(super) written: AtomicU64,
    /// Recipients lost, because there was no room in memory.
    pub(super) lost: AtomicU64,
    /// Whether the last attempt to write failed.
    pub(super) failing: AtomicBool,
}

impl LedgerCounts {
    /// Recipients that are in the file.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Recipients that could not be recorded.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Recipients that are added up and wait to be written.
    #[must_use]
    pub fn queued(&self) -> u64 {
        let settled = self.settled.load(Ordering::Relaxed);
        self.added.load(Ordering::Relaxed).saturating_sub(settled)
    }

    /// Whether the ledger cannot be written at present.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }
}
