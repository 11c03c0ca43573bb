//! Both hops beside each other, and failed handshakes, in all forms of a report.

use super::support::{Ledger, Mail, Over, TLS13, both_hops, two_weeks};
use policy::{Decision, ReasonKind};
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

/// On one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn hops_of<'r>(report: &'r Value, domain: &str) -> &'r Value {
    let domains = report["hops"]["domains"].as_array().unwrap();
    domains.iter().find(|hops| hops["domain"] == domain).unwrap()
}

#[test]
fn each_domain_has_a_sentence_that_is_true_and_its_exceptions() {
    let text = both_hops().text(&["report", "--since", "20d"]);
    let flat = flat(&text);
    for words in [
        "Every message for clean.example came encrypted and left encrypted, or did not come.",
        "Not every message for mixed.example came encrypted. Not all of it left encrypted.",
        "- 3 came unencrypted, by an exception, from scanner.mixed.example, last on ",
        "- 4 left unencrypted, to old.mixed.example, last on ",
        "Every message for open.example came encrypted, or did not come. Not all of it left encrypted.",
        "Every message for secure.example came encrypted, and left encrypted or waits, or did not come.",
        "Every message for unread.example came encrypted, or did not come. How it left is not known.",
        "Every message for local.example came encrypted and stayed on this host, or did not come.",
        "No mail for quiet.example came: all of it was refused.",
    ] {
        assert!(flat.contains(words), "{words}: {text}");
    }
    // What needs attention comes first, and the figures stand below each other.
    let places: Vec<_> = ["mixed", "open", "secure", "unread", "clean"]
        .map(|name| text.find(&format!("\n {name}.example ")).unwrap())
        .into();
    assert!(places.is_sorted(), "{text}");
    let head = " BOTH HOPS       CAME TLS  CLEAR  REFUSED  LEFT TLS  VERIFIED  CLEAR  WAITS\n";
    assert!(text.contains(head), "{text}");
    for line in [
        " mixed.example        280      3        5       210                4\n",
        " secure.example       280                       213         3             2\n",
        " unread.example        70                         ?                ?      ?\n",
        " clean.example        280               5       280        70\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn what_to_do_hangs_on_what_the_policy_demands_today() {
    let ledger = both_hops();
    let of = |domain: &str| flat(&ledger.text(&["report", domain, "--since", "20d"]));
    let mixed = of("mixed.example");
    assert!(mixed.contains("The policy demands `encrypt` of this hop now."), "{mixed}");
    assert!(mixed.contains("`mandatory-tls check --postfix` says why"), "{mixed}");
    let open = of("open.example");
    assert!(
        open.contains("does not demand encryption of this hop. With `deliver: encrypt`"),
        "{open}"
    );
    let secure = of("secure.example");
    for words in [
        "- 3 had to wait for mx.secure.example: the server's certificate is not trusted, or has expired \
         (self-signed certificate); 3 left since",
        "- 2 had to wait for mx2.secure.example: the server does not offer TLS, which is demanded; still \
         waiting: 2, last tried ",
        "Switch TLS (STARTTLS) on for incoming mail on that server; the mail leaves at the next attempt.",
    ] {
        assert!(secure.contains(words), "{words}: {secure}");
    }
    // What has left needs no remedy.
    assert!(!secure.contains("Renew"), "{secure}");
    // Without a policy that can be read, no more is said than is known.
    std::fs::write(ledger.path("policy.yaml"), "domains: [").unwrap();
    let output = ledger.run(&["report", "mixed.example", "--since", "20d"]);
    assert!(output.status.success());
    assert!(!String::from_utf8_lossy(&output.stdout).contains("demands"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("The policy cannot be read"));
}

#[test]
fn where_nobody_reads_the_log_it_is_said_how_to_have_the_second_hop_known() {
    let mut ledger = Ledger::new("domains: [example.org]", "");
    ledger.add(
        1,
        3,
        Mail {
            to: "example.org",
            client: "192.0.2.1",
            name: "",
            sender: "peer.example",
            over: TLS13,
            verdict: Decision::Accept,
            reason: ReasonKind::Adequate,
        },
    );
    let text = flat(&ledger.text(&["report"]));
    for words in [
        "Every message for example.org came encrypted, or did not come. How it left is not known.",
        "`mandatory-tls follow-log` reads it",
        "`smtp_tls_loglevel = 1`",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("left encrypted"), "{text}");
    let report = ledger.json(&["report"]);
    assert_eq!(hops_of(&report, "example.org")["left"], Value::Null);
    assert_eq!(hops_of(&report, "example.org")["second"], "nothing-known");
    assert_eq!(report["hops"]["deliveries"], Value::Null);
    for (language, words) in [
        ("en", "nothing is recorded"),
        ("en", "“mandatory-tls follow-log” reads it"),
        ("de", "nichts festgehalten"),
        ("de", "Wie sie weitergingen, ist nicht bekannt."),
    ] {
        let page = ledger.text(&["report", "--format", "html", "--language", language]);
        assert!(page.contains(words), "{words}: {page}");
    }
    // The log is read, and does not tell: another remedy.
    ledger.deliver(1, 3, "example.org", "mx.example.org", "unknown none sent none");
    let text = flat(&ledger.text(&["report"]));
    assert!(
        text.contains("3 left, and whether they were encrypted is not known, to mx.example.org")
    );
    assert!(text.contains("Postfix: `smtp_tls_loglevel = 1` in main.cf."), "{text}");
    assert!(!text.contains("follow-log"), "{text}");
}

#[test]
fn failed_handshakes_are_told_by_client_with_a_remedy_of_their_own() {
    let ledger = both_hops();
    let text = ledger.text(&["report", "--since", "20d"]);
    let flat = flat(&text);
    for words in [
        "plaintext; TLS was tried and failed: their TLS version is too old for this server \
         (unsupported protocol); still failing since",
        "mail.lawyers.example 12 ",
        "came without encryption then, and was refused",
        "the connection broke off (lost connection); has not come since",
        "If their TLS version is too old for this server: Their server has TLS switched on, but only in old",
    ] {
        assert!(flat.contains(words), "{words}: {text}");
    }
    // Who has come with TLS since needs no letter.
    assert!(
        flat.contains("no cipher suite in common (no shared cipher); came with TLS since"),
        "{text}"
    );
    assert!(!flat.contains("If no cipher suite in common"), "{text}");
    // Of a domain, only those who then wrote to it.
    let report = ledger.json(&["report", "mixed.example", "--since", "20d"]);
    let clients: Vec<_> = report["handshakes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|client| (&client["client"], &client["then"], &client["failures"][0]["fault"]))
        .collect();
    assert_eq!(clients, [(&"192.0.2.77".into(), &"refused".into(), &"version".into())]);
}

#[test]
fn csv_has_both_hops_by_domain_and_failed_handshakes_by_peer() {
    let ledger = both_hops();
    let read = |by: &str| -> Vec<std::collections::HashMap<String, String>> {
        let text = ledger.text(&["report", "--since", "20d", "--by", by, "--format", "csv"]);
        let mut csv = csv::Reader::from_reader(text.as_bytes());
        csv.deserialize().map(Result::unwrap).collect()
    };
    let domains = read("domain");
    let of = |name: &str| domains.iter().find(|row| row["domain"] == name).unwrap();
    let cells = |name: &str, columns: &[&str]| -> Vec<String> {
        columns.iter().map(|column| of(name)[*column].clone()).collect()
    };
    let columns = [
        "came_encrypted",
        "came_unencrypted",
        "refused",
        "left_verified",
        "left_encrypted",
        "left_unencrypted",
        "waits",
        "exceptions",
    ];
    assert_eq!(
        cells("mixed.example", &columns),
        ["280", "3", "5", "0", "210", "4", "0", "came-excepted left-unencrypted"]
    );
    assert_eq!(cells("secure.example", &columns), ["280", "0", "0", "3", "210", "0", "2", "waits"]);
    // Nothing is not zero.
    assert_eq!(cells("unread.example", &columns), ["70", "0", "0", "", "", "", "", ""]);
    assert_eq!(
        of("clean.example")["both_hops"],
        "Every message for clean.example came encrypted and left encrypted, or did not come."
    );
    let peers = read("peer");
    let lawyers = peers.iter().find(|row| row["peer"] == "192.0.2.77").unwrap();
    assert_eq!((&*lawyers["failed_handshakes"], &*lawyers["handshake_faults"]), ("12", "version"));
}

#[test]
fn the_page_shows_both_hops_in_both_languages_and_commands_only_to_the_operator() {
    let ledger = both_hops();
    let page = |arguments: &[&str]| {
        ledger.text(&[&["report", "--since", "20d", "--format", "html"], arguments].concat())
    };
    let english = page(&["--language", "en"]);
    let german = page(&["--language", "de"]);
    for (page, words) in [
        (
            &english,
            "Every message for clean.example came encrypted and left encrypted, or did not come.",
        ),
        (&english, "<em>3</em>&nbsp;of them verified"),
        (&english, "“deliver: encrypt”"),
        (&english, "not encrypted; TLS failed: their TLS version is too old for this server"),
        (
            &german,
            "Jede E-Mail an clean.example kam verschlüsselt und ging verschlüsselt weiter, oder sie kam nicht.",
        ),
        (&german, "3 kamen unverschlüsselt, aufgrund einer Ausnahme, von scanner.mixed.example"),
        (&german, "kam dann unverschlüsselt und wurde abgewiesen"),
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    // A page of one domain goes to whoever stands behind it.
    for domain in ["mixed.example", "open.example", "secure.example"] {
        for language in ["en", "de"] {
            let page = page(&[domain, "--language", language]);
            let hops =
                page.split("class=\"hop ").nth(1).unwrap().split("</article>").next().unwrap();
            assert!(!hops.contains("mandatory-tls ") && !hops.contains("deliver:"), "{hops}");
            assert!(!hops.contains('`') && !hops.contains("<h3>"), "{hops}");
        }
    }
}

#[test]
fn names_from_outside_are_escaped_on_the_page() {
    let mut ledger = both_hops();
    ledger.deliver(1, 1, "clean.example", "<b>mx</b>", "none none sent none");
    ledger.fail_handshakes(
        1,
        1,
        ("192.0.2.9", "<i>x</i>"),
        ("<script>", ledger::Afterwards::Away),
        &["clean.example"],
    );
    let page = ledger.text(&["report", "--since", "20d", "--format", "html"]);
    assert!(!page.contains("<b>mx</b>") && !page.contains("<i>x</i>"));
    assert!(page.contains("&#60;b&#62;mx&#60;/b&#62;"), "{page}");
}

#[test]
fn many_domains_are_folded_and_a_table_keeps_to_its_limit() {
    let mut ledger = Ledger::new("domains: ['*.example.org']", "");
    for number in 0..30 {
        let to: &'static str = format!("d{number}.example.org").leak();
        ledger.add(
            1,
            3,
            Mail {
                to,
                client: "192.0.2.1",
                name: "",
                sender: "peer.example",
                over: Over::Plaintext,
                verdict: Decision::WouldRefuse,
                reason: ReasonKind::Plaintext,
            },
        );
    }
    let page = ledger.text(&["report", "--format", "html", "--language", "en"]);
    assert_eq!(page.matches("<article class=\"hop ").count(), 30);
    assert!(page.contains("<summary>Show 20 more</summary>"), "{page}");
    let text = ledger.text(&["report", "--limit", "5"]);
    assert_eq!(text.matches("Not every message for").count(), 5, "{text}");
    assert!(text.contains("... and 25 more (--limit 0)"), "{text}");
}

#[test]
fn prometheus_is_told_of_both_hops_in_figures_that_its_own_tool_finds_good() {
    let ledger = both_hops();
    let text = ledger.text(&["report", "--since", "20d", "--format", "prometheus"]);
    for line in [
        "# TYPE mandatory_tls_left_recipients gauge",
        "mandatory_tls_came_recipients{how=\"encrypted\"} 1260",
        "mandatory_tls_came_recipients{how=\"excepted\"} 3",
        "mandatory_tls_came_recipients{how=\"refused\"} 15",
        "mandatory_tls_left_recipients{how=\"verified\"} 73",
        "mandatory_tls_left_recipients{how=\"encrypted\"} 840",
        "mandatory_tls_left_recipients{how=\"unencrypted\"} 8",
        "mandatory_tls_left_recipients{how=\"local\"} 70",
        "mandatory_tls_waiting_recipients{reason=\"tls-not-offered\"} 2",
        "mandatory_tls_waiting_recipients{reason=\"connection\"} 0",
        "mandatory_tls_failed_handshakes{fault=\"version\",afterwards=\"refused\"} 12",
        "mandatory_tls_failed_handshakes{fault=\"ours\",afterwards=\"away\"} 0",
        "mandatory_tls_hops_domains{state=\"clean\"} 3",
        "mandatory_tls_hops_domains{state=\"exceptions\"} 3",
        "mandatory_tls_hops_domains{state=\"not-known\"} 1",
        // Of the eight, four were for a domain whose policy takes that.
        "mandatory_tls_left_unencrypted_demanded 4",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    let figure = |name: &str| -> i64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name}: {text}")).trim().parse().unwrap()
    };
    let now = jiff::Timestamp::now().as_second();
    assert!((now - 60..=now).contains(&figure("mandatory_tls_report_timestamp_seconds ")));
    assert!(figure("mandatory_tls_deliveries_last_timestamp_seconds ") > now - 2 * ledger::DAY);
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool: run tests/install");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A ledger in which nothing is recorded of deliveries says so, and is no error.
    let text = two_weeks().text(&["report", "--format", "prometheus"]);
    assert!(text.contains("\nmandatory_tls_deliveries_last_timestamp_seconds 0\n"), "{text}");
}

/// A message from a client, over TLS or not, and how it left.
fn message(number: u32, second: u32, from: (&str, bool), to: &str, leaves: &[&str]) -> String {
    let day = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() - ledger::DAY);
    let day = day.unwrap().strftime("%Y-%m-%d").to_string();
    let line = |program: &str, process: u32, text: &str| {
        format!("{day}T08:00:{second:02}.000000+00:00 mx postfix/{program}[{process}]: {text}\n")
    };
    let (client, encrypted) = from;
    let (process, id) = (1000 + number, format!("{:010X}", 4096 + number));
    let mut log = line("smtpd", process, &format!("connect from {client}"));
    if encrypted {
        let tls = "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)";
        let text = format!("Anonymous TLS connection established from {client}: {tls}");
        log += &line("smtpd", process, &text);
    }
    log += &line("smtpd", process, &format!("{id}: client={client}"));
    log += &line(
        "qmgr",
        900,
        &format!("{id}: from=<a@peer.example>, size=4000, nrcpt=1 (queue active)"),
    );
    let counts = if encrypted { "ehlo=2 starttls=1" } else { "ehlo=1" };
    let end = format!("disconnect from {client} {counts} mail=1 rcpt=1 data=1 quit=1 commands=7");
    log += &line("smtpd", process, &end);
    for leaves in leaves {
        log +=
            &line("smtp", 2000 + number, &leaves.replace("ID", &format!("{id}: to=<info@{to}>")));
    }
    log
}

#[test]
fn a_log_of_postfix_makes_a_report_of_both_hops() {
    const TLS: &str = "TLS connection established to mx.test[192.0.2.25]:25: TLSv1.3 with cipher \
                       TLS_AES_256_GCM_SHA384 (256/256 bits)";
    const SENT: &str = "ID, relay=mx.test[192.0.2.25]:25, delay=1, delays=0.1/0/0.4/0.5, dsn=2.0.0, \
                        status=sent (250 2.0.0 Ok)";
    const PUT_OFF: &str = "ID, relay=mx.test[192.0.2.25]:25, delay=1, delays=0.1/0/0.4/0.5, dsn=4.7.4, \
                           status=deferred (TLS is required, but was not offered by host \
                           mx.test[192.0.2.25])";
    let (encrypted, verified) = (&*format!("Untrusted {TLS}"), &*format!("Verified {TLS}"));
    let big = ("out.peer.example[203.0.113.10]", true);
    let old = ("old.peer.example[198.51.100.7]", false);
    let mut log = String::new();
    log += &message(1, 1, big, "good.example", &[encrypted, SENT]);
    log += &message(2, 2, big, "good.example", &[verified, SENT]);
    log += &message(3, 3, big, "late.example", &[PUT_OFF, verified, SENT]);
    log += &message(4, 4, big, "held.example", &[PUT_OFF]);
    log += &message(5, 5, big, "bare.example", &[SENT]);
    log += &message(6, 6, old, "open.example", &[encrypted, SENT]);
    let ledger = Ledger::new(
        "{ defaults: { deliver: encrypt, mode: monitor }, domains: ['*.example'] }",
        "",
    );
    std::fs::write(ledger.path("mail.log"), log).unwrap();
    ledger.text(&["import", "postfix-log", "mail.log"]);
    let text = flat(&ledger.text(&["report", "--limit", "0"]));
    for words in [
        "Every message for good.example came encrypted and left encrypted, or did not come.",
        "Every message for late.example came encrypted and left encrypted, or did not come.",
        "- 1 had to wait for mx.test: the server does not offer TLS, which is demanded; 1 left since",
        "Every message for held.example came encrypted, or did not come. None has left: it waits",
        "the server does not offer TLS, which is demanded; still waiting: 1, last tried ",
        "Every message for bare.example came encrypted, or did not come. Not all of it left encrypted.",
        "Not every message for open.example came encrypted. What left, left encrypted.",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let report = ledger.json(&["report"]);
    let left = &hops_of(&report, "good.example")["left"];
    assert_eq!((&left["verified"], &left["encrypted"]), (&1.into(), &1.into()));
}
