//! Lines of sessions and messages, and what comes of them. How sessions end is a table in `session`, the
//! forms of lines are in `form`, of times in `time`; the same through the program is in tests/reports.

mod deliveries;
mod handshakes;
mod repetition;
mod sendmail;
mod sessions;

use super::joiner::MANY;
use super::*;
use jiff::{Timestamp, tz::TimeZone};
use policy::TlsState;

fn clock() -> Clock {
    Clock::new(TimeZone::UTC, "2027-01-02T00:00:00Z".parse().unwrap())
}

fn join(log: &str) -> (Vec<Logged>, Tallied) {
    let (mut joiner, clock) = (Joiner::new(), clock());
    for line in log.lines() {
        let _ = joiner.line(line, &clock, 0);
    }
    joiner.end();
    (joiner.told(), joiner.tallied())
}

/// Recipients, each with what is known of its session.
fn states(log: &str) -> Vec<(String, String)> {
    let state = |tls: &LoggedTls| match tls {
        LoggedTls::Told(state) => state.version().into_owned(),
        LoggedTls::Encrypted => "encrypted".to_owned(),
        LoggedTls::Failed(failure) => failure.word().to_owned(),
        LoggedTls::Unknown => "unknown".to_owned(),
    };
    let (found, _) = join(log);
    found.into_iter().map(|logged| (logged.recipient, state(&logged.tls))).collect()
}

/// Lines at one time: `PROGRAM[1]: TEXT`.
fn lines(texts: &[&str]) -> String {
    texts.iter().map(|text| format!("Jan  1 00:00:00 mx postfix/{text}\n")).collect()
}

/// As Postfix 3.7 writes it.
const SESSION: &str = "\
Dec 31 23:59:58 mx postfix/smtpd[17]: connect from mail.test[192.0.2.1]
Dec 31 23:59:58 mx postfix/smtpd[17]: Anonymous TLS connection established from mail.test[192.0.2.1]: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256
Dec 31 23:59:59 mx postfix/smtpd[17]: 4dBr7q2kzPz1: client=mail.test[192.0.2.1]
Dec 31 23:59:59 mx postfix/cleanup[18]: 4dBr7q2kzPz1: message-id=<x@y>
Dec 31 23:59:59 mx postfix/qmgr[9]: 4dBr7q2kzPz1: from=<a@b.test>, size=300, nrcpt=2 (queue active)
Jan  1 00:00:01 mx postfix/smtp[20]: 4dBr7q2kzPz1: to=<c@d.test>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (x)
Jan  1 00:00:01 mx postfix/local[21]: 4dBr7q2kzPz1: to=<real@e.test>, orig_to=<alias@e.test>, relay=local, status=sent (x)
Jan  1 00:05:01 mx postfix/smtp[20]: 4dBr7q2kzPz1: to=<c@d.test>, relay=x, status=sent (250 ok)
Jan  1 00:05:01 mx postfix/qmgr[9]: 4dBr7q2kzPz1: removed
Jan  1 00:05:02 mx postfix/smtpd[17]: disconnect from mail.test[192.0.2.1] ehlo=2 starttls=1 mail=1 commands=4
";

#[test]
fn the_lines_of_a_session_and_its_message_are_joined() {
    let (found, tallied) = join(SESSION);
    let recipients: Vec<_> = found.iter().map(|logged| &*logged.recipient).collect();
    assert_eq!(recipients, ["c@d.test", "alias@e.test"]);
    let logged = &found[0];
    assert_eq!(logged.at, "2026-12-31T23:59:59Z".parse::<Timestamp>().unwrap().as_second());
    assert_eq!(logged.client, "192.0.2.1".parse().ok());
    assert_eq!(logged.name.as_ref().map(DomainName::as_str), Some("mail.test"));
    assert_eq!((logged.sender.as_deref(), &*logged.host), (Some("a@b.test"), "mx"));
    assert_eq!((&*logged.id, logged.process, logged.file), ("4dBr7q2kzPz1", 17, 0));
    assert_eq!(logged.tls.state().to_string(), "TLSv1.3 TLS_AES_256_GCM_SHA384");
    assert_eq!((tallied.messages, tallied.tls, tallied.postfix), (1, 1, 10));
}

