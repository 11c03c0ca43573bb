//! What a reload changed, for the log.

use crate::policy::{Directory, Entry, Policy};
use std::{collections::BTreeSet, fmt};

/// At most so many names of a kind are written out.
const NAMES: usize = 20;

/// The difference between two policies, as an administrator would tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Domains that are opted in now and were not.
    pub added: BTreeSet<String>,
    /// Domains that are not opted in any more.
    pub removed: BTreeSet<String>,
    /// Domains whose mode changed: `example.com: monitor -> enforce`.
    pub modes: BTreeSet<String>,
    /// Domains whose other terms changed (requirement, reply, exceptions, contact).
    pub terms: BTreeSet<String>,
    /// Parts of the policy that are not about single domains.
    pub others: Vec<&'static str>,
    /// Whether mailboxes may be named.
    local_parts: bool,
}

impl Changes {
    /// What changed from `old` to `new`; `local_parts` says whether mailboxes may be named.
    #[must_use]
    pub fn between(old: &Policy, new: &Policy, local_parts: bool) -> Self {
        let mut changes = Self { local_parts, ..Self::default() };
        changes.compare(&old.domains, &new.domains, "");
        changes.compare(&old.senders, &new.senders, "sender ");
        for (differs, name) in [
            (old.local != new.local, "local"),
            (old.trusted != new.trusted, "trusted"),
            (old.recipient_delimiter != new.recipient_delimiter, "recipient_delimiter"),
            (old.requirements != new.requirements, "requirements"),
        ] {
            if differs {
                changes.others.push(name);
            }
        }
        changes
    }

    fn compare(&mut self, old: &Directory, new: &Directory, prefix: &str) {
        for (name, entry) in new.iter() {
            match old.get(name) {
                None => drop(self.added.insert(format!("{prefix}{name}"))),
                Some(before) => self.compare_entries(before, entry, &format!("{prefix}{name}")),
            }
        }
        for (name, _) in old.iter().filter(|(name, _)| new.get(name).is_none()) {
            self.removed.insert(format!("{prefix}{name}"));
        }
    }

    fn compare_entries(&mut self, old: &Entry, new: &Entry, name: &str) {
        if old.schedule != new.schedule {
            self.modes.insert(format!("{name}: {} -> {}", old.schedule, new.schedule));
        }
        let but_schedule = Entry { schedule: old.schedule, ..new.clone() };
        if *old != but_schedule {
            self.terms.insert(name.to_owned());
        }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self { local_parts: self.local_parts, ..Self::default() }
    }
}

/// One line: counts and the first names.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing changed");
        }
        let mut parts: Vec<String> = [
            ("added", &self.added),
            ("removed", &self.removed),
            ("mode changed", &self.modes),
            ("terms changed", &self.terms),
        ]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{} {what} ({})", names.len(), self.list(names)))
        .collect();
        if !self.others.is_empty() {
            parts.push(format!("changed: {}", self.others.join(", ")));
        }
        f.write_str(&parts.join("; "))
    }
}

impl Changes {
    fn list(&self, names: &BTreeSet<String>) -> String {
        let shown = |name: &String| match name.split_once('@') {
            Some((_, domain)) if !self.local_parts => format!("...@{domain}"),
            _ => name.clone(),
        };
        let mut shown: Vec<String> = names.iter().take(NAMES).map(shown).collect();
        if names.len() > NAMES {
            shown.push("...".into());
        }
        shown.join(", ")
    }
}
