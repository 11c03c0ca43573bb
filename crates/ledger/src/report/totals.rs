//! Recipients by what became of them.

use crate::model::row::Row;
use policy::Decision;
use serde::Serialize;

/// Recipients by what became of them: a message to three counts three times, however often it was
/// tried. See [`Tally`](crate::Tally) for attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// All, but those in mail of trusted clients.
    pub judged: u64,
    /// Of those, the ones over sessions that count as encrypted, as far as is known.
    pub encrypted: u64,
    /// Of the encrypted, those of which a log tells neither version nor cipher.
    pub version_unknown: u64,
    /// In plaintext, after the client had tried TLS.
    pub tls_failed: u64,
    /// Over sessions of which it is not known whether they were encrypted.
    pub tls_unknown: u64,
    /// Let through without a verdict, which hangs on what the log does not tell.
    pub not_judged: u64,
    /// Let through.
    pub accepted: u64,
    /// Let through that would be refused in mode enforce.
    pub would_refuse: u64,
    /// Refused.
    pub refused: u64,
    /// All attempts: each RCPT that was judged, also for a message that was refused before.
    pub attempts: u64,
    /// Those of the refused.
    pub refused_attempts: u64,
    /// Refused attempts of which an earlier release did not record whether they repeat others. Each is
    /// counted as a recipient.
    pub untold_attempts: u64,
}

impl Totals {
    pub(super) fn add(&mut self, row: &Row, encrypted: bool) {
        let count = row.tally.recipients();
        self.judged += count;
        self.attempts += row.tally.count;
        if row.tally.repeats.is_none() {
            self.untold_attempts += row.tally.count;
        }
        if encrypted {
            self.encrypted += count;
        }
        for (is, sum) in [
            (row.key.is_version_unknown(), &mut self.version_unknown),
            (row.key.is_tls_failed(), &mut self.tls_failed),
            (row.key.is_unknown(), &mut self.tls_unknown),
        ] {
            *sum += if is { count } else { 0 };
        }
        match row.key.verdict {
            _ if !row.key.is_judged() => self.not_judged += count,
            Decision::Accept => self.accepted += count,
            Decision::WouldRefuse => self.would_refuse += count,
            Decision::Refuse => {
                self.refused += count;
                self.refused_attempts += row.tally.count;
            }
        }
    }

    /// The share that came encrypted, in per cent, of those whose session is known; none where
    /// nothing came of which that is known.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        share(self.encrypted, self.known())
    }

    /// Recipients of whose sessions it is known whether they were encrypted.
    #[must_use]
    pub fn known(&self) -> u64 {
        self.judged - self.tls_unknown
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
