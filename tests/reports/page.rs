//! The report as a page: what can be told of it from its text.

use super::support::{Ledger, Mail, Over, TLS13, two_weeks};
use policy::{Decision, ReasonKind};

const NULL: Over = Over::Tls("TLSv1.2", "NULL-SHA256");

fn page(ledger: &Ledger, arguments: &[&str]) -> String {
    ledger.text(&[&["report", "--format", "html"], arguments].concat())
}

/// What stands between two texts, each time.
fn between<'p>(page: &'p str, from: &str, to: &str) -> Vec<&'p str> {
    page.split(from)
        .skip(1)
        .filter_map(|rest| rest.split_once(to))
        .map(|(found, _)| found)
        .collect()
}

/// What a reader sees of some HTML, with blanks between its elements.
fn seen(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        text.push(' ');
        text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
    }
    let text = text.replace("&nbsp;", " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a reader sees of a page.
fn text(page: &str) -> String {
    let body = page.split_once("<body>").unwrap().1;
    seen(body.split_once("<script>").map_or(body, |(body, _)| body))
}

/// The lines of the table with this class, each as its reader sees it.
fn lines(page: &str, table: &str) -> Vec<String> {
    let tables = between(page, &format!("class=\"{table}"), "</table>");
    let rows = tables.iter().flat_map(|table| between(table, "<tr><th scope=\"row\">", "</tr>"));
    rows.map(seen).collect()
}

fn accepted(to: &'static str, client: &'static str, over: Over) -> Mail {
    Mail {
        to,
        client,
        name: "",
        sender: "peer.example",
        over,
        verdict: Decision::Accept,
        reason: ReasonKind::Adequate,
    }
}

#[test]
fn a_page_needs_nothing_from_elsewhere_and_runs_its_own_script_only() {
    let page = page(&two_weeks(), &["--since", "20d"]);
    for word in ["http:", "https:", "://", "<img", "<link", "@import", "src=", "javascript:"] {
        assert!(!page.contains(word), "{word}");
    }
    // Patterns are named within the page.
    assert!(between(&page, "url(", ")").iter().all(|target| target.starts_with('#')));
    let [script] = &*between(&page, "<script>", "</script>") else { panic!("{page}") };
    let hash = openssl::base64::encode_block(&openssl::sha::sha256(script.as_bytes()));
    let csp = format!(
        "content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'\""
    );
    assert!(page.contains(&csp), "the script has another hash than the page names: {hash}");
    assert!(!page.contains(" onclick") && !page.contains(" onload"));
}

#[test]
fn what_a_page_shows_is_escaped() {
    let mut ledger = two_weeks();
    ledger.add(1, 2, accepted("example.org", "192.0.2.66", TLS13));
    let file = rusqlite::Connection::open(ledger.path("ledger.sqlite")).unwrap();
    let evil = "UPDATE mail SET sender = '<i>&\"', reason = '<b onload=x>', verdict = 'refuse',
        tls_version = '<u>', name = '<s>', client = client || '<q>' WHERE client = '192.0.2.66'";
    assert_eq!(file.execute(evil, []).unwrap(), 1);
    for by in ["peer", "sender", "version", "cipher"] {
        let page = page(&ledger, &["--by", by]);
        for tag in ["<i>", "<b o", "<u>", "<s>", "<q>"] {
            assert!(!page.contains(tag), "{tag} by {by}");
        }
        assert!(page.contains("&#60;b onload=x&#62;"), "by {by}");
    }
}

#[test]
fn the_chart_covers_the_time_that_is_stated_and_has_its_figures_in_a_table() {
    let ledger = two_weeks();
    let page_of_20_days = page(&ledger, &["--since", "20d"]);
    let figures = lines(&page_of_20_days, "figures");
    // Mail came on the last fourteen of them.
    assert_eq!(figures.len(), 21);
    assert_eq!(page_of_20_days.matches("<g><title>").count(), 21);
    let first = figures.first().unwrap().split(' ').next().unwrap();
    let [stated] = &*between(&page_of_20_days, "<h1>", "</p>") else { panic!("{figures:?}") };
    let stated = stated.replace('\u{2011}', "-");
    assert!(stated.contains(&format!("<p>{first} to ")), "{stated}");
    assert!(stated.contains("21 days, in UTC"), "{stated}");
    assert!(figures.first().unwrap().ends_with(" 0 - 0 0 0"), "{figures:?}");
    let report = ledger.json(&["report", "--since", "20d", "--by", "day"]);
    for day in report["groups"].as_array().unwrap() {
        let name = day["name"].as_str().unwrap();
        let line = figures.iter().find(|line| line.starts_with(name)).unwrap();
        let numbers: Vec<&str> = line.split(' ').collect();
        let of = |field: &str| day[field].to_string();
        assert_eq!(numbers.get(1), Some(&&*of("judged")), "{line}");
        assert_eq!(numbers.last(), Some(&&*of("refused")), "{line}");
    }
    // Said in words beside the chart, and named by it.
    assert!(page_of_20_days.contains("role=\"img\" aria-labelledby=\"over-time\""));
    let [words] = &*between(&page_of_20_days, "id=\"over-time\">", "</p>") else { panic!() };
    assert!(words.starts_with("Mail came on 14 days, the most on "), "{words}");
    assert!(words.contains("Refused: 45 recipients on 8 days."), "{words}");
}

#[test]
fn one_refusal_among_thousands_is_seen() {
    let mut ledger = Ledger::new("domains: [example.org]", "");
    ledger.add(1, 90_000, accepted("example.org", "192.0.2.1", TLS13));
    let refused = accepted("example.org", "192.0.2.2", Over::Plaintext);
    let (verdict, reason) = (Decision::Refuse, ReasonKind::Plaintext);
    ledger.add(1, 1, Mail { verdict, reason, ..refused });
    let page = page(&ledger, &[]);
    let [chart] = &*between(&page, "<svg class=\"bars\">", "</svg>") else { panic!("{page}") };
    let [bar] = &*between(chart, "<rect class=\"bad\"", "/>") else { panic!("{chart}") };
    assert!(bar.ends_with("height=\"1.00%\""), "{bar}");
    assert!(page.contains("role=\"img\"") && text(&page).contains("99.9 % encrypted"));
}

#[test]
fn a_long_time_is_drawn_in_weeks_or_more_and_says_so() {
    let ledger = two_weeks();
    for (since, days, said) in [
        ("61d", 62, None),
        ("62d", 9, Some("Each bar is 7 days.")),
        ("60w", 61, Some("Each bar is 7 days.")),
        ("62w", 16, Some("Each bar is 28 days.")),
    ] {
        let page = page(&ledger, &["--since", since]);
        assert_eq!(lines(&page, "figures").len(), days, "{since}");
        assert_eq!(page.contains("Each bar is"), said.is_some(), "{since}");
        assert!(said.is_none_or(|said| page.contains(said)), "{since}");
    }
    let page = page(&ledger, &["--since", "1990-01-01"]);
    assert!((30..=62).contains(&lines(&page, "figures").len()));
}

#[test]
fn each_table_has_a_caption_and_each_head_says_what_it_heads() {
    for by in ["peer", "sender", "domain", "version", "cipher", "day"] {
        let page = page(&two_weeks(), &["--since", "20d", "--by", by]);
        assert_eq!(page.matches("<table").count(), page.matches("<caption").count(), "{by}");
        assert_eq!(page.matches("<th ").count(), page.matches("<th scope=").count(), "{by}");
        assert!(!page.contains("<th>") && page.contains("<html lang=\"en\">"), "{by}");
        // Two columns more where it is told what became of it.
        let [head, ..] = &*between(&page, "<table id=\"groups\"", "</thead>") else { panic!() };
        let columns = head.matches("scope=\"col\"").count();
        assert_eq!(columns, if ["peer", "sender"].contains(&by) { 8 } else { 6 }, "{by}");
        // What is drawn has a line of figures or stands in one.
        for drawn in between(&page, "<td class=\"meter\"", ">") {
            assert!(drawn.contains("aria-hidden"), "{drawn}");
        }
    }
}

#[test]
fn a_session_that_encrypts_nothing_is_not_shown_as_encrypted_for_its_version() {
    let mut ledger = Ledger::new("domains: [example.org]", "");
    ledger.add(1, 6, accepted("example.org", "192.0.2.1", TLS13));
    ledger.add(1, 3, accepted("example.org", "192.0.2.2", NULL));
    ledger.add(1, 1, accepted("example.org", "192.0.2.3", Over::Plaintext));
    let page = page(&ledger, &[]);
    let lines = lines(&page, "versions");
    assert_eq!(lines, ["TLSv1.3 60.0 % 6", "TLSv1.2 30.0 % 3 3", "plaintext 10.0 % 1 1"]);
    let bars = between(&page, "<td class=\"meter\"", "</td>");
    let classes: Vec<_> = bars.iter().map(|bar| between(bar, "rect class=\"", "\"")).collect();
    assert_eq!(classes, [["good"], ["bad"], ["bad"]]);
}

#[test]
fn what_is_not_known_of_a_session_is_shown_as_neither_good_nor_bad() {
    let mut ledger = Ledger::new("domains: [example.org]", "");
    ledger.add(1, 6, accepted("example.org", "192.0.2.1", TLS13));
    for (client, count) in [("192.0.2.2", 2), ("192.0.2.3", 1), ("192.0.2.4", 1)] {
        ledger.add(1, count, accepted("example.org", client, Over::Plaintext));
    }
    let file = rusqlite::Connection::open(ledger.path("ledger.sqlite")).unwrap();
    for (client, version, cipher, verdict, reason) in [
        ("192.0.2.2", "unknown", "unknown", "accept", "not-judged"),
        ("192.0.2.3", "encrypted", "not-said", "accept", "not-judged"),
        ("192.0.2.4", "failed", "none", "would-refuse", "tls-failed:no-shared-cipher"),
    ] {
        let update = "UPDATE mail SET source = 'log', tls_version = ?2, cipher = ?3, verdict = ?4,
            reason = ?5 WHERE client = ?1";
        let values = (client, version, cipher, verdict, reason);
        assert_eq!(file.execute(update, values).unwrap(), 1);
    }
    for (language, versions, words) in [
        (
            "en",
            [
                "unknown 20.0 % 2",
                "TLS, version unknown 10.0 % 1",
                "plaintext, TLS failed 10.0 % 1 1",
            ],
            ["not judged", "TLS was tried and failed: no shared cipher", "2 more not known"],
        ),
        (
            "de",
            [
                "unbekannt 20,0 % 2",
                "TLS, Version unbekannt 10,0 % 1",
                "unverschlüsselt, TLS schlug fehl 10,0 % 1 1",
            ],
            ["nicht beurteilt", "TLS wurde versucht und schlug fehl", "2 weitere nicht bekannt"],
        ),
    ] {
        let page = page(&ledger, &["--language", language]);
        let found = lines(&page, "versions");
        assert_eq!(found.len(), 4, "{found:?}");
        for version in versions {
            assert!(found.iter().any(|line| line == version), "{version} in {found:?}");
        }
        let text = text(&page);
        assert!(words.iter().all(|words| text.contains(words)), "{words:?} in {text}");
        let bars = between(&page, "<td class=\"meter\"", "</td>");
        let classes: Vec<_> =
            bars.iter().flat_map(|bar| between(bar, "rect class=\"", "\"")).collect();
        let count = |class| classes.iter().filter(|found| **found == class).count();
        assert_eq!((count("good"), count("bad"), count("unknown")), (2, 1, 1));
        assert!(
            text.contains("87.5 % encrypted of 8") || text.contains("87,5 % verschlüsselt von 8")
        );
    }
}

#[test]
fn good_and_bad_are_told_apart_without_colour() {
    let page = page(&two_weeks(), &["--since", "20d"]);
    // What is drawn: by a pattern. What became of a server: by words, with a sign before them.
    for rule in [".warn { fill: url(#warn); }", ".bad { fill: url(#bad); }"] {
        assert!(page.contains(rule), "{rule}");
    }
    for pattern in ["warn", "bad"] {
        assert!(page.contains(&format!("<pattern id=\"{pattern}\"")), "{pattern}");
    }
    for (class, words) in [("bad", "still failing"), ("bad", "not back"), ("good", "resolved")] {
        let cells = between(&page, &format!("<td class=\"status {class}\""), "</td>");
        assert!(cells.iter().any(|cell| cell.contains(words)), "{class} {words}: {cells:?}");
        assert!(page.contains(&format!(".status.{class}::before {{ content: \"\\27")), "{class}");
    }
}

#[test]
fn attempts_stand_beside_the_messages_that_they_were_for() {
    let mut ledger = Ledger::new("domains: [example.org]", "");
    let refused = Mail {
        verdict: Decision::Refuse,
        reason: ReasonKind::Plaintext,
        ..accepted("example.org", "192.0.2.7", Over::Plaintext)
    };
    ledger.add(0, 12, refused);
    ledger.add(8, 5, Mail { client: "192.0.2.8", ..refused });
    ledger.add(0, 2, Mail { client: "192.0.2.9", ..refused });
    let file = rusqlite::Connection::open(ledger.path("ledger.sqlite")).unwrap();
    for (client, repeats) in [("192.0.2.7", 11), ("192.0.2.8", 3), ("192.0.2.9", 0)] {
        let update = "UPDATE mail SET repeats = ?2 WHERE client = ?1";
        assert_eq!(file.execute(update, (client, repeats)).unwrap(), 1);
    }
    for (language, tile, first, gone, plain) in [
        ("en", "19 attempts", "1 12 attempts", "2 5 attempts", "2 2 0 %"),
        ("de", "19 Versuche", "1 12 Versuche", "2 5 Versuche", "2 2 0 %"),
    ] {
        let page = page(&ledger, &["--since", "20d", "--language", language]);
        assert!(text(&page).contains(tile), "{}", text(&page));
        let lines = lines(&page, "groups");
        let line = |client: &str| lines.iter().find(|line| line.starts_with(client)).unwrap();
        assert!(line("192.0.2.7").contains(first), "{lines:?}");
        assert!(line("192.0.2.8").contains(gone), "{lines:?}");
        assert!(line("192.0.2.9").contains(plain), "{lines:?}");
        // What is known of one that has not come back stands below, in figures.
        let cells = between(&page, "<td class=\"status bad\" data-v=\"4\">", "</td>");
        let [cell] = &*cells else { panic!("{cells:?}") };
        assert!(cell.contains("<small>") && seen(cell).contains(tile.trim_start_matches("19 ")));
    }
}

#[test]
fn thousands_of_lines_are_folded_and_all_there() {
    let mut ledger = Ledger::new("domains: [example.org]", "");
    for number in 0..60_u8 {
        let client: &'static str = format!("198.51.100.{number}").leak();
        ledger.add(1, u64::from(number) + 1, accepted("example.org", client, TLS13));
    }
    let found = page(&ledger, &[]);
    let (in_sight, folded) = found.split_once("<details id=\"folded\">").unwrap();
    assert_eq!((lines(in_sight, "groups").len(), lines(folded, "groups").len()), (25, 35));
    assert!(folded.contains("<summary>Show 35 more</summary>"), "{folded}");
    // Paper cannot be unfolded.
    assert!(folded.contains("<p class=\"rest\">Not printed: 35 more</p>"), "{folded}");
    assert!(found.contains("details:not([open]) + .rest { display: block;"));
    // The two tables have the same columns.
    let heads = between(&found, "<thead>", "</thead>");
    assert_eq!(heads[heads.len() - 2], heads[heads.len() - 1]);
    // Without the script, nothing is offered that needs it.
    assert!(found.contains("<div id=\"tools\" hidden"));
    assert!(found.contains("\n[hidden] { display: none !important; }\n"));
    for (limit, here, said) in [
        ("0", 60, None),
        ("59", 59, Some("1 more is not on this page.")),
        ("25", 25, Some("35 more are not on this page.")),
    ] {
        let page = page(&ledger, &["--limit", limit]);
        assert_eq!(lines(&page, "groups").len(), here, "{limit}");
        assert_eq!(page.contains("on this page."), said.is_some(), "{limit}");
        assert!(said.is_none_or(|said| page.contains(said)), "{limit}");
        assert_eq!(page.contains("id=\"folded\""), here > 28, "{limit}");
    }
    // A table on a terminal stays short.
    assert_eq!(ledger.text(&["report"]).matches("198.51.100.").count(), 25);
}

#[test]
fn a_page_is_in_the_language_of_its_domain() {
    let policy = "domains: [example.org, { domain: example.com, language: de }, { domain: '*.example.com', language: de }]";
    let mut ledger = Ledger::new(policy, "");
    let refused = |to| Mail {
        verdict: Decision::Refuse,
        reason: ReasonKind::Plaintext,
        ..accepted(to, "192.0.2.7", Over::Plaintext)
    };
    for to in ["example.org", "example.com", "a.example.com"] {
        ledger.add(1, 1500, accepted(to, "192.0.2.6", TLS13));
        ledger.add(1, 1, refused(to));
    }
    for (arguments, language) in [
        (&["example.com"][..], "de"),
        (&["a.example.com"], "de"),
        (&["example.com", "--language", "en"], "en"),
        (&["example.org"], "en"),
        (&["example.org", "--language", "de"], "de"),
        (&[], "en"),
        (&["--language", "de"], "de"),
    ] {
        let page = page(&ledger, arguments);
        assert!(page.contains(&format!("<html lang=\"{language}\">")), "{arguments:?}");
        let text = text(&page).replace('\u{ad}', "");
        let german =
            ["verschlüsselt", "abgewiesen", "Abgewiesen", "nicht verschlüsselt", "99,9 %", " bis "];
        let english = ["encrypted", "refused", "Refused", "not encrypted", "99.9 %", " to "];
        let (wanted, other) = if language == "de" { (german, english) } else { (english, german) };
        for words in wanted {
            assert!(text.contains(words), "{arguments:?}: {words} in {text}");
        }
        for words in other {
            assert!(!text.contains(words), "{arguments:?}: {words} in {text}");
        }
    }
}

#[test]
fn a_policy_that_cannot_be_read_stops_no_page() {
    let ledger = two_weeks();
    std::fs::write(ledger.path("policy.yaml"), "domains: [a..b]").unwrap();
    let output = ledger.run(&["report", "example.org", "--format", "html"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("<html lang=\"en\">"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("The policy cannot be read") && said.contains("--language"), "{said}");
    // Nobody asked for its language, nor whether a domain can be enforced.
    let output = ledger.run(&["report", "--format", "html", "--language", "de"]);
    assert!(output.status.success() && output.stderr.is_empty());
}

#[test]
fn a_page_without_mail_draws_nothing_and_needs_no_script() {
    let ledger = two_weeks();
    for (language, words) in
        [("en", "No mail was judged in this time."), ("de", "keine E-Mail geprüft")]
    {
        let arguments = ["nobody.example", "--language", language];
        let page = page(&ledger, &arguments);
        assert!(page.contains(words) && !page.contains("<script"), "{page}");
        assert!(!page.contains("<table") && !page.contains("role=\"img\""), "{page}");
    }
}
