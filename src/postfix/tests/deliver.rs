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
const SOCKETMAP: &str =
    "socketmap: [unix:/var/spool/postfix/mandatory-tls/deliver.sock, inet:127.0.0.1:8894]\n";
const ASKS: &str = "smtp_tls_policy_maps=socketmap:unix:mandatory-tls/deliver.sock:QUERY";

/// Settings of `relay`, transports, and what is found: how bad, in which words.
type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], Gravity, &'c [&'c str]);

/// A Postfix whose service `relay` has these settings of its own, and these transports.
fn with_relay(own: &str, transports: &[(&str, &str)]) -> PostfixFacts {
    with_main("", own, transports)
}

/// The same, with lines of main.cf.
fn with_main(lines: &str, own: &str, transports: &[(&str, &str)]) -> PostfixFacts {
    let relay = format!("relay unix - - y - - smtp | {own}");
    let main = format!(
        "queue_directory = /var/spool/postfix\nrelay_transport = relay\ndefault_transport = smtp\n\
         relay_domains = example.com, example.org, example.net\n\
         parent_domain_matches_subdomains = relay_domains\ntransport_maps = hash:/t\n\
         smtp_dns_support_level = dnssec\nsmtp_tls_CApath = /etc/ssl/certs\n{lines}"
    );
    let services = [SMTP, CLEANUP, &relay, "smtp unix - - y - - smtp", "lmtp unix - - y - - lmtp"];
    let mut facts = postfix(&main, &services);
    facts.maps.insert("hash:/t".into(), table(transports));
    facts
}

fn table(entries: &[(&str, &str)]) -> MapContents {
    let entries = entries.iter().map(|(key, value)| ((*key).into(), (*value).into()));
    MapContents::Entries(entries.collect())
}

fn found(facts: &PostfixFacts) -> Vec<(Gravity, String)> {
    found_under(facts, POLICY)
}

fn found_under(facts: &PostfixFacts, policy: &str) -> Vec<(Gravity, String)> {
    let settings = format!("{SETTINGS}{SOCKETMAP}");
    let all = said(facts, &settings, policy);
    let words = ["next-hop", "tls-required", "requiretls", "map-unseen"];
    all.into_iter().filter(|(_, text)| words.iter().any(|word| text.contains(word))).collect()
}

const TO_ORG: (&str, &str) = ("example.org", "relay:[mx.example.org]:25");

#[test]
fn a_service_that_asks_and_transports_that_the_policy_names_leave_nothing_to_say() {
    for own in [
        ASKS,
        "smtp_tls_policy_maps=socketmap:unix:/mandatory-tls/deliver.sock:other",
        "smtp_tls_policy_maps=socketmap:inet:localhost:8894:QUERY",
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
        one(&with_relay(own, transports), gravity, words);
    }
}

/// Says that there is just one finding about the second hop.
#[track_caller]
fn one(facts: &PostfixFacts, gravity: Gravity, words: &[&str]) {
    let found = found(facts);
    let [(as_bad, text)] = found.as_slice() else { panic!("{words:?}: {found:#?}") };
    assert!(
        *as_bad == gravity && words.iter().all(|word| text.contains(word)),
        "{words:?}: {text}"
    );
}

#[test]
fn a_map_that_does_not_lead_to_the_socket_is_found() {
    let whole =
        "smtp_tls_policy_maps=socketmap:unix:/var/spool/postfix/mandatory-tls/deliver.sock:QUERY";
    let words = [
        "next-hop-map-astray",
        "chroot",
        "write it as socketmap:unix:mandatory-tls/deliver.sock:QUERY",
    ];
    one(&with_relay(whole, &[TO_ORG]), Gravity::Error, &words);
    let without_chroot = |own: &str| {
        let mut facts = with_relay(own, &[TO_ORG]);
        facts.services.iter_mut().for_each(|service| service.chroot = false);
        facts
    };
    assert_eq!(found(&without_chroot(whole)), []);
    assert_eq!(found(&without_chroot(ASKS)), []);
    let words = ["next-hop-map-astray", "does not run in a chroot"];
    let below = "smtp_tls_policy_maps=socketmap:unix:/mandatory-tls/deliver.sock:QUERY";
    one(&without_chroot(below), Gravity::Error, &words);
}

