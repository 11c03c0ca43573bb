//! Entries by next hop: for the second hop, what the rest of the directory is for the first.

use super::{Directory, Key, Match, numbered};
use crate::domain::DomainName;
use crate::entry::{Entry, Mode, Schedule};
use crate::entry_place::EntryPlace;
use crate::hop::NextHop;
use crate::next_hops::{Nearness, NextHops};
use crate::pattern::Pattern;
use hashbrown::HashSet;

impl Directory {
    /// Takes in the next hops that an entry names; none when they are full.
    pub(super) fn take_next_hops(
        &mut self,
        pattern: &Pattern,
        entry: u32,
        place: EntryPlace,
    ) -> Option<()> {
        let Self { entries, tried, next_hops, .. } = self;
        let entry_of = |number| numbered(entries, tried, number);
        let Some(deliver) = entry_of(entry).and_then(|entry| entry.deliver.as_ref()) else {
            return Some(());
        };
        let giving_way = self.giving_way;
        deliver.next_hops.iter().try_for_each(|next_hop| {
            let pattern = pattern.to_string();
            next_hops.add(next_hop, (&pattern, entry, place), entry_of, giving_way)
        })
    }

    /// Gathers the next hops anew.
    pub(super) fn name_next_hops(&mut self) {
        let mut next_hops = NextHops::default();
        for matched in self.all() {
            let Some(number) = self.patterns.get(matched.at).map(|packed| packed.entry) else {
                continue;
            };
            for next_hop in matched.entry.deliver.iter().flat_map(|deliver| &deliver.next_hops) {
                // There are no more than there were.
                let _ = next_hops.add(
                    next_hop,
                    (matched.pattern, number, matched.place()),
                    |number| self.numbered(number),
                    self.giving_way,
                );
            }
        }
        self.next_hops = next_hops;
    }

    /// The entry that a next hop is the domain of.
    ///
    /// smtp(8) asks for `.example.org` when it has found nothing for a domain below. The wildcards have been
    /// looked at by then, so one below which an entry demands nothing says nothing a second time: that entry
    /// is the more specific.
    pub(crate) fn for_next_hop(&self, next_hop: &NextHop) -> Option<Match<'_>> {
        match next_hop {
            NextHop::Domain(domain) => self.find_domain(domain),
            NextHop::Below(parent) => {
                let below = self.find(Key::Below(parent.as_str()));
                let found =
                    below.or_else(|| self.find_above(parent)).or_else(|| self.matched(self.every?));
                found.filter(|matched| !self.holed.contains(&matched.at))
            }
            NextHop::Host(_) | NextHop::Socket => None,
        }
    }

    /// The entries that name a next hop: of those that demand the same of it, the one that is in force first.
    pub fn naming(&self, next_hop: &NextHop) -> impl Iterator<Item = Match<'_>> {
        let patterns = self.next_hops.patterns();
        self.next_hops.find(next_hop).into_iter().filter_map(move |at| {
            let (pattern, number) = self.next_hops.get(at)?;
            Some(Match { pattern, entry: self.numbered(number)?, patterns, at })
        })
    }

    /// Says that the entries of the file with this number, and of those behind it, give way.
    pub fn give_way_from(&mut self, file: u16) {
        self.giving_way = Some(file);
    }

    /// How near an entry of this pattern at this place is to a next hop.
    #[must_use]
    pub fn nearness(&self, next_hop: &NextHop, pattern: &str, place: EntryPlace) -> Nearness {
        Nearness::new(next_hop, pattern, place, self.giving_way)
    }

    /// Finds the wildcards that demand something of next hops where an entry below demands less at some time.
    pub(super) fn find_holes(&mut self) {
        let demands = |entry: Option<&Entry>| entry.is_some_and(|entry| entry.deliver.is_some());
        let wildcards = self.below.iter().copied().chain(self.every);
        let number = |at: u32| self.patterns.get(at).map(|packed| packed.entry);
        self.holed.clear();
        if !wildcards.into_iter().any(|at| demands(number(at).and_then(|n| self.numbered(n)))) {
            return;
        }
        let mut holed = HashSet::default();
        for (_, packed) in self.patterns.iter() {
            let entry = self.entry(&packed);
            let always =
                entry.is_some_and(|entry| entry.schedule == Schedule::Always(Mode::Enforce));
            if demands(entry) && always {
                continue;
            }
            let above = match Key::of(packed.text()) {
                Key::Mailbox(..) => None,
                Key::Domain(name) | Key::Below(name) => {
                    DomainName::parse(name).ok().and_then(|name| self.find_above(&name))
                }
            };
            let above = above.map(|matched| matched.at).or(self.every);
            holed.extend(above);
        }
        self.holed = holed;
    }
}
