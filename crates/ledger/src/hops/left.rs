//! How mail for a domain left.

use super::exception::What;
use crate::model::delivery::{Delivery, DeliveryKey, DeliveryStatus, HopKind, Trust};
use policy::{Requirement, TlsState};
use serde::Serialize;

/// How mail for a domain left: recipients, each one of a message once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Encrypted, to a server whose certificate is the one that was demanded.
    pub verified: u64,
    /// Encrypted, to whichever server.
    pub encrypted: u64,
    /// Unencrypted.
    pub unencrypted: u64,
    /// It stayed on this host: there was nothing to encrypt.
    pub local: u64,
    /// It left; whether it was encrypted is not known.
    pub unknown: u64,
    /// It waits.
    pub waits: u64,
    /// It went back to its senders.
    pub went_back: u64,
}

impl Left {
    /// Adds a row, but for those that wait, and says in which way it is an exception. `encrypted`: whether its
    /// session counts as such.
    pub(super) fn add(&mut self, delivery: &Delivery, encrypted: bool) -> Option<What> {
        let key = &delivery.key;
        let (sum, what) = match key.status {
            DeliveryStatus::Deferred => return Some(What::Waits),
            DeliveryStatus::Settled | DeliveryStatus::Resumed => return None,
            DeliveryStatus::Bounced if key.reason.is_of_tls() => {
                (&mut self.went_back, Some(What::WentBack))
            }
            DeliveryStatus::Bounced => (&mut self.went_back, None),
            DeliveryStatus::Sent => match key.kind() {
                HopKind::Local => (&mut self.local, None),
                HopKind::Unknown => (&mut self.unknown, Some(What::LeftUnknown)),
                HopKind::Encrypted if !encrypted => (&mut self.unencrypted, Some(What::LeftWeak)),
                HopKind::Encrypted if key.trust == Trust::Verified => (&mut self.verified, None),
                HopKind::Encrypted => (&mut self.encrypted, None),
                HopKind::Plaintext | HopKind::Failed => {
                    (&mut self.unencrypted, Some(What::LeftUnencrypted))
                }
            },
        };
        *sum += delivery.tally.recipients();
        what
    }

    /// All that left, or stayed here.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.verified + self.encrypted + self.unencrypted + self.local + self.unknown
    }
}

/// Whether a TLS session counts as encrypted: by the same measure as on the first hop, as far as is known.
pub(super) fn is_encrypted(key: &DeliveryKey) -> bool {
    match (key.tls(), Requirement::builtin("baseline")) {
        (TlsState::Encrypted(encryption), Some(baseline)) => baseline.check(&encryption).is_ok(),
        _ => true,
    }
}
