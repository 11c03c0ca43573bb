//! Policies over the domains, senders and clients of the sessions.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{CLIENTS, SENDERS};
use crate::differential::model::STRANGER;
use crate::differential::policy::{Entry, Exception, Mode, Network, Policy, Reply, Terms};
use crate::differential::requirement::{Property, Requirement, VERSIONS};

/// What the policy may name.
const NAMES: [&str; 14] = [
    "one.test",
    "two.test",
    "three.test",
    "sub.one.test",
    "xn--bcher-kva.test",
    STRANGER,
    "*.one.test",
    "*.wild.test",
    "*.b.wild.test",
    "a.wild.test",
    "*.test",
    "boss@one.test",
    "boss@two.test",
    "boss@a.wild.test",
];

/// And which senders.
const SENDER_NAMES: [&str; 4] = ["partner.test", "*.partner.test", "other.test", "*"];

const NETWORKS: [Network; 5] = [
    Network { address: CLIENTS[1], bits: 32 },
    Network { address: Ipv4Addr::new(127, 0, 0, 8), bits: 29 },
    Network { address: Ipv4Addr::new(127, 0, 9, 0), bits: 24 },
    Network { address: Ipv4Addr::new(192, 0, 2, 0), bits: 24 },
    Network { address: Ipv4Addr::new(198, 51, 100, 8), bits: 30 },
];

pub fn policy() -> BoxedStrategy<Policy> {
    let own = ["own-0", "own-1", "own-2"].map(requirement);
    let networks = prop_oneof![3 => Just(vec![]), 1 => subsequence(NETWORKS.to_vec(), 1..3)];
    let star = prop_oneof![6 => Just(None), 1 => entry("*").prop_map(Some)];
    let domains = (NAMES.map(|name| prop::option::weighted(0.55, entry(name))), star);
    let senders = SENDER_NAMES
        .map(|name| prop::option::weighted(if name == "*" { 0.1 } else { 0.4 }, entry(name)));
    // The defaults know no `enforce_from`.
    let default = terms().prop_map(|terms| match terms.mode {
        Some(Mode::EnforceSince | Mode::EnforceFrom) => Terms { mode: None, ..terms },
        _ => terms,
    });
    (default, own, networks, any::<bool>(), domains, senders)
        .prop_map(|(default, own, trusted, trusts_authenticated, (domains, star), senders)| {
            Policy {
                default,
                requirements: [
                    Requirement::baseline(),
                    Requirement::rfc9325(),
                    Requirement::rfc9325_strict(),
                ]
                .into_iter()
                .chain(own)
                .collect(),
                trusted,
                trusts_authenticated,
                domains: domains.into_iter().flatten().chain(star).collect(),
                senders: senders.into_iter().flatten().collect(),
            }
        })
        .boxed()
}

fn requirement(name: &'static str) -> BoxedStrategy<Requirement> {
    let properties = vec![
        Property::TripleDes,
        Property::Anonymous,
        Property::StaticRsa,
        Property::Camellia,
        Property::Aes128,
        Property::Chacha20,
        Property::Sha1,
        Property::Dhe,
    ];
    (
        select(VERSIONS[1..].to_vec()),
        select(vec![0, 112, 128, 256]),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
        subsequence(properties, 0..4),
        prop::bool::weighted(0.2),
    )
        .prop_map(move |(min_version, min_bits, forward_secrecy, aead, forbid, certificate)| {
            let is_built_in = false;
            Requirement {
                name,
                is_built_in,
                min_version,
                min_bits,
                forward_secrecy,
                aead,
                forbid,
                certificate,
            }
        })
        .boxed()
}

fn entry(name: &'static str) -> BoxedStrategy<Entry> {
    let exceptions = prop_oneof![2 => Just(vec![]), 1 => prop::collection::vec(exception(), 1..3)];
    (terms(), exceptions)
        .prop_map(move |(terms, exceptions)| Entry { name, terms, exceptions })
        .boxed()
}

fn terms() -> BoxedStrategy<Terms> {
    let mode = prop_oneof![
        2 => Just(None),
        1 => Just(Some(Mode::Off)),
        1 => Just(Some(Mode::Monitor)),
        3 => Just(Some(Mode::Enforce)),
        1 => Just(Some(Mode::EnforceSince)),
        1 => Just(Some(Mode::EnforceFrom)),
    ];
    let reply = prop_oneof![
        2 => Just(None),
        3 => Just(Some(Reply::Telling(450))),
        1 => Just(Some(Reply::Telling(550))),
    ];
    let require =
        prop_oneof![1 => Just(None), 1 => Just(Some(0)), 3 => (1..6_usize).prop_map(Some)];
    (mode, require, reply).prop_map(|(mode, require, reply)| Terms { mode, require, reply }).boxed()
}

fn exception() -> BoxedStrategy<Exception> {
    let over = prop_oneof![3 => Just(None), 1 => any::<bool>().prop_map(Some)];
    let client = prop::option::of(select(NETWORKS.to_vec()));
    let sender = prop::option::of(select(SENDERS.to_vec()));
    (client, sender, prop::bool::weighted(0.2), over)
        .prop_map(|(client, sender, certificate, over)| {
            // One of them has to be named.
            let certificate = certificate || client.is_none() && sender.is_none();
            Exception { client, sender, certificate, over }
        })
        .boxed()
}
