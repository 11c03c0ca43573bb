//! What became of deliveries, and over what.

use super::{clock, lines};
use crate::model::delivery::{Attempt, DeliveryKey, DeliveryStatus, HopTls};
use crate::postfix_log::{Delivered, Joiner, Unread};
use policy::DomainName;

fn delivered(log: &str) -> Vec<Delivered> {
    let (mut joiner, clock) = (Joiner::new(), clock());
    for line in log.lines() {
        let _ = joiner.line(line, &clock, 0);
    }
    joiner.end();
    joiner.deliveries().into_iter().filter(is_attempt).collect()
}

/// Whether it is more than what an attempt means for the reason of one before it.
fn is_attempt(delivered: &Delivered) -> bool {
    !matches!(delivered.attempt.status, DeliveryStatus::Settled | DeliveryStatus::Resumed)
}

/// What a row holds of an attempt: `u@d.example mx.test[192.0.2.25] TLSv1.3 verified sent none`.
pub(super) fn shown(delivered: &Delivered) -> String {
    let key = DeliveryKey::new(&DomainName::parse("d.example").unwrap(), &delivered.attempt);
    let again = if delivered.attempt.is_again { " again" } else { "" };
    let words = if key.words.is_empty() { String::new() } else { format!(" ({})", key.words) };
    let level = if key.level.is_empty() { String::new() } else { format!(" {}", key.level) };
    format!(
        "{} {}[{}]{level} {} {} {} {}{words}{again}",
        delivered.recipient,
        key.server,
        key.address,
        key.tls_version,
        key.trust.code(),
        key.status.code(),
        key.reason.code()
    )
}

#[test]
fn what_a_real_postfix_logs_of_each_way_to_deliver_is_read() {
    let found: Vec<_> = delivered(include_str!("second-hop-3.7.log")).iter().map(shown).collect();
    let (again, first): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|line| line.ends_with(" again"));
    let expected = [
        "u@d3.example mx.example.com[127.0.0.1] unknown none deferred connection (Connection refused)",
        "u1@d1.example 127.0.0.2[127.0.0.2] none none sent none",
        "u2@d1.example 127.0.0.2[127.0.0.2] none none sent none",
        "u1@d2.example 127.0.0.2[127.0.0.2] TLSv1.3 untrusted sent none",
        "u2@d2.example 127.0.0.2[127.0.0.2] TLSv1.3 untrusted sent none",
        "u@d7.example 127.0.0.2[127.0.0.2] failed none deferred handshake-failed (lost connection)",
        "u@d14.example 127.0.0.2[127.0.0.2] none none deferred reply (450 4.2.0)",
        "u@d4.example 127.0.0.2[127.0.0.2] none none deferred tls-not-offered",
        "u@d19.example [] unknown none deferred dns (Temporary failure in name resolution)",
        "u@d13.example 127.0.0.2[127.0.0.2] none none bounced reply (550 5.1.1)",
        "u@d16.example 127.0.0.2[127.0.0.2] unknown none deferred connection (Connection refused)",
        "u@d15.example 127.0.0.2[127.0.0.2] none none deferred connection (lost while receiving the initial server greeting)",
        "u@d18.example [] unknown none deferred policy-failed",
        "u@d12.example d2.example[127.0.0.2] TLSv1.3 untrusted deferred certificate-not-trusted (untrusted issuer)",
        "u@d5.example 127.0.0.2[127.0.0.2] none none deferred tls-not-offered (454 4.7.0)",
        "u@d20.example 127.0.0.2[127.0.0.2] TLSv1.3 untrusted deferred certificate-not-matched (no matching DANE TLSA records)",
        "u@d11.example d2.example[127.0.0.2] TLSv1.3 untrusted deferred certificate-not-matched (hostname mismatch)",
        "u@d6.example 127.0.0.2[127.0.0.2] failed none deferred handshake-failed (lost connection)",
        "u@d8.example 127.0.0.2[127.0.0.2] failed none deferred handshake-failed (lost connection)",
        "u@d23.example 127.0.0.2[127.0.0.2] TLSv1.3 untrusted deferred connection (lost while performing the EHLO handshake)",
        "u1@d17.example 127.0.0.2[127.0.0.2] failed none deferred handshake-failed (cause not logged)",
        "u2@d17.example 127.0.0.2[127.0.0.2] failed none deferred handshake-failed (cause not logged)",
        // A service that has logged no session: one at level none, and one with loglevel 0.
        "u@d25.example 127.0.0.2[127.0.0.2] unknown none sent none",
        "u@d24.example 127.0.0.2[127.0.0.2] unknown none sent none",
        "u@d22.example 127.0.0.2[127.0.0.2] TLSv1.3 untrusted deferred connection (lost while performing the EHLO handshake)",
        "u@d21.example server.example.com[127.0.0.2] TLSv1.3 verified sent none",
        "u@d9.example 127.0.0.2[127.0.0.2] TLSv1 untrusted sent none",
        "u@d10.example 127.0.0.2[127.0.0.2] TLSv1.2 anonymous sent none",
    ];
    assert_eq!(first, expected);
    // The second attempt ends as the first one did.
    assert_eq!(again.len(), 18);
    for line in again {
        let first = line.trim_end_matches(" again").split(" (").next().unwrap_or_default();
        assert!(expected.iter().any(|expected| expected.starts_with(first)), "{line}");
    }
}

