//! What another `deliver:` would have meant for the deliveries that are known.
//!
//! Both policies say what they demand of the next hop of each delivery, with the same `deliver` that answers
//! Postfix. Where that differs, the sessions in which mail has left are held against the new demand.

use crate::history::{History, Selection};
use crate::model::day::Day;
use crate::model::delivery::{Delivery, HopKind, Trust};
use crate::model::row::OTHERS;
use jiff::Timestamp;
use policy::hop::{Demand, HopSession, Met, Verification};
use policy::{DomainName, Policy, TlsState, deliver, next_hop_of};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A next hop of which something else would be demanded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HopDifference {
    /// The next hop, as the new policy names it.
    pub next_hop: String,
    /// What is demanded now, as Postfix is told; none: nothing.
    pub old: Option<String>,
    /// What would be.
    pub new: Option<String>,
    /// The recipient domains.
    pub domains: BTreeSet<String>,
    /// The hosts that mail went to.
    pub servers: BTreeSet<String>,
    /// Recipients whose mail left.
    pub recipients: u64,
    /// Those whose mail would have had to wait.
    pub waits: u64,
    /// Why, as [`policy::hop::Lack`].
    pub lacks: BTreeMap<&'static str, u64>,
    /// Those of which it cannot be said.
    pub not_known: u64,
    /// What would have to be known, as [`policy::hop::Doubt`].
    pub doubts: BTreeMap<&'static str, u64>,
    /// When mail last would have had to wait, in seconds since 1970-01-01; none: never.
    pub last: Option<i64>,
}

/// How many domains and servers of a next hop are named at most.
const MOST_NAMES: usize = 50;

/// What is compared: the policies, and when.
#[derive(Clone, Copy)]
pub(super) struct Demands<'p> {
    pub old: &'p Policy,
    pub new: &'p Policy,
    pub now: Timestamp,
}

impl Demands<'_> {
    /// Whether one of the policies demands anything of any next hop.
    fn are_any(self) -> bool {
        self.old.domains.demands_any() || self.new.domains.demands_any()
    }
}

/// Deliveries under way.
#[derive(Default)]
pub(super) struct HopComparison<'p> {
    /// What changes for mail of a domain to a server, and where that is added up; none: nothing.
    changes: HashMap<(String, String), Option<Change<'p>>>,
    next_hops: BTreeMap<String, HopDifference>,
    deliveries: u64,
}

struct Change<'p> {
    next_hop: String,
    old: Option<Cow<'p, Demand>>,
    new: Option<Cow<'p, Demand>>,
}

/// Holds all deliveries since this day against both policies: what differs, and how many recipients left at
/// all. A next hop is shared by domains, so they are looked at of all domains.
pub(super) fn compare<H: History>(
    history: &H,
    since: Day,
    demands: Demands<'_>,
) -> Result<(Vec<HopDifference>, u64), H::Error> {
    if !demands.are_any() {
        return Ok((Vec::new(), history.delivered(since)?));
    }
    let mut comparison = HopComparison::default();
    history.deliveries(&Selection { since, ..Selection::default() }, |delivery| {
        comparison.add(&delivery, demands);
    })?;
    Ok(comparison.finish())
}

/// Whether the policies demand something else of any next hop, whether or not mail went there.
pub(super) fn differ(demands: Demands<'_>) -> bool {
    if !demands.are_any() {
        return false;
    }
    let Demands { old, new, now } = demands;
    let any = |one: &Policy, other: &Policy| {
        one.domains.beside(&other.domains).any(|(_, entry, there)| {
            entry.deliver_at(now) != there.and_then(|there| there.deliver_at(now))
        })
    };
    any(new, old) || any(old, new)
}

impl<'p> HopComparison<'p> {
    fn add(&mut self, delivery: &Delivery, demands: Demands<'p>) {
        let (key, count) = (&delivery.key, delivery.tally.recipients());
        // What has waited is no session in which mail has left, and what stays here has none.
        if !delivery.has_left() {
            return;
        }
        self.deliveries += count;
        let place = (key.domain.clone(), key.server.clone());
        let change = self
            .changes
            .entry(place)
            .or_insert_with_key(|(domain, server)| Change::new(domain, server, demands));
        let Some(Change { next_hop, old, new }) = change else { return };
        let met = new.as_deref().map_or(Met::Yes, |new| met(new, old.as_deref(), delivery));
        let text =
            |demand: &Option<Cow<'_, Demand>>| demand.as_ref().map(|demand| demand.to_string());
        let difference = self.next_hops.entry(next_hop.clone()).or_insert_with(|| HopDifference {
            next_hop: next_hop.clone(),
            old: text(old),
            new: text(new),
            ..HopDifference::default()
        });
        difference.add(delivery, met);
    }

