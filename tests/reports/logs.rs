//! Logs in all the forms that there are, whole and in part: each recipient counts once, with what the
//! log proves of its session.

use super::import::{IMPORT, ledger, log_of};
use super::support::Ledger;
use std::fs;

/// One message over TLS 1.2, in the lines that follow each other by a second.
const ONE: [&str; 8] = [
    "postfix/smtpd[17]: connect from mail.example.net[192.0.2.51]",
    "postfix/smtpd[17]: Anonymous TLS connection established from mail.example.net[192.0.2.51]: TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits)",
    "postfix/smtpd[17]: 4dBrAb1cD2zEf: client=mail.example.net[192.0.2.51]",
    "postfix/cleanup[18]: 4dBrAb1cD2zEf: message-id=<1@example.net>",
    "postfix/qmgr[9]: 4dBrAb1cD2zEf: from=<a@example.net>, size=900, nrcpt=1 (queue active)",
    "postfix/lmtp[20]: 4dBrAb1cD2zEf: to=<b@example.com>, relay=x, status=sent (ok)",
    "postfix/qmgr[9]: 4dBrAb1cD2zEf: removed",
    "postfix/smtpd[17]: disconnect from mail.example.net[192.0.2.51] ehlo=2 starttls=1 mail=1 rcpt=1 data=1 quit=1 commands=7",
];

/// A log in which each line is made of the second of the day and one of these lines.
fn made_of(line: impl Fn(u32, &str) -> String) -> String {
    (10..).zip(ONE).map(|(second, text)| line(second, text)).collect()
}

/// Yesterday, as `strftime` writes it.
fn yesterday(form: &str) -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24)).strftime(form).to_string()
}

/// A record of the journal with these separators of its fields.
fn record(second: u32, text: &str, field: impl Fn(&str, &str) -> String) -> String {
    let at: jiff::Timestamp = yesterday("%Y-%m-%dT12:00:00Z").parse().unwrap();
    let at = (at.as_second() + i64::from(second)) * 1_000_000;
    let (tag, message) = text.split_once("]: ").unwrap();
    let (program, process) = tag.split_once('[').unwrap();
    [
        ("__CURSOR", "s=1"),
        ("__REALTIME_TIMESTAMP", &at.to_string()),
        ("_HOSTNAME", "mx"),
        ("SYSLOG_IDENTIFIER", program),
        ("SYSLOG_PID", process),
        ("MESSAGE", message),
    ]
    .map(|(name, value)| field(name, value))
    .concat()
}

