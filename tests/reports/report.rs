use super::support::{Ledger, Mail, Over, TLS13, two_weeks};
use ledger::report::date_text;
use policy::{Decision, ReasonKind};
use std::fs;

fn group<'a>(report: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let groups = report["groups"].as_array().unwrap();
    groups.iter().find(|group| group["name"] == name).unwrap_or_else(|| panic!("{name}: {report}"))
}

#[test]
fn a_report_says_what_became_of_those_that_were_refused() {
    let ledger = two_weeks();
    let report = ledger.json(&["report", "--since", "20d"]);
    for (peer, outcome) in [
        ("192.0.2.77", "resolved"),
        ("192.0.2.140", "still-failing"),
        ("198.51.100.99", "not-back"),
        ("192.0.2.200", "quiet"),
        ("192.0.2.201", "still-failing"),
    ] {
        assert_eq!(group(&report, peer)["outcome"]["is"], outcome, "{peer}");
    }
    assert!(group(&report, "203.0.113.10")["outcome"].is_null());
    assert_eq!(report["outcomes"]["still-failing"], 2);
    // The worst comes first.
    assert_eq!(report["groups"][0]["name"], "192.0.2.140");
    assert_eq!(report["groups"][0]["reasons"], serde_json::json!(["cipher"]));
}

#[test]
fn figures_add_up_however_they_are_grouped() {
    let ledger = two_weeks();
    for by in ["peer", "sender", "domain", "version", "cipher", "day"] {
        let report = ledger.json(&["report", "--since", "20d", "--by", by]);
        for field in ["judged", "encrypted", "accepted", "would_refuse", "refused"] {
            let groups = report["groups"].as_array().unwrap();
            let sum: u64 = groups.iter().map(|group| group[field].as_u64().unwrap()).sum();
            assert_eq!(report["totals"][field], sum, "{field} by {by}");
        }
        assert_eq!(report["totals"]["refused"], 4 + 36 + 5);
        assert_eq!(report["totals"]["would_refuse"], 6);
    }
}

#[test]
fn rc4_is_no_encryption() {
    let report = two_weeks().json(&["report", "--since", "20d"]);
    assert_eq!(group(&report, "192.0.2.140")["encrypted"], 0);
    assert_eq!(group(&report, "192.0.2.77")["encrypted"], 2);
}

#[test]
fn a_report_keeps_to_what_was_asked_for() {
    let ledger = two_weeks();
    let report = ledger.json(&["report", "EXAMPLE.com.", "--since", "20d"]);
    assert_eq!(
        (&report["domain"], &report["totals"]["judged"]),
        (&"example.com".into(), &15.into())
    );
    let report = ledger.json(&["report", "--since", "3d"]);
    assert_eq!(report["totals"]["refused"], 24);
    let report = ledger.json(&["report", "--since", "20d", "--verdict", "would-refuse"]);
    assert_eq!(report["groups"].as_array().unwrap().len(), 2);
    let wrong = ledger.run(&["report", "--since", "soon"]);
    assert_eq!(wrong.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("days are written as 7d"));
}

#[test]
fn the_table_reads_at_a_glance() {
    let text = two_weeks().text(&["report", "example.org", "--since", "20d"]);
    for words in [
        "refused",
        "45",
        "1 still failing, 1 not back, 1 resolved",
        "legacy.supplier.example",
        "not back: last seen",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    // The figures stand below each other.
    assert!(text.contains("\n  refused             45\n"), "{text}");
    assert!(text.contains("\n  peers at fault       3   1 still"), "{text}");
    assert!(text.find("legacy.supplier").unwrap() < text.find("mail.lawyers").unwrap(), "{text}");
    assert!(!text.contains("\x1b["), "colours where there is no terminal");
}

#[test]
fn csv_can_be_read_by_a_csv_reader() {
    let text = two_weeks().text(&["report", "--since", "20d", "--format", "csv"]);
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(csv.headers().unwrap().get(0), Some("peer"));
    let rows: Vec<_> = csv.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 8);
    assert_eq!(&rows[0][0], "192.0.2.140");
    assert_eq!(&rows[0][7], "36");
}

#[test]
fn a_ledger_that_is_not_there_is_an_error_with_a_remedy() {
    let ledger = two_weeks();
    let output = ledger.run(&["report", "--ledger", "/nowhere/ledger.sqlite"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69));
    assert!(error.contains("/nowhere/ledger.sqlite") && error.contains("help:"), "{error}");
}

#[test]
fn a_domain_without_mail_says_where_to_look() {
    let ledger = two_weeks();
    let table = ledger.text(&["report", "nobody.example", "--since", "2026-01-31"]);
    assert!(table.starts_with("nobody.example, since 2026-01-31\n\nNo mail was judged"), "{table}");
    assert!(table.contains("mandatory-tls entries --domain nobody.example"), "{table}");
}

