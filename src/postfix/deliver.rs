//! The second hop: which services of Postfix ask what a session to a next hop must be, and which mail passes
//! them by.

use super::Given;
use super::diagnosis::{Diagnosis, Gravity};
use super::facts::{MapContents, Parameters, PostfixFacts, Service};
use super::syntax::elements;
use config::finding::FindingId;
use config::settings::{Settings, SocketSpec};
use jiff::Timestamp;
use policy::hop::NextHop;
use policy::{DomainName, Mode, deliver};
use std::path::Path;

/// The parameter that names the map.
pub(crate) const PARAMETER: &str = "smtp_tls_policy_maps";
/// The parameter that, as it is by default, lets a header of the mail switch TLS off (Postfix 3.10).
pub(crate) const HEADER: &str = "tls_required_enable";
/// The name of the map in a request, which is not looked at.
const NAME: &str = "QUERY";
/// So many domains are named.
const NAMED: usize = 10;

/// Whether an element of the parameter leads to the program's socket.
pub(crate) fn is_our_map(map: &str, facts: &PostfixFacts, settings: &Settings) -> bool {
    let address = map.strip_prefix("socketmap:").and_then(|rest| rest.rsplit_once(':'));
    let Some((address, _)) = address else { return false };
    let queue = Path::new(facts.main.get("queue_directory"));
    settings.socketmap.iter().any(|listen| match &listen.socket {
        SocketSpec::Unix(path) => address.strip_prefix("unix:").is_some_and(|there| {
            Path::new(there) == path || queue.join(there.trim_start_matches('/')) == *path
        }),
        socket => socket.to_string() == address,
    })
}

/// What a service has to name to reach the program; none: it cannot.
pub(crate) fn our_map(
    service: &Service,
    facts: &PostfixFacts,
    settings: &Settings,
) -> Option<String> {
    let queue = Path::new(facts.main.get("queue_directory"));
    settings.socketmap.iter().find_map(|listen| match &listen.socket {
        SocketSpec::Unix(path) => match path.strip_prefix(queue) {
            Ok(below) => Some(format!("socketmap:unix:{}:{NAME}", below.display())),
            Err(_) if service.chroot => None,
            Err(_) => Some(format!("socketmap:unix:{}:{NAME}", path.display())),
        },
        socket => Some(format!("socketmap:{socket}:{NAME}")),
    })
}

/// The maps that say where mail goes.
pub(super) fn maps(facts: &PostfixFacts) -> impl Iterator<Item = String> {
    facts.main.list("transport_maps").map(str::to_owned)
}

pub(super) fn check(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    let facts = given.facts;
    if !given.policy.domains.iter().any(|(_, entry)| entry.deliver.is_some()) {
        return;
    }
    let ours = |map: &&str| is_our_map(map, facts, given.settings);
    let lists = |service: &Service| service.parameters.get(PARAMETER).to_owned();
    let asking: Vec<&Service> = facts
        .running("smtp")
        .filter(|service| elements(&lists(service)).any(|map| ours(&map)))
        .collect();
    if asking.is_empty() {
        nobody_asks(given, found);
        return;
    }
    for service in &asking {
        let list = lists(service);
        if let Some(first) = elements(&list).next().filter(|map| !ours(map)) {
            found.push(Diagnosis::new(
                FindingId::NextHopMapBehind,
                Gravity::Warning,
                facts.place(Some(service), PARAMETER),
                format!("{first} is asked before the policy, and what it knows decides"),
                "put the policy's map first; it answers only for next hops that the policy speaks of",
            ));
        }
        let header = service.parameters.get(HEADER);
        if !header.is_empty() && header != "no" {
            found.push(Diagnosis::new(
                FindingId::TlsRequiredHeader,
                Gravity::Error,
                facts.place(Some(service), HEADER),
                format!(
                    "{}: whoever writes `TLS-Required: no` into a mail switches the second hop's TLS off",
                    service.label()
                ),
                format!("postconf -P {}/{HEADER}=no && postfix reload", service.label()),
            ));
        }
    }
    ways(given, &asking, found);
}

fn nobody_asks(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    let has_another = given
        .facts
        .running("smtp")
        .any(|service| elements(service.parameters.get(PARAMETER)).next().is_some());
    let (gravity, message) = if has_another {
        (
            Gravity::Warning,
            "the policy demands something of next hops, and Postfix asks other maps than the running program",
        )
    } else {
        (
            Gravity::Error,
            "the policy demands something of next hops, and no service of Postfix asks for it",
        )
    };
    let remedy = if has_another {
        "right if the map is made by `mandatory-tls export`; else: mandatory-tls setup postfix --deliver"
    } else {
        "mandatory-tls setup postfix --deliver"
    };
    let place = given.facts.place(None, PARAMETER);
    found.push(Diagnosis::new(FindingId::NextHopNotAsked, gravity, place, message, remedy));
}

