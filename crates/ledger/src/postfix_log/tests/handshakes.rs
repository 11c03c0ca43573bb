//! Handshakes that failed, and what their clients did then.

use super::{clock, lines};
use crate::postfix_log::{FailedHandshake, Joiner};

fn failed(log: &str) -> Vec<FailedHandshake> {
    let (mut joiner, clock) = (Joiner::new(), clock());
    for line in log.lines() {
        let _ = joiner.line(line, &clock, 0);
    }
    joiner.end();
    joiner.handshakes()
}

/// `192.0.2.1 no shared cipher: refused c@d.test`.
fn shown(log: &str) -> Vec<String> {
    let client = |one: &FailedHandshake| one.client.map(|address| address.to_string());
    failed(log)
        .iter()
        .map(|one| {
            format!(
                "{} {}: {}{}{}",
                client(one).unwrap_or_default(),
                one.failure,
                one.afterwards.code(),
                one.recipient.as_ref().map(|to| format!(" {to}")).unwrap_or_default(),
                if one.is_again { " again" } else { "" },
            )
        })
        .collect()
}

/// The lines of a session of smtpd with mx.test[192.0.2.1].
fn session(process: u32, texts: &[&str], counts: &str) -> Vec<String> {
    let mut all = vec![format!("smtpd[{process}]: connect from mx.test[192.0.2.1]")];
    all.extend(texts.iter().map(|text| format!("smtpd[{process}]: {text}")));
    all.push(format!("smtpd[{process}]: disconnect from mx.test[192.0.2.1] {counts}"));
    all
}

const FAILED: [&str; 3] = [
    "SSL_accept error from mx.test[192.0.2.1]: -1",
    "warning: TLS library problem: error:0A0000C1:SSL routines::no shared cipher:../ssl/statem/statem_srvr.c:2226:",
    "lost connection after STARTTLS from mx.test[192.0.2.1]",
];

fn failure() -> Vec<String> {
    session(1, &FAILED, "ehlo=1 starttls=0/1 commands=1/2")
}

