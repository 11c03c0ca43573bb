//! Entries by address: which one decides for a mailbox or a domain.

mod hops;

use super::domain::DomainName;
use super::entry::Entry;
use super::entry_place::EntryPlace;
use super::next_hops::NextHops;
use super::packed_patterns::{PackedPattern, PackedPatterns};
use super::pattern::Pattern;
use hashbrown::{DefaultHashBuilder, HashSet, HashTable, hash_table};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

/// An entry that applies, with the pattern that names it.
#[derive(Clone, Copy, Debug)]
pub struct Match<'p> {
    /// What the entry names, in the form in which [`Pattern`] shows itself: `user@example.org`,
    /// `example.org`, `*.example.org`, `*`.
    pub pattern: &'p str,
    /// What it says.
    pub entry: &'p Entry,
    patterns: &'p PackedPatterns,
    at: u32,
}

impl Match<'_> {
    /// Where the entry stands. This takes longer than to find it.
    #[must_use]
    pub fn place(&self) -> EntryPlace {
        self.patterns.place(self.at)
    }
}

/// Why a pattern was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It was already there.
    Duplicate {
        /// The number of the entry that decides for it.
        entry: u32,
        /// Where that stands.
        place: EntryPlace,
    },
    /// There is no more room: all patterns together take 4 GiB.
    Full,
}

/// Entries by pattern; the most specific one is found: mailbox, domain, longest wildcard.
///
/// Built for up to a million patterns, most of which share a few entries: 32 octets each with names
/// of usual length, and nothing is allocated to find one.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// Shared with copies: entries can hold much.
    entries: Arc<Vec<Entry>>,
    /// Those that a copy has beside them; their numbers go on.
    tried: Vec<Entry>,
    /// All patterns.
    patterns: PackedPatterns,
    /// Where in `patterns` each one is. Apart, because there are few wildcards as a rule, and
    /// their table then stays in the processor's caches.
    mailboxes: HashTable<u32>,
    domains: HashTable<u32>,
    below: HashTable<u32>,
    every: Option<u32>,
    /// Packed patterns that no table leads to any more: a few at most.
    replaced: Vec<u32>,
    /// Keyed: who adds domains cannot know which ones meet in a table.
    hasher: DefaultHashBuilder,
    /// The depths at which there are wildcards: bit n for parents of n + 1 labels. A domain name
    /// has 127 labels at most.
    depths: u128,
    /// For each requirement that occurs, the entry that enforces it first.
    strictest: Vec<u32>,
    /// The next hops that entries name.
    next_hops: NextHops,
    /// The first file whose entries give way.
    giving_way: Option<u16>,
    /// Wildcards that demand something of next hops, and below which entries stand that do not.
    holed: HashSet<u32, DefaultHashBuilder>,
}

impl Directory {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in an entry that patterns can then share; the number names it in [`Self::insert`].
    pub fn add_entry(&mut self, entry: Entry) -> u32 {
        // Lists often hold the same entry again and again.
        let count = self.entries.len() + self.tried.len();
        let last = count.checked_sub(1).and_then(|last| u32::try_from(last).ok());
        let equal = |number: &u32| self.numbered(*number) == Some(&entry);
        if let Some(number) = self.strictest.iter().copied().chain(last).find(equal) {
            return number;
        }
        let number = u32::try_from(count).unwrap_or(u32::MAX);
        let rival = self.strictest.iter().position(|number| {
            let old = self.numbered(*number);
            old.is_some_and(|old| old.requirement == entry.requirement)
        });
        match rival.and_then(|rival| self.strictest.get(rival)).copied() {
            Some(old) => {
                let old = self.numbered(old);
                if old.is_none_or(|old| entry.schedule.is_stricter(old.schedule))
                    && let Some(rival) = rival.and_then(|rival| self.strictest.get_mut(rival))
                {
                    *rival = number;
                }
            }
            None => self.strictest.push(number),
        }
        match Arc::get_mut(&mut self.entries) {
            Some(entries) if self.tried.is_empty() => entries.push(entry),
            _ => self.tried.push(entry),
        }
        number
    }

