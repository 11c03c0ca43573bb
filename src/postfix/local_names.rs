//! Other names for the mailboxes of an opted-in domain that is local to this Postfix.
//!
//! local(8) looks at what stands before the `@`: all names of mydestination are names of the same
//! mailboxes, and so is no name at all. Each of them has to be judged as strictly as the domain that
//! is opted in.

use super::Given;
use super::diagnosis::{Diagnosis, Gravity};
use super::facts::{MapContents, Parameters, PostfixFacts};
use super::rewriting::{ANYBODY, decision};
use config::finding::FindingId;
use policy::{Decision, DomainName, Recipient};
use std::collections::{BTreeMap, BTreeSet};

const PARAMETER: &str = "mydestination";
/// How many names are shown.
const SHOWN: usize = 10;
/// An address literal that stands for any of this host's own.
const LITERAL: &str = "[192.0.2.1]";

/// The tables and files with names in mydestination.
pub(super) fn tables(facts: &PostfixFacts) -> impl Iterator<Item = &str> {
    facts.main.list(PARAMETER).filter(|item| is_table(item))
}

fn is_table(item: &str) -> bool {
    item.contains([':', '/']) && !item.starts_with('!')
}

pub(super) fn check(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    let names = names(given.facts);
    let mut by_local: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    by_local.insert(ANYBODY, names.iter().map(DomainName::as_str).collect());
    for (local, domain) in single_mailboxes(given, &names) {
        by_local.entry(local).or_default().push(domain);
    }
    for severest in [Decision::Refuse, Decision::WouldRefuse] {
        let mut decided = Ways::default();
        let mut undecided = Ways::default();
        for (local, domains) in &by_local {
            let mine = domains.iter().filter(|name| named(given, local, name) == severest);
            let mine: Vec<String> = mine.map(|name| shown(local, name)).collect();
            if mine.is_empty() {
                continue;
            }
            for way in ways(given, local, &names) {
                if way.decision < severest {
                    let ways = if way.by.is_some() { &mut decided } else { &mut undecided };
                    ways.add(&mine, &way);
                }
            }
        }
        if !undecided.ways.is_empty() {
            found.push(undecided.unnoticed(given, severest));
        }
        if !decided.ways.is_empty() {
            found.push(decided.on_purpose(given, severest));
        }
    }
}

/// A domain, or one of its mailboxes.
fn shown(local: &str, domain: &str) -> String {
    match local {
        ANYBODY => domain.to_owned(),
        local => format!("{local}@{domain}"),
    }
}

/// The names of mydestination, as far as they can be seen.
fn names(facts: &PostfixFacts) -> BTreeSet<DomainName> {
    let listed = facts.main.list(PARAMETER).filter(|item| !is_table(item));
    let in_tables = tables(facts).filter_map(|table| match facts.maps.get(table) {
        Some(MapContents::Entries(entries)) => Some(entries.iter().map(|(key, _)| key.as_str())),
        Some(MapContents::Unseen(_)) | None => None,
    });
    listed.chain(in_tables.flatten()).filter_map(|name| DomainName::parse(name).ok()).collect()
}

/// Whether local(8) delivers what is for mydestination, as it is set where nobody changes it. The
/// milter cannot tell another transport from that of a domain that is not local.
fn is_delivered_by_local(main: &Parameters) -> bool {
    main.get("local_transport").split(':').next().is_none_or(|name| matches!(name, "" | "local"))
}

/// Single mailboxes that the policy names at a name of mydestination.
fn single_mailboxes<'a>(
    given: &'a Given<'_>,
    names: &'a BTreeSet<DomainName>,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let patterns = given.policy.domains.iter().filter(|_| given.policy.domains.has_mailboxes());
    patterns.filter_map(|(pattern, _)| {
        let (local, domain) = pattern.rsplit_once('@')?;
        let is_local = DomainName::parse(domain).is_ok_and(|domain| names.contains(&domain));
        is_local.then_some((local, domain))
    })
}

/// What becomes of plaintext for a local part at a name of mydestination.
fn named(given: &Given<'_>, local: &str, name: &str) -> Decision {
    let address = format!("{local}@{name}");
    let recipient = Recipient::new(address.as_bytes(), Some(address.as_bytes()), None);
    let is_here = is_delivered_by_local(&given.facts.main);
    decision(given, &if is_here { recipient.delivered_here() } else { recipient })
}

/// A way to write a recipient for the same mailboxes.
struct Way {
    name: String,
    decision: Decision,
    /// The entry that decides, where somebody has made one.
    by: Option<String>,
}

