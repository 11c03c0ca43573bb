//! Which certificate a next hop must show: `match` in the policy and in Postfix.

use crate::domain::{DomainError, DomainName};

/// One item of `match`, as Postfix takes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Matching(String);

/// Why a text is no item of `match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatchingError {
    /// Not one of Postfix's words, and no domain name.
    #[error(transparent)]
    Name(#[from] DomainError),
    /// Not pairs of hexadecimal digits.
    #[error("a fingerprint is made of pairs of hexadecimal digits, such as 4F:1B:29")]
    Hexadecimal,
    /// A number of pairs that no digest has.
    #[error("no digest has {0} octets: SHA-256 has 32, SHA-512 has 64, SHA-1 has 20")]
    Length(usize),
}

/// Postfix's words for names that it knows (postconf(5), `smtp_tls_secure_cert_match`).
const WORDS: [&str; 3] = ["hostname", "nexthop", "dot-nexthop"];

impl Matching {
    /// Reads what is matched at `verify` and `secure`: `nexthop`, `dot-nexthop`, `hostname`, a name, or
    /// `.example.org` for all below one.
    ///
    /// # Errors
    ///
    /// When it is none of these.
    pub fn name(text: &str) -> Result<Self, MatchingError> {
        let lower = text.to_ascii_lowercase();
        if WORDS.contains(&lower.as_str()) {
            return Ok(Self(lower));
        }
        Ok(Self(match text.strip_prefix('.') {
            Some(parent) => format!(".{}", DomainName::parse(parent)?),
            None => DomainName::parse(text)?.to_string(),
        }))
    }

    /// Reads the digest of a certificate or of its public key, with or without colons.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn fingerprint(text: &str) -> Result<Self, MatchingError> {
        let pairs: Vec<&str> = if text.contains(':') {
            text.split(':').collect()
        } else {
            // Two octets of ASCII each; others are found below.
            text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap_or("")).collect()
        };
        let is_pair =
            |pair: &&str| pair.len() == 2 && pair.bytes().all(|octet| octet.is_ascii_hexdigit());
        if !pairs.iter().all(is_pair) {
            return Err(MatchingError::Hexadecimal);
        }
        // MD5, SHA-1, and the lengths of SHA-2.
        if ![16, 20, 28, 32, 48, 64].contains(&pairs.len()) {
            return Err(MatchingError::Length(pairs.len()));
        }
        Ok(Self(pairs.join(":").to_ascii_uppercase()))
    }

    /// As Postfix takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_fingerprints_are_read_in_the_forms_that_people_have() {
        for (text, expected) in [
            ("nexthop", "nexthop"),
            ("Dot-NextHop", "dot-nexthop"),
            ("MX.Customer.Example.", "mx.customer.example"),
            (".Customer.Example", ".customer.example"),
            ("b\u{fc}cher.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(Matching::name(text).unwrap().as_str(), expected);
        }
        for text in ["", ".", "a:b", "a|b", "a b", "a,b", "{a", "*.example", "a=b..c"] {
            assert!(Matching::name(text).is_err(), "{text}");
        }
        let plain = "bf5bd97211c80e908b04eda37d6f4f1b2912745de134f013d94f24f32ee25f00";
        let pairs: Vec<String> = plain
            .as_bytes()
            .chunks(2)
            .map(|pair| str::from_utf8(pair).unwrap().to_uppercase())
            .collect();
        for text in [plain, &pairs.join(":"), &pairs.join(":").to_lowercase()] {
            assert_eq!(Matching::fingerprint(text).unwrap().as_str(), pairs.join(":"));
        }
        for (text, error) in [
            ("", MatchingError::Length(0)),
            ("00:11", MatchingError::Length(2)),
            ("0:11", MatchingError::Hexadecimal),
            ("mx.example", MatchingError::Hexadecimal),
            ("sha256:00", MatchingError::Hexadecimal),
            ("\u{e9}\u{e9}", MatchingError::Hexadecimal),
            ("001", MatchingError::Hexadecimal),
        ] {
            assert_eq!(Matching::fingerprint(text), Err(error), "{text}");
        }
    }
}
