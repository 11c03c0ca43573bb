//! On what terms an smtpd asks the milter: what it does without an answer, what it tells.

use super::Given;
use super::diagnosis::{Diagnosis, Gravity};
use super::facts::Service;
use super::milter_entry::{MilterEntry, is_protocol};
use super::release;
use super::syntax::{elements, setting, time};
use config::finding::FindingId;
use policy::OnUnknownTls;

/// Macros that a verdict rests on, and what a made-up one does.
const DECISIVE_MACROS: [(&str, &str); 8] = [
    ("tls_version", "every session looks encrypted"),
    ("cipher", "every session looks encrypted"),
    ("cipher_bits", "every cipher has this key length"),
    ("cert_subject", "every client has this certificate"),
    ("cert_issuer", "every client has this certificate"),
    ("verify", "every certificate has this standing"),
    ("auth_type", AUTHENTICATED),
    ("auth_authen", AUTHENTICATED),
];
const AUTHENTICATED: &str = "every client looks authenticated";

pub(super) fn check(
    given: &Given<'_>,
    service: &Service,
    entry: MilterEntry<'_>,
    found: &mut Vec<Diagnosis>,
) {
    // One that Postfix cannot use is told as such.
    if entry.fault.is_none() {
        default_action(given, service, entry, found);
    }
    protocol(given, service, entry, found);
    patience(given, service, entry, found);
    made_up_macros(given, service, found);
    by_client(given, service, found);
}

/// What Postfix does where it has no answer, and the parameter that says so.
fn action<'a>(service: &'a Service, entry: MilterEntry<'a>) -> (String, &'static str) {
    let (action, parameter) = match entry.default_action {
        Some(action) => (action, "smtpd_milters"),
        None => (service.parameters.get("milter_default_action"), "milter_default_action"),
    };
    (action.to_ascii_lowercase(), parameter)
}

/// Whether mail is put off where there is no answer.
pub(super) fn is_strict(given: &Given<'_>, service: &Service, entry: MilterEntry<'_>) -> bool {
    let (action, _) = action(service, entry);
    entry.fault.is_none()
        && (action == "tempfail" || (action == "shutdown" && release::knows_shutdown(given.facts)))
}

fn default_action(
    given: &Given<'_>,
    service: &Service,
    entry: MilterEntry<'_>,
    found: &mut Vec<Diagnosis>,
) {
    let best = release::puts_off(given.facts);
    let (action, parameter) = action(service, entry);
    let what = if entry.default_action.is_some() { "default_action" } else { parameter };
    let (id, gravity, message) = match &*action {
        "accept" => (
            FindingId::DefaultActionAccept,
            Gravity::Error,
            format!("{what} is `accept`: while the milter is down, all mail passes unjudged"),
        ),
        "quarantine" => (
            FindingId::DefaultActionQuarantine,
            Gravity::Warning,
            format!(
                "{what} is `quarantine`: while the milter is down, mail is taken in the clear and \
                 kept in the hold queue"
            ),
        ),
        "reject" => (
            FindingId::DefaultActionReject,
            Gravity::Warning,
            format!("{what} is `reject`: while the milter is down, all mail is bounced for good"),
        ),
        "tempfail" => return,
        "shutdown" if release::knows_shutdown(given.facts) => return,
        // Postfix takes no empty value for a parameter: smtpd ends.
        "" => (
            FindingId::MilterEntryBroken,
            Gravity::Error,
            format!(
                "{what} is empty: smtpd ends as soon as a client connects, and takes no mail at all"
            ),
        ),
        action => (
            FindingId::DefaultActionUnknown,
            Gravity::Warning,
            format!(
                "{what} is `{action}`, which Postfix {} does not know: while the milter is down, it \
                 answers 451 4.3.5 to all mail",
                given.facts.main.get("mail_version")
            ),
        ),
    };
    let place = given.facts.place(Some(service), parameter);
    let mut remedy = format!("set `{what}={best}`: senders then keep their mail and try again");
    if entry.default_action.is_none() && gravity == Gravity::Error {
        remedy.push_str(&format!(
            "; or for this milter alone, `{{ {}, default_action={best} }}` in smtpd_milters",
            entry.address
        ));
    }
    found.push(Diagnosis::new(id, gravity, place, message, remedy));
}

