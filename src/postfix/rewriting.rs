//! What sends a recipient on after the milter has judged it: aliases, canonical maps, copies.
//!
//! The milter judges the address that the client gave. Where a map then leads from an address that
//! is not opted in to one that is, mail for the second can arrive in the clear.

use super::Given;
use super::diagnosis::{Diagnosis, Gravity, Place};
use super::facts::{MapContents, Parameters, PostfixFacts, Service};
use super::syntax::elements;
use config::finding::FindingId;
use jiff::Timestamp;
use policy::{
    Case, Client, Decision, DomainName, OnUnknownTls, Recipient, Sender, TlsState, judge,
};
use std::collections::{BTreeSet, HashMap};

/// The key of an entry that holds for every address.
pub(super) const EVERYBODY: &str = "*";
/// A local part that no policy names: stands for anybody of a domain.
pub(super) const ANYBODY: &str = "mandatory-tls.check";
/// A domain that no policy names: stands for any domain.
const ANYWHERE: &str = "mandatory-tls-check.invalid";
/// How many addresses of a map are shown.
const SHOWN: usize = 10;
/// Chains of aliases are followed this far; Postfix itself stops earlier on most sites.
const ROUNDS: usize = 100;

/// Parameters of cleanup(8) with maps from recipient to recipients, each with the parameter that
/// says whether it holds for envelope recipients.
const CLEANUP_MAPS: [(&str, Option<&str>); 4] = [
    ("virtual_alias_maps", None),
    ("canonical_maps", Some("canonical_classes")),
    ("recipient_canonical_maps", Some("recipient_canonical_classes")),
    ("recipient_bcc_maps", None),
];
/// Parameters of the clients, which rewrite recipients on the way out.
const CLIENT_MAPS: [(&str, &str); 2] =
    [("smtp", "smtp_generic_maps"), ("lmtp", "lmtp_generic_maps")];
/// The parameter of cleanup(8) with maps from sender to who is sent a copy.
const SENDER_COPIES: &str = "sender_bcc_maps";
/// The parameter of local(8).
const ALIAS_MAPS: &str = "alias_maps";
/// Parameters with one address that mail is sent or copied to.
const ADDRESSES: [&str; 2] = ["always_bcc", "luser_relay"];

/// A parameter with maps, where it is in force.
struct Use<'a> {
    service: Option<&'a Service>,
    parameter: &'static str,
    maps: Vec<&'a str>,
}

fn uses(facts: &PostfixFacts) -> Vec<Use<'_>> {
    let mut uses: Vec<Use<'_>> = Vec::new();
    let mut add = |service, parameters: &Parameters, parameter| {
        // One parameter may be in force alike for several services.
        let maps = list(facts, service, parameter);
        let known = uses.iter().any(|old: &Use<'_>| old.parameter == parameter && old.maps == maps);
        if !maps.is_empty() && !known && for_recipients(parameters, parameter) {
            uses.push(Use { service, parameter, maps });
        }
    };
    for (service, parameters) in facts.in_force("cleanup") {
        for (parameter, _) in CLEANUP_MAPS {
            add(service, parameters, parameter);
        }
    }
    for (service, parameters) in facts.in_force("local") {
        add(service, parameters, ALIAS_MAPS);
    }
    for (program, parameter) in CLIENT_MAPS {
        for (service, parameters) in facts.in_force(program) {
            add(service, parameters, parameter);
        }
    }
    uses
}

fn list<'a>(
    facts: &'a PostfixFacts,
    service: Option<&'a Service>,
    parameter: &str,
) -> Vec<&'a str> {
    service.map_or(&facts.main, |service| &service.parameters).list(parameter).collect()
}

fn for_recipients(parameters: &Parameters, parameter: &str) -> bool {
    let classes = CLEANUP_MAPS.iter().find(|(name, _)| *name == parameter);
    match classes.and_then(|(_, classes)| *classes) {
        Some(classes) => parameters.list(classes).any(|class| class == "envelope_recipient"),
        None => true,
    }
}

/// The maps that are worth looking into.
pub(super) fn maps(facts: &PostfixFacts) -> BTreeSet<String> {
    let uses = uses(facts);
    let rewriting = uses.iter().flat_map(|used| &used.maps).copied();
    rewriting.chain(sender_copies(facts).flat_map(|used| used.maps)).map(str::to_owned).collect()
}

fn sender_copies(facts: &PostfixFacts) -> impl Iterator<Item = Use<'_>> {
    facts.in_force("cleanup").into_iter().map(move |(service, _)| Use {
        service,
        parameter: SENDER_COPIES,
        maps: list(facts, service, SENDER_COPIES),
    })
}

