//! The source of a map for `smtp_tls_policy_maps`.
//!
//! Of each next hop it says what [`deliver`] says of it. smtp(8) looks for `.example.org` itself, but a map
//! that has it cannot except a domain below.

use super::Map;
use jiff::Timestamp;
use policy::hop::NextHop;
use policy::{Pattern, Policy, deliver};
use std::{collections::HashSet, io, io::Write};

pub(super) fn map(policy: &Policy, now: Timestamp) -> io::Result<Map> {
    let mut map = Map::default();
    writeln!(
        map.lines,
        "# Made by `mandatory-tls export postfix-tls-policy`: changes will be lost."
    )?;
    let mut done = HashSet::new();
    for matched in policy.domains.all() {
        let own = match matched.pattern.parse::<Pattern>() {
            Ok(Pattern::Domain(name)) => Some(NextHop::Domain(name)),
            Ok(Pattern::Below(name)) => {
                if let Some(deliver) = matched.entry.deliver_at(now) {
                    writeln!(map.lines, ".{name} {}", deliver.demand)?;
                }
                None
            }
            Ok(Pattern::Every) => {
                if matched.entry.deliver.is_some() {
                    map.remarks.add(
                        "a map cannot name every domain; set smtp_tls_security_level=encrypt for that",
                        matched.pattern,
                    );
                }
                None
            }
            Ok(Pattern::Mailbox(..)) | Err(_) => None,
        };
        let named = matched.entry.deliver.iter().flat_map(|deliver| &deliver.next_hops).cloned();
        for next_hop in own.into_iter().chain(named) {
            // A next hop is named once in a map; a domain only needs that where others name it, too.
            let demand = deliver(policy, &next_hop, now).demand;
            if demand.is_none() && is_below_a_demand(policy, &next_hop, now) {
                map.remarks.add(
                    "nothing is demanded there, but a map cannot except it from what is demanded above it",
                    matched.pattern,
                );
            }
            let Some(demand) = demand else { continue };
            let key = next_hop.to_string();
            let line = format!("{key} {demand}");
            if done.insert(key) {
                writeln!(map.lines, "{line}")?;
            }
        }
    }
    Ok(map)
}

/// Whether smtp(8) finds something for a parent of a domain.
fn is_below_a_demand(policy: &Policy, next_hop: &NextHop, now: Timestamp) -> bool {
    let NextHop::Domain(name) = next_hop else { return false };
    name.parents().any(|parent| {
        let entry = policy.domains.get(&format!("*.{parent}"));
        entry.is_some_and(|entry| entry.deliver_at(now).is_some())
    })
}
