//! The parameters of a TLS session, and whether they go together.

use std::borrow::Cow;
use std::fmt;

use super::certificate::Certificate;
use super::cipher::{Cipher, Suite};
use super::version::Version;

/// The parameters of a TLS session, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    pub(super) version: SeenVersion,
    pub(super) cipher: Cipher,
    pub(super) bits: Option<u32>,
    /// Few sessions have one, and each record of a judgement has room for it.
    pub(super) certificate: Option<Box<Certificate>>,
}

impl Encryption {
    /// A session of this version with this suite, to show what a requirement says of it.
    #[must_use]
    pub fn new(version: Version, suite: &'static Suite) -> Self {
        Self {
            version: SeenVersion::Known(version),
            cipher: Cipher::Suite(suite),
            bits: None,
            certificate: None,
        }
    }

    /// The same session with the client certificate that the MTA has verified.
    #[must_use]
    pub fn with_certificate(self, certificate: Option<Certificate>) -> Self {
        Self { certificate: certificate.map(Box::new), ..self }
    }

    /// The client certificate that the MTA has verified.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_deref()
    }

    /// The version of the protocol.
    #[must_use]
    pub fn version(&self) -> SeenVersion {
        self.version
    }

    /// The cipher.
    #[must_use]
    pub fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    /// `{cipher_bits}` as the MTA gave it, if it was a number. For the log: strength is judged
    /// by the catalogue.
    #[must_use]
    pub fn bits(&self) -> Option<u32> {
        self.bits
    }

    /// What makes the parameters exclude each other, if anything does.
    #[must_use]
    pub fn contradiction(&self) -> Option<Contradiction> {
        if let SeenVersion::Known(version) = self.version
            && self.cipher.suites().any(|suite| !suite.possible_in(version))
        {
            return Some(Contradiction::Version(version));
        }
        (self.bits == Some(0) && self.cipher.suites().any(|suite| !suite.is_null()))
            .then_some(Contradiction::ZeroBits)
    }
}

/// Version and cipher, with a space between.
impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version, self.cipher)
    }
}

/// The version of a session, as far as the MTA said it or the suite tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SeenVersion {
    /// This one.
    Known(Version),
    /// Not said; one of those in which the suite exists. All of them have to satisfy a
    /// requirement.
    Between {
        /// The oldest that it can be.
        oldest: Version,
        /// The newest.
        newest: Version,
    },
    /// Nothing is known of it.
    Unknown,
}

impl SeenVersion {
    /// The version's name, or `unknown`.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Known(version) => version.name(),
            Self::Between { .. } | Self::Unknown => "unknown".into(),
        }
    }
}

/// The version, or `unknown`.
impl fmt::Display for SeenVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

/// Why the parameters of a session exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Contradiction {
    /// The suite does not exist in this version.
    Version(Version),
    /// A cipher that encrypts is said to have no bits.
    ZeroBits,
}
