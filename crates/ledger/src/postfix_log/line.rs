//! One line of a Postfix log.

use super::time::Clock;
use policy::{DomainName, TlsState};
use std::net::IpAddr;

/// A line of one of Postfix's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'l> {
    /// When, in seconds since 1970-01-01.
    pub at: i64,
    /// Whether the time says its zone.
    pub zoned: bool,
    /// The host.
    pub host: &'l str,
    /// All that stands before the process number: `postfix/submission/smtpd`.
    pub service: &'l str,
    /// The program: the last part of the service.
    pub program: &'l str,
    /// The process number.
    pub process: u32,
    /// What it says.
    pub text: &'l str,
}

impl<'l> Line<'l> {
    /// Reads `TIME HOST SERVICE[PROCESS]: TEXT`; `None` for lines of others.
    #[must_use]
    pub fn read(line: &'l str, clock: &Clock) -> Option<Self> {
        let (at, rest) = clock.read(line)?;
        let (host, rest) = rest.split_once(' ')?;
        let (service, rest) = rest.split_once('[')?;
        let (process, text) = rest.split_once("]: ")?;
        // postfix/smtpd, postfix-out/smtpd, postfix/submission/smtpd
        let (_, program) = service.rsplit_once('/')?;
        if service.contains(' ') {
            return None;
        }
        let zoned = Clock::has_zone(line);
        Some(Self { at, zoned, host, service, program, process: process.parse().ok()?, text })
    }

    /// Whose log this is. Instances of Postfix on one host may each have a file of their own.
    #[must_use]
    pub fn log(&self) -> String {
        match self.service.split('/').next() {
            Some(instance) if instance != "postfix" => format!("{}/{instance}", self.host),
            _ => self.host.to_owned(),
        }
    }

    /// The queue id, and what is said of the message.
    #[must_use]
    pub fn queue_id(&self) -> Option<(&'l str, &'l str)> {
        let (id, rest) = self.text.split_once(": ")?;
        let plain = id.len() >= 5 && id.bytes().all(|octet| octet.is_ascii_alphanumeric());
        (plain && id != "NOQUEUE" && id != "warning" && id != "fatal" && id != "panic")
            .then_some((id, rest))
    }

    /// The session of `Anonymous TLS connection established from mx.test[192.0.2.1]: TLSv1.3 with
    /// cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange ...`.
    #[must_use]
    pub fn tls_session(&self) -> Option<TlsState> {
        // Only at the beginning: smtpd also logs what clients write.
        let (trust, rest) = self.text.split_once(' ')?;
        if !matches!(trust, "Anonymous" | "Untrusted" | "Trusted" | "Verified") {
            return None;
        }
        let rest = rest.strip_prefix("TLS connection established from ")?;
        let (_, rest) = rest.split_once("]")?;
        // A port follows where smtpd_client_port_logging is on; a name where the client sent SNI.
        let (_, rest) = rest.split_once(": ")?;
        let (version, rest) = rest.split_once(" with cipher ")?;
        let mut words = rest.split(' ');
        let cipher = words.next()?;
        let bits = words.next()?.trim_start_matches('(').split('/').next();
        let version = version.rsplit(' ').next().unwrap_or(version);
        Some(TlsState::from_macros(
            Some(version.as_bytes()),
            Some(cipher.as_bytes()),
            bits.map(str::as_bytes),
        ))
    }
}

/// The address behind `key` at the beginning of the text, without its angle brackets, and what
/// follows them.
pub(super) fn address<'l>(text: &'l str, key: &str) -> Option<(&'l str, &'l str)> {
    let text = text.strip_prefix(key)?.strip_prefix('<')?;
    // A quoted local part can hold anything, also what looks like the next field. What follows an
    // address is always a comma.
    let quoted = quoted(text).unwrap_or(0);
    let rest = text.get(quoted..)?;
    let end = quoted + rest.find(">,").or_else(|| rest.find('>'))?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// The length of the quoted local part at the beginning, with its quotes and the `@`.
fn quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    let inside = text.strip_prefix('"')?;
    let closing = inside.find(|character| {
        let closes = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        closes
    })?;
    let end = closing + "\"\"@".len();
    text.get(..end)?.ends_with('@').then_some(end)
}

/// Name and address of `mx.test[192.0.2.1]`.
pub(super) fn client(text: &str) -> (Option<DomainName>, Option<IpAddr>) {
    let Some((name, rest)) = text.split_once('[') else {
        return (None, None);
    };
    let address = rest.split(']').next().unwrap_or_default();
    let name = Some(name).filter(|name| *name != "unknown");
    let name = name.and_then(|name| DomainName::parse(name).ok());
    (name, address.parse().ok().map(|address: IpAddr| address.to_canonical()))
}