    /// The entry with this number.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Option<&Entry> {
        numbered(&self.entries, &self.tried, number)
    }

    /// Whether any entry demands something of next hops.
    #[must_use]
    pub fn demands_any(&self) -> bool {
        self.entries.iter().chain(&self.tried).any(|entry| entry.deliver.is_some())
    }

    /// Lets the entry with this number decide for `pattern`.
    ///
    /// # Errors
    ///
    /// When the pattern is there already, or there is no more room; nothing is changed then.
    pub fn insert(
        &mut self,
        pattern: &Pattern,
        entry: u32,
        place: EntryPlace,
    ) -> Result<(), Refused> {
        self.insert_pattern(pattern, entry, place)?;
        self.take_next_hops(pattern, entry, place).ok_or(Refused::Full)
    }

    fn insert_pattern(
        &mut self,
        pattern: &Pattern,
        entry: u32,
        place: EntryPlace,
    ) -> Result<(), Refused> {
        let Some(key) = Key::naming(pattern) else { return self.insert_every(entry, place) };
        let Self { mailboxes, domains, below, patterns, hasher, .. } = self;
        let table = match key {
            Key::Mailbox(..) => mailboxes,
            Key::Domain(_) => domains,
            Key::Below(_) => below,
        };
        let is_same = |at: &u32| patterns.get(*at).is_some_and(|packed| key.is(packed.octets()));
        match table.entry(key.hash(hasher), is_same, |at| hash_of(patterns, hasher, *at)) {
            hash_table::Entry::Occupied(old) => {
                return Err(patterns.duplicate(*old.get()));
            }
            hash_table::Entry::Vacant(free) => {
                free.insert(patterns.push(&key.parts(), entry, place).ok_or(Refused::Full)?);
            }
        }
        if let Key::Below(parent) = key {
            self.depths |= depth(parent);
        }
        Ok(())
    }

    fn insert_every(&mut self, entry: u32, place: EntryPlace) -> Result<(), Refused> {
        if let Some(old) = self.every {
            return Err(self.patterns.duplicate(old));
        }
        self.every = Some(self.patterns.push(&["*"], entry, place).ok_or(Refused::Full)?);
        Ok(())
    }

    /// Makes room in the table for this many more domains.
    pub fn reserve(&mut self, domains: usize) {
        let Self { domains: table, patterns, hasher, .. } = self;
        table.reserve(domains, |at| hash_of(patterns, hasher, *at));
    }

    /// Gives back the memory that is held for more patterns: to be called when all are there.
    pub fn shrink_to_fit(&mut self) {
        let Self { mailboxes, domains, below, patterns, hasher, .. } = self;
        patterns.shrink_to_fit();
        for table in [mailboxes, domains, below] {
            table.shrink_to_fit(|at| hash_of(patterns, hasher, *at));
        }
        if let Some(entries) = Arc::get_mut(&mut self.entries) {
            entries.shrink_to_fit();
        }
        self.next_hops.shrink_to_fit();
        self.find_holes();
    }

    /// Lets this entry decide for `pattern`, whatever did before: to try out a change on a copy, which
    /// shares all entries with what it was copied from.
    pub fn replace(&mut self, pattern: &Pattern, entry: Entry) {
        self.remove(pattern);
        let number = self.add_entry(entry);
        let inserted = self.insert(pattern, number, EntryPlace::default());
        debug_assert!(inserted.is_ok(), "it was removed before");
        if !self.next_hops.is_empty() {
            self.name_next_hops();
        }
    }

    fn remove(&mut self, pattern: &Pattern) {
        let Self { mailboxes, domains, below, every, patterns, hasher, .. } = self;
        let Some(key) = Key::naming(pattern) else {
            self.replaced.extend(every.take());
            return;
        };
        let table = match key {
            Key::Mailbox(..) => mailboxes,
            Key::Domain(_) => domains,
            Key::Below(_) => below,
        };
        let is_same = |at: &u32| patterns.get(*at).is_some_and(|packed| key.is(packed.octets()));
        if let Ok(found) = table.find_entry(key.hash(hasher), is_same) {
            self.replaced.push(found.remove().0);
        }
    }

    /// The entry for a domain: its own, or the longest wildcard's.
    #[must_use]
    pub fn find_domain(&self, domain: &DomainName) -> Option<Match<'_>> {
        self.find(Key::Domain(domain.as_str()))
            .or_else(|| self.find_above(domain))
            .or_else(|| self.matched(self.every?))
    }

    /// The longest wildcard's entry.
    fn find_above(&self, domain: &DomainName) -> Option<Match<'_>> {
        if self.below.is_empty() {
            return None;
        }
        let mut parents = domain.parents().filter(|parent| self.depths & depth(parent) != 0);
        parents.find_map(|parent| self.find(Key::Below(parent)))
    }

    /// The entry for just this mailbox; `local` is lower case.
    #[must_use]
    pub fn find_mailbox(&self, local: &str, domain: &DomainName) -> Option<Match<'_>> {
        self.find(Key::Mailbox(local, domain.as_str()))
    }

    /// Whether there is a pattern for a mailbox.
    #[must_use]
    pub fn has_mailboxes(&self) -> bool {
        !self.mailboxes.is_empty()
    }

    /// For each requirement that occurs, the entry that enforces it first: all that a recipient can
    /// be held to by this directory.
    pub fn strictest(&self) -> impl Iterator<Item = &Entry> {
        self.strictest.iter().filter_map(|number| self.numbered(*number))
    }

    /// Every pattern as text, with its entry, in the order in which they came in.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        let in_force = self.patterns.iter().filter(|(at, _)| !self.replaced.contains(at));
        in_force.filter_map(|(_, packed)| Some((packed.text(), self.entry(&packed)?)))
    }

    /// Every pattern, with its entry and its place, in the order in which they came in.
    pub fn all(&self) -> impl Iterator<Item = Match<'_>> {
        let in_force = self.patterns.iter().filter(|(at, _)| !self.replaced.contains(at));
        in_force.filter_map(|(at, _)| self.matched(at))
    }

    /// Every pattern as text, with its entry and the one that it has in another directory.
    ///
    /// Fast where the two go alike for the most part, as two versions of a list do.
    pub fn beside<'d>(
        &'d self,
        other: &'d Self,
    ) -> impl Iterator<Item = (&'d str, &'d Entry, Option<&'d Entry>)> {
        // The packed of the other that comes next if they go on alike.
        let mut next = 0;
        self.patterns.iter().filter_map(move |(_, packed)| {
            let alike = other.patterns.get(next).filter(|there| there.octets() == packed.octets());
            let there = alike.or_else(|| other.patterns.get(other.exactly(packed.text())?.at));
            if let Some(there) = &there {
                next = there.end();
            }
            let entry = there.and_then(|there| other.entry(&there));
            Some((packed.text(), self.entry(&packed)?, entry))
        })
    }

    /// The entry for exactly this pattern, written as [`Self::iter`] gives it.
    #[must_use]
    pub fn get(&self, pattern: &str) -> Option<&Entry> {
        Some(self.exactly(pattern)?.entry)
    }

    /// The entry that exactly this pattern names.
    #[must_use]
    pub fn named(&self, pattern: &Pattern) -> Option<Match<'_>> {
        match Key::naming(pattern) {
            Some(key) => self.find(key),
            None => self.matched(self.every?),
        }
    }

    fn exactly(&self, pattern: &str) -> Option<Match<'_>> {
        match pattern {
            "*" => self.matched(self.every?),
            pattern => self.find(Key::of(pattern)),
        }
    }

    /// How many patterns there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.mailboxes.len()
            + self.domains.len()
            + self.below.len()
            + usize::from(self.every.is_some())
    }

    /// Whether there is no pattern.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn find(&self, key: Key<'_>) -> Option<Match<'_>> {
        let table = match key {
            Key::Mailbox(..) => &self.mailboxes,
            Key::Domain(_) => &self.domains,
            Key::Below(_) => &self.below,
        };
        if table.is_empty() {
            return None;
        }
        let is_same =
            |at: &u32| self.patterns.get(*at).is_some_and(|packed| key.is(packed.octets()));
        self.matched(*table.find(key.hash(&self.hasher), is_same)?)
    }

    fn matched(&self, at: u32) -> Option<Match<'_>> {
        let packed = self.patterns.get(at)?;
        let entry = self.entry(&packed)?;
        Some(Match { pattern: packed.text(), entry, patterns: &self.patterns, at })
    }

    fn entry(&self, packed: &PackedPattern<'_>) -> Option<&Entry> {
        self.numbered(packed.entry)
    }
}

