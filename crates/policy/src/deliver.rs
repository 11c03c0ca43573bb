//! The second hop: what the session to a next hop must be, as [`judge`](crate::judge) is for the first one.
//!
//! smtp(8) asks by next hop, not by recipient. An entry demands something of the next hop that is its domain,
//! and of those that it names with `nexthop`. Where several entries speak of one next hop, the strictest
//! holds: their mail goes through the same session.

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

/// Adds a demand to those before it.
fn strictest<'p>(demand: &mut Option<Cow<'p, Demand>>, more: &'p Demand) {
    *demand = Some(match demand.take() {
        None => Cow::Borrowed(more),
        Some(before) if *before == *more => before,
        Some(before) => Cow::Owned(before.with(more)),
    });
}
