//! The hop to a domain's own server: where its mail goes, what is answered for that, and what another
//! demand would have meant for the mail that left.

use super::gateway::Gateway;
use super::since;
use crate::connection::Test;
use crate::ops::OpError;
use crate::ops::domains::{DomainRecord, OwnedDomain};
use config::policy_file::WrittenEntry;
use jiff::Timestamp;
use ledger::simulation::{Trial, simulate};
use ledger::{
    Day, Delivery, Domains, Handshake, History, Reader, Row, Selection, StoreError, Told,
};
use policy::hop::{Deliver, NextHop};
use policy::{Mode, Pattern, Schedule};
use serde::Serialize;
use std::collections::BTreeMap;

/// Where a domain's mail goes, and what is answered for that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Way {
    /// The next hops: those that the operator names, else the domain itself.
    pub next_hops: Vec<NextHopAnswer>,
    /// Whether the MTA can ask at all: the gateway has a socket for that.
    pub is_asked: bool,
}

/// What the policy demands of a next hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct NextHopAnswer {
    /// The next hop, as the MTA writes it.
    pub next_hop: String,
    /// What the MTA is told of it, in Postfix's words; none: nothing is demanded.
    pub answer: Option<String>,
}

/// What another demand would have meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DeliveryPreview {
    /// How many days were looked at.
    pub days: u32,
    /// Recipients whose mail left for the domain, as far as is known.
    pub delivered: u64,
    /// Those whose mail would have had to wait.
    pub waits: u64,
    /// Why: what the session lacked.
    #[schema(value_type = Object)]
    pub lacks: BTreeMap<&'static str, u64>,
    /// Those of which it cannot be said.
    pub not_known: u64,
    /// What would have to be known.
    #[schema(value_type = Object)]
    pub doubts: BTreeMap<&'static str, u64>,
    /// When mail last would have had to wait, in seconds since 1970-01-01; none: never.
    pub last: Option<i64>,
}

/// What is demanded of the way to the domain's own server, with all that is inherited; none: nothing. `entry` is
/// what is, or would be, chosen.
fn demanded(gateway: &Gateway, entry: &WrittenEntry) -> Result<Option<Deliver>, OpError> {
    let pattern: Pattern = entry.domain.parse().map_err(|_| OpError::NotFound)?;
    let found = match gateway.operators_decides(&pattern)? {
        Some(operators) => operators,
        None => gateway.read_entry(entry)?,
    };
    Ok(found.deliver.map(|deliver| (*deliver).clone()))
}

fn next_hops(pattern: &Pattern, deliver: Option<&Deliver>) -> Vec<NextHop> {
    let named = deliver.map_or(&[][..], |deliver| &deliver.next_hops);
    match pattern {
        _ if !named.is_empty() => named.to_vec(),
        Pattern::Domain(domain) => vec![NextHop::Domain(domain.clone())],
        Pattern::Below(domain) => vec![NextHop::Below(domain.clone())],
        Pattern::Mailbox(..) | Pattern::Every => Vec::new(),
    }
}

/// What a test of a domain's connection has to look at: nobody who asks for it says where.
///
/// # Errors
///
/// [`OpError::Unavailable`] where the policy cannot be read.
pub fn to_test(gateway: &Gateway, record: &DomainRecord) -> Result<Test, OpError> {
    let pattern: Pattern = record.domain.parse().map_err(|_| OpError::NotFound)?;
    let deliver = demanded(gateway, &record.entry)?;
    let next_hops = next_hops(&pattern, deliver.as_ref());
    let servername = deliver.and_then(|deliver| deliver.demand.servername);
    Ok(Test { next_hops, servername })
}

/// Where a domain's mail goes, and what the policy's files have for that now: what the running program answers,
/// where what was chosen is in force.
///
/// # Errors
///
/// [`OpError::Unavailable`] where the policy cannot be read.
pub fn way(gateway: &Gateway, record: &DomainRecord, now: Timestamp) -> Result<Way, OpError> {
    let hops = to_test(gateway, record)?.next_hops;
    let policy = gateway.policy()?;
    let answer = |hop: &NextHop| NextHopAnswer {
        next_hop: hop.to_string(),
        answer: policy::deliver(&policy, hop, now).demand.map(|demand| demand.to_string()),
    };
    Ok(Way { next_hops: hops.iter().map(answer).collect(), is_asked: gateway.answers_next_hops() })
}

/// Holds the mail that left in the last days against another entry, as if that were enforced.
///
/// # Errors
///
/// [`OpError::Unavailable`] where policy or ledger cannot be read; [`OpError::Invalid`] for an entry
/// that the policy could not take.
pub fn delivery_preview(
    gateway: &Gateway,
    domain: &OwnedDomain,
    entry: &WrittenEntry,
    days: u32,
    now: Timestamp,
) -> Result<DeliveryPreview, OpError> {
    let pattern = domain.name().pattern();
    let mut new_entry = gateway.read_entry(entry)?;
    new_entry.schedule = Schedule::Always(Mode::Enforce);
    let old = gateway.policy()?;
    let mut new = (*old).clone();
    new.domains.replace(&pattern, new_entry);
    let trial = Trial { old: &old, new: &new, now, on_unknown_tls: gateway.on_unknown_tls() };
    let selection = Selection { since: since(domain, days, now), domains: Domains::from(&pattern) };
    let ledger = gateway.ledger()?;
    let own = Own { reader: &ledger, domains: &selection.domains, is_second_hop: true };
    let found = simulate(&own, &selection, trial, || ());
    let found = found.map_err(|error| gateway.unreadable(&error))?;
    let mut preview = DeliveryPreview { days, delivered: found.delivered, ..Default::default() };
    for hop in found.hops {
        preview.waits += hop.waits;
        preview.not_known += hop.not_known;
        preview.last = preview.last.max(hop.last);
        for (all, of) in [(&mut preview.lacks, hop.lacks), (&mut preview.doubts, hop.doubts)] {
            for (word, count) in of {
                *all.entry(word).or_default() += count;
            }
        }
    }
    Ok(preview)
}

/// What the ledger has of one organisation's domain: where a next hop is shared, nothing of the mail of others.
pub(super) struct Own<'r> {
    pub reader: &'r Reader,
    pub domains: &'r Domains,
    /// Whether only the second hop is looked at.
    pub is_second_hop: bool,
}

impl History for Own<'_> {
    type Error = StoreError;

    fn each(&self, selection: &Selection, each: impl FnMut(Row)) -> Result<(), StoreError> {
        if self.is_second_hop { Ok(()) } else { self.reader.each(selection, each) }
    }

    fn deliveries(
        &self,
        selection: &Selection,
        each: impl FnMut(Delivery),
    ) -> Result<(), StoreError> {
        let own = Selection { domains: self.domains.clone(), ..selection.clone() };
        self.reader.deliveries(&own, each)
    }

    fn handshakes(
        &self,
        selection: &Selection,
        each: impl FnMut(Handshake),
    ) -> Result<(), StoreError> {
        self.reader.handshakes(selection, each)
    }

    fn count(&self, selection: &Selection) -> Result<u64, StoreError> {
        self.reader.count(selection)
    }

    fn lost(&self, since: Day) -> Result<u64, StoreError> {
        self.reader.lost(since)
    }

    fn span(&self) -> Result<Option<(i64, i64)>, StoreError> {
        self.reader.span()
    }

    fn told(&self, what: &str) -> Result<Told, StoreError> {
        self.reader.told(what)
    }
}