const TO: &str =
    "relay=mx.test[192.0.2.25]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)";
const TRUSTED: &str = "smtp[2]: Trusted TLS connection established to mx.test[192.0.2.25]:25: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)";

/// What is told of these lines.
fn told(texts: &[&str]) -> Vec<String> {
    delivered(&lines(texts)).iter().map(shown).collect()
}

#[test]
fn a_session_counts_for_all_recipients_of_one_message_and_for_no_other_message() {
    let sent = |id: &str, to: &str| format!("smtp[2]: {id}: to=<{to}@d.example>, {TO}");
    let found = told(&[
        TRUSTED,
        &sent("AAAAAA", "a"),
        &sent("AAAAAA", "b"),
        &sent("BBBBBB", "c"),
        TRUSTED,
        &sent("CCCCCC", "d"),
        // Another process, and another server.
        &sent("DDDDDD", "e").replace("[2]", "[3]"),
        TRUSTED,
        &sent("EEEEEE", "f").replace("192.0.2.25", "192.0.2.26"),
    ]);
    let sessions: Vec<_> =
        found.iter().map(|line| line.split(' ').nth(2).unwrap_or_default()).collect();
    assert_eq!(sessions, ["TLSv1.3", "TLSv1.3", "none", "TLSv1.3", "none", "none"]);
}

#[test]
fn of_two_requests_for_one_message_to_the_same_server_each_has_its_own_session() {
    // One domain demands TLS, and the other one, behind the same server, has none.
    let sent = |to: &str, waited: &str| {
        format!("smtp[2]: AAAAAA: to=<{to}>, {TO}").replace("0/0/1/0", &format!("0.2/{waited}/1/0"))
    };
    let found = told(&[
        TRUSTED,
        &sent("a@d.example", "0.01"),
        &sent("b@d.example", "0.01"),
        &sent("c@e.example", "0.31"),
    ]);
    let sessions: Vec<_> =
        found.iter().map(|line| line.split(' ').nth(2).unwrap_or_default()).collect();
    assert_eq!(sessions, ["TLSv1.3", "TLSv1.3", "none"]);
}

