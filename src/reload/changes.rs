//! What a reload changed, for the log.

use policy::{Directory, Entry, Policy};
use std::{collections::BTreeSet, fmt, ptr};

/// The most names of a kind that are written out.
const SHOWN: usize = 20;

/// The difference between two policies, as an administrator would tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Domains that are opted in now and were not.
    pub added: Names,
    /// Domains that are not opted in any more.
    pub removed: Names,
    /// Domains whose mode changed: `example.com: monitor -> enforce`.
    pub modes: Names,
    /// Domains whose other terms changed (requirement, reply, exceptions, contact).
    pub terms: Names,
    /// Parts of the policy that are not about single domains.
    pub others: Vec<&'static str>,
    /// Whether mailboxes may be named.
    local_parts: bool,
}

/// How many names there are, and the first ones: a line of the log needs no million of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    count: usize,
    first: BTreeSet<String>,
}

impl Names {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    fn add(&mut self, name: String) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.insert(name);
        } else if self.first.last().is_some_and(|last| name < *last) {
            self.first.pop_last();
            self.first.insert(name);
        }
    }
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
        // Most names share a few entries: the same pair, several times in a row, is compared once.
        let mut same: Option<(&Entry, &Entry)> = None;
        let mut kept = 0;
        for (name, after, before) in new.beside(old) {
            let Some(before) = before else {
                self.added.add(format!("{prefix}{name}"));
                continue;
            };
            kept += 1;
            if same.is_some_and(|(one, other)| ptr::eq(one, before) && ptr::eq(other, after)) {
                continue;
            }
            if before == after {
                same = Some((before, after));
            } else {
                self.compare_entries(before, after, format!("{prefix}{name}"));
            }
        }
        if kept < old.len() {
            for (name, _, _) in old.beside(new).filter(|(_, _, after)| after.is_none()) {
                self.removed.add(format!("{prefix}{name}"));
            }
        }
    }

    fn compare_entries(&mut self, old: &Entry, new: &Entry, name: String) {
        if old.schedule != new.schedule {
            self.modes.add(format!("{name}: {} -> {}", old.schedule, new.schedule));
        }
        let but_schedule = Entry { schedule: old.schedule, ..new.clone() };
        if *old != but_schedule {
            self.terms.add(name);
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
        .filter(|(_, names)| names.count > 0)
        .map(|(what, names)| format!("{} {what} ({})", names.count, self.list(names)))
        .collect();
        if !self.others.is_empty() {
            parts.push(format!("changed: {}", self.others.join(", ")));
        }
        f.write_str(&parts.join("; "))
    }
}

impl Changes {
    fn list(&self, names: &Names) -> String {
        let shown = |name: &String| match name.split_once('@') {
            Some((_, domain)) if !self.local_parts => format!("...@{domain}"),
            _ => name.clone(),
        };
        let mut shown: Vec<String> = names.first.iter().map(shown).collect();
        if names.count > SHOWN {
            shown.push("...".into());
        }
        shown.join(", ")
    }
}
