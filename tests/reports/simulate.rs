use super::support::{Ledger, Mail, Over, both_hops, two_weeks};
use ledger::Clients;
use policy::{Decision, ReasonKind};
use rusqlite::Connection;
use std::fs;

fn try_policy(ledger: &Ledger, policy: &str) -> serde_json::Value {
    fs::write(ledger.path("new.yaml"), policy).unwrap();
    ledger.json(&["simulate", "--policy", "new.yaml"])
}

#[test]
fn the_same_policy_changes_nothing() {
    let ledger = two_weeks();
    let policy = fs::read_to_string(ledger.path("policy.yaml")).unwrap();
    let found = try_policy(&ledger, &policy);
    assert_eq!(found["peers"], serde_json::json!([]));
    assert!(found["judged"].as_u64().unwrap() > 1000);
    assert!(ledger.text(&["simulate", "--policy", "new.yaml"]).contains("Nothing changes."));
}

#[test]
fn a_new_policy_shows_whom_it_hits_and_whom_it_lets_through() {
    let ledger = two_weeks();
    // example.org is let go, example.com is held to it.
    let found = try_policy(&ledger, "domains: [{ domain: example.org, mode: off }, example.com]");
    assert_eq!(found["newly_refused"], 6);
    assert_eq!(found["newly_let_through"], 45);
    assert_eq!(found["newly_would_refuse"], 0);
    assert_eq!(found["peers"][0]["client"], "192.0.2.201");
    assert_eq!(found["peers"][0]["newly_refused"], 4);
    assert_eq!(found["peers"][0]["reasons"], serde_json::json!(["plaintext"]));
    let text = ledger.text(&["simulate", "--policy", "new.yaml"]);
    assert!(
        text.contains("from 2 peers to 1 domain") && text.contains("mx.clinic.example"),
        "{text}"
    );
}

#[test]
fn a_domain_that_the_ledger_does_not_know_is_not_said_to_be_unchanged() {
    let text = two_weeks().text(&["simulate", "--domain", "other.example"]);
    assert!(text.contains("The ledger holds no such mail"), "{text}");
    assert!(!text.contains("Nothing changes"), "{text}");
}

#[test]
fn one_domain_can_be_tried_with_another_mode_and_requirement() {
    let ledger = two_weeks();
    let found = ledger.json(&["simulate", "--domain", "example.com"]);
    assert_eq!((&found["newly_refused"], &found["judged"]), (&6.into(), &15.into()));
    let strict =
        ["simulate", "--domain", "example.org", "--mode", "monitor", "--require", "rfc9325"];
    let found = ledger.json(&strict);
    assert_eq!((&found["newly_refused"], &found["newly_let_through"]), (&0.into(), &45.into()));
    // TLS 1.2 is more than enough for one and less than enough for the other.
    let args = |name| ["simulate", "--domain", "example.org", "--require", name];
    assert_eq!(ledger.json(&args("rfc9325"))["newly_refused"], 0);
    assert_eq!(ledger.json(&args("mozilla-modern"))["newly_refused"], 204);
    let wrong = ledger.run(&args("nonsense"));
    assert_eq!(wrong.status.code(), Some(64));
}

#[test]
fn exceptions_trusted_clients_and_partners_count_as_in_the_milter() {
    let ledger = two_weeks();
    let policy = "
domains:
  - domain: example.org
    exceptions: [{ client: 192.0.2.140, reason: x }, { sender: copier.example, reason: y }]
  - { domain: example.com, mode: monitor }
trusted: { clients: [192.0.2.201] }
senders: [{ domain: gone.example }]
";
    let found = try_policy(&ledger, policy);
    assert_eq!(found["newly_let_through"], 36 + 5);
    // Only the partner's; the lawyer's stay refused.
    assert_eq!(found["newly_refused"], 2);
}

#[test]
fn what_a_full_day_does_not_tell_apart_is_counted_and_not_judged() {
    let mut ledger = Ledger::new("domains: ['*']", "");
    ledger.bound_days(1);
    let mail = Mail {
        to: "a.example",
        client: "192.0.2.1",
        name: "mx.peer.example",
        sender: "peer.example",
        over: Over::Plaintext,
        verdict: Decision::Refuse,
        reason: ReasonKind::Plaintext,
    };
    ledger.add(1, 2, mail);
    ledger.add(1, 5, Mail { to: "b.example", ..mail });
    ledger.add(1, 7, Mail { to: "c.example", ..mail });
    let found = try_policy(&ledger, "domains: [a.example, b.example]");
    assert_eq!((&found["judged"], &found["not_judged"]), (&2.into(), &12.into()));
    assert_eq!(found["newly_let_through"], 0);
    let text = ledger.text(&["simulate", "--policy", "new.yaml"]);
    assert!(text.contains("12 more recipients are not judged"), "{text}");
}

