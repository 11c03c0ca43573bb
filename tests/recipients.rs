//! Whose a recipient is: a session with the macros of an MTA, and what becomes of plaintext.
//!
//! `fixtures/recipients/legal.txt` has addresses that are odd and legal; the ways round the policy,
//! and where real MTAs deliver to, are in `e2e/recipients`.

use config::policy_file;
use jiff::Timestamp;
use mandatory_tls::session::{Session, Stage};
use policy::{Decision, OnUnknownTls, Policy};
use std::{fs, sync::Arc};

/// The MTA's own name.
const ME: &str = "mx.example.com";
const PLAIN: &[(&str, &str)] = &[];
const TLS13: &[(&str, &str)] = &[
    ("{tls_version}", "TLSv1.3"),
    ("{cipher}", "TLS_AES_256_GCM_SHA384"),
    ("{cipher_bits}", "256"),
];

fn policy_from(text: &str) -> Arc<Policy> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    fs::write(&path, text).unwrap();
    Arc::new(policy_file::load(&path).policy.unwrap_or_else(|problems| panic!("{problems}")))
}

/// What an MTA says of a recipient: `{rcpt_addr}`, `{rcpt_host}`, `{rcpt_mailer}`.
type Route<'a> = [&'a str; 3];

/// What becomes of a RCPT, and where the domain was seen that decided.
fn judged(
    policy: &Arc<Policy>,
    argument: &str,
    route: Route<'_>,
    tls: &[(&str, &str)],
) -> (Decision, &'static str) {
    let [rcpt_addr, rcpt_host, rcpt_mailer] = route;
    let mut macros = vec![("j", ME)];
    macros.extend_from_slice(tls);
    let of_route =
        [("{rcpt_addr}", rcpt_addr), ("{rcpt_host}", rcpt_host), ("{rcpt_mailer}", rcpt_mailer)];
    macros.extend(of_route);
    let batch: String = macros.iter().map(|(name, value)| format!("{name}\0{value}\0")).collect();
    let mut session = Session::new(OnUnknownTls::Defer, true);
    session.mail(b"<sender@elsewhere.example>", None, Arc::clone(policy));
    session.macros(Stage::Rcpt, batch.as_bytes());
    let judgement = session.rcpt(argument.as_bytes(), Timestamp::UNIX_EPOCH, || unreachable!());
    let seen = judgement.verdict.finding.as_ref().map_or("", |finding| finding.subject.seen_in());
    (judgement.verdict.decision(), seen)
}

fn plaintext(policy: &Arc<Policy>, argument: &str, route: Route<'_>) -> (Decision, &'static str) {
    judged(policy, argument, route, PLAIN)
}

/// The addresses of the list, each a line.
fn legal() -> impl Iterator<Item = &'static str> {
    let text = include_str!("fixtures/recipients/legal.txt");
    text.lines().filter(|line| !line.starts_with("# ") && *line != "#")
}

/// Opted in, with all that could catch an address of somebody else by mistake: all below a domain,
/// a name in another script, a mailbox, the MTA's own recipients, a partner with its certificate.
const OPTED_IN: &str = "
requirements: { certified: { client_certificate: { subject: mx.partner.example } } }
domains:
  - example.com
  - \"*.example.com\"
  - bücher.example
  - { domain: partner.example, require: certified }
  - boss@box.example
local: { mode: enforce, require: certified }
";

