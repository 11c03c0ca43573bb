//! What the log proves of the session of a message.

use super::{lines, states};

#[test]
fn recipients_wait_for_the_end_of_a_session_without_a_line_of_tls() {
    let session = |more: &str, end: &str| {
        let begin = "smtpd[1]: connect from a.test[192.0.2.1]";
        let client = "smtpd[1]: AAAAAA: client=a.test[192.0.2.1]";
        let to = "smtp[2]: AAAAAA: to=<x@y.test>, relay=x, status=sent (ok)";
        states(&lines(&[begin, client, to, "qmgr[3]: AAAAAA: removed", more, end]))
    };
    let end = |counts: &str| format!("smtpd[1]: disconnect from a.test[192.0.2.1] {counts}");
    for (more, counts, state) in [
        ("", "ehlo=1 mail=1 rcpt=1 data=1 commands=4", "none"),
        ("", "ehlo=2 starttls=1 mail=1 rcpt=1 data=1 commands=6", "encrypted"),
        ("", "ehlo=1 starttls=0/1 mail=1 commands=2/3", "tls-failed:cause-not-logged"),
        (
            "smtpd[1]: lost connection after DATA from a.test[192.0.2.1]",
            "ehlo=1 mail=1 commands=3",
            "none",
        ),
        // It ended in between, and another one of the same process began.
        ("smtpd[1]: connect from b.test[192.0.2.2]", "ehlo=1 mail=1 commands=3", "unknown"),
        ("x", "", "unknown"),
    ] {
        let found = session(more, &end(counts));
        assert_eq!(found, [("x@y.test".to_owned(), state.to_owned())], "{more} {counts}");
    }
    let missing =
        session("", "smtpd[2]: disconnect from a.test[192.0.2.1] ehlo=1 mail=1 commands=3");
    assert_eq!(missing[0].1, "unknown");
}

#[test]
fn lines_that_the_journal_or_rsyslog_did_not_take_in_leave_open_sessions_unknown() {
    for loss in [
        "mx systemd-journald[9]: Suppressed 12 messages from postfix@-.service",
        "mx rsyslogd: imuxsock[pid: 1]: begin to drop messages due to rate-limiting",
    ] {
        let [before, after] = [
            lines(&[
                "smtpd[1]: connect from a.test[192.0.2.1]",
                "smtpd[1]: AAAAAA: client=a.test[192.0.2.1]",
                "smtp[2]: AAAAAA: to=<x@y.test>, relay=x, status=sent (ok)",
            ]),
            lines(&["smtpd[1]: disconnect from a.test[192.0.2.1] ehlo=1 mail=1 commands=3"]),
        ];
        let log = format!("{before}Jan  1 00:00:00 {loss}\n{after}");
        assert_eq!(states(&log)[0].1, "unknown", "{loss}");
    }
}

#[test]
fn a_session_whose_end_is_missing_has_nothing_of_the_next_one_of_its_process() {
    let tls = "smtpd[1]: Anonymous TLS connection established from b.test[192.0.2.2]: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)";
    let log = lines(&[
        "smtpd[1]: connect from a.test[192.0.2.1]",
        tls,
        "smtpd[1]: AAAAAA: client=b.test[192.0.2.2]",
        "smtp[2]: AAAAAA: to=<x@y.test>, relay=x, status=sent (ok)",
    ]);
    assert_eq!(states(&log)[0].1, "TLSv1.3");
}

#[test]
fn plaintext_after_a_failed_handshake_has_its_cause_until_the_client_succeeds() {
    let failed = [
        "smtpd[1]: connect from a.test[192.0.2.1]",
        "smtpd[1]: SSL_accept error from a.test[192.0.2.1]: -1",
        "smtpd[1]: warning: TLS library problem: error:0A0000C1:SSL routines::no shared cipher:x.c:1:",
        "smtpd[1]: lost connection after STARTTLS from a.test[192.0.2.1]",
        "smtpd[1]: disconnect from a.test[192.0.2.1] ehlo=1 starttls=0/1 commands=1/2",
    ];
    let plain = [
        "smtpd[1]: connect from a.test[192.0.2.1]",
        "smtpd[1]: AAAAAA: client=a.test[192.0.2.1]",
        "smtp[2]: AAAAAA: to=<x@y.test>, relay=x, status=sent (ok)",
        "smtpd[1]: disconnect from a.test[192.0.2.1] ehlo=1 mail=1 commands=3",
    ];
    let good = [
        "smtpd[1]: connect from a.test[192.0.2.1]",
        "smtpd[1]: Anonymous TLS connection established from a.test[192.0.2.1]: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)",
        "smtpd[1]: disconnect from a.test[192.0.2.1] ehlo=2 starttls=1 commands=3",
    ];
    let log = |parts: &[&[&str]]| lines(&parts.concat());
    assert_eq!(states(&log(&[&failed, &plain]))[0].1, "tls-failed:no-shared-cipher");
    assert_eq!(states(&log(&[&failed, &good, &plain]))[0].1, "none");
    // Where no TLS session is logged, the end of it tells.
    let quiet = [good[0], good[2]];
    assert_eq!(states(&log(&[&failed, &quiet, &plain]))[0].1, "none");
    // Hours later it is no answer to that any more.
    let later = log(&[&plain]).replace("00:00:00", "05:00:00");
    assert_eq!(states(&(log(&[&failed]) + &later))[0].1, "none");
}

#[test]
fn a_message_counts_as_plaintext_only_in_the_session_of_the_client_that_connected() {
    let log = |client: &str, connected: &str| {
        states(&lines(&[
            &format!("smtpd[1]: connect from {connected}"),
            &format!("smtpd[1]: AAAAAA: client={client}"),
            "smtp[2]: AAAAAA: to=<x@y.test>, relay=x, status=sent (ok)",
            &format!("smtpd[1]: disconnect from {connected} ehlo=1 mail=1 commands=3"),
        ]))
    };
    for (client, connected, state) in [
        ("a.test[192.0.2.1]", "a.test[192.0.2.1]", "none"),
        ("a.test[192.0.2.1]:4711", "a.test[192.0.2.1]:4711", "none"),
        ("unknown[REDACTED]", "unknown[REDACTED]", "none"),
        ("unknown[fe80::1%eth0]", "unknown[fe80::1%eth0]", "none"),
        // XCLIENT, XFORWARD: the session is that of a proxy.
        ("a.test[192.0.2.1]", "proxy.test[192.0.2.9]", "unknown"),
        (
            "proxy.test[192.0.2.9], orig_client=a.test[192.0.2.1]",
            "proxy.test[192.0.2.9]",
            "unknown",
        ),
    ] {
        assert_eq!(log(client, connected)[0].1, state, "{client}");
    }
}
