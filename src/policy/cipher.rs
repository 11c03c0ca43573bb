//! What the name of a cipher stands for.
//!
//! An MTA reports the suite by the name that its TLS library uses. The suite decides whether a
//! session is encrypted at all, and how well, so the name must be understood in every spelling;
//! and a name that is not in the catalogue must never be guessed at.

use std::fmt;

use super::catalogue;
pub use super::catalogue::suites;
pub use super::suite::{Algorithm, Authentication, KeyExchange, Mac, Mode, Suite};
use super::version::Version;

/// What a cipher name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// One suite.
    Suite(&'static Suite),
    /// One of two suites that share their OpenSSL name (`RC4-MD5`, `EXP-RC4-MD5`,
    /// `EXP-RC2-CBC-MD5`, `NULL-MD5`), while the version is not known.
    TwoSuites {
        /// The one of SSL 2.
        sslv2: &'static Suite,
        /// The one of SSL 3 and TLS.
        later: &'static Suite,
    },
    /// A name that is not in the catalogue.
    Unlisted(SafeName),
    /// The MTA gave no name.
    Missing,
}

impl Cipher {
    /// Looks a name up, whoever spells it, in either case. Allocates only for a name that is
    /// not in the catalogue.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Self {
        if name.is_empty() {
            return Self::Missing;
        }
        match catalogue::find(name) {
            Some((suite, None)) => Self::Suite(suite),
            Some((sslv2, Some(later))) => Self::TwoSuites { sslv2, later },
            None => Self::Unlisted(SafeName::new(name)),
        }
    }

    /// Decides between two suites of one name by the version of the session.
    #[must_use]
    pub fn in_version(self, version: Version) -> Self {
        match self {
            Self::TwoSuites { sslv2, later } => Self::Suite(if version == Version::Sslv2 {
                sslv2
            } else {
                later
            }),
            other => other,
        }
    }

    /// The suites that it can be: none, one or two.
    pub fn suites(&self) -> impl Iterator<Item = &'static Suite> + use<> {
        let (one, other) = match *self {
            Self::Suite(suite) => (Some(suite), None),
            Self::TwoSuites { sslv2, later } => (Some(sslv2), Some(later)),
            Self::Unlisted(_) | Self::Missing => (None, None),
        };
        one.into_iter().chain(other)
    }
}

/// The name for a log line: the catalogue's, the escaped one, or `unknown`.
impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Suite(suite) | Self::TwoSuites { later: suite, .. } => suite.name,
            Self::Unlisted(name) => name.as_str(),
            Self::Missing => "unknown",
        })
    }
}

/// A name from outside, fit for a log line, an SMTP reply and a table.
///
/// Letters, digits and `-_.:/+()` stand for themselves, every other octet as `\xNN`; what is
/// longer than 64 characters then ends in `...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeName(Box<str>);

impl SafeName {
    const LONGEST: usize = 64;

    /// Escapes and truncates a name.
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        use fmt::Write as _;

        const ELLIPSIS: &str = "...";
        let mut text = String::with_capacity(Self::LONGEST);
        // The length after which no more than the ellipsis fits.
        let mut keep = 0;
        for byte in name {
            if byte.is_ascii_alphanumeric() || b"-_.:/+()".contains(byte) {
                text.push(char::from(*byte));
            } else {
                write!(text, "\\x{byte:02x}").expect("a String takes what is written to it");
            }
            if text.len() > Self::LONGEST {
                text.truncate(keep);
                text.push_str(ELLIPSIS);
                break;
            }
            if text.len() <= Self::LONGEST - ELLIPSIS.len() {
                keep = text.len();
            }
        }
        Self(text.into_boxed_str())
    }

    /// The escaped text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
