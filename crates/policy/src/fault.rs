//! What is wrong with a session, and what can be done about it.

use super::reason_kind::ReasonKind;
use super::requirement::Shortfall;
use std::fmt;

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

    /// What the sender's postmaster can do.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Plaintext => Remedy::EnableTls,
            Self::UnknownTls => Remedy::NoneOfTheSenders,
            Self::Inadequate(shortfall) => match shortfall {
                Shortfall::ClientCertificate { .. } => Remedy::PresentCertificate,
                Shortfall::ProtocolVersion { .. }
                | Shortfall::UnknownVersion { .. }
                | Shortfall::UnknownCipher { .. }
                | Shortfall::NullCipher { .. }
                | Shortfall::Cipher { .. }
                | Shortfall::CipherNotAllowed { .. }
                | Shortfall::Contradiction { .. }
                | Shortfall::ForwardSecrecy { .. }
                | Shortfall::Aead { .. }
                | Shortfall::KeyLength { .. } => Remedy::UpdateTls,
            },
        }
    }
}

/// What the sender's postmaster can do about a fault. [`crate::Language::remedy`] says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Switch on TLS for outgoing mail.
    EnableTls,
    /// Use newer versions of TLS and other ciphers.
    UpdateTls,
    /// Present the client certificate.
    PresentCertificate,
    /// Nothing: the fault is the receiving server's.
    NoneOfTheSenders,
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