#[test]
fn one_message_is_one_recipient_in_every_form_of_a_log() {
    let (iso, short) = (yesterday("%Y-%m-%d"), yesterday("%b %e"));
    let full = yesterday("%a %Y-%m-%d");
    let unix: jiff::Timestamp = yesterday("%Y-%m-%dT12:00:00Z").parse().unwrap();
    let unix = unix.as_second();
    let bare = |second: u32, text: &str| format!("{short} 12:00:{second} mx {text}");
    let prefixed =
        |prefix: &str| made_of(|second, text| format!("{prefix}{}\n", bare(second, text)));
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let json = |second: u32, text: &str| {
        let fields = record(second, text, |name, value| format!("\"{name}\":{},", quoted(value)));
        format!("{{{}}}", fields.trim_end_matches(','))
    };
    let five = |second: u32, text: &str, data: &str| {
        let (tag, message) = text.split_once("]: ").unwrap();
        let (program, process) = tag.split_once('[').unwrap();
        format!("<22>1 {iso}T12:00:{second}.5+00:00 mx {program} {process} - {data} {message}\n")
    };
    let dated =
        |form: &dyn Fn(u32) -> String| made_of(|second, text| format!("{} {text}\n", form(second)));
    let forms: Vec<(&str, String)> = vec![
        ("syslog", prefixed("")),
        ("CRLF", prefixed("").replace('\n', "\r\n")),
        ("priority", prefixed("<22>")),
        ("mark of byte order", format!("\u{feff}{}", prefixed(""))),
        ("docker compose", prefixed("postfix-mailcow-1  | ")),
        ("docker compose in colours", prefixed("\x1b[36mpostfix-mailcow-1  | \x1b[0m")),
        ("kubectl --prefix", prefixed("[pod/mx-0/postfix] ")),
        (
            "docker logs -t",
            made_of(|second, text| {
                format!("{iso}T12:00:{second}.130405545Z {}\n", bare(second, text))
            }),
        ),
        (
            "docker compose -t",
            made_of(|second, text| {
                format!("mail-1 | {iso}T12:00:{second}.130405545Z {}\n", bare(second, text))
            }),
        ),
        (
            "CRI",
            made_of(|second, text| {
                format!("{iso}T12:00:{second}.1Z stdout F {}\n", bare(second, text))
            }),
        ),
        ("no host", dated(&|second| format!("{iso}T12:00:{second}.1Z"))),
        ("no host in compose", dated(&|second| format!("smtp_1 | {iso}T12:00:{second}.1Z"))),
        (
            "no time in docker logs -t",
            made_of(|second, text| format!("smtp_1 | {iso}T12:00:{second}.1Z {text}\n")),
        ),
        (
            "docker in syslog",
            made_of(|second, text| {
                format!("{short} 12:00:{second} host docker[32360]: {}\n", bare(second, text))
            }),
        ),
        (
            "docker by id in syslog",
            made_of(|second, text| {
                format!("{short} 12:00:{second} host 0123456789ab[32360]: {}\n", bare(second, text))
            }),
        ),
        (
            "doubled",
            made_of(|second, text| {
                let tag = text.split_once("]: ").unwrap().0;
                format!("mail | {short} 12:00:{second} mx {tag}]: mail | {}\n", bare(second, text))
            }),
        ),
        (
            "repeated",
            made_of(|second, text| {
                let (tag, message) = text.split_once("]: ").unwrap();
                format!(
                    "{short} 12:00:{second} mx {tag}]: message repeated 2 times: [ {message}]\n"
                )
            }),
        ),
        ("BusyBox", dated(&|second| format!("{short} 12:00:{second} mx mail.info"))),
        ("FreeBSD", dated(&|second| format!("{short} 12:00:{second} <mail.info> mx"))),
        (
            "Solaris",
            made_of(|second, text| {
                format!(
                    "{short} 12:00:{second} mx {}\n",
                    text.replacen("]: ", "]: [ID 197553 mail.info] ", 1)
                )
            }),
        ),
        ("RFC 5424", made_of(|second, text| five(second, text, "-"))),
        (
            "RFC 5424 with data",
            made_of(|second, text| five(second, text, "[x@1 a=\"]\\\"\" b=\"\"]")),
        ),
        (
            "name cut by rsyslog",
            made_of(|second, text| {
                format!("{short} 12:00:{second} mx postfix[{}\n", text.split_once('[').unwrap().1)
            }),
        ),
        ("year in front", dated(&|second| format!("{} 12:00:{second} mx", yesterday("%Y %b %d")))),
        ("year behind", dated(&|second| format!("{} 12:00:{second} mx", yesterday("%b %d %Y")))),
        ("date and time", dated(&|second| format!("{iso} 12:00:{second} mx"))),
        ("short-precise", dated(&|second| format!("{short} 12:00:{second}.123456 mx"))),
        ("short-full", dated(&|second| format!("{full} 12:00:{second} UTC mx"))),
        ("short-unix", dated(&|second| format!("{}.123456 mx", unix + i64::from(second)))),
        ("short-iso of old", dated(&|second| format!("{iso}T12:00:{second}+0000 mx"))),
        ("short-iso", dated(&|second| format!("{iso}T12:00:{second}+00:00 mx"))),
        ("short-iso-precise", dated(&|second| format!("{iso}T12:00:{second}.123456+00:00 mx"))),
        (
            "with-unit",
            made_of(|second, text| {
                format!("{full} 12:00:{second} UTC mx postfix@-.service/{text}\n")
            }),
        ),
        (
            "with-unit of systemd 252",
            made_of(|second, text| {
                let process = text.split_once('[').unwrap().1;
                format!("{full} 12:00:{second} UTC mx postfix@-.service[{process}\n")
            }),
        ),
        ("json", made_of(|second, text| json(second, text) + "\n")),
        ("json-sse", made_of(|second, text| format!("data: {}\n\n", json(second, text)))),
        ("json-seq", made_of(|second, text| format!("\x1e{}\n", json(second, text)))),
        (
            "json-pretty",
            made_of(|second, text| {
                let fields = record(second, text, |name, value| {
                    format!("\t\"{name}\" : {},\n", quoted(value))
                });
                format!("{{\n{}\n}}\n", fields.trim_end().trim_end_matches(','))
            }),
        ),
        (
            "export",
            made_of(|second, text| {
                record(second, text, |name, value| format!("{name}={value}\n")) + "\n"
            }),
        ),
        (
            "verbose",
            made_of(|second, text| {
                let fields = record(second, text, |name, value| format!("    {name}={value}\n"));
                format!("{full} 12:00:{second}.123456 UTC [s=1;i=2;b=3]\n{fields}")
            }),
        ),
        (
            "docker's files",
            made_of(|second, text| {
                format!(
                    "{{\"log\":{},\"stream\":\"stdout\",\"time\":\"{iso}T12:00:{second}.1Z\"}}\n",
                    quoted(&(bare(second, text) + "\n"))
                )
            }),
        ),
        ("boots", format!("-- Boot 0a1b0a1b --\n{}-- Reboot --\n", prefixed(""))),
    ];
    for (name, log) in forms {
        let ledger = Ledger::new("domains: [example.com]", "");
        fs::write(ledger.path("mail.log"), log).unwrap();
        let said = ledger.text(&[&IMPORT[..], &["--utc-offset", "+00:00"]].concat());
        assert!(
            said.contains("8 of Postfix; 1 messages over SMTP, 1 TLS sessions"),
            "{name}: {said}"
        );
        let report = ledger.json(&["report", "--by", "version"]);
        let group = &report["groups"][0];
        assert_eq!((&group["name"], &group["judged"]), (&"TLSv1.2".into(), &1.into()), "{name}");
        let first = group["first"].as_i64().unwrap();
        assert_eq!(first, unix + 12, "{name}: the time of the message");
        // And it is the same message in all of them.
        fs::write(ledger.path("mail.log"), prefixed("")).unwrap();
        let again = ledger.text(&[&IMPORT[..], &["--utc-offset", "+00:00"]].concat());
        assert!(again.contains(" 1  recipients left out: imported before"), "{name}: {again}");
    }
}

