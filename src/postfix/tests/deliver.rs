//! What is found about the second hop.

use super::super::facts::{MapContents, PostfixFacts};
use super::{CLEANUP, Gravity, SETTINGS, SMTP, postfix, said};

const POLICY: &str = "\
trusted: { clients: [127.0.0.0/8] }
domains:
- { domain: example.com, deliver: encrypt }
- { domain: example.org, deliver: { level: encrypt, nexthop: '[mx.example.org]:25' } }
- { domain: example.net, mode: monitor, deliver: encrypt }
- free.example
";
const SOCKETMAP: &str = "socketmap: unix:/var/spool/postfix/mandatory-tls/deliver.sock\n";
const ASKS: &str = "smtp_tls_policy_maps=socketmap:unix:mandatory-tls/deliver.sock:QUERY";

/// Settings of `relay`, transports, and what is found: how bad, in which words.
type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], Gravity, &'c [&'c str]);

/// A Postfix whose service `relay` has these settings of its own, and these transports.
fn with_relay(own: &str, transports: &[(&str, &str)]) -> PostfixFacts {
    let relay = format!("relay unix - - y - - smtp | {own}");
    let main =
        "queue_directory = /var/spool/postfix\nrelay_transport = relay\ntransport_maps = hash:/t\n";
    let mut facts = postfix(main, &[SMTP, CLEANUP, &relay, "smtp unix - - y - - smtp"]);
    let entries = transports.iter().map(|(key, value)| ((*key).into(), (*value).into()));
    facts.maps.insert("hash:/t".into(), MapContents::Entries(entries.collect()));
    facts
}

fn found(facts: &PostfixFacts) -> Vec<(Gravity, String)> {
    let settings = format!("{SETTINGS}{SOCKETMAP}");
    let all = said(facts, &settings, POLICY);
    all.into_iter()
        .filter(|(_, text)| text.contains("next-hop") || text.contains("tls-required"))
        .collect()
}

const TO_ORG: (&str, &str) = ("example.org", "relay:[mx.example.org]:25");

#[test]
fn a_service_that_asks_and_transports_that_the_policy_names_leave_nothing_to_say() {
    for own in [
        ASKS,
        "smtp_tls_policy_maps=socketmap:unix:/mandatory-tls/deliver.sock:other",
        "smtp_tls_policy_maps=socketmap:unix:/var/spool/postfix/mandatory-tls/deliver.sock:QUERY",
        &format!("{ASKS}, hash:/tls | tls_required_enable=no"),
    ] {
        assert_eq!(found(&with_relay(own, &[TO_ORG])), [], "{own}");
    }
}

#[test]
fn what_passes_the_second_hops_tls_by_is_found() {
    use Gravity::{Error, Warning};
    let cases: [Case<'_>; 8] = [
        ("syslog_name=x", &[TO_ORG], Error, &["next-hop-not-asked", "no service of Postfix asks"]),
        ("smtp_tls_policy_maps=hash:/tls", &[TO_ORG], Warning, &["next-hop-not-asked", "export"]),
        (
            &ASKS.replace("maps=", "maps=hash:/tls, "),
            &[TO_ORG],
            Warning,
            &["next-hop-map-behind", "hash:/tls is asked before"],
        ),
        (
            &format!("{ASKS} | tls_required_enable=yes"),
            &[TO_ORG],
            Error,
            &["tls-required-header", "postconf -P relay/unix/tls_required_enable=no"],
        ),
        (
            ASKS,
            &[("example.org", "smtp:[mx.example.org]:25")],
            Error,
            &["next-hop-passes-by", "example.org: smtp:[mx.example.org]:25"],
        ),
        (
            ASKS,
            &[("example.org", "relay:[mx.example.org]")],
            Error,
            &["next-hop-not-named", "example.org: [mx.example.org]"],
        ),
        (
            ASKS,
            &[TO_ORG, ("example.com", ":[mx.example.com]")],
            Error,
            &["next-hop-not-named", "example.com: [mx.example.com]"],
        ),
        (
            ASKS,
            &[TO_ORG, ("*", "smtp:")],
            Error,
            &["next-hop-passes-by", "example.com: smtp:example.com"],
        ),
    ];
    for (own, transports, gravity, words) in cases {
        let found = found(&with_relay(own, transports));
        let [(as_bad, text)] = found.as_slice() else { panic!("{words:?}: {found:#?}") };
        assert!(*as_bad == gravity && words.iter().all(|word| text.contains(word)), "{text}");
    }
}

#[test]
fn a_policy_without_deliver_has_nothing_to_do_with_transports() {
    let facts = with_relay("syslog_name=x", &[TO_ORG]);
    let all = said(&facts, SETTINGS, "trusted: { clients: [127.0.0.0/8] }\ndomains: [example.com]");
    assert!(!all.iter().any(|(_, text)| text.contains("next-hop")), "{all:?}");
}
