//! TLS handshakes that failed on the way in, and what the same clients did then.

use crate::model::day::Day;
use crate::model::logged_tls::TlsFailure;
use crate::model::row::OTHERS;
use crate::model::tally::Tally;
use strum::{EnumIter, EnumString, IntoStaticStr};

/// What a client did after its handshake had failed. Its word stands in the ledger.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Afterwards {
    /// It came in the clear, and was refused for that.
    Refused,
    /// It came in the clear, and its mail was taken.
    Taken,
    /// It came back with TLS.
    Tls,
    /// It stayed away so far.
    Away,
}

impl Afterwards {
    /// The word in the ledger.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }
}

/// What a row of failed handshakes on the way in counts.
///
/// No recipient is known at a handshake. So each one is counted in a row without a domain, for the
/// operator, and besides in a row of each opted-in domain that the client then wrote to. These
/// alone may be shown to whoever stands behind the domain; the two kinds are never added up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HandshakeKey {
    /// The day in UTC.
    pub day: Day,
    /// A domain that the client then wrote to; empty in the row that counts each handshake once.
    pub domain: String,
    /// The client's address, its network or a hash of it; [`OTHERS`].
    pub client: String,
    /// The client's name; empty where it is not known or not recorded.
    pub name: String,
    /// Why it failed.
    pub failure: TlsFailure,
    /// What the client did then.
    pub afterwards: Afterwards,
}

/// A row of failed handshakes. The `repeats` of its tally are those that followed another one of
/// the same client which had led to nothing yet: a client that tries twenty times is one that cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// What it counts.
    pub key: HandshakeKey,
    /// How often.
    pub tally: Tally,
}

impl HandshakeKey {
    /// Whether it counts each handshake once, whatever domain the client then wrote to.
    #[must_use]
    pub fn is_of_no_domain(&self) -> bool {
        self.domain.is_empty()
    }

    /// The row that counts clients for which there is no room.
    #[must_use]
    pub fn others(&self) -> Self {
        Self { client: OTHERS.into(), name: String::new(), ..self.clone() }
    }

    /// The same for whatever domain, where the day has no room for more. The row without a domain stays.
    pub(crate) fn of_any_domain(&self) -> Self {
        let domain = if self.is_of_no_domain() { "" } else { OTHERS };
        Self { domain: domain.into(), ..self.clone() }
    }
}
