//! The lines of a Sendmail: fields, and what they say.

use crate::model::delivery::{DeliveryReason, DeliveryStatus, Trust};
use crate::model::logged_tls::TlsFailure;
use crate::postfix_log::hop::reason::{codes, plain};
use policy::{DomainName, TlsState};
use std::net::IpAddr;

/// The fields of a line: `proto=ESMTPS, daemon=MTA-v4, relay=mx.test [192.0.2.1]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'l>(pub &'l str);

impl<'l> Fields<'l> {
    /// The first field of this name. Only Sendmail itself writes what comes before `reply=` and `stat=`.
    pub fn get(self, name: &str) -> Option<&'l str> {
        let mut rest = self.0;
        loop {
            let (key, value) = rest.split_once('=')?;
            let end = value.find(", ").unwrap_or(value.len());
            if key == name {
                // The last field may hold whatever the other side said.
                return if matches!(name, "stat" | "reject") {
                    Some(value)
                } else {
                    value.get(..end)
                };
            }
            rest = value.get(end..)?.strip_prefix(", ")?;
        }
    }

    /// The last field of this name, and all fields of it: in the line of a message's sender, what the client
    /// writes (`from=`, cut off at 200 octets, and `msgid=`) stands before `proto=` and `relay=`.
    pub fn last(self, name: &str) -> Option<&'l str> {
        self.all(name).last()
    }

    /// All fields of this name.
    pub fn all(self, name: &str) -> impl Iterator<Item = &'l str> {
        let value = move |field: &'l str| field.strip_prefix(name)?.strip_prefix('=');
        self.0.split(", ").filter_map(value)
    }
}

/// The session in `version=TLSv1.3, verify=NO, cipher=TLS_AES_256_GCM_SHA384, bits=256/256`.
pub(super) fn session(fields: Fields<'_>) -> Option<TlsState> {
    let (version, cipher) = (fields.get("version")?, fields.get("cipher")?);
    let bits = fields.get("bits").and_then(|bits| bits.split('/').next());
    Some(TlsState::from_macros(
        Some(version.as_bytes()),
        Some(cipher.as_bytes()),
        bits.map(str::as_bytes),
    ))
}

/// What Sendmail found of the server's certificate (`verify=`).
pub(super) fn trust(verify: &str) -> Trust {
    match verify {
        // By TLSA records.
        "TRUSTED" => Trust::Verified,
        "OK" => Trust::Trusted,
        "NO" => Trust::Anonymous,
        _ => Trust::Untrusted,
    }
}

/// Another host: `mx.test [192.0.2.1]`, `[192.0.2.1]`, `x@mx.test [192.0.2.1] (may be forged)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Relay {
    /// Its name; none where it has none, or the address does not have it.
    pub name: Option<DomainName>,
    pub address: Option<IpAddr>,
}

impl Relay {
    pub fn read(text: &str) -> Self {
        let address = text.rsplit_once('[').and_then(|(_, rest)| rest.split_once(']'));
        // The end of a line that was cut is another address.
        let address = address.map(|(address, _)| address.trim_start_matches("IPv6:"));
        let address = address.and_then(|address| address.parse().ok());
        let name = text.split([' ', '[']).next().unwrap_or_default();
        let name = name.rsplit('@').next().unwrap_or_default();
        let name = (!text.ends_with("(may be forged)")).then_some(name);
        Self {
            name: name.and_then(|name| DomainName::parse(name.trim_end_matches('.')).ok()),
            address: address.map(|address: IpAddr| address.to_canonical()),
        }
    }

    /// Its name, or else its address.
    pub fn shown(&self) -> String {
        let name = self.name.as_ref().map(DomainName::to_string);
        name.or_else(|| self.address.map(|address| address.to_string())).unwrap_or_default()
    }
}

/// The addresses in `<a@b.test>,<c@d.test>, ctladdr=..`, without their angle brackets, and what follows them.
/// None where one does not end, or has a comment, which a client may write without brackets: it can hold what looks
/// like fields. None where one is the end of another one: Sendmail breaks a long list at a comma, also within an
/// address (`deliver.c`, `logdelivery()`).
pub(super) fn addresses(text: &str) -> (Vec<&str>, &str) {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let (address, next) = match crate::postfix_log::line::address(rest, "") {
            Some(bracketed) => bracketed,
            // All that follows may be of it.
            None if rest.starts_with('<') => return (Vec::new(), ""),
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest.get(..end).unwrap_or_default(), rest.get(end..).unwrap_or_default())
            }
        };
        if address.contains(['"', '<', '>', '(', ')']) && !rest.starts_with('<') {
            return (Vec::new(), "");
        }
        if !address.is_empty() {
            found.push(address);
        }
        match next.strip_prefix(',') {
            Some(next) if !next.starts_with(' ') => rest = next,
            Some(next) => return (found, next.trim_start()),
            None => return (found, next),
        }
    }
}