fn log(parts: &[Vec<String>]) -> String {
    let texts = parts.concat();
    lines(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A session in which a message comes, and is delivered.
fn with_message(tls: &[&str], counts: &str) -> Vec<String> {
    let mut texts = tls.to_vec();
    texts.push("AAAAAA: client=mx.test[192.0.2.1]");
    let mut all = session(2, &texts, counts);
    let delivered = "smtp[3]: AAAAAA: to=<c@d.test>, orig_to=<e@f.test>, relay=x, status=sent (ok)";
    all.insert(all.len() - 1, delivered.to_owned());
    all.push("smtp[3]: AAAAAA: to=<g@h.test>, relay=x, status=sent (ok)".to_owned());
    all.push("qmgr[4]: AAAAAA: removed".to_owned());
    all
}

const REFUSED: &str = "NOQUEUE: milter-reject: RCPT from mx.test[192.0.2.1]: 450 4.7.1 TLS is required; from=<a@b.test> to=<c@d.test> proto=ESMTP helo=<mx.test>";
const TLS: &str = "Anonymous TLS connection established from mx.test[192.0.2.1]: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)";

#[test]
fn what_a_client_did_after_its_handshake_had_failed_is_told_and_to_whom_it_wrote() {
    let begin = "192.0.2.1 no shared cipher:";
    let greylisted = "NOQUEUE: reject: RCPT from mx.test[192.0.2.1]: 450 4.2.0 <c@d.test>: Recipient address rejected: Greylisted; from=<a@b.test> to=<c@d.test> proto=ESMTP helo=<mx.test>";
    for (then, expected) in [
        (vec![], &["away"][..]),
        (
            vec![session(2, &[REFUSED], "ehlo=1 mail=1 rcpt=0/1 commands=3/4")],
            &["refused", "refused c@d.test"],
        ),
        (
            vec![with_message(&[], "ehlo=1 mail=1 rcpt=2 data=1 commands=5")],
            &["taken", "taken e@f.test", "taken g@h.test"],
        ),
        (
            vec![with_message(&[TLS], "ehlo=2 starttls=1 mail=1 rcpt=2 data=1 commands=6")],
            &["tls", "tls e@f.test", "tls g@h.test"],
        ),
        // Loglevel 0: the end of the session tells.
        (
            vec![with_message(&[], "ehlo=2 starttls=1 mail=1 rcpt=2 data=1 commands=6")],
            &["tls", "tls e@f.test", "tls g@h.test"],
        ),
        // One recipient refused, others taken.
        (
            vec![with_message(&[REFUSED], "ehlo=1 mail=1 rcpt=2/3 data=1 commands=5/6")],
            &["refused", "refused c@d.test", "taken e@f.test", "taken g@h.test"],
        ),
        // Whose recipient nobody can tell is still refused.
        (
            vec![session(
                2,
                &[&REFUSED.replace("c@d.test", "x> to=<c@d.test")],
                "ehlo=1 mail=1 rcpt=0/1 commands=3/4",
            )],
            &["refused"],
        ),
        // It says nothing of TLS that somebody is unknown or greylisted.
        (vec![session(2, &[greylisted], "ehlo=1 mail=1 rcpt=0/1 commands=3/4")], &["away"]),
        (vec![session(2, &[], "ehlo=1 quit=1 commands=2")], &["away"]),
        // A session of which the log lacks the end proves nothing.
        (
            vec![vec![
                "smtpd[2]: connect from mx.test[192.0.2.1]".into(),
                "smtpd[2]: AAAAAA: client=mx.test[192.0.2.1]".into(),
            ]],
            &["away"],
        ),
        (
            vec![session(
                2,
                &[
                    "NOQUEUE: reject: MAIL from mx.test[192.0.2.1]: 530 5.7.0 Must issue a STARTTLS command first; proto=ESMTP helo=<x>",
                ],
                "ehlo=1 mail=0/1 commands=1/2",
            )],
            &["refused"],
        ),
    ] {
        let mut parts = vec![failure()];
        parts.extend(then);
        let expected: Vec<_> = expected.iter().map(|then| format!("{begin} {then}")).collect();
        assert_eq!(shown(&log(&parts)), expected);
    }
}

#[test]
fn what_doctor_tries_is_no_handshake_of_a_client() {
    let trial = REFUSED.replace("450 4.7.1 TLS", "450 4.7.1 mandatory-tls trial TLS");
    let trial = session(2, &[&trial], "ehlo=1 mail=1 rcpt=0/1 commands=3/4");
    assert_eq!(shown(&log(&[failure(), failure(), trial.clone(), failure()])), [""; 0]);
    let later = log(&[failure()]).replace("00:00:00", "00:05:00");
    assert_eq!(shown(&(log(&[trial]) + &later)).len(), 1);
}

#[test]
fn each_of_several_failures_has_what_followed_and_is_one_occasion_with_those_before() {
    let refused = session(2, &[REFUSED], "ehlo=1 mail=1 rcpt=0/1 commands=3/4");
    let unsupported = session(
        1,
        &[
            "SSL_accept error from mx.test[192.0.2.1]: -1",
            "warning: TLS library problem: error:0A000102:SSL routines::unsupported protocol:../ssl/statem/statem_srvr.c:1664:",
        ],
        "ehlo=1 starttls=0/1 commands=1/2",
    );
    let found = shown(&log(&[failure(), unsupported, refused, failure()]));
    assert_eq!(
        found,
        [
            "192.0.2.1 no shared cipher: refused",
            "192.0.2.1 unsupported protocol: refused again",
            "192.0.2.1 no shared cipher: refused c@d.test",
            "192.0.2.1 unsupported protocol: refused c@d.test again",
            "192.0.2.1 no shared cipher: away",
        ]
    );
}

#[test]
fn who_fails_comes_in_the_clear_and_fails_again_at_once_failed_twice() {
    let refused = session(2, &[REFUSED], "ehlo=1 mail=1 rcpt=0/1 commands=3/4");
    let found = failed(&log(&[failure(), refused.clone(), failure(), refused, failure()]));
    let nth: Vec<_> = found
        .iter()
        .filter(|handshake| handshake.recipient.is_none())
        .map(|handshake| (handshake.process, handshake.nth))
        .collect();
    assert_eq!(nth, [(1, 0), (1, 1), (1, 2)]);
}

#[test]
fn a_copy_of_earlier_lines_fails_no_handshake_again_and_settles_none() {
    let refused = session(2, &[REFUSED], "ehlo=1 mail=1 rcpt=0/1 commands=3/4");
    let first = log(&[refused]);
    let failed = log(&[failure()]).replace("00:00:00", "00:10:00");
    let later =
        lines(&["smtpd[9]: connect from other.test[192.0.2.9]"]).replace("00:00:00", "00:20:00");
    let found = shown(&format!("{first}{failed}{later}{first}{failed}"));
    assert_eq!(found, ["192.0.2.1 no shared cipher: away"]);
}

#[test]
fn the_end_of_a_later_session_of_the_same_process_fails_no_handshake_of_the_one_before() {
    let found = shown(&lines(&[
        "smtpd[1]: connect from a.test[192.0.2.9]",
        "smtpd[1]: disconnect from mx.test[192.0.2.1] ehlo=1 starttls=0/1 commands=1/2",
        "smtpd[1]: connect from a.test[192.0.2.9]",
    ]));
    assert_eq!(found, [""; 0]);
}

#[test]
fn who_comes_hours_later_stayed_away_and_who_is_another_is_another() {
    let later = log(&[with_message(&[TLS], "ehlo=2 starttls=1 mail=1 commands=4")]);
    for (time, then) in [("03:59:59", "tls"), ("04:00:00", "away")] {
        let log = log(&[failure()]) + &later.replace("00:00:00", time);
        assert_eq!(shown(&log)[0], format!("192.0.2.1 no shared cipher: {then}"), "{time}");
    }
    let other = later.replace("192.0.2.1", "192.0.2.2");
    assert_eq!(shown(&(log(&[failure()]) + &other)), ["192.0.2.1 no shared cipher: away"]);
    // While the log says nothing, time passes.
    let (mut joiner, clock) = (Joiner::new(), clock());
    for line in log(&[failure()]).lines() {
        joiner.line(line, &clock, 0).unwrap();
    }
    assert!(joiner.handshakes().is_empty());
    joiner.past("2027-01-01T04:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second());
    assert_eq!(joiner.handshakes().len(), 1);
}

#[test]
fn postscreen_has_its_handshakes_in_tlsproxy_and_names_no_client() {
    let proxy = [
        "postscreen[5]: CONNECT from [192.0.2.1]:56466 to [192.0.2.9]:25",
        "tlsproxy[6]: CONNECT from [192.0.2.1]:56466",
        "tlsproxy[6]: warning: TLS library problem: error:0A000102:SSL routines::unsupported protocol:../ssl/statem/statem_srvr.c:1664:",
        "tlsproxy[6]: TLS handshake failed for service=smtpd peer=[192.0.2.1]:56466",
        "tlsproxy[6]: DISCONNECT [192.0.2.1]:56466",
        "postscreen[5]: HANGUP after 0.06 from [192.0.2.1]:56466 in tests after SMTP handshake",
        "tlsproxy[6]: TLS handshake failed for service=smtpd peer=[192.0.2.1]:56510",
    ];
    let proxy = proxy.map(str::to_owned).to_vec();
    let plain = with_message(&[], "ehlo=1 mail=1 rcpt=2 data=1 commands=5");
    assert_eq!(
        shown(&log(&[proxy.clone(), plain]))[..2],
        ["192.0.2.1 unsupported protocol: taken", "192.0.2.1 lost connection: taken again"]
    );
    let good = vec![
        "tlsproxy[6]: Anonymous TLS connection established from [192.0.2.1]:56480: TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits)".to_owned(),
    ];
    assert!(shown(&log(&[proxy, good])).iter().all(|line| line.contains(": tls")));
}

#[test]
fn the_causes_that_a_real_postfix_logs_are_words_of_the_ledger() {
    let mut found = failed(include_str!("handshakes-3.7.log"));
    found.retain(|one| one.recipient.is_none());
    let causes: Vec<_> = found.iter().map(|one| one.failure.to_string()).collect();
    // With STARTTLS, each after one that succeeded or none; then on a port where TLS comes first.
    assert_eq!(
        causes,
        [
            "unsupported protocol",
            "no shared cipher",
            "tlsv1 alert unknown ca",
            "lost connection",
            "wrong version number",
            "unexpected message",
            "connection reset by peer",
            "wrong version number",
            "unsupported protocol",
        ]
    );
    let then: Vec<_> = found.iter().map(|one| one.afterwards.code()).collect();
    assert_eq!(then, ["tls", "tls", "taken", "taken", "taken", "taken", "taken", "away", "away"]);
}
