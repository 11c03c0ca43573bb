//! One line of a delivery: `to=<..>, orig_to=<..>, relay=HOST[ADDRESS]:PORT, .., status=sent (..)`.

use crate::model::delivery::DeliveryStatus;
use crate::postfix_log::line::{address, is_cut_within};
use std::net::IpAddr;

/// What a line says of the delivery to one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postfix_log) struct DeliveryLine<'l> {
    /// The recipient, as it was routed.
    pub to: &'l str,
    /// What the client wrote, before aliases; the same where nothing changed it.
    pub recipient: &'l str,
    /// What follows the addresses: fields that only Postfix writes, up to what servers say.
    pub rest: &'l str,
}

/// Before what the client wrote.
const ORIGINAL: &str = ", orig_to=";

impl<'l> DeliveryLine<'l> {
    /// Reads what follows the queue id.
    pub fn read(text: &'l str) -> Option<Self> {
        let (to, rest) = address(text, "to=")?;
        // Directly behind, for further on the line quotes what servers say.
        match address(rest, ORIGINAL) {
            Some((recipient, rest)) => Some(Self { to, recipient, rest }),
            None if is_cut_within(rest, ORIGINAL) => None,
            None => Some(Self { to, recipient: to, rest }),
        }
    }

    /// Whether the line was cut within one of the addresses.
    pub fn is_cut(text: &str) -> bool {
        is_cut_within(text, "to=")
            || address(text, "to=").is_some_and(|(_, rest)| is_cut_within(rest, ORIGINAL))
    }

    /// Whether one of the addresses may end further on: what follows it is once more what follows an
    /// address. Nobody can tell what the recipient is, and all the rest may be of its making.
    pub fn is_ambiguous(&self) -> bool {
        let again =
            [">, relay=", ">, orig_to="].iter().filter_map(|next| self.rest.find(next)).min();
        again.and_then(|at| self.rest.get(at..)).is_some_and(|rest| rest.contains(", status="))
    }

    /// The fields; none of a line that tells of no delivery, such as that of a probe of an address.
    pub fn fields(&self) -> Option<Fields<'l>> {
        let mut fields = Fields::default();
        let mut rest = self.rest;
        loop {
            let field = rest.strip_prefix(", ").or_else(|| rest.strip_prefix(','))?;
            let (name, value) = field.split_once('=')?;
            if name == "status" {
                let (word, text) = value.split_once(' ').unwrap_or((value, ""));
                fields.status = match word {
                    "sent" => DeliveryStatus::Sent,
                    // soft_bounce: what would have gone back stays in the queue.
                    "deferred" | "SOFTBOUNCE" => DeliveryStatus::Deferred,
                    "bounced" => DeliveryStatus::Bounced,
                    _ => return None,
                };
                let text = text.strip_prefix('(').unwrap_or(text);
                fields.text = text.strip_suffix(')').unwrap_or(text);
                return Some(fields);
            }
            let end = value.find(',').unwrap_or(value.len());
            let (value, next) = value.split_at_checked(end)?;
            match name {
                "relay" => fields.relay = value,
                "delays" => {
                    let end = value.match_indices('/').nth(1).map_or(value.len(), |(at, _)| at);
                    fields.waited = value.get(..end).unwrap_or_default();
                }
                "tls" => fields.tls = value,
                "dsn" => fields.dsn = value,
                _ => {}
            }
            rest = next;
        }
    }
}

/// The fields of a delivery. What is not there is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postfix_log) struct Fields<'l> {
    pub relay: &'l str,
    /// How long the message had been there when Postfix took it up for this attempt, and how long it then took
    /// until a process had it, in seconds: the first two of `delays`. They are the same for all recipients of
    /// one request to a process, and hardly for those of two.
    pub waited: &'l str,
    pub tls: &'l str,
    pub dsn: &'l str,
    pub status: DeliveryStatus,
    /// What the line says in brackets: in the words of Postfix, of the library or of a server.
    pub text: &'l str,
}

impl Default for Fields<'_> {
    fn default() -> Self {
        Self { relay: "", waited: "", tls: "", dsn: "", status: DeliveryStatus::Sent, text: "" }
    }
}

