//! What was imported from logs, and what is there already, so that nothing is counted twice.

use crate::model::key::SenderDomain;
use crate::model::row::{OTHERS, sender_text};
use std::collections::HashMap;

/// The part of a host's log that is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The host.
    pub host: String,
    /// The first moment, in seconds since 1970-01-01.
    pub first: i64,
    /// The last.
    pub last: i64,
    /// Recipients.
    pub count: u64,
}

/// What the ledger holds of a domain on a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// When the milter first judged mail for the domain, in seconds since 1970-01-01.
    pub(crate) judged: Option<i64>,
    /// The same by sender domain, for mail that was judged only because its sender is a partner.
    pub(crate) judged_of: HashMap<String, i64>,
    /// Whether there is something from a log.
    pub logged: bool,
}

impl Held {
    /// Whether mail from a sender that was delivered at this time is in the ledger because the
    /// milter judged it.
    #[must_use]
    pub fn was_judged(&self, sender: &SenderDomain, at: i64) -> bool {
        [self.judged.as_ref(), self.judged_of.get(sender_text(sender)), self.judged_of.get(OTHERS)]
            .into_iter()
            .flatten()
            .any(|first| at >= *first)
    }
}