/// A server that was refused.
const REFUSED: Mail = Mail {
    to: "example.org",
    client: "192.0.2.1",
    name: "mx.peer.example",
    sender: "peer.example",
    over: Over::Plaintext,
    verdict: Decision::Refuse,
    reason: ReasonKind::Plaintext,
};

fn adequate(mail: Mail) -> Mail {
    Mail { over: TLS13, verdict: Decision::Accept, reason: ReasonKind::Adequate, ..mail }
}

fn empty() -> Ledger {
    Ledger::new("domains: [example.org]", "")
}

#[test]
fn a_server_that_is_refused_day_after_day_is_not_resolved_by_another_server_of_its_sender() {
    let mut ledger = empty();
    for day in 0..30 {
        ledger.add(day, 1, REFUSED);
        ledger.add(day, 5, adequate(Mail { client: "192.0.2.2", name: "", ..REFUSED }));
    }
    // The other one came last.
    ledger.add(-1, 1, adequate(Mail { client: "192.0.2.2", name: "", ..REFUSED }));
    for (by, name) in [("peer", "192.0.2.1"), ("sender", "peer.example")] {
        let report = ledger.json(&["report", "--since", "40d", "--by", by]);
        assert_eq!(group(&report, name)["outcome"]["is"], "still-failing", "{report}");
    }
}

#[test]
fn of_a_server_that_has_not_come_back_it_is_said_what_is_known() {
    for (quiet, words) in [
        (3, "not back yet: last seen {}, 14 attempts on 2 days"),
        (5, "not back yet: last seen {}, 14 attempts on 2 days"),
        (6, "not back: last seen {}, 14 attempts on 2 days"),
    ] {
        let mut ledger = empty();
        ledger.add_attempts(quiet, 12, Some(11), REFUSED);
        ledger.add(quiet + 1, 2, REFUSED);
        // Somebody else writes: the ledger goes on.
        let other = Mail { client: "192.0.2.9", name: "", sender: "other.example", ..REFUSED };
        ledger.add(0, 1, adequate(other));
        let text = ledger.text(&["report", "--since", "20d"]);
        let then = jiff::Timestamp::now().as_second() - quiet as i64 * ledger::DAY;
        let line = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        assert!(line.contains(&words.replace("{}", &date_text(then))), "{text}");
        assert!(!text.contains("gave up"), "{text}");
        assert!(text.contains("\n  refused              3   in 14 attempts\n"), "{text}");
        assert!(text.contains("from 2 peers in 15 attempts"), "{text}");
        assert!(
            line.contains("14 attempts were refused. Those of one server for the same"),
            "{text}"
        );
    }
}

#[test]
fn attempts_and_recipients_stand_beside_each_other_and_shares_are_of_recipients() {
    let mut ledger = empty();
    ledger.add_attempts(1, 12, Some(11), REFUSED);
    ledger.add(1, 3, adequate(REFUSED));
    let report = ledger.json(&["report"]);
    let totals = &report["totals"];
    for (field, count) in [
        ("judged", 4),
        ("refused", 1),
        ("attempts", 15),
        ("refused_attempts", 12),
        ("encrypted", 3),
    ] {
        assert_eq!(totals[field], count, "{field}");
        if field != "encrypted" {
            assert_eq!(report["groups"][0][field], count, "{field} of the peer");
        }
    }
    let text = ledger.text(&["report"]);
    assert!(
        text.contains("encrypted       75.0 %") && text.contains("refused in 12 attempts"),
        "{text}"
    );
    let csv = ledger.text(&["report", "--format", "csv"]);
    let mut csv = csv::Reader::from_reader(csv.as_bytes());
    let heads = csv.headers().unwrap().clone();
    let row = csv.records().next().unwrap().unwrap();
    let of = |name: &str| &row[heads.iter().position(|head| head == name).unwrap()];
    assert_eq!(
        [of("recipients"), of("refused"), of("attempts"), of("refused_attempts")],
        ["4", "1", "15", "12"]
    );
}

#[test]
fn what_was_recorded_before_repeats_were_is_said_not_to_be_told_apart() {
    let mut ledger = empty();
    ledger.add_attempts(1, 12, None, REFUSED);
    let text = ledger.text(&["report"]);
    assert!(text.contains("refused             12\n"), "{text}");
    assert!(text.contains("12 refused attempts were recorded by an earlier release"), "{text}");
}

