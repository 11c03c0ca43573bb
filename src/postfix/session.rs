//! What stands between the client and the smtpd that asks the milter: STARTTLS, proxies, filters.

use super::Given;
use super::diagnosis::{Diagnosis, Gravity};
use super::facts::{Parameters, PostfixFacts, Role, Service, is_loopback};
use super::milters::is_asked_by;
use super::offered;
use config::finding::FindingId;

/// Where smtpd's certificate may come from.
const CERTIFICATES: [&str; 4] = [
    "smtpd_tls_chain_files",
    "smtpd_tls_cert_file",
    "smtpd_tls_eccert_file",
    "smtpd_tls_dcert_file",
];

/// Lists in which STARTTLS is hidden, does nothing, or ends the session.
const WITHOUT_STARTTLS: [&str; 3] =
    ["smtpd_discard_ehlo_keywords", "smtpd_noop_commands", "smtpd_forbidden_commands"];

/// The files that hold them and their keys. (A key of its own is by default `$smtpd_tls_cert_file`, which
/// postconf has expanded.)
const CERTIFICATE_FILES: [&str; 7] = [
    "smtpd_tls_chain_files",
    "smtpd_tls_cert_file",
    "smtpd_tls_key_file",
    "smtpd_tls_eccert_file",
    "smtpd_tls_eckey_file",
    "smtpd_tls_dcert_file",
    "smtpd_tls_dkey_file",
];

/// The parameter and the file of each certificate and key that an smtpd is to read. Where there are chain
/// files, Postfix reads nothing else.
fn certificate_files(parameters: &Parameters) -> impl Iterator<Item = (&'static str, &str)> {
    let chain = !parameters.get("smtpd_tls_chain_files").is_empty();
    CERTIFICATE_FILES
        .into_iter()
        .filter(move |name| !chain || *name == "smtpd_tls_chain_files")
        .flat_map(|name| parameters.list(name).map(move |file| (name, file)))
        .filter(|(_, file)| file.starts_with('/'))
}

/// The files of the certificates and keys of all smtpd.
pub(super) fn certificates(facts: &PostfixFacts) -> impl Iterator<Item = String> {
    facts
        .running("smtpd")
        .flat_map(|service| certificate_files(&service.parameters).map(|(_, file)| file.to_owned()))
}

pub(super) fn check(given: &Given<'_>, found: &mut Vec<Diagnosis>) {
    let facts = given.facts;
    for service in facts.running("smtpd") {
        let asks = is_asked_by(given, service);
        // Other servers must find STARTTLS, whether or not the milter is named already.
        if service.role() == Role::Public || (asks && needs_starttls(given, service)) {
            starttls(given, service, found);
            offered::check(given, service, found);
        }
        if !asks {
            continue;
        }
        if service.role() != Role::Internal {
            client_certificates(given, service, found);
        }
        proxies(given, service, "smtpd_upstream_proxy_protocol", found);
        xclient(given, service, found);
        rewritten_commands(given, service, found);
        comes_back(given, service, found);
        users(given, service, found);
    }
    for service in facts.running("postscreen") {
        proxies(given, service, "postscreen_upstream_proxy_protocol", found);
    }
}

fn needs_starttls(given: &Given<'_>, service: &Service) -> bool {
    match service.role() {
        Role::Public | Role::Other => true,
        Role::Submission => !given.policy.trusted.authenticated,
        Role::Internal => false,
    }
}