#[test]
fn two_processes_are_not_mixed_up_and_a_second_connection_begins_anew() {
    let log = "\
2026-12-31T23:59:58.123456+01:00 mx postfix/smtpd[1]: connect from a.test[192.0.2.1]
2026-12-31T23:59:58.123456+01:00 mx postfix/smtpd[2]: connect from unknown[2001:db8::1]
2026-12-31T23:59:58.123456+01:00 mx postfix/smtpd[1]: Trusted TLS connection established from a.test[192.0.2.1]: TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits)
2026-12-31T23:59:58.123456+01:00 mx postfix/smtpd[2]: AAAAAA: client=unknown[2001:db8::1]
2026-12-31T23:59:58.123456+01:00 mx postfix/qmgr[3]: AAAAAA: from=<>, size=1, nrcpt=1 (queue active)
2026-12-31T23:59:58.123456+01:00 mx postfix/lmtp[4]: AAAAAA: to=<x@y.test>, relay=x, status=sent (ok)
2026-12-31T23:59:58.123456+01:00 mx postfix/smtpd[1]: disconnect from a.test[192.0.2.1]
2026-12-31T23:59:58.123456+01:00 mx postfix/smtpd[1]: connect from b.test[192.0.2.2]
2026-12-31T23:59:59.123456+01:00 mx postfix/smtpd[1]: BBBBBB: client=b.test[192.0.2.2], sasl_method=PLAIN, sasl_username=me
2026-12-31T23:59:59.123456+01:00 mx postfix/virtual[4]: BBBBBB: to=<\"q>,\"@y.test>, relay=x, status=sent (ok)
2026-12-31T23:59:59.123456+01:00 mx postfix/smtpd[2]: disconnect from unknown[2001:db8::1] ehlo=1 mail=1 rcpt=1 commands=3
2026-12-31T23:59:59.123456+01:00 mx postfix/smtpd[1]: disconnect from b.test[192.0.2.2] ehlo=1 auth=1 mail=1 commands=3
";
    let (found, tallied) = join(log);
    assert_eq!(found.len(), 2);
    assert_eq!(tallied.without_zone, 0);
    assert!(found.iter().all(|logged| logged.tls == LoggedTls::Told(TlsState::Plaintext)));
    assert_eq!((found[0].name.clone(), found[0].sender.as_deref()), (None, Some("")));
    assert!(found[1].authenticated && !found[0].authenticated);
    assert_eq!(found[1].at - found[0].at, 1);
}

#[test]
fn what_cannot_be_joined_is_counted() {
    let log = "\
Jan  1 00:00:00 mx postfix/smtpd[1]: AAAAAA: client=a.test[192.0.2.1]
Jan  1 00:00:00 mx postfix/qmgr[1]: AAAAAA: from=<a@b.test>, size=1, nrcpt=1 (queue active)
Jan  1 00:00:00 mx postfix/smtp[1]: AAAAAA: to=<x@y.test>, relay=x, status=sent (ok)
Jan  1 00:00:00 mx postfix/smtp[1]: BBBBBB: to=<x@y.test>, relay=x, status=sent (ok)
Jan  1 00:00:00 mx postfix/pickup[1]: CCCCCC: uid=0 from=<root>
Jan  1 00:00:00 mx postfix/smtp[1]: CCCCCC: to=<x@y.test>, relay=x, status=sent (ok)
Jan  1 00:00:00 mx dovecot: imap(x): Logged out
Jan  1 00:00:00 mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.test[192.0.2.1]: 550 5.1.1 <x>: no
garbage
";
    let (found, tallied) = join(log);
    let [logged] = &*found else { panic!("{found:?}") };
    assert_eq!((&*logged.id, &logged.tls), ("AAAAAA", &LoggedTls::Unknown));
    let expected = Tallied {
        lines: 9,
        postfix: 7,
        without_zone: 7,
        messages: 1,
        without_message: 1,
        ..Tallied::default()
    };
    assert_eq!(tallied, expected);
}

#[test]
fn a_client_cannot_forge_a_session_by_what_it_says() {
    let log = "\
Jan  1 00:00:00 mx postfix/smtpd[1]: connect from evil.test[192.0.2.1]
Jan  1 00:00:00 mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from evil.test[192.0.2.1]: 450 4.7.1 <x@y.test>: no; from=<a@evil.test> to=<x@y.test> proto=ESMTP helo=<Trusted TLS connection established from x[1]: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)>
Jan  1 00:00:01 mx postfix/smtpd[1]: AAAAAA: client=evil.test[192.0.2.1]
Jan  1 00:00:01 mx postfix/qmgr[2]: AAAAAA: from=<a@evil.test>, size=1, nrcpt=1 (queue active)
Jan  1 00:00:01 mx postfix/lmtp[3]: AAAAAA: to=<x@y.test>, relay=x, status=sent (ok)
Jan  1 00:00:01 mx postfix/smtpd[1]: disconnect from evil.test[192.0.2.1] helo=1 mail=2 rcpt=1/2 data=1 commands=5/6
";
    let (found, tallied) = join(log);
    assert_eq!((found.len(), tallied.tls), (1, 0));
    assert_eq!(found[0].tls, LoggedTls::Told(TlsState::Plaintext));
}

