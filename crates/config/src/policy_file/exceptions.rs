//! Who is let through although an entry would refuse.

use super::values;
use crate::yaml::{Decoder, Node};
use ipnet::IpNet;
use jiff::Timestamp;
use policy::Exception;

/// Reads `exceptions`.
pub(super) fn read(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Vec<Exception>> {
    let items = decoder.list(node, "`exceptions`")?;
    Some(items.iter().filter_map(|item| exception(decoder, item)).collect())
}

/// The end of an exception; one that is over already is worth a warning.
fn end_of(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Timestamp> {
    let end = values::until_date(decoder, node)?;
    if end <= Timestamp::now() {
        decoder.problems.warn(node.span, "this exception is over", "remove it, or extend it");
    }
    Some(end)
}

/// The networks of an exception. An empty list would let every client through, which is not what it
/// looks like, so it is an error.
fn client_networks(decoder: &mut Decoder<'_>, node: Node<'_>) -> Vec<IpNet> {
    if decoder.one_or_more(node).is_empty() {
        decoder.problems.add(node.span, "`client` names no network", "add one, or leave it out");
    }
    let networks = values::networks(decoder, node);
    if networks.iter().any(|network| network.prefix_len() == 0) {
        decoder.problems.warn(node.span, "this exception is for every client", "");
    }
    networks
}

fn exception(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Exception> {
    let mut fields = decoder.fields(node, "an exception")?;
    let clients = fields.take("client");
    let sender = fields.take("sender");
    let certificate = fields.take("client_certificate");
    let end = fields.take("until");
    let reason = fields.take("reason");
    decoder.finish(fields);
    if clients.is_none() && sender.is_none() && certificate.is_none() {
        decoder.problems.add(
            node.span,
            "an exception names a client network, a sender domain, a client certificate, or several of these",
            "add `client: 192.0.2.0/24` or `sender: example.net`",
        );
    }
    if reason.is_none() {
        decoder.problems.add(node.span, "an exception states its reason", "add `reason: \"...\"`");
    }
    Some(Exception {
        clients: clients.map(|node| client_networks(decoder, node)).unwrap_or_default(),
        sender: sender.and_then(|node| values::domain_pattern(decoder, node)),
        certificate: certificate.and_then(|node| values::certificate(decoder, node)),
        end: end.and_then(|node| end_of(decoder, node)),
        reason: reason
            .and_then(|node| decoder.text(node, "`reason`"))
            .unwrap_or_default()
            .to_owned(),
    })
}
