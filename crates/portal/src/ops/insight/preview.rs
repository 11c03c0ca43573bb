//! Before the switch: what it would have meant for the mail that came.

use super::delivery::Own;
use super::gateway::Gateway;
use super::since;
use crate::ops::OpError;
use crate::ops::domains::OwnedDomain;
use config::policy_file::WrittenEntry;
use jiff::Timestamp;
use ledger::readiness::{Readiness, State};
use ledger::report::{By, Outcome, Query, Report};
use ledger::simulation::{Simulation, Trial, simulate};
use ledger::{Domains, History, RecordedReason, Selection};
use policy::{Entry, Mode, Schedule};
use serde::Serialize;
use std::collections::HashMap;

/// What a switch would have meant.
#[derive(Clone, Debug, Serialize)]
pub struct Preview {
    /// How many days were looked at.
    pub days: u32,
    /// The first moment that the ledger tells of, in seconds since 1970-01-01; none: it is empty.
    pub ledger_begins: Option<i64>,
    /// Recipients that came in these days: each one of a message once, however often it was tried.
    pub judged: u64,
    /// Those of them that would have been refused (in monitor: that would be told of).
    pub refused: u64,
    /// Those that were refused and would not have been.
    pub let_through: u64,
    /// Whose mail it was, the most refused first.
    pub peers: Vec<PreviewPeer>,
    /// What to do.
    pub advice: Advice,
    /// Whether it can be enforced, and what that rests on; of a wildcard, each domain below it, the worst
    /// first.
    pub readiness: Vec<Readiness>,
    /// All that `mandatory-tls simulate` tells.
    pub simulation: Simulation,
}

/// A server whose mail would have been refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PreviewPeer {
    /// Its address.
    pub client: String,
    /// Its name, where it is known.
    pub host: String,
    /// Whose mail it brought.
    pub senders: Vec<String>,
    /// How many recipients would have been refused.
    pub refused: u64,
    /// Why.
    pub reasons: Vec<RecordedReason>,
    /// When it last came, in seconds since 1970-01-01.
    pub last: i64,
    /// Whether it has come with TLS since.
    pub outcome: Option<Outcome>,
}

/// What to do before a domain is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    /// There is no evidence, or too little: monitor first.
    MonitorFirst,
    /// Tell those who would be refused before.
    TellFirst,
    /// Nobody would be refused that somebody is known to miss.
    Ready,
    /// Nothing is asked of anybody.
    Nothing,
}

/// Judges the mail of the last days with another entry for a domain, as from the moment at which that
/// entry enforces.
///
/// # Errors
///
/// [`OpError::Unavailable`] where policy or ledger cannot be read; [`OpError::Invalid`] for an entry
/// that the policy could not take.
pub fn preview(
    gateway: &Gateway,
    domain: &OwnedDomain,
    entry: &WrittenEntry,
    days: u32,
    now: Timestamp,
) -> Result<Preview, OpError> {
    let pattern = domain.name().pattern();
    let new_entry = gateway.read_entry(entry)?;
    let at = match new_entry.schedule {
        Schedule::EnforceFrom(start) => start.max(now),
        Schedule::Always(_) => now,
    };
    let is_on = super::gateway::is_on(&new_entry);
    let enforces = new_entry.schedule.mode_at(at) == Mode::Enforce;
    let old = gateway.policy()?;
    let mut new = (*old).clone();
    let schedule = Schedule::Always(Mode::Monitor);
    let monitored = Entry { schedule, ..new_entry.clone() };
    new.domains.replace(&pattern, new_entry);
    let trial = Trial { old: &old, new: &new, now: at, on_unknown_tls: gateway.on_unknown_tls() };
    let ledger = gateway.ledger()?;
    let since = since(domain, days, now);
    let selection = Selection { since, domains: Domains::from(&pattern) };
    let failed = |error| gateway.unreadable(&error);
    let own = Own { reader: &ledger, domains: &selection.domains, is_second_hop: false };
    let simulation = simulate(&own, &selection, trial, || ()).map_err(failed)?;
    // Whether it can be enforced is asked before it is.
    let readiness = if is_on && enforces {
        let mut policy = new.clone();
        policy.domains.replace(&pattern, monitored);
        super::readiness(gateway, &ledger, (domain, &pattern), &policy, now)?
    } else {
        Vec::new()
    };
    let query = Query { since, of: Some(pattern), by: By::Peer, verdict: None };
    let report = Report::new(&ledger, &query).map_err(failed)?;
    let outcomes: HashMap<&str, Option<Outcome>> =
        report.groups.iter().map(|group| (&*group.name, group.outcome)).collect();
    let peers = peers(&simulation, &outcomes);
    let ledger_begins = ledger.span().map_err(failed)?.map(|(first, _)| first);
    let difference = simulation.difference;
    let refused = difference.newly_refused + difference.newly_would_refuse;
    let worst = readiness.first();
    let advice = match () {
        () if !is_on => Advice::Nothing,
        () if !enforces => Advice::Ready,
        () if worst.is_none_or(|worst| !worst.lacks.is_empty()) => Advice::MonitorFirst,
        () if worst.is_some_and(|worst| worst.state == State::NotYet) => Advice::TellFirst,
        () => Advice::Ready,
    };
    Ok(Preview {
        days,
        ledger_begins,
        judged: simulation.judged,
        refused,
        let_through: difference.newly_let_through,
        peers,
        advice,
        readiness,
        simulation,
    })
}

fn peers(simulation: &Simulation, outcomes: &HashMap<&str, Option<Outcome>>) -> Vec<PreviewPeer> {
    let peers = simulation.peers.iter().map(|peer| PreviewPeer {
        client: peer.client.clone(),
        host: peer.host.clone(),
        senders: peer.senders.iter().cloned().collect(),
        refused: peer.difference.newly_refused + peer.difference.newly_would_refuse,
        reasons: peer.reasons.iter().cloned().collect(),
        last: peer.last,
        outcome: outcomes.get(&*peer.client).copied().flatten(),
    });
    peers.filter(|peer| peer.refused > 0).collect()
}