#[test]
fn packed_files_are_read_like_others_and_shells_may_name_them_in_any_order() {
    let day = |days: i64, time: &str| log_of(days, time).replace("AAAAA", &format!("AAA{days}A"));
    let ledger = ledger();
    fs::write(ledger.path("mail.log"), day(1, "10:00:00")).unwrap();
    for (name, days, pack) in [
        ("mail.log.1", 2, "cat"),
        ("mail.log.2.gz", 3, "gzip"),
        ("mail.log.3.xz", 4, "xz"),
        ("mail.log.4.bz2", 5, "bzip2"),
        ("mail.log.5.zst", 6, "zstd"),
    ] {
        // In two parts: what is packed may go on behind an end.
        let log = day(days, "10:00:00");
        let (first, second) = log.split_at(log.len() / 2);
        let mut packed = Vec::new();
        for part in [first, second] {
            packed.extend(through(pack, part.as_bytes()));
        }
        fs::write(ledger.path(name), packed).unwrap();
    }
    let names = [
        "mail.log",
        "mail.log.1",
        "mail.log.2.gz",
        "mail.log.3.xz",
        "mail.log.4.bz2",
        "mail.log.5.zst",
    ];
    let said = ledger.text(&[&IMPORT[..2], &names].concat());
    let places: Vec<_> =
        names.iter().rev().map(|name| said.find(&format!("{name}: 19 lines"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{said}");
    assert!(said.contains("together: 114 lines"), "{said}");
    assert!(said.contains(" 36  recipients recorded"), "{said}");
}

/// What a program makes of this.
fn through(program: &str, input: &[u8]) -> Vec<u8> {
    use std::{io::Write, process};
    let mut child = process::Command::new(program)
        .stdin(process::Stdio::piped())
        .stdout(process::Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap().stdout
}

#[test]
fn a_session_that_goes_on_in_the_next_file_is_one_session() {
    let ledger = ledger();
    let log = log_of(1, "10:00:00");
    for (cut, _) in log.match_indices('\n') {
        let ledger = Ledger::new("domains: [example.org]\ntrusted: { authenticated: true }", "");
        let (first, second) = log.split_at(cut + 1);
        fs::write(ledger.path("mail.log.1"), first).unwrap();
        fs::write(ledger.path("mail.log"), second).unwrap();
        let said = ledger.text(&[&IMPORT[..2], &["mail.log.1", "mail.log"]].concat());
        assert!(said.contains(" 6  recipients recorded"), "{said}");
        assert!(!said.contains("unknown: the log lacks"), "{said}");
    }
    // Nothing is dropped where the second of the last line comes in the next file, too.
    let late = log.replace("AAAAA", "BBBBB").replace("smtpd[", "smtpd[1");
    fs::write(ledger.path("mail.log.1"), &log).unwrap();
    ledger.text(&[&IMPORT[..2], &["mail.log.1"]].concat());
    fs::write(ledger.path("mail.log"), late).unwrap();
    let said = ledger.text(&IMPORT);
    assert!(said.contains(" 6  recipients recorded"), "{said}");
}

#[test]
fn two_hosts_with_one_short_name_lose_nothing_and_one_with_two_names_counts_once() {
    let ledger = ledger();
    let log = log_of(1, "10:00:00");
    let other = log.replace("AAAAA", "BBBBB").replace("192.0.2.", "198.51.100.");
    for (name, text, recorded) in [
        ("a.log", log.clone(), 6),
        ("b.log", other.clone(), 6),
        ("a-in-full.log", log.replace(" mx ", " mx.a.test "), 0),
        // A second later, as the journal may have it.
        ("b-by-another-clock.log", other.replace("10:00:00Z", "10:00:01Z"), 0),
    ] {
        fs::write(ledger.path(name), text).unwrap();
        let said = ledger.text(&[&IMPORT[..2], &[name]].concat());
        assert!(said.contains(&format!(" {recorded}  recipients recorded")), "{name}: {said}");
    }
}

#[test]
fn what_the_log_does_not_tell_is_counted_and_shown_and_not_judged() {
    let ledger = ledger();
    let log: String = log_of(1, "10:00:00")
        .lines()
        .filter(|line| !line.contains("TLS connection") && !line.contains("disconnect from b.test"))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(ledger.path("mail.log"), format!("{log}x postfix/smtpd[1]: connect\x1b[5m from\n"))
        .unwrap();
    let output = ledger.run(&IMPORT);
    let (said, told) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
    for words in [
        "2  of them encrypted, and the log does not tell in which version of TLS",
        "2  of them unknown: the log lacks the beginning or the end of their session",
        "1  lines of Postfix that could not be read",
    ] {
        assert!(said.contains(words), "{said}");
    }
    assert!(
        told.contains("warning: 1 lines of Postfix could not be read")
            && told.contains("mail.log, line 18:"),
        "{told}"
    );
    assert!(told.contains("smtpd_tls_loglevel = 1") && !told.contains('\x1b'), "{told}");
    let report = ledger.json(&["report", "--by", "peer"]);
    let totals = &report["totals"];
    let figures =
        ["judged", "encrypted", "version_unknown", "tls_unknown", "not_judged", "would_refuse"]
            .map(|name| totals[name].as_u64().unwrap());
    assert_eq!(figures, [4, 2, 2, 2, 4, 0]);
    let found = ledger.json(&["simulate", "--domain", "example.org"]);
    let figures = ["judged", "version_unknown", "tls_unknown", "newly_refused"]
        .map(|name| found[name].as_u64().unwrap());
    // The mail of the authenticated user is judged, whatever its session was.
    assert_eq!(figures, [1, 1, 1, 0]);
    let text = ledger.text(&["report"]).replace('\n', " ");
    assert!(text.contains("of which it is not known whether they were encrypted"), "{text}");
    let text = ledger.text(&["simulate", "--domain", "example.org"]).replace('\n', " ");
    assert!(
        text.contains("1 more recipients cannot be judged: their sessions were encrypted"),
        "{text}"
    );
}

#[test]
fn a_zone_by_its_name_knows_of_summer_time() {
    let ledger = Ledger::new("domains: [example.com]", "ledger: { retention_days: 3650 }");
    let log = |date: &str| made_of(|second, text| format!("{date} 02:00:{second} mx {text}\n"));
    for (date, at) in
        [("2026-01-20", "2026-01-20T01:00:12Z"), ("2026-07-20", "2026-07-20T00:00:12Z")]
    {
        fs::write(ledger.path("mail.log"), log(date)).unwrap();
        ledger.text(&[&IMPORT[..], &["--time-zone", "Europe/Zurich"]].concat());
        let at: jiff::Timestamp = at.parse().unwrap();
        let report = ledger.json(&["report", "--since", "2026-01-01"]);
        assert_eq!(report["groups"][0]["last"], at.as_second(), "{date}");
    }
    let output = ledger.run(&[&IMPORT[..], &["--time-zone", "Europe/Nowhere"]].concat());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no such zone here"));
}
