//! What is answered for a next hop: a table, and generated policies beside a search through all entries.

use config::policy_file::{self, Loaded};
use jiff::Timestamp;
use policy::explanation::ExplainedDelivery;
use policy::hop::{Demand, Level, NextHop};
use policy::{DomainName, Mode, Pattern, Policy, deliver};
use proptest::prelude::*;
use std::fs;

const POLICY: &str = r#"
defaults: { deliver: encrypt }
domains:
- plain.example
- b\u00fccher.example
- "*.wild.example"
- { domain: free.wild.example, mode: off }
- { domain: "*.closed.example", deliver: { level: secure, ciphers: high } }
- { domain: watched.example, mode: monitor }
- { domain: soon.example, enforce_from: 2027-01-01 }
- { domain: off.example, mode: off }
- { domain: hosted.example, deliver: { nexthop: ["[mx.hoster.example]:25", "relay.hoster.example"] } }
- { domain: strict.example, deliver: { level: secure, match: [mx.hoster.example, nexthop], nexthop: "[MX.Hoster.example]:25" } }
- { domain: both.example, deliver: { level: secure, match: nexthop, min_version: TLSv1.2, nexthop: "[mx.hoster.example]:25" } }
- { domain: monitored.example, mode: monitor, deliver: { level: fingerprint, match: "0011223344556677889900112233445566778899", nexthop: "[mx.watched.example]" } }
- { domain: v4.example, deliver: { nexthop: "[192.0.2.1]:2525" } }
- { domain: v6.example, deliver: { level: dane-only, nexthop: "[IPv6:2001:DB8::1]" } }
- { domain: user@box.example, deliver: { level: verify, match: mx.box.example, nexthop: "[box.example]" } }
senders: [partner.example]
local: {}
"#;

pub(super) fn read(yaml: &str) -> Policy {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    fs::write(&path, yaml.replace("\\u00fc", "\u{fc}")).unwrap();
    policy_file::load(&path).policy.unwrap_or_else(|problems| panic!("{problems}"))
}

pub(super) fn now() -> Timestamp {
    "2026-12-01T00:00:00Z".parse().unwrap()
}

/// The answer, and behind `|` what it would be if all were enforced that is in monitor.
fn answer(policy: &Policy, next_hop: &str, now: Timestamp) -> String {
    let delivery = deliver(policy, &next_hop.parse().unwrap(), now);
    let demand = delivery.demand.map(|demand| demand.to_string()).unwrap_or_default();
    match delivery.would_demand {
        Some(would) => format!("{demand}|{would}"),
        None => demand,
    }
}

#[test]
fn the_strictest_of_those_who_speak_of_a_next_hop_is_answered_and_nothing_for_others() {
    let policy = read(POLICY);
    let shared = "secure match=nexthop protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1";
    let print = "fingerprint match=00:11:22:33:44:55:66:77:88:99:00:11:22:33:44:55:66:77:88:99";
    for (next_hop, expected) in [
        ("plain.example", "encrypt"),
        ("PLAIN.Example.", "encrypt"),
        ("b\u{fc}cher.example", "encrypt"),
        ("xn--bcher-kva.example", "encrypt"),
        ("free.example", ""),
        ("sub.plain.example", ""),
        // A domain is not the host of that name, nor with a port.
        ("[plain.example]", ""),
        ("plain.example:25", ""),
        // Wildcards, and the parents that smtp(8) asks for.
        ("a.b.wild.example", "encrypt"),
        ("wild.example", ""),
        ("free.wild.example", ""),
        (".wild.example", ""),
        ("a.closed.example", "secure ciphers=high"),
        (".closed.example", "secure ciphers=high"),
        (".b.closed.example", "secure ciphers=high"),
        (".example", ""),
        (".plain.example", ""),
        // Modes.
        ("watched.example", "|encrypt"),
        ("soon.example", "|encrypt"),
        ("off.example", ""),
        // Next hops that are named, shared ones among them.
        ("hosted.example", "encrypt"),
        ("relay.hoster.example", "encrypt"),
        ("[mx.hoster.example]:25", shared),
        ("[Mx.Hoster.Example]:25", shared),
        ("[mx.hoster.example]", ""),
        ("[mx.hoster.example]:26", ""),
        ("strict.example", "secure match=mx.hoster.example:nexthop"),
        ("[mx.watched.example]", &format!("|{print}")),
        ("[192.0.2.1]:2525", "encrypt"),
        ("[2001:db8:0::1]", "dane-only"),
        ("[box.example]", "verify match=mx.box.example"),
        ("box.example", ""),
        ("partner.example", ""),
        ("/run/lmtp.sock", ""),
    ] {
        assert_eq!(answer(&policy, next_hop, now()), expected, "{next_hop}");
    }
    let later = "2027-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(answer(&policy, "soon.example", later), "encrypt");
}

