use super::support::{Ledger, Mail, TLS13};
use policy::ReasonKind;
use std::fs;

/// Three messages of today: one encrypted, one not, one of an authenticated user.
fn log() -> String {
    let now = jiff::Timestamp::now();
    let mut log = String::new();
    let mut line = |text: &str| log.push_str(&format!("{now} mx {text}\n"));
    for (number, client, tls, more) in [
        (1, "a.test[192.0.2.1]", true, ""),
        (2, "b.test[192.0.2.2]", false, ""),
        (3, "c.test[192.0.2.3]", false, ", sasl_method=PLAIN, sasl_username=me"),
    ] {
        line(&format!("postfix/smtpd[{number}]: connect from {client}"));
        if tls {
            line(&format!(
                "postfix/smtpd[{number}]: Anonymous TLS connection established from {client}: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"
            ));
        }
        line(&format!("postfix/smtpd[{number}]: AAAAA{number}: client={client}{more}"));
        line(&format!(
            "postfix/qmgr[9]: AAAAA{number}: from=<me@peer.example>, size=1, nrcpt=2 (queue active)"
        ));
        for to in ["x@example.org", "y@free.example"] {
            line(&format!("postfix/smtp[8]: AAAAA{number}: to=<{to}>, relay=x, status=sent (ok)"));
        }
        let starttls = if tls { "starttls=1 " } else { "" };
        line(&format!(
            "postfix/smtpd[{number}]: disconnect from {client} ehlo=1 {starttls}mail=1 rcpt=2 data=1 quit=1 commands=6"
        ));
    }
    log
}

pub fn ledger() -> Ledger {
    let ledger = Ledger::new("domains: [example.org]\ntrusted: { authenticated: true }", "");
    fs::write(ledger.path("mail.log"), log()).unwrap();
    ledger
}

pub const IMPORT: [&str; 3] = ["import", "postfix-log", "mail.log"];

#[test]
fn a_log_answers_the_question_on_the_first_day() {
    let ledger = ledger();
    let said = ledger.text(&IMPORT);
    assert!(said.contains("3 messages over SMTP, 1 TLS sessions"), "{said}");
    assert!(said.contains(" 6  recipients recorded"), "{said}");
    let report = ledger.json(&["report", "--by", "domain"]);
    // Nothing was refused then, and the authenticated user is trusted.
    let totals = &report["totals"];
    assert_eq!(
        (&totals["judged"], &totals["encrypted"], &totals["refused"], &totals["would_refuse"]),
        (&4.into(), &2.into(), &0.into(), &2.into())
    );
    assert_eq!((&report["trusted"], &report["from_log"]), (&2.into(), &4.into()));
    let found = ledger.json(&["simulate", "--domain", "free.example"]);
    assert_eq!(
        (&found["newly_refused"], &found["peers"][0]["host"]),
        (&1.into(), &"b.test".into())
    );
}

#[test]
fn a_sender_that_the_log_does_not_tell_is_not_the_null_sender() {
    let ledger = ledger();
    let without: Vec<String> =
        log().lines().filter(|line| !line.contains("qmgr")).map(Into::into).collect();
    fs::write(ledger.path("mail.log"), without.join("\n")).unwrap();
    ledger.text(&IMPORT);
    let report = ledger.json(&["report", "--by", "sender"]);
    let groups = report["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0]["name"], "");
}

#[test]
fn times_without_a_zone_are_not_taken_for_any_zone() {
    let ledger = ledger();
    // Long enough ago that no offset puts it into the future.
    let before = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(48);
    let written = before.strftime("%b %e 12:00:00").to_string();
    let bare: Vec<String> = log()
        .lines()
        .map(|line| format!("{written} {}", line.split_once(' ').unwrap().1))
        .collect();
    fs::write(ledger.path("mail.log"), bare.join("\n")).unwrap();
    let output = ledger.run(&IMPORT);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(65), "{error}");
    assert!(error.contains("mail.log, line 1: the time does not say its zone"), "{error}");
    assert!(error.contains("--time-zone") && error.contains("--utc-offset"), "{error}");
    assert_eq!(ledger.json(&["report"])["totals"]["judged"], 0);
    ledger.text(&[&IMPORT[..], &["--utc-offset", "-05:30"]].concat());
    let report = ledger.json(&["report", "--by", "domain"]);
    assert_eq!(report["totals"]["judged"], 4);
    let noon = before.strftime("%Y-%m-%dT17:30:00Z").to_string();
    let noon: jiff::Timestamp = noon.parse().unwrap();
    assert_eq!(report["groups"][0]["first"], noon.as_second());
}

