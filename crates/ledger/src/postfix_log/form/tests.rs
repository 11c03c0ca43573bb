use super::*;

/// The lines of the log in a file.
fn lines(file: &str) -> Vec<String> {
    let mut form = Form::default();
    let mut found: Vec<String> =
        file.lines().filter_map(|line| form.line(line).map(str::to_owned)).collect();
    found.extend(form.end().map(str::to_owned));
    found
}

const CONNECT: &str = "1795205890.123456 mx postfix/smtpd[17]: connect from a.test[192.0.2.1]";

#[test]
fn records_of_the_journal_are_lines_in_each_of_its_forms() {
    let fields = [
        ("__CURSOR", "s=1;i=2"),
        ("__REALTIME_TIMESTAMP", "1795205890123456"),
        ("_HOSTNAME", "mx"),
        ("SYSLOG_IDENTIFIER", "postfix/smtpd"),
        ("_PID", "17"),
        ("MESSAGE", "connect from a.test[192.0.2.1]"),
    ];
    let json = |separator: &str| {
        let pairs = fields.map(|(name, value)| format!("\"{name}\" : \"{value}\""));
        pairs.join(&format!(",{separator}"))
    };
    let export = fields.map(|(name, value)| format!("{name}={value}\n")).concat();
    let verbose: String = fields.map(|(name, value)| format!("    {name}={value}\n")).concat();
    let octets = "connect from a.test[192.0.2.1]".bytes().map(|octet| octet.to_string());
    let octets = octets.collect::<Vec<_>>().join(",");
    let binary = export.replace("MESSAGE=connect", "MESSAGE\n\x1e\0\0\0\0\0\0\0connect");
    for (file, name) in [
        (format!("{binary}\n{binary}\n"), "export of octets"),
        (format!("{{{}}}\n{{{}}}\n", json(" "), json(" ")), "json"),
        (format!("{{\n{}\n}}\n{{\n{}\n}}\n", json("\n\t"), json("\n\t")), "json-pretty"),
        (format!("data: {{{}}}\n\ndata: {{{}}}\n\n", json(" "), json(" ")), "json-sse"),
        (format!("\x1e{{{}}}\n\x1e{{{}}}\n", json(" "), json(" ")), "json-seq"),
        (format!("{export}\n{export}\n"), "export"),
        (format!("{export}\n{export}"), "export that was cut off"),
        (
            format!(
                "Fri 2026-11-20 20:18:10.123456 UTC [s=1;i=2]\n{verbose}Fri 2026-11-20 20:18:10.123456 UTC [s=1;i=3]\n{verbose}"
            ),
            "verbose",
        ),
        (json(" ").replace("\"connect from a.test[192.0.2.1]\"", &format!("[{octets}]")), "octets"),
    ] {
        let file = if name == "octets" { format!("{{{file}}}\n{{{file}}}") } else { file };
        assert_eq!(lines(&file), [CONNECT, CONNECT], "{name}");
    }
}

#[test]
fn what_docker_and_collectors_write_as_json_are_lines() {
    for (file, line) in [
        (
            r#"{"log":"Nov 20 20:18:10 mx postfix/smtpd[17]: connect\n","stream":"stdout","time":"2026-11-20T20:18:10.13Z"}"#,
            "2026-11-20T20:18:10.13Z Nov 20 20:18:10 mx postfix/smtpd[17]: connect",
        ),
        (
            r#"{"timestamp":"2026-11-20T20:18:10Z","hostname":"mx","programname":"postfix/smtpd","procid":"17","msg":" connect"}"#,
            "2026-11-20T20:18:10Z mx postfix/smtpd[17]: connect",
        ),
        (
            r#"{"@timestamp":"2026-11-20T20:18:10Z","host":{"name":"mx"},"syslogtag":"postfix/smtpd[17]:","message":"connect"}"#,
            "2026-11-20T20:18:10Z mx postfix/smtpd[17]: connect",
        ),
    ] {
        assert_eq!(lines(file), [line]);
    }
}

#[test]
fn colours_go_and_all_else_stays_as_it_is() {
    assert_eq!(
        lines("\x1b[36mmail-1  | \x1b[0mNov 20 x\x1b[01;31m\x1b[Ky\x1b[m#033[0m"),
        ["mail-1  | Nov 20 xy"]
    );
    for line in ["Nov 20 x", "disconnect [x]", "{ no json", "data: x", "__x", "a[b]", "é"] {
        assert_eq!(lines(line), [line]);
    }
    assert_eq!(lines("\n\r\n"), [""; 0]);
}

#[test]
fn a_record_that_is_no_record_ends_nothing() {
    for file in ["{\n", "{}\n", "{\"MESSAGE\":null}", "__CURSOR=\n\n", "x [s=]\n", "\x1b", "#033["]
    {
        assert!(lines(file).iter().all(|line| line.len() < 20), "{file}");
    }
    // However long it is.
    let endless = format!("{{\n{}", " x\n".repeat(600_000));
    assert!(lines(&endless).iter().all(|line| line == " x"));
    // Nor does what a client writes.
    for line in [
        "Nov 20 20:18:10 mx sm-mta[17]: AAAAAA: from=<u@x [s=1]>, relay=a.test [192.0.2.1]",
        "Nov 20 20:18:10 mx postfix/cleanup[17]: AAAAAA: message-id=<x [s=1;i=2]",
    ] {
        assert_eq!(lines(&format!("{line}\n{CONNECT}")), [line, CONNECT]);
    }
    // A brace of whatever program takes no line away.
    assert_eq!(lines("{\nNov 20 x\n}"), ["Nov 20 x", "}"]);
}
