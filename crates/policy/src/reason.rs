//! What can be decided about a RCPT, and the reasons for it.

use super::entry::Exception;
use super::requirement::Shortfall;
use std::fmt;
use strum::{EnumIter, EnumString, IntoStaticStr};

/// What to do with the RCPT; the later is the stricter.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
#[must_use]
pub enum Decision {
    /// Let it pass.
    Accept,
    /// Let it pass; in mode enforce it would be refused.
    WouldRefuse,
    /// Answer with the reply.
    Refuse,
}

impl Decision {
    /// The word for logs and JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }
}

/// All reasons there are, without what each one is about: what is counted, recorded and looked up by.
///
/// Its word ([`ReasonKind::code`], and back by [`str::parse`]) stands in logs, metrics, the ledger and JSON,
/// and stays as it is from release to release.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
pub enum ReasonKind {
    /// [`Reason::NotOptedIn`]
    NotOptedIn,
    /// [`Reason::Off`]
    Off,
    /// [`Reason::LocalSubmission`]
    LocalSubmission,
    /// [`Reason::TrustedClient`]
    TrustedClient,
    /// [`Reason::TrustedAuthenticated`]
    TrustedAuthenticated,
    /// [`Reason::Exception`]
    Exception,
    /// [`Reason::Adequate`]
    Adequate,
    /// [`Reason::UnknownTlsPassed`]
    UnknownTlsPassed,
    /// [`Fault::Plaintext`]
    Plaintext,
    /// [`Fault::UnknownTls`]
    UnknownTls,
    /// [`Shortfall::ProtocolVersion`]
    ProtocolVersion,
    /// [`Shortfall::UnknownVersion`]
    UnknownVersion,
    /// [`Shortfall::UnknownCipher`]
    UnknownCipher,
    /// [`Shortfall::NullCipher`]
    NullCipher,
    /// [`Shortfall::Cipher`]
    Cipher,
    /// [`Shortfall::CipherNotAllowed`]
    CipherNotAllowed,
    /// [`Shortfall::Contradiction`]
    Contradiction,
    /// [`Shortfall::ForwardSecrecy`]
    ForwardSecrecy,
    /// [`Shortfall::Aead`]
    Aead,
    /// [`Shortfall::KeyLength`]
    KeyLength,
    /// [`Shortfall::ClientCertificate`]
    ClientCertificate,
}

impl ReasonKind {
    /// The word for logs, metrics, the ledger and JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }
}

/// What is wrong with a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// It is not encrypted.
    Plaintext,
    /// The MTA did not tell whether it is encrypted.
    UnknownTls,
    /// It is encrypted, but not adequately.
    Inadequate(Shortfall),
}

impl Fault {
    /// Which of all reasons it is.
    #[must_use]
    pub fn kind(&self) -> ReasonKind {
        match self {
            Self::Plaintext => ReasonKind::Plaintext,
            Self::UnknownTls => ReasonKind::UnknownTls,
            Self::Inadequate(shortfall) => shortfall.kind(),
        }
    }

    /// What the sender's postmaster can do, as a sentence.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Plaintext => "Enable TLS (STARTTLS) for outgoing mail on the sending server.",
            Self::UnknownTls => {
                "This is a fault of the receiving server; its postmaster has to mend it."
            }
            Self::Inadequate(Shortfall::ClientCertificate { .. }) => {
                "Let the sending server present its client certificate."
            }
            Self::Inadequate(_) => {
                "Update TLS versions and ciphers for outgoing mail on the sending server."
            }
        }
    }
}

/// A clause for the reply and for people.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plaintext => f.write_str("this connection is not encrypted"),
            Self::UnknownTls => {
                f.write_str("this server cannot tell whether the connection is encrypted")
            }
            Self::Inadequate(shortfall) => shortfall.fmt(f),
        }
    }
}

/// Why the decision is what it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason<'p> {
    /// Nothing that was seen is opted in.
    NotOptedIn,
    /// The entry says `off`.
    Off,
    /// A local program hands mail to the MTA; there is no SMTP session.
    LocalSubmission,
    /// The client is in a trusted network.
    TrustedClient,
    /// The client has authenticated, and the policy trusts that.
    TrustedAuthenticated,
    /// An exception lets it through.
    Exception(&'p Exception),
    /// The session satisfies the requirement.
    Adequate,
    /// The MTA did not tell of TLS, and the settings let that pass.
    UnknownTlsPassed,
    /// The session is not good enough.
    Fault(Fault),
}

impl Reason<'_> {
    /// Which of all reasons it is.
    #[must_use]
    pub fn kind(&self) -> ReasonKind {
        match self {
            Self::NotOptedIn => ReasonKind::NotOptedIn,
            Self::Off => ReasonKind::Off,
            Self::LocalSubmission => ReasonKind::LocalSubmission,
            Self::TrustedClient => ReasonKind::TrustedClient,
            Self::TrustedAuthenticated => ReasonKind::TrustedAuthenticated,
            Self::Exception(_) => ReasonKind::Exception,
            Self::Adequate => ReasonKind::Adequate,
            Self::UnknownTlsPassed => ReasonKind::UnknownTlsPassed,
            Self::Fault(fault) => fault.kind(),
        }
    }
}

/// A sentence part for people.
impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOptedIn => f.write_str("no domain in sight is opted in"),
            Self::Off => f.write_str("the entry is switched off"),
            Self::LocalSubmission => f.write_str(
                "a local program submits the mail: list the milter in smtpd_milters only",
            ),
            Self::TrustedClient => f.write_str("the client is in a trusted network"),
            Self::TrustedAuthenticated => f.write_str("the client has authenticated"),
            Self::Exception(exception) => write!(f, "an exception holds ({})", exception.reason),
            Self::Adequate => f.write_str("the session satisfies the requirement"),
            Self::UnknownTlsPassed => {
                f.write_str("the MTA does not tell of TLS, and on_unknown_tls lets that pass")
            }
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}
