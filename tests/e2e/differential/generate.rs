//! Policies and sessions at random, the same for the same seed.

use std::net::Ipv4Addr;

use openssl::ssl::SslVersion;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use proptest::test_runner::{RngSeed, TestRunner};

use super::model::{Kind, STRANGER};
use super::policy::{Entry, Exception, Mode, Network, Policy, Reply, Terms};
use super::requirement::{Property, Requirement, VERSIONS};
use super::session::{Body, Command, Door, Mailbox, Recipient, Sender, Session, Spelling, Turn};
use crate::support::Tls;

/// The domains of recipients; the MTA does not relay for the last.
pub const DOMAINS: [&str; 9] = [
    "one.test",
    "two.test",
    "three.test",
    "sub.one.test",
    "wild.test",
    "a.wild.test",
    "c.b.wild.test",
    "xn--bcher-kva.test",
    STRANGER,
];

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

const SENDERS: [&str; 4] = ["partner.test", "mx.partner.test", "other.test", "one.test"];
const SENDER_NAMES: [&str; 4] = ["partner.test", "*.partner.test", "other.test", "*"];

const CLIENTS: [Ipv4Addr; 4] = [
    Ipv4Addr::LOCALHOST,
    Ipv4Addr::new(127, 0, 0, 11),
    Ipv4Addr::new(127, 0, 0, 12),
    Ipv4Addr::new(127, 0, 9, 1),
];

/// Clients that a proxy may name.
const FAR_CLIENTS: [Ipv4Addr; 4] =
    [Ipv4Addr::new(192, 0, 2, 7), Ipv4Addr::new(198, 51, 100, 9), CLIENTS[1], CLIENTS[3]];

const NETWORKS: [Network; 5] = [
    Network { address: CLIENTS[1], bits: 32 },
    Network { address: Ipv4Addr::new(127, 0, 0, 8), bits: 29 },
    Network { address: Ipv4Addr::new(127, 0, 9, 0), bits: 24 },
    Network { address: Ipv4Addr::new(192, 0, 2, 0), bits: 24 },
    Network { address: Ipv4Addr::new(198, 51, 100, 8), bits: 30 },
];

/// Ciphers, the first version that has them (as an index of [`VERSIONS`]), and whether only OpenSSL 1.1.1
/// still does.
const CIPHERS: [(&str, usize, bool); 24] = [
    ("AES128-SHA", 0, false),
    ("AES256-SHA", 0, false),
    ("DHE-RSA-AES256-SHA", 0, false),
    ("CAMELLIA128-SHA", 0, false),
    ("ADH-AES128-SHA", 0, false),
    ("NULL-SHA", 0, false),
    ("RC4-SHA", 0, true),
    ("RC4-MD5", 0, true),
    ("ADH-RC4-MD5", 0, true),
    ("DES-CBC3-SHA", 0, true),
    ("SEED-SHA", 0, true),
    ("ECDHE-RSA-AES128-SHA", 1, false),
    ("AECDH-AES256-SHA", 1, false),
    ("ECDHE-RSA-NULL-SHA", 1, false),
    ("ECDHE-RSA-RC4-SHA", 1, true),
    ("ECDHE-RSA-DES-CBC3-SHA", 1, true),
    ("AES128-GCM-SHA256", 3, false),
    ("NULL-SHA256", 3, false),
    ("ADH-AES256-GCM-SHA384", 3, false),
    ("DHE-RSA-AES128-GCM-SHA256", 3, false),
    ("ECDHE-RSA-AES128-GCM-SHA256", 3, false),
    ("ECDHE-RSA-AES256-GCM-SHA384", 3, false),
    ("ECDHE-RSA-CHACHA20-POLY1305", 3, false),
    ("ECDHE-RSA-AES256-SHA384", 3, false),
];

const SUITES: [&str; 3] =
    ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/// A runner that always generates the same from this seed.
pub fn runner(seed: u64) -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases: 1,
        failure_persistence: None,
        // Each is a session with a real MTA.
        max_shrink_iters: 500,
        rng_seed: RngSeed::Fixed(seed),
        ..ProptestConfig::default()
    })
}

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

