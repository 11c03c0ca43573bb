//! What clients offer in a handshake.

use openssl::ssl::SslVersion;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use crate::differential::model::Kind;
use crate::differential::session::Door;
use crate::support::Tls;

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

/// What may be offered at a door.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// From SSL 3 on, and no certificates.
    Weak,
    /// No anonymous ciphers: a Postfix that asks for certificates takes none.
    Postfix,
    Sendmail,
}

impl Offer {
    pub fn at(kind: Kind, door: &Door) -> Self {
        match (kind, door) {
            (Kind::Sendmail, _) => Self::Sendmail,
            (Kind::Postfix, Door::Weak) => Self::Weak,
            (Kind::Postfix, _) => Self::Postfix,
        }
    }
}

/// What a client offers, such that the MTA takes some of it.
pub fn tls(offer: Offer) -> BoxedStrategy<Tls> {
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
