//! What is asked of the session to a next hop, and how it is told to smtp(8).
//!
//! The text is what smtp(8) takes as the result of `smtp_tls_policy_maps` (Postfix, TLS_README, "Client TLS
//! security levels"). One attribute that it does not know, or at a level where it has no place, makes it put
//! the mail off, so only what all Postfix from 3.4 to 3.12 take is ever written, and nothing in braces.

use super::matching::Matching;
use super::next_hop::NextHop;
use super::protocols::Protocols;
use std::fmt;
use strum::{EnumIter, EnumString, IntoStaticStr};

/// How much is asked of a session, in Postfix's words, from the laxest to the strictest.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Level {
    /// No TLS.
    None,
    /// TLS where it is offered, else in the clear.
    May,
    /// By TLSA records where there are usable ones, else as `may`.
    Dane,
    /// TLS, with whatever certificate.
    Encrypt,
    /// TLS, and a certificate for the name that DNS gave for the server.
    Verify,
    /// TLS, and a certificate by TLSA records; without usable records the mail waits.
    DaneOnly,
    /// TLS, and a certificate for a name that no DNS can forge.
    Secure,
    /// TLS, and one of the certificates or keys that are listed.
    Fingerprint,
}

impl Level {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether no mail leaves in the clear.
    #[must_use]
    pub fn always_encrypts(self) -> bool {
        self >= Self::Encrypt
    }

    /// Whether `match` has a place there.
    #[must_use]
    pub fn takes_match(self) -> bool {
        matches!(self, Self::Verify | Self::Secure | Self::Fingerprint)
    }

    /// Whether `servername` has a place there: with TLSA records, they say the name.
    #[must_use]
    pub fn takes_servername(self) -> bool {
        !matches!(self, Self::None | Self::Dane | Self::DaneOnly)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How strong ciphers must be. Postfix's lower grades are no more than `medium` from 3.8 on, and `null`
/// encrypts nothing.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "lowercase")]
pub enum CipherGrade {
    /// 128 bits or more.
    Medium,
    /// The strong ones only, by Postfix's `tls_high_cipherlist`.
    High,
}

/// What an entry says of the hop to the organisation's own server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deliver {
    /// What is asked of the session.
    pub demand: Demand,
    /// The next hops besides the domain itself, as the transport table writes them.
    pub next_hops: Vec<NextHop>,
}

/// What is asked of the session to a next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// How much.
    pub level: Level,
    /// Which certificates; of no meaning where [`Level::takes_match`] says no. None: as Postfix is set.
    pub matching: Vec<Matching>,
    /// Which versions of TLS; none: as Postfix is set.
    pub protocols: Option<Protocols>,
    /// Which ciphers; none: as Postfix is set.
    pub ciphers: Option<CipherGrade>,
    /// The name that is sent as SNI: `hostname`, `nexthop`, or a host. None: as Postfix is set.
    pub servername: Option<String>,
}

impl Demand {
    /// A level and nothing else.
    #[must_use]
    pub fn of_level(level: Level) -> Self {
        Self { level, matching: Vec::new(), protocols: None, ciphers: None, servername: None }
    }

    /// What holds for a next hop of which two demand something: of each part the stricter.
    ///
    /// Of two lists of certificates at the same level only what both have is left; if they have nothing in
    /// common, the first stands (see [`Self::contradicts`]).
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let (stricter, laxer) =
            if other.level > self.level { (other, self) } else { (self, other) };
        let mut both = stricter.clone();
        if stricter.level == laxer.level && !laxer.matching.is_empty() {
            let common = self.in_common(other);
            if stricter.matching.is_empty() {
                both.matching.clone_from(&laxer.matching);
            } else if !common.is_empty() {
                both.matching = common;
            }
        }
        both.protocols = match (stricter.protocols, laxer.protocols) {
            // Versions that exclude each other: no session would come about.
            (Some(one), Some(other)) => one.and(other).or(Some(one)),
            (one, other) => one.or(other),
        };
        both.ciphers = stricter.ciphers.max(laxer.ciphers);
        if both.servername.is_none() && both.level.takes_servername() {
            both.servername.clone_from(&laxer.servername);
        }
        both
    }

    /// Whether no certificate, or no version, can satisfy both.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        let versions = match (self.protocols, other.protocols) {
            (Some(one), Some(other)) => one.and(other).is_none(),
            _ => false,
        };
        let certificates = self.level == other.level
            && !self.matching.is_empty()
            && !other.matching.is_empty()
            && self.in_common(other).is_empty();
        versions || certificates
    }

    fn in_common(&self, other: &Self) -> Vec<Matching> {
        self.matching.iter().filter(|one| other.matching.contains(one)).cloned().collect()
    }
}

/// The result of a look-up in `smtp_tls_policy_maps`.
impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { level, matching, protocols, ciphers, servername } = self;
        f.write_str(level.name())?;
        // Attributes of `none` draw a warning from Postfix, each time.
        if *level == Level::None {
            return Ok(());
        }
        if level.takes_match() && !matching.is_empty() {
            let separator = if *level == Level::Fingerprint { '|' } else { ':' };
            for (number, one) in matching.iter().enumerate() {
                match number {
                    0 => f.write_str(" match=")?,
                    _ => write!(f, "{separator}")?,
                }
                f.write_str(one.as_str())?;
            }
        }
        if let Some(protocols) = protocols {
            write!(f, " protocols={protocols}")?;
        }
        if let Some(ciphers) = ciphers {
            write!(f, " ciphers={}", <&str>::from(*ciphers))?;
        }
        match servername {
            Some(name) if level.takes_servername() => write!(f, " servername={name}"),
            _ => Ok(()),
        }
    }
}
