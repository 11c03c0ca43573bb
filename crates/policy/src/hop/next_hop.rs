//! Next hops, in the one form in which they are compared.
//!
//! smtp(8) asks for the TLS policy of a next hop by the text that the transport table or `relayhost` has
//! (else by the recipient's domain), in any case, and a domain that it finds no answer for once more by
//! each parent, with a leading dot. `[mx.example.org]`, `[mx.example.org]:25` and `mx.example.org` are three
//! next hops.

use crate::domain::{DomainError, DomainName, MAX_DOMAIN};
use compact_str::{CompactString, ToCompactString, format_compact};
use std::{fmt, net::IpAddr, str::FromStr};

/// A next hop of smtp(8), or the parent of one, as it is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NextHop {
    /// `example.org`: a domain whose MX records say where its mail goes.
    Domain(DomainName),
    /// `.example.org`: what is asked for a domain below it that has no answer of its own.
    Below(DomainName),
    /// `[mx.example.org]`, `[mx.example.org]:25`, `[192.0.2.1]`, `example.org:26`: compared whole.
    Host(CompactString),
    /// `/run/lmtp.sock`: the Unix socket of an LMTP server. No domain leads there by DNS.
    Socket,
}

/// Why a text is no next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NextHopError {
    /// The host is no domain name.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// `[` without `]`, or something behind it that is no port.
    #[error("it is not [HOST] or [HOST]:PORT")]
    Brackets,
    /// `host:`, or a port that is no number and no name of a service.
    #[error("behind the last colon stands no port")]
    Port,
    /// `relay:[host]`.
    #[error("it begins with the name of a transport, which is no part of a next hop")]
    Transport,
}

/// The port of SMTP.
const SMTP: u16 = 25;

/// The longest next hop: a domain name, brackets, and a port.
const LONGEST: usize = MAX_DOMAIN + 64;

impl FromStr for NextHop {
    type Err = NextHopError;

    fn from_str(text: &str) -> Result<Self, NextHopError> {
        if text.starts_with('/') {
            return Ok(Self::Socket);
        }
        // A name in U-labels is shorter than in A-labels.
        if text.len() > LONGEST * 4 {
            return Err(DomainError::TooLong.into());
        }
        if let Some(parent) = text.strip_prefix('.') {
            return Ok(Self::Below(DomainName::parse(parent)?));
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or(NextHopError::Brackets)?;
            let host = bracketed(host)?;
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(read_port(port)?),
                None if rest.is_empty() => None,
                None => return Err(NextHopError::Brackets),
            };
            return Ok(Self::Host(match port {
                Some(port) => format_compact!("[{host}]:{port}"),
                None => format_compact!("[{host}]"),
            }));
        }
        match text.split_once(':') {
            None => Ok(Self::Domain(DomainName::parse(text)?)),
            Some((_, rest)) if rest.contains(['[', ':']) => Err(NextHopError::Transport),
            Some((host, port)) => {
                let host = DomainName::parse(host)?;
                Ok(Self::Host(format_compact!("{host}:{}", read_port(port)?)))
            }
        }
    }
}

/// A host in brackets: an address, with or without the tag of RFC 5321 (section 4.1.3), or a name.
fn bracketed(text: &str) -> Result<CompactString, NextHopError> {
    let bare = match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => text.get(5..).unwrap_or_default(),
        _ => text,
    };
    match bare.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_compact_string()),
        Err(_) => Ok(DomainName::parse(text)?.as_str().into()),
    }
}

/// A port's number, or the name of a service (`smtp`), in lower case.
fn read_port(text: &str) -> Result<CompactString, NextHopError> {
    let is_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    let is_port = if text.bytes().all(|octet| octet.is_ascii_digit()) {
        text.parse().is_ok_and(|port: u16| port != 0)
    } else {
        text.len() <= 32 && text.bytes().all(is_name)
    };
    is_port.then(|| text.to_ascii_lowercase().into()).ok_or(NextHopError::Port)
}

