//! The values that stand in a policy: dates, networks, addresses.

use super::names;
use crate::yaml::{Decoder, Node};
use ipnet::IpNet;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use policy::{Pattern, tls::certificate::CertificateNames};
use std::net::IpAddr;

/// The first moment of a day that is given as `2027-01-01` (UTC), or the moment that is given as
/// `2027-01-01T08:00:00+01:00`.
pub(super) fn from_date(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Timestamp> {
    moment(decoder, node, Some)
}

/// The end of a day that is given as `2026-12-31` (UTC), or the moment that is given in full.
pub(super) fn until_date(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Timestamp> {
    moment(decoder, node, |day| day.checked_add(1.day()).ok())
}

/// Reads a day, of which `of_day` tells the first moment to take (in UTC), or a moment.
pub(super) fn parse_moment(text: &str, of_day: impl Fn(Date) -> Option<Date>) -> Option<Timestamp> {
    if text.len() > "2027-01-01".len() {
        return text.parse().ok();
    }
    let day = of_day(text.parse().ok()?)?;
    TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
}

fn moment(
    decoder: &mut Decoder<'_>,
    node: Node<'_>,
    of_day: impl Fn(Date) -> Option<Date>,
) -> Option<Timestamp> {
    let text = decoder.text(node, "a date")?;
    parse_moment(text, of_day).or_else(|| {
        decoder.wrong(
            node,
            format!("`{}` is not a date", text.escape_debug()),
            "write a day as 2027-01-31 (in UTC), or a moment as 2027-01-31T08:00:00+01:00",
        )
    })
}

/// Networks and single addresses; one may stand without a list.
pub(super) fn networks(decoder: &mut Decoder<'_>, node: Node<'_>) -> Vec<IpNet> {
    let items = decoder.one_or_more(node);
    items.iter().filter_map(|item| network(decoder, item)).collect()
}

fn network(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<IpNet> {
    let text = decoder.text(node, "a network")?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let Some(network) =
        bare.parse::<IpNet>().ok().or_else(|| bare.parse::<IpAddr>().ok().map(IpNet::from))
    else {
        return decoder.wrong(
            node,
            format!("`{}` is not a network", text.escape_debug()),
            "write 192.0.2.0/24, 192.0.2.1, 2001:db8::/32 or 2001:db8::1",
        );
    };
    if network.trunc() != network {
        let help = format!(
            "write {} for the network, or {} for the one address",
            network.trunc(),
            network.addr()
        );
        return decoder.wrong(node, "this address has bits set beyond the network's length", help);
    }
    if matches!(network.addr(), IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some()) {
        return decoder.wrong(
            node,
            "this is an IPv4 network in IPv6 form",
            "write it as an IPv4 network",
        );
    }
    Some(network)
}

/// A mailbox, domain or wildcard. One that is hardly meant is worth a warning.
pub(super) fn pattern(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Pattern> {
    let text = decoder.text(node, "a domain")?;
    match names::read(text) {
        Ok(pattern) => {
            if let Some(names::Remark { message, help }) = names::doubt(text, &pattern) {
                decoder.problems.warn(node.span, message, help);
            }
            Some(pattern)
        }
        Err(names::Remark { message, help }) => decoder.wrong(node, message, help),
    }
}

/// A domain or wildcard.
pub(super) fn domain_pattern(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Pattern> {
    match pattern(decoder, node)? {
        pattern @ (Pattern::Domain(_) | Pattern::Below(_)) => Some(pattern),
        _ => decoder.wrong(
            node,
            "a sender is named by domain here",
            "write example.org or \"*.example.org\"",
        ),
    }
}

/// The names of a client certificate.
pub(super) fn certificate(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<CertificateNames> {
    let mut fields = decoder.fields(node, "`client_certificate`")?;
    let mut name = |field| {
        let text = fields.read(decoder, field, |decoder, node| decoder.text(node, "a name"));
        text.map(str::to_owned)
    };
    let names = CertificateNames { subject: name("subject"), issuer: name("issuer") };
    decoder.finish(fields);
    if names == CertificateNames::default() {
        return decoder.wrong(
            node,
            "a client certificate is named by its subject, its issuer, or both",
            "add `subject: mx.example.org`, the common name of the certificate",
        );
    }
    Some(names)
}

/// A mail address.
pub(super) fn mail_address(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<String> {
    let text = decoder.text(node, "a mail address")?;
    match names::read(text) {
        Ok(Pattern::Mailbox(..)) => Some(text.to_owned()),
        _ => decoder.wrong(node, format!("`{}` is not a mail address", text.escape_debug()), ""),
    }
}