#[test]
fn where_mail_goes_is_resolved_as_postfix_does() {
    use Gravity::Error;
    let passes_by = "next-hop-passes-by";
    for (main, transports, words) in [
        // An entry that says nothing leaves all as it is, also what a wildcard would have changed.
        ("", &[TO_ORG, ("example.com", ":"), ("*", "smtp:")][..], &[][..]),
        ("", &[TO_ORG, ("example.com", ""), ("*", "smtp:")], &[]),
        // A domain for which one does not relay goes as other mail does.
        (
            "relay_domains = example.org",
            &[TO_ORG],
            &[passes_by, "default_transport", "example.com: smtp:"],
        ),
        ("relay_domains = example.org, .com", &[TO_ORG], &[]),
        ("relay_domains = org com", &[TO_ORG], &[]),
        ("relay_domains = !example.com, com, org", &[TO_ORG], &[passes_by, "example.com: smtp:"]),
        ("relay_domains = hash:/seen", &[TO_ORG], &[]),
        // What cannot be seen is taken for relayed.
        ("relay_domains = mysql:/unseen", &[TO_ORG], &[]),
        ("virtual_alias_domains = example.com", &[TO_ORG, ("*", "smtp:")], &[]),
        ("mydestination = example.com\nlocal_transport = local", &[TO_ORG], &[]),
        (
            "virtual_mailbox_domains = example.com\nvirtual_transport = smtp:[127.0.0.9]",
            &[TO_ORG],
            &[passes_by, "virtual_transport", "example.com: smtp:[127.0.0.9]"],
        ),
        (
            "relay_transport = relay:[mx.example.com]",
            &[TO_ORG],
            &["next-hop-not-named", "relay_transport", "example.com: [mx.example.com]"],
        ),
        (
            "relayhost = [mx.example.com]",
            &[TO_ORG],
            &["next-hop-not-named", "relayhost", "example.com: [mx.example.com]"],
        ),
        ("relayhost = [mx.example.com]", &[TO_ORG, ("example.com", "relay:")], &[]),
        ("relayhost = [mx.example.com]", &[TO_ORG, ("com", "relay:")], &["next-hop-not-named"]),
        ("relayhost = [mx.example.com]", &[TO_ORG, (".com", "relay:")], &[]),
        (
            "parent_domain_matches_subdomains = relay_domains transport_maps\nrelayhost = [mx.example.com]",
            &[TO_ORG, ("com", "relay:")],
            &[],
        ),
        // Each of several next hops is asked for.
        (
            "",
            &[("example.org", "relay:[mx.example.org]:25, [backup.example.org]")],
            &["next-hop-not-named", "example.org: [backup.example.org]"],
        ),
        (
            "",
            &[TO_ORG, ("boss@example.com", "smtp:[mx.example.com]")],
            &[passes_by, "boss@example.com: smtp:[mx.example.com]"],
        ),
        (
            "",
            &[TO_ORG, ("example.com", "relay:[mx example]")],
            &["next-hop-not-named", "example.com: [mx"],
        ),
        // Less is demanded of that next hop than this domain demands.
        (
            "",
            &[TO_ORG, ("strict.example", "relay:[mx.example.org]:25")],
            &["next-hop-not-named", "strict.example: [mx.example.org]:25, held to: encrypt"],
        ),
        // What a wildcard means, as far as Postfix names it.
        (
            "",
            &[TO_ORG, ("a.below.example", "smtp:[mx.below.example]")],
            &[passes_by, "a.below.example: smtp:[mx.below.example]"],
        ),
        (
            "",
            &[TO_ORG, ("a.below.example", "relay:[mx.below.example]")],
            &["next-hop-not-named", "a.below.example: [mx.below.example]"],
        ),
        ("", &[TO_ORG, ("free.below.example", "smtp:[mx.below.example]")], &[]),
        // lmtp(8) does not ask; to a program of this host it may be in the clear.
        (
            "",
            &[TO_ORG, ("example.com", "lmtp:inet:mx.example.com:24")],
            &[passes_by, "lmtp(8)", "example.com: lmtp:inet:mx.example.com:24"],
        ),
        (
            "lmtp_tls_security_level = encrypt",
            &[TO_ORG, ("example.com", "lmtp:mx.example.com")],
            &[],
        ),
        ("", &[TO_ORG, ("example.com", "lmtp:unix:/run/dovecot/lmtp")], &[]),
        ("", &[TO_ORG, ("example.com", "lmtp:inet:127.0.0.1:24")], &[]),
    ] {
        let more = "relay_domains = example.com, example.org, example.net, strict.example, below.example\n";
        let lines = if main.starts_with("relay_domains") {
            main.to_owned()
        } else {
            format!("{more}{main}")
        };
        let mut facts = with_main(&lines, ASKS, transports);
        facts
            .maps
            .insert("hash:/seen".into(), table(&[("example.com", "x"), ("example.org", "x")]));
        facts.maps.insert("mysql:/unseen".into(), MapContents::Unseen("no".into()));
        let policy = if transports
            .iter()
            .any(|(key, _)| key.contains("strict") || key.contains("below"))
        {
            format!(
                "{POLICY}- {{ domain: strict.example, deliver: {{ level: secure, match: mx.example.org }} }}\n\
                     - {{ domain: '*.below.example', deliver: encrypt }}\n- free.below.example\n"
            )
        } else {
            POLICY.to_owned()
        };
        let found = found_under(&facts, &policy);
        match (found.as_slice(), words) {
            ([], []) => {}
            ([(Error, text)], [_, ..]) if words.iter().all(|word| text.contains(word)) => {}
            _ => panic!("{main} {transports:?} {words:?}: {found:#?}"),
        }
    }
}

