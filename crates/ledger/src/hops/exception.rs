//! What did not go as it should on one of the hops.

use crate::model::delivery::DeliveryReason;
use serde::{Serialize, Serializer};
use strum::{EnumIter, IntoStaticStr};

/// What did not go as it should: the first hop before the second, and what is known before what is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum What {
    /// It came unencrypted, because the domain was not in mode enforce then, or nobody judged.
    CameNotEnforced,
    /// It came unencrypted by an exception.
    CameExcepted,
    /// It came unencrypted from a trusted client.
    CameTrusted,
    /// It came unencrypted, and was let through for another reason.
    CameLetThrough,
    /// Whether it came encrypted is not known.
    CameUnknown,
    /// It left unencrypted.
    LeftUnencrypted,
    /// It left over TLS that does not count as encryption.
    LeftWeak,
    /// Whether it left encrypted is not known.
    LeftUnknown,
    /// It was put off.
    Waits,
    /// It went back to its senders, because of the encryption of the hop.
    WentBack,
}

impl What {
    /// A stable name for JSON, CSV and Prometheus.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }

    /// Whether it is of the hop to the organisation's own server.
    #[must_use]
    pub fn is_of_second_hop(self) -> bool {
        match self {
            Self::CameNotEnforced
            | Self::CameExcepted
            | Self::CameTrusted
            | Self::CameLetThrough
            | Self::CameUnknown => false,
            Self::LeftUnencrypted
            | Self::LeftWeak
            | Self::LeftUnknown
            | Self::Waits
            | Self::WentBack => true,
        }
    }

    /// Whether it is known to have left without what counts as encryption.
    #[must_use]
    pub fn is_left_unencrypted(self) -> bool {
        matches!(self, Self::LeftUnencrypted | Self::LeftWeak)
    }

    /// Whether all that is known is that something is not known.
    #[must_use]
    pub fn is_unknown(self) -> bool {
        matches!(self, Self::CameUnknown | Self::LeftUnknown)
    }
}

impl Serialize for What {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// Mail that did not go as it should, and has something in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exception {
    /// What happened.
    pub what: What,
    /// Why it waits or went back; none of what came or left.
    #[serde(serialize_with = "code")]
    pub reason: Option<DeliveryReason>,
    /// The same in words of the log: a reply's codes, or what the TLS library said; of TLS that does not
    /// count, its version and cipher suite. May be empty.
    pub words: String,
    /// The host that it left for, or last waited for; empty where there was none, and of the first hop.
    pub server: String,
    /// Whether it had waited for other hosts as well.
    pub other_servers: bool,
    /// Of the first hop, some of the clients, by name or address.
    pub clients: Vec<String>,
    /// Recipients, each one of a message once.
    pub recipients: u64,
    /// Of those that were put off, the ones that have left since.
    pub left_since: u64,
    /// Of those that were put off, the ones that wait still, as far as the log was read.
    pub waits: u64,
    /// The first time, in seconds since 1970-01-01.
    pub first: i64,
    /// The last time.
    pub last: i64,
    /// What the policy demands of the next hop today, as Postfix is told; empty: nothing. None: no policy
    /// was looked at.
    pub demanded: Option<String>,
    /// Whether that means that no mail leaves unencrypted.
    pub encryption_demanded: Option<bool>,
    /// Whether it would mean that if all entries in monitor were enforced.
    pub encryption_monitored: bool,
}

#[expect(clippy::ref_option, reason = "serde asks for it")]
fn code<S: Serializer>(reason: &Option<DeliveryReason>, serializer: S) -> Result<S::Ok, S::Error> {
    reason.map(DeliveryReason::code).serialize(serializer)
}
