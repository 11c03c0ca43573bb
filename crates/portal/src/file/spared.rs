//! What the policy does not take of entries of the file, and what remains of them without it.

use crate::ops::domains::field_of;
use crate::ops::insight::Gateway;
use config::policy_file::WrittenEntry;
use config::yaml::Problems;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// What the policy does not take of an entry.
pub(super) struct Fault {
    /// The key in which it lies.
    key: String,
    message: String,
}

/// The numbers of the entries in which errors of the policy lie, each with its first one. None where
/// there are errors elsewhere only.
pub(super) fn faulty(
    problems: &Problems,
    gateway: &Gateway,
    draft: &Path,
) -> io::Result<BTreeMap<usize, Fault>> {
    let mut starts = Vec::new();
    for (number, line) in (1..).zip(BufReader::new(File::open(draft)?).lines()) {
        if line?.starts_with("- ") {
            starts.push(number);
        }
    }
    let mut faulty = BTreeMap::new();
    for problem in problems.shown() {
        let Some(span) = problem.span.filter(|_| gateway.is_own(&problem.path)) else {
            continue;
        };
        let before = starts.partition_point(|start| *start <= span.line);
        if let Some(entry) = before.checked_sub(1) {
            faulty.entry(entry).or_insert_with(|| Fault {
                key: field_of(problem.line.as_deref().unwrap_or_default()),
                message: problem.message.clone(),
            });
        }
    }
    Ok(faulty)
}

/// What is taken from entries since the policy does not take it, so that they go on to be judged by the
/// operator's defaults. What it does not take without that either is left out.
#[derive(Default)]
pub(super) struct Spared {
    /// Requirements that the operator has removed, and what is said of them. They are taken from all that
    /// have them, at once: the policy tells of some only.
    requirements: BTreeMap<String, String>,
    /// By domain.
    parts: BTreeMap<String, Vec<Part>>,
    /// Domains of which something was taken, and why.
    pub left_out: BTreeMap<String, String>,
}

enum Part {
    Deliver,
    /// Without them it is stricter, never less so.
    Exceptions,
    All,
}

impl Spared {
    /// Takes in a fault of an entry as the policy was given it.
    pub fn take_in(&mut self, entry: &WrittenEntry, fault: &Fault) {
        let message = || fault.message.clone();
        self.left_out.entry(entry.domain.clone()).or_insert_with(message);
        let part = match (&*fault.key, &entry.require) {
            ("require", Some(name)) => {
                self.requirements.insert(name.clone(), message());
                return;
            }
            ("deliver", _) if entry.deliver.is_some() => Part::Deliver,
            ("exceptions", _) if !entry.exceptions.is_empty() => Part::Exceptions,
            _ => Part::All,
        };
        self.parts.entry(entry.domain.clone()).or_default().push(part);
    }

    /// What remains of an entry; none: nothing.
    pub fn rest(&mut self, mut entry: WrittenEntry) -> Option<WrittenEntry> {
        if let Some(message) = entry.require.as_ref().and_then(|name| self.requirements.get(name)) {
            self.left_out.entry(entry.domain.clone()).or_insert_with(|| message.clone());
            entry.require = None;
        }
        for part in self.parts.get(&entry.domain).into_iter().flatten() {
            match part {
                Part::Deliver => entry.deliver = None,
                Part::Exceptions => entry.exceptions.clear(),
                Part::All => return None,
            }
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::policy_file::WrittenDeliver;

    fn entry(domain: &str, require: Option<&str>) -> WrittenEntry {
        WrittenEntry {
            domain: domain.into(),
            require: require.map(str::to_owned),
            deliver: Some(WrittenDeliver::default()),
            ..WrittenEntry::default()
        }
    }

    /// An entry as domain, requirement, and whether it demands something of the second hop.
    type Shape = (String, Option<String>, bool);

    /// The entries after one fault in the first of them, and whose something was left out.
    fn after(key: &str) -> (Vec<Shape>, Vec<String>) {
        let entries = [
            entry("a.example", Some("own")),
            entry("b.example", Some("own")),
            entry("c.example", Some("rfc9325")),
        ];
        let fault = Fault { key: key.into(), message: "wrong".into() };
        let mut spared = Spared::default();
        spared.take_in(&entries[0], &fault);
        let state = |entry: WrittenEntry| (entry.domain, entry.require, entry.deliver.is_some());
        let rest = entries.into_iter().filter_map(|entry| spared.rest(entry)).map(state).collect();
        (rest, spared.left_out.into_keys().collect())
    }

    #[test]
    fn what_is_wrong_goes_and_all_else_of_an_entry_stays() {
        let own = || Some("own".to_owned());
        let rest = || ("c.example".to_owned(), Some("rfc9325".to_owned()), true);
        let b = || ("b.example".to_owned(), own(), true);
        // The requirement is gone, so it goes from all that have it.
        let (entries, left_out) = after("require");
        let without = |domain: &str| (domain.to_owned(), None, true);
        assert_eq!(entries, [without("a.example"), without("b.example"), rest()]);
        assert_eq!(left_out, ["a.example", "b.example"]);
        let (entries, left_out) = after("deliver");
        assert_eq!(entries, [("a.example".to_owned(), own(), false), b(), rest()]);
        assert_eq!(left_out, ["a.example"]);
        // What has no part to leave out goes as a whole.
        let (entries, left_out) = after("contact");
        assert_eq!(entries, [b(), rest()]);
        assert_eq!(left_out, ["a.example"]);
    }
}