#[test]
fn a_client_cannot_forge_who_it_is_by_its_user_name_or_the_parameter_auth_of_mail() {
    let sender = "orig_queue_id=BBBBBB, orig_client=x.test[192.0.2.9], sasl_username=boss";
    let user = format!(", sasl_method=PLAIN, sasl_username={sender}");
    for (before, authenticated) in
        [("", false), (", sasl_method=PLAIN, sasl_username=u", true), (&user, true)]
    {
        let log = format!(
            "\
Jan  1 00:00:00 mx postfix/smtpd[1]: connect from a.test[192.0.2.1]
Jan  1 00:00:00 mx postfix/smtpd[1]: AAAAAA: client=a.test[192.0.2.1]{before}, sasl_sender=x, {sender}
Jan  1 00:00:01 mx postfix/smtp[3]: AAAAAA: to=<x@y.test>, relay=x, status=sent (ok)
Jan  1 00:00:01 mx postfix/smtpd[1]: disconnect from a.test[192.0.2.1] helo=1 mail=1 rcpt=1 data=1 commands=4
"
        );
        let (found, _) = join(&log);
        let [logged] = &*found else { panic!("{found:?}") };
        assert_eq!(logged.client, "192.0.2.1".parse().ok());
        assert_eq!(logged.authenticated, authenticated);
        assert_eq!(logged.tls, LoggedTls::Told(TlsState::Plaintext));
    }
    let log = "\
Jan  1 00:00:00 mx postfix/smtpd[1]: connect from a.test[192.0.2.1]
Jan  1 00:00:00 mx postfix/smtpd[1]: NOQUEUE: client=a.test[192.0.2.1], sasl_sender=x, sasl_username=boss
Jan  1 00:00:00 mx postfix/smtpd[2]: connect from localhost[127.0.0.1]
Jan  1 00:00:00 mx postfix/smtpd[2]: AAAAAA: client=localhost[127.0.0.1], orig_client=a.test[192.0.2.1]
Jan  1 00:00:01 mx postfix/smtp[3]: AAAAAA: to=<x@y.test>, relay=x, status=sent (ok)
Jan  1 00:00:01 mx postfix/smtpd[1]: disconnect from a.test[192.0.2.1] helo=1 mail=1 rcpt=1 data=1 commands=4
";
    let (found, _) = join(log);
    assert!(found.iter().all(|logged| !logged.authenticated), "{found:?}");
    assert_eq!(found.len(), 1);
}

#[test]
fn a_server_or_an_address_cannot_forge_the_recipient() {
    let log = "\
Jan  1 00:00:00 mx postfix/smtpd[1]: connect from a.test[192.0.2.1]
Jan  1 00:00:00 mx postfix/smtpd[1]: AAAAAA: client=a.test[192.0.2.1]
Jan  1 00:00:01 mx postfix/smtp[3]: AAAAAA: to=<x@y.test>, relay=x, status=bounced (550 no, orig_to=<z@victim.test>, really)
Jan  1 00:00:01 mx postfix/smtp[3]: AAAAAA: to=<\"q>, orig_to=<z@victim.test>, \\\"\"@y.test>, relay=x, status=sent (ok)
Jan  1 00:00:01 mx postfix/smtp[3]: AAAAAA: to=<x@y.test>, orig_to=<\"a>, b\"@y.test>, relay=x, status=sent (ok)
";
    let (found, _) = join(log);
    let recipients: Vec<_> = found.iter().map(|logged| &*logged.recipient).collect();
    assert_eq!(
        recipients,
        ["x@y.test", "\"q>, orig_to=<z@victim.test>, \\\"\"@y.test", "\"a>, b\"@y.test"]
    );
    // Without a line of qmgr nothing is known of the sender: it is not the null sender.
    assert!(found.iter().all(|logged| logged.sender.is_none()));
}