#[test]
fn what_lies_between_session_and_delivery_decides_over_what_it_went() {
    let sent = format!("smtp[2]: AAAAAA: to=<u@d.example>, {TO}");
    let begin = "u@d.example mx.test[192.0.2.25]";
    for (before, expected) in [
        (&[TRUSTED][..], "TLSv1.3 trusted sent none"),
        // tlsproxy holds the connection, and another message goes over it.
        (
            &[
                "smtp[2]: Verified TLS connection reused to mx.test[192.0.2.25]:25: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)",
            ],
            "TLSv1.3 verified sent none",
        ),
        // The first server failed, the second one took it.
        (
            &[
                "smtp[2]: SSL_connect error to mx1.test[192.0.2.24]:25: -1",
                "smtp[2]: AAAAAA: Cannot start TLS: handshake failure",
                TRUSTED,
            ],
            "TLSv1.3 trusted sent none",
        ),
        // Plaintext with the same server, at level may, after the handshake had failed.
        (
            &[
                "smtp[2]: SSL_connect error to mx.test[192.0.2.25]:25: -1",
                "smtp[2]: warning: TLS library problem: error:0A000102:SSL routines::unsupported protocol:../ssl/statem/statem_lib.c:1986:",
                "smtp[2]: AAAAAA: Cannot start TLS: handshake failure",
            ],
            "failed none sent none (unsupported protocol)",
        ),
        // And after the session broke off.
        (
            &[
                TRUSTED,
                "smtp[2]: AAAAAA: lost connection with mx.test[192.0.2.25] while performing the EHLO handshake",
            ],
            "failed none sent none (connection lost after the handshake)",
        ),
        // A message before had a session with that server.
        (
            &[
                TRUSTED,
                "smtp[2]: BBBBBB: to=<v@e.example>, relay=mx.test[192.0.2.25]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)",
            ],
            "none none sent none",
        ),
        (&[], "unknown none sent none"),
    ] {
        let found = told(&[before, &[&*sent]].concat());
        assert_eq!(found.last().unwrap(), &format!("{begin} {expected}"), "{before:?}");
    }
}

#[test]
fn lines_that_were_not_taken_in_are_no_proof_of_plaintext() {
    let sent = format!("smtp[3]: BBBBBB: to=<u@d.example>, {TO}");
    let expected = "u@d.example mx.test[192.0.2.25] unknown none sent none";
    // Nor are those before and after a change of what is logged.
    for between in [
        "systemd-journald[9]: Suppressed 12 messages from postfix@-.service",
        "postfix/master[1]: reload -- version 3.7.11, configuration /etc/postfix",
        "postfix/master[1]: daemon started -- version 3.7.11, configuration /etc/postfix",
    ] {
        let between = format!("Jan  1 00:00:00 mx {between}\n");
        let log = lines(&[TRUSTED]) + &between + &lines(&[&sent]);
        assert_eq!(shown(&delivered(&log)[0]), expected, "{between}");
    }
    let later = lines(&[&sent]) + &lines(&[TRUSTED]);
    assert_eq!(shown(&delivered(&later)[0]), expected);
}

#[test]
fn from_postfix_3_11_on_the_line_of_the_delivery_says_level_and_outcome() {
    for (tls, status, expected) in [
        ("may", "sent (250 ok)", "may encrypted none sent none"),
        ("may:none", "sent (250 ok)", "may:none none none sent none"),
        ("none", "sent (250 ok)", "none none none sent none"),
        ("secure/requiretls", "sent (250 ok)", "secure encrypted none sent none"),
        (
            "!encrypt",
            "deferred (TLS is required, but was not offered by host mx.test[192.0.2.25])",
            "encrypt none none deferred tls-not-offered",
        ),
        (
            "!secure",
            "deferred (Server certificate not verified)",
            "secure unknown none deferred certificate-not-matched",
        ),
        (
            "encrypt?",
            "deferred (Cannot start TLS: handshake failure)",
            "encrypt failed none deferred handshake-failed (cause not logged)",
        ),
    ] {
        let line = format!(
            "smtp[2]: AAAAAA: to=<u@d.example>, relay=mx.test[192.0.2.25]:25, delay=1, delays=0/0/1/0, tls={tls}, dsn=4.7.5, status={status}"
        );
        assert_eq!(
            told(&[&line])[0],
            format!("u@d.example mx.test[192.0.2.25] {expected}"),
            "{tls}"
        );
    }
    // With the line of the session, what it says in full; unless the connection was another one.
    let line = format!("smtp[2]: AAAAAA: to=<u@d.example>, {TO}");
    let with = |tls: &str| line.replace("dsn=", &format!("tls={tls}, dsn="));
    assert!(told(&[TRUSTED, &with("encrypt")])[0].contains(" encrypt TLSv1.3 trusted "));
    assert!(told(&[TRUSTED, &with("may:none")])[0].contains(" may:none none none "));
}