    fn finish(self) -> (Vec<HopDifference>, u64) {
        let mut found: Vec<_> = self.next_hops.into_values().collect();
        found.sort_by(|one, other| {
            let rank = |hop: &HopDifference| (hop.waits, hop.not_known, hop.recipients);
            rank(other).cmp(&rank(one)).then(one.next_hop.cmp(&other.next_hop))
        });
        (found, self.deliveries)
    }
}

impl<'p> Change<'p> {
    fn new(domain: &str, server: &str, demands: Demands<'p>) -> Option<Self> {
        let domain = DomainName::parse(domain).ok()?;
        let Demands { old, new, now } = demands;
        let next_hop = next_hop_of(new, &domain, server, None);
        let old = deliver(old, &next_hop_of(old, &domain, server, None), now).demand;
        let new = deliver(new, &next_hop, now).demand;
        (old != new).then(|| Self { next_hop: next_hop.to_string(), old, new })
    }
}

impl HopDifference {
    fn add(&mut self, delivery: &Delivery, met: Met) {
        let count = delivery.tally.recipients();
        self.recipients += count;
        match met {
            Met::Yes => {}
            Met::No(lack) => {
                self.waits += count;
                *self.lacks.entry(lack.code()).or_default() += count;
                self.last = self.last.max(Some(delivery.tally.last));
            }
            Met::Unknown(doubt) => {
                self.not_known += count;
                *self.doubts.entry(doubt.code()).or_default() += count;
            }
        }
        for (names, name) in
            [(&mut self.domains, &delivery.key.domain), (&mut self.servers, &delivery.key.server)]
        {
            if names.len() < MOST_NAMES && name != OTHERS && !name.is_empty() {
                names.insert(name.clone());
            }
        }
    }
}