#[test]
fn a_wildcard_for_everybody_is_answered_for_every_domain() {
    let policy = read("domains: [{ domain: '*', deliver: encrypt }]");
    for (next_hop, expected) in
        [("a.example", "encrypt"), (".example", "encrypt"), ("[a.example]", "")]
    {
        assert_eq!(answer(&policy, next_hop, now()), expected, "{next_hop}");
    }
    let policy =
        read("domains: [{ domain: '*', deliver: encrypt }, { domain: b.example, mode: off }]");
    assert_eq!(answer(&policy, ".example", now()), "");
}

#[test]
fn an_explanation_names_who_has_decided_and_what_is_easily_confused() {
    let policy = read(POLICY);
    let explain =
        |next_hop: &str| ExplainedDelivery::new(&policy, &next_hop.parse().unwrap(), now());
    let text = explain("[mx.hoster.example]:25").to_string();
    for part in [
        "By hosted.example (",
        "policy.yaml:12), which names it in `nexthop`:\n  mode        enforce (now: enforce)\n  demands     encrypt\n",
        "By strict.example (",
        "Postfix is answered: secure match=nexthop protocols=",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = explain("[mx.hoster.example]").to_string();
    assert!(
        text.contains(
            "[mx.hoster.example]:25 is another next hop, of which something is demanded."
        )
    );
    assert!(explain("[plain.example]").to_string().contains("plain.example is another next hop"));
    assert!(
        explain("free.wild.example")
            .to_string()
            .contains("demands     encrypt\n  so          not in force: the entry is off")
    );
    assert!(
        explain("watched.example")
            .to_string()
            .ends_with("If all were enforced that is in monitor: encrypt\n")
    );
    let json = serde_json::to_value(explain("nobody.example")).unwrap();
    assert_eq!(json["answer"], serde_json::Value::Null);
}

/// One entry of a generated policy: its name, mode, level, and next hops.
type Row = (String, Mode, Option<Level>, Vec<&'static str>);

const HOPS: [&str; 5] = ["[mx.a.test]", "[mx.a.test]:25", "a.test", "b.a.test", "mx.c.test:26"];
const MODES: [Mode; 3] = [Mode::Off, Mode::Monitor, Mode::Enforce];
/// Those that need no `match`, and do not contradict each other.
const LEVELS: [Level; 5] = [Level::None, Level::May, Level::Encrypt, Level::Verify, Level::Secure];

fn name() -> impl Strategy<Value = String> {
    let labels = prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4);
    labels.prop_map(|labels| format!("{}.test", labels.join(".")))
}

fn row() -> impl Strategy<Value = Row> {
    let pattern = prop_oneof![
        4 => name(),
        2 => name().prop_map(|name| format!("*.{name}")),
        1 => Just("*".to_owned()),
        1 => name().prop_map(|name| format!("u@{name}")),
    ];
    (
        pattern,
        prop::sample::select(MODES.to_vec()),
        prop::option::weighted(0.7, prop::sample::select(LEVELS.to_vec())),
        prop::collection::vec(prop::sample::select(HOPS.to_vec()), 0..3),
    )
}

/// The policy with these entries, by the product's own reader.
fn policy_of(rows: &[Row]) -> Policy {
    let mut yaml = "senders: []\n".to_owned();
    if !rows.is_empty() {
        yaml.push_str("domains:\n");
    }
    for (name, mode, level, next_hops) in rows {
        yaml.push_str(&format!("- {{ domain: '{name}', mode: {mode}"));
        if let Some(level) = level {
            yaml.push_str(&format!(", deliver: {{ level: {level}"));
            if !next_hops.is_empty() {
                yaml.push_str(&format!(", nexthop: {next_hops:?}"));
            }
            yaml.push_str(" }");
        }
        yaml.push_str(" }\n");
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    fs::write(&path, &yaml).unwrap();
    let Loaded { policy, .. } = policy_file::load(&path);
    policy.unwrap_or_else(|problems| panic!("{yaml}\n{problems}"))
}

/// The entry that decides for a domain, found by going through all.
fn naive_entry<'r>(rows: &'r [Row], domain: &str) -> Option<&'r Row> {
    let rank = |row: &Row| match row.0.parse::<Pattern>().unwrap() {
        Pattern::Domain(name) => (name.as_str() == domain).then_some(1000),
        Pattern::Below(name) => {
            domain.ends_with(&format!(".{name}")).then_some(name.as_str().len())
        }
        Pattern::Every => Some(0),
        Pattern::Mailbox(..) => None,
    };
    rows.iter().filter(|row| rank(row).is_some()).max_by_key(|row| rank(row))
}