/// Copies by sender: an opted-in address is sent what was judged as mail for others.
fn copies(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    for used in sender_copies(given.facts) {
        unseen(given, &used, found);
        let entries = used.maps.iter().filter_map(|map| match given.facts.maps.get(*map) {
            Some(MapContents::Entries(entries)) => Some(entries),
            _ => None,
        });
        let mut leading: Vec<String> = entries
            .flatten()
            .filter(|(_, value)| {
                elements(value).any(|to| judged(given, &to.to_lowercase()) > Decision::Accept)
            })
            .map(|(key, value)| format!("{} -> {}", plain(key), plain(value)))
            .collect();
        if leading.is_empty() {
            continue;
        }
        let more = leading.len().saturating_sub(SHOWN);
        leading.truncate(SHOWN);
        leading.extend((more > 0).then(|| format!("and {more} more")));
        found.push(copied(given.facts.place(used.service, used.parameter)).with(leading));
    }
}

/// That an opted-in address gets copies.
fn copied(place: Place) -> Diagnosis {
    Diagnosis::new(
        FindingId::CopyLeadsIn,
        Gravity::Warning,
        place,
        "this opted-in address is sent mail for others, which was not judged as mail for it",
        "use an address that is not opted in, or name it in the policy with `mode: off`",
    )
}

/// An entry of a map: mail for any of `from` goes to all of `to`.
struct Alias<'a> {
    /// The number of the use that it belongs to.
    used: usize,
    key: &'a str,
    value: &'a str,
    from: Vec<String>,
    to: Vec<String>,
}

pub(super) fn check(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    if given.policy.domains.is_empty() {
        return;
    }
    let uses = uses(given.facts);
    let locals = local_domains(&given.facts.main);
    let mut aliases = Vec::new();
    for (number, used) in uses.iter().enumerate() {
        unseen(given, used, found);
        for map in &used.maps {
            if let Some(MapContents::Entries(entries)) = given.facts.maps.get(*map) {
                let local = used.parameter == ALIAS_MAPS;
                aliases.extend(
                    entries.iter().map(|entry| alias(given, number, entry, local, &locals)),
                );
            }
        }
    }
    let leads_to = follow(given, &aliases);
    for (number, used) in uses.iter().enumerate() {
        let of_use = aliases.iter().zip(&leads_to).filter(|(alias, _)| alias.used == number);
        for decision in [Decision::Refuse, Decision::WouldRefuse] {
            let leaks: Vec<&Alias<'_>> = of_use
                .clone()
                .filter(|(alias, leads)| **leads == decision && leaks(given, alias, decision))
                .map(|(alias, _)| alias)
                .collect();
            if !leaks.is_empty() {
                found.push(leak(given.facts.place(used.service, used.parameter), decision, &leaks));
            }
        }
    }
    single_addresses(given, found);
    copies(given, found);
    masquerading(given, found);
}

/// Maps that could not be looked into: a note for each parameter.
fn unseen(given: &Given<'_>, used: &Use<'_>, found: &mut Vec<Diagnosis>) {
    let details: Vec<String> = used
        .maps
        .iter()
        .filter_map(|map| match given.facts.maps.get(*map) {
            Some(MapContents::Unseen(why)) => Some(format!("{map}: {why}")),
            _ => None,
        })
        .collect();
    if !details.is_empty() {
        found.push(
            Diagnosis::new(
                FindingId::MapUnseen,
                Gravity::Note,
                given.facts.place(used.service, used.parameter),
                "the maps here send recipients on after they were judged, and could not be looked \
                 into",
                "see to it yourself that they lead from no other address into an opted-in domain, \
                 or opt that address in as well",
            )
            .with(details),
        );
    }
}

fn leak(place: Place, decision: Decision, leaks: &[&Alias<'_>]) -> Diagnosis {
    let shown = |alias: &&Alias<'_>| format!("{} -> {}", plain(alias.key), plain(alias.value));
    let mut details: Vec<String> = leaks.iter().map(shown).collect();
    details.sort();
    if leaks.len() > SHOWN {
        details.truncate(SHOWN);
        details.push(format!("and {} more", leaks.len() - SHOWN));
    }
    let (gravity, what) = if decision == Decision::Refuse {
        (Gravity::Error, "opted-in addresses")
    } else {
        (Gravity::Warning, "addresses in mode monitor")
    };
    Diagnosis::new(
        FindingId::AliasLeadsIn,
        gravity,
        place,
        format!("mail for these addresses goes on to {what}, but is judged as mail for others"),
        "opt these addresses in as well (under `domains` in the policy); or name each there with \
         `mode: off`, if it is to take mail in the clear",
    )
    .with(details)
}

/// A text of somebody's map, without what a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// What becomes of plaintext for an address, once all dates of the policy have come.
pub(super) fn judged(given: &Given<'_>, address: &str) -> Decision {
    decision(given, &Recipient::new(address.as_bytes(), Some(address.as_bytes()), None))
}

/// The same for a recipient of which more is known than its address.
pub(super) fn decision(given: &Given<'_>, recipient: &Recipient) -> Decision {
    let case = Case {
        tls: &TlsState::Plaintext,
        client: Client::default(),
        sender: &Sender::default(),
        recipient,
        now: Timestamp::MAX,
        on_unknown_tls: OnUnknownTls::Defer,
        require: None,
    };
    judge(given.policy, &case).decision()
}

fn leaks(given: &Given<'_>, alias: &Alias<'_>, leads_to: Decision) -> bool {
    alias.from.iter().any(|from| judged(given, from) < leads_to && !is_decided(given, from))
}

/// Whether the policy has an entry for just this address: then somebody has thought about it.
fn is_decided(given: &Given<'_>, address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    let Ok(domain) = DomainName::parse(domain) else {
        return false;
    };
    match local {
        ANYBODY => given.policy.domains.get(domain.as_str()).is_some(),
        local => given.policy.domains.find_mailbox(local, &domain).is_some(),
    }
}

