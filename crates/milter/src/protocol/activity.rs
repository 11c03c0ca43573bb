//! What the milter has done since its start, in numbers: whether the MTA asks and tells of TLS, and
//! whether the loop lives.
//!
//! The metrics count recipients as well, by labels, and only where the settings ask for them. These
//! few numbers are always there; to make them from the metrics, those would have to be kept always,
//! and all labels added up each second.

use crate::last_hour::LastHour;
use config::status::RecipientCounts;
use policy::{Case, Decision, TlsState, Verdict};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

/// Counts recipients that were judged, and the turns of the loop that judges them.
#[derive(Debug, Default)]
pub struct Activity {
    recipients: Mutex<RecipientCounts>,
    last_hour: Arc<LastHour>,
    turns: AtomicU64,
}

impl Activity {
    /// Counts a recipient.
    pub fn count(&self, case: &Case<'_>, verdict: &Verdict<'_>) {
        self.last_hour.count(case, verdict);
        let mut counts = self.lock();
        counts.judged += 1;
        counts.last = Some(case.now);
        if verdict.decision() == Decision::Refuse {
            counts.refused += 1;
        }
        match case.tls {
            TlsState::Unknown => {
                counts.unknown_tls += 1;
                counts.last_unknown_tls = counts.last;
            }
            TlsState::Plaintext => {}
            _ => counts.encrypted += 1,
        }
    }

    /// The loop takes a turn: it lives.
    pub(super) fn turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// How many turns the loop has taken; at least one every few seconds.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// The recipients so far.
    #[must_use]
    pub fn recipients(&self) -> RecipientCounts {
        *self.lock()
    }

    /// What came in the last hour.
    #[must_use]
    pub fn last_hour(&self) -> Arc<LastHour> {
        Arc::clone(&self.last_hour)
    }

    /// Held for a few additions. Whoever panicked in between has counted what it could.
    fn lock(&self) -> std::sync::MutexGuard<'_, RecipientCounts> {
        self.recipients.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
