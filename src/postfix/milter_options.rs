//! On what terms an smtpd asks the milter: what it does without an answer, what it tells.

use super::Given;
use super::diagnosis::{Diagnosis, Gravity};
use super::facts::Service;
use super::syntax::{MilterEntry, elements, setting, time};
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
    default_action(given, service, entry, found);
    protocol(given, service, entry, found);
    patience(given, service, entry, found);
    made_up_macros(given, service, found);
    by_client(given, service, found);
}

fn default_action(
    given: &Given<'_>,
    service: &Service,
    entry: MilterEntry<'_>,
    found: &mut Vec<Diagnosis>,
) {
    let (action, parameter, what) = match entry.default_action {
        Some(action) => (action, "smtpd_milters", "default_action"),
        None => {
            let parameter = "milter_default_action";
            (service.parameters.get(parameter), parameter, parameter)
        }
    };
    let (id, gravity, message) = match action.to_ascii_lowercase().as_str() {
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
        _ => return,
    };
    let place = given.facts.place(Some(service), parameter);
    let mut remedy = format!("set `{what}=tempfail`: senders then keep their mail and try again");
    if entry.default_action.is_none() && gravity == Gravity::Error {
        remedy.push_str(&format!(
            "; or for this milter alone, `{{ {}, default_action=tempfail }}` in smtpd_milters",
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