pub fn session(kind: Kind) -> BoxedStrategy<Session> {
    // With QUIT; without it; without even reading the last answers.
    let ending = prop_oneof![
        3 => Just((Some(Turn { command: Command::Quit, joined: false }), false)),
        1 => Just((None, false)),
        1 => Just((None, true)),
    ];
    door(kind)
        .prop_flat_map(move |door| {
            let moves = prop::collection::vec(a_move(kind, &door), 0..7);
            let opening = opening(kind, &door);
            let pipelines = any::<bool>();
            (select(CLIENTS.to_vec()), opening, moves, pipelines, ending.clone()).prop_map(
                move |(source, opening, moves, pipelines, (quit, hangs_up_unread))| {
                    let turns = opening.into_iter().chain(moves.into_iter().flatten()).chain(quit);
                    // Sendmail takes nothing together with a HELO.
                    let may_join = |command: &Command| {
                        kind == Kind::Postfix || !matches!(command, Command::Helo | Command::Ehlo)
                    };
                    let joined = |turn: Turn| Turn {
                        joined: turn.joined && pipelines && may_join(&turn.command),
                        ..turn
                    };
                    let turns = turns.map(joined).collect();
                    Session { door: door.clone(), source, turns, hangs_up_unread }
                },
            )
        })
        .boxed()
}

fn door(kind: Kind) -> BoxedStrategy<Door> {
    match kind {
        Kind::Postfix => prop_oneof![
            4 => Just(Door::Smtp),
            1 => tls(Offer::Postfix).prop_map(Door::Smtps),
            2 => Just(Door::Submission),
            1 => Just(Door::Postscreen),
            1 => select(FAR_CLIENTS.to_vec()).prop_map(Door::HaProxy),
            1 => Just(Door::Xclient),
            1 => Just(Door::Chroot),
            5 => Just(Door::Weak),
        ]
        .boxed(),
        Kind::Sendmail => prop_oneof![
            5 => Just(Door::Smtp),
            1 => tls(Offer::Sendmail).prop_map(Door::Smtps),
        ]
        .boxed(),
    }
}

fn opening(kind: Kind, door: &Door) -> BoxedStrategy<Vec<Turn>> {
    let hello = prop_oneof![1 => Just(Command::Helo), 3 => Just(Command::Ehlo)];
    let hello = turn(hello).prop_map(|turn| vec![turn]);
    prop_oneof![1 => Just(vec![]), 3 => hello.clone(), 5 => then(hello, encrypt(kind, door))]
        .boxed()
}

/// Some commands that belong together.
fn a_move(kind: Kind, door: &Door) -> BoxedStrategy<Vec<Turn>> {
    let stray = prop::collection::vec(turn(stray()), 1..3);
    let special = match (kind, door) {
        (Kind::Sendmail, _) | (_, Door::Submission) => {
            turn(prop::bool::weighted(0.8).prop_map(Command::Auth))
                .prop_map(|one| vec![one])
                .boxed()
        }
        (_, Door::Xclient) => turn(select(FAR_CLIENTS.to_vec()).prop_map(Command::Xclient))
            .prop_map(|one| vec![one])
            .boxed(),
        _ => stray.clone().boxed(),
    };
    prop_oneof![7 => message(), 2 => encrypt(kind, door), 1 => stray, 1 => special].boxed()
}

fn encrypt(kind: Kind, door: &Door) -> BoxedStrategy<Vec<Turn>> {
    let starttls = turn(tls(Offer::at(kind, door)).prop_map(Command::StartTls));
    (starttls, prop::option::weighted(0.8, turn(Just(Command::Ehlo))))
        .prop_map(|(starttls, ehlo)| [starttls].into_iter().chain(ehlo).collect())
        .boxed()
}

fn message() -> BoxedStrategy<Vec<Turn>> {
    let rcpt = prop_oneof![
        12 => recipient().prop_map(Command::Rcpt),
        1 => select(vec![Command::Noop, Command::Vrfy, Command::Unknown]),
    ];
    let end = prop_oneof![
        8 => Just(Some(Command::Data(Body::Whole))),
        2 => Just(Some(Command::Rset)),
        1 => Just(None),
        1 => Just(Some(Command::Data(Body::Broken))),
    ];
    let end = (end, any::<bool>())
        .prop_map(|(command, joined)| command.map(|command| Turn { command, joined }));
    (turn(sender().prop_map(Command::Mail)), prop::collection::vec(turn(rcpt), 0..5), end)
        .prop_map(|(mail, rcpts, end)| [mail].into_iter().chain(rcpts).chain(end).collect())
        .boxed()
}

