//! The kinds of reasons, for all who count, record or look up reasons.
//!
//! Apart from [`Reason`](super::Reason), so that a requirement can name the kind of what a session lacks without
//! knowing entries.

use strum::{EnumIter, EnumString, IntoStaticStr};

/// All reasons there are, without what each one is about: what is counted, recorded and looked up by.
///
/// Its word ([`ReasonKind::code`], and back by [`str::parse`]) stands in logs, metrics, the ledger and JSON,
/// and stays as it is from release to release.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
pub enum ReasonKind {
    /// [`Reason::NotOptedIn`](super::Reason::NotOptedIn)
    NotOptedIn,
    /// [`Reason::Off`](super::Reason::Off)
    Off,
    /// [`Reason::LocalSubmission`](super::Reason::LocalSubmission)
    LocalSubmission,
    /// [`Reason::TrustedClient`](super::Reason::TrustedClient)
    TrustedClient,
    /// [`Reason::TrustedAuthenticated`](super::Reason::TrustedAuthenticated)
    TrustedAuthenticated,
    /// [`Reason::Exception`](super::Reason::Exception)
    Exception,
    /// [`Reason::Adequate`](super::Reason::Adequate)
    Adequate,
    /// [`Reason::UnknownTlsPassed`](super::Reason::UnknownTlsPassed)
    UnknownTlsPassed,
    /// [`Fault::Plaintext`](super::Fault::Plaintext)
    Plaintext,
    /// [`Fault::UnknownTls`](super::Fault::UnknownTls)
    UnknownTls,
    /// [`Shortfall::ProtocolVersion`](super::Shortfall::ProtocolVersion)
    ProtocolVersion,
    /// [`Shortfall::UnknownVersion`](super::Shortfall::UnknownVersion)
    UnknownVersion,
    /// [`Shortfall::UnknownCipher`](super::Shortfall::UnknownCipher)
    UnknownCipher,
    /// [`Shortfall::NullCipher`](super::Shortfall::NullCipher)
    NullCipher,
    /// [`Shortfall::Cipher`](super::Shortfall::Cipher)
    Cipher,
    /// [`Shortfall::CipherNotAllowed`](super::Shortfall::CipherNotAllowed)
    CipherNotAllowed,
    /// [`Shortfall::Contradiction`](super::Shortfall::Contradiction)
    Contradiction,
    /// [`Shortfall::ForwardSecrecy`](super::Shortfall::ForwardSecrecy)
    ForwardSecrecy,
    /// [`Shortfall::Aead`](super::Shortfall::Aead)
    Aead,
    /// [`Shortfall::KeyLength`](super::Shortfall::KeyLength)
    KeyLength,
    /// [`Shortfall::ClientCertificate`](super::Shortfall::ClientCertificate)
    ClientCertificate,
}

impl ReasonKind {
    /// The word for logs, metrics, the ledger and JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }
}