/// Without STARTTLS no session is ever adequate.
fn starttls(given: &Given<'_>, service: &Service, found: &mut Vec<Diagnosis>) {
    let parameters = &service.parameters;
    let label = service.label();
    let level = parameters.get("smtpd_tls_security_level").to_ascii_lowercase();
    let offered = parameters.offer_tls();
    let public = service.role() == Role::Public;
    let mut no_tls = |parameter: &str, why: &str, remedy: &str| {
        found.push(Diagnosis::new(
            FindingId::StarttlsNotOffered,
            if public { Gravity::Error } else { Gravity::Warning },
            given.facts.place(Some(service), parameter),
            format!(
                "{label} offers no STARTTLS{why}: all mail for opted-in domains is refused there"
            ),
            remedy,
        ));
    };
    if !offered {
        no_tls(
            "smtpd_tls_security_level",
            "",
            "set `smtpd_tls_security_level = may`, with a certificate (smtpd_tls_chain_files)",
        );
    } else if CERTIFICATES.iter().all(|name| parameters.get(name).is_empty()) {
        no_tls(
            "smtpd_tls_chain_files",
            ", for want of a certificate",
            "name the key and certificate in smtpd_tls_chain_files",
        );
    } else if let Some((parameter, file)) =
        certificate_files(parameters).find(|(_, file)| given.facts.missing.contains(*file))
    {
        no_tls(
            parameter,
            &format!(", since there is no {file}"),
            "put the certificate or key there, or correct the path",
        );
    } else if let Some(parameter) = WITHOUT_STARTTLS
        .into_iter()
        .find(|name| parameters.list(name).any(|keyword| keyword.eq_ignore_ascii_case("starttls")))
    {
        no_tls(parameter, "", &format!("take `starttls` out of {parameter}"));
    }
    // Users can be held to TLS; other servers cannot, without losing mail for everybody.
    let by_old_name = level.is_empty() && parameters.is_yes("smtpd_enforce_tls");
    if public && (level == "encrypt" || by_old_name) {
        let parameter = if by_old_name { "smtpd_enforce_tls" } else { "smtpd_tls_security_level" };
        found.push(Diagnosis::new(
            FindingId::PlaintextRefused,
            Gravity::Note,
            given.facts.place(Some(service), parameter),
            format!("{label} takes no plaintext from anybody, whatever the policy says"),
            "for opportunistic TLS, as RFC 3207 asks of public servers, set \
             `smtpd_tls_security_level = may`",
        ));
    }
}

/// A policy that asks for client certificates needs an smtpd that does.
fn client_certificates(given: &Given<'_>, service: &Service, found: &mut Vec<Diagnosis>) {
    let parameters = &service.parameters;
    let entries = given.policy.domains.iter().chain(given.policy.senders.iter());
    let wanted = entries.map(|(_, entry)| entry).chain(&given.policy.local).any(|entry| {
        !entry.requirement.client_certificates().is_empty()
            || entry.exceptions.iter().any(|exception| exception.certificate.is_some())
    });
    let is_asked =
        parameters.is_yes("smtpd_tls_ask_ccert") || parameters.is_yes("smtpd_tls_req_ccert");
    if wanted && is_asked && parameters.is_yes("smtpd_tls_enable_rpk") {
        found.push(Diagnosis::new(
            FindingId::RawPublicKeys,
            Gravity::Warning,
            given.facts.place(Some(service), "smtpd_tls_enable_rpk"),
            "the policy asks for client certificates, and a client may show a raw public key instead: Postfix \
             then tells of no certificate, and the client is refused",
            "set `smtpd_tls_enable_rpk = no`",
        ));
    }
    if wanted && !is_asked {
        found.push(Diagnosis::new(
            FindingId::ClientCertificateNotAsked,
            Gravity::Warning,
            given.facts.place(Some(service), "smtpd_tls_ask_ccert"),
            "the policy asks for client certificates, but Postfix asks no client for one",
            "set `smtpd_tls_ask_ccert = yes`, and smtpd_tls_CAfile to who issues them",
        ));
    }
}

