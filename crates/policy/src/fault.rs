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
            Self::Inadequate(
                Shortfall::ProtocolVersion { .. }
                | Shortfall::UnknownVersion { .. }
                | Shortfall::UnknownCipher { .. }
                | Shortfall::NullCipher { .. }
                | Shortfall::Cipher { .. }
                | Shortfall::CipherNotAllowed { .. }
                | Shortfall::Contradiction { .. }
                | Shortfall::ForwardSecrecy { .. }
                | Shortfall::Aead { .. }
                | Shortfall::KeyLength { .. },
            ) => "Update TLS versions and ciphers for outgoing mail on the sending server.",
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