#[test]
fn shares_before_and_after_a_domain_is_enforced_are_said_not_to_be_comparable() {
    let mut ledger = empty();
    let monitored = Mail { verdict: Decision::WouldRefuse, ..REFUSED };
    ledger.add(3, 7, monitored);
    assert!(!ledger.text(&["report"]).contains("not comparable"));
    ledger.add(1, 1, Mail { to: "elsewhere.example", ..REFUSED });
    assert!(!ledger.text(&["report"]).contains("not comparable"));
    ledger.add(1, 1, REFUSED);
    let text = ledger.text(&["report"]).replace('\n', " ");
    assert!(text.contains("7 recipients came while their domains were only monitored"), "{text}");
    assert!(text.contains("Shares of the two times are not comparable"), "{text}");
}

#[test]
fn a_time_that_has_not_begun_is_an_error_and_no_report_is_of_an_impossible_time() {
    let mut ledger = empty();
    for command in [&["report"][..], &["simulate", "--domain", "example.org"], &["digest"]] {
        let output = ledger.run(&[command, &["--since", "2999-01-01"]].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{command:?}: {error}");
        assert!(error.contains("that day has not begun: in UTC, it is 20"), "{error}");
    }
    // An empty ledger, and one whose mail is all older.
    let text = ledger.text(&["report"]);
    assert!(text.contains("The ledger is empty"), "{text}");
    ledger.add(50, 1, REFUSED);
    let text = ledger.text(&["report"]);
    assert!(text.contains("The ledger has mail from") && !text.contains("empty"), "{text}");
    let report = ledger.json(&["report"]);
    assert!(report["until"].as_i64() >= report["since"].as_i64(), "{report}");
    assert!(report["ledger_ends"].as_i64() < report["since"].as_i64(), "{report}");
    // A ledger that is younger than what was asked for.
    let text = ledger.text(&["report", "--since", "90d"]);
    assert!(text.lines().next().unwrap().contains("(the ledger begins on 20"), "{text}");
}

#[test]
fn the_name_of_an_entry_chooses_the_mail_that_the_entry_is_about() {
    let mut ledger = empty();
    for (number, to) in
        ["sub.example", "a.sub.example", "b.a.sub.example", "xsub.example", "a-sub.example"]
            .into_iter()
            .enumerate()
    {
        ledger.add(1, 1 << number, Mail { to, ..REFUSED });
    }
    let judged = |name: &str| {
        let report = ledger.json(&["report", name]);
        (report["domain"].as_str().map(str::to_owned), report["totals"]["judged"].as_u64().unwrap())
    };
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(judged("*.sub.example"), (named("*.sub.example"), 2 + 4));
    assert_eq!(judged("*.SUB.example."), (named("*.sub.example"), 2 + 4));
    assert_eq!(judged("sub.example"), (named("sub.example"), 1));
    assert_eq!(judged("*.a.sub.example"), (named("*.a.sub.example"), 4));
    assert_eq!(judged("*.example"), (named("*.example"), 31));
    assert_eq!(judged("*"), (None, 31));
    assert_eq!(judged("Boss+x@sub.example"), (named("sub.example"), 1));
    assert_eq!(judged("*.none.example"), (named("*.none.example"), 0));
    let output = ledger.run(&["report", "boss@sub.example"]);
    let note = String::from_utf8_lossy(&output.stderr);
    assert!(note.contains("holds no local parts: this is all mail for sub.example"), "{note}");
    for wrong in ["a.*.example", "**", "@sub.example", "a b@sub.example", "sub..example", ""] {
        assert_eq!(ledger.run(&["report", wrong]).status.code(), Some(64), "{wrong}");
    }
    let text = ledger.text(&["report", "*.none.example"]);
    assert!(text.contains("mandatory-tls entries --domain none.example"), "{text}");
}

#[test]
fn a_table_fits_eighty_columns_and_breaks_no_word() {
    let mut ledger = two_weeks();
    let long = "a-very-long-name-of-a-server-in-the-cloud-0123456789.eu-central-1.compute.example";
    for sender in ["one.sender.example", "two.sender.example", "three.sender.example"] {
        ledger.add_attempts(
            6,
            1200,
            Some(1100),
            Mail {
                name: long,
                client: "2001:db8:1234:5678:9abc:def0:1234:5678",
                sender,
                ..REFUSED
            },
        );
    }
    for by in ["peer", "sender", "domain", "version", "cipher", "day"] {
        let text = ledger.text(&["report", "--since", "20d", "--by", by]);
        let too_long = text.lines().find(|line| line.chars().count() > 80 && !line.contains(long));
        assert_eq!(too_long, None, "{text}");
        for word in ["bigmail", "legacy"] {
            assert!(!text.lines().any(|line| line.ends_with(word)), "{text}");
        }
    }
    fs::write(
        ledger.path("new.yaml"),
        "domains: [{ domain: example.org, mode: off }, example.com]",
    )
    .unwrap();
    let text = ledger.text(&["simulate", "--policy", "new.yaml"]);
    let too_long = text.lines().find(|line| line.chars().count() > 80 && !line.contains(long));
    assert_eq!(too_long, None, "{text}");
}
