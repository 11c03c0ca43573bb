//! Where mail for a domain goes: which service of Postfix takes it, and to which next hop.
//!
//! As trivial-rewrite(8) resolves it: the class of the domain gives a transport and a next hop, a map by sender
//! may give others, and an entry of `transport_maps` has the last word.

use super::super::facts::{MapContents, Parameters, PostfixFacts};
use super::super::rewriting::EVERYBODY;
use policy::DomainName;
use std::collections::{HashMap, HashSet};

/// The parameter with the entries that have the last word.
pub(super) const TRANSPORTS: &str = "transport_maps";
/// The parameters with transports and next hops by sender.
pub(super) const BY_SENDER: [&str; 2] =
    ["sender_dependent_default_transport_maps", "sender_dependent_relayhost_maps"];
/// The parameters that say of which class a domain is, in the order in which they are asked.
const CLASSES: [(&str, Class); 4] = [
    ("mydestination", Class::Local),
    ("virtual_alias_domains", Class::Alias),
    ("virtual_mailbox_domains", Class::Virtual),
    ("relay_domains", Class::Relay),
];

/// Of which class a domain is (Postfix, ADDRESS_CLASS_README).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Local,
    /// All its recipients become others.
    Alias,
    Virtual,
    Relay,
    Default,
}

impl Class {
    /// The parameter with its transport.
    fn transport(self) -> &'static str {
        match self {
            Self::Local => "local_transport",
            Self::Virtual => "virtual_transport",
            Self::Relay => "relay_transport",
            Self::Default | Self::Alias => "default_transport",
        }
    }

    /// Whether `relayhost` is for it.
    fn leaves(self) -> bool {
        matches!(self, Self::Relay | Self::Default)
    }
}

/// One way on which mail for a domain leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// The service in master.cf.
    pub transport: String,
    /// The next hop as smtp(8) asks for it; several where they are tried one after the other.
    pub next_hops: Vec<String>,
    /// The parameter that leads there.
    pub by: &'static str,
    /// For which mailbox alone; empty: for the domain.
    pub mailbox: String,
}

/// All that says where mail goes, made ready to be asked for many domains.
pub(super) struct Ways<'f> {
    main: &'f Parameters,
    lists: Vec<(Class, Domains)>,
    transports: HashMap<String, &'f str>,
    /// Entries for single mailboxes, by domain.
    mailboxes: HashMap<String, Vec<(&'f str, &'f str)>>,
    /// Whether a parent's entry holds without its leading dot, too.
    bare_parents: bool,
    transports_by_sender: Vec<&'f str>,
    relays_by_sender: Vec<&'f str>,
}

/// The tables that say where mail goes.
pub(super) fn tables(facts: &PostfixFacts) -> impl Iterator<Item = String> {
    let of_domains = CLASSES.iter().flat_map(|(name, _)| facts.main.list(name));
    let of_domains = of_domains.filter(|item| item.contains([':', '/']) && !item.starts_with('!'));
    let names = [TRANSPORTS].into_iter().chain(BY_SENDER);
    names.flat_map(|name| facts.main.list(name)).chain(of_domains).map(str::to_owned)
}

/// What is in the tables of a parameter, as far as it can be seen.
fn entries<'f>(facts: &'f PostfixFacts, name: &str) -> impl Iterator<Item = (&'f str, &'f str)> {
    let contents = facts.main.list(name).filter_map(|map| facts.maps.get(map));
    let entries = contents.filter_map(|contents| match contents {
        MapContents::Entries(entries) => Some(entries),
        MapContents::Unseen(_) => None,
    });
    entries.flatten().map(|(key, value)| (key.as_str(), value.as_str()))
}

impl<'f> Ways<'f> {
    pub fn of(facts: &'f PostfixFacts) -> Self {
        let mut transports = HashMap::new();
        let mut mailboxes: HashMap<String, Vec<_>> = HashMap::new();
        for (key, value) in entries(facts, TRANSPORTS) {
            match key.rsplit_once('@') {
                Some((_, domain)) => {
                    mailboxes.entry(domain.to_ascii_lowercase()).or_default().push((key, value));
                }
                // The first map that knows it decides.
                None => _ = transports.entry(key.to_ascii_lowercase()).or_insert(value),
            }
        }
        let [by_transport, by_relay] = BY_SENDER.map(|name| {
            let mut values: Vec<&str> = entries(facts, name).map(|(_, value)| value).collect();
            values.retain(|value| !value.is_empty() && !value.eq_ignore_ascii_case("dunno"));
            values.sort_unstable();
            values.dedup();
            values
        });
        Self {
            main: &facts.main,
            lists: CLASSES.map(|(name, class)| (class, Domains::of(facts, name))).into(),
            transports,
            mailboxes,
            bare_parents: has_bare_parents(&facts.main, TRANSPORTS),
            transports_by_sender: by_transport,
            relays_by_sender: by_relay,
        }
    }

