//! The second hop: which services of Postfix ask what a session to a next hop must be, and which mail passes
//! them by.

mod leaving;
mod ways;
mod weaker;

use super::Given;
use super::diagnosis::{Diagnosis, Gravity};
use super::facts::{PostfixFacts, Service};
use super::leads::{Leads, leads};
use super::syntax::elements;
use config::finding::FindingId;
use config::settings::{Settings, SocketSpec};
use std::path::Path;

/// The parameter that names the map.
pub(crate) const PARAMETER: &str = "smtp_tls_policy_maps";
/// The parameter that, as it is by default, lets a header of the mail switch TLS off (Postfix 3.10).
pub(crate) const HEADER: &str = "tls_required_enable";
/// The name of the map in a request, which is not looked at.
const NAME: &str = "QUERY";
/// So many domains are named.
const NAMED: usize = 10;

/// The address in an element of the parameter; none where it is no socketmap.
pub(crate) fn map_address(map: &str) -> Option<&str> {
    Some(map.strip_prefix("socketmap:")?.rsplit_once(':')?.0)
}

/// Whether an element of the parameter means this socket, though a chroot may be in the way.
pub(crate) fn means_socket(map: &str, socket: &SocketSpec, facts: &PostfixFacts) -> bool {
    let is_here = |address, chroot| leads(address, socket, chroot, facts) == Leads::Here;
    map_address(map).is_some_and(|address| is_here(address, true) || is_here(address, false))
}

/// Whether it means one of the program's.
pub(crate) fn is_our_map(map: &str, facts: &PostfixFacts, settings: &Settings) -> bool {
    settings.socketmap.iter().any(|listen| means_socket(map, &listen.socket, facts))
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

/// The maps that say where mail goes, and those that services ask beside the program.
pub(super) fn maps(facts: &PostfixFacts) -> impl Iterator<Item = String> {
    let beside = facts.running("smtp").flat_map(|service| service.parameters.list(PARAMETER));
    ways::tables(facts).chain(beside.map(str::to_owned))
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
        found.extend(elements(&list).filter_map(|map| astray(given, service, map)));
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
        weaker::check(given, service, found);
    }
    leaving::check(given, &asking, found);
}

/// A map that means the program's socket, and does not lead there.
fn astray(given: &Given<'_>, service: &Service, map: &str) -> Option<Diagnosis> {
    let address = map_address(map)?;
    let sockets = given.settings.socketmap.iter().map(|listen| &listen.socket);
    let found: Vec<Leads> =
        sockets.map(|socket| leads(address, socket, service.chroot, given.facts)).collect();
    if found.contains(&Leads::Here) || !found.contains(&Leads::Astray) {
        return None;
    }
    let remedy = match our_map(service, given.facts, given.settings) {
        Some(right) => format!("write it as {right}"),
        None => "name a socket under `socketmap` in the settings that lies below Postfix's queue directory".into(),
    };
    Some(Diagnosis::new(
        FindingId::NextHopMapAstray,
        Gravity::Error,
        given.facts.place(Some(service), PARAMETER),
        format!(
            "{}: {map} does not lead to the program's socket, {}: all mail of this service is put off",
            service.label(),
            if service.chroot {
                "since it runs in a chroot"
            } else {
                "since it does not run in a chroot"
            }
        ),
        remedy,
    ))
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

/// The first of many.
fn some(mut all: Vec<String>) -> Option<Vec<String>> {
    let count = all.len();
    all.truncate(NAMED);
    if count > NAMED {
        all.push(format!("... and {} more", count - NAMED));
    }
    (count > 0).then_some(all)
}
