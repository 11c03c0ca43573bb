use super::support::two_weeks;

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
        ("198.51.100.99", "gave-up"),
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
        "1 still failing, 1 gave up, 1 resolved",
        "legacy.supplier.example",
        "gave up on",
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
