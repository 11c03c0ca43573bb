//! Mail for domains with `deliver` that leaves by a service that does not ask, or to a next hop of which less is
//! demanded than its entry does.

use super::super::Given;
use super::super::diagnosis::{Diagnosis, Gravity};
use super::super::facts::{MapContents, PostfixFacts, Service, is_loopback};
use super::some;
use super::ways::{BY_SENDER, TRANSPORTS, Way, Ways, hops, split};
use config::finding::FindingId;
use jiff::Timestamp;
use policy::hop::{Demand, Level, NextHop};
use policy::{DomainName, deliver};
use std::collections::{BTreeMap, BTreeSet};

/// Mail that goes astray, by what is wrong and the parameter that leads there.
type Astray = BTreeMap<(Wrong, &'static str), Vec<String>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    /// The service does not ask.
    PassesBy,
    /// lmtp(8) asks another parameter.
    ByLmtp,
    /// Nobody has named the next hop, or less is demanded of it.
    NotNamed,
}

pub(super) fn check(given: &Given<'_>, asking: &[&Service], found: &mut Vec<Diagnosis>) {
    let facts = given.facts;
    for name in [TRANSPORTS].into_iter().chain(BY_SENDER) {
        found.extend(unseen(facts, name));
    }
    let ways = Ways::of(facts);
    let mut astray = Astray::new();
    let now = Timestamp::now();
    let mut look = |domain: &DomainName, demand: &Demand| {
        for way in ways.of_domain(domain) {
            if let Some((wrong, text)) = wrong_with(given, asking, domain, demand, &way, now) {
                astray.entry((wrong, way.by)).or_default().push(text);
            }
        }
    };
    for (pattern, entry) in given.policy.domains.iter() {
        if let (Some(deliver), Ok(domain)) = (entry.deliver_at(now), DomainName::parse(pattern)) {
            look(&domain, &deliver.demand);
        }
    }
    // What a wildcard means cannot be listed, but for the names that Postfix has.
    let named: BTreeSet<DomainName> =
        ways.named().filter_map(|name| DomainName::parse(name).ok()).collect();
    for domain in &named {
        let Some(matched) = given.policy.domains.find_domain(domain) else { continue };
        let deliver = matched.entry.deliver_at(now);
        if let Some(deliver) = deliver.filter(|_| matched.pattern.starts_with('*')) {
            look(domain, &deliver.demand);
        }
    }
    for service in asking {
        fallback(given, service, now, &mut astray);
    }
    found.extend(astray.into_iter().filter_map(|(what, texts)| told(facts, what, texts)));
    filters(given, asking, found);
}

/// The tables of a parameter that cannot be looked into.
fn unseen<'a>(facts: &'a PostfixFacts, name: &'static str) -> impl Iterator<Item = Diagnosis> + 'a {
    facts.main.list(name).filter_map(move |map| {
        let Some(MapContents::Unseen(why)) = facts.maps.get(map) else { return None };
        Some(Diagnosis::new(
            FindingId::MapUnseen,
            Gravity::Note,
            facts.place(None, name),
            format!(
                "{map} cannot be looked into ({why}): it may lead mail past the second hop's TLS"
            ),
            "see that it leads mail for domains with `deliver` to a service that asks",
        ))
    })
}

/// What is wrong with a way, if anything is.
fn wrong_with(
    given: &Given<'_>,
    asking: &[&Service],
    domain: &DomainName,
    demand: &Demand,
    way: &Way,
    now: Timestamp,
) -> Option<(Wrong, String)> {
    let facts = given.facts;
    let Way { transport, next_hops, mailbox, .. } = way;
    let who = if mailbox.is_empty() { domain.as_str() } else { mailbox };
    let shown = format!("{who}: {transport}:{}", next_hops.join(", "));
    if let Some(service) = client(facts, "lmtp", transport) {
        let level = service.parameters.get("lmtp_tls_security_level");
        let is_bound = level.parse().is_ok_and(|level: Level| level.always_encrypts());
        let is_elsewhere = next_hops.iter().any(|hop| !hop.contains('/') && !is_here(hop));
        return (is_elsewhere && !is_bound && demand.level.always_encrypts())
            .then_some((Wrong::ByLmtp, shown));
    }
    client(facts, "smtp", transport)?;
    if !asking.iter().any(|service| service.name == *transport) {
        return Some((Wrong::PassesBy, shown));
    }
    next_hops.iter().find_map(|hop| {
        let held_to = match hop.parse::<NextHop>() {
            Err(_) => {
                return Some((Wrong::NotNamed, format!("{who}: {hop}, which is no next hop")));
            }
            Ok(hop) => deliver(given.policy, &hop, now).demand,
        };
        match held_to {
            None => Some((Wrong::NotNamed, format!("{who}: {hop}"))),
            // What is demanded of a next hop is at least what each who names it demands.
            Some(held_to) if held_to.with(demand) != *held_to => {
                Some((Wrong::NotNamed, format!("{who}: {hop}, held to: {held_to}")))
            }
            Some(_) => None,
        }
    })
}

