//! Where the policy's answer is less than what Postfix would do without it: the first map that knows a next hop
//! decides, and what stands behind it, as well as the level that is set, is not asked. And where it is more than this
//! Postfix can do.

use super::super::Given;
use super::super::diagnosis::{Diagnosis, Gravity};
use super::super::facts::{MapContents, Service};
use super::super::syntax::elements;
use super::{PARAMETER, is_our_map, some};
use config::finding::FindingId;
use jiff::Timestamp;
use policy::deliver;
use policy::hop::{Demand, Level, NextHop};

/// The parameter with the level that holds where no map knows a next hop.
const LEVEL: &str = "smtp_tls_security_level";
/// Whether REQUIRETLS is heeded, and for whom (Postfix 3.11).
const REQUIRETLS: &str = "requiretls_enable";
const REQUIRETLS_POLICY: &str = "smtp_requiretls_policy";
/// Kinds of maps behind which a program answers.
const PROGRAMS: [&str; 2] = ["socketmap", "tcp"];

pub(super) fn check(given: &Given<'_>, service: &Service, found: &mut Vec<Diagnosis>) {
    let demands = demands(given);
    level(given, service, &demands, found);
    maps(given, service, &demands, found);
    requiretls(given, service, &demands, found);
    beyond_it(given, service, &demands, found);
}

/// What is demanded, by whom.
fn demands<'g>(given: &Given<'g>) -> Vec<(&'g str, &'g Demand)> {
    let now = Timestamp::now();
    let entries = given.policy.domains.iter();
    entries.filter_map(|(pattern, entry)| Some((pattern, &entry.deliver_at(now)?.demand))).collect()
}

/// Whether a level is less than another one. By `dane`, a server with TLSA records is known by its certificate.
fn is_less(ours: Level, theirs: Level) -> bool {
    ours < theirs || (theirs == Level::Dane && ours == Level::Encrypt)
}

/// The level that the service has by itself.
fn level(
    given: &Given<'_>,
    service: &Service,
    demands: &[(&str, &Demand)],
    found: &mut Vec<Diagnosis>,
) {
    let Ok(set) = service.parameters.get(LEVEL).parse::<Level>() else { return };
    let lowered = demands.iter().filter(|(_, demand)| is_less(demand.level, set));
    let lowered = lowered.map(|(who, demand)| format!("{who}: {}", demand.level)).collect();
    if let Some(details) = some(lowered) {
        found.push(
            Diagnosis::new(
                FindingId::NextHopLevelLowered,
                Gravity::Warning,
                given.facts.place(Some(service), LEVEL),
                format!(
                    "{}: without the policy, the session to these next hops would be held to `{set}`, which is \
                     more than the policy demands",
                    service.label()
                ),
                format!("demand as much in the policy ({}), or live with it", as_much(set)),
            )
            .with(details),
        );
    }
}

/// What to demand so as not to fall behind a level.
fn as_much(level: Level) -> &'static str {
    match level {
        Level::Dane => "`dane-only` where the domain has TLSA records",
        other => other.name(),
    }
}

/// The maps that stand behind ours.
fn maps(
    given: &Given<'_>,
    service: &Service,
    demands: &[(&str, &Demand)],
    found: &mut Vec<Diagnosis>,
) {
    let list = service.parameters.get(PARAMETER);
    let ours = |map: &&str| is_our_map(map, given.facts, given.settings);
    let behind = elements(list).skip_while(|map| !ours(map)).filter(|map| !ours(map));
    for map in behind {
        let kind = map.split(':').next().unwrap_or_default();
        if PROGRAMS.contains(&kind) {
            found.extend(resolver(given, service, map, demands));
            continue;
        }
        match given.facts.maps.get(map) {
            Some(MapContents::Entries(entries)) => {
                let lowered = entries.iter().filter_map(|(key, value)| {
                    let next_hop = key.parse::<NextHop>().ok()?;
                    let theirs = value.split([' ', ',', '\t']).next()?;
                    let theirs = theirs.to_ascii_lowercase().parse::<Level>().ok()?;
                    let ours = deliver(given.policy, &next_hop, Timestamp::now()).demand?.level;
                    is_less(ours, theirs).then(|| format!("{key}: {ours}, and not {theirs}"))
                });
                found.extend(lowered_by_map(given, service, map, lowered.collect()));
            }
            Some(MapContents::Unseen(why)) => found.push(Diagnosis::new(
                FindingId::MapUnseen,
                Gravity::Note,
                given.facts.place(Some(service), PARAMETER),
                format!(
                    "{map} stands behind the policy's map, and cannot be looked into ({why}): it may ask for more"
                ),
                "see that it asks for no more than the policy, which decides",
            )),
            None => {}
        }
    }
}