#[test]
fn mail_that_does_not_leave_the_host_is_neither_encrypted_nor_in_the_clear() {
    for (program, relay, server) in [
        ("lmtp", "mx.example[private/dovecot-lmtp]", "mx.example[]"),
        ("lmtp", "127.0.0.1[127.0.0.1]:24", "127.0.0.1[127.0.0.1]"),
        ("smtp", "localhost[::1]:2525", "localhost[::1]"),
        ("local", "local", "[]"),
        ("virtual", "virtual", "[]"),
        ("pipe", "dovecot", "[]"),
    ] {
        let line = format!(
            "{program}[2]: AAAAAA: to=<u@d.example>, relay={relay}, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (ok)"
        );
        assert_eq!(
            told(&[&line]),
            [format!("u@d.example {server} local none sent none")],
            "{relay}"
        );
    }
    let forwarded = "local[2]: AAAAAA: to=<u@d.example>, relay=local, delay=1, dsn=2.0.0, status=sent (forwarded as BBBBBB)";
    assert_eq!(told(&[forwarded]), [""; 0]);
}

#[test]
fn what_a_filter_takes_is_not_yet_delivered() {
    let back = |field: &str| {
        told(&[
            "smtpd[1]: connect from a.test[192.0.2.1]",
            "smtpd[1]: AAAAAA: client=a.test[192.0.2.1]",
            "cleanup[3]: AAAAAA: message-id=<1@a.test>",
            "qmgr[4]: AAAAAA: from=<b@a.test>, size=1, nrcpt=1 (queue active)",
            "smtpd[9]: connect from filter.test[10.0.0.9]",
            &format!("smtpd[9]: BBBBBB: client=filter.test[10.0.0.9]{field}"),
            "cleanup[3]: BBBBBB: message-id=<1@a.test>",
            "smtp[2]: AAAAAA: to=<u@d.example>, relay=filter.test[10.0.0.9]:10024, delay=1, dsn=2.0.0, status=sent (250 queued as BBBBBB)",
            "qmgr[4]: AAAAAA: removed",
            TRUSTED,
            &format!("smtp[2]: BBBBBB: to=<u@d.example>, {TO}"),
        ])
    };
    for field in ["", ", orig_queue_id=AAAAAA, orig_client=a.test[192.0.2.1]"] {
        assert_eq!(back(field), ["u@d.example mx.test[192.0.2.25] TLSv1.3 trusted sent none"]);
    }
}