#[test]
fn a_log_that_is_imported_twice_is_counted_once() {
    let ledger = ledger();
    ledger.text(&IMPORT);
    let said = ledger.text(&IMPORT);
    assert!(
        said.contains(" 0  recipients recorded") && said.contains("6  recipients left out: imp"),
        "{said}"
    );
    assert_eq!(ledger.json(&["report"])["totals"]["judged"], 4);
}

#[test]
fn only_what_is_opted_in_is_recorded_where_that_is_wanted() {
    let ledger = ledger();
    let said = ledger.text(&[&IMPORT[..], &["--opted-in"]].concat());
    assert!(said.contains(" 3  recipients recorded"), "{said}");
    assert!(said.contains(" 3  recipients left out: their domain is not opted in"), "{said}");
}

#[test]
fn a_log_of_which_nothing_comes_is_no_success_and_says_what_to_do() {
    let ledger = ledger();
    let only = |words: &str| -> String {
        log().lines().filter(|line| line.contains(words)).map(|line| format!("{line}\n")).collect()
    };
    for (text, words) in [
        ("Jan  1 00:00:00 mx kernel: hello\n", "no line of a Postfix or a Sendmail in mail.log"),
        ("", "no line of a Postfix or a Sendmail in mail.log"),
        ("BZh9", "mail.log cannot be read, and nothing was imported"),
        ("\x1f\u{8b}", "no line of a Postfix"),
        ("LPKSHHRH\0\0", "journalctl --file mail.log -u 'postfix*' -o short-iso |"),
        ("a\0b", "gzip, bzip2, xz and zstd are unpacked here"),
        (&only("qmgr"), "tell of no message that came over SMTP"),
        (&only("smtpd"), "3 messages came over SMTP, and no line in mail.log tells to whom"),
        (
            "smtp-1 | postfix/smtpd[1]: connect from a.test[192.0.2.1]\n",
            "1 lines of Postfix could not be read, and count for nothing; the first is mail.log, line 1",
        ),
        (
            "[ 12.34] mx postfix/smtpd[1]: connect from a[1]\n",
            "journalctl -u 'postfix*' -o short-iso",
        ),
        (
            "Fri 2026-11-20 20:18:10 CST mx postfix/smtpd[1]: connect from a[1]\n",
            "--time-zone America/Chicago",
        ),
    ] {
        fs::write(ledger.path("mail.log"), text).unwrap();
        let output = ledger.run(&IMPORT);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(65), "{error}");
        assert!(error.contains(words), "{error}");
        assert_eq!(ledger.json(&["report"])["totals"]["judged"], 0);
    }
    // A packed file that was cut off, or is none.
    fs::write(ledger.path("mail.log"), b"\x1f\x8b\x08packed").unwrap();
    let error = ledger.run(&IMPORT).stderr;
    let error = String::from_utf8_lossy(&error);
    assert!(error.contains("mail.log cannot be read, and nothing was imported"), "{error}");
    let output = ledger.run(&["import", "postfix-log", "nowhere.log"]);
    assert_eq!(output.status.code(), Some(65));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("journalctl -u 'postfix*' -o short-iso |"), "{error}");
}

/// One recipient that the milter judged, so many days ago at noon.
fn judged(to: &'static str) -> Mail {
    Mail {
        to,
        client: "192.0.2.9",
        name: "",
        sender: "peer.example",
        over: TLS13,
        verdict: policy::Decision::Accept,
        reason: ReasonKind::Adequate,
    }
}

