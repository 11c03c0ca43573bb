//! Every parameter that docs/postfix-parameters.md says leads to a finding does so.

use super::{CLEANUP, SMTP, load, postfix};
use crate::postfix::facts::MapContents;
use crate::postfix::{PostfixFacts, actions, diagnose, rewriting};
use config::finding::FindingId;
use std::{collections::BTreeSet, fs};

const POLICY: &str = "\
trusted: { clients: [127.0.0.0/8, \"::1/128\"], authenticated: true }
requirements:
  new: { min_version: TLSv1.3 }
  secret: { forward_secrecy: true }
  partner: { client_certificate: { subject: mx.bank.example } }
defaults: { reply: { code: 550, text: No } }
domains:
  - example.com
  - { domain: new.example, require: new }
  - { domain: secret.example, require: secret }
senders: [{ domain: bank.example, require: partner }]
";
const SETTINGS: &str = "listen: [systemd, inet:127.0.0.1:8893]\npolicy: policy.yaml\n";
/// What makes the rest of it sound.
const SOUND: &str = "\
milter_connect_timeout = 60s
smtpd_tls_ask_ccert = yes
";

/// Values of parameters that lead to the finding of the page: with the first parameter, what stands in main.cf.
const EXAMPLES: &[(&str, &str)] = &[
    ("smtpd_milters", ""),
    ("receive_override_options", "no_milters"),
    ("smtpd_milter_maps", "cidr:/x"),
    ("non_smtpd_milters", "inet:127.0.0.1:8893"),
    ("milter_default_action", "accept"),
    ("milter_protocol", "2"),
    ("milter_macro_defaults", "tls_version=TLSv1.3"),
    ("milter_connect_timeout", "10s"),
    ("default_process_limit", "20000"),
    ("smtpd_tls_security_level", "none"),
    ("smtpd_use_tls", "no\nsmtpd_tls_security_level ="),
    ("smtpd_enforce_tls", "yes\nsmtpd_tls_security_level ="),
    ("smtpd_tls_chain_files", ""),
    ("smtpd_tls_cert_file", "/missing\nsmtpd_tls_chain_files ="),
    ("smtpd_tls_key_file", "/missing\nsmtpd_tls_cert_file = /c\nsmtpd_tls_chain_files ="),
    ("smtpd_tls_eccert_file", "/missing\nsmtpd_tls_chain_files ="),
    ("smtpd_tls_eckey_file", "/missing\nsmtpd_tls_eccert_file = /c\nsmtpd_tls_chain_files ="),
    ("smtpd_tls_dcert_file", "/missing\nsmtpd_tls_chain_files ="),
    ("smtpd_tls_dkey_file", "/missing\nsmtpd_tls_dcert_file = /c\nsmtpd_tls_chain_files ="),
    ("smtpd_discard_ehlo_keywords", "starttls"),
    ("smtpd_discard_ehlo_keyword_address_maps", "cidr:/x"),
    ("smtpd_noop_commands", "STARTTLS"),
    ("smtpd_forbidden_commands", "CONNECT GET POST STARTTLS"),
    ("smtpd_tls_protocols", "TLSv12"),
    ("smtpd_tls_mandatory_protocols", "TLSv12\nsmtpd_tls_security_level = encrypt"),
    ("smtpd_tls_ciphers", "hihg"),
    ("smtpd_tls_mandatory_ciphers", "hihg\nsmtpd_tls_security_level = encrypt"),
    ("smtpd_tls_exclude_ciphers", "ECDHE, DHE, aNULL\nsmtpd_tls_protocols = <=TLSv1.2"),
    (
        "smtpd_tls_mandatory_exclude_ciphers",
        "ECDHE, DHE, aNULL\nsmtpd_tls_mandatory_protocols = <=TLSv1.2\nsmtpd_tls_security_level = encrypt",
    ),
    (
        "tls_medium_cipherlist",
        "AES128-SHA\nsmtpd_tls_protocols = <=TLSv1.2\nsmtpd_tls_ciphers = medium",
    ),
    (
        "tls_high_cipherlist",
        "AES128-SHA\nsmtpd_tls_protocols = <=TLSv1.2\nsmtpd_tls_ciphers = high",
    ),
    ("tls_low_cipherlist", "AES128-SHA\nsmtpd_tls_protocols = <=TLSv1.2\nsmtpd_tls_ciphers = low"),
    (
        "tls_export_cipherlist",
        "AES128-SHA\nsmtpd_tls_protocols = <=TLSv1.2\nsmtpd_tls_ciphers = export",
    ),
    (
        "tls_null_cipherlist",
        "eNULL:!aNULL\nsmtpd_tls_protocols = <=TLSv1.2\nsmtpd_tls_ciphers = null",
    ),
    ("smtpd_tls_ask_ccert", "no"),
    ("smtpd_tls_req_ccert", "no\nsmtpd_tls_ask_ccert = no"),
    ("smtpd_tls_enable_rpk", "yes"),
    ("smtpd_upstream_proxy_protocol", "haproxy"),
    ("postscreen_upstream_proxy_protocol", "haproxy"),
    ("smtpd_authorized_xclient_hosts", "192.0.2.1"),
    ("smtpd_command_filter", "pcre:/x"),
    ("content_filter", "smtp:[127.0.0.1]:10024"),
    ("smtpd_proxy_filter", "127.0.0.1:10024"),
    ("virtual_alias_maps", "hash:/alias"),
    ("canonical_maps", "hash:/alias\ncanonical_classes = envelope_recipient"),
    ("recipient_canonical_maps", "hash:/alias\nrecipient_canonical_classes = envelope_recipient"),
    ("alias_maps", "hash:/alias"),
    ("recipient_bcc_maps", "hash:/alias"),
    ("smtp_generic_maps", "hash:/alias"),
    ("lmtp_generic_maps", "hash:/alias"),
    ("sender_bcc_maps", "hash:/alias"),
    ("always_bcc", "archive@example.com"),
    ("luser_relay", "archive@example.com"),
    ("masquerade_domains", "example.com\nmasquerade_classes = envelope_recipient"),
    ("masquerade_classes", "envelope_recipient\nmasquerade_domains = example.com"),
    ("header_checks", "regexp:/actions"),
    ("mime_header_checks", "regexp:/actions"),
    ("nested_header_checks", "regexp:/actions"),
    ("body_checks", "regexp:/actions"),
    ("milter_header_checks", "regexp:/actions"),
    ("smtpd_client_restrictions", "check_client_access regexp:/actions"),
    ("smtpd_helo_restrictions", "check_helo_access regexp:/actions"),
    ("smtpd_sender_restrictions", "permit_mynetworks, regexp:/actions"),
    ("smtpd_relay_restrictions", "check_recipient_access regexp:/actions, reject"),
    ("smtpd_recipient_restrictions", "check_recipient_access { regexp:/actions }"),
    ("smtpd_data_restrictions", "check_sender_access regexp:/actions"),
    ("smtpd_end_of_data_restrictions", "check_client_access regexp:/actions"),
    (
        "smtpd_restriction_classes",
        "mine\nmine = check_client_access regexp:/actions\nsmtpd_helo_restrictions = mine",
    ),
    ("mydestination", "example.com, localhost"),
    ("soft_bounce", "yes"),
    ("smtpd_reject_footer", "Call us"),
    ("smtpd_reject_footer_maps", "regexp:/x"),
    ("smtpd_reject_filter_maps", "regexp:/x"),
    ("smtpd_hard_error_limit", "20"),
    ("mynetworks", "127.0.0.0/8 [::1]/128 10.0.0.0/8"),
];

