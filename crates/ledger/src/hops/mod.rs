//! Both hops of the mail of a domain, beside each other: how it came to this gateway, and how it left it.
//!
//! What is said of a domain has to be true. So what nobody has recorded is never taken for encrypted,
//! nor for unencrypted: there are rows of deliveries only where somebody reads the MTA's log.

mod came;
mod domain;
mod exception;
mod left;
#[cfg(test)]
mod tests;

pub use came::Came;
pub use domain::{DomainHops, First, Second};
pub use exception::{Exception, What};
pub use left::Left;

use crate::history::{History, Selection};
use crate::model::baseline::Baseline;
use crate::model::day::day_of;
use crate::model::delivery::Delivery;
use crate::model::key::SubjectKind;
use crate::model::row::{OTHERS, Row};
use domain::Building;
use hashbrown::HashMap;
use jiff::Timestamp;
use left::is_encrypted;
use policy::{DomainName, Policy, deliver, next_hop_of};
use serde::Serialize;

/// Both hops, by recipient domain.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Hops {
    /// The first and the last moment of which deliveries are known, of the domains that were asked for, in
    /// seconds since 1970-01-01. None: nothing is recorded of the second hop.
    pub deliveries: Option<(i64, i64)>,
    /// The domains, those with exceptions first.
    pub domains: Vec<DomainHops>,
}

/// Both hops under way.
#[derive(Default)]
pub(crate) struct Builder {
    /// In boxes, so that a table with room to spare is small: there may be a million of them.
    domains: HashMap<String, Box<Building>>,
    deliveries: Option<(i64, i64)>,
    /// Whether mail of domains that are not told apart is recorded, which may be of any.
    others: bool,
    encrypted: Baseline,
}

impl Builder {
    /// Adds how mail came.
    pub fn came(&mut self, row: &Row, encrypted: bool) {
        if row.key.is_of_any_domain() {
            self.others = true;
            return;
        }
        let shown;
        let domain = if row.key.domain.is_empty() || row.key.found == SubjectKind::Unreadable {
            shown = row.key.shown_domain();
            &shown
        } else {
            &row.key.domain
        };
        self.domains.entry_ref(domain).or_default().came(row, encrypted);
    }

    /// Adds how mail left.
    pub fn left(&mut self, delivery: &Delivery) {
        delivery.tally.widen(&mut self.deliveries);
        if delivery.key.domain == OTHERS {
            self.others = true;
            return;
        }
        let key = &delivery.key;
        let encrypted = self.encrypted.is_met(&key.tls_version, &key.cipher, || is_encrypted(key));
        self.domains.entry_ref(&key.domain).or_default().left(delivery, encrypted);
    }

    /// What comes of it. `read_until` is the last moment that was read of the log, of whichever domain.
    pub fn finish(self, lost: u64, read_until: i64) -> Hops {
        let is_whole = lost == 0 && !self.others;
        let domains = self.domains.into_iter().filter(|(_, building)| building.is_opted_in());
        let mut domains: Vec<_> =
            domains.map(|(name, building)| building.finish(name, is_whole, read_until)).collect();
        domains.sort_by(|one, other| {
            let rank = |hops: &DomainHops| (hops.gravity(), hops.came.total());
            rank(other).cmp(&rank(one)).then(one.domain.cmp(&other.domain))
        });
        Hops { deliveries: self.deliveries, domains }
    }
}

/// Reads the deliveries of a selection, and until when the log was read.
pub(crate) fn read_deliveries<H: History>(
    history: &H,
    selection: &Selection,
    mut each: impl FnMut(&Delivery),
) -> Result<i64, H::Error> {
    let mut until = None;
    history.deliveries(selection, |delivery| {
        until = until.max(Some(delivery.tally.last));
        each(&delivery);
    })?;
    // A domain to which nothing is delivered any more does not tell how far the log was read.
    let Some(mut until) = until else { return Ok(i64::MIN) };
    let later = Selection { since: day_of(until), ..Selection::default() };
    history.deliveries(&later, |delivery| until = until.max(delivery.tally.last))?;
    Ok(until)
}

impl Hops {
    /// Says of each delivery that was unencrypted or put off whether this policy demands encryption of its
    /// next hop at this time.
    pub fn compare(&mut self, policy: &Policy, now: Timestamp) {
        for hops in &mut self.domains {
            let Ok(domain) = DomainName::parse(&hops.domain) else { continue };
            for exception in hops.exceptions.iter_mut().filter(|one| one.what.is_of_second_hop()) {
                let next_hop = next_hop_of(policy, &domain, &exception.server, None);
                let decided = deliver(policy, &next_hop, now);
                let demand = decided.demand;
                exception.encryption_monitored =
                    decided.would_demand.is_some_and(|demand| demand.level.always_encrypts());
                exception.encryption_demanded =
                    Some(demand.as_ref().is_some_and(|demand| demand.level.always_encrypts()));
                exception.demanded =
                    Some(demand.map(|demand| demand.to_string()).unwrap_or_default());
            }
        }
    }
}

/// Whether a row tells of mail for an opted-in domain; else it was judged for its sender, and other mail
/// for the same domain is not recorded.
fn is_of_recipient(row: &Row) -> bool {
    row.key.found != SubjectKind::Sender
}
