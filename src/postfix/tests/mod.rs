//! Findings, a line a case: what is set otherwise than on a sound gateway, and what is said of it.

mod deliver;
mod local_names;
mod parameters;

use super::facts::{MapContents, Parameters, PostfixFacts, Service};
use super::{Gravity, diagnose, rewriting};
use Gravity::{Error, Note, Warning};
use config::policy_file;
use config::settings::Settings;
use policy::Policy;
use std::fs;

const MAIN: &str = "\
queue_directory = /var/spool/postfix
compatibility_level = 3.6
default_process_limit = 100
smtpd_milters = inet:127.0.0.1:8893
milter_default_action = tempfail
milter_protocol = 6
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/ssl/mx.pem
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mydestination = mx.example.net, localhost
myorigin = mx.example.net
canonical_classes = envelope_sender, envelope_recipient
recipient_canonical_classes = envelope_recipient, header_recipient
";

const SETTINGS: &str = "listen: inet:127.0.0.1:8893\npolicy: policy.yaml\n";

const POLICY: &str = "\
trusted: { clients: [127.0.0.0/8, \"::1/128\"], authenticated: true }
domains:
  - example.com
  - { domain: watched.example, mode: monitor }
  - { domain: later.example, enforce_from: 2999-01-01 }
  - { domain: scanner@free.example, mode: off }
";

pub(super) fn load(settings: &str, policy: &str) -> (Settings, Policy) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("milter.yaml");
    fs::write(&path, settings).unwrap();
    let settings = Settings::load(&path).unwrap();
    fs::write(&settings.policy, policy).unwrap();
    let policy = policy_file::load(&settings.policy).policy.unwrap();
    (settings, policy)
}

/// Postfix with the settings of `main` in place of the sound ones, and services: a line of
/// master.cf, then ` | name = value` for each setting of its own.
fn postfix(main: &str, services: &[&str]) -> PostfixFacts {
    let main = Parameters::parse(&format!("{MAIN}{main}"));
    let service = |text: &&str| {
        let mut parts = text.split(" | ");
        let mut service = Service::parse(parts.next().unwrap(), &main).unwrap();
        for (name, value) in parts.map(|part| part.split_once('=').unwrap()) {
            service.parameters.set(name.trim(), value.trim());
        }
        service
    };
    let services = services.iter().map(service).collect();
    PostfixFacts { directory: "/etc/postfix".into(), main, services, ..PostfixFacts::default() }
}

fn said(facts: &PostfixFacts, settings: &str, policy: &str) -> Vec<(Gravity, String)> {
    let (settings, policy) = load(settings, policy);
    diagnose(facts, &settings, &policy)
        .into_iter()
        .map(|diagnosis| (diagnosis.gravity, diagnosis.to_string()))
        .collect()
}

/// Says that there is just one finding, of this gravity and with these words.
fn only(found: &[(Gravity, String)], gravity: Gravity, words: &[&str]) {
    let [(as_bad, text)] = found else {
        panic!("{words:?}: {found:#?}");
    };
    assert!(*as_bad == gravity && words.iter().all(|word| text.contains(word)), "{text}");
}

const SMTP: &str = "smtp inet n - y - - smtpd";
const CLEANUP: &str = "cleanup unix n - y - 0 cleanup";

#[test]
fn a_sound_postfix_leaves_nothing_to_say() {
    for services in [
        &[SMTP, CLEANUP][..],
        &["smtp inet n - y - 1 postscreen", "smtpd pass - - y - - smtpd"],
        &[SMTP, "submission inet n - y - - smtpd | smtpd_sasl_auth_enable = yes"],
        &[SMTP, "127.0.0.1:10025 inet n - y - - smtpd | content_filter ="],
    ] {
        assert_eq!(said(&postfix("", services), SETTINGS, POLICY), [], "{services:?}");
    }
}