#[test]
fn no_odd_but_legal_address_is_refused_for_what_is_opted_in_elsewhere() {
    let policy = policy_from(OPTED_IN);
    let mut refused = Vec::new();
    let mut tried = 0;
    for address in legal() {
        let argument = format!("<{address}>");
        let domain = address.rsplit('@').next().unwrap();
        let understood = address.trim_end_matches('.');
        // Its own domain; a relay host or transport with brackets and without; Sendmail's dot.
        for (host, mailer) in [
            (domain, "smtp"),
            (&format!("{}.", domain.trim_end_matches('.')), "esmtp"),
            ("[smtp.example.com]:587", "smtp"),
            ("smtp.example.com", "smtp"),
            ("store.example.com", "relay"),
            ("smtp.example.com.", "relay"),
            ("bücher.example", "smtp"),
            ("5.1.1 User unknown in virtual alias table", "error"),
            ("unix:private/lmtp", "lmtp"),
        ] {
            for tls in [PLAIN, TLS13] {
                tried += 1;
                let (decision, seen) = judged(&policy, &argument, [understood, host, mailer], tls);
                if decision != Decision::Accept {
                    refused.push(format!("{argument} {host}: {seen}"));
                }
            }
        }
    }
    assert!(legal().count() >= 300, "{}", legal().count());
    assert!(refused.is_empty(), "{} of {tried}: {refused:#?}", refused.len());
}

#[test]
fn of_an_mta_that_says_nothing_of_the_route_only_what_could_be_a_route_is_refused() {
    let policy = policy_from(OPTED_IN);
    for address in legal() {
        let (decision, _) = plaintext(&policy, &format!("<{address}>"), ["", "", ""]);
        let (local, _) = address.rsplit_once('@').unwrap();
        let is_route = local.contains(['@', '%', '!']);
        assert!(is_route || decision == Decision::Accept, "{address}");
    }
}

#[test]
fn the_same_addresses_at_an_opted_in_domain_are_refused() {
    let policy = policy_from(OPTED_IN);
    for address in legal() {
        let (local, _) = address.rsplit_once('@').unwrap();
        for domain in ["example.com", "a.b.example.com", "xn--bcher-kva.example", "BÜCHER.example"]
        {
            let address = format!("{local}@{domain}");
            let argument = format!("<{address}>");
            for route in
                [["", "", ""], [&address, domain, "relay"], [&address, "[192.0.2.1]", "smtp"]]
            {
                let (decision, _) = plaintext(&policy, &argument, route);
                assert_eq!(decision, Decision::Refuse, "{argument} {route:?}");
            }
        }
    }
}

/// Debian's own form: `mydestination = $myhostname, example.com, localhost.example.com, localhost`.
const LOCAL: &str = "domains: [example.com]\nlocal: { mode: enforce }\n";

#[test]
fn whatever_name_of_the_mta_a_recipient_has_local_decides_where_the_mta_delivers_it_itself() {
    let policy = policy_from(LOCAL);
    let by_local = (Decision::Refuse, "local");
    for (argument, route) in [
        // Postfix with local_transport as it is shipped, and with one that names no host.
        ("<games@localhost>", ["games@localhost", ME, "local"]),
        ("<games@mx.example.com>", ["games@mx.example.com", ME, "local"]),
        ("<games@localhost.example.com>", ["games@localhost.example.com", ME, "local"]),
        ("<games@localhost>", ["games@localhost", "localhost", "local"]),
        ("<games@LOCALHOST.>", ["games@localhost", "MX.Example.com.", "local"]),
        ("<\"John Q. Public\"@localhost>", ["\"john q. public\"@localhost", ME, "local"]),
        // A transport of another name, and one that does not say its name.
        ("<games@localhost>", ["games@localhost", ME, "dovecot"]),
        ("<games@localhost>", ["games@localhost", ME, ""]),
        ("<games@localhost>", ["games@localhost", "MX.Example.com.", ""]),
        ("<games>", ["games@localhost", ME, "local"]),
        ("<games@[192.0.2.1]>", ["games@[192.0.2.1]", ME, "local"]),
        ("<games%localhost@mx.example.com>", ["games@localhost", ME, "local"]),
        // Sendmail gives neither the domain nor a host.
        ("<games@localhost>", ["games", "", "local"]),
        ("<games@mx.example.com>", ["games", "", "local"]),
        ("<games>", ["games", "", "local"]),
        ("<@localhost:games>", ["games", "", "local"]),
    ] {
        assert_eq!(plaintext(&policy, argument, route), by_local, "{argument} {route:?}");
        assert_eq!(judged(&policy, argument, route, TLS13).0, Decision::Accept, "{argument}");
        let without = policy_from("domains: [example.com]\n");
        assert_eq!(plaintext(&without, argument, route).0, Decision::Accept, "{argument}");
    }
    for (argument, route) in [
        ("<user@free.example>", ["user@free.example", "free.example", "smtp"]),
        ("<user@free.example>", ["user@free.example", "free.example", "virtual"]),
        ("<user@free.example>", ["user@free.example", "smtp.free.example", "relay"]),
    ] {
        assert_eq!(plaintext(&policy, argument, route), (Decision::Accept, ""), "{argument}");
    }
}

