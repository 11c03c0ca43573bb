//! Versions of SSL and TLS: their order, and every spelling of them.
//!
//! A milter gets the version as text from an MTA, which got it from its TLS library; a policy
//! file has it from a person. Both kinds of text become a [`Version`] here.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::safe_name::SafeName;
use crate::suggest::{DidYouMean, nearest};

/// A version of the protocol, in the order of age.
///
/// Never holds "unknown": what an MTA said is a [`SeenVersion`](super::SeenVersion).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// SSL 2.0 (RFC 6176 forbids it).
    Sslv2,
    /// SSL 3.0 (RFC 7568 forbids it).
    Sslv3,
    /// TLS 1.0 (RFC 2246).
    Tlsv1,
    /// TLS 1.1 (RFC 4346).
    Tlsv1_1,
    /// TLS 1.2 (RFC 5246).
    Tlsv1_2,
    /// TLS 1.3 (RFC 8446).
    Tlsv1_3,
    /// Newer than all that existed when this was written; it counts as newer than each of them.
    Newer {
        /// The 1 of TLSv1.4.
        major: u8,
        /// The 4 of TLSv1.4.
        minor: u8,
    },
}

impl Version {
    /// The versions that exist, oldest first.
    pub const ALL: [Self; 6] =
        [Self::Sslv2, Self::Sslv3, Self::Tlsv1, Self::Tlsv1_1, Self::Tlsv1_2, Self::Tlsv1_3];

    /// Reads the spellings of OpenSSL (`TLSv1`, `TLSv1.2`), its cipher table and Stalwart
    /// (`TLSv1.0`), GnuTLS (`TLS1.2`, `SSL3.0`), rustls (`TLSv1_2`), in either case.
    ///
    /// Strict in everything else: DTLS, QUIC, `TLSv12` or a name with something after it is no
    /// version. A number that is misread could make an old version look newer than all known.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        let (family, rest) = name.split_at_checked(3)?;
        let number = match rest {
            [b'v' | b'V', number @ ..] => number,
            number => number,
        };
        let (major, minor) = match number {
            [major] => (digit(*major)?, 0),
            [major, b'.' | b'_', minor] => (digit(*major)?, digit(*minor)?),
            _ => return None,
        };
        if family.eq_ignore_ascii_case(b"SSL") {
            match (major, minor) {
                (2, 0) => Some(Self::Sslv2),
                (3, 0) => Some(Self::Sslv3),
                _ => None,
            }
        } else if family.eq_ignore_ascii_case(b"TLS") {
            match (major, minor) {
                (0, _) => None,
                (1, 0) => Some(Self::Tlsv1),
                (1, 1) => Some(Self::Tlsv1_1),
                (1, 2) => Some(Self::Tlsv1_2),
                (1, 3) => Some(Self::Tlsv1_3),
                (major, minor) => Some(Self::Newer { major, minor }),
            }
        } else {
            None
        }
    }

    /// The name that OpenSSL gives it.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Sslv2 => "SSLv2".into(),
            Self::Sslv3 => "SSLv3".into(),
            Self::Tlsv1 => "TLSv1".into(),
            Self::Tlsv1_1 => "TLSv1.1".into(),
            Self::Tlsv1_2 => "TLSv1.2".into(),
            Self::Tlsv1_3 => "TLSv1.3".into(),
            Self::Newer { major, minor: 0 } => format!("TLSv{major}").into(),
            Self::Newer { major, minor } => format!("TLSv{major}.{minor}").into(),
        }
    }
}

fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte.wrapping_sub(b'0'))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

/// A text in a policy file that should be a version of TLS and is not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{text}` is no version of TLS{}; possible are TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3",
    DidYouMean(*.nearest)
)]
pub struct UnknownVersion {
    text: SafeName,
    nearest: Option<&'static str>,
}

impl FromStr for Version {
    type Err = UnknownVersion;

    /// For policy files: the same spellings, and only versions that exist. A minimum that
    /// nobody can reach is a typo.
    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        Self::from_name(text.as_bytes()).filter(|version| Self::ALL.contains(version)).ok_or_else(
            || UnknownVersion {
                text: SafeName::new(text.as_bytes()),
                nearest: nearest(text, ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newer(major: u8, minor: u8) -> Version {
        Version::Newer { major, minor }
    }

    #[test]
    fn every_spelling_of_a_version_is_understood() {
        for (name, version) in [
            ("SSLv2", Version::Sslv2),
            ("SSL2.0", Version::Sslv2),
            ("SSLv3", Version::Sslv3),
            ("SSL3.0", Version::Sslv3),
            ("sslv3", Version::Sslv3),
            ("TLSv1", Version::Tlsv1),
            ("TLSv1.0", Version::Tlsv1),
            ("TLSv1_0", Version::Tlsv1),
            ("TLS1.0", Version::Tlsv1),
            ("TLSv1.1", Version::Tlsv1_1),
            ("TLS1.2", Version::Tlsv1_2),
            ("TLSv1_2", Version::Tlsv1_2),
            ("tlsv1.3", Version::Tlsv1_3),
            ("TLS1.3", Version::Tlsv1_3),
        ] {
            assert_eq!(Version::from_name(name.as_bytes()), Some(version), "{name}");
            assert_eq!(name.parse(), Ok(version), "{name}");
        }
    }

    #[test]
    fn a_version_newer_than_all_known_is_not_older_than_any() {
        for (name, version) in
            [("TLSv1.4", newer(1, 4)), ("TLSv2", newer(2, 0)), ("TLS2.1", newer(2, 1))]
        {
            assert_eq!(Version::from_name(name.as_bytes()), Some(version), "{name}");
            assert!(Version::ALL.iter().all(|known| *known < version), "{name}");
            assert!(name.parse::<Version>().is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_not_a_version_of_tls_is_no_version() {
        for name in [
            "",
            "TLS",
            "TLSv",
            "SSL",
            "SSLv1",
            "SSLv4",
            "SSLv3.1",
            "TLSv0.9",
            "TLSv12",
            "TLSv1.10",
            "TLSv1.03",
            "TLSv1.3 ",
            " TLSv1.3",
            "TLSv1.3x",
            "TLSv1.",
            "TLSv.3",
            "TLSv1/SSLv3",
            "DTLSv1.2",
            "DTLS1.2",
            "QUICv1",
            "unknown",
            "UNKNOWN",
            "(NONE)",
            "TLS 1.2",
            "1.2",
            "TLSv-1",
            "TLSv1,3",
            "SSLv23",
            "TLSvv1",
        ] {
            assert_eq!(Version::from_name(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn a_mistyped_version_in_a_policy_is_answered_with_what_is_possible() {
        for (text, message) in [
            (
                "TLS 1.2",
                "`TLS\\x201.2` is no version of TLS (did you mean `TLSv1.2`?); possible are TLSv1, \
                 TLSv1.1, TLSv1.2 and TLSv1.3",
            ),
            (
                "best",
                "`best` is no version of TLS; possible are TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3",
            ),
        ] {
            assert_eq!(text.parse::<Version>().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_version_is_read_back_as_it_is_written() {
        for version in Version::ALL.into_iter().chain([newer(1, 4), newer(2, 0), newer(9, 9)]) {
            assert_eq!(Version::from_name(version.to_string().as_bytes()), Some(version));
        }
    }
}