#[test]
fn a_message_that_waits_is_one_however_often_it_is_tried_and_says_in_the_end_why_it_had_waited() {
    let line = |relay: &str, status: &str| {
        format!(
            "smtp[2]: AAAAAA: to=<u@d.example>, orig_to=<v@e.example>, relay={relay}, delay=1, delays=0/0/1/0, dsn=4.0.0, status={status}"
        )
    };
    let mx = "mx.test[192.0.2.25]:25";
    let no_tls =
        line(mx, "deferred (TLS is required, but was not offered by host mx.test[192.0.2.25])");
    let refused = line("none", "deferred (connect to mx.test[192.0.2.25]:25: Connection refused)");
    let suspended = no_tls
        .replace("smtp[2]", "error[7]")
        .replace(mx, "none")
        .replace("(TLS", "(delivery temporarily suspended: TLS");
    let begin = "v@e.example mx.test[192.0.2.25]";
    let found = told(&[
        &no_tls,
        &no_tls,
        &refused,
        &suspended,
        &refused,
        &no_tls,
        TRUSTED,
        &line(mx, "sent (250 ok)"),
    ]);
    let expected = [
        "none none deferred tls-not-offered",
        "none none deferred tls-not-offered again",
        "unknown none deferred connection (Connection refused)",
        "unknown none deferred tls-not-offered again",
        "unknown none deferred connection (Connection refused) again",
        "none none deferred tls-not-offered again",
        "TLSv1.3 trusted sent tls-not-offered",
    ];
    assert_eq!(found, expected.map(|line| format!("{begin} {line}")));
    let found = told(&[
        &no_tls,
        &refused,
        "qmgr[4]: AAAAAA: from=<b@a.test>, status=expired, returned to sender",
        "qmgr[4]: AAAAAA: removed",
    ]);
    assert_eq!(found[2], "v@e.example [] unknown none bounced connection (waited too long)");
    // soft_bounce
    let soft = line(mx, "SOFTBOUNCE (host mx.test[192.0.2.25] said: 550 5.1.1 no)");
    assert!(told(&[&soft])[0].ends_with("deferred reply (550 5.1.1)"));
}

#[test]
fn a_message_of_which_the_log_lacks_the_beginning_was_tried_before_if_it_lay_there_long() {
    let line = |waited: &str| {
        format!(
            "smtp[2]: AAAAAA: to=<u@d.example>, relay=none, delay=9, delays={waited}/0/0/0, dsn=4.4.1, status=deferred (connect to mx.test[192.0.2.25]:25: Connection refused)"
        )
    };
    assert!(told(&[&line("3600")])[0].ends_with(" again"));
    assert!(!told(&[&line("12")])[0].ends_with(" again"));
    let begun = [
        "smtpd[1]: connect from a.test[192.0.2.1]",
        "smtpd[1]: AAAAAA: client=a.test[192.0.2.1]",
        &line("3600"),
    ];
    assert!(!told(&begun)[0].ends_with(" again"));
}

#[test]
fn a_server_cannot_forge_what_became_of_a_delivery() {
    let line = "smtp[2]: AAAAAA: to=<u@d.example>, relay=mx.test[192.0.2.25]:25, delay=1, delays=0/0/1/0, dsn=5.0.0, status=bounced (host mx.test[192.0.2.25] said: 550 x, dsn=2.0.0, status=sent (250 ok))";
    let found = delivered(&lines(&[
        "smtp[2]: AAAAAA: host mx.test[192.0.2.25] said: Trusted TLS connection established to mx.test[192.0.2.25]:25: TLSv1.3 with cipher X (1/1 bits)",
        line,
    ]));
    assert_eq!(found[0].attempt.status, DeliveryStatus::Bounced);
    assert_eq!(found[0].attempt.words, "550");
    assert!(matches!(found[0].attempt.tls, HopTls::Told(_)));
    let Attempt { tls, .. } = &found[0].attempt;
    assert!(!format!("{tls:?}").contains("TLSv1.3"));
}