#[test]
fn a_setting_of_main_cf_that_defeats_the_policy_is_found() {
    for (main, gravity, words) in [
        (
            "smtpd_milters =",
            Error,
            &["main.cf: smtpd_milters =\n", "put `inet:127.0.0.1:8893`"][..],
        ),
        ("smtpd_milters = inet:127.0.0.1:9999", Error, &["does not list this milter"]),
        ("smtpd_milters = inet:mx1:8893", Warning, &["is it this milter's host"]),
        ("receive_override_options = no_milters", Error, &["receive_override_options has no_mil"]),
        (
            "milter_default_action = accept",
            Error,
            &["passes unjudged", "default_action=shutdown }"],
        ),
        ("milter_default_action =", Error, &["is empty: smtpd ends"]),
        ("milter_default_action = defer", Warning, &["does not know: while the milter is down"]),
        (
            "milter_default_action = shutdown\nmail_version = 3.7.11",
            Warning,
            &["Postfix 3.7.11 does not"],
        ),
        ("milter_protocol = 7", Error, &["does not speak milter protocol `7`"]),
        ("milter_protocol =", Error, &["milter protocol ``"]),
        (
            "smtpd_milters = local:/x, { inet:127.0.0.1:8893, protocol=7 }",
            Error,
            &["protocol 7 is none"],
        ),
        (
            "smtpd_milters = inet:127.0.0.1:8893, inet:localhost:8893",
            Warning,
            &["listed more than once"],
        ),
        (
            "smtpd_milters = { inet:127.0.0.1:8893, default_action=accept }, inet:127.0.0.1:8893",
            Warning,
            &["listed more than once"],
        ),
        ("milter_default_action = quarantine", Warning, &["kept in the hold queue"]),
        ("milter_default_action = reject", Warning, &["bounced for good"]),
        (
            "smtpd_milters = inet:other:1, { inet:localhost:8893, default_action=accept }",
            Error,
            &["main.cf: smtpd_milters", "default_action is `accept`"],
        ),
        ("milter_protocol = 2", Warning, &["milter_protocol", "put off"]),
        ("milter_macro_defaults = tls_version=TLSv1.3", Error, &["{tls_version} is made up"]),
        ("milter_macro_defaults = a=b, { {cipher} = x, y }", Error, &["{cipher} is made up"]),
        ("milter_macro_defaults = auth_authen=x", Error, &["every client looks authenticated"]),
        ("smtpd_milter_maps = cidr:/x", Warning, &["may pass unjudged"]),
        ("smtpd_tls_security_level = none", Error, &["smtp/inet offers no STARTTLS:"]),
        ("smtpd_tls_security_level =", Error, &["smtpd_tls_security_level = may"]),
        ("smtpd_tls_chain_files =", Error, &["for want of a certificate"]),
        ("smtpd_discard_ehlo_keywords = dsn, STARTTLS", Error, &["take `starttls` out"]),
        ("smtpd_discard_ehlo_keyword_address_maps = cidr:/x", Note, &["no entry has `starttls`"]),
        ("smtpd_tls_security_level = encrypt", Note, &["takes no plaintext from anybody"]),
        ("smtpd_upstream_proxy_protocol = haproxy", Warning, &["HAProxy: `mode tcp`"]),
        ("smtpd_authorized_xclient_hosts = 192.0.2.1", Warning, &["XCLIENT", "past the proxy"]),
        ("smtpd_authorized_xclient_hosts = 127.0.0.0/8, [::1]", Note, &["XCLIENT"]),
        ("smtpd_command_filter = pcre:/x", Note, &["commands are rewritten"]),
        ("content_filter = smtp:[127.0.0.1]:10024", Note, &["content_filter", "takes it back"]),
        ("smtpd_proxy_filter = 127.0.0.1:10024", Note, &["smtpd_proxy_filter"]),
        (
            "mynetworks = 127.0.0.0/8 [::1]/128 10.0.0.0/8",
            Note,
            &["that the policy does not", "| 10.0.0.0/8\n"],
        ),
        ("non_smtpd_milters = inet:127.0.0.1:8893", Warning, &["mail from local programs"]),
        (
            "default_process_limit = 10001",
            Warning,
            &["10001 smtpd processes", "limits.connections"],
        ),
        ("always_bcc = archive@example.com", Warning, &["always_bcc"]),
    ] {
        only(&said(&postfix(main, &[SMTP, CLEANUP]), SETTINGS, POLICY), gravity, words);
    }
}

#[test]
fn a_certificate_or_key_that_is_not_there_is_found() {
    let missing = |main: &str, file: &str| {
        let facts =
            PostfixFacts { missing: [file.to_owned()].into(), ..postfix(main, &[SMTP, CLEANUP]) };
        said(&facts, SETTINGS, POLICY)
    };
    let words =
        ["main.cf: smtpd_tls_chain_files", "offers no STARTTLS, since there is no /etc/ssl/mx.pem"];
    only(&missing("", "/etc/ssl/mx.pem"), Error, &words);
    let pair = "smtpd_tls_chain_files =\nsmtpd_tls_cert_file = /c.pem\nsmtpd_tls_key_file = /k.pem";
    only(&missing(pair, "/k.pem"), Error, &["main.cf: smtpd_tls_key_file = /k.pem", "no /k.pem"]);
    // Where there are chain files, Postfix does not look at the others.
    assert_eq!(missing("smtpd_tls_cert_file = /c.pem", "/c.pem"), []);
}