/// The log as of a time of the day, so many days ago.
pub fn log_of(days_ago: i64, time: &str) -> String {
    let day = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days_ago);
    let at = day.strftime(&format!("%Y-%m-%dT{time}Z")).to_string();
    log().lines().map(|line| format!("{at} {}\n", line.split_once(' ').unwrap().1)).collect()
}

fn judged_of(ledger: &Ledger, domain: &str) -> serde_json::Value {
    ledger.json(&["report", domain])["totals"]["judged"].clone()
}

#[test]
fn what_the_milter_judged_itself_is_not_taken_from_the_log_and_all_else_is() {
    let mut ledger = ledger();
    ledger.add(2, 1, judged("example.org"));
    // On the day after it was opted in, and before and after the moment when it was.
    for (days_ago, time, recorded, known) in
        [(1, "09:00:00", 6, 0), (2, "11:59:55", 6, 0), (2, "12:00:00", 3, 3)]
    {
        fs::write(ledger.path("mail.log"), log_of(days_ago, time)).unwrap();
        let said = ledger.text(&IMPORT);
        assert!(said.contains(&format!("{recorded}  recipients recorded")), "{time}: {said}");
        let words = format!("{known}  recipients left out: judged by the milter itself");
        assert_eq!(said.contains(&words), known > 0, "{time}: {said}");
    }
    // The mail of an authenticated user is not counted.
    assert_eq!(judged_of(&ledger, "example.org"), 2 + 2 + 1);
    assert_eq!(judged_of(&ledger, "free.example"), 2 + 2 + 2);
}

#[test]
fn files_that_overlap_or_are_named_twice_are_counted_once() {
    let ledger = ledger();
    let (early, late) = (log_of(1, "10:00:00"), log_of(1, "11:00:00"));
    fs::write(ledger.path("mail.log.1"), format!("{early}{late}")).unwrap();
    fs::write(ledger.path("mail.log"), format!("{late}{}", log_of(1, "12:00:00"))).unwrap();
    let said = ledger.text(&[&IMPORT[..2], &["mail.log.1", "mail.log", "mail.log.1"]].concat());
    assert!(said.contains(" 18  recipients recorded"), "{said}");
    assert!(said.contains("6  messages not counted again"), "{said}");
    assert_eq!(judged_of(&ledger, "example.org"), 6);
}

#[test]
fn the_logs_of_two_instances_of_postfix_on_one_host_are_not_taken_for_one() {
    let ledger = ledger();
    let inbound = log_of(1, "10:00:00");
    fs::write(ledger.path("in.log"), &inbound).unwrap();
    fs::write(ledger.path("mx2.log"), inbound.replace(" postfix/", " postfix-mx2/")).unwrap();
    let said = ledger.text(&[&IMPORT[..2], &["in.log", "mx2.log"]].concat());
    assert!(said.contains(" 12  recipients recorded"), "{said}");
}

#[test]
fn a_file_between_two_that_were_imported_is_not_taken_for_known() {
    let ledger = ledger();
    for (name, time) in [("a", "10:00:00"), ("b", "11:00:00"), ("c", "12:00:00")] {
        fs::write(ledger.path(name), log_of(1, time)).unwrap();
    }
    ledger.text(&[&IMPORT[..2], &["a", "c"]].concat());
    let said = ledger.text(&[&IMPORT[..2], &["b"]].concat());
    assert!(said.contains(" 6  recipients recorded"), "{said}");
}

#[test]
fn what_one_import_left_out_as_not_opted_in_can_be_imported_later() {
    let ledger = ledger();
    ledger.text(&[&IMPORT[..], &["--opted-in"]].concat());
    let said = ledger.text(&IMPORT);
    assert!(said.contains(" 3  recipients recorded"), "{said}");
    assert!(said.contains(" 3  recipients left out: imported before"), "{said}");
    assert_eq!(judged_of(&ledger, "free.example"), 2);
}