impl NextHop {
    /// The host, without brackets and port: to tell of next hops that look alike.
    #[must_use]
    pub fn host(&self) -> &str {
        match self {
            Self::Domain(name) | Self::Below(name) => name.as_str(),
            Self::Socket => "",
            Self::Host(text) => match text.strip_prefix('[') {
                Some(rest) => rest.split(']').next().unwrap_or_default(),
                None => text.split(':').next().unwrap_or_default(),
            },
        }
    }

    /// The port: 25 where it is not said; none where it is the name of another service, or there is none.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        let Self::Host(text) = self else {
            return (*self != Self::Socket).then_some(SMTP);
        };
        let behind = text.rsplit_once(']').map_or(&**text, |(_, behind)| behind);
        match behind.rsplit_once(':') {
            None | Some((_, "smtp")) => Some(SMTP),
            Some((_, port)) => port.parse().ok(),
        }
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(name) => name.fmt(f),
            Self::Below(name) => write!(f, ".{name}"),
            Self::Host(text) => f.write_str(text),
            Self::Socket => f.write_str("a Unix socket"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_next_hop_are_one_and_other_next_hops_are_others() {
        for (text, expected) in [
            ("Customer.Example", "customer.example"),
            ("customer.example.", "customer.example"),
            ("B\u{fc}cher.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            (".Customer.Example", ".customer.example"),
            ("[MX.Customer.Example]", "[mx.customer.example]"),
            ("[mx.customer.example]:25", "[mx.customer.example]:25"),
            ("[mx.customer.example]:SMTP", "[mx.customer.example]:smtp"),
            ("[b\u{fc}cher.example]:25", "[xn--bcher-kva.example]:25"),
            ("customer.example:26", "customer.example:26"),
            ("[192.0.2.1]:2525", "[192.0.2.1]:2525"),
            ("[IPv6:2001:DB8::1]", "[2001:db8::1]"),
            ("[2001:db8:0:0::1]:25", "[2001:db8::1]:25"),
            ("/run/dovecot/lmtp", "a Unix socket"),
        ] {
            assert_eq!(text.parse::<NextHop>().unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_next_hop_has_the_port_of_smtp_unless_it_says_another() {
        for (text, port) in [
            ("mx.example", Some(25)),
            (".example", Some(25)),
            ("mx.example:26", Some(26)),
            ("[mx.example]", Some(25)),
            ("[mx.example]:smtp", Some(25)),
            ("[mx.example]:587", Some(587)),
            ("[mx.example]:submission", None),
            ("[2001:db8::1]", Some(25)),
            ("[2001:db8::1]:26", Some(26)),
            ("/run/lmtp.sock", None),
        ] {
            assert_eq!(text.parse::<NextHop>().unwrap().port(), port, "{text}");
        }
    }

    #[test]
    fn what_is_no_next_hop_is_said_so() {
        let long = format!("{}example", "a.".repeat(20_000));
        for (text, error) in [
            ("", DomainError::Empty.into()),
            (".", DomainError::Empty.into()),
            ("[]", DomainError::Empty.into()),
            ("a b.example", DomainError::Character(' ').into()),
            ("a.example\n", DomainError::Character('\n').into()),
            ("a\0.example", DomainError::Character('\0').into()),
            (long.as_str(), DomainError::TooLong.into()),
            ("[mx.example", NextHopError::Brackets),
            ("[mx.example]25", NextHopError::Brackets),
            ("[mx.example]:", NextHopError::Port),
            ("[mx.example]:0", NextHopError::Port),
            ("[mx.example]:65536", NextHopError::Port),
            ("mx.example:2 5", NextHopError::Port),
            ("relay:[mx.example]:25", NextHopError::Transport),
            ("smtp:mx.example:25", NextHopError::Transport),
            ("2001:db8::1", NextHopError::Transport),
        ] {
            assert_eq!(text.parse::<NextHop>(), Err(error), "{text:?}");
        }
    }
}
