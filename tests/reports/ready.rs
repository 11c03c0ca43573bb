//! `ready`: which domains can be enforced.

use crate::digest::sendmail;
use crate::support::{Ledger, Mail, Over, TLS13, two_weeks};
use ledger::day_of;
use policy::{Decision, ReasonKind};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};

/// A domain with mail of a provider that encrypts, on each of so many days.
fn provider(ledger: &mut Ledger, to: &'static str, days: i32) {
    for day in 0..days {
        ledger.add(day, 10, good(to));
    }
}

fn good(to: &'static str) -> Mail {
    Mail {
        to,
        client: "203.0.113.10",
        name: "mail-out.bigmail.example",
        sender: "bigmail.example",
        over: TLS13,
        verdict: Decision::Accept,
        reason: ReasonKind::Adequate,
    }
}

fn clear(to: &'static str) -> Mail {
    Mail {
        client: "192.0.2.77",
        name: "mail.lawyers.example",
        sender: "lawyers.example",
        over: Over::Plaintext,
        verdict: Decision::WouldRefuse,
        reason: ReasonKind::Plaintext,
        ..good(to)
    }
}

#[test]
fn the_exit_status_tells_a_script_whether_all_are_ready() {
    let policy =
        "domains: [{ domain: '*', mode: monitor }, { domain: off.example, mode: off }, on.example]";
    let mut ledger = Ledger::new(policy, "");
    // Nothing is known of anybody.
    for (arguments, status) in [(&["ready"][..], 2), (&["ready", "a@example.org"], 64)] {
        assert_eq!(ledger.run(arguments).status.code(), Some(status), "{arguments:?}");
    }
    provider(&mut ledger, "good.example", 20);
    provider(&mut ledger, "on.example", 20);
    provider(&mut ledger, "off.example", 20);
    for (arguments, status) in [
        (&["ready"][..], 0),
        (&["ready", "good.example"], 0),
        (&["ready", "on.example"], 0),
        // What came while it was off counts as it would if it was not.
        (&["ready", "off.example"], 0),
        (&["ready", "good.example", "unheard-of.example"], 2),
        (&["ready", "*.good.example"], 2),
    ] {
        assert_eq!(ledger.run(arguments).status.code(), Some(status), "{arguments:?}");
    }
    provider(&mut ledger, "young.example", 5);
    assert_eq!(ledger.run(&["ready"]).status.code(), Some(2));
    ledger.add(1, 3, clear("good.example"));
    assert_eq!(ledger.run(&["ready"]).status.code(), Some(1));
    let without = ["ready", "good.example", "--without"];
    for (peer, status) in [
        ("lawyers.example", 0),
        ("mail.lawyers.example", 0),
        ("192.0.2.77", 0),
        ("192.0.2.0/24", 0),
        ("192.0.2.78", 1),
        ("awyers.example", 1),
        ("192.0.2.300", 64),
    ] {
        let run = ledger.run(&[&without[..], &[peer]].concat());
        assert_eq!(run.status.code(), Some(status), "{peer}");
    }
}