#[test]
fn transports_and_relays_by_sender_that_lead_past_are_found() {
    use Gravity::{Error, Note};
    let by_sender = |name: &str, domains: &str, entries: &[(&str, &str)]| {
        let main =
            format!("relay_domains = {domains}\ndefault_transport = relay\n{name} = hash:/s");
        let mut facts = with_main(&main, ASKS, &[TO_ORG]);
        facts.maps.insert("hash:/s".into(), table(entries));
        facts
    };
    let (transport, relay) =
        ("sender_dependent_default_transport_maps", "sender_dependent_relayhost_maps");
    let id = "next-hop-by-sender";
    let facts =
        by_sender(transport, "example.org", &[("a@x.example", "smtp:"), ("b@x.example", "DUNNO")]);
    one(&facts, Error, &[id, transport, "of some senders leaves", "example.com: smtp:example.com"]);
    let facts = by_sender(transport, "example.org", &[("a@x.example", "relay:[mx.example.com]")]);
    one(&facts, Error, &[id, transport, "of some senders goes", "example.com: [mx.example.com]"]);
    // It is for domains of no class: not for those that one relays for.
    let facts = by_sender(transport, "example.com, example.org", &[("a@x.example", "smtp:")]);
    assert_eq!(found(&facts), []);
    let facts =
        by_sender(relay, "example.com, example.org", &[("@x.example", "[out.example]:587")]);
    one(&facts, Error, &[id, relay, "example.com: [out.example]:587"]);
    let facts = by_sender(relay, "example.com, example.org", &[("@x.example", "dunno")]);
    assert_eq!(found(&facts), []);
    let mut facts = by_sender(relay, "example.com, example.org", &[]);
    facts.maps.insert("hash:/s".into(), MapContents::Unseen("it is not there".into()));
    one(&facts, Note, &["map-unseen", relay, "it is not there"]);
}

#[test]
fn filters_on_other_hosts_are_found_and_those_on_this_one_are_not() {
    use Gravity::Warning;
    for (filter, is_found) in [
        ("smtp:[filter.example]:10024", true),
        ("smtp:[127.0.0.1]:10024", false),
        ("smtp:localhost:10024", false),
        ("relay:[filter.example]:10024", false),
        ("amavis:[filter.example]:10024", false),
        ("lmtp:unix:/run/filter", false),
    ] {
        let with_filter = with_main(&format!("content_filter = {filter}"), ASKS, &[TO_ORG]);
        let mut with_table = with_relay(ASKS, &[TO_ORG]);
        let action = format!("FILTER {filter}");
        with_table.tables.insert("pcre:/h".into(), table(&[("/^x:/", &action), ("/y/", "DUNNO")]));
        for (facts, place) in [(with_filter, "main.cf: content_filter"), (with_table, "pcre:/h")] {
            if is_found {
                one(&facts, Warning, &["next-hop-by-filter", place, filter]);
            } else {
                assert_eq!(found(&facts), [], "{filter}");
            }
        }
    }
}