fn stray() -> BoxedStrategy<Command> {
    prop_oneof![
        Just(Command::Noop),
        Just(Command::Rset),
        Just(Command::Vrfy),
        Just(Command::Ehlo),
        Just(Command::Helo),
        Just(Command::Unknown),
        Just(Command::Data(Body::Whole)),
        sender().prop_map(Command::Mail),
        recipient().prop_map(Command::Rcpt),
    ]
    .boxed()
}

fn turn(command: impl Strategy<Value = Command> + 'static) -> BoxedStrategy<Turn> {
    (command, prop::bool::weighted(0.7))
        .prop_map(|(command, joined)| Turn { command, joined })
        .boxed()
}

fn then(
    first: impl Strategy<Value = Vec<Turn>>,
    second: impl Strategy<Value = Vec<Turn>>,
) -> impl Strategy<Value = Vec<Turn>> {
    (first, second).prop_map(|(first, second)| [first, second].concat())
}

fn sender() -> BoxedStrategy<Sender> {
    (prop::option::weighted(0.85, select(SENDERS.to_vec())), spelling())
        .prop_map(|(domain, spelling)| Sender { domain, spelling })
        .boxed()
}

fn recipient() -> BoxedStrategy<Recipient> {
    let mailbox = prop_oneof![
        12 => Just(Mailbox::Tagged),
        2 => Just(Mailbox::Extended),
        1 => Just(Mailbox::Quoted),
        3 => Just(Mailbox::Boss),
        3 => Just(Mailbox::BossExtended),
    ];
    (mailbox, select(DOMAINS.to_vec()), spelling())
        .prop_map(|(mailbox, domain, spelling)| Recipient { mailbox, domain, spelling })
        .boxed()
}

fn spelling() -> impl Strategy<Value = Spelling> {
    prop_oneof![
        6 => Just(Spelling::Plain),
        1 => Just(Spelling::Capitals),
        1 => Just(Spelling::Initials),
        1 => Just(Spelling::Dot),
    ]
}

/// What may be offered at a door.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Offer {
    /// From SSL 3 on, and no certificates.
    Weak,
    /// No anonymous ciphers: a Postfix that asks for certificates takes none.
    Postfix,
    Sendmail,
}

impl Offer {
    fn at(kind: Kind, door: &Door) -> Self {
        match (kind, door) {
            (Kind::Sendmail, _) => Self::Sendmail,
            (Kind::Postfix, Door::Weak) => Self::Weak,
            (Kind::Postfix, _) => Self::Postfix,
        }
    }
}

/// What a client offers, such that the MTA takes some of it.
fn tls(offer: Offer) -> BoxedStrategy<Tls> {
    const PROTOCOLS: [SslVersion; 5] = [
        SslVersion::SSL3,
        SslVersion::TLS1,
        SslVersion::TLS1_1,
        SslVersion::TLS1_2,
        SslVersion::TLS1_3,
    ];
    let maximum = match offer {
        Offer::Weak => vec![0, 0, 1, 2, 3, 3, 4],
        Offer::Postfix | Offer::Sendmail => vec![1, 2, 3, 3, 3, 4, 4],
    };
    let certificate = match offer {
        Offer::Weak => vec![None],
        Offer::Postfix | Offer::Sendmail => vec![None, None, None, Some("client"), Some("rogue")],
    };
    let picks = prop::collection::vec(any::<Index>(), 1..4);
    let suites = subsequence(SUITES.to_vec(), 1..=SUITES.len()).prop_shuffle();
    (select(maximum), any::<Index>(), picks, suites, select(certificate))
        .prop_map(move |(maximum, minimum, picks, suites, certificate)| {
            let minimum = minimum.index(maximum + 1);
            // Each does for the newest version, which is the one that is taken.
            let is_known = |(name, since, is_weak): &(&str, usize, bool)| {
                *since <= maximum
                    && (offer == Offer::Weak || !is_weak)
                    && (offer != Offer::Postfix
                        || !name.starts_with('A')
                        || name.starts_with("AES"))
            };
            let known: Vec<_> = CIPHERS.into_iter().filter(is_known).collect();
            let ciphers: Vec<_> =
                picks.iter().map(|pick| known[pick.index(known.len())].0).collect();
            let versions = [PROTOCOLS[minimum], PROTOCOLS[maximum]];
            let tls = Tls::range(versions, ciphers.join(":"), suites.join(":"));
            match certificate {
                Some(name) => tls.with_certificate(name),
                None => tls,
            }
        })
        .boxed()
}
