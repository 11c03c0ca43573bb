use super::support::{Ledger, Mail, Over, RC4, TLS13};
use policy::{Decision, ReasonKind};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    process::Command,
};

pub(super) const POLICY: &str = "
domains:
  - { domain: example.org, contact: boss@example.org }
  - { domain: '*.example.com', mode: monitor, contact: chef@example.com, language: de }
  - example.net
";

pub(super) fn refused(client: &'static str, name: &'static str, to: &'static str) -> Mail {
    Mail {
        to,
        client,
        name,
        sender: "peer.example",
        over: Over::Plaintext,
        verdict: Decision::Refuse,
        reason: ReasonKind::Plaintext,
    }
}

/// A program in place of sendmail(1) that keeps what it is handed, or refuses it.
pub(super) fn sendmail(ledger: &Ledger, status: u8) {
    let program = ledger.path("sendmail");
    let script = format!(
        "#!/bin/sh\n[ {status} = 0 ] || {{ cat >/dev/null; echo 'no such luck' >&2; exit {status}; }}\ncat > {}/mail.$(ls {0} | grep -c ^mail)\n",
        ledger.directory.path().display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
}

fn ledger() -> Ledger {
    let mut ledger =
        Ledger::new(POLICY, "digest: { from: 'Gateway <gw@mx.example>', sendmail: ./sendmail }");
    ledger.add(1, 3, refused("192.0.2.1", "mx.peer.example", "example.org"));
    let old =
        Mail { over: RC4, reason: ReasonKind::Cipher, ..refused("192.0.2.2", "", "example.org") };
    ledger.add(2, 1, old);
    let mended =
        Mail { over: TLS13, verdict: Decision::Accept, reason: ReasonKind::Adequate, ..old };
    ledger.add(1, 1, mended);
    let watched = refused("192.0.2.1", "mx.peer.example", "a.example.com");
    ledger.add(1, 5, Mail { verdict: Decision::WouldRefuse, ..watched });
    // Nobody to tell.
    ledger.add(1, 1, refused("192.0.2.9", "", "example.net"));
    sendmail(&ledger, 0);
    ledger
}

pub(super) fn mails(ledger: &Ledger) -> Vec<String> {
    let names = fs::read_dir(ledger.directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = names
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("mail."))
        .collect();
    names.sort();
    names.iter().map(|name| fs::read_to_string(name).unwrap()).collect()
}

/// A mail as Python's library reads it: header fields and the parts, decoded.
pub(super) fn parsed(mail: &str) -> serde_json::Value {
    let script = "
import email, email.policy, json, sys
m = email.message_from_string(sys.argv[1], policy=email.policy.default)
print(json.dumps({'head': {k.lower(): v for k, v in m.items()}, 'defects': [str(d) for d in m.defects],
  'text': m.get_body(('plain',)).get_content(), 'html': m.get_body(('html',)).get_content()}))";
    let output = Command::new("python3").args(["-c", script, mail]).output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}\n{mail}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn each_contact_is_told_in_its_language_what_concerns_it() {
    let ledger = ledger();
    assert_eq!(ledger.text(&["digest", "--send"]), "2 sent\n");
    let mails: Vec<_> = mails(&ledger).iter().map(|mail| parsed(mail)).collect();
    let (german, english) = (&mails[0], &mails[1]);
    for (mail, to, subject, list) in [
        (
            english,
            "boss@example.org",
            "[example.org] 2 servers newly refused",
            "<digest.example.org.mandatory-tls.mx.example>",
        ),
        (
            german,
            "chef@example.com",
            "[*.example.com] 1 Server würde neu abgewiesen",
            "<digest.all.example.com.mandatory-tls.mx.example>",
        ),
    ] {
        assert_eq!(mail["head"]["to"], to);
        assert_eq!(mail["head"]["from"], "Gateway <gw@mx.example>");
        assert_eq!(mail["head"]["subject"], subject);
        assert_eq!(mail["head"]["list-id"], list);
        assert_eq!(mail["head"]["auto-submitted"], "auto-generated");
        assert_eq!(mail["defects"], serde_json::json!([]));
    }
    let text = english["text"].as_str().unwrap();
    for words in [
        "mx.peer.example [192.0.2.1]",
        "not encrypted",
        "has come with TLS since",
        "smtp_tls_security_level",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(!text.contains("192.0.2.9") && !text.contains("Würden"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 78), "{text}");
    let text = german["text"].as_str().unwrap();
    assert!(
        text.contains("Würden neu abgewiesen") && text.contains("nicht verschlüsselt"),
        "{text}"
    );
    assert!(text.contains("Empfänger: 5"), "{text}");
}

#[test]
fn the_html_of_a_mail_fits_a_telephone_and_a_dark_screen_and_needs_nothing_from_elsewhere() {
    let ledger = ledger();
    ledger.text(&["digest", "--send"]);
    for (mail, language) in mails(&ledger).iter().zip(["de", "en"]) {
        let mail = parsed(mail);
        let html = mail["html"].as_str().unwrap();
        for words in [
            &*format!("<html lang=\"{language}\">"),
            "width=device-width",
            "name=\"color-scheme\" content=\"light dark\"",
            "@media (prefers-color-scheme: dark)",
        ] {
            assert!(html.contains(words), "{words} in {html}");
        }
        for word in
            ["http:", "https:", "://", "<img", "<link", "<script", "@import", "url(", "src="]
        {
            assert!(!html.contains(word), "{word} in {html}");
        }
        // A fact a line, so that no table is wider than a name and a value. Nothing has a width of its own.
        for row in html.split("<tr>").skip(1) {
            let row = row.split_once("</tr>").unwrap().0;
            assert!(row.matches("<th").count() + row.matches("<td").count() <= 2, "{row}");
            assert_eq!(row.matches("<th").count(), row.matches("scope=\"").count(), "{row}");
        }
        assert!(!html.contains("nowrap") && html.contains("overflow-wrap: anywhere"), "{html}");
        // It says what the text says.
        let text = mail["text"].as_str().unwrap();
        let facts = text.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": "));
        let facts: Vec<_> = facts.collect();
        assert!(facts.len() >= 4, "{text}");
        for (name, value) in facts {
            let fact = format!("<th scope=\"row\">{name}</th><td>{value}</td>");
            assert!(html.contains(&fact), "{fact} in {html}");
        }
    }
}