/// Whole seconds of the first of some delays.
pub(in crate::postfix_log) fn seconds(delays: &str) -> u32 {
    delays.split(['.', '/']).next().and_then(|whole| whole.parse().ok()).unwrap_or_default()
}

/// A server, as Postfix names it: `mx.test[192.0.2.25]:25`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::postfix_log) struct Peer {
    /// Its name, or its address again where it was named by that; empty where neither can be read.
    pub name: String,
    /// None where it is a socket of this host.
    pub address: Option<IpAddr>,
}

impl Peer {
    /// Reads a server; none where there is no `NAME[..]`.
    pub fn read(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('[')?;
        let (address, _) = rest.split_once(']')?;
        let address = address.split('%').next().unwrap_or_default();
        let address = address.parse().ok().map(|address: IpAddr| address.to_canonical());
        Some(Self { name: host(name), address })
    }

    /// The server that a text of Postfix's own begins to tell of: `connect to mx.test[192.0.2.25]:25: ..`,
    /// `host mx.test[192.0.2.25] said: ..`.
    pub fn named_in(text: &str) -> Option<Self> {
        text.split(' ').take(16).find_map(|word| {
            let peer = Self::read(word)?;
            (peer.address.is_some() && !peer.name.is_empty()).then_some(peer)
        })
    }

    /// Whether it is this host itself.
    pub fn is_here(&self) -> bool {
        is_here(self.address)
    }
}

/// Whether a server at this address is this host itself; one without an address is a socket.
pub(in crate::postfix_log) fn is_here(address: Option<IpAddr>) -> bool {
    match address {
        // 127.0.0.1 alone: the others may well be tunnels to another host.
        Some(IpAddr::V4(address)) => address.octets() == [127, 0, 0, 1],
        Some(IpAddr::V6(address)) => address.is_loopback(),
        None => true,
    }
}

/// A name of a host or an address, in lower case; empty where it is neither.
fn host(text: &str) -> String {
    let is_of_host =
        |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_' | b':');
    if text.len() > 255 || !text.bytes().all(is_of_host) {
        return String::new();
    }
    text.to_ascii_lowercase()
}

/// What `tls=` says (from Postfix 3.11 on).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postfix_log) enum Feature {
    /// Nothing: it is not there, or nothing was decided.
    Undecided,
    /// The connection was used, encrypted.
    Encrypted,
    /// The connection was used, in the clear.
    Plaintext,
    /// The connection was not used: it did not do what is demanded.
    Refused,
}