fn lowered_by_map(
    given: &Given<'_>,
    service: &Service,
    map: &str,
    lowered: Vec<String>,
) -> Option<Diagnosis> {
    let found = Diagnosis::new(
        FindingId::NextHopLevelLowered,
        Gravity::Warning,
        given.facts.place(Some(service), PARAMETER),
        format!("{map} stands behind the policy's map, and asks for more than the policy demands"),
        "demand as much in the policy: what stands there decides",
    );
    Some(found.with(some(lowered)?))
}

/// A program that finds out by DANE or MTA-STS what a domain wants.
fn resolver(
    given: &Given<'_>,
    service: &Service,
    map: &str,
    demands: &[(&str, &Demand)],
) -> Option<Diagnosis> {
    let lowered = demands.iter().filter(|(_, demand)| is_less(demand.level, Level::DaneOnly));
    let lowered = lowered.map(|(who, demand)| format!("{who}: {}", demand.level)).collect();
    let found = Diagnosis::new(
        FindingId::NextHopResolverBehind,
        Gravity::Warning,
        given.facts.place(Some(service), PARAMETER),
        format!(
            "{map} stands behind the policy's map, and is not asked for what the policy speaks of: where a domain \
             has DANE or MTA-STS, it would answer more than the policy demands"
        ),
        "demand `secure` or `dane-only` of the domains that have it; right for those that have neither",
    );
    Some(found.with(some(lowered)?))
}

/// A sender who asks for REQUIRETLS gets a bounce where the certificate is not looked at.
fn requiretls(
    given: &Given<'_>,
    service: &Service,
    demands: &[(&str, &Demand)],
    found: &mut Vec<Diagnosis>,
) {
    if !service.parameters.is_yes(REQUIRETLS) {
        return;
    }
    // One word is for everybody.
    let policy = service.parameters.get(REQUIRETLS_POLICY);
    if matches!(policy, "disable" | "opportunistic" | "opportunistic+starttls") {
        return;
    }
    let is_bare = |demand: &Demand| is_less(demand.level, Level::Verify);
    let bare = demands.iter().filter(|(_, demand)| is_bare(demand));
    let bare = bare.map(|(who, demand)| format!("{who}: {}", demand.level)).collect();
    if let Some(details) = some(bare) {
        found.push(
            Diagnosis::new(
                FindingId::RequiretlsBounces,
                Gravity::Note,
                given.facts.place(Some(service), REQUIRETLS_POLICY),
                format!(
                    "{}: mail whose sender asks for REQUIRETLS (in SMTP, or with a header `Require-TLS-ESMTP: yes`) \
                     bounces where the policy does not have the certificate verified",
                    service.label()
                ),
                format!(
                    "right if the sender is to be told; else {REQUIRETLS_POLICY}=opportunistic at that service"
                ),
            )
            .with(details),
        );
    }
}

/// What is demanded and cannot be had as the service is set: the mail waits, or is sent as at `may`.
fn beyond_it(
    given: &Given<'_>,
    service: &Service,
    demands: &[(&str, &Demand)],
    found: &mut Vec<Diagnosis>,
) {
    let parameters = &service.parameters;
    let mut add = |id, name, levels: &[Level], message: &str, remedy: &str| {
        let hit = demands.iter().filter(|(_, demand)| levels.contains(&demand.level));
        let hit = hit.map(|(who, demand)| format!("{who}: {}", demand.level)).collect();
        if let Some(details) = some(hit) {
            let place = given.facts.place(Some(service), name);
            let message = format!("{}: {message}", service.label());
            found.push(Diagnosis::new(id, Gravity::Error, place, message, remedy).with(details));
        }
    };
    if !matches!(parameters.get("smtp_dns_support_level"), "dnssec") {
        add(
            FindingId::NextHopWithoutDnssec,
            "smtp_dns_support_level",
            &[Level::Dane, Level::DaneOnly],
            "TLSA records are not looked up: mail for `dane-only` waits, mail for `dane` leaves as at `may`",
            "smtp_dns_support_level = dnssec, smtp_host_lookup = dns, and a resolver that validates",
        );
    }
    let authorities = ["smtp_tls_CAfile", "smtp_tls_CApath"];
    if authorities.iter().all(|name| parameters.get(name).is_empty())
        && !parameters.is_yes("tls_append_default_CA")
    {
        add(
            FindingId::NextHopWithoutAuthorities,
            "smtp_tls_CApath",
            &[Level::Verify, Level::Secure],
            "it knows no certificate authorities, so that no certificate is verified, and the mail waits",
            "smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt",
        );
    }
}
