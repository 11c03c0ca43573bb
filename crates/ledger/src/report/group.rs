//! Recipients that have something in common, added up.

use super::by::By;
use super::outcome::Outcome;
use super::totals::Totals;
use crate::handshakes::Failure;
use crate::model::reason::RecordedReason;
use crate::model::row::Row;
use hashbrown::{DefaultHashBuilder, HashTable};
use policy::Decision;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;

/// Recipients that have something in common.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Group {
    /// What they have in common: an address, a domain, a version, a cipher, a day.
    pub name: String,
    /// The name of a peer, where it is known.
    pub host: String,
    /// What became of them.
    #[serde(flatten)]
    pub totals: Totals,
    /// Why they were or would be refused, the most frequent reason first.
    pub reasons: Vec<RecordedReason>,
    /// Of a peer: sender domains of what was or would be refused. Of a sender: its peers.
    pub others: Vec<String>,
    /// The first of them, in seconds since 1970-01-01.
    pub first: i64,
    /// The last.
    pub last: i64,
    /// What became of those that were or would be refused.
    pub outcome: Option<Outcome>,
    /// Of a peer that has not come with TLS since, why its TLS handshakes failed.
    pub handshakes: Vec<Failure>,
}

impl Group {
    /// The words of the reasons.
    #[must_use]
    pub fn reason_words(&self) -> Vec<&str> {
        self.reasons.iter().map(RecordedReason::word).collect()
    }
}

/// Groups under way, by name.
#[derive(Default)]
pub(super) struct Groups {
    groups: Vec<Building>,
    /// Their places, by name. The groups lie apart, so that a table with room to spare is small.
    places: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

/// A group under way.
pub(super) struct Building {
    name: String,
    pub host: String,
    totals: Totals,
    first: i64,
    last: i64,
    /// In a box, since most groups have none, and a million groups have to fit into memory.
    faults: Option<Box<Faults>>,
}

#[derive(Default)]
struct Faults {
    reasons: HashMap<RecordedReason, u64>,
    others: BTreeSet<String>,
}

/// How many senders of a peer are kept at most: a report names only the first ones.
const MOST_OTHERS: usize = 50;

impl Groups {
    /// Adds a row to the group of this name, and returns the group.
    pub fn add(&mut self, name: &str, row: &Row, encrypted: bool) -> &mut Building {
        let Self { groups, places, hasher } = self;
        let hash = hasher.hash_one(name);
        let is_named = |place: &usize| groups.get(*place).is_some_and(|group| group.name == name);
        let place = match places.find(hash, is_named) {
            Some(place) => *place,
            None => {
                groups.push(Building {
                    name: name.to_owned(),
                    host: String::new(),
                    totals: Totals::default(),
                    first: row.tally.first,
                    last: row.tally.last,
                    faults: None,
                });
                let place = groups.len() - 1;
                let name_at = |place: &usize| groups.get(*place).map_or("", |group| &group.name);
                places.insert_unique(hash, place, |place| hasher.hash_one(name_at(place)));
                place
            }
        };
        groups.get_mut(place).expect("it was found, or has just been added").add(row, encrypted)
    }

    pub fn finish(self) -> Vec<Group> {
        self.groups.into_iter().map(Building::finish).collect()
    }
}

impl Building {
    fn add(&mut self, row: &Row, encrypted: bool) -> &mut Self {
        self.totals.add(row, encrypted);
        self.first = self.first.min(row.tally.first);
        self.last = self.last.max(row.tally.last);
        if row.key.verdict != Decision::Accept {
            let faults = self.faults.get_or_insert_default();
            *faults.reasons.entry(row.key.reason.clone()).or_default() += row.tally.recipients();
        }
        self
    }

    /// Takes note of the other side of a fault: the sender of a peer, the peer of a sender.
    pub fn with(&mut self, other: &str) {
        if let Some(faults) = &mut self.faults
            && faults.others.len() < MOST_OTHERS
        {
            faults.others.insert(other.to_owned());
        }
    }

    fn finish(self) -> Group {
        let Faults { reasons, others } = self.faults.map(|faults| *faults).unwrap_or_default();
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        reasons.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
        Group {
            name: self.name,
            host: self.host,
            totals: self.totals,
            reasons: reasons.into_iter().map(|(reason, _)| reason).collect(),
            others: others.into_iter().collect(),
            first: self.first,
            last: self.last,
            outcome: None,
            handshakes: Vec::new(),
        }
    }
}

/// Puts the worst first: those at fault that have not come back with TLS, then by how many recipients
/// were at fault, then by how many were judged. Days stay in their order.
pub(super) fn sort(groups: &mut [Group], by: By) {
    if by == By::Day {
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        return;
    }
    let rank = |group: &Group| {
        let resolved =
            matches!(group.outcome, Some(Outcome::Resolved { .. } | Outcome::OtherServer { .. }));
        let fault = group.totals.at_fault();
        (fault > 0 && !resolved, fault, group.totals.judged)
    };
    groups.sort_by(|one, other| rank(other).cmp(&rank(one)).then(one.name.cmp(&other.name)));
}
