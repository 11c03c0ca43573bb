//! Where mail for a next hop goes: which servers, at which addresses.

use super::dns::{Answered, Dns, DnsError};
use super::finding::HopProblem;
use policy::DomainName;
use policy::hop::NextHop;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// The most hosts of a next hop that are tried.
const HOSTS: usize = 4;
/// The most addresses of a host.
const ADDRESSES: usize = 2;
/// The most of all.
const SERVERS: usize = 5;

/// A server of a next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name; none: the next hop is an address.
    pub host: Option<DomainName>,
    /// Where.
    pub address: SocketAddr,
    /// Whether all that led there is signed.
    pub is_secure: bool,
}

/// The addresses that next hops name as such: `[192.0.2.1]:25`.
#[must_use]
pub fn addresses_in(next_hops: &[NextHop]) -> Vec<IpAddr> {
    next_hops.iter().filter_map(|hop| hop.host().parse().ok()).collect()
}

/// Finds the servers of a next hop, in the order in which mail tries them.
///
/// # Errors
///
/// Why there are none.
pub fn servers(next_hop: &NextHop, dns: &Dns, until: Instant) -> Result<Vec<Server>, HopProblem> {
    let is_bracketed = match next_hop {
        NextHop::Below(_) => return Err(HopProblem::Wildcard),
        NextHop::Socket => return Err(HopProblem::NotTestable),
        NextHop::Domain(_) => false,
        NextHop::Host(text) => text.starts_with('['),
    };
    let port = next_hop.port().ok_or(HopProblem::NotTestable)?;
    if let Ok(address) = next_hop.host().parse::<IpAddr>() {
        let address = SocketAddr::new(address, port);
        return Ok(vec![Server { host: None, address, is_secure: false }]);
    }
    let name = DomainName::parse(next_hop.host()).map_err(|_| HopProblem::NotTestable)?;
    let hosts = if is_bracketed {
        Answered { records: vec![name], is_secure: true }
    } else {
        exchanges(&name, dns, until)?
    };
    let mut servers = Vec::new();
    let mut problem = HopProblem::NoAddress;
    for host in hosts.records.into_iter().take(HOSTS) {
        let found = match dns.addresses(&host, until) {
            Ok(found) => found,
            Err(error) => {
                problem = problem_of(error);
                continue;
            }
        };
        servers.extend(found.records.into_iter().take(ADDRESSES).map(|address| Server {
            host: Some(host.clone()),
            address: SocketAddr::new(address, port),
            is_secure: hosts.is_secure && found.is_secure,
        }));
    }
    servers.truncate(SERVERS);
    if servers.is_empty() { Err(problem) } else { Ok(servers) }
}

/// The hosts that MX records name; without any, the domain itself (RFC 5321, section 5.1).
fn exchanges(
    domain: &DomainName,
    dns: &Dns,
    until: Instant,
) -> Result<Answered<DomainName>, HopProblem> {
    let found = dns.mx(domain, until).map_err(problem_of)?;
    let is_secure = found.is_secure;
    if found.records.is_empty() {
        return Ok(Answered { records: vec![domain.clone()], is_secure });
    }
    let hosts: Vec<DomainName> = found.records.into_iter().filter_map(|mx| mx.host).collect();
    if hosts.is_empty() {
        Err(HopProblem::TakesNoMail)
    } else {
        Ok(Answered { records: hosts, is_secure })
    }
}

fn problem_of(error: DnsError) -> HopProblem {
    match error {
        DnsError::NoSuchName => HopProblem::NoSuchName,
        DnsError::NotAnswered => HopProblem::NoDns,
    }
}