/// All ways to write a local part of this host.
fn ways(given: &Given<'_>, local: &str, names: &BTreeSet<DomainName>) -> Vec<Way> {
    let domains = &given.policy.domains;
    let by_local = || given.policy.local.is_some().then(|| "`local`".to_owned());
    let is_here = is_delivered_by_local(&given.facts.main);
    let by_name = names.iter().map(|name| {
        let entry = domains.find_mailbox(local, name).or_else(|| domains.find_domain(name));
        let entry = entry.filter(|entry| entry.pattern != "*");
        Way {
            name: name.to_string(),
            decision: named(given, local, name.as_str()),
            by: match entry {
                Some(entry) => Some(entry.pattern.to_owned()),
                None if is_here => by_local(),
                None => None,
            },
        }
    });
    let nameless = |argument: &str, understood: &str| {
        let recipient = Recipient::new(argument.as_bytes(), Some(understood.as_bytes()), None);
        decision(given, &recipient)
    };
    let shown = if local == ANYBODY { "user" } else { local };
    let literal = format!("{local}@{LITERAL}");
    let with_origin = format!("{local}@{}", given.facts.main.get("myorigin"));
    by_name
        .chain([
            Way {
                name: format!("no domain, as in <{shown}>"),
                decision: nameless(local, &with_origin),
                by: by_local(),
            },
            Way {
                name: format!("an address of this host, as in <{shown}@{LITERAL}>"),
                decision: nameless(&literal, &literal),
                by: by_local(),
            },
        ])
        .collect()
}

/// Whose mailboxes can be had under which names.
#[derive(Default)]
struct Ways {
    mailboxes: BTreeSet<String>,
    ways: BTreeSet<String>,
}

impl Ways {
    fn add(&mut self, mailboxes: &[String], way: &Way) {
        self.mailboxes.extend(mailboxes.iter().cloned());
        self.ways.insert(match &way.by {
            Some(entry) => format!("{} (by the entry {entry})", way.name),
            None => way.name.clone(),
        });
    }

    /// The policy does not have the other names.
    fn unnoticed(self, given: &Given<'_>, decision: Decision) -> Diagnosis {
        // A wildcard often holds the host's own name without being meant for it.
        let by_name = self.mailboxes.iter().any(|name| given.policy.domains.get(name).is_some());
        let (gravity, whose) = match decision {
            Decision::Refuse if by_name => (Gravity::Error, "opted in"),
            Decision::Refuse => (Gravity::Warning, "opted in"),
            _ => (Gravity::Warning, "in mode monitor"),
        };
        let mailboxes = shortened(self.mailboxes).join(", ");
        let remedy = if is_delivered_by_local(&given.facts.main) {
            "have `local: { mode: enforce }` in the policy: it decides about all that this host \
             delivers itself, under whatever name. Under `domains`, a name that is to take mail in \
             the clear can have `mode: off`"
        } else {
            "name each of them under `domains` in the policy, and have `local: { mode: enforce }` for \
             what has no domain: where local_transport is not local(8), the milter cannot see that \
             they are names of this host"
        };
        Diagnosis::new(
            FindingId::LocalNameUnnoticed,
            gravity,
            given.facts.place(None, PARAMETER),
            format!(
                "{mailboxes}: {whose} and local here, but mail for the same mailboxes under other \
                 names is not judged"
            ),
            remedy,
        )
        .with(shortened(self.ways))
    }

    /// The policy has them, and lets them pass.
    fn on_purpose(self, given: &Given<'_>, decision: Decision) -> Diagnosis {
        let gravity = match decision {
            Decision::Refuse => Gravity::Warning,
            _ => Gravity::Note,
        };
        let mailboxes = shortened(self.mailboxes).join(", ");
        Diagnosis::new(FindingId::LocalNameOnPurpose, gravity,
            given.facts.place(None, PARAMETER),
            format!(
                "these names take mail in the clear by the policy, and their mailboxes are those of \
                 {mailboxes}: whoever knows one of them is not held to TLS"
            ),
            "nothing to do, if that is meant; else take these entries away or let them enforce",
        )
        .with(shortened(self.ways))
    }
}

/// The first of many.
fn shortened(all: BTreeSet<String>) -> Vec<String> {
    let rest = all.len().saturating_sub(SHOWN);
    let more = (rest > 0).then(|| format!("and {rest} more"));
    all.into_iter().take(SHOWN).chain(more).collect()
}