#[test]
fn an_smtpd_that_does_not_wait_for_a_restart_is_found_where_systemd_keeps_the_socket() {
    let settings = "listen: [systemd, inet:127.0.0.1:8893]\npolicy: policy.yaml\n";
    let wait = |main: &str| said(&postfix(main, &[SMTP, CLEANUP]), settings, POLICY);
    let words = ["waits 30s", "connect_timeout=60s }"];
    only(&wait("milter_connect_timeout = 30s"), Warning, &words);
    let alone = "smtpd_milters = { inet:127.0.0.1:8893, connect_timeout=20 }";
    only(&wait(alone), Warning, &["main.cf: smtpd_milters", "waits 20 "]);
    assert_eq!(wait("milter_connect_timeout = 1m"), []);
    let by_itself = said(&postfix("milter_connect_timeout = 30s", &[SMTP]), SETTINGS, POLICY);
    assert_eq!(by_itself, []);
}

#[test]
fn other_settings_that_mean_the_same_are_no_findings() {
    for main in [
        "smtpd_milters = inet:other:1, { inet:localhost:8893, command_timeout=5s }",
        "smtpd_milters = { inet:127.0.0.1:8893, default_action=tempfail }\nmilter_default_action = accept",
        "milter_default_action = shutdown",
        "milter_macro_defaults = {x}=y",
        "smtpd_tls_security_level =\nsmtpd_use_tls = yes",
        "smtpd_tls_chain_files =\nsmtpd_tls_cert_file = /x",
        "mynetworks = 127.0.0.0/8, cidr:/etc/postfix/networks",
        "canonical_maps =",
        "mynetworks = 127.0.0.1/32",
    ] {
        assert_eq!(said(&postfix(main, &[SMTP, CLEANUP]), SETTINGS, POLICY), [], "{main}");
    }
}

#[test]
fn a_service_of_master_cf_is_judged_by_its_own_settings_and_its_port() {
    for (service, gravity, words) in [
        (
            "25 inet n - y - - smtpd | smtpd_milters =",
            Error,
            &["master.cf: 25/inet: smtpd_milters =", "takes mail from other servers"][..],
        ),
        ("smtpd pass - - y - - smtpd | smtpd_milters =", Error, &["smtpd/pass takes mail from"]),
        (
            "25 inet n - y - - smtpd | receive_override_options = no_milters",
            Error,
            &["take no_milters out"],
        ),
        (
            "587 inet n - y - - smtpd | smtpd_milters = | \
             smtpd_client_restrictions = permit_sasl_authenticated,reject",
            Note,
            &["usual for users' submissions"],
        ),
        (
            "587 inet n - y - - smtpd | smtpd_milters =",
            Warning,
            &["anybody can send in the clear", "permit_sasl_authenticated,reject` to 587/inet"],
        ),
        (
            "465 inet n - y - - smtpd | receive_override_options = no_milters",
            Warning,
            &["465/inet does not ask", "take `-o receive_override_options=...` away"],
        ),
        (
            "127.0.0.1:10025 inet n - y - - smtpd | smtpd_milters =",
            Note,
            &["usual for mail that comes back from a filter"],
        ),
        ("2525 inet n - y - - smtpd | smtpd_milters =", Warning, &["if other servers can send"]),
        (
            "25 inet n - y - - smtpd | milter_default_action = accept",
            Error,
            &["master.cf: 25/inet: milter_default_action = accept"],
        ),
        (
            "2525 inet n - y - - smtpd | smtpd_tls_security_level = none",
            Warning,
            &["2525/inet offers no STARTTLS"],
        ),
        ("25 inet n - y - 0 smtpd", Note, &["25/inet may run any number"]),
        (
            "smtp inet n - y - 1 postscreen | postscreen_upstream_proxy_protocol = haproxy",
            Warning,
            &["postscreen_upstream_proxy_protocol"],
        ),
        ("628 inet n - y - - qmqpd", Warning, &["QMQP"]),
    ] {
        only(&said(&postfix("", &[SMTP, service]), SETTINGS, POLICY), gravity, words);
    }
    let none = said(&postfix("", &[CLEANUP]), SETTINGS, POLICY);
    only(&none, Warning, &["no service runs smtpd"]);
}

