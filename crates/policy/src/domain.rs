//! Domain names, in the one form in which they are compared.
//!
//! A name enters here once, from the policy or from a mail address, and is from then on lower
//! case, made of A-labels and without a trailing dot. Nothing else in the crate compares domains
//! as text.

use compact_str::CompactString;
use std::fmt;

/// The longest domain name, in octets, without a trailing dot (RFC 1035, section 2.3.4).
pub const MAX_DOMAIN: usize = 253;
/// The longest label, in octets (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;

/// A domain name: lower case, A-labels, no trailing dot, at most 253 octets.
///
/// Labels consist of letters, digits, `-` and `_`. Underscores are not host names by RFC 5321,
/// but MTAs route to them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomainName(CompactString);

/// Why a text is not a domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    /// The text is empty.
    #[error("a domain name is missing")]
    Empty,
    /// Over 253 octets.
    #[error("a domain name has at most {MAX_DOMAIN} characters")]
    TooLong,
    /// `a..b` or a leading dot.
    #[error("a domain name has no empty part between its dots")]
    EmptyLabel,
    /// Over 63 octets between two dots.
    #[error("a part of a domain name has at most {MAX_LABEL} characters")]
    LabelTooLong,
    /// A character that no domain name has.
    #[error("`{}` cannot stand in a domain name", .0.escape_debug())]
    Character(char),
    /// A non-ASCII name that UTS 46 does not map to A-labels.
    #[error("this is not a valid internationalised domain name (UTS 46)")]
    Idna,
}

impl DomainName {
    /// Reads a domain name; case, a trailing dot and U-labels are normalised.
    ///
    /// U-labels are mapped by UTS 46, non-transitional (`faß` stays a name of its own).
    ///
    /// # Errors
    ///
    /// When the text is not a domain name; see [`DomainError`].
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_ascii() {
            check(text)?;
            let mut name = CompactString::new(text);
            name.make_ascii_lowercase();
            return Ok(Self(name));
        }
        let ascii = idna::domain_to_ascii(text).map_err(|_| DomainError::Idna)?;
        // UTS 46 has other full stops, too, and one of them may come last.
        let ascii = ascii.strip_suffix('.').unwrap_or(&ascii);
        check(ascii)?;
        Ok(Self(CompactString::new(ascii)))
    }

    /// Every name that an MTA may take `text` for.
    ///
    /// Postfix folds some characters before it routes (`ß` to `ss`, final to plain sigma, joiners
    /// to nothing: the "deviation characters" of UTS 46, section 4), and routes others as they
    /// are. Both readings count.
    ///
    /// # Errors
    ///
    /// As [`DomainName::parse`]; a second reading that is not a domain name is left out.
    pub fn readings(text: &str) -> Result<(Self, Option<Self>), DomainError> {
        let first = Self::parse(text)?;
        if text.is_ascii() {
            return Ok((first, None));
        }
        let folded: String = text
            .chars()
            .filter(|c| !matches!(c, '\u{200c}' | '\u{200d}'))
            .flat_map(|c| match c {
                'ß' | 'ẞ' => ['s', 's'].into_iter().take(2),
                'ς' => ['σ', ' '].into_iter().take(1),
                other => [other, ' '].into_iter().take(1),
            })
            .collect();
        let second = Self::parse(&folded).ok().filter(|name| *name != first);
        Ok((first, second))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names above this one, nearest first: `c.example` and `example` for `b.c.example`.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        parents(&self.0)
    }
}

/// The names above `name`, nearest first.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(name.split_once('.'), |(_, rest)| rest.split_once('.'))
        .map(|(_, parent)| parent)
}

fn check(name: &str) -> Result<(), DomainError> {
    if name.is_empty() {
        return Err(DomainError::Empty);
    }
    let stands_in_name =
        |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    if let Some(odd) = name.bytes().position(|octet| !stands_in_name(octet)) {
        let odd = name.get(odd..).and_then(|rest| rest.chars().next());
        return Err(DomainError::Character(odd.unwrap_or(char::REPLACEMENT_CHARACTER)));
    }
    if name.len() > MAX_DOMAIN {
        return Err(DomainError::TooLong);
    }
    for label in name.as_bytes().split(|octet| *octet == b'.') {
        match label.len() {
            0 => return Err(DomainError::EmptyLabel),
            n if n > MAX_LABEL => return Err(DomainError::LabelTooLong),
            _ => {}
        }
    }
    Ok(())
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> String {
        DomainName::parse(text).unwrap().to_string()
    }

    #[test]
    fn spellings_of_one_domain_are_one_name() {
        for text in ["Example.COM", "example.com.", "EXAMPLE.com"] {
            assert_eq!(name(text), "example.com");
        }
        for text in
            ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example", "XN--BCHER-KVA.Example."]
        {
            assert_eq!(name(text), "xn--bcher-kva.example");
        }
    }

    #[test]
    fn what_is_no_domain_is_said_so() {
        let too_long = format!("{}.example", "a.".repeat(125));
        for (text, error) in [
            ("", DomainError::Empty),
            (".", DomainError::Empty),
            ("a..b", DomainError::EmptyLabel),
            (".example.com", DomainError::EmptyLabel),
            ("example.com..", DomainError::EmptyLabel),
            ("exa mple.com", DomainError::Character(' ')),
            ("user@example.com", DomainError::Character('@')),
            ("[192.0.2.1]", DomainError::Character('[')),
            (&"a".repeat(64), DomainError::LabelTooLong),
            (&too_long, DomainError::TooLong),
            ("b\u{fffd}cher.example", DomainError::Idna),
        ] {
            assert_eq!(DomainName::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_name_that_mtas_fold_differently_has_two_readings() {
        let (first, second) = DomainName::readings("faß.example").unwrap();
        assert_eq!(first.as_str(), "xn--fa-hia.example");
        assert_eq!(second.unwrap().as_str(), "fass.example");
        let (first, second) = DomainName::readings("ﬁrma.example").unwrap();
        assert_eq!((first.as_str(), second), ("firma.example", None));
        let (first, second) = DomainName::readings("example.com").unwrap();
        assert_eq!((first.as_str(), second), ("example.com", None));
    }

    #[test]
    fn parents_come_nearest_first() {
        let name = DomainName::parse("a.b.example").unwrap();
        assert_eq!(name.parents().collect::<Vec<_>>(), ["b.example", "example"]);
    }
}