/// Where mail for a domain goes: the service's name, and the next hop as smtp(8) asks for it.
fn way(domain: &DomainName, facts: &PostfixFacts, maps: &[(String, String)]) -> (String, String) {
    let main = &facts.main;
    let listed = |name: &str| main.list(name).any(|own| own.eq_ignore_ascii_case(domain.as_str()));
    let class = if listed("mydestination") {
        "local_transport"
    } else if listed("virtual_mailbox_domains") {
        "virtual_transport"
    } else {
        "relay_transport"
    };
    let find = |key: &str| maps.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
    let own = find(domain.as_str())
        .or_else(|| domain.parents().find_map(|parent| find(&format!(".{parent}"))));
    let entry = own.or_else(|| find("*")).map_or("", |(_, value)| value);
    let (transport, next_hop) = split(entry);
    let (default, default_hop) = split(main.get(class));
    let transport = if transport.is_empty() { default } else { transport };
    // An entry that names a transport alone means the domain itself.
    let hops = [next_hop, if entry.is_empty() { default_hop } else { "" }, relayhost(main, entry)];
    let next_hop = hops.into_iter().find(|hop| !hop.is_empty()).unwrap_or(domain.as_str());
    (transport.to_owned(), next_hop.to_owned())
}

fn relayhost<'p>(main: &'p Parameters, entry: &str) -> &'p str {
    if entry.is_empty() { main.get("relayhost") } else { "" }
}

/// `transport:nexthop`.
fn split(value: &str) -> (&str, &str) {
    let (transport, next_hop) = value.split_once(':').unwrap_or((value, ""));
    (transport.trim(), next_hop.trim())
}

/// The domains whose mail leaves by a service that does not ask, or to a next hop that nobody has named.
fn ways(given: &Given<'_>, asking: &[&Service], found: &mut Vec<Diagnosis>) {
    let facts = given.facts;
    let mut entries = Vec::new();
    for map in facts.main.list("transport_maps") {
        match facts.maps.get(map) {
            Some(MapContents::Entries(listed)) => entries.extend(listed.iter().cloned()),
            Some(MapContents::Unseen(why)) => found.push(Diagnosis::new(
                FindingId::MapUnseen,
                Gravity::Note,
                facts.place(None, "transport_maps"),
                format!("{map} cannot be looked into ({why}): it may lead mail past the second hop's TLS"),
                "see that it leads mail for domains with `deliver` to a service that asks",
            )),
            None => {}
        }
    }
    let now = Timestamp::now();
    let (mut past, mut unnamed) = (Vec::new(), Vec::new());
    for (pattern, entry) in given.policy.domains.iter() {
        if entry.deliver.is_none() || entry.schedule.mode_at(now) != Mode::Enforce {
            continue;
        }
        let Ok(domain) = DomainName::parse(pattern) else { continue };
        let (transport, next_hop) = way(&domain, facts, &entries);
        let leaves_by_smtp = facts
            .running("smtp")
            .any(|service| service.name == transport && service.kind == "unix");
        if !leaves_by_smtp {
            continue;
        }
        if !asking.iter().any(|service| service.name == transport) {
            past.push(format!("{domain}: {transport}:{next_hop}"));
            continue;
        }
        let demand = next_hop.parse::<NextHop>().map(|hop| deliver(given.policy, &hop, now).demand);
        if matches!(demand, Ok(None)) {
            unnamed.push(format!("{domain}: {next_hop}"));
        }
    }
    let place = || facts.place(None, "transport_maps");
    if let Some(details) = some(past) {
        let message = "mail for domains with `deliver` leaves by services that do not ask for it";
        let remedy =
            "mandatory-tls setup postfix --deliver --service NAME, for each of these services";
        let id = FindingId::NextHopPassesBy;
        found.push(Diagnosis::new(id, Gravity::Error, place(), message, remedy).with(details));
    }
    if let Some(details) = some(unnamed) {
        let message =
            "mail for domains with `deliver` goes to next hops that their entries do not name";
        let remedy = "add `nexthop` to the `deliver` of these entries, written just as here";
        let id = FindingId::NextHopNotNamed;
        found.push(Diagnosis::new(id, Gravity::Error, place(), message, remedy).with(details));
    }
}

/// The first of many.
fn some(mut all: Vec<String>) -> Option<Vec<String>> {
    let count = all.len();
    all.truncate(NAMED);
    if count > NAMED {
        all.push(format!("... and {} more", count - NAMED));
    }
    (count > 0).then_some(all)
}