#[test]
fn a_unix_socket_must_be_where_a_chrooted_smtpd_finds_it() {
    let settings = |path: &str| format!("listen: unix:{path}\npolicy: policy.yaml\n");
    let open = "smtp inet n - n - - smtpd";
    for (milters, socket, service) in [
        ("unix:m/s", "/var/spool/postfix/m/s", SMTP),
        ("unix:/m/s", "/var/spool/postfix/m/s", SMTP),
        ("unix:/run/m/s", "/run/m/s", open),
    ] {
        let facts = postfix(&format!("smtpd_milters = {milters}"), &[service]);
        assert_eq!(said(&facts, &settings(socket), POLICY), [], "{milters}");
    }
    for (milters, socket, service, words) in [
        (
            "unix:/run/m/s",
            "/run/m/s",
            SMTP,
            &["smtpd is chrooted", "only below /var/spool/postfix"],
        ),
        (
            "unix:/var/spool/postfix/m/s",
            "/var/spool/postfix/m/s",
            SMTP,
            &["chrooted", "put `unix:m/s`"],
        ),
        ("unix:/m/s", "/var/spool/postfix/m/s", open, &["smtpd is not chrooted", "put `unix:m/s`"]),
    ] {
        let facts = postfix(&format!("smtpd_milters = {milters}"), &[service]);
        only(&said(&facts, &settings(socket), POLICY), Error, words);
    }
}

#[test]
fn what_is_found_depends_on_settings_and_policy() {
    let pass = format!("{SETTINGS}on_unknown_tls: pass\n");
    let old = postfix("milter_protocol = 4", &[SMTP]);
    only(&said(&old, &pass, POLICY), Error, &["passes (`on_unknown_tls: pass`)"]);

    let nobody = "domains: [example.com]\n";
    let filter = postfix("mynetworks =", &[SMTP, "127.0.0.1:10025 inet n - y - - smtpd"]);
    only(
        &said(&filter, SETTINGS, nobody),
        Warning,
        &["127.0.0.1:10025/inet asks", "trusted.clients"],
    );
    let users = postfix("mynetworks =", &[SMTP, "587 inet n - y - - smtpd"]);
    only(&said(&users, SETTINGS, nobody), Note, &["does not trust authenticated users"]);
    let made_up = postfix("mynetworks =\nmilter_macro_defaults = auth_type=x", &[SMTP]);
    assert_eq!(said(&made_up, SETTINGS, nobody), []);

    let wide = POLICY.replace("127.0.0.0/8", "127.0.0.0/8, 192.0.2.0/24");
    let found = said(&postfix("", &[SMTP]), SETTINGS, &wide);
    only(&found, Note, &["that Postfix does not", "| 192.0.2.0/24\n"]);

    let few = format!("{SETTINGS}limits: {{ connections: 50 }}\n");
    only(&said(&postfix("", &[SMTP]), &few, POLICY), Warning, &["100 smtpd processes"]);

    let partner = format!(
        "requirements: {{ partner: {{ client_certificate: {{ subject: bank.example }} }} }}\n{POLICY}\
         senders: [{{ domain: bank.example, require: partner }}]\n"
    );
    only(&said(&postfix("", &[SMTP]), SETTINGS, &partner), Warning, &["smtpd_tls_ask_ccert = yes"]);
}

/// Postfix with these entries in virtual_alias_maps.
fn with_aliases(main: &str, map: &str, entries: &[(&str, &str)]) -> PostfixFacts {
    let mut facts = postfix(main, &[SMTP, CLEANUP]);
    assert!(rewriting::maps(&facts).contains(map));
    let entries = entries.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    facts.maps.insert(map.into(), MapContents::Entries(entries));
    facts
}

#[test]
fn an_alias_that_leads_into_an_opted_in_domain_is_found() {
    let virtuals = "virtual_alias_maps = hash:/v";
    for (main, entry, gravity) in [
        (virtuals, ("sales@free.example", "user@example.com"), Error),
        (virtuals, ("Sales@Free.example", "a@free.example, User@EXAMPLE.com"), Error),
        (virtuals, ("@free.example", "@example.com"), Error),
        (virtuals, ("user@free.example", "@example.com"), Error),
        (virtuals, ("info", "user@example.com"), Error),
        (virtuals, ("sales@free.example", "user@later.example"), Error),
        (virtuals, ("sales@free.example", "user@watched.example"), Warning),
        (virtuals, ("sales@watched.example", "user@example.com"), Error),
        (virtuals, ("*", "all@example.com"), Error),
        ("canonical_maps = hash:/v", ("sales@free.example", "user@example.com"), Error),
        ("recipient_canonical_maps = hash:/v", ("a@free.example", "user@example.com"), Error),
        ("recipient_bcc_maps = hash:/v", ("a@free.example", "user@example.com"), Error),
        ("alias_maps = hash:/v", ("root", "\"|prog x\", admin@example.com"), Error),
    ] {
        let found = said(&with_aliases(main, "hash:/v", &[entry]), SETTINGS, POLICY);
        only(&found, gravity, &[main, entry.0, "as well"]);
    }
}