#[test]
fn trusted_clients_whose_addresses_are_not_stored_are_not_taken_for_strangers() {
    let trusted = |network: &str| format!("domains: ['*']\ntrusted: {{ clients: [{network}] }}");
    let mut ledger = Ledger::new(&trusted("192.0.2.7, 198.51.100.0/24"), "");
    ledger.clients = Clients::Network;
    let mail = Mail {
        to: "a.example",
        client: "192.0.2.7",
        name: "",
        sender: "peer.example",
        over: Over::Plaintext,
        verdict: Decision::Accept,
        reason: ReasonKind::TrustedClient,
    };
    ledger.add(1, 2, mail);
    ledger.add(1, 3, Mail { client: "198.51.100.9", ..mail });
    ledger.add(1, 5, Mail { verdict: Decision::Refuse, reason: ReasonKind::Plaintext, ..mail });
    // The whole network of the second one was trusted, and is no more.
    let found = try_policy(&ledger, &trusted("192.0.2.7"));
    assert_eq!((&found["judged"], &found["trusted_not_judged"]), (&8.into(), &2.into()));
    assert_eq!((&found["newly_refused"], &found["newly_let_through"]), (&3.into(), &0.into()));
    let text = ledger.text(&["simulate", "--policy", "new.yaml"]);
    assert!(
        text.contains("2 more recipients, in mail of trusted clients, are not judged"),
        "{text}"
    );
}

#[test]
fn a_policy_with_errors_is_shown_with_its_places() {
    let ledger = two_weeks();
    fs::write(ledger.path("new.yaml"), "domains: [a..b]\n").unwrap();
    let output = ledger.run(&["simulate", "--policy", "new.yaml"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("new.yaml:1:"));
}

#[test]
fn a_hundred_thousand_rows_are_gone_through() {
    let ledger = two_weeks();
    let database = Connection::open(ledger.path("ledger.sqlite")).unwrap();
    database
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
             INSERT INTO mail (day, source, domain, found, client, name, sender, tls_version,
                 cipher, certificate, flags, verdict, reason, count, first, last)
                 SELECT unixepoch() / 86400 - i % 30, 'milter',
                 'd' || (i % 1000) || '.example', 'recipient',
                 '10.' || (i >> 16) || '.' || (i >> 8 & 255) || '.' || (i & 255),
                 'host' || i || '.example.net', 's' || (i % 5000) || '.example',
                 CASE i % 50 WHEN 0 THEN 'none' ELSE 'TLSv1.3' END,
                 CASE i % 50 WHEN 0 THEN 'none' ELSE 'TLS_AES_256_GCM_SHA384' END, '', 0,
                 CASE i % 50 WHEN 0 THEN 'would-refuse' ELSE 'accept' END,
                 CASE i % 50 WHEN 0 THEN 'plaintext' ELSE 'adequate' END,
                 1, unixepoch() - i % 30 * 86400, unixepoch() - i % 30 * 86400 FROM n",
        )
        .unwrap();
    drop(database);
    fs::write(ledger.path("new.yaml"), "domains: ['*']").unwrap();
    let report = ledger.json(&["report", "--since", "40d"]);
    let found = ledger.json(&["simulate", "--policy", "new.yaml", "--since", "40d"]);
    assert!(report["totals"]["judged"].as_u64().unwrap() > 100_000);
    assert_eq!(found["newly_refused"], 2_000 + 6);
}

#[test]
fn each_change_of_a_verdict_is_shown_also_that_mail_would_no_longer_be_refused() {
    let ledger = two_weeks();
    let found = try_policy(&ledger, "domains: [example.org, { domain: example.com, mode: off }]");
    assert_eq!(found["no_longer_would_refuse"], 6);
    assert_eq!(found["peers"].as_array().unwrap().len(), 2);
    assert_eq!(found["domains"][0]["no_longer_would_refuse"], 6);
    let text = ledger.text(&["simulate", "--policy", "new.yaml"]);
    assert!(!text.contains("Nothing changes"), "{text}");
    let line = "  would no longer refuse         6   from 2 peers to 1 domain\n";
    assert!(text.contains(line) && text.contains("mx.clinic.example"), "{text}");
    let csv = ledger.text(&["simulate", "--policy", "new.yaml", "--format", "csv"]);
    let mut csv = csv::Reader::from_reader(csv.as_bytes());
    let place = csv.headers().unwrap().iter().position(|head| head == "no_longer_would_refuse");
    let sum: u64 =
        csv.records().map(|row| row.unwrap()[place.unwrap()].parse::<u64>().unwrap()).sum();
    assert_eq!(sum, 6);
    // An exception in mode monitor is such a change, too.
    let exception = "domains: [example.org, { domain: example.com, mode: monitor, \
                     exceptions: [{ client: 192.0.2.200, reason: x }] }]";
    assert_eq!(try_policy(&ledger, exception)["no_longer_would_refuse"], 2);
}

