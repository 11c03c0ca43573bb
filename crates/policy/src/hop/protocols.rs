//! Which versions of TLS are taken: `protocols` in the policy and in Postfix.

use crate::tls::version::Version;
use std::{cmp::Ordering, fmt, str::FromStr};

/// Versions of TLS, at least one; SSL 2 and SSL 3 are never among them.
///
/// It is told to Postfix as what is excluded (`!SSLv2:!SSLv3:!TLSv1`): `>=TLSv1.2` is known from 3.6 on only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protocols {
    /// Bit n for the n-th of [`NAMES`].
    excluded: u8,
}

/// Why a text names no versions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolsError {
    /// Not a version.
    #[error("`{}` is no version: write, for example, >=TLSv1.2 or !TLSv1", .0.escape_debug())]
    Unknown(String),
    /// Nothing is left.
    #[error("no version is left: SSL 2 and SSL 3 do not count as encryption")]
    None,
    /// SSL 2 or SSL 3 is asked for.
    #[error("{0} does not count as encryption")]
    Ssl(&'static str),
    /// An empty text. To Postfix it would mean all versions, SSL 3 among them.
    #[error("it names no version")]
    Empty,
}

/// Postfix's names, oldest first.
const NAMES: [&str; 6] = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
/// SSL 2 and SSL 3.
const SSL: u8 = 0b11;
const ALL: u8 = 0b11_1111;
/// TLS 1.2 and TLS 1.3.
const NEWEST: u8 = 0b11_0000;

impl Protocols {
    /// This version of TLS and those that came after it; none for one that Postfix has no name for.
    #[must_use]
    pub fn at_least(version: Version) -> Option<Self> {
        let first = number(&version.name())?;
        Some(Self { excluded: SSL | below(first) })
    }

    /// What holds where two say something, or nothing: the higher minimum. Newer versions are left out only
    /// where both leave them out, so that nobody holds another's sessions to old ones; a gap counts as that,
    /// because OpenSSL takes nothing above it.
    pub(super) fn of_two(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => {
                let below = below(one.lowest().max(other.lowest()));
                Some(Self { excluded: below | one.newer_excluded() & other.newer_excluded() })
            }
            // Its minimum alone would be less than what Postfix is set to.
            (Some(only), None) | (None, Some(only)) if only.excluded & NEWEST == NEWEST => None,
            (Some(only), None) | (None, Some(only)) => {
                Some(Self { excluded: below(only.lowest()) })
            }
            (None, None) => None,
        }
    }

    /// Whether one of two leaves out newer versions that the other takes.
    pub(super) fn contradict(one: Option<Self>, other: Option<Self>) -> bool {
        let newer = |protocols: Option<Self>| protocols.map_or(0, Self::newer_excluded);
        newer(one) != newer(other)
    }

    /// The number of the oldest version that is taken.
    fn lowest(self) -> u32 {
        (ALL & !self.excluded).trailing_zeros()
    }

    /// The bits of what is not taken although it is newer than something that is.
    fn newer_excluded(self) -> u8 {
        self.excluded & !below(self.lowest())
    }

    /// Where these versions lie beside one: equal if it is one of them, greater if all of them are newer.
    #[must_use]
    pub fn beside(self, version: Version) -> Ordering {
        // A version that Postfix has no name for cannot be excluded by one.
        let Some(number) = number(&version.name()) else { return Ordering::Equal };
        let taken = ALL & !self.excluded;
        if taken >> number & 1 == 1 {
            Ordering::Equal
        } else if taken & below(number) == 0 {
            Ordering::Greater
        } else {
            Ordering::Less
        }
    }
}

/// The bits of the versions before the one with this number.
fn below(number: u32) -> u8 {
    u8::try_from((1_u32 << number) - 1).unwrap_or(u8::MAX)
}

fn number(name: &str) -> Option<u32> {
    // TLSv1.0 is what other programs call it.
    let name = if name.eq_ignore_ascii_case("TLSv1.0") { "TLSv1" } else { name };
    let found = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name))?;
    u32::try_from(found).ok()
}

/// A list in Postfix's words (postconf(5), `smtp_tls_mandatory_protocols`): `>=TLSv1.2`, `!TLSv1, !TLSv1.1`,
/// `TLSv1.2 TLSv1.3`.
impl FromStr for Protocols {
    type Err = ProtocolsError;

