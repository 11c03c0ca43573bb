//! The second hop: what the session to a next hop must be, as [`judge`](crate::judge) is for the first one.
//!
//! smtp(8) asks by next hop, not by recipient. An entry demands something of the next hop that is its domain,
//! and of those that it names with `nexthop`. Where several entries speak of one next hop, the strictest
//! holds, part by part: their mail goes through the same session. No entry replaces what another one demands of
//! the certificate: of two that contradict each other, that of the nearer entry stands ([`Nearness`]).
//!
//! [`Nearness`]: crate::Nearness

use crate::directory::Match;
use crate::domain::DomainName;
use crate::entry::Mode;
use crate::hop::{Demand, NextHop};
use crate::judge::Policy;
use jiff::Timestamp;
use smallvec::SmallVec;
use std::borrow::Cow;

/// What is decided for a next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Delivery<'p> {
    /// What the session must be; none: nobody demands anything, and the MTA does as it is set.
    pub demand: Option<Cow<'p, Demand>>,
    /// What it would have to be if all entries in monitor were enforced; none: nothing more.
    pub would_demand: Option<Cow<'p, Demand>>,
}

/// Decides what the session to a next hop must be.
///
/// Pure: the same policy, next hop and time give the same answer.
pub fn deliver<'p>(policy: &'p Policy, next_hop: &NextHop, now: Timestamp) -> Delivery<'p> {
    let domains = &policy.domains;
    let own = domains.for_next_hop(next_hop);
    let all = own.into_iter().chain(domains.naming(next_hop));
    let mut spoken: SmallVec<[Spoken<'p>; 4]> = all
        .filter_map(|matched| {
            let demand = &matched.entry.deliver.as_ref()?.demand;
            let mode = matched.entry.schedule.mode_at(now);
            (mode != Mode::Off).then_some(Spoken { matched, mode, demand })
        })
        .collect();
    if spoken.len() > 1 {
        // Stable: what stands in one line keeps its order.
        spoken.sort_by_cached_key(|one| {
            domains.nearness(next_hop, one.matched.pattern, one.matched.place())
        });
    }
    let demand = strictest(spoken.iter().filter(|one| one.mode == Mode::Enforce));
    let all = strictest(spoken.iter());
    let would_demand = all.filter(|all| Some(all) != demand.as_ref());
    Delivery { demand, would_demand }
}

/// What an entry that is not off says of a next hop.
struct Spoken<'p> {
    matched: Match<'p>,
    mode: Mode,
    demand: &'p Demand,
}

/// The next hop by which mail for a domain went to this host and port, as far as the policy tells next hops:
/// one in brackets that the domain's entry names and that is this host; else one that it names and that
/// DNS leads on from; else the domain itself.
///
/// A log tells the host that mail went to, and not the next hop that smtp(8) asked for.
#[must_use]
pub fn next_hop_of(policy: &Policy, domain: &DomainName, host: &str, port: Option<u16>) -> NextHop {
    let found = policy.domains.find_domain(domain);
    let named = found.and_then(|found| found.entry.deliver.as_ref());
    let named = named.map_or(&[][..], |deliver| &deliver.next_hops);
    let is_bracketed = |hop: &&NextHop| matches!(hop, NextHop::Host(text) if text.starts_with('['));
    let (at_host, by_dns): (Vec<_>, Vec<_>) = named.iter().partition(is_bracketed);
    let at_host: Vec<_> =
        at_host.into_iter().filter(|hop| hop.host().eq_ignore_ascii_case(host)).collect();
    let at_port = at_host.iter().find(|hop| port.is_some() && hop.port() == port);
    let by_dns = by_dns.into_iter().find(|hop| **hop != NextHop::Socket);
    let hop = at_port.or(at_host.first()).copied().or(by_dns);
    hop.cloned().unwrap_or_else(|| NextHop::Domain(domain.clone()))
}

/// What several demand, in this order.
fn strictest<'s, 'p: 's>(all: impl Iterator<Item = &'s Spoken<'p>>) -> Option<Cow<'p, Demand>> {
    let mut demand: Option<Cow<'p, Demand>> = None;
    for Spoken { demand: more, .. } in all {
        demand = Some(match demand {
            None => Cow::Borrowed(*more),
            Some(before) if *before == **more => before,
            Some(before) => Cow::Owned(before.with(more)),
        });
    }
    demand
}
