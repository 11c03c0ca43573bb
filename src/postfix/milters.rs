//! Whether each smtpd asks this milter, and nobody else does.

use super::Given;
use super::diagnosis::{Diagnosis, Gravity};
use super::facts::{PostfixFacts, Role, Service, address, is_loopback};
use super::milter_options;
use super::submission::is_for_users_only;
use super::syntax::{MilterEntry, milters};
use config::finding::FindingId;
use config::settings::{Settings, SocketSpec};
use policy::Policy;
use std::path::{Path, PathBuf};

/// How an smtpd stands to this milter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks<'a> {
    /// It asks it.
    Yes(MilterEntry<'a>),
    /// It means to, but its socket is not where this entry leads.
    Astray(MilterEntry<'a>),
    /// It asks one at the same port of another host.
    Perhaps(MilterEntry<'a>),
    /// Its list does not have it.
    No,
    /// All milters are switched off.
    SwitchedOff,
}

pub(super) fn check(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    let facts = given.facts;
    if facts.running("smtpd").next().is_none() {
        found.push(Diagnosis::new(
            FindingId::NoSmtpd,
            Gravity::Warning,
            facts.file("master.cf"),
            "no service runs smtpd: this Postfix takes no mail over SMTP",
            "if this is the gateway, add `smtp inet n - y - - smtpd`",
        ));
    }
    for service in facts.running("smtpd") {
        let asks = asks(given, service);
        listed(given, service, asks, found);
        if let Asks::Yes(entry) | Asks::Astray(entry) | Asks::Perhaps(entry) = asks {
            milter_options::check(given, service, entry, found);
        }
    }
    local_mail(given, found);
}

/// Whether an smtpd asks this milter; other modules look only at those that do.
pub(super) fn is_asked_by(given: &Given<'_>, service: &Service) -> bool {
    matches!(asks(given, service), Asks::Yes(_) | Asks::Astray(_) | Asks::Perhaps(_))
}

fn asks<'a>(given: &Given<'_>, service: &'a Service) -> Asks<'a> {
    let parameters = &service.parameters;
    if parameters.list("receive_override_options").any(|option| option == "no_milters") {
        return Asks::SwitchedOff;
    }
    let mut result = Asks::No;
    for entry in milters(parameters.get("smtpd_milters")) {
        for listen in &given.settings.listen {
            match leads(entry.address, &listen.socket, service.chroot, given.facts) {
                Leads::Here => return Asks::Yes(entry),
                Leads::Astray => result = Asks::Astray(entry),
                Leads::Perhaps if result == Asks::No => result = Asks::Perhaps(entry),
                Leads::Perhaps | Leads::Elsewhere => {}
            }
        }
    }
    result
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leads {
    Here,
    Astray,
    Perhaps,
    Elsewhere,
}

/// Whether an address in smtpd_milters leads to one of our sockets.
fn leads(entry: &str, socket: &SocketSpec, chroot: bool, facts: &PostfixFacts) -> Leads {
    let (kind, rest) = entry.split_once(':').unwrap_or(("", entry));
    match socket {
        SocketSpec::Inet(host, port) if kind.eq_ignore_ascii_case("inet") => {
            // Postfix takes a missing host for localhost.
            let (their_host, their_port) = rest.rsplit_once(':').unwrap_or(("", rest));
            let their_host = if their_host.is_empty() { "localhost" } else { their_host };
            if their_port.parse() != Ok(*port) {
                Leads::Elsewhere
            } else if same_host(their_host, host) {
                Leads::Here
            } else {
                Leads::Perhaps
            }
        }
        SocketSpec::Unix(path) if kind.eq_ignore_ascii_case("unix") => {
            let queue = queue_directory(facts);
            let below_queue = queue.join(rest.trim_start_matches('/'));
            let outside =
                if rest.starts_with('/') { PathBuf::from(rest) } else { below_queue.clone() };
            let (real, other) =
                if chroot { (below_queue, outside) } else { (outside, below_queue) };
            if same_path(&real, path) {
                Leads::Here
            } else if same_path(&other, path) {
                Leads::Astray
            } else {
                Leads::Elsewhere
            }
        }
        _ => Leads::Elsewhere,
    }
}

fn queue_directory(facts: &PostfixFacts) -> PathBuf {
    PathBuf::from(facts.main.get("queue_directory"))
}

fn same_host(theirs: &str, ours: &str) -> bool {
    let any = address(ours).is_some_and(|ip| ip.is_unspecified());
    match (address(theirs), address(ours)) {
        (Some(theirs), Some(ours)) if !any => theirs == ours,
        // `localhost` is 127.0.0.1, ::1, or both: Postfix tries each.
        (_, Some(_)) => any || (is_loopback(theirs) && is_loopback(ours)),
        _ => theirs.eq_ignore_ascii_case(ours) || (is_loopback(theirs) && is_loopback(ours)),
    }
}

/// /var/run leads to /run on all systems of today.
fn same_path(one: &Path, other: &Path) -> bool {
    let plain = |path: &Path| match path.strip_prefix("/var/run") {
        Ok(rest) => Path::new("/run").join(rest),
        Err(_) => path.to_owned(),
    };
    plain(one) == plain(other)
}

/// How the smtpd that takes other servers' mail would name our socket; `None` where it cannot reach
/// any, or there is no such smtpd.
pub(crate) fn address_for_public(
    facts: &PostfixFacts,
    settings: &Settings,
    policy: &Policy,
) -> Option<String> {
    let given = Given { facts, settings, policy };
    let smtpd = facts.running("smtpd").find(|service| service.role() == Role::Public)?;
    address_for(&given, smtpd.chroot)
}

/// Whether an address in smtpd_milters leads to one of our sockets, chrooted or not.
pub(crate) fn is_ours(entry: &str, facts: &PostfixFacts, settings: &Settings) -> bool {
    settings.listen.iter().any(|listen| {
        [true, false]
            .iter()
            .any(|chroot| leads(entry, &listen.socket, *chroot, facts) == Leads::Here)
    })
}

/// How this service would name our socket; `None` where it cannot be reached from a chroot.
fn address_for(given: &Given<'_>, chroot: bool) -> Option<String> {
    let queue = queue_directory(given.facts);
    given.settings.listen.iter().find_map(|listen| match &listen.socket {
        SocketSpec::Unix(path) => match path.strip_prefix(&queue) {
            Ok(below) => Some(format!("unix:{}", below.display())),
            Err(_) if chroot => None,
            Err(_) => Some(listen.socket.to_string()),
        },
        SocketSpec::Inet(host, port) => Some(match address(host) {
            Some(ip) if ip.is_unspecified() => format!("inet:localhost:{port}"),
            _ => listen.socket.to_string(),
        }),
    })
}

fn remedy_for(given: &Given<'_>, service: &Service) -> String {
    address_for(given, service.chroot).map_or_else(
        || {
            format!(
                "this smtpd is chrooted and reaches Unix sockets only below {0}: let the milter \
                 listen there, as in unix:{0}/mandatory-tls/milter.sock, or on inet:127.0.0.1:8893",
                queue_directory(given.facts).display()
            )
        },
        |address| format!("put `{address}` first in smtpd_milters"),
    )
}

fn listed(given: &Given<'_>, service: &Service, asks: Asks<'_>, found: &mut Vec<Diagnosis>) {
    let place = given.facts.place(Some(service), "smtpd_milters");
    match asks {
        Asks::Yes(_) => {}
        Asks::Astray(entry) => found.push(Diagnosis::new(
            FindingId::MilterSocketAstray,
            Gravity::Error,
            place,
            format!(
                "`{}` does not lead to this milter's socket from {}, where smtpd is {}",
                entry.address,
                service.label(),
                if service.chroot { "chrooted" } else { "not chrooted" }
            ),
            remedy_for(given, service),
        )),
        Asks::Perhaps(entry) => found.push(Diagnosis::new(
            FindingId::MilterOnAnotherHost,
            Gravity::Warning,
            place,
            format!("`{}` has this milter's port, but is it this milter's host?", entry.address),
            remedy_for(given, service),
        )),
        Asks::No | Asks::SwitchedOff => not_asked(given, service, asks, found),
    }
}

/// An smtpd that does not ask: a hole, or just right.
fn not_asked(given: &Given<'_>, service: &Service, asks: Asks<'_>, found: &mut Vec<Diagnosis>) {
    let facts = given.facts;
    let parameter =
        if asks == Asks::SwitchedOff { "receive_override_options" } else { "smtpd_milters" };
    let own = service.parameters.get(parameter) != facts.main.get(parameter);
    let how =
        if asks == Asks::SwitchedOff { "has no_milters" } else { "does not list this milter" };
    let label = service.label();
    let (id, gravity, message, remedy) = match service.role() {
        Role::Public => (
            FindingId::MilterNotAsked,
            Gravity::Error,
            if own {
                format!(
                    "{label} takes mail from other servers and {how} here: such mail passes \
                     unjudged"
                )
            } else {
                format!("{parameter} {how}: mail passes unjudged")
            },
            match (asks, own) {
                (Asks::SwitchedOff, _) => {
                    "take no_milters out of receive_override_options".to_owned()
                }
                (_, true) => format!(
                    "take `-o smtpd_milters=...` away from {label}; or there, {}",
                    remedy_for(given, service)
                ),
                (_, false) => remedy_for(given, service),
            },
        ),
        Role::Other => (
            FindingId::PortNotAsked,
            Gravity::Warning,
            format!(
                "{label} does not ask this milter; if other servers can send to this port, their \
                 mail passes unjudged"
            ),
            remedy_for(given, service),
        ),
        // Only where somebody chose it: with no milter at all there is a worse finding.
        Role::Submission if own && !is_for_users_only(&service.parameters) => (
            FindingId::SubmissionOpen,
            Gravity::Warning,
            format!(
                "{label} does not ask this milter, and takes mail from others than users as well: \
                 through it anybody can send in the clear to opted-in domains that this host takes \
                 mail for"
            ),
            format!(
                "add `-o smtpd_client_restrictions=permit_sasl_authenticated,reject` to {label}; or \
                 take `-o {parameter}=...` away there, and have `trusted: {{ authenticated: true }}` \
                 in the policy"
            ),
        ),
        Role::Submission | Role::Internal if own => (
            if service.role() == Role::Submission {
                FindingId::SubmissionNotAsked
            } else {
                FindingId::InternalNotAsked
            },
            Gravity::Note,
            format!(
                "{label} does not ask this milter, as is usual for {}",
                purpose(service.role())
            ),
            "nothing to do, unless other mail servers can send to it".to_owned(),
        ),
        Role::Submission | Role::Internal => return,
    };
    let mut place = facts.place(Some(service), parameter);
    if id != FindingId::MilterNotAsked {
        place.subject = service.label();
    }
    found.push(Diagnosis::new(id, gravity, place, message, remedy));
}

fn purpose(role: Role) -> &'static str {
    match role {
        Role::Submission => "users' submissions",
        _ => "mail that comes back from a filter on this host",
    }
}

/// Mail that does not come over SMTP.
fn local_mail(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    let facts = given.facts;
    let programs = ["cleanup", "pickup", "qmqpd"];
    for service in programs.into_iter().flat_map(|program| facts.running(program)) {
        let named = milters(service.parameters.get("non_smtpd_milters")).any(|entry| {
            given.settings.listen.iter().any(|listen| {
                leads(entry.address, &listen.socket, service.chroot, facts) != Leads::Elsewhere
            })
        });
        if named {
            found.push(Diagnosis::new(
                FindingId::LocalMailAsked,
                Gravity::Warning,
                facts.place(Some(service), "non_smtpd_milters"),
                "this milter is asked about mail from local programs: it has no SMTP session to \
                 judge, lets it pass, and logs a warning each time",
                "take this milter out of non_smtpd_milters",
            ));
        }
    }
    for service in facts.running("qmqpd") {
        found.push(Diagnosis::new(
            FindingId::Qmqp,
            Gravity::Warning,
            facts.line(service),
            "mail that comes in over QMQP is in the clear and is not judged",
            "see to it that only hosts you trust can use it (qmqpd_authorized_clients)",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postfix::facts::Parameters;

    #[test]
    fn an_address_in_smtpd_milters_leads_to_our_socket_or_not() {
        let facts = PostfixFacts {
            main: Parameters::parse("queue_directory = /var/spool/postfix"),
            ..PostfixFacts::default()
        };
        let below = "unix:/var/spool/postfix/m/s";
        for (entry, socket, chroot, expected) in [
            ("inet:127.0.0.1:8893", "inet:127.0.0.1:8893", true, Leads::Here),
            ("inet:localhost:8893", "inet:127.0.0.1:8893", false, Leads::Here),
            ("inet:localhost:8893", "inet:[::1]:8893", false, Leads::Here),
            ("inet:8893", "inet:127.0.0.1:8893", false, Leads::Here),
            ("inet:[::1]:8893", "inet:127.0.0.1:8893", false, Leads::Perhaps),
            ("inet:mx.example.com:8893", "inet:127.0.0.1:8893", false, Leads::Perhaps),
            ("inet:mx.example.com:8893", "inet:0.0.0.0:8893", false, Leads::Here),
            ("inet:mx.example.com:8893", "inet:MX.example.com:8893", false, Leads::Here),
            ("inet:127.0.0.1:8894", "inet:127.0.0.1:8893", false, Leads::Elsewhere),
            ("unix:/run/m/s", "inet:127.0.0.1:8893", false, Leads::Elsewhere),
            ("unix:/run/m/s", "unix:/run/m/s", false, Leads::Here),
            ("unix:/var/run/m/s", "unix:/run/m/s", false, Leads::Here),
            ("unix:/run/m/s", "unix:/run/m/s", true, Leads::Astray),
            ("unix:m/s", below, true, Leads::Here),
            ("unix:m/s", below, false, Leads::Here),
            ("unix:/m/s", below, true, Leads::Here),
            ("unix:/m/s", below, false, Leads::Astray),
            (below, below, false, Leads::Here),
            (below, below, true, Leads::Astray),
            ("unix:other", below, true, Leads::Elsewhere),
            ("nonsense", below, true, Leads::Elsewhere),
        ] {
            let socket = socket.parse().unwrap();
            assert_eq!(
                leads(entry, &socket, chroot, &facts),
                expected,
                "{entry} {socket} {chroot}"
            );
        }
    }
}
