//! What was judged and is not in the file yet: kept in memory.

use crate::model::day::Day;
use crate::model::key::{Key, KeyRef};
use crate::model::tally::Tally;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// How many different rows are kept in memory at most, which happens while the ledger cannot be
/// written; some 20 MiB.
pub(super) const MOST_ROWS: usize = 50_000;

/// Recipients, added up.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub rows: HashMap<Key, Tally>,
    /// Recipients that could not be taken in, by day.
    pub lost: BTreeMap<Day, u64>,
}

impl Batch {
    /// An empty one with room for this many rows: to grow takes time.
    pub fn with_room(rows: usize) -> Self {
        Self { rows: HashMap::with_capacity(rows), lost: BTreeMap::new() }
    }

    /// Counts a recipient. Returns whether there was room.
    pub fn add(&mut self, seen: &KeyRef<'_>, tally: Tally) -> bool {
        if let Some(row) = self.rows.get_mut(seen) {
            row.add(tally);
        } else if self.rows.len() < MOST_ROWS {
            self.rows.insert(seen.to_key(), tally);
        } else {
            *self.lost.entry(seen.day).or_default() += 1;
            return false;
        }
        true
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.lost.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{TODAY, key};
    use crate::model::key::{SenderDomain, SubjectKind};
    use policy::{Decision, ReasonKind, TlsState};

    #[test]
    fn in_memory_the_same_is_added_up_and_what_is_beyond_the_room_is_lost_and_counted() {
        use crate::recorder::batch::{Batch, MOST_ROWS};
        let mut batch = Batch::default();
        let most = u32::try_from(MOST_ROWS).unwrap();
        let client = |number: u32| key(&std::net::Ipv4Addr::from(number).to_string());
        let added = (0..most + 3)
            .filter(|number| batch.add(&client(*number).borrowed(), Tally::once(7)))
            .count();
        assert_eq!((added, batch.rows.len()), (MOST_ROWS, MOST_ROWS));
        assert!(
            batch.add(&client(0).borrowed(), Tally::again(9)),
            "a row that is there needs no room"
        );
        assert_eq!(batch.rows[&client(0)], Tally { count: 2, repeats: Some(1), first: 7, last: 9 });
        assert_eq!(batch.lost, BTreeMap::from([(TODAY, 3)]));
    }

    #[test]
    fn rows_that_differ_in_anything_are_counted_apart() {
        use crate::recorder::batch::Batch;
        let plain = key("192.0.2.1");
        let others = [
            Key { day: TODAY + 1, ..plain.clone() },
            Key { domain: None, ..plain.clone() },
            Key { found: SubjectKind::Sender, ..plain.clone() },
            Key { client: None, ..plain.clone() },
            Key { name: None, ..plain.clone() },
            Key { sender: SenderDomain::Null, ..plain.clone() },
            Key { tls: TlsState::Unknown, ..plain.clone() },
            Key { authenticated: true, ..plain.clone() },
            Key { local_submission: true, ..plain.clone() },
            Key { verdict: Decision::WouldRefuse, ..plain.clone() },
            Key { reason: ReasonKind::Cipher, ..plain.clone() },
            plain,
        ];
        let mut batch = Batch::default();
        for key in others.iter().chain(&others) {
            batch.add(&key.borrowed(), Tally::once(7));
        }
        assert_eq!(batch.rows.len(), others.len());
        assert!(others.iter().all(|key| batch.rows[key].count == 2));
    }
}
