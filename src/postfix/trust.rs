//! Whom Postfix trusts and whom the policy trusts; how much Postfix may ask at a time.

use super::Given;
use super::diagnosis::{Diagnosis, Gravity};
use super::facts::{Role, address};
use super::milters::is_asked_by;
use config::finding::FindingId;
use ipnet::{IpNet, Ipv4Net};

pub(super) fn check(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    networks(given, found);
    filters(given, found);
    processes(given, found);
    if !given.facts.complaints.is_empty() {
        found.push(
            Diagnosis::new(
                FindingId::PostfixComplains,
                Gravity::Note,
                given.facts.file(""),
                "Postfix itself complains",
                "mend these; a parameter that is unused or unknown is often misspelt",
            )
            .with(given.facts.complaints.clone()),
        );
    }
}

fn networks(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    let main = &given.facts.main;
    let place = given.facts.place(None, "mynetworks");
    let mut theirs = Vec::new();
    let mut unread = Vec::new();
    for item in main.list("mynetworks") {
        match network(item) {
            Some(network) => theirs.push(network),
            None => unread.push(item),
        }
    }
    let theirs = IpNet::aggregate(&theirs);
    let ours = IpNet::aggregate(&given.policy.trusted.clients);
    let outside = |some: &[IpNet], others: &[IpNet]| -> Vec<String> {
        let inside = |network: &IpNet| others.iter().any(|other| other.contains(network));
        some.iter().filter(|network| !inside(network)).map(IpNet::to_string).collect()
    };
    let only_theirs = outside(&theirs, &ours);
    if !only_theirs.is_empty() {
        found.push(
            Diagnosis::new(
                FindingId::NetworksPostfixTrusts,
                Gravity::Note,
                place.clone(),
                "Postfix trusts networks that the policy does not: their mail for opted-in \
                 domains is judged like anybody's",
                "that is the safe way; to let it pass, list them under `trusted.clients` in the \
                 policy",
            )
            .with(only_theirs),
        );
    }
    // Nobody but this host comes from a loopback address.
    let ours: Vec<IpNet> =
        ours.into_iter().filter(|network| !network.network().is_loopback()).collect();
    let only_ours = outside(&ours, &theirs);
    // What a file or an exclusion says is not known: it may well hold them.
    if !only_ours.is_empty() && unread.is_empty() {
        found.push(
            Diagnosis::new(
                FindingId::NetworksPolicyTrusts,
                Gravity::Note,
                place,
                "the policy trusts networks that Postfix does not: their mail is never judged",
                "see to it that `trusted.clients` holds only networks of your own",
            )
            .with(only_ours),
        );
    }
}

/// A network as `mynetworks` writes it; `None` for files, tables and exclusions.
fn network(item: &str) -> Option<IpNet> {
    let (ip, bits) = match item.rsplit_once('/') {
        Some((ip, bits)) => (ip, Some(bits.parse::<u8>().ok()?)),
        None => (item, None),
    };
    let bare = ip.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(ip);
    let full = bare.parse::<std::net::IpAddr>().ok()?;
    let width = if full.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(width);
    // `[::ffff:127.0.0.0]/104` is 127.0.0.0/8.
    if let (false, Some(std::net::IpAddr::V4(mapped)), Some(bits)) =
        (full.is_ipv4(), address(ip), bits.checked_sub(96))
    {
        return Ipv4Net::new(mapped, bits).ok().map(|network| IpNet::V4(network.trunc()));
    }
    IpNet::new(full, bits).ok().map(|network| network.trunc())
}

/// Content filters hand mail back, in the clear. Where an smtpd for it can be told by its address,
/// `session` has looked at it.
fn filters(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    if given.facts.running("smtpd").any(|service| service.role() == Role::Internal) {
        return;
    }
    for (service, parameters) in given.facts.in_force("smtpd") {
        for parameter in ["content_filter", "smtpd_proxy_filter"] {
            if parameters.get(parameter).is_empty() {
                continue;
            }
            found.push(Diagnosis::new(
                FindingId::ContentFilter,
                Gravity::Note,
                given.facts.place(service, parameter),
                "mail goes through a content filter; the milter judges it before, and need not be \
                 asked again when it comes back",
                "give the smtpd that takes it back `-o smtpd_milters=`, or have the filter's \
                 address under `trusted.clients`",
            ));
        }
    }
}

/// Each smtpd process holds a connection to the milter.
fn processes(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    let asking: Vec<_> =
        given.facts.running("smtpd").filter(|service| is_asked_by(given, service)).collect();
    let limit = given.settings.limits.connections;
    let place = || given.facts.place(None, "default_process_limit");
    let remedy = "raise `limits.connections` in the settings, or lower Postfix's limit";
    let sum: Option<u32> = asking
        .iter()
        .map(|service| service.processes)
        .try_fold(0_u32, |sum, processes| Some(sum.saturating_add(processes?)));
    match sum {
        Some(sum) if sum > limit => found.push(Diagnosis::new(
            FindingId::SmtpdProcesses,
            Gravity::Warning,
            place(),
            format!(
                "Postfix may run {sum} smtpd processes that ask this milter, which takes {limit} \
                 connections at a time: the rest wait, and put mail off"
            ),
            remedy,
        )),
        Some(_) => {}
        None => {
            let unlimited = asking.iter().filter(|service| service.processes.is_none());
            let public = unlimited.clone().find(|service| service.role() == Role::Public);
            if let Some(service) = public.or(unlimited.clone().next()) {
                found.push(Diagnosis::new(
                    FindingId::SmtpdProcesses,
                    Gravity::Note,
                    given.facts.line(service),
                    format!(
                        "{} may run any number of smtpd processes; the milter takes {limit} \
                         connections",
                        service.label()
                    ),
                    remedy,
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_postfix_writes_them() {
        for (item, expected) in [
            ("127.0.0.0/8", Some("127.0.0.0/8")),
            ("192.0.2.7", Some("192.0.2.7/32")),
            ("[::1]/128", Some("::1/128")),
            ("[2001:db8::]/32", Some("2001:db8::/32")),
            ("[::ffff:127.0.0.0]/104", Some("127.0.0.0/8")),
            ("!192.0.2.1", None),
            ("/etc/postfix/networks", None),
            ("cidr:/etc/postfix/networks", None),
            ("192.0.2.0/33", None),
        ] {
            assert_eq!(
                network(item).map(|network| network.to_string()).as_deref(),
                expected,
                "{item}"
            );
        }
    }
}