/// The text of the one mail that there is, on one line.
pub(super) fn only_text(ledger: &Ledger) -> String {
    let output = ledger.text(&["digest", "--send"]);
    assert_eq!(output, "1 sent\n");
    let mail = parsed(&mails(ledger)[0]);
    mail["text"].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_digest_says_from_when_on_mail_is_refused_and_over_what_it_came() {
    for (language, enforce_from, words) in [
        ("en", "2027-01-01", "From 2027-01-01 on, such mail is refused."),
        ("de", "2027-01-01", "Ab 2027-01-01 werden solche E-Mails abgewiesen."),
        ("en", "2027-01-01T08:30:00+01:00", "From 2027-01-01 07:30 UTC on, such mail is refused."),
    ] {
        let policy = format!(
            "domains: [{{ domain: example.org, enforce_from: {enforce_from}, contact: a@b.test, language: {language} }}]"
        );
        let mut ledger =
            Ledger::new(&policy, "digest: { from: gw@mx.example, sendmail: ./sendmail }");
        sendmail(&ledger, 0);
        let mail = refused("192.0.2.1", "", "example.org");
        let old = Over::Tls("TLSv1", "AES128-SHA");
        let old = Mail { over: old, reason: ReasonKind::ProtocolVersion, ..mail };
        ledger.add(1, 1, Mail { verdict: Decision::WouldRefuse, ..old });
        let text = only_text(&ledger);
        assert!(text.contains(words) && text.contains("TLS: TLSv1, AES128-SHA"), "{text}");
    }
}

#[test]
fn a_digest_counts_a_message_once_however_often_it_was_tried_and_says_how_often() {
    let mut ledger = Ledger::new(POLICY, "digest: { from: gw@mx.example, sendmail: ./sendmail }");
    sendmail(&ledger, 0);
    ledger.add_attempts(1, 12, Some(11), refused("192.0.2.1", "", "example.org"));
    let text = only_text(&ledger);
    assert!(text.contains("Recipients: 1, in 12 attempts"), "{text}");
}

#[test]
fn a_digest_tells_a_customer_nothing_that_only_the_operator_can_do() {
    let mut ledger = Ledger::new(
        &POLICY.replace(", mode: monitor, ", ", "),
        "digest: { from: gw@mx.example, sendmail: ./sendmail }",
    );
    sendmail(&ledger, 0);
    ledger.bound_domains(150);
    // Servers of which the gateway's own MTA did not tell: the sender is not to blame.
    let unknown =
        Mail { reason: ReasonKind::UnknownTls, ..refused("192.0.2.250", "", "example.org") };
    ledger.add(1, 9, unknown);
    assert_eq!(ledger.text(&["digest", "--send"]), "0 sent\n");
    for to in ["example.org", "a.example.com"] {
        for number in 0..200_u8 {
            let client: &'static str = format!("198.51.100.{number}").leak();
            ledger.add(1, 1, refused(client, "", to));
        }
    }
    assert_eq!(ledger.text(&["digest", "--send"]), "2 sent\n");
    for mail in mails(&ledger) {
        for part in ["text", "html"] {
            let mail = parsed(&mail)[part].as_str().unwrap().to_owned();
            for word in
                ["mandatory-tls report", "rows_per", "milter.yaml", "policy.yaml", "192.0.2.250"]
            {
                assert!(!mail.contains(word), "{word} in {mail}");
            }
            assert!(
                mail.contains("whoever runs this gateway")
                    || mail.contains("Betreiber dieses Gateways")
            );
        }
    }
}

#[test]
fn nobody_is_told_the_same_thing_twice() {
    let mut ledger = ledger();
    ledger.text(&["digest", "--send"]);
    assert_eq!(ledger.text(&["digest", "--send"]), "0 sent\n");
    // It goes on: nothing new. Somebody else comes: that is.
    ledger.add(0, 8, refused("192.0.2.1", "mx.peer.example", "example.org"));
    assert_eq!(ledger.text(&["digest", "--send"]), "0 sent\n");
    ledger.add(0, 1, refused("192.0.2.3", "new.peer.example", "example.org"));
    assert_eq!(ledger.text(&["digest", "--send"]), "1 sent\n");
    let mails = mails(&ledger);
    assert_eq!(mails.len(), 3);
    assert!(mails[2].contains("new.peer.example") && !mails[2].contains("mx.peer.example"));
}

#[test]
fn a_mail_that_could_not_be_sent_is_sent_the_next_time() {
    let ledger = ledger();
    sendmail(&ledger, 75);
    let output = ledger.run(&["digest", "--send"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{error}");
    let lines: Vec<_> = error.lines().collect();
    let expected = ["chef@example.com", "boss@example.org"]
        .map(|to| format!("error: the mail to {to} could not be sent: ./sendmail: no such luck"));
    assert_eq!(lines, expected);
    sendmail(&ledger, 0);
    assert_eq!(ledger.text(&["digest", "--send"]), "2 sent\n");
}

#[test]
fn a_flood_of_peers_makes_a_mail_that_names_the_worst_and_counts_the_rest() {
    let mut ledger = ledger();
    for number in 0..130_u8 {
        let client: &'static str = format!("198.51.100.{number}").leak();
        ledger.add(1, u64::from(number) + 10, refused(client, "", "example.org"));
        let watched = refused(client, "", "a.example.com");
        ledger.add(1, 10, Mail { verdict: Decision::WouldRefuse, ..watched });
    }
    assert_eq!(ledger.text(&["digest", "--send"]), "2 sent\n");
    let mails: Vec<_> = mails(&ledger).iter().map(|mail| parsed(mail)).collect();
    let (german, english) = (&mails[0], &mails[1]);
    assert_eq!(english["head"]["subject"], "[example.org] 132 servers newly refused");
    let text = english["text"].as_str().unwrap().replace("\r\n", "\n");
    assert_eq!(text.matches("\n* ").count(), 100, "{text}");
    assert!(
        text.contains("\n* 198.51.100.129\n") && text.contains("\n* 198.51.100.30\n"),
        "{text}"
    );
    assert!(!text.contains("\n* 198.51.100.29\n"), "{text}");
    let more = "and 32 more; whoever runs this gateway can list them";
    assert!(text.contains(&format!("\n\n{more}\n\n")), "{text}");
    let html = english["html"].as_str().unwrap();
    assert!(html.contains("and 32 more; "));
    // Some mail services cut what is longer.
    assert!(html.len() < 100_000, "{}", html.len());
    let text = german["text"].as_str().unwrap().replace("\r\n", "\n");
    let more = "und 31 weitere; der Betreiber dieses Gateways kann sie auflisten";
    assert!(text.contains(&format!("\n\n{more}\n\n")), "{text}");
    // The rest counts as told.
    assert_eq!(ledger.text(&["digest", "--send"]), "0 sent\n");
}

#[test]
fn servers_that_a_full_day_does_not_tell_apart_are_told_of_together() {
    let mut ledger = Ledger::new(POLICY, "digest: { from: gw@mx.example, sendmail: ./sendmail }");
    sendmail(&ledger, 0);
    ledger.bound_domains(1);
    let monitored = |mail| Mail { verdict: Decision::WouldRefuse, ..mail };
    // The first one of a day has a row of its own.
    let ok = Mail {
        verdict: Decision::Accept,
        reason: ReasonKind::Adequate,
        ..refused("192.0.2.9", "", "")
    };
    for to in ["example.org", "a.example.com"] {
        ledger.add(1, 1, Mail { to, ..ok });
    }
    ledger.add(1, 3, refused("192.0.2.1", "", "example.org"));
    ledger.add(1, 4, refused("192.0.2.2", "", "example.org"));
    ledger.add(1, 2, monitored(refused("192.0.2.1", "", "a.example.com")));
    assert_eq!(ledger.text(&["digest", "--send"]), "2 sent\n");
    let told: Vec<_> = mails(&ledger).iter().map(|mail| parsed(mail)).collect();
    let words = |mail: &serde_json::Value, part: &str| {
        let text = mail[part].as_str().unwrap().split_whitespace();
        text.collect::<Vec<_>>().join(" ")
    };
    let (german, english) = (&told[0], &told[1]);
    assert_eq!(english["head"]["subject"], "[example.org] servers newly refused");
    assert_eq!(german["head"]["subject"], "[*.example.com] Server würden neu abgewiesen");
    for part in ["text", "html"] {
        let (english, german) = (words(english, part), words(german, part));
        assert!(english.contains("There are others: 7 recipients in mail of servers"), "{english}");
        assert!(german.contains("Es gibt weitere: 2 Empfänger"), "{german}");
        assert!(!english.contains('*') && !english.contains("<th"), "{english}");
    }
    // They are told once, and again beside what is new.
    assert_eq!(ledger.text(&["digest", "--send"]), "0 sent\n");
    ledger.add(0, 1, refused("192.0.2.3", "new.peer.example", "example.org"));
    assert_eq!(ledger.text(&["digest", "--send"]), "1 sent\n");
    let mail = parsed(&mails(&ledger)[2]);
    assert_eq!(mail["head"]["subject"], "[example.org] 1 server newly refused (and others)");
    assert!(words(&mail, "text").contains("There are others: 7 recipients"));
}

/// A ledger with news for one contact, whose digest goes by SMTP to this server.
fn ledger_for(server: &TcpListener) -> Ledger {
    let smtp = server.local_addr().unwrap();
    let mut ledger =
        Ledger::new(POLICY, &format!("digest: {{ from: gw@mx.example, smtp: 'inet:{smtp}' }}"));
    ledger.add(1, 3, refused("192.0.2.1", "mx.peer.example", "example.org"));
    ledger
}

/// Takes a mail in over SMTP, up to its last line, and answers that with `answer`, or hangs up.
fn take_mail(stream: &TcpStream, answer: Option<&str>) {
    let say = |text: &str| write!(&*stream, "{text}\r\n").unwrap();
    let mut in_mail = false;
    say("220 mx.example");
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        match &*line {
            "DATA" => {
                in_mail = true;
                say("354 go on");
            }
            "." => match answer {
                Some(answer) => {
                    in_mail = false;
                    say(answer);
                }
                None => return,
            },
            _ if in_mail => {}
            "QUIT" => return,
            _ => say("250 fine"),
        }
    }
}

#[test]
fn a_mail_whose_fate_is_not_known_is_not_sent_again() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let ledger = ledger_for(&server);
    std::thread::spawn(move || take_mail(&server.accept().unwrap().0, None));
    let output = ledger.run(&["digest", "--send"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{error}");
    assert_eq!(output.stdout, b"0 sent\n");
    assert!(
        error.contains("whether the mail to boss@example.org was accepted is not known"),
        "{error}"
    );
    // The server is gone: a second attempt would be an error.
    assert_eq!(ledger.text(&["digest", "--send"]), "0 sent\n");
}

#[test]
fn a_mail_that_the_server_puts_off_or_never_gets_is_sent_the_next_time() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let ledger = ledger_for(&server);
    std::thread::spawn(move || {
        take_mail(&server.accept().unwrap().0, Some("451 the disk is full"));
        drop(server.accept().unwrap());
        take_mail(&server.accept().unwrap().0, Some("250 taken"));
    });
    for words in ["the disk is full", ""] {
        let output = ledger.run(&["digest", "--send"]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("could not be sent") && error.contains(words), "{error}");
        assert!(words.is_empty() || error.matches(words).count() == 1, "{error}");
    }
    assert_eq!(ledger.text(&["digest", "--send"]), "1 sent\n");
}

#[test]
fn a_ledger_that_fails_on_the_way_hides_neither_what_was_sent_nor_what_was_not() {
    let ledger = ledger();
    // The same table, with another condition.
    let let_in = |condition: &str| {
        let file = rusqlite::Connection::open(ledger.path("ledger.sqlite")).unwrap();
        let table = format!(
            "CREATE TABLE new (entry TEXT NOT NULL CHECK ({condition}), client TEXT NOT NULL, verdict TEXT NOT NULL,
                               at INTEGER NOT NULL, PRIMARY KEY (entry, client, verdict)) STRICT, WITHOUT ROWID;
             INSERT INTO new SELECT * FROM told; DROP TABLE told; ALTER TABLE new RENAME TO told"
        );
        file.execute_batch(&table).unwrap();
    };
    let_in("entry <> 'example.org'");
    let output = ledger.run(&["digest", "--send"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{error}");
    assert_eq!(output.stdout, b"1 sent\n", "{error}");
    assert!(error.contains("the mail to boss@example.org was not sent: CHECK"), "{error}");
    assert!(!error.contains("chef@example.com"), "{error}");
    let_in("true");
    // While the mail is under way.
    let script = "#!/bin/sh\nsqlite3 ledger.sqlite 'DROP TABLE told'\nexit 75\n";
    fs::write(ledger.path("sendmail"), script).unwrap();
    let output = ledger.run(&["digest", "--send"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("the mail to boss@example.org could not be sent"), "{error}");
    assert!(error.contains("the mail to boss@example.org will not be sent again"), "{error}");
}

#[test]
fn a_look_at_the_mails_sends_nothing_and_notes_nothing() {
    let ledger = ledger();
    for _ in 0..2 {
        let text = ledger.text(&["digest"]);
        assert_eq!(text.matches("Auto-Submitted: auto-generated").count(), 2, "{text}");
    }
    assert!(mails(&ledger).is_empty());
    assert_eq!(ledger.text(&["digest", "--send"]), "2 sent\n");
}

#[test]
fn without_a_sender_nothing_is_sent() {
    let ledger = Ledger::new(POLICY, "");
    let output = ledger.run(&["digest", "--send"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("add `digest: { from:"));
}
