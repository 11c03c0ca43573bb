//! How mail for a domain came.

use super::exception::What;
use crate::model::reason::RecordedReason;
use crate::model::row::Row;
use policy::{Decision, ReasonKind};
use serde::Serialize;

/// How mail for a domain came: recipients, each one of a message once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Came {
    /// Let in, and encrypted.
    pub encrypted: u64,
    /// Let in unencrypted, because the domain was not in mode enforce then, or nobody judged.
    pub not_enforced: u64,
    /// Let in unencrypted by an exception.
    pub excepted: u64,
    /// Let in unencrypted from a trusted client.
    pub trusted: u64,
    /// Let in unencrypted for another reason, such as a requirement that takes it.
    pub let_through: u64,
    /// Let in; whether it was encrypted is not known.
    pub unknown: u64,
    /// Refused: it did not come.
    pub refused: u64,
}

impl Came {
    /// Adds a row, and says in which way it is an exception.
    pub(super) fn add(&mut self, row: &Row, encrypted: bool) -> Option<What> {
        let (sum, what) = if row.key.verdict == Decision::Refuse {
            (&mut self.refused, None)
        } else if row.key.is_unknown() {
            (&mut self.unknown, Some(What::CameUnknown))
        } else if encrypted {
            (&mut self.encrypted, None)
        } else if row.key.is_trusted() {
            (&mut self.trusted, Some(What::CameTrusted))
        } else if row.key.verdict == Decision::WouldRefuse {
            (&mut self.not_enforced, Some(What::CameNotEnforced))
        } else if row.key.reason == RecordedReason::Known(ReasonKind::Exception) {
            (&mut self.excepted, Some(What::CameExcepted))
        } else {
            (&mut self.let_through, Some(What::CameLetThrough))
        };
        *sum += row.tally.recipients();
        what
    }

    /// Let in, and known not to be encrypted.
    #[must_use]
    pub fn unencrypted(&self) -> u64 {
        self.not_enforced + self.excepted + self.trusted + self.let_through
    }

    /// All that was let in.
    #[must_use]
    pub fn let_in(&self) -> u64 {
        self.encrypted + self.unencrypted() + self.unknown
    }

    /// All.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.let_in() + self.refused
    }
}