    fn from_str(text: &str) -> Result<Self, ProtocolsError> {
        let words = text.split([' ', '\t', ',', ':']).filter(|word| !word.is_empty());
        let (mut included, mut excluded, mut count) = (0_u8, SSL, 0);
        for word in words {
            count += 1;
            let unknown = || ProtocolsError::Unknown(word.to_owned());
            let bare = word.trim_start_matches(['>', '<', '=', '!']);
            let (name, of) = (number(bare).ok_or_else(unknown)?, word.strip_suffix(bare));
            let bit = 1 << name;
            match of {
                Some("!") => excluded |= bit,
                Some(">=") => excluded |= below(name),
                Some("<=") => excluded |= ALL & !below(name + 1),
                Some("") if bit & SSL != 0 => {
                    return Err(ProtocolsError::Ssl(if name == 0 { "SSLv2" } else { "SSLv3" }));
                }
                Some("") => included |= bit,
                _ => return Err(unknown()),
            }
        }
        if count == 0 {
            return Err(ProtocolsError::Empty);
        }
        if included != 0 {
            excluded |= ALL & !included;
        }
        if excluded == ALL { Err(ProtocolsError::None) } else { Ok(Self { excluded }) }
    }
}

impl fmt::Display for Protocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let excluded = NAMES.iter().enumerate().filter(|(n, _)| self.excluded >> n & 1 == 1);
        for (number, (_, name)) in excluded.enumerate() {
            let separator = if number == 0 { "" } else { ":" };
            write!(f, "{separator}!{name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_in_postfixs_words_and_told_as_what_every_postfix_takes() {
        for (text, expected) in [
            (">=TLSv1.2", "!SSLv2:!SSLv3:!TLSv1:!TLSv1.1"),
            (">=tlsv1.3", "!SSLv2:!SSLv3:!TLSv1:!TLSv1.1:!TLSv1.2"),
            (">=SSLv3", "!SSLv2:!SSLv3"),
            ("!SSLv2, !SSLv3, !TLSv1", "!SSLv2:!SSLv3:!TLSv1"),
            ("!TLSv1:!TLSv1.1", "!SSLv2:!SSLv3:!TLSv1:!TLSv1.1"),
            ("TLSv1.2 TLSv1.3", "!SSLv2:!SSLv3:!TLSv1:!TLSv1.1"),
            (">=TLSv1.0, <=TLSv1.2", "!SSLv2:!SSLv3:!TLSv1.3"),
        ] {
            assert_eq!(text.parse::<Protocols>().unwrap().to_string(), expected, "{text}");
        }
        for (version, expected) in [
            (Version::Sslv3, "!SSLv2:!SSLv3"),
            (Version::Tlsv1, "!SSLv2:!SSLv3"),
            (Version::Tlsv1_2, "!SSLv2:!SSLv3:!TLSv1:!TLSv1.1"),
            (Version::Tlsv1_3, "!SSLv2:!SSLv3:!TLSv1:!TLSv1.1:!TLSv1.2"),
        ] {
            assert_eq!(Protocols::at_least(version).unwrap().to_string(), expected);
        }
        assert_eq!(Protocols::at_least(Version::Newer { major: 1, minor: 4 }), None);
    }

    #[test]
    fn what_names_no_version_of_tls_is_refused() {
        for text in
            ["", " ", "SSLv3", "SSLv2", ">=TLSv1.4", "TLS1.2", "!TLSv1 >TLSv1.2", "=>TLSv1.2"]
        {
            assert!(text.parse::<Protocols>().is_err(), "{text}");
        }
        assert_eq!("<=SSLv3".parse::<Protocols>(), Err(ProtocolsError::None));
        assert_eq!(
            "!TLSv1 !TLSv1.1 !TLSv1.2 !TLSv1.3".parse::<Protocols>(),
            Err(ProtocolsError::None)
        );
    }

    #[test]
    fn of_two_the_higher_minimum_holds_and_newer_versions_are_left_out_by_both_alone() {
        let read = |text: &str| (!text.is_empty()).then(|| text.parse::<Protocols>().unwrap());
        for (one, other, both, contradict) in [
            (">=TLSv1.2", ">=TLSv1.3", ">=TLSv1.3", false),
            (">=TLSv1.2", "", ">=TLSv1.2", false),
            (">=TLSv1.2", "!TLSv1.3", ">=TLSv1.2", true),
            ("TLSv1.2", "TLSv1.1 TLSv1.2", "TLSv1.2", false),
            ("TLSv1.2", "", ">=TLSv1.2", true),
            ("TLSv1.2", ">=TLSv1.3", ">=TLSv1.3", true),
            ("TLSv1", "", "", true),
            ("TLSv1 TLSv1.1", "", "", true),
            ("TLSv1", "TLSv1.1", "TLSv1.1", true),
            ("TLSv1", ">=TLSv1.2", ">=TLSv1.2", true),
            // With this gap, OpenSSL would take TLS 1.1 at most.
            ("!TLSv1.2", ">=TLSv1", ">=TLSv1", true),
        ] {
            for (one, other) in [(one, other), (other, one)] {
                let (first, second) = (read(one), read(other));
                assert_eq!(Protocols::of_two(first, second), read(both), "{one}, {other}");
                assert_eq!(Protocols::contradict(first, second), contradict, "{one}, {other}");
            }
        }
    }
}
