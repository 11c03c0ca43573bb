//! Entries by address: which one decides for a mailbox or a domain.

use super::domain::DomainName;
use super::entry::Entry;
use super::pattern::Pattern;
use std::collections::HashMap;

/// Where an entry stands: a file of the policy (an index into [`super::Policy::files`]) and a
/// line, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: u16,
    /// The line.
    pub line: u32,
}

/// An entry that applies, with the pattern that names it.
#[derive(Clone, Debug)]
pub struct Match<'p> {
    /// What the entry names.
    pub pattern: Pattern,
    /// Where it stands.
    pub place: Place,
    /// What it says.
    pub entry: &'p Entry,
}

/// A pattern that was already there, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate(pub Place);

#[derive(Clone, Copy, Debug)]
struct Slot {
    entry: u32,
    place: Place,
}

/// Entries by pattern; the most specific one is found: mailbox, domain, longest wildcard.
///
/// Built for up to a million patterns, most of which share a few entries.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    entries: Vec<Entry>,
    mailboxes: HashMap<Box<str>, Slot>,
    domains: HashMap<Box<str>, Slot>,
    below: HashMap<Box<str>, Slot>,
    every: Option<Slot>,
    /// For each requirement that occurs, the entry that enforces it first.
    strictest: Vec<u32>,
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
        let last = self.entries.len().checked_sub(1).and_then(|last| u32::try_from(last).ok());
        let equal = |number: &u32| self.entries.get(*number as usize) == Some(&entry);
        if let Some(number) = self.strictest.iter().copied().chain(last).find(equal) {
            return number;
        }
        let number = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let rival = self.strictest.iter_mut().find(|number| {
            let old = self.entries.get(**number as usize);
            old.is_some_and(|old| old.requirement == entry.requirement)
        });
        match rival {
            Some(rival) => {
                let old = self.entries.get(*rival as usize);
                if old.is_none_or(|old| entry.schedule.is_stricter(old.schedule)) {
                    *rival = number;
                }
            }
            None => self.strictest.push(number),
        }
        self.entries.push(entry);
        number
    }

    /// Lets `pattern` be decided by the entry with this number.
    ///
    /// # Errors
    ///
    /// When the pattern is there already; nothing is changed then.
    pub fn insert(&mut self, pattern: Pattern, entry: u32, place: Place) -> Result<(), Duplicate> {
        let slot = Slot { entry, place };
        let (map, key) = match pattern {
            Pattern::Mailbox(local, domain) => {
                (&mut self.mailboxes, mailbox_key(&local, domain.as_str()))
            }
            Pattern::Domain(domain) => (&mut self.domains, domain.as_str().into()),
            Pattern::Below(domain) => (&mut self.below, domain.as_str().into()),
            Pattern::Every => {
                if let Some(old) = self.every {
                    return Err(Duplicate(old.place));
                }
                self.every = Some(slot);
                return Ok(());
            }
        };
        match map.entry(key) {
            std::collections::hash_map::Entry::Occupied(old) => Err(Duplicate(old.get().place)),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(slot);
                Ok(())
            }
        }
    }

    /// Lets `pattern` be decided by this entry, whatever decided it before: to try things out.
    pub fn replace(&mut self, pattern: Pattern, entry: Entry) {
        match &pattern {
            Pattern::Mailbox(local, domain) => {
                self.mailboxes.remove(&mailbox_key(local, domain.as_str()));
            }
            Pattern::Domain(domain) => drop(self.domains.remove(domain.as_str())),
            Pattern::Below(domain) => drop(self.below.remove(domain.as_str())),
            Pattern::Every => self.every = None,
        }
        let number = self.add_entry(entry);
        let inserted = self.insert(pattern, number, Place::default());
        debug_assert!(inserted.is_ok(), "it was removed before");
    }

    /// The entry for a domain: its own, or the longest wildcard's.
    #[must_use]
    pub fn find_domain(&self, domain: &DomainName) -> Option<Match<'_>> {
        if let Some(slot) = self.domains.get(domain.as_str()) {
            return self.matched(slot, Pattern::Domain(domain.clone()));
        }
        if !self.below.is_empty()
            && let Some((parent, slot)) =
                domain.parents().find_map(|parent| Some((parent, self.below.get(parent)?)))
        {
            // A parent of a domain name is one itself.
            return self.matched(slot, Pattern::Below(DomainName::parse(parent).ok()?));
        }
        self.matched(self.every.as_ref()?, Pattern::Every)
    }

    /// The entry for just this mailbox; `local` is lower case.
    #[must_use]
    pub fn find_mailbox(&self, local: &str, domain: &DomainName) -> Option<Match<'_>> {
        if self.mailboxes.is_empty() {
            return None;
        }
        let slot = self.mailboxes.get(&mailbox_key(local, domain.as_str()))?;
        self.matched(slot, Pattern::Mailbox(local.into(), domain.clone()))
    }

    /// For each requirement that occurs, the entry that enforces it first: all that a recipient can
    /// be held to by this directory.
    pub fn strictest(&self) -> impl Iterator<Item = &Entry> {
        self.strictest.iter().filter_map(|number| self.entries.get(*number as usize))
    }

    /// Every pattern as text, with its entry, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (String, &Entry)> {
        let mailboxes = self.mailboxes.iter().map(|(name, slot)| (name.to_string(), slot));
        let domains = self.domains.iter().map(|(name, slot)| (name.to_string(), slot));
        let below = self.below.iter().map(|(name, slot)| (format!("*.{name}"), slot));
        let every = self.every.iter().map(|slot| ("*".to_owned(), slot));
        mailboxes
            .chain(domains)
            .chain(below)
            .chain(every)
            .filter_map(|(name, slot)| Some((name, self.entry(slot)?)))
    }

    /// The entry for exactly this pattern, written as [`Self::iter`] gives it.
    #[must_use]
    pub fn get(&self, pattern: &str) -> Option<&Entry> {
        let slot = if pattern == "*" {
            self.every.as_ref()
        } else if let Some(parent) = pattern.strip_prefix("*.") {
            self.below.get(parent)
        } else if pattern.contains('@') {
            self.mailboxes.get(pattern)
        } else {
            self.domains.get(pattern)
        };
        self.entry(slot?)
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

    fn matched(&self, slot: &Slot, pattern: Pattern) -> Option<Match<'_>> {
        Some(Match { pattern, place: slot.place, entry: self.entry(slot)? })
    }

    fn entry(&self, slot: &Slot) -> Option<&Entry> {
        self.entries.get(slot.entry as usize)
    }
}

fn mailbox_key(local: &str, domain: &str) -> Box<str> {
    format!("{local}@{domain}").into()
}
