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

    /// What holds for a next hop of which two demand something, this one before the other: of each part the
    /// stricter.
    ///
    /// - A demand on the certificate is never replaced by another one. Of two lists that are for the same
    ///   certificates only what both have is left; else the first stands, and is held to encrypt where the
    ///   other one is: `dane` becomes `dane-only`, as Postfix has nothing between.
    /// - The SNI belongs to the demand on the certificate, because servers choose their certificate by it.
    /// - Of the versions the higher minimum holds. Newer ones are left out only where both leave them out.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let ((level, matching), servername) = match self.certificates(other) {
            Certificates::Either => {
                let level = self.level.max(other.level);
                let servername = self.servername.as_ref().or(other.servername.as_ref());
                ((level, Vec::new()), servername)
            }
            Certificates::Of(one) => ((one.level, one.matching.clone()), one.servername.as_ref()),
            Certificates::Both(level, matching) => ((level, matching), self.servername.as_ref()),
            Certificates::Contradict => {
                let encrypts = self.level.max(other.level).always_encrypts();
                let level = match self.level {
                    Level::Dane if encrypts => Level::DaneOnly,
                    level => level,
                };
                ((level, self.matching.clone()), self.servername.as_ref())
            }
        };
        Self {
            level,
            matching,
            protocols: Protocols::of_two(self.protocols, other.protocols),
            ciphers: self.ciphers.max(other.ciphers),
            servername: servername.filter(|_| level.takes_servername()).cloned(),
        }
    }

    /// Whether what holds for both is not all that each of them demands: no certificate satisfies both, or
    /// one leaves out newer versions than the other.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        matches!(self.certificates(other), Certificates::Contradict)
            || Protocols::contradict(self.protocols, other.protocols)
    }

    /// What two say of the certificate.
    fn certificates<'d>(&'d self, other: &'d Self) -> Certificates<'d> {
        use Level::{Dane, DaneOnly, Encrypt, Fingerprint, May, None, Secure, Verify};
        match (self.level, other.level) {
            (None | May | Encrypt, None | May | Encrypt) => Certificates::Either,
            (Dane, Encrypt) | (Encrypt, Dane) => Certificates::Contradict,
            (None | May | Encrypt, _) => Certificates::Of(other),
            (_, None | May | Encrypt) => Certificates::Of(self),
            (Dane | DaneOnly, Dane | DaneOnly) => {
                Certificates::Both(self.level.max(other.level), Vec::new())
            }
            (Verify | Secure, Verify | Secure) | (Fingerprint, Fingerprint) => {
                let (matching, level) = (self.in_common(other), self.level.max(other.level));
                // An empty list is not every name, but those of Postfix's settings.
                let both_empty = self.matching.is_empty() && other.matching.is_empty();
                if matching.is_empty() && !both_empty {
                    Certificates::Contradict
                } else {
                    Certificates::Both(level, matching)
                }
            }
            _ => Certificates::Contradict,
        }
    }

    fn in_common(&self, other: &Self) -> Vec<Matching> {
        self.matching.iter().filter(|one| other.matching.contains(one)).cloned().collect()
    }
}

/// What two demands say of the certificate, together.
enum Certificates<'d> {
    /// Neither asks for one.
    Either,
    /// Only this one does, or the other one is satisfied by all that satisfies it.
    Of(&'d Demand),
    /// Both do, and this level with this list satisfies both.
    Both(Level, Vec<Matching>),
    /// Both do, and not for the same one.
    Contradict,
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