#[test]
fn what_is_below_a_domain_can_be_tried_like_an_entry_and_a_mailbox_says_why_it_cannot() {
    let mut ledger = Ledger::new("domains: ['*.example.org', a.example.org]", "");
    let mail = Mail {
        to: "b.example.org",
        client: "192.0.2.1",
        name: "",
        sender: "peer.example",
        over: Over::Plaintext,
        verdict: Decision::Refuse,
        reason: ReasonKind::Plaintext,
    };
    ledger.add(1, 3, mail);
    // It has an entry of its own, which goes on deciding; and the domain itself is not below itself.
    ledger.add(1, 5, Mail { to: "a.example.org", ..mail });
    ledger.add(1, 7, Mail { to: "example.org", ..mail });
    let found = ledger.json(&["simulate", "--domain", "*.example.org", "--mode", "monitor"]);
    assert_eq!((&found["newly_let_through"], &found["judged"]), (&3.into(), &8.into()));
    let output = ledger.run(&["simulate", "--domain", "boss@a.example.org"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64));
    assert!(
        error.contains("holds no local parts") && error.contains("--domain a.example.org"),
        "{error}"
    );
}

#[test]
fn a_message_that_was_tried_many_times_counts_once() {
    let mut ledger = two_weeks();
    let mail = Mail {
        to: "example.org",
        client: "192.0.2.1",
        name: "",
        sender: "peer.example",
        over: Over::Plaintext,
        verdict: Decision::Refuse,
        reason: ReasonKind::Plaintext,
    };
    ledger.add_attempts(1, 100, Some(99), mail);
    let found = try_policy(&ledger, "domains: [example.com]");
    assert_eq!(found["newly_let_through"], 45 + 1);
    let text = ledger.text(&["simulate", "--policy", "new.yaml"]);
    assert!(text.contains("122 attempts, compared with"), "{text}");
}

#[test]
fn simulate_tells_which_mail_another_demand_would_have_had_wait_on_the_second_hop() {
    let ledger = both_hops();
    let flat = |arguments: &[&str]| {
        let text = ledger.text(&[&["simulate"], arguments].concat());
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let text = flat(&["--domain", "open.example", "--deliver", "secure"]);
    for words in [
        "Nothing changes in what is let in.",
        "open.example 214 4 210",
        "for open.example; to mx.open.example, old.open.example; secure in place of none",
        "- 4 would have had to wait: the session was not encrypted, last on ",
        "- Of 210 it is not known: whether the certificate, which is trusted, is for the name that is demanded",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let text = flat(&["--domain", "open.example", "--deliver", "encrypt"]);
    assert!(text.contains("open.example 214 4 for open.example"), "{text}");
    // In monitor nothing is demanded, so it is less than now.
    let json = ledger.json(&["simulate", "--domain", "mixed.example", "--mode", "monitor"]);
    let hop = &json["hops"][0];
    assert_eq!(
        (&hop["waits"], &hop["old"], &hop["new"]),
        (&0.into(), &"encrypt".into(), &().into())
    );
    // Nothing else would be demanded.
    let json = ledger.json(&["simulate", "--domain", "mixed.example"]);
    assert_eq!((&json["hops"], &json["demands_differ"]), (&serde_json::json!([]), &false.into()));
    // A whole policy, with a next hop that two share.
    let policy = "domains:
- { domain: open.example, deliver: { level: encrypt, nexthop: '[old.open.example]' } }
- { domain: mixed.example, deliver: { level: may, nexthop: '[old.open.example]' } }
";
    fs::write(ledger.path("new.yaml"), policy).unwrap();
    let json = ledger.json(&["simulate", "--policy", "new.yaml"]);
    let hops = json["hops"].as_array().unwrap();
    let shared = hops.iter().find(|hop| hop["next_hop"] == "[old.open.example]").unwrap();
    assert_eq!((&shared["waits"], &shared["lacks"]["plaintext"]), (&4.into(), &4.into()));
    // A level that needs more is for a policy to say.
    let wrong = ledger.run(&["simulate", "--domain", "open.example", "--deliver", "fingerprint"]);
    let error = String::from_utf8_lossy(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(64), "{error}");
    assert!(error.contains("possible are none, may, dane, encrypt, verify"), "{error}");
}

#[test]
fn where_no_deliveries_are_known_simulate_says_so() {
    let ledger = two_weeks();
    let text = ledger.text(&["simulate", "--domain", "example.org", "--deliver", "encrypt"]);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("nothing is recorded of how mail left, so what that would have meant"),
        "{text}"
    );
    let text = ledger.text(&["simulate", "--domain", "example.org"]);
    assert!(!text.contains("next hop"), "{text}");
}

#[test]
fn what_is_for_a_domain_is_not_passed_over_in_silence_beside_a_policy() {
    let ledger = two_weeks();
    for option in [["--deliver", "may"], ["--require", "baseline"], ["--mode", "off"]] {
        let arguments = [&["simulate", "--policy", "policy.yaml"], &option[..]].concat();
        let output = ledger.run(&arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{option:?}: {error}");
        assert!(error.contains("cannot be used with"), "{error}");
    }
}