/// The strictest level that is demanded in a mode.
fn naive(rows: &[Row], next_hop: &NextHop, mode: Mode) -> Option<Level> {
    let own = match next_hop {
        NextHop::Domain(name) => naive_entry(rows, name.as_str()),
        _ => None,
    };
    let named = rows
        .iter()
        .filter(|row| row.3.iter().any(|text| text.parse::<NextHop>().unwrap() == *next_hop));
    let in_mode = own.into_iter().chain(named).filter(|row| row.1 == mode);
    in_mode.filter_map(|row| row.2).max()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_answer_is_that_of_a_search_through_all_entries(
        rows in prop::collection::vec(row(), 0..12),
        domain in name(),
        hop in prop::sample::select(HOPS.to_vec()),
    ) {
        let mut seen = std::collections::BTreeSet::new();
        let rows: Vec<Row> = rows
            .into_iter()
            // A mailbox demands nothing but of next hops that it names.
            .filter(|row| !row.0.contains('@') || row.2.is_none() || !row.3.is_empty())
            .filter(|row| seen.insert(row.0.clone()))
            .collect();
        let policy = policy_of(&rows);
        let domain = NextHop::Domain(DomainName::parse(&domain).unwrap());
        for next_hop in [domain, hop.parse().unwrap()] {
            let delivery = deliver(&policy, &next_hop, now());
            let demanded = naive(&rows, &next_hop, Mode::Enforce);
            prop_assert_eq!(delivery.demand.as_ref().map(|demand| demand.level), demanded);
            let monitored = naive(&rows, &next_hop, Mode::Monitor).filter(|level| Some(*level) > demanded);
            prop_assert_eq!(delivery.would_demand.as_ref().map(|demand| demand.level), monitored);
        }
    }

    #[test]
    fn what_holds_for_two_is_never_laxer_than_what_either_demands(
        one in prop::sample::select(demands()),
        other in prop::sample::select(demands()),
    ) {
        let both = one.with(&other);
        prop_assert_eq!(&one.with(&one), &one);
        prop_assert!(both.ciphers >= one.ciphers && both.ciphers >= other.ciphers);
        prop_assert_eq!(one.contradicts(&other), other.contradicts(&one));
        prop_assert!(both.level.always_encrypts() || !one.level.max(other.level).always_encrypts());
        if !one.contradicts(&other) {
            prop_assert!(both.level >= one.level && both.level >= other.level);
            prop_assert_eq!(both.to_string(), other.with(&one).to_string());
            prop_assert!(!both.contradicts(&one) && !both.contradicts(&other));
        }
    }
}

/// Some of each kind, by the product's own reader.
fn demands() -> Vec<Demand> {
    let terms = [
        "may",
        "encrypt",
        "dane",
        "{ level: encrypt, protocols: '!TLSv1.3' }",
        "{ level: encrypt, min_version: TLSv1.3, ciphers: high }",
        "{ level: may, ciphers: medium }",
        "{ level: secure, match: a.test }",
        "{ level: secure, match: [b.test, a.test] }",
        "{ level: secure, match: c.test, min_version: TLSv1.2 }",
        "secure",
        "verify",
        "dane-only",
        "none",
    ];
    let rows: String = terms
        .iter()
        .enumerate()
        .map(|(number, terms)| format!("- {{ domain: d{number}.test, deliver: {terms} }}\n"))
        .collect();
    let policy = read(&format!("domains:\n{rows}"));
    policy.domains.iter().map(|(_, entry)| entry.deliver.as_ref().unwrap().demand.clone()).collect()
}

#[test]
fn next_hops_cost_little_and_a_thousand_domains_behind_one_are_one_answer() {
    let rows: String = (0..2000)
        .map(|n| format!("- {{ domain: d{n}.test, contact: c{n}@a.test, deliver: {{ nexthop: '[mx.test]' }} }}\n"))
        .collect();
    let policy = read(&format!("defaults: {{ deliver: encrypt }}\ndomains:\n{rows}"));
    assert_eq!(policy.domains.naming(&"[mx.test]".parse().unwrap()).count(), 1);
}