#[test]
fn an_alias_that_leads_nowhere_new_is_no_finding() {
    let virtuals = "virtual_alias_maps = hash:/v";
    for (key, value) in [
        ("sales@example.com", "user@example.com"),
        ("sales@example.com", "user@free.example"),
        ("sales@free.example", "user@other.example"),
        ("user@watched.example", "user@other.example"),
        ("root", "postmaster"),
        // Somebody has decided about just this address.
        ("scanner@free.example", "user@example.com"),
    ] {
        let facts = with_aliases(virtuals, "hash:/v", &[(key, value)]);
        assert_eq!(said(&facts, SETTINGS, POLICY), [], "{key} -> {value}");
    }
    let senders_only = "canonical_maps = hash:/v\ncanonical_classes = envelope_sender";
    assert!(rewriting::maps(&postfix(senders_only, &[SMTP])).is_empty());
    let files =
        with_aliases("alias_maps = hash:/v", "hash:/v", &[("x", ":include:/x, /var/mail/x")]);
    assert_eq!(said(&files, SETTINGS, POLICY), []);
}

#[test]
fn aliases_are_followed_through_each_other_and_loops() {
    let entries = [
        ("one@free.example", "two@free.example"),
        ("two@free.example", "anyone@alias.example"),
        ("@alias.example", "@example.com"),
        ("round@free.example", "about@free.example"),
        ("about@free.example", "round@free.example"),
    ];
    let facts = with_aliases("virtual_alias_maps = hash:/v", "hash:/v", &entries);
    let found = said(&facts, SETTINGS, POLICY);
    only(&found, Error, &["| @alias.example ->", "| one@free.example ->", "| two@free.example ->"]);
    assert!(!found[0].1.contains("round@"), "{found:?}");
}

#[test]
fn of_many_aliases_the_first_are_shown_and_the_rest_counted() {
    let names: Vec<String> = (0..13).map(|number| format!("u{number:02}@free.example")).collect();
    let entries: Vec<_> = names.iter().map(|name| (name.as_str(), "user@example.com")).collect();
    let facts = with_aliases("virtual_alias_maps = hash:/v", "hash:/v", &entries);
    only(&said(&facts, SETTINGS, POLICY), Error, &["u00@", "u09@", "| and 3 more\n"]);
}

#[test]
fn a_map_that_cannot_be_seen_is_said_so() {
    let mut facts = postfix("virtual_alias_maps = ldap:/x", &[SMTP, CLEANUP]);
    let unseen = MapContents::Unseen("maps of type ldap cannot be listed".into());
    facts.maps.insert("ldap:/x".into(), unseen);
    only(&said(&facts, SETTINGS, POLICY), Note, &["| ldap:/x: maps of type ldap"]);
    assert_eq!(
        said(&facts, SETTINGS, "trusted: { clients: [127.0.0.0/8, \"::1/128\"] }\ndomains: []\n"),
        []
    );
}

#[test]
fn host_names_that_are_stripped_from_recipients_are_found() {
    let main = "masquerade_domains = example.com\nmasquerade_classes = envelope_recipient";
    only(&said(&postfix(main, &[SMTP]), SETTINGS, POLICY), Error, &["opt \"*.example.com\" in"]);
    let senders = "masquerade_domains = example.com\nmasquerade_classes = envelope_sender";
    assert_eq!(said(&postfix(senders, &[SMTP]), SETTINGS, POLICY), []);
}

#[test]
fn the_worst_comes_first_and_nothing_twice() {
    let main = "milter_default_action = accept\nsmtpd_command_filter = pcre:/x\nsmtpd_milter_maps = cidr:/x";
    let found = said(&postfix(main, &[SMTP, "2525 inet n - y - - smtpd"]), SETTINGS, POLICY);
    let severities: Vec<Gravity> = found.iter().map(|(gravity, _)| *gravity).collect();
    assert_eq!(severities, [Error, Warning, Note]);
}
