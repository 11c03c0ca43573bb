//! Why a TLS session does not satisfy a requirement.

use std::fmt;

use super::property::Property;
use crate::reason_kind::ReasonKind;
use crate::tls::Contradiction;
use crate::tls::certificate::CertificateNames;
use crate::tls::cipher::{Cipher, Suite};
use crate::tls::version::Version;

/// The first thing found that a session lacks.
///
/// It is shown as one clause of plain ASCII for an SMTP reply and a log: no line break, no `%`,
/// below 200 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// The version is too old.
    ProtocolVersion {
        /// That of the session.
        version: Version,
        /// The oldest that is accepted.
        required: Version,
    },
    /// The version is not known, and the session could be of one that is too old.
    UnknownVersion {
        /// The oldest that is accepted.
        required: Version,
    },
    /// The cipher is not in the catalogue, or the MTA did not name the cipher.
    UnknownCipher {
        /// What the MTA said.
        cipher: Cipher,
    },
    /// The cipher does not encrypt.
    NullCipher {
        /// It.
        suite: &'static Suite,
    },
    /// The cipher has a property that is forbidden.
    Cipher {
        /// The cipher.
        suite: &'static Suite,
        /// The property.
        property: Property,
    },
    /// The cipher is forbidden by name, or is not on the list of those allowed.
    CipherNotAllowed {
        /// The cipher.
        suite: &'static Suite,
    },
    /// What is said of the session excludes itself.
    Contradiction {
        /// The cipher.
        suite: &'static Suite,
        /// What it does not go with.
        contradiction: Contradiction,
    },
    /// The cipher has no forward secrecy.
    ForwardSecrecy {
        /// The cipher.
        suite: &'static Suite,
    },
    /// The cipher does not protect the records against change while it encrypts them (AEAD).
    Aead {
        /// The cipher.
        suite: &'static Suite,
    },
    /// The cipher is too weak.
    KeyLength {
        /// The cipher.
        suite: &'static Suite,
        /// The bits that are required.
        required: u16,
    },
    /// The client has not shown the certificate that is asked for, or not one that the MTA trusts.
    ClientCertificate {
        /// The names that it must have.
        wanted: CertificateNames,
    },
}

impl Shortfall {
    /// Which of all reasons it is.
    #[must_use]
    pub fn kind(&self) -> ReasonKind {
        match self {
            Self::ProtocolVersion { .. } => ReasonKind::ProtocolVersion,
            Self::UnknownVersion { .. } => ReasonKind::UnknownVersion,
            Self::UnknownCipher { .. } => ReasonKind::UnknownCipher,
            Self::NullCipher { .. } => ReasonKind::NullCipher,
            Self::Cipher { .. } => ReasonKind::Cipher,
            Self::CipherNotAllowed { .. } => ReasonKind::CipherNotAllowed,
            Self::Contradiction { .. } => ReasonKind::Contradiction,
            Self::ForwardSecrecy { .. } => ReasonKind::ForwardSecrecy,
            Self::Aead { .. } => ReasonKind::Aead,
            Self::KeyLength { .. } => ReasonKind::KeyLength,
            Self::ClientCertificate { .. } => ReasonKind::ClientCertificate,
        }
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProtocolVersion { version, required } => {
                write!(f, "{version} is not accepted, {required} or newer is required")
            }
            Self::UnknownVersion { required } => {
                write!(f, "the TLS version is not known, {required} or newer is required")
            }
            Self::UnknownCipher { cipher: Cipher::Missing } => {
                f.write_str("the cipher is not known")
            }
            Self::UnknownCipher { cipher } => write!(f, "cipher {cipher} is not known"),
            Self::NullCipher { suite } => write!(f, "cipher {} does not encrypt", suite.name),
            Self::Cipher { suite, property } => {
                write!(f, "cipher {} is not accepted ({})", suite.name, property.description())
            }
            Self::CipherNotAllowed { suite } => {
                write!(f, "cipher {} is not among those accepted", suite.name)
            }
            Self::Contradiction { suite, contradiction: Contradiction::Version(version) } => {
                write!(f, "cipher {} cannot occur in {version}", suite.name)
            }
            Self::Contradiction { suite, contradiction: Contradiction::ZeroBits } => {
                write!(f, "cipher {} is reported with 0 bits", suite.name)
            }
            Self::ForwardSecrecy { suite } => {
                write!(f, "cipher {} has no forward secrecy", suite.name)
            }
            Self::Aead { suite } => {
                write!(f, "cipher {} has no authenticated encryption (AEAD)", suite.name)
            }
            Self::KeyLength { suite, required } => {
                let bits = suite.strength_bits;
                write!(f, "cipher {} has {bits} bits, {required} are required", suite.name)
            }
            Self::ClientCertificate { wanted } => {
                f.write_str("a trusted client certificate is required")?;
                for (what, name) in [("of", &wanted.subject), ("issued by", &wanted.issuer)] {
                    if let Some(name) = name {
                        // A name may be long, or in another script.
                        let name: String = name.escape_default().take(60).collect();
                        write!(f, " {what} {}", name.replace('%', "?"))?;
                    }
                }
                Ok(())
            }
        }
    }
}
