//! Policies and sessions at random, the same for the same seed.

mod offer;
mod policy;
mod session;

pub use policy::policy;
pub use session::session;

use std::net::Ipv4Addr;

use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::model::STRANGER;

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

/// The domains of senders.
const SENDERS: [&str; 4] = ["partner.test", "mx.partner.test", "other.test", "one.test"];

/// Addresses on the loopback network that clients connect from.
const CLIENTS: [Ipv4Addr; 4] = [
    Ipv4Addr::LOCALHOST,
    Ipv4Addr::new(127, 0, 0, 11),
    Ipv4Addr::new(127, 0, 0, 12),
    Ipv4Addr::new(127, 0, 9, 1),
];

/// Clients that a proxy may name.
const FAR_CLIENTS: [Ipv4Addr; 4] =
    [Ipv4Addr::new(192, 0, 2, 7), Ipv4Addr::new(198, 51, 100, 9), CLIENTS[1], CLIENTS[3]];

/// A runner that always generates the same from this seed.
pub fn runner(seed: u64) -> TestRunner {
    TestRunner::new(Config {
        cases: 1,
        failure_persistence: None,
        // Each is a session with a real MTA.
        max_shrink_iters: 500,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    })
}
