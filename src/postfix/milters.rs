//! Whether each smtpd asks this milter, and nobody else does.

use super::Given;
use super::diagnosis::{Diagnosis, Gravity, Place};
use super::facts::{PostfixFacts, Role, Service};
use super::leads::{Leads, address_for, leads, queue_directory};
use super::milter_entry::{Effect, MilterEntry, milters};
use super::milter_options;
use super::submission::is_for_users_only;
use config::finding::FindingId;

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
        found.push(takes_no_mail(facts));
    }
    for service in facts.running("smtpd") {
        let asks = asks(given, service);
        broken(given, service, found);
        listed(given, service, asks, found);
        if let Asks::Yes(entry) | Asks::Astray(entry) | Asks::Perhaps(entry) = asks {
            milter_options::check(given, service, entry, found);
        }
    }
    local_mail(given, found);
}

/// That this instance of Postfix takes no mail over SMTP.
fn takes_no_mail(facts: &PostfixFacts) -> Diagnosis {
    if let [first, ..] = &*facts.switched_off {
        // One that only sends, or whose other instances take the mail.
        return Diagnosis::new(
            FindingId::ServicesSwitchedOff,
            Gravity::Note,
            facts.place(None, "master_service_disable"),
            format!(
                "{first} is switched off here: this instance of Postfix takes no mail over SMTP"
            ),
            "nothing to do, if another instance takes it, or none is to come",
        );
    }
    Diagnosis::new(
        FindingId::NoSmtpd,
        if facts.one_of_several { Gravity::Note } else { Gravity::Warning },
        facts.file("master.cf"),
        "no service runs smtpd: this Postfix takes no mail over SMTP",
        "if this is the gateway, add `smtp inet n - y - - smtpd`",
    )
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
    let mut here: Option<MilterEntry<'_>> = None;
    for entry in milters(parameters.get("smtpd_milters")) {
        for listen in &given.settings.listen {
            match leads(entry.address, &listen.socket, service.chroot, given.facts) {
                // Where it is listed twice, the stricter of the two puts mail off.
                Leads::Here => match here {
                    Some(known) if milter_options::is_strict(given, service, known) => {}
                    _ => here = Some(entry),
                },
                Leads::Astray => result = Asks::Astray(entry),
                Leads::Perhaps if result == Asks::No => result = Asks::Perhaps(entry),
                Leads::Perhaps | Leads::Elsewhere => {}
            }
        }
    }
    here.map_or(result, Asks::Yes)
}

/// Entries that Postfix cannot read, whosever they are; and this milter's where it is listed twice.
fn broken(given: &Given<'_>, service: &Service, found: &mut Vec<Diagnosis>) {
    let parameter = "smtpd_milters";
    let parameters = &service.parameters;
    if parameters.list("receive_override_options").any(|option| option == "no_milters") {
        return;
    }
    let place = || given.facts.place(Some(service), parameter);
    for entry in milters(parameters.get(parameter)) {
        let Some(fault) = entry.fault else { continue };
        let effect = match fault.effect() {
            Effect::Ends => "smtpd ends as soon as a client connects, and takes no mail at all",
            Effect::PutsOff => "smtpd answers 451 4.3.5 to all mail",
        };
        let entry = if entry.address.is_empty() { "{}" } else { entry.address };
        found.push(Diagnosis::new(
            FindingId::MilterEntryBroken,
            Gravity::Error,
            place(),
            format!("Postfix cannot use the entry of `{entry}`: {fault}; {effect}"),
            fault.remedy(),
        ));
    }
    let ours = milters(parameters.get(parameter)).filter(|entry| {
        given.settings.listen.iter().any(|listen| {
            leads(entry.address, &listen.socket, service.chroot, given.facts) == Leads::Here
        })
    });
    if ours.count() > 1 {
        found.push(Diagnosis::new(
            FindingId::MilterListedTwice,
            Gravity::Warning,
            place(),
            "this milter is listed more than once: it is asked about each recipient as often, and counts \
             it as often",
            "leave one of the entries, the one with default_action",
        ));
    }
}