#[test]
fn mail_that_the_milter_judged_for_its_sender_alone_hides_no_other_mail() {
    let mut ledger = ledger();
    let partners = "domains: []\nsenders: [partner.example]\ntrusted: { authenticated: true }";
    fs::write(ledger.path("policy.yaml"), partners).unwrap();
    ledger.add_for_sender(2, 1, Mail { sender: "partner.example", ..judged("example.org") });
    let log = log_of(2, "13:00:00").replacen("me@peer.example", "me@partner.example", 1);
    fs::write(ledger.path("mail.log"), log).unwrap();
    let said = ledger.text(&IMPORT);
    assert!(said.contains(" 5  recipients recorded"), "{said}");
    assert!(said.contains(" 1  recipients left out: judged by the milter itself"), "{said}");
}

/// The same mail in the logs of several releases of Postfix: in the clear, over TLS 1.3 to two
/// recipients, over TLS 1.2 as a bounce, to an alias for two, to an odd address, and after a refusal.
#[test]
fn the_logs_of_several_releases_of_postfix_say_the_same() {
    use ledger::postfix_log::{Clock, Joiner};
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/postfix-logs");
    let clock = Clock::new(jiff::tz::TimeZone::UTC, "2026-11-24T00:00:00Z".parse().unwrap());
    let mut releases = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let log = fs::read_to_string(&path).unwrap();
        let mut joiner = Joiner::new();
        log.lines().for_each(|line| joiner.line(line, &clock, 0).unwrap());
        joiner.end();
        let mut logged = joiner.told();
        logged.sort_by_key(|logged| logged.at);
        let found: Vec<_> = logged
            .into_iter()
            .map(|logged| {
                (logged.sender.unwrap(), logged.recipient, logged.tls.state().version().to_string())
            })
            .collect();
        let expected = [
            ("a@peer.example", "x@example.com", "none"),
            ("a@peer.example", "x@example.com", "TLSv1.3"),
            ("a@peer.example", "y@example.net", "TLSv1.3"),
            ("", "z@example.com", "TLSv1.2"),
            ("b@peer.example", "sales@alias.example", "TLSv1.2"),
            ("c@other.example", "\"a,b>c\"@example.net", "none"),
            ("d@peer.example", "w@example.net", "none"),
        ];
        let expected = expected.map(|(from, to, version)| (from.into(), to.into(), version.into()));
        assert_eq!(found, expected, "{}", path.display());
        let tallied = joiner.tallied();
        assert_eq!((tallied.messages, tallied.tls, tallied.without_message), (6, 3, 0));
        releases += 1;
    }
    assert!(releases > 1);
}

#[test]
fn a_log_of_a_sendmail_has_advice_for_a_sendmail_and_a_ledger_of_deliveries_alone_is_not_empty() {
    let ledger = ledger();
    let line = format!(
        "{} mx sm-mta[7]: 6ASAM1E9000053: to=<x@example.org>, delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=1, relay=mx.d.test. [192.0.2.25], dsn=2.0.0, stat=Sent (ok)\n",
        jiff::Timestamp::now()
    );
    fs::write(ledger.path("mail.log"), line).unwrap();
    let output = ledger.run(&IMPORT);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("Sendmail logs TLS sessions") && !said.contains("main.cf"), "{said}");
    let report = ledger.text(&["report"]);
    assert!(report.contains("The ledger has no mail that came for a domain"), "{report}");
    assert!(!report.contains("empty"), "{report}");
}

#[test]
fn what_an_alias_leads_to_a_domain_that_is_opted_in_is_that_domains_second_hop() {
    let ledger = ledger();
    let now = jiff::Timestamp::now();
    let to = |to: &str| {
        format!(
            "{now} mx postfix/smtp[7]: AAAAAA: {to}, relay=mx.test[192.0.2.25]:25, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (ok)\n"
        )
    };
    let log = to("to=<x@example.org>, orig_to=<y@free.example>")
        + &to("to=<y@other.example>, orig_to=<z@free.example>");
    fs::write(ledger.path("mail.log"), log).unwrap();
    ledger.run(&IMPORT);
    let report = ledger.json(&["report"]);
    let domains = report["hops"]["domains"].as_array().unwrap();
    let mut domains: Vec<_> = domains.iter().filter_map(|hops| hops["domain"].as_str()).collect();
    domains.sort_unstable();
    assert_eq!(domains, ["example.org", "free.example"]);
}