#[test]
fn a_table_says_who_stands_in_the_way_and_when_it_could_begin() {
    let mut ledger = Ledger::new("domains: [{ domain: example.com, mode: monitor }]", "");
    provider(&mut ledger, "example.com", 20);
    ledger.add(1, 3, clear("example.com"));
    ledger.add(3, 1, clear("example.com"));
    let run = ledger.run(&["ready", "example.com"]);
    let text = String::from_utf8(run.stdout).unwrap();
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "example.com not yet 204 4 20 ",
        "Not yet: mail of 1 correspondent would be refused.",
        "- lawyers.example: 4 recipients; last on ",
        "; writes about every 2 days; from lawyers.example; not encrypted",
        "Of 204 recipients since ",
        "If they are told now, it can begin on ",
    ] {
        assert!(flat.contains(part), "{part}:\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let of_all = ledger.run(&["ready"]);
    assert_eq!(of_all.status.code(), Some(1));
    let none = two_weeks().run(&["ready", "unheard-of.example"]);
    let none = String::from_utf8(none.stdout).unwrap();
    assert!(none.contains("no mail came for the domain that was judged"), "{none}");
    // What others have named is no formula, and does not play with the terminal.
    let csv = String::from_utf8(ledger.run(&["ready", "--format", "csv"]).stdout).unwrap();
    assert!(csv.lines().nth(1).unwrap().starts_with("example.com,not-yet,monitor,20"), "{csv}");
}

/// What of a year is expected, and the ledger that holds it.
fn year(seed: u32) -> (Ledger, Value) {
    let policy = |enforced: &str| format!("domains: [{{ domain: '*', mode: monitor }}{enforced}]");
    let mut ledger = Ledger::new(&policy(""), "on_unknown_tls: pass");
    // The file has its tables once something was written.
    ledger.add(0, 1, good("elsewhere.example.net"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports/year.py");
    let today = day_of(jiff::Timestamp::now().as_second());
    let output = Command::new("python3")
        .arg(script)
        .arg(ledger.path("ledger.sqlite"))
        .args([today.to_string(), seed.to_string()])
        .output()
        .unwrap();
    let expected: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let enforced: Vec<_> = expected["enforced"].as_array().unwrap().iter().collect();
    let enforced: String =
        enforced.iter().map(|name| format!(", {}", name.as_str().unwrap())).collect();
    fs::write(ledger.path("policy.yaml"), policy(&enforced)).unwrap();
    (ledger, expected)
}

#[test]
fn of_a_year_of_two_hundred_domains_each_answer_is_that_of_an_independent_count() {
    for seed in [21, 22, 23] {
        year_is_as_expected(seed);
    }
}

fn year_is_as_expected(seed: u32) {
    let (ledger, expected) = year(seed);
    let run = ledger.run(&["ready", "*.example.org", "--format", "json"]);
    let found: Value = serde_json::from_slice(&run.stdout).unwrap();
    let found = found["domains"].as_array().unwrap();
    assert_eq!(found.len(), 200);
    let mut wrong = Vec::new();
    for one in found {
        let name = one["domain"].as_str().unwrap();
        let evidence = &one["evidence"];
        let all = one["correspondents"].as_array().unwrap().iter();
        let mut in_the_way: Vec<_> = all
            .filter(|one| one["standing"] == "fails")
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        in_the_way.sort_unstable();
        let said = json!({
            "state": one["state"], "lacks": one["lacks"], "recipients": evidence["recipients"],
            "at_fault": evidence["at_fault"], "days": evidence["days"], "span": evidence["span"],
            "in_the_way": in_the_way, "start": one["start"],
        });
        if said != expected["ready"][name] {
            wrong.push(format!("{name}: {said}\n  expected {}\n  {one}", expected["ready"][name]));
        }
    }
    assert!(wrong.is_empty(), "seed {seed}: {} wrong\n{}", wrong.len(), wrong.first().unwrap());
    // Each answer occurs, and the worst is first.
    let states: Vec<_> = found.iter().map(|one| one["state"].as_str().unwrap()).collect();
    let mut order = states.clone();
    order.dedup();
    assert_eq!(order, ["not-yet", "not-enough", "ready", "enforced"]);
    assert_eq!(run.status.code(), Some(1));
}

#[test]
fn trends_and_stories_of_a_year_are_those_of_an_independent_count() {
    let (ledger, expected) = year(24);
    let sum = |report: &Value, of: &str| report["totals"][of].as_u64().unwrap();
    for (domain, expected) in expected["trend"].as_object().unwrap() {
        let report = ledger.json(&["report", domain, "--since", "30d"]);
        let trend = &report["trend"];
        let before = &trend["before"];
        let months = trend["months"].as_array().unwrap().iter();
        let months: Vec<_> = months
            .map(|month| json!([month["name"], month["judged"], month["encrypted"]]))
            .collect();
        let said = json!({
            "new": trend["new"], "returning": trend["returning"], "resolved": trend["resolved"],
            "away": trend["away"], "before": [before["judged"], before["encrypted"]], "months": months,
        });
        assert_eq!(said, *expected, "{domain}");
    }
    for (domain, houses) in expected["partners"].as_object().unwrap() {
        for (name, expected) in houses.as_object().unwrap() {
            let report = ledger.json(&["report", domain, "--since", "120d", "--peer", name]);
            let fault = sum(&report, "refused") + sum(&report, "would_refuse");
            let [house] = &**report["story"]["houses"].as_array().unwrap() else {
                panic!("{name}: {}", report["story"]);
            };
            let said = json!([report["totals"]["judged"], fault, house["servers_count"]]);
            assert_eq!(said, *expected, "{domain} {name}");
            assert_eq!((&house["name"], &house["at_fault"]), (&json!(name), &json!(fault)));
        }
    }
}

#[test]
fn report_simulate_and_digest_say_the_same() {
    let policy = "domains: [{ domain: example.com, mode: monitor, contact: boss@example.com, language: de }]";
    let mut ledger =
        Ledger::new(policy, "digest: { from: gate@example.net, sendmail: ./sendmail }");
    provider(&mut ledger, "example.com", 20);
    sendmail(&ledger, 0);
    let page = ledger.text(&["report", "example.com", "--format", "html"]);
    assert!(page.contains("Kann Verschlüsselung verlangt werden?"), "{page}");
    assert!(page.contains("Bereit: Verschlüsselung kann ab sofort verlangt werden"), "{page}");
    for arguments in [&["report", "example.com"][..], &["simulate", "--domain", "example.com"]] {
        let text = ledger.text(arguments);
        assert!(text.contains("Ready: encryption can be required from now on"), "{text}");
        let json = ledger.json(arguments);
        assert_eq!(json["readiness"][0]["state"], "ready");
    }
    // The contact is told once.
    let mail = ledger.text(&["digest"]);
    assert!(mail.contains("Sie k=C3=B6nnen Verschl=C3=BCsselung jetzt verlangen"), "{mail}");
    assert_eq!(ledger.text(&["digest", "--send"]), "1 sent\n");
    assert_eq!(ledger.text(&["digest", "--send"]), "0 sent\n");
    // Somebody is in the way now.
    ledger.add(1, 3, clear("example.com"));
    let text = ledger.text(&["simulate", "--domain", "example.com"]);
    assert!(text.contains("Not yet: mail of 1 correspondent"), "{text}");
    // With the news goes a letter to its postmaster.
    let mail = ledger.text(&["digest"]);
    assert!(mail.contains("filename=\"brief-mail.lawyers.example.txt\""), "{mail}");
    assert!(mail.contains("postmaster@lawyers.example"), "{mail}");
}

#[test]
fn a_partner_has_a_story_and_a_letter_of_its_own() {
    let policy = "domains: [{ domain: example.com, mode: monitor, language: de }]";
    let mut ledger = Ledger::new(policy, "");
    provider(&mut ledger, "example.com", 20);
    let good = Mail {
        over: TLS13,
        verdict: Decision::Accept,
        reason: ReasonKind::Adequate,
        ..clear("example.com")
    };
    ledger.add(9, 3, clear("example.com"));
    ledger.add(5, 2, good);
    ledger.add(
        4,
        1,
        Mail { client: "192.0.2.78", name: "b.lawyers.example", ..clear("example.com") },
    );
    ledger.add(3, 4, Mail { client: "203.0.113.99", name: "out.bigmail.example", ..good });
    let arguments = ["report", "example.com", "--since", "30d"];
    let of = |more: &[&'static str]| [&arguments[..], more].concat();
    for (option, partner, recipients, elsewhere) in [
        ("--peer", "192.0.2.77", 5, &["lawyers.example", "bigmail.example"][..]),
        ("--peer", "lawyers.example", 6, &["bigmail.example"]),
        ("--peer", "192.0.2.0/24", 6, &["bigmail.example"]),
        ("--sender", "lawyers.example", 10, &[]),
    ] {
        let json = ledger.json(&of(&[option, partner]));
        assert_eq!(json["totals"]["judged"], recipients, "{partner}");
        let names: Vec<_> = json["story"]["elsewhere"].as_array().unwrap().iter().collect();
        let mut names: Vec<_> = names.iter().map(|one| one["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        let mut elsewhere = elsewhere.to_vec();
        elsewhere.sort_unstable();
        assert_eq!(names, elsewhere, "{partner}");
    }
    let text = ledger.text(&of(&["--peer", "lawyers.example"]));
    for part in [
        "Mail of lawyers.example for example.com",
        "WHO RUNS IT",
        "WHAT CHANGED",
        "TLSv1.3; before: not encrypted",
        "SAME SENDERS, OTHER SERVERS",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // What is said of both hops is said of all mail.
    assert!(!text.contains("Every message") && !text.contains("Not every message"), "{text}");
    let page = ledger.text(&of(&["--peer", "lawyers.example", "--format", "html"]));
    assert!(page.contains("E-Mails von lawyers.example an example.com"), "{page}");
    let letter = ledger.text(&of(&["--letter", "lawyers.example"]));
    for part in [
        "An: postmaster@lawyers.example\n",
        "b.lawyers.example [192.0.2.78]",
        "STARTTLS",
        "Freundliche Grüsse",
    ] {
        assert!(letter.contains(part), "{part}: {letter}");
    }
    let nothing = ledger.run(&of(&["--letter", "bigmail.example"]));
    let said = String::from_utf8(nothing.stderr).unwrap();
    assert!(nothing.status.success() && said.contains("Nothing of bigmail.example was"), "{said}");
    let correspondents = ledger.json(&of(&["--by", "correspondent"]));
    let names: Vec<_> =
        correspondents["groups"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["lawyers.example", "bigmail.example"]);
}

#[test]
fn a_letter_about_what_may_be_ours_says_so_first_and_not_to_them() {
    let mut ledger = Ledger::new("domains: [{ domain: example.com, mode: monitor }]", "");
    ledger.add(1, 3, clear("example.com"));
    let lawyers = ("192.0.2.77", "mail.lawyers.example");
    let shared = ("no shared cipher", ledger::Afterwards::Taken);
    ledger.fail_handshakes(1, 2, lawyers, shared, &["example.com"]);
    let run = ledger.run(&["report", "example.com", "--letter", "192.0.2.77"]);
    let (letter, first) =
        (String::from_utf8(run.stdout).unwrap(), String::from_utf8(run.stderr).unwrap());
    assert!(first.starts_with("Before you send this:\n- This may be ours"), "{first}");
    assert!(letter.contains("cipher suites") && !letter.contains("Switch on TLS"), "{letter}");
    assert!(!letter.contains("ours:") && !letter.contains("doctor"), "{letter}");
}