/// The address in `arg1=<u@d.test>, relay=mx.test [192.0.2.1], reject=..`, which may be without brackets, and the fields
/// behind it. None where nobody can tell where it ends.
pub(super) fn argument(text: &str) -> Option<(&str, Fields<'_>)> {
    let text = text.strip_prefix("arg1=")?;
    let (address, rest) = match crate::postfix_log::line::address(text, "") {
        Some(bracketed) => bracketed,
        None if text.starts_with('<') => return None,
        None => {
            let local = crate::postfix_log::line::quoted(text)?;
            let end = local + text.get(local..)?.find(", ")?;
            text.split_at_checked(end)?
        }
    };
    let fields = rest.strip_prefix(", ")?;
    // A local part that is not quoted.
    let is_ambiguous = fields.contains(">, ");
    (!is_ambiguous).then_some((address, Fields(fields)))
}

/// What became of a delivery, from `dsn=` and `stat=`; none of what was only put into the queue.
pub(super) fn status(dsn: &str, stat: &str) -> Option<DeliveryStatus> {
    if stat.starts_with("queued") {
        return None;
    }
    // It waited too long.
    if stat.starts_with("Cannot send") {
        return Some(DeliveryStatus::Bounced);
    }
    match dsn.bytes().next() {
        Some(b'2') => Some(DeliveryStatus::Sent),
        Some(b'4') => Some(DeliveryStatus::Deferred),
        Some(b'5') => Some(DeliveryStatus::Bounced),
        _ if stat.starts_with("Sent") => Some(DeliveryStatus::Sent),
        _ if stat.starts_with("Deferred") => Some(DeliveryStatus::Deferred),
        _ => Some(DeliveryStatus::Bounced),
    }
}

/// Why, from what Sendmail says itself (`stat=`) and what the server said (`reply=`).
pub(super) fn reason(stat: &str, reply: &str, dsn: &str) -> (DeliveryReason, String) {
    use DeliveryReason as Reason;
    let said = stat.strip_prefix("Deferred: ").unwrap_or(stat);
    if said.contains("TLS handshake failed") {
        return (Reason::HandshakeFailed, String::new());
    }
    for (begin, words) in [
        ("Connection refused by ", "Connection refused"),
        ("Connection timed out with ", "Connection timed out"),
        ("Connection reset by ", "Connection reset"),
        ("No route to host", "No route to host"),
        ("Network is unreachable", "Network is unreachable"),
        ("Operation timed out with ", "Operation timed out"),
    ] {
        if said.starts_with(begin) {
            return (Reason::Connection, words.to_owned());
        }
    }
    if said.starts_with("Host unknown") || said.starts_with("Name server: ") {
        return (Reason::Dns, String::new());
    }
    let codes = if reply.is_empty() { codes(said) } else { codes(reply) };
    if codes.is_empty() { (Reason::Other, plain(dsn)) } else { (Reason::Reply, codes) }
}

/// Why a ruleset of TLS put a recipient off: `454 4.7.0 encryption too weak 0 less than 112`.
pub(super) fn demand(reject: &str) -> (DeliveryReason, String) {
    use DeliveryReason as Reason;
    let (code, text) = reject.split_once(' ').unwrap_or_default();
    let text = text.split_once(' ').map_or(text, |(_, text)| text);
    let words = plain(text);
    let kind = if text.contains("handshake failed") {
        Reason::HandshakeFailed
    } else if text.contains("encryption") {
        Reason::TlsNotOffered
    } else if text.contains("does not match") || text.contains("CN") {
        Reason::CertificateNotMatched
    } else if text.contains("authentication") || text.contains("cert") {
        Reason::CertificateNotTrusted
    } else {
        return (Reason::Reply, plain(code));
    };
    (kind, if kind == Reason::HandshakeFailed { String::new() } else { words })
}

/// Why a handshake failed: `accept failed=-1, reason=no shared cipher, SSL_error=1, ..`.
pub(super) fn failure(fields: Fields<'_>) -> Option<TlsFailure> {
    fields.get("reason").map(TlsFailure::new)
}

/// The same in `error:0A0000C1:SSL routines::no shared cipher:../ssl/statem/statem_srvr.c:2226:`.
pub(super) fn library(text: &str) -> Option<TlsFailure> {
    let mut parts = text.split(':').skip_while(|part| !part.ends_with("error")).skip(4);
    parts.next().filter(|cause| !cause.is_empty()).map(TlsFailure::new)
}
