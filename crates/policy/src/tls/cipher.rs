//! What the name of a cipher stands for.
//!
//! An MTA reports the suite by the name that its TLS library uses. The suite decides whether a
//! session is encrypted at all, and how well, so the name must be understood in every spelling;
//! and a name that is not in the catalogue must never be guessed at.

use std::fmt;

use super::catalogue;
pub use super::catalogue::suites;
use super::safe_name::SafeName;
pub use super::suite::{Algorithm, Authentication, CipherMode, KeyExchange, Mac, Suite};
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

    /// The name for a log line: the catalogue's, the escaped one, or `unknown`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Suite(suite) | Self::TwoSuites { later: suite, .. } => suite.name,
            Self::Unlisted(name) => name.as_str(),
            Self::Missing => "unknown",
        }
    }

    /// Decides between two suites of one name by the version of the session.
    #[must_use]
    pub fn in_version(self, version: Version) -> Self {
        match self {
            Self::TwoSuites { sslv2, later } => {
                Self::Suite(if version == Version::Sslv2 { sslv2 } else { later })
            }
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

/// See [`Cipher::name`].
impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> String {
        Cipher::from_name(name.as_bytes()).to_string()
    }

    #[test]
    fn one_suite_is_known_by_the_names_of_all_libraries() {
        for name in [
            "ECDHE-RSA-AES128-GCM-SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_AES_128_GCM_SHA256",
            "ECDHE_RSA_AES_128_GCM_SHA256",
            "ecdhe-rsa-aes128-gcm-sha256",
        ] {
            assert_eq!(named(name), "ECDHE-RSA-AES128-GCM-SHA256");
        }
        for name in [
            "TLS_AES_256_GCM_SHA384",
            "TLS13_AES_256_GCM_SHA384",
            "AEAD-AES256-GCM-SHA384",
            "AES_256_GCM_SHA384",
        ] {
            assert_eq!(named(name), "TLS_AES_256_GCM_SHA384");
        }
        for name in ["EDH-RSA-DES-CBC3-SHA", "SSL_DHE_RSA_WITH_3DES_EDE_CBC_SHA"] {
            assert_eq!(named(name), "DHE-RSA-DES-CBC3-SHA");
        }
    }

    #[test]
    fn the_version_decides_between_two_suites_of_one_name() {
        let cipher = Cipher::from_name(b"RC4-MD5");
        assert_eq!(cipher.suites().count(), 2);
        for (version, iana) in [
            (Version::Sslv2, "SSL_CK_RC4_128_WITH_MD5"),
            (Version::Sslv3, "TLS_RSA_WITH_RC4_128_MD5"),
            (Version::Tlsv1_2, "TLS_RSA_WITH_RC4_128_MD5"),
        ] {
            let decided = cipher.clone().in_version(version);
            let names: Vec<_> = decided.suites().map(|suite| suite.iana_name).collect();
            assert_eq!(names, [Some(iana)]);
        }
    }

    #[test]
    fn a_name_from_outside_is_escaped_and_cut() {
        for (name, shown) in [
            ("FOO-BAR-SHA999", "FOO-BAR-SHA999"),
            ("a b\r\n\"%{}\\", "a\\x20b\\x0d\\x0a\\x22\\x25\\x7b\\x7d\\x5c"),
            ("\u{e4}\u{202e}", "\\xc3\\xa4\\xe2\\x80\\xae"),
            ("\0", "\\x00"),
        ] {
            assert_eq!(named(name), shown);
        }
        let long = |length: usize| named(&"x".repeat(length));
        assert_eq!(long(64), "x".repeat(64));
        assert_eq!(long(65), format!("{}...", "x".repeat(61)));
        assert_eq!(long(1_000_000), long(65));
        // Never half an escape.
        assert_eq!(named(&" ".repeat(16)), "\\x20".repeat(16));
        assert_eq!(named(&" ".repeat(17)), format!("{}...", "\\x20".repeat(15)));
    }
}