#[test]
fn an_address_that_is_not_quoted_forges_no_delivery_and_no_sender() {
    let forged =
        "u@v.example>, relay=q[192.0.2.77]:25, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (y";
    let real = "delay=1, delays=0/0/1/0, dsn=4.2.0, status=deferred (host mx.test[192.0.2.25] said: 450 4.2.0 no)";
    let relay = "relay=mx.test[192.0.2.25]:25";
    let read = |text: &str| {
        let (mut joiner, clock) = (Joiner::new(), clock());
        let read = joiner.line(lines(&[text]).trim_end(), &clock, 0);
        (read, joiner.deliveries().len(), joiner.tallied().unread)
    };
    for text in [
        format!("smtp[2]: AAAAAA: to=<x>, orig_to=<{forged}@d.example>, {relay}, {real}"),
        format!("smtp[2]: AAAAAA: to=<{forged}@d.example>, {relay}, {real}"),
        format!("smtp[2]: AAAAAA: to=<{forged}@d.example>, orig_to=<w@d.example>, {relay}, {real}"),
        format!("smtp[2]: AAAAAA: to=<w@d.example>, orig_to=<{forged}@d.example>, {relay}, {real}"),
        format!("smtp[2]: AAAAAA: to=<\"x\"@v.example>, relay=q, {forged}@d.example>, {relay}, {real}"),
        "qmgr[2]: AAAAAA: from=<u@v.example>, size=1, nrcpt=1 (x@d.example>, size=300, nrcpt=1 (queue active)".into(),
        "smtpd[2]: NOQUEUE: milter-reject: RCPT from a.test[192.0.2.1]: 450 4.7.1 no TLS; from=<u@d.test> to=<u@v.example> proto=ESMTP helo=<x@d.example> to=<u@d.example> proto=ESMTP helo=<x>".into(),
        "smtpd[2]: NOQUEUE: milter-reject: RCPT from a.test[192.0.2.1]: 450 4.7.1 no TLS; from=<u@d.test> to=<u@v.example> proto=ESMTP helo=<x@d.example> proto=ESMTP helo=<x>".into(),
    ] {
        assert_eq!(read(&text), (Err(Unread::Ambiguous), 0, 1), "{text}");
    }
    // As Postfix quotes it from 3.5 on; and what a server says is no address.
    for text in [
        format!("smtp[2]: AAAAAA: to=<\"{forged}\"@d.example>, {relay}, {real}"),
        format!(
            "smtp[2]: AAAAAA: to=<w@d.example>, orig_to=<\"{forged}\"@d.example>, {relay}, {real}"
        ),
        format!(
            "smtp[2]: AAAAAA: to=<w@d.example>, {relay}, delay=1, dsn=4.2.0, status=deferred (host mx.test[192.0.2.25] said: 450 <w>, relay=x)"
        ),
    ] {
        assert_eq!(read(&text), (Ok(()), 1, 0), "{text}");
    }
}

#[test]
fn a_session_of_a_delivery_that_cannot_be_read_counts_for_no_other_one() {
    let sent = |to: &str| format!("smtp[2]: AAAAAA: to=<{to}@d.example>, {TO}");
    let found = told(&[TRUSTED, &sent("u>, relay=x, status=y"), &sent("v")]);
    assert_eq!(found, ["v@d.example mx.test[192.0.2.25] none none sent none"]);
}