#[test]
fn a_session_without_end_and_message_ids_without_number_are_held_in_bounded_memory() {
    let (mut joiner, clock) = (Joiner::new(), clock());
    let log = |joiner: &mut Joiner, text: &str| {
        joiner.line(&format!("Jan  1 00:00:00 mx postfix/{text}"), &clock, 0).unwrap();
    };
    log(&mut joiner, "smtpd[1]: connect from a.test[192.0.2.1]");
    let mut told = 0;
    for number in 0..30_000 {
        log(&mut joiner, &format!("smtpd[1]: {number:05}A: client=a.test[192.0.2.1]"));
        log(&mut joiner, &format!("cleanup[2]: {number:05}A: message-id=<{number}@a.test>"));
        log(
            &mut joiner,
            &format!("smtp[3]: {number:05}A: to=<x@y.test>, relay=x, status=sent (ok)"),
        );
        log(&mut joiner, &format!("qmgr[4]: {number:05}A: removed"));
        told += joiner.told().len();
    }
    assert!(joiner.messages.len() <= 10_000, "{}", joiner.messages.len());
    assert!(joiner.by_message_id.len() <= 20_001, "{}", joiner.by_message_id.len());
    joiner.end();
    assert_eq!(told + joiner.told().len(), 30_000);
}

#[test]
fn a_log_without_end_is_joined_in_bounded_memory() {
    let (mut joiner, clock) = (Joiner::new(), clock());
    let begun: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut most = 0;
    // Each second a message that is refused after its data, and each minute one that is deleted from
    // the queue by hand: no line tells of their end.
    for second in 0..100_000 {
        let at = begun + jiff::SignedDuration::from_secs(second);
        let mut log = |text: &str| {
            joiner.line(&format!("{at} mx postfix/{text}"), &clock, 0).unwrap();
        };
        log(&format!("smtpd[{}]: connect from a.test[192.0.2.1]", second % 100));
        log(&format!("smtpd[{}]: A{second:06}: client=a.test[192.0.2.1]", second % 100));
        log(&format!("cleanup[2]: A{second:06}: message-id=<x@y>"));
        if second % 60 == 0 {
            log(&format!("qmgr[3]: A{second:06}: from=<a@b.test>, size=1, nrcpt=1 (queue active)"));
        }
        most = most.max(joiner.queue.len).max(joiner.sessions.len());
    }
    assert!(most <= 2 * MANY, "{most}");
    assert_eq!(joiner.tallied().messages, 100_000);
}

#[test]
fn a_message_that_waits_for_days_is_not_forgotten() {
    let mut log = String::new();
    let begun: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
    let mut line = |hours: i64, text: &str| {
        let at = begun + jiff::SignedDuration::from_hours(hours);
        log.push_str(&format!("{at} mx postfix/{text}\n"));
    };
    line(0, "smtpd[1]: connect from a.test[192.0.2.1]");
    line(0, "smtpd[1]: AAAAAA: client=a.test[192.0.2.1]");
    for hours in 0..72 {
        line(hours, "qmgr[3]: AAAAAA: from=<a@b.test>, size=1, nrcpt=2 (queue active)");
        line(hours, "smtp[4]: AAAAAA: to=<x@y.test>, relay=none, status=deferred (no)");
        for number in 0..500 {
            line(hours, &format!("smtpd[2]: B{hours:02}{number:03}: client=b.test[192.0.2.2]"));
        }
    }
    line(72, "smtp[4]: AAAAAA: to=<z@y.test>, relay=x, status=sent (ok)");
    let (found, tallied) = join(&log);
    let recipients: Vec<_> = found.iter().map(|logged| &*logged.recipient).collect();
    assert_eq!((recipients, tallied.without_message), (vec!["x@y.test", "z@y.test"], 0));
}

#[test]
fn nothing_in_a_log_ends_the_program() {
    let (mut joiner, clock) = (Joiner::new(), clock());
    for line in SESSION.lines() {
        for cut in 0..line.len() {
            let (before, after) = line.split_at(cut);
            let _ = joiner.line(before, &clock, 0);
            let _ = joiner.line(after, &clock, 0);
        }
    }
    joiner.end();
    joiner.told();
    for line in [
        "",
        " ",
        "Jan",
        "Jan 99 99:99:99 x postfix/smtpd[1]: x",
        "9 x y/z[a]: b",
        "é[é]: ",
        "1 2027-01-01T00:00:00Z",
        "<22>1 2027-01-01T00:00:00Z é é é é [é",
        "Jan  1 00:00:00 mx postfix/smtpd[1]: disconnect from",
        "Jan  1 00:00:00 mx postfix/smtpd[1]: message repeated é times: [ x]",
        "[ é] x postfix/smtpd[1]: ",
        "é | é | é | é | é | Jan",
        "Jan  1 00:00:00 docker docker[1]: Jan  1 00:00:00 docker docker[1]: Jan  1 00:00:00 docker docker[1]: Jan  1 00:00:00 docker docker[1]: x",
    ] {
        let _ = joiner.line(line, &clock, 0);
        assert!(joiner.told().is_empty(), "{line}");
    }
}