fn proxies(given: &Given<'_>, service: &Service, parameter: &str, found: &mut Vec<Diagnosis>) {
    if service.parameters.get(parameter).is_empty() {
        return;
    }
    found.push(Diagnosis::new(
        FindingId::TlsEndedByProxy,
        Gravity::Warning,
        given.facts.place(Some(service), parameter),
        format!(
            "{} is reached through a proxy: if the proxy ends TLS, each session looks like \
             plaintext here",
            service.label()
        ),
        "let the proxy pass SMTP on as it is (HAProxy: `mode tcp`, no `ssl` on the bind line); \
         then nothing else is needed",
    ));
}

fn xclient(given: &Given<'_>, service: &Service, found: &mut Vec<Diagnosis>) {
    let parameter = "smtpd_authorized_xclient_hosts";
    let hosts: Vec<&str> = service.parameters.list(parameter).collect();
    if hosts.is_empty() {
        return;
    }
    // One on another host is a proxy, which may well speak TLS for its clients.
    let is_near = hosts.iter().all(|host| is_loopback(host.split('/').next().unwrap_or_default()));
    found.push(Diagnosis::new(
        FindingId::XclientHosts,
        if is_near { Gravity::Note } else { Gravity::Warning },
        given.facts.place(Some(service), parameter),
        "these hosts can claim any client address (XCLIENT), also a trusted one, and what is judged is the TLS \
         between them and Postfix: if they end TLS, as a proxy for mail does, each session looks like \
         plaintext, and all mail for opted-in domains is refused",
        "let other servers' mail come to Postfix past the proxy; list only proxies of your own, and let them \
         connect with TLS only if their clients did",
    ));
}

fn rewritten_commands(given: &Given<'_>, service: &Service, found: &mut Vec<Diagnosis>) {
    if !service.parameters.get("smtpd_command_filter").is_empty() {
        found.push(Diagnosis::new(
            FindingId::CommandsRewritten,
            Gravity::Note,
            given.facts.place(Some(service), "smtpd_command_filter"),
            "commands are rewritten before Postfix and the milter see them",
            "see to it that no entry touches STARTTLS or turns a recipient into one of another \
             domain",
        ));
    }
    if !service.parameters.get("smtpd_discard_ehlo_keyword_address_maps").is_empty() {
        found.push(Diagnosis::new(
            FindingId::EhloKeywordsByClient,
            Gravity::Note,
            given.facts.place(Some(service), "smtpd_discard_ehlo_keyword_address_maps"),
            "some clients may be offered less; without STARTTLS, their mail for opted-in \
             domains is refused",
            "see to it that no entry has `starttls`",
        ));
    }
}

/// Mail that a filter on this host hands back comes in the clear, from the loopback address.
fn comes_back(given: &Given<'_>, service: &Service, found: &mut Vec<Diagnosis>) {
    let trusted = &given.policy.trusted.clients;
    let is_trusted = ["127.0.0.1", "::1"]
        .iter()
        .filter_map(|ip| ip.parse().ok())
        .any(|ip: std::net::IpAddr| trusted.iter().any(|network| network.contains(&ip)));
    if service.role() == Role::Internal && !is_trusted {
        found.push(Diagnosis::new(
            FindingId::FilterReturnRefused,
            Gravity::Warning,
            given.facts.line(service),
            format!(
                "{} asks this milter about mail that comes from this host, in the clear: for \
                 opted-in domains it is refused when it comes back",
                service.label()
            ),
            "add `-o smtpd_milters=` to this service, or have 127.0.0.0/8 and ::1/128 under \
             `trusted.clients`",
        ));
    }
}

fn users(given: &Given<'_>, service: &Service, found: &mut Vec<Diagnosis>) {
    if service.role() == Role::Submission && !given.policy.trusted.authenticated {
        found.push(Diagnosis::new(
            FindingId::UsersJudged,
            Gravity::Note,
            given.facts.line(service),
            format!(
                "{} asks this milter, and the policy does not trust authenticated users: they are \
                 held to the requirements of the domains that they write to",
                service.label()
            ),
            "if that is not meant, add `-o smtpd_milters=` to this service, or set `trusted: { \
             authenticated: true }`",
        ));
    }
}