#[test]
fn what_postfix_would_ask_for_without_the_policy_and_the_policy_does_not_is_found() {
    use Gravity::{Note, Warning};
    let behind = |maps: &str| format!("{ASKS},{maps}");
    for (own, gravity, words) in [
        (
            behind("socketmap:inet:127.0.0.1:8461:postfix"),
            Warning,
            &[
                "next-hop-resolver-behind",
                "socketmap:inet:127.0.0.1:8461:postfix",
                "example.com: encrypt",
            ][..],
        ),
        (behind("tcp:127.0.0.1:9000"), Warning, &["next-hop-resolver-behind"]),
        (
            behind("hash:/tls"),
            Warning,
            &["next-hop-level-lowered", "hash:/tls", "example.com: encrypt, and not secure"],
        ),
        (behind("mysql:/tls"), Note, &["map-unseen", "mysql:/tls", "may ask for more"]),
        (
            format!("{ASKS} | smtp_tls_security_level=dane"),
            Warning,
            &["next-hop-level-lowered", "held to `dane`", "example.com: encrypt", "`dane-only`"],
        ),
        (
            format!("{ASKS} | smtp_tls_security_level=verify"),
            Warning,
            &[
                "next-hop-level-lowered",
                "held to `verify`",
                "demand as much in the policy (verify)",
            ],
        ),
        (
            format!(
                "{ASKS} | requiretls_enable=yes | smtp_requiretls_policy=inline:{{x=opportunistic}}, enforce"
            ),
            Note,
            &["requiretls-bounces", "Require-TLS-ESMTP", "example.com: encrypt"],
        ),
    ] {
        let mut facts = with_relay(&own, &[TO_ORG]);
        let entries =
            [("example.com", "secure match=x"), ("free.example", "secure"), (".example", "x")];
        facts.maps.insert("hash:/tls".into(), table(&entries));
        facts.maps.insert("mysql:/tls".into(), MapContents::Unseen("no".into()));
        one(&facts, gravity, words);
    }
    for own in [
        "smtp_tls_security_level=encrypt",
        "smtp_tls_security_level=may",
        "requiretls_enable=yes | smtp_requiretls_policy=opportunistic",
        "requiretls_enable=no | smtp_requiretls_policy=enforce",
    ] {
        assert_eq!(found(&with_relay(&format!("{ASKS} | {own}"), &[TO_ORG])), [], "{own}");
    }
    // Where the policy demands as much, nothing is lost.
    let strict = "trusted: { clients: [127.0.0.0/8] }\ndomains:\n\
                  - { domain: example.com, deliver: dane-only }\n- { domain: example.org, deliver: secure }\n";
    for own in [
        behind("socketmap:inet:127.0.0.1:8461:postfix"),
        format!("{ASKS} | smtp_tls_security_level=dane | requiretls_enable=yes"),
    ] {
        assert_eq!(found_under(&with_relay(&own, &[]), strict), [], "{own}");
    }
    // What is demanded and cannot be had.
    for (main, words) in [
        ("smtp_dns_support_level =", ["next-hop-without-dnssec", "example.com: dane-only"]),
        ("smtp_tls_CApath =", ["next-hop-without-authorities", "example.org: secure"]),
    ] {
        let found = found_under(&with_main(main, ASKS, &[]), strict);
        let [(Gravity::Error, text)] = found.as_slice() else { panic!("{main}: {found:#?}") };
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
    let main = "smtp_tls_CApath =\ntls_append_default_CA = yes";
    assert_eq!(found_under(&with_main(main, ASKS, &[]), strict), []);
}

#[test]
fn a_policy_without_deliver_has_nothing_to_do_with_transports() {
    let facts = with_relay("syslog_name=x", &[TO_ORG]);
    let all = said(&facts, SETTINGS, "trusted: { clients: [127.0.0.0/8] }\ndomains: [example.com]");
    assert!(!all.iter().any(|(_, text)| text.contains("next-hop")), "{all:?}");
}