/// The entry with a number, of shared ones and those beside them.
fn numbered<'e>(entries: &'e [Entry], tried: &'e [Entry], number: u32) -> Option<&'e Entry> {
    let number = number as usize;
    entries.get(number).or_else(|| tried.get(number.checked_sub(entries.len())?))
}

impl PackedPatterns {
    /// That the pattern there is not taken in a second time.
    fn duplicate(&self, at: u32) -> Refused {
        let entry = self.get(at).map_or(u32::MAX, |packed| packed.entry);
        Refused::Duplicate { entry, place: self.place(at) }
    }
}

/// The hash of a packed pattern, for a table that moves it.
fn hash_of(patterns: &PackedPatterns, hasher: &DefaultHashBuilder, at: u32) -> u64 {
    patterns.get(at).map_or(0, |packed| Key::of(packed.text()).hash(hasher))
}

/// What is looked up: a pattern in its parts, so that its text need not be put together.
#[derive(Clone, Copy, Debug)]
enum Key<'k> {
    Mailbox(&'k str, &'k str),
    Domain(&'k str),
    Below(&'k str),
}

impl<'k> Key<'k> {
    /// The key of a pattern as text.
    fn of(text: &'k str) -> Self {
        match (text.rsplit_once('@'), text.strip_prefix("*.")) {
            (Some((local, domain)), _) => Self::Mailbox(local, domain),
            (None, Some(parent)) => Self::Below(parent),
            (None, None) => Self::Domain(text),
        }
    }

    /// The key of a pattern; none of `*`, which is in no table.
    fn naming(pattern: &'k Pattern) -> Option<Self> {
        Some(match pattern {
            Pattern::Mailbox(local, domain) => Self::Mailbox(local, domain.as_str()),
            Pattern::Domain(domain) => Self::Domain(domain.as_str()),
            Pattern::Below(domain) => Self::Below(domain.as_str()),
            Pattern::Every => return None,
        })
    }

    /// The pattern as text, in parts.
    fn parts(self) -> [&'k str; 3] {
        match self {
            Self::Mailbox(local, domain) => [local, "@", domain],
            Self::Domain(domain) => ["", "", domain],
            Self::Below(parent) => ["*", ".", parent],
        }
    }

    fn domain(self) -> &'k str {
        let (Self::Mailbox(_, domain) | Self::Domain(domain) | Self::Below(domain)) = self;
        domain
    }

    fn is(self, text: &[u8]) -> bool {
        let rest = match self {
            Self::Mailbox(local, _) => {
                text.strip_prefix(local.as_bytes()).and_then(|rest| rest.strip_prefix(b"@"))
            }
            Self::Domain(_) => Some(text),
            Self::Below(_) => text.strip_prefix(b"*."),
        };
        rest == Some(self.domain().as_bytes())
    }

    fn hash(self, hasher: &DefaultHashBuilder) -> u64 {
        let mut hasher = hasher.build_hasher();
        if let Self::Mailbox(local, _) = self {
            hasher.write(local.as_bytes());
            hasher.write_u8(b'@');
        }
        hasher.write(self.domain().as_bytes());
        hasher.finish()
    }
}

/// The bit of [`Directory::depths`] for a parent.
fn depth(parent: &str) -> u128 {
    let dots = parent.bytes().filter(|octet| *octet == b'.').count();
    1_u128.rotate_left(u32::try_from(dots).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