fn remedy_for(given: &Given<'_>, service: &Service) -> String {
    address_for(given.facts, given.settings, service.chroot).map_or_else(
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
    let parameter = match asks {
        Asks::SwitchedOff => "receive_override_options",
        _ => "smtpd_milters",
    };
    let own = service.parameters.get(parameter) != facts.main.get(parameter);
    let mut place = facts.place(Some(service), parameter);
    if service.role() != Role::Public {
        place.subject = service.label();
    }
    found.extend(match service.role() {
        Role::Public => Some(public_not_asked(given, service, asks, (place, parameter), own)),
        Role::Other => Some(other_not_asked(given, service, place)),
        // Only where somebody chose it: with no milter at all there is a worse finding.
        Role::Submission if own && !is_for_users_only(&service.parameters) => {
            Some(submission_open(service, place, parameter))
        }
        Role::Submission if own => {
            let purpose = "users' submissions";
            Some(rightly_not_asked(FindingId::SubmissionNotAsked, service, place, purpose))
        }
        Role::Internal if own => {
            let purpose = "mail that comes back from a filter on this host";
            Some(rightly_not_asked(FindingId::InternalNotAsked, service, place, purpose))
        }
        Role::Submission | Role::Internal => None,
    });
}

/// Other servers send there: all that they send passes. `own` says whether the service has a setting of its own.
fn public_not_asked(
    given: &Given<'_>,
    service: &Service,
    asks: Asks<'_>,
    (place, parameter): (Place, &str),
    own: bool,
) -> Diagnosis {
    let label = service.label();
    let how = match asks {
        Asks::SwitchedOff => "has no_milters",
        _ => "does not list this milter",
    };
    let message = match own {
        true => format!(
            "{label} takes mail from other servers and {how} here: such mail passes unjudged"
        ),
        false => format!("{parameter} {how}: mail passes unjudged"),
    };
    let remedy = match (asks, own) {
        (Asks::SwitchedOff, _) => "take no_milters out of receive_override_options".to_owned(),
        (_, true) => format!(
            "take `-o smtpd_milters=...` away from {label}; or there, {}",
            remedy_for(given, service)
        ),
        (_, false) => remedy_for(given, service),
    };
    Diagnosis::new(FindingId::MilterNotAsked, Gravity::Error, place, message, remedy)
}

/// On a port of its own, for whomever.
fn other_not_asked(given: &Given<'_>, service: &Service, place: Place) -> Diagnosis {
    let label = service.label();
    if is_for_users_only(&service.parameters) {
        return Diagnosis::new(
            FindingId::OwnNetworksNotAsked,
            Gravity::Note,
            place,
            format!(
                "{label} does not ask this milter, and takes mail from users and known networks alone"
            ),
            "nothing to do, if these networks (mynetworks) are to pass unjudged",
        );
    }
    Diagnosis::new(
        FindingId::PortNotAsked,
        Gravity::Warning,
        place,
        format!(
            "{label} does not ask this milter; if other servers can send to this port, their mail \
             passes unjudged"
        ),
        remedy_for(given, service),
    )
}

/// For users, who need not be asked about; but not for users alone.
fn submission_open(service: &Service, place: Place, parameter: &str) -> Diagnosis {
    let label = service.label();
    Diagnosis::new(
        FindingId::SubmissionOpen,
        Gravity::Warning,
        place,
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
    )
}

fn rightly_not_asked(id: FindingId, service: &Service, place: Place, purpose: &str) -> Diagnosis {
    Diagnosis::new(
        id,
        Gravity::Note,
        place,
        format!("{} does not ask this milter, as is usual for {purpose}", service.label()),
        "nothing to do, unless other mail servers can send to it",
    )
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