/// Reads an entry as its map's owner, cleanup(8) or local(8), does.
fn alias<'a>(
    given: &Given<'_>,
    used: usize,
    (key, value): &'a (String, String),
    local: bool,
    locals: &[String],
) -> Alias<'a> {
    let origin = given.facts.main.get("myorigin");
    let from = match key.to_lowercase() {
        key if key == EVERYBODY => vec![format!("{ANYBODY}@{ANYWHERE}")],
        key if key == "@" => Vec::new(),
        key if key.starts_with('@') => vec![format!("{ANYBODY}{key}")],
        key if key.contains('@') && !local => vec![key],
        key => locals.iter().map(|domain| format!("{key}@{domain}")).collect(),
    };
    let own = from.first().and_then(|from| from.rsplit_once('@')).map_or(ANYBODY, |(own, _)| own);
    let to = elements(value)
        .map(|target| target.trim_matches(['<', '>', '"']))
        // Programs, files, and lists in files stay on this host, as far as can be seen.
        .filter(|target| !target.starts_with(['|', '/', ':', '\\']))
        .map(|target| match target.to_lowercase() {
            target if target.starts_with('@') => format!("{own}{target}"),
            target if target.contains('@') => target,
            target => format!("{target}@{origin}"),
        })
        .collect();
    Alias { used, key, value, from, to }
}

/// The domains for which a name without a domain stands.
fn local_domains(main: &Parameters) -> Vec<String> {
    let mut domains: Vec<String> = main
        .list("mydestination")
        .filter(|item| !item.contains([':', '/', '!']))
        .chain([main.get("myorigin")])
        .filter(|domain| !domain.is_empty())
        .map(str::to_lowercase)
        .collect();
    domains.sort();
    domains.dedup();
    domains
}

/// For each alias, the strictest decision about the addresses that it leads to, through others
/// as well.
fn follow(given: &Given<'_>, aliases: &[Alias<'_>]) -> Vec<Decision> {
    let mut leads_to: Vec<Decision> = aliases
        .iter()
        .map(|alias| alias.to.iter().map(|to| judged(given, to)).max().unwrap_or(Decision::Accept))
        .collect();
    let mut by_address: HashMap<&str, Vec<usize>> = HashMap::new();
    for (number, alias) in aliases.iter().enumerate() {
        for from in &alias.from {
            by_address.entry(from).or_default().push(number);
        }
    }
    for _ in 0..ROUNDS {
        let mut changed = false;
        for (number, alias) in aliases.iter().enumerate() {
            let further = alias
                .to
                .iter()
                .flat_map(|to| next(&by_address, to))
                .filter_map(|next| leads_to.get(next).copied())
                .max();
            if let (Some(further), Some(known)) = (further, leads_to.get_mut(number))
                && further > *known
            {
                *known = further;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    leads_to
}

/// The aliases for an address: its own, or its domain's.
fn next(by_address: &HashMap<&str, Vec<usize>>, address: &str) -> Vec<usize> {
    let of_domain = || {
        let (_, domain) = address.rsplit_once('@')?;
        by_address.get(format!("{ANYBODY}@{domain}").as_str())
    };
    by_address.get(address).or_else(of_domain).cloned().unwrap_or_default()
}

/// `always_bcc` and the like: one address for everybody's mail.
fn single_addresses(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    for parameter in ADDRESSES {
        let address = given.facts.main.get(parameter);
        if !address.is_empty() && judged(given, address) > Decision::Accept {
            found.push(copied(given.facts.place(None, parameter)));
        }
    }
}

/// `masquerade_domains` strips host names from recipients only if it is told to.
fn masquerading(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    let main = &given.facts.main;
    if !main.list("masquerade_classes").any(|class| class == "envelope_recipient") {
        return;
    }
    let leaking =
        main.list("masquerade_domains").filter(|name| !name.starts_with('!')).find(|name| {
            judged(given, &format!("{ANYBODY}@{ANYBODY}.{name}"))
                < judged(given, &format!("{ANYBODY}@{name}"))
        });
    if let Some(domain) = leaking {
        found.push(Diagnosis::new(
            FindingId::MasqueradingLeadsIn,
            Gravity::Error,
            given.facts.place(None, "masquerade_domains"),
            format!(
                "mail for anything below {domain} goes on to {domain}, but is judged as mail for \
                 another domain"
            ),
            format!(
                "opt \"*.{domain}\" in as well, or take envelope_recipient out of \
                 masquerade_classes"
            ),
        ));
    }
}