/// Where what cannot be delivered goes at last: smtp(8) asks for it as for any next hop.
fn fallback(given: &Given<'_>, service: &Service, now: Timestamp, astray: &mut Astray) {
    const FALLBACK: &str = "smtp_fallback_relay";
    let next_hops = hops(service.parameters.get(FALLBACK)).into_iter();
    let unnamed = next_hops.filter(|hop| {
        !hop.parse::<NextHop>().is_ok_and(|hop| deliver(given.policy, &hop, now).demand.is_some())
    });
    let texts = unnamed.map(|hop| format!("{}: {hop}", service.label()));
    astray.entry((Wrong::NotNamed, FALLBACK)).or_default().extend(texts);
}

/// The service of this name that runs a client.
fn client<'f>(facts: &'f PostfixFacts, program: &'f str, name: &str) -> Option<&'f Service> {
    facts.running(program).find(|service| service.name == name && service.kind == "unix")
}

/// Whether a next hop is this host itself.
fn is_here(hop: &str) -> bool {
    let hop = hop.strip_prefix("inet:").unwrap_or(hop);
    let host = match hop.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => hop.split(':').next().unwrap_or_default(),
    };
    is_loopback(host)
}

fn told(facts: &PostfixFacts, (wrong, by): (Wrong, &str), texts: Vec<String>) -> Option<Diagnosis> {
    let for_some = BY_SENDER.contains(&by);
    let (id, message, remedy) = match wrong {
        Wrong::PassesBy => (
            FindingId::NextHopPassesBy,
            "mail for domains with `deliver` leaves by services that do not ask for it",
            "mandatory-tls setup postfix --deliver --service NAME, for each of these services",
        ),
        Wrong::ByLmtp => (
            FindingId::NextHopPassesBy,
            "mail for domains with `deliver` leaves by lmtp(8), which does not ask for it",
            "lmtp_tls_security_level = encrypt (or what the policy demands) at that service",
        ),
        Wrong::NotNamed => (
            FindingId::NextHopNotNamed,
            "mail for domains with `deliver` goes to next hops that their entries do not name",
            "add `nexthop` to the `deliver` of these entries, written just as here",
        ),
    };
    let id = if for_some { FindingId::NextHopBySender } else { id };
    let of_some = |text: &str| {
        text.replace("goes", "of some senders goes").replace("leaves", "of some senders leaves")
    };
    let message = if for_some { of_some(message) } else { message.to_owned() };
    let place = facts.place(None, by);
    Some(Diagnosis::new(id, Gravity::Error, place, message, remedy).with(some(texts)?))
}

/// `FILTER` and content filters, which lead all recipients of a message away: mostly to a program on this host,
/// which hands it back.
fn filters(given: &Given<'_>, asking: &[&Service], found: &mut Vec<Diagnosis>) {
    let facts = given.facts;
    let leads_away = |target: &str| {
        let (transport, next_hop) = split(target);
        client(facts, "smtp", transport).is_some()
            && !asking.iter().any(|service| service.name == transport)
            && !hops(next_hop).iter().all(|hop| is_here(hop))
    };
    let mut told = |place, text: String| {
        found.push(Diagnosis::new(
            FindingId::NextHopByFilter,
            Gravity::Warning,
            place,
            format!("{text} leads mail, also for domains with `deliver`, away by a service that does not ask"),
            "right if what is there hands the mail back to this host over TLS; else let that service ask: \
             mandatory-tls setup postfix --deliver --service NAME",
        ));
    };
    const FILTER: &str = "content_filter";
    for program in ["smtpd", "pickup", "cleanup", "qmqpd"] {
        for (service, parameters) in facts.in_force(program) {
            let target = parameters.get(FILTER);
            if leads_away(target) {
                told(facts.place(service, FILTER), format!("{FILTER} = {target}"));
            }
        }
    }
    for (table, contents) in &facts.tables {
        let MapContents::Entries(entries) = contents else { continue };
        let targets: BTreeSet<&str> = entries
            .iter()
            .filter_map(|(_, action)| action.trim().split_once(char::is_whitespace))
            .filter(|(action, _)| action.eq_ignore_ascii_case("filter"))
            .map(|(_, target)| target.trim())
            .collect();
        for target in targets.into_iter().filter(|target| leads_away(target)) {
            let mut place = facts.file("");
            table.clone_into(&mut place.subject);
            place.text = format!("{}: {table}", facts.directory);
            told(place, format!("FILTER {target}"));
        }
    }
}