    /// The domains that the tables name, which a wildcard of the policy may mean.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        let of_transports = self.transports.keys().chain(self.mailboxes.keys());
        of_transports.chain(self.lists.iter().flat_map(|(_, list)| &list.names)).map(String::as_str)
    }

    /// On which ways mail for a domain leaves.
    pub fn of_domain(&self, domain: &DomainName) -> Vec<Way> {
        let class = self.class(domain);
        if class == Class::Alias {
            return Vec::new();
        }
        let entry = self.entry(domain);
        let mut ways = self.with_entry(domain, class, entry);
        for (key, value) in self.mailboxes.get(domain.as_str()).into_iter().flatten() {
            let own = self.with_entry(domain, class, Some(value)).into_iter();
            ways.extend(own.map(|way| Way { mailbox: (*key).to_owned(), ..way }));
        }
        ways
    }

    /// The ways where this entry of `transport_maps` holds, or none.
    fn with_entry(&self, domain: &DomainName, class: Class, entry: Option<&str>) -> Vec<Way> {
        let (transport, next_hop) = split(entry.unwrap_or_default());
        let by_class = class.transport();
        let (own, own_hop) = split(self.main.get(by_class));
        let way = |transport: &str, next_hop: &str, by| Way {
            transport: transport.to_owned(),
            next_hops: hops(next_hop),
            by,
            mailbox: String::new(),
        };
        // An entry that names a transport alone means the domain itself.
        if !transport.is_empty() {
            let next_hop = if next_hop.is_empty() { domain.as_str() } else { next_hop };
            return vec![way(transport, next_hop, TRANSPORTS)];
        }
        let [by_transport, by_relay] = BY_SENDER;
        let relay = if class.leaves() { self.main.get("relayhost") } else { "" };
        let mut ways = Vec::new();
        let mut add = |transport: &str, hop: &str, by| {
            if next_hop.is_empty() {
                let usual = [hop, relay, domain.as_str()];
                let usual = usual.into_iter().find(|hop| !hop.is_empty()).unwrap_or_default();
                ways.push(way(transport, usual, by));
                let relays = self.relays_by_sender.iter();
                let relays = relays.filter(|_| class.leaves() && hop.is_empty());
                ways.extend(relays.map(|relay| way(transport, relay, by_relay)));
            } else {
                ways.push(way(transport, next_hop, TRANSPORTS));
            }
        };
        add(own, own_hop, if relay.is_empty() { by_class } else { "relayhost" });
        for value in self.transports_by_sender.iter().filter(|_| class == Class::Default) {
            let (transport, hop) = split(value);
            add(transport, hop, by_transport);
        }
        ways
    }

    fn class(&self, domain: &DomainName) -> Class {
        let found = self.lists.iter().find(|(_, list)| list.has(domain));
        // The domains of the policy are those that one relays for, as long as nothing says otherwise.
        let hidden = || self.lists.iter().any(|(_, list)| !list.is_whole);
        match found {
            Some((class, _)) => *class,
            None if hidden() => Class::Relay,
            None => Class::Default,
        }
    }

    /// What `transport_maps` has for a domain; none: nothing, or that nothing is changed.
    fn entry(&self, domain: &DomainName) -> Option<&'f str> {
        let find = |key: &str| self.transports.get(key).copied();
        let above = |parent: &str| {
            let bare = || if self.bare_parents { find(parent) } else { None };
            find(&format!(".{parent}")).or_else(bare)
        };
        find(domain.as_str())
            .or_else(|| domain.parents().find_map(above))
            .or_else(|| find(EVERYBODY))
            .filter(|value| !matches!(*value, "" | ":"))
    }
}

/// The domains in a list of main.cf, and in its tables.
struct Domains {
    names: HashSet<String>,
    excepted: HashSet<String>,
    bare_parents: bool,
    /// Whether all tables could be seen.
    is_whole: bool,
}

impl Domains {
    fn of(facts: &PostfixFacts, name: &str) -> Self {
        let mut list = Self {
            names: HashSet::new(),
            excepted: HashSet::new(),
            bare_parents: name == "relay_domains" && has_bare_parents(&facts.main, name),
            is_whole: true,
        };
        for item in facts.main.list(name) {
            match (item.strip_prefix('!'), facts.maps.get(item)) {
                (Some(excepted), _) => _ = list.excepted.insert(excepted.to_ascii_lowercase()),
                (None, Some(MapContents::Entries(entries))) => {
                    list.names.extend(entries.iter().map(|(key, _)| key.to_ascii_lowercase()));
                }
                (None, Some(MapContents::Unseen(_))) => list.is_whole = false,
                (None, None) => _ = list.names.insert(item.to_ascii_lowercase()),
            }
        }
        list
    }

    fn has(&self, domain: &DomainName) -> bool {
        let names = &self.names;
        let above = |parent: &str| {
            names.contains(&format!(".{parent}")) || (self.bare_parents && names.contains(parent))
        };
        !self.excepted.contains(domain.as_str())
            && (names.contains(domain.as_str())
                || names.contains(EVERYBODY)
                || domain.parents().any(above))
    }
}

fn has_bare_parents(main: &Parameters, name: &str) -> bool {
    main.list("parent_domain_matches_subdomains").any(|one| one == name)
}

/// `transport:nexthop`.
pub(super) fn split(value: &str) -> (&str, &str) {
    let (transport, next_hop) = value.split_once(':').unwrap_or((value, ""));
    (transport.trim(), next_hop.trim())
}

/// The next hops that are tried one after the other (Postfix 3.5).
pub(super) fn hops(list: &str) -> Vec<String> {
    let separates = |c: char| c == ',' || c.is_whitespace();
    list.split(separates).filter(|hop| !hop.is_empty()).map(str::to_owned).collect()
}