/// Level and outcome of `encrypt`, `!secure`, `may?`, `may:none`, `(dane:may)/requiretls`.
pub(in crate::postfix_log) fn feature(tls: &str) -> (&str, Feature) {
    let first = tls.split('/').next().unwrap_or_default();
    let first = first.strip_prefix('(').unwrap_or(first);
    let first = first.strip_suffix(')').unwrap_or(first);
    let (bare, is_undecided) = first.strip_suffix('?').map_or((first, false), |bare| (bare, true));
    let (level, is_refused) = bare.strip_prefix('!').map_or((bare, false), |bare| (bare, true));
    let is_level = |octet: u8| octet.is_ascii_lowercase() || octet == b'-' || octet == b':';
    if level.is_empty() || level == "unknown" || level.len() > 40 || !level.bytes().all(is_level) {
        return ("", Feature::Undecided);
    }
    let used = level.rsplit(':').next().unwrap_or_default();
    let feature = match (is_undecided, is_refused, used) {
        (true, ..) => Feature::Undecided,
        (_, true, _) => Feature::Refused,
        (.., "none") => Feature::Plaintext,
        _ => Feature::Encrypted,
    };
    (level, feature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_delivery_are_read_up_to_what_servers_say() {
        let line = "to=<u@d.example>, orig_to=<v@e.example>, relay=mx.test[192.0.2.25]:25, conn_use=2, delay=12, delays=12/0.01/0.05/0, tls=may:none, dsn=4.2.0, status=deferred (host mx.test[192.0.2.25] said: 450 4.2.0 no, relay=x, status=sent (really))";
        let line = DeliveryLine::read(line).unwrap();
        assert_eq!((line.to, line.recipient), ("u@d.example", "v@e.example"));
        let fields = line.fields().unwrap();
        assert_eq!((fields.relay, fields.waited), ("mx.test[192.0.2.25]:25", "12/0.01"));
        assert_eq!((fields.tls, fields.dsn), ("may:none", "4.2.0"));
        assert_eq!(fields.status, DeliveryStatus::Deferred);
        assert!(fields.text.starts_with("host mx.test") && fields.text.ends_with("(really)"));
        // Wietse Venema's own examples lack the blank before conn_use.
        let line = "to=<u@d.example>, relay=mx.test[192.0.2.25]:25,conn_use=2, delay=0.31, delays=0.06/0.05/0.07/0.12, tls=encrypt/(requiretls), dsn=2.0.0, status=sent (250 ok)";
        let fields = DeliveryLine::read(line).unwrap().fields().unwrap();
        assert_eq!((fields.relay, fields.text), ("mx.test[192.0.2.25]:25", "250 ok"));
        for none in [
            "to=<u@d.example>, relay=x, delay=1, dsn=2.1.5, status=deliverable (ok)",
            "to=<u@d.example>, relay=x, status=undeliverable (no)",
            "to=<u@d.example>",
            "to=<u@d.example>, relay",
            "to=<u@d.example> status=sent (x)",
        ] {
            assert_eq!(DeliveryLine::read(none).unwrap().fields(), None, "{none}");
        }
    }

    #[test]
    fn a_server_is_read_with_its_address_or_it_is_a_socket_of_this_host() {
        for (text, name, address, is_here) in [
            ("mx.test[192.0.2.25]:25", "mx.test", "192.0.2.25", false),
            ("MX.Test[2001:db8::25]:2525", "mx.test", "2001:db8::25", false),
            ("192.0.2.25[192.0.2.25]:25", "192.0.2.25", "192.0.2.25", false),
            ("localhost[127.0.0.1]:10024", "localhost", "127.0.0.1", true),
            ("ip6-localhost[::1]:24", "ip6-localhost", "::1", true),
            ("tunnel.test[127.0.0.2]:25", "tunnel.test", "127.0.0.2", false),
            ("mx.test[private/dovecot-lmtp]", "mx.test", "none", true),
            ("a\x1b[31mb[192.0.2.25]:25", "", "none", true),
            ("unknown[fe80::1%eth0]:25", "unknown", "fe80::1", false),
        ] {
            let peer = Peer::read(text).unwrap();
            assert_eq!((&*peer.name, peer.is_here()), (name, is_here), "{text}");
            assert_eq!(peer.address, address.parse().ok(), "{text}");
        }
        assert_eq!(Peer::read("none"), None);
        assert_eq!(Peer::read("local"), None);
        let said = "TLS is required, but was not offered by host mx.test[192.0.2.25]";
        assert_eq!(Peer::named_in(said).unwrap().name, "mx.test");
        assert_eq!(Peer::named_in("unable to look up host x: no [idea] at all"), None);
    }

    #[test]
    fn the_status_of_tls_features_says_level_and_outcome_in_all_its_forms() {
        for (tls, level, outcome) in [
            ("", "", Feature::Undecided),
            ("none", "none", Feature::Plaintext),
            ("may", "may", Feature::Encrypted),
            ("may?", "may", Feature::Undecided),
            ("may:none", "may:none", Feature::Plaintext),
            ("(may:none)", "may:none", Feature::Plaintext),
            ("dane", "dane", Feature::Encrypted),
            ("(dane:encrypt)", "dane:encrypt", Feature::Encrypted),
            ("dane:may:none", "dane:may:none", Feature::Plaintext),
            ("!encrypt", "encrypt", Feature::Refused),
            ("encrypt?", "encrypt", Feature::Undecided),
            ("encrypt?/!requiretls:nocertmatch", "encrypt", Feature::Undecided),
            ("secure/requiretls", "secure", Feature::Encrypted),
            ("may/(requiretls)", "may", Feature::Encrypted),
            ("secure/!requiretls:none", "secure", Feature::Encrypted),
            ("unknown?", "", Feature::Undecided),
            ("<b>", "", Feature::Undecided),
        ] {
            assert_eq!(feature(tls), (level, outcome), "{tls}");
        }
    }
}