#[test]
fn an_address_whose_end_was_cut_off_forges_no_delivery_and_no_sender() {
    let forged =
        "x>, relay=mx.test[192.0.2.25]:25, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (";
    let read = |text: &str| {
        let (mut joiner, clock) = (Joiner::new(), clock());
        let read = joiner.line(lines(&[text]).trim_end(), &clock, 0);
        (read, joiner.deliveries().len(), joiner.tallied().unread)
    };
    let real = "@d.example>, relay=none, delay=9, delays=9/0/0/0, dsn=4.4.1, status=deferred (no)";
    for begin in ["to=<\"", "to=<u@d.example>, orig_to=<\"", "to=<\"\\\""] {
        // As long as Postfix's lines are at most.
        let mut text = format!("AAAAAA: {begin}{forged}{}\"{real}", "a".repeat(1900));
        text.truncate(2000);
        assert_eq!(read(&format!("smtp[2]: {text}")), (Err(Unread::Ambiguous), 0, 1), "{begin}");
    }
    // Or where it is not quoted at all, and what the line ends with is of it, too.
    let unquoted = |text: &str, fill: &str, end: usize| {
        let mut text = format!("AAAAAA: {text}{}", fill.repeat(2000));
        text.truncate(end);
        text
    };
    let to = "to=<u@d.example>, relay=mx.test[192.0.2.25]:25, delay=1, dsn=2.0.0, status=sent (";
    let from = "from=<a@b.test>, size=1, nrcpt=1 (";
    let reject = "milter-reject: RCPT from a.test[192.0.2.1]: 450 4.7.1 no TLS; from=<u@d.test> to=<u@v.example> proto=ESMTP helo=<";
    for text in [
        format!("smtp[2]: {}", unquoted(to, "a", 1000)),
        format!("smtp[2]: {}", unquoted(to, ")", 2000)),
        format!("qmgr[2]: {}", unquoted(from, "a", 1000)),
        format!("qmgr[2]: {}", unquoted(from, ")", 2000)),
        format!("smtpd[2]: {}", unquoted(reject, "a", 450)),
        format!("smtpd[2]: {}", unquoted(reject, ">", 1000)),
    ] {
        assert_eq!(read(&text), (Err(Unread::Ambiguous), 0, 1), "{text}");
    }
    // A long reply of a server.
    let long = format!("smtp[2]: AAAAAA: {to}250 {})", "a".repeat(1000));
    assert_eq!(read(&long), (Ok(()), 1, 0));
    for text in [
        "smtp[2]: AAAAAA: to=<aaaa",
        "smtp[2]: AAAAAA: to=<u@d.example>, orig_to=<aaaa",
        "smtp[2]: AAAAAA: to=<u@d.example>, orig_to=<a, relay=q[192.0.2.77]:25, dsn=2.0.0, status=sent (y",
        "qmgr[2]: AAAAAA: from=<\"x>, status=expired, returned to sender",
        "qmgr[2]: AAAAAA: from=<aaaa",
    ] {
        assert_eq!(read(text), (Err(Unread::Ambiguous), 0, 1), "{text}");
    }
}

#[test]
fn deliveries_are_read_in_whatever_form_the_log_has() {
    let session = TRUSTED.strip_prefix("smtp[2]: ").unwrap();
    let sent = format!("AAAAAA: to=<u@d.example>, {TO}");
    let expected = "u@d.example mx.test[192.0.2.25] TLSv1.3 trusted sent none";
    for (form, is_json) in [
        ("Jan  1 00:00:00 mx postfix/smtp[2]: TEXT", false),
        ("Jan  1 00:00:00 mx postfix/relay/smtp[2]: TEXT", false),
        ("Jan  1 00:00:00 mx postfix-out/lmtp[2]: TEXT", false),
        // Some templates of rsyslog cut the name off at its slash.
        ("Jan  1 00:00:00 mx postfix[2]: TEXT", false),
        ("2027-01-01T00:00:00.123456+01:00 mx postfix/smtp[2]: TEXT", false),
        ("<22>1 2027-01-01T00:00:00Z mx postfix/smtp 2 - - TEXT", false),
        ("mail-1  | Jan  1 00:00:00 mx postfix/smtp[2]: TEXT", false),
        ("1798761600.123456 mx postfix/smtp[2]: TEXT", false),
        (
            r#"{"__REALTIME_TIMESTAMP":"1798761600123456","_HOSTNAME":"mx","SYSLOG_IDENTIFIER":"postfix/smtp","_PID":"2","MESSAGE":"TEXT"}"#,
            true,
        ),
    ] {
        let (mut joiner, clock) = (Joiner::new(), clock());
        let mut read = crate::postfix_log::Form::default();
        for text in [session, &sent] {
            let line = form.replace("TEXT", text);
            let line = if is_json { read.line(&line).unwrap().to_owned() } else { line };
            joiner.line(&line, &clock, 0).unwrap();
        }
        let found: Vec<_> = joiner.deliveries().iter().map(shown).collect();
        assert_eq!(found, [expected], "{form}");
    }
}