#[test]
fn an_entry_for_one_of_the_mtas_names_decides_in_place_of_local() {
    let policy = policy_from(
        "domains:\n\
         - example.com\n\
         - { domain: localhost, mode: off }\n\
         - { domain: watched.example, mode: monitor }\n\
         - { domain: '*.free.example', mode: off }\n\
         - { domain: boss@mx.example.com, mode: off }\n\
         - { domain: '*', mode: off }\n\
         local: { mode: enforce }\n",
    );
    for (domain, expected) in [
        ("localhost", Decision::Accept),
        ("watched.example", Decision::WouldRefuse),
        ("mail.free.example", Decision::Accept),
        ("example.com", Decision::Refuse),
        // Named by `*` alone, which is nobody's name.
        ("free.example", Decision::Refuse),
        ("mx.example.com", Decision::Refuse),
    ] {
        let address = format!("games@{domain}");
        let argument = format!("<{address}>");
        for route in [[&address, ME, "local"], ["games", "", "local"]] {
            assert_eq!(plaintext(&policy, &argument, route).0, expected, "{argument} {route:?}");
        }
        // Whoever hides the name gets nothing out of it.
        let hidden = format!("<games%{domain}@mx.example.com>");
        let decision = plaintext(&policy, &hidden, [&address, ME, "local"]).0;
        assert_eq!(decision, Decision::Refuse, "{hidden}");
    }
    for (local, expected) in [("boss", Decision::Accept), ("boss+x", Decision::Refuse)] {
        let address = format!("{local}@mx.example.com");
        let found = plaintext(&policy, &format!("<{address}>"), [&address, ME, "local"]).0;
        assert_eq!(found, expected, "{address}");
    }
    // A recipient without a domain has no name that an entry could have.
    assert_eq!(plaintext(&policy, "<games>", ["games@localhost", ME, "local"]).0, Decision::Refuse);
}

#[test]
fn where_the_mta_relays_to_says_nothing_of_a_plain_address_and_all_of_another_one() {
    let policy = policy_from("domains: [example.com, '*.example.com', fass.example]\n");
    for (argument, route, expected) in [
        ("<u@free.example>", ["u@free.example", "smtp.example.com", "smtp"], Decision::Accept),
        ("<u@free.example>", ["u@free.example", "store.example.com", "relay"], Decision::Accept),
        ("<u@free.example>", ["", "smtp.example.com", "smtp"], Decision::Accept),
        ("<u@[192.0.2.1]>", ["u@[192.0.2.1]", "smtp.example.com", "smtp"], Decision::Accept),
        ("<u%a.test@b.test>", ["u@a.test", "x.example.com", "smtp"], Decision::Refuse),
        ("<u%a.test@b.test>", ["u%a.test@b.test", "x.example.com", "smtp"], Decision::Accept),
        ("<@b.test:u@a.test>", ["u@a.test", "x.example.com", "smtp"], Decision::Refuse),
        // The MTA's own name as the host says that it delivers here, not where to.
        ("<@b.test:u@a.test>", ["u@a.test", ME, "local"], Decision::Accept),
        ("<u>", ["", "x.example.com", "smtp"], Decision::Refuse),
        // Postfix shows the address folded and the host as it was written, or the other way round.
        ("<u@faß.example>", ["u@fass.example", "faß.example", "smtp"], Decision::Refuse),
        ("<u@xn--fa-hia.example>", ["u@faß.example", "fass.example", "smtp"], Decision::Refuse),
    ] {
        assert_eq!(plaintext(&policy, argument, route).0, expected, "{argument} {route:?}");
    }
}
