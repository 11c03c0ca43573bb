//! A test of the connection to an organisation's own server, before it is demanded that this be encrypted.
//!
//! The gateway connects to where it would deliver the domain's mail: to the next hops that the operator names, or to
//! the servers that DNS has for the domain; nobody who asks for a test says where. [`run`] finds the
//! servers (`target`, by `dns`) and has a session with each, up to the handshake (`visit`), within bounds of time
//! and octets; what DNS says leads to the Internet alone (`address`). [`Findings`] is what was found, and
//! [`holds`] says what that means for a level. `words` has it in words.

mod address;
mod dns;
mod finding;
mod levels;
mod target;
mod visit;
pub mod words;

use address::is_own;
pub use address::is_public;
pub use dns::Dns;
pub use finding::{
    Authority, Findings, HopFinding, HopProblem, Outcome, ServerFinding, Session, Step, TlsaFinding,
};
pub use levels::{Holds, Unknown, Why, holds, holds_at};

use jiff::Timestamp;
use policy::hop::NextHop;
use smtp::{Bounds, RootCertStore, Tlsa};
use std::net::IpAddr;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};
use target::{Server, addresses_in, servers};
use visit::{Visit, visit};

/// How long a test takes at most.
pub const LONGEST: Duration = Duration::from_secs(14);
/// How long it looks for servers.
const LOOKING: Duration = Duration::from_secs(5);
/// How long a server may take to take the connection.
const CONNECT: Duration = Duration::from_secs(4);
/// How long it may take for an answer: some let clients wait for their greeting.
const ANSWER: Duration = Duration::from_secs(8);
/// The most octets that are read of a server.
const OCTETS: u64 = 128 * 1024;
/// The most next hops of a domain that are tested.
const HOPS: usize = 4;

/// What is to be tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// Where mail of the domain goes.
    pub next_hops: Vec<NextHop>,
    /// The name that is to be asked for, in the policy's words (`servername`).
    pub servername: Option<String>,
}

/// Tests it. It takes [`LONGEST`] at most, and waits for DNS and for others' servers. `roots` are those whom smtp(8)
/// is taken to trust.
#[must_use]
pub fn run(test: &Test, dns: &Dns, roots: RootCertStore, now: Timestamp) -> Findings {
    let start = Instant::now();
    let (looking, until) = (start + LOOKING, start + LONGEST);
    let named = addresses_in(&test.next_hops);
    let shared = Shared { test, dns, roots, validates: OnceLock::new(), named, until, now };
    let hops: Vec<HopFinding> = thread::scope(|scope| {
        let hops = test.next_hops.iter().take(HOPS);
        let all: Vec<_> = hops.map(|hop| scope.spawn(|| shared.hop(hop, looking))).collect();
        let found = all.into_iter().zip(&test.next_hops).map(|(one, hop)| {
            one.join().unwrap_or_else(|_| HopFinding::without(hop, HopProblem::NotTestable))
        });
        found.collect()
    });
    Findings { hops }
}

/// What all sessions of a test have in common.
struct Shared<'t> {
    test: &'t Test,
    dns: &'t Dns,
    roots: RootCertStore,
    /// Whether the resolver validates, asked where it matters.
    validates: OnceLock<bool>,
    /// Those that the operator names himself.
    named: Vec<IpAddr>,
    until: Instant,
    now: Timestamp,
}

impl Shared<'_> {
    fn hop(&self, next_hop: &NextHop, looking: Instant) -> HopFinding {
        let servers = match servers(next_hop, self.dns, looking) {
            Ok(servers) => servers,
            Err(problem) => return HopFinding::without(next_hop, problem),
        };
        let found = thread::scope(|scope| {
            let all: Vec<_> = servers
                .iter()
                .map(|server| scope.spawn(|| self.server(next_hop, server)))
                .collect();
            let found = all.into_iter().filter_map(|one| one.join().ok());
            found.collect()
        });
        HopFinding { next_hop: next_hop.to_string(), problem: None, servers: found }
    }

    fn server(&self, next_hop: &NextHop, server: &Server) -> ServerFinding {
        let address = server.address.ip();
        let host = match &server.host {
            Some(host) => host.as_str().to_owned(),
            None => address.to_string(),
        };
        let outcome = if self.named.contains(&address) {
            self.visit(next_hop, server, &host)
        } else if is_own(address) {
            Outcome::OwnHost
        } else if !is_public(address) {
            Outcome::Private
        } else {
            self.visit(next_hop, server, &host)
        };
        ServerFinding { host, address: address.to_string(), port: server.address.port(), outcome }
    }

    fn visit(&self, next_hop: &NextHop, server: &Server, host: &str) -> Outcome {
        let tlsa = self.tlsa(server);
        let is_published = tlsa.as_ref().is_some_and(|records| records.iter().any(Tlsa::is_usable));
        // Where there are TLSA records, their name is asked for (RFC 7672, section 8.1); else none is, where none is
        // demanded.
        let servername = match self.test.servername.as_deref() {
            _ if is_published => Some(host),
            Some("hostname") => Some(host),
            Some("nexthop") => Some(next_hop.host()),
            name => name,
        };
        let bounds =
            Bounds { connect: CONNECT, answer: ANSWER, until: Some(self.until), octets: OCTETS };
        let about = Visit {
            address: server.address,
            host,
            next_hop: next_hop.host(),
            servername,
            tlsa: tlsa.as_deref(),
            bounds,
        };
        visit(&about, &self.roots, self.now)
    }

    /// The signed TLSA records of a server; none: it cannot be known which there are.
    fn tlsa(&self, server: &Server) -> Option<Vec<Tlsa>> {
        // An address has no records.
        let Some(host) = server.host.as_ref() else { return Some(Vec::new()) };
        if !server.is_secure {
            let validates = *self.validates.get_or_init(|| self.dns.validates(self.until));
            return validates.then(Vec::new);
        }
        let found = self.dns.tlsa(host, server.address.port(), self.until).ok()?;
        Some(if found.is_secure { found.records } else { Vec::new() })
    }
}