/// The same, of the second hop.
const OF_SECOND_HOP: &[(&str, &str)] = &[
    ("smtp_tls_policy_maps", "hash:/tls"),
    ("tls_required_enable", "yes"),
    ("requiretls_enable", "yes"),
    ("smtp_tls_security_level", "verify"),
    ("transport_maps", "static:smtp"),
    ("relay_transport", "smtp"),
    ("default_transport", "smtp\nrelay_domains ="),
    ("virtual_transport", "smtp\nvirtual_mailbox_domains = example.com"),
    ("relayhost", "[mx.example.com]"),
    ("smtp_dns_support_level", "enabled"),
    ("smtp_tls_CAfile", ""),
    ("smtp_tls_CApath", "\nsmtp_tls_CAfile ="),
    ("smtp_fallback_relay", "[mx.example.com]"),
    ("sender_dependent_default_transport_maps", "static:smtp\nrelay_domains ="),
    ("sender_dependent_relayhost_maps", "static:[mx.example.com]"),
];
const DELIVERS: &str = "\
trusted: { clients: [127.0.0.0/8, \"::1/128\"], authenticated: true }
domains:
- { domain: example.com, deliver: encrypt }
- { domain: dane.example, deliver: dane-only }
- { domain: secure.example, deliver: secure }
";