/// Whether the session of a delivery is what would be demanded of it.
fn met(new: &Demand, old: Option<&Demand>, delivery: &Delivery) -> Met {
    let key = &delivery.key;
    let state = key.tls();
    let encryption = match &state {
        TlsState::Encrypted(encryption) => Some(encryption),
        TlsState::Plaintext | TlsState::Unknown => None,
    };
    let verification = match key.trust {
        Trust::None => None,
        Trust::Anonymous => Some(Verification::Anonymous),
        Trust::Untrusted => Some(Verification::Untrusted),
        Trust::Trusted => Some(Verification::Trusted),
        Trust::Verified => Some(Verification::Verified),
    };
    // What was demanded then is known where the log says nothing else.
    let under = old.filter(|old| key.level.is_empty() || key.level == old.level.name());
    new.is_met_by(match key.kind() {
        HopKind::Plaintext | HopKind::Failed => HopSession::Plaintext,
        HopKind::Encrypted => HopSession::Encrypted { encryption, verification, under },
        HopKind::Local | HopKind::Unknown => HopSession::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Recorded, TODAY, delivery};
    use crate::model::delivery::DeliveryKey;
    use policy::hop::{Deliver, Level, NextHop};
    use policy::{Entry, Mode, Pattern};

    /// A policy in which this domain demands this of this next hop, or of itself.
    fn policy(domain: &str, level: Level, next_hop: Option<&str>) -> Policy {
        let mut policy = Policy::default();
        add(&mut policy, domain, level, next_hop);
        policy
    }

    fn add(policy: &mut Policy, domain: &str, level: Level, next_hop: Option<&str>) {
        let mut entry = Entry::bare(Mode::Enforce);
        let next_hops = next_hop.into_iter().map(|text| text.parse::<NextHop>().unwrap());
        let demand = Demand::of_level(level);
        entry.deliver = Some(Deliver { demand, next_hops: next_hops.collect() }.into());
        policy.domains.replace(&domain.parse::<Pattern>().unwrap(), entry);
    }

    fn found(old: &Policy, new: &Policy, deliveries: Vec<Delivery>) -> Vec<HopDifference> {
        let recorded = Recorded { deliveries, ..Recorded::default() };
        let demands = Demands { old, new, now: Timestamp::UNIX_EPOCH };
        compare(&recorded, TODAY, demands).unwrap().0
    }

    fn sent(words: &str, count: u64) -> Delivery {
        delivery(100, "mx.example.com", words, count)
    }

    fn all() -> Vec<Delivery> {
        vec![
            sent("TLSv1.3 verified sent none", 1),
            sent("TLSv1.3 trusted sent none", 2),
            sent("TLSv1.3 untrusted sent none", 4),
            sent("none none sent none", 8),
            sent("failed none sent none", 16),
            sent("unknown none sent none", 32),
            sent("encrypted none sent none", 64),
            // No session in which mail left.
            sent("local none sent none", 1000),
            sent("none none deferred tls-not-offered", 1000),
        ]
    }

    #[test]
    fn a_stricter_demand_would_have_had_mail_wait_as_far_as_is_known() {
        let nothing = Policy::default();
        for (level, waits, not_known) in [
            (Level::May, 0, 0),
            (Level::Encrypt, 24, 32),
            (Level::Verify, 28, 32 + 64 + 2 + 1),
            (Level::Secure, 28, 32 + 64 + 2 + 1),
            (Level::DaneOnly, 24, 32 + 64 + 4 + 2 + 1),
            (Level::Dane, 0, 127),
        ] {
            let new = policy("example.com", level, None);
            let [hop] = &*found(&nothing, &new, all()) else { panic!("{level}") };
            assert_eq!(
                (hop.recipients, hop.waits, hop.not_known),
                (127, waits, not_known),
                "{level}"
            );
            assert_eq!(hop.lacks.values().sum::<u64>(), waits);
            assert_eq!(hop.doubts.values().sum::<u64>(), not_known);
            assert_eq!((&hop.old, hop.new.as_deref()), (&None, Some(level.name())));
            assert_eq!((&*hop.next_hop, hop.last.is_some()), ("example.com", waits > 0));
        }
    }

    #[test]
    fn where_nothing_else_would_be_demanded_there_is_nothing_to_tell() {
        let encrypt = policy("example.com", Level::Encrypt, None);
        assert!(found(&encrypt, &encrypt, all()).is_empty());
        let of_another = policy("example.org", Level::Encrypt, None);
        assert!(found(&Policy::default(), &of_another, all()).is_empty());
        let differs =
            |old: &Policy, new: &Policy| differ(Demands { old, new, now: Timestamp::UNIX_EPOCH });
        assert!(!differs(&encrypt, &encrypt));
        assert!(differs(&encrypt, &Policy::default()) && differs(&Policy::default(), &of_another));
        // Less would be demanded: nothing would have had to wait.
        let [hop] = &*found(&encrypt, &Policy::default(), all()) else { panic!() };
        assert_eq!((hop.waits, hop.not_known, &hop.new), (0, 0, &None));
    }

    #[test]
    fn who_shares_a_next_hop_shares_what_is_demanded_of_it() {
        let hop = Some("[mx.example.com]:25");
        let old = policy("example.com", Level::May, hop);
        let mut new = old.clone();
        add(&mut new, "example.org", Level::Encrypt, hop);
        let other = |mut delivery: Delivery| {
            delivery.key = DeliveryKey { domain: "example.org".into(), ..delivery.key };
            delivery
        };
        let plain = sent("none none sent none", 3);
        let [found] = &*found(&old, &new, vec![plain.clone(), other(plain)]) else { panic!() };
        assert_eq!((&*found.next_hop, found.waits), ("[mx.example.com]:25", 6));
        assert_eq!(found.domains.iter().collect::<Vec<_>>(), ["example.com", "example.org"]);
    }

    #[test]
    fn what_was_verified_under_the_same_demand_stays_so() {
        let old = policy("example.com", Level::Secure, None);
        let mut demand = Demand::of_level(Level::Secure);
        demand.protocols = ">=TLSv1.2".parse().ok();
        let mut new = old.clone();
        let mut entry = Entry::bare(Mode::Enforce);
        entry.deliver = Some(Deliver { demand, next_hops: Vec::new() }.into());
        new.domains.replace(&"example.com".parse::<Pattern>().unwrap(), entry);
        let verified = sent("TLSv1.3 verified sent none", 5);
        let unknown = |level: &str| {
            let mut one = verified.clone();
            one.key.level = level.into();
            found(&old, &new, vec![one])[0].not_known
        };
        assert_eq!((unknown(""), unknown("secure"), unknown("dane")), (0, 0, 5));
    }
}