fn protocol(
    given: &Given<'_>,
    service: &Service,
    entry: MilterEntry<'_>,
    found: &mut Vec<Diagnosis>,
) {
    let (value, parameter) = match entry.protocol {
        Some(value) => (value, "smtpd_milters"),
        None => (service.parameters.get("milter_protocol"), "milter_protocol"),
    };
    if entry.protocol.is_none() && (value.is_empty() || !is_protocol(value)) {
        found.push(Diagnosis::new(
            FindingId::MilterEntryBroken,
            Gravity::Error,
            given.facts.place(Some(service), parameter),
            format!(
                "Postfix does not speak milter protocol `{value}`: smtpd answers 451 4.3.5 to all mail"
            ),
            "set the protocol to 6, the default",
        ));
        return;
    }
    let version = elements(value).next().and_then(|version| version.parse::<u32>().ok());
    if version.is_none_or(|version| version >= 6) {
        return;
    }
    let passes = given.settings.on_unknown_tls == OnUnknownTls::Pass;
    found.push(Diagnosis::new(
        FindingId::MilterProtocolOld,
        if passes { Gravity::Error } else { Gravity::Warning },
        given.facts.place(Some(service), parameter),
        format!(
            "before version 6 of the milter protocol the milter cannot ask for what it needs to \
             know: TLS may be unknown, and such mail {}",
            if passes { "passes (`on_unknown_tls: pass`)" } else { "is put off" }
        ),
        "set the protocol to 6, the default",
    ));
}

/// While the milter restarts, new connections wait in systemd's socket for as long as the old ones
/// may go on.
fn patience(
    given: &Given<'_>,
    service: &Service,
    entry: MilterEntry<'_>,
    found: &mut Vec<Diagnosis>,
) {
    let (value, parameter) = match entry.connect_timeout {
        Some(value) => (value, "smtpd_milters"),
        None => (service.parameters.get("milter_connect_timeout"), "milter_connect_timeout"),
    };
    let drain = given.settings.limits.drain;
    if !given.settings.systemd || time(value).is_none_or(|patience| patience > drain) {
        return;
    }
    let drain = drain.as_secs();
    found.push(Diagnosis::new(
        FindingId::ConnectTimeoutShort,
        Gravity::Warning,
        given.facts.place(Some(service), parameter),
        format!(
            "smtpd waits {value} for a connection to the milter, which may take {drain} s while it \
             restarts (`limits.drain_seconds`): mail is then put off"
        ),
        format!(
            "give {} its own in smtpd_milters: `{{ ..., connect_timeout={}s }}`",
            entry.address,
            drain + 30
        ),
    ));
}

fn made_up_macros(given: &Given<'_>, service: &Service, found: &mut Vec<Diagnosis>) {
    let parameter = "milter_macro_defaults";
    for (name, _) in service.parameters.list(parameter).filter_map(setting) {
        let name = name.trim_matches(['{', '}']);
        let Some((name, effect)) =
            DECISIVE_MACROS.iter().find(|(macro_name, _)| *macro_name == name)
        else {
            continue;
        };
        // Whether somebody has authenticated matters only where that is trusted.
        if *effect == AUTHENTICATED && !given.policy.trusted.authenticated {
            continue;
        }
        found.push(Diagnosis::new(
            FindingId::MacroMadeUp,
            Gravity::Error,
            given.facts.place(Some(service), parameter),
            format!("{{{name}}} is made up for the milter: {effect}"),
            format!("take {{{name}}} out of {parameter}"),
        ));
    }
}

fn by_client(given: &Given<'_>, service: &Service, found: &mut Vec<Diagnosis>) {
    if !service.parameters.get("smtpd_milter_maps").is_empty() {
        found.push(Diagnosis::new(
            FindingId::MiltersByClient,
            Gravity::Warning,
            given.facts.place(Some(service), "smtpd_milter_maps"),
            "clients that these maps name are shown to other milters or to none: their mail may \
             pass unjudged",
            "see to it that each entry lists this milter; whom you trust can stand under \
             `trusted` in the policy",
        ));
    }
}
