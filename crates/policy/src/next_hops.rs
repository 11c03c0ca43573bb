//! Entries by next hop: those that name one with `nexthop`.
//!
//! Nothing is held for entries that name none. Of entries that share a next hop, demand the same and are as near
//! to it, the one that is in force first is kept: an organisation with a thousand domains behind one server is one answer.

use super::entry::Entry;
use super::entry_place::EntryPlace;
use super::hop::{Demand, NextHop};
use super::packed_patterns::{PackedPattern, PackedPatterns};
use compact_str::ToCompactString;
use hashbrown::{DefaultHashBuilder, HashTable};
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;

/// How near an entry is to a next hop, the nearest first: whose demand on the certificate stands where two
/// contradict each other.
///
/// An entry of the operator's own files comes before one of a file that gives way; then the one that has more of
/// the next hop's name: that is the next hop's domain, or a domain that the host lies below; then the one that
/// the policy has first. Who writes a file for an organisation can put neither of the first two right for himself
/// without a name that is somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nearness {
    gives_way: bool,
    own: Reverse<usize>,
    place: (u16, u32),
}

impl Nearness {
    pub(crate) fn new(
        next_hop: &NextHop,
        pattern: &str,
        place: EntryPlace,
        giving_way: Option<u16>,
    ) -> Self {
        let host = next_hop.host();
        let domain = pattern.strip_prefix("*.").unwrap_or(pattern);
        // A mailbox and `*` have none; an address lies below no domain, whatever it ends with.
        let is_own = match host.strip_suffix(domain) {
            Some(rest) => {
                (rest.is_empty() || rest.ends_with('.')) && host.parse::<IpAddr>().is_err()
            }
            None => false,
        };
        Self {
            gives_way: giving_way.is_some_and(|first| place.file >= first),
            own: Reverse(if is_own { domain.len() } else { 0 }),
            place: (place.file, place.line),
        }
    }

    /// Whether nothing but the order of the policy tells them apart.
    fn is_alike(self, other: Self) -> bool {
        (self.gives_way, self.own) == (other.gives_way, other.own)
    }
}

/// The next hops that entries name.
#[derive(Clone, Debug, Default)]
pub(crate) struct NextHops {
    /// `[mx.example.org]:25 example.org`: the next hop, and who named it.
    packed: PackedPatterns,
    /// Where in `packed` each one is; several are equal where demands differ.
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl NextHops {
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Takes in that the entry with this number, as `entry_of` gives it, names a next hop; none when 4 GiB are full.
    pub(crate) fn add<'e>(
        &mut self,
        next_hop: &NextHop,
        (pattern, entry, place): (&str, u32, EntryPlace),
        entry_of: impl Fn(u32) -> Option<&'e Entry>,
        giving_way: Option<u16>,
    ) -> Option<()> {
        let key = next_hop.to_string();
        let Self { packed, table, hasher } = self;
        let hash = hash_of(&key, hasher);
        let new = entry_of(entry);
        let nearness = |pattern: &str, place| Nearness::new(next_hop, pattern, place, giving_way);
        let same = |at: &u32| {
            packed.get(*at).is_some_and(|there| {
                let old = entry_of(there.entry);
                let (other_key, other) = split(&there);
                other_key == key
                    && demand(old) == demand(new)
                    && nearness(other, packed.place(*at)).is_alike(nearness(pattern, place))
            })
        };
        let there = table.find(hash, same).copied();
        if let Some(at) = there {
            let old = packed.get(at).and_then(|packed| entry_of(packed.entry));
            let stricter =
                old.zip(new).is_some_and(|(old, new)| new.schedule.is_stricter(old.schedule));
            if !stricter {
                return Some(());
            }
            if let Ok(found) = table.find_entry(hash, |other| *other == at) {
                found.remove();
            }
        }
        let at = packed.push(&[&key, " ", pattern], entry, place)?;
        table.insert_unique(hash, at, |at| {
            packed.get(*at).map_or(0, |packed| hash_of(split(&packed).0, hasher))
        });
        Some(())
    }

    /// Who named this next hop: for each demand, whoever's is in force first; in the order of the policy.
    pub(crate) fn find(&self, next_hop: &NextHop) -> SmallVec<[u32; 2]> {
        let mut found = SmallVec::new();
        // Most policies name none, and then no text and no hash is made.
        if self.is_empty() {
            return found;
        }
        let key = next_hop.to_compact_string();
        let is_same =
            |at: &&u32| self.packed.get(**at).is_some_and(|packed| split(&packed).0 == key);
        found.extend(self.table.iter_hash(hash_of(&key, &self.hasher)).filter(is_same).copied());
        found.sort_unstable();
        found
    }

    /// Who named it, with the number of the entry.
    pub(crate) fn get(&self, at: u32) -> Option<(&str, u32)> {
        let packed = self.packed.get(at)?;
        Some((split(&packed).1, packed.entry))
    }

    pub(crate) fn patterns(&self) -> &PackedPatterns {
        &self.packed
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        let Self { packed, table, hasher } = self;
        packed.shrink_to_fit();
        table.shrink_to_fit(|at| {
            packed.get(*at).map_or(0, |packed| hash_of(split(&packed).0, hasher))
        });
    }
}

fn demand(entry: Option<&Entry>) -> Option<&Demand> {
    Some(&entry?.deliver.as_ref()?.demand)
}

/// The next hop, which has no blank in it, and who named it.
fn split<'p>(packed: &PackedPattern<'p>) -> (&'p str, &'p str) {
    packed.text().split_once(' ').unwrap_or_default()
}

fn hash_of(key: &str, hasher: &DefaultHashBuilder) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(key.as_bytes());
    hasher.finish()
}
