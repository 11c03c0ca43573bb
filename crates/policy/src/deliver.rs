//! The second hop: what the session to a next hop must be, as [`judge`](crate::judge) is for the first one.
//!
//! smtp(8) asks by next hop, not by recipient. An entry demands something of the next hop that is its domain,
//! and of those that it names with `nexthop`. Where several entries speak of one next hop, the strictest
//! holds: their mail goes through the same session.

use crate::domain::DomainName;
use crate::entry::{Entry, Mode};
use crate::hop::{Demand, NextHop};
use crate::judge::Policy;
use jiff::Timestamp;
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
    let mut demand = None;
    let mut monitored = None;
    let mut add = |entry: &'p Entry| {
        let Some(deliver) = &entry.deliver else { return };
        match entry.schedule.mode_at(now) {
            Mode::Off => {}
            Mode::Monitor => strictest(&mut monitored, &deliver.demand),
            Mode::Enforce => strictest(&mut demand, &deliver.demand),
        }
    };
    if let Some(matched) = policy.domains.for_next_hop(next_hop) {
        add(matched.entry);
    }
    policy.domains.naming(next_hop).for_each(|matched| add(matched.entry));
    let would_demand = monitored.and_then(|monitored: Cow<'p, Demand>| match &demand {
        None => Some(monitored),
        Some(demand) => {
            let both = demand.with(&monitored);
            (both != **demand).then_some(Cow::Owned(both))
        }
    });
    Delivery { demand, would_demand }
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

/// Adds a demand to those before it.
fn strictest<'p>(demand: &mut Option<Cow<'p, Demand>>, more: &'p Demand) {
    *demand = Some(match demand.take() {
        None => Cow::Borrowed(more),
        Some(before) if *before == *more => before,
        Some(before) => Cow::Owned(before.with(more)),
    });
}