/// What is found of the second hop in a Postfix with these lines.
fn found_of_second_hop(lines: &str) -> BTreeSet<FindingId> {
    let sound = "smtp_tls_policy_maps = socketmap:inet:127.0.0.1:8894:QUERY\nrelay_domains = example.com\n\
                 smtp_dns_support_level = dnssec\nsmtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt\n\
                 relay_transport = relay\ndefault_transport = relay\n";
    let services = [
        SMTP,
        CLEANUP,
        "relay unix - - y - - smtp",
        "smtp unix - - y - - smtp | smtp_tls_policy_maps =",
    ];
    let mut facts = postfix(&format!("{SOUND}{sound}{lines}\n"), &services);
    for name in ["static:smtp", "static:[mx.example.com]"] {
        let (_, value) = name.split_once(':').unwrap();
        let entry = ("*".into(), if value == "smtp" { "smtp:".into() } else { value.into() });
        facts.maps.insert(name.into(), MapContents::Entries(vec![entry]));
    }
    let settings = format!("{SETTINGS}socketmap: inet:127.0.0.1:8894\n");
    let (settings, policy) = load(&settings, DELIVERS);
    diagnose(&facts, &settings, &policy).into_iter().map(|diagnosis| diagnosis.id).collect()
}

/// A Postfix with these lines; its maps and tables lead into an opted-in domain.
fn with(lines: &str) -> PostfixFacts {
    let services = [SMTP, CLEANUP, "10.0.0.1:25 inet n - n - 1 postscreen"];
    let mut facts = postfix(&format!("{SOUND}{lines}\n"), &services);
    for map in rewriting::maps(&facts) {
        let entry = ("sales@free.example".into(), "archive@example.com".into());
        let local = ("root".into(), "archive@example.com".into());
        facts.maps.insert(map, MapContents::Entries(vec![entry, local]));
    }
    for table in actions::tables(&facts) {
        let entry = ("/x/".into(), "REDIRECT archive@example.com".into());
        facts.tables.insert(table, MapContents::Entries(vec![entry]));
    }
    facts.missing.insert("/missing".into());
    facts
}

fn found(facts: &PostfixFacts) -> BTreeSet<FindingId> {
    let (settings, policy) = load(SETTINGS, POLICY);
    diagnose(facts, &settings, &policy).into_iter().map(|diagnosis| diagnosis.id).collect()
}

/// What the page says is found: parameter and finding.
fn page() -> Vec<(String, FindingId)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/postfix-parameters.md");
    let page = fs::read_to_string(path).unwrap();
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let name = cells.next()?.trim_end_matches('`').to_owned();
        let id = cells.nth(1)?.strip_prefix('`')?.strip_suffix("` |")?;
        Some((name, id.parse().unwrap()))
    });
    rows.collect()
}

#[test]
fn every_parameter_of_the_page_leads_to_the_finding_that_it_names() {
    assert_eq!(found(&with("")), [].into(), "the sound one");
    assert_eq!(found_of_second_hop(""), [].into(), "the sound one");
    let page = page();
    assert!(page.len() > 60);
    for (name, id) in &page {
        if name == "master_service_disable" {
            let facts =
                PostfixFacts { switched_off: vec!["smtp/inet".into()], ..postfix("", &[CLEANUP]) };
            assert!(found(&facts).contains(id));
            continue;
        }
        if let Some((_, value)) = OF_SECOND_HOP.iter().find(|(parameter, _)| parameter == name) {
            let found = found_of_second_hop(&format!("{name} = {value}"));
            assert!(found.contains(id), "{name} = {value}: {found:?}, not {id}");
            continue;
        }
        let example = EXAMPLES.iter().find(|(parameter, _)| parameter == name);
        let (_, value) =
            example.unwrap_or_else(|| panic!("give {name} a value here that is found"));
        let found = found(&with(&format!("{name} = {value}")));
        assert!(found.contains(id), "{name} = {value}: {found:?}, not {id}");
    }
    for (name, _) in EXAMPLES.iter().chain(OF_SECOND_HOP) {
        assert!(page.iter().any(|(parameter, _)| parameter == name), "{name} is not on the page");
    }
}
