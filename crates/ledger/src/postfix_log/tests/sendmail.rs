//! The same of a Sendmail, in the words of a real one (8.17.1).

use super::clock;
use super::deliveries::shown;
use crate::model::logged_tls::LoggedTls;
use crate::postfix_log::{Joiner, Logged};

/// All that comes of lines at one time: `PROCESS: TEXT`.
fn joiner(texts: &[&str]) -> Joiner {
    let (mut joiner, clock) = (Joiner::new(), clock());
    for text in texts {
        let (process, text) = text.split_once(": ").unwrap();
        let line = format!("Jan  1 00:00:00 mx sm-mta[{process}]: {text}");
        joiner.line(&line, &clock, 0).unwrap();
    }
    joiner.end();
    joiner
}

fn mail(texts: &[&str]) -> Vec<Logged> {
    joiner(texts).told()
}

fn deliveries(texts: &[&str]) -> Vec<String> {
    joiner(texts).deliveries().iter().map(shown).collect()
}

fn handshakes(texts: &[&str]) -> Vec<String> {
    let found = joiner(texts).handshakes();
    let to = |recipient: &Option<String>| recipient.as_ref().map(|to| format!(" {to}"));
    let line = |one: &crate::postfix_log::FailedHandshake| {
        format!(
            "{}: {}{}",
            one.failure,
            one.afterwards.code(),
            to(&one.recipient).unwrap_or_default()
        )
    };
    found.iter().map(line).collect()
}

const SERVER: &str = "17: STARTTLS=server, relay=mx.test [192.0.2.1], version=TLSv1.3, verify=NO, cipher=TLS_AES_256_GCM_SHA384, bits=256/256";
const CLIENT: &str = "17: STARTTLS=client, relay=mx.d.test., version=TLSv1.2, verify=OK, cipher=ECDHE-RSA-AES256-GCM-SHA384, bits=256/256";
const FROM: &str = "17: 6ASAM1E9000053: from=<a@b.example>, size=15, class=0, nrcpts=2, msgid=<1@b.example>, proto=ESMTPS, daemon=MTA-v4, relay=mx.test [192.0.2.1]";
const TO: &str = "17: 6ASAM1E9000053: to=<u3@example.com>,<u2@example.com>, delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=60015, relay=mx.d.test. [192.0.2.25], dsn=2.0.0, stat=Sent (Ok: queued as AAAA)";

#[test]
fn mail_is_joined_with_the_session_of_its_process_and_its_recipients() {
    let found = mail(&[SERVER, FROM, TO, TO]);
    let recipients: Vec<_> = found.iter().map(|logged| &*logged.recipient).collect();
    assert_eq!(recipients, ["u3@example.com", "u2@example.com"]);
    let logged = &found[0];
    assert_eq!(logged.tls.state().to_string(), "TLSv1.3 TLS_AES_256_GCM_SHA384");
    assert_eq!(logged.client, "192.0.2.1".parse().ok());
    assert_eq!(logged.name.as_ref().map(ToString::to_string).as_deref(), Some("mx.test"));
    assert_eq!((logged.sender.as_deref(), logged.authenticated), (Some("a@b.example"), false));
    assert_eq!((&*logged.id, logged.process), ("6ASAM1E9000053", 17));
}

#[test]
fn the_protocol_of_a_message_says_whether_it_came_encrypted() {
    for (before, proto, relay, expected) in [
        (&[][..], "ESMTP", "mx.test [192.0.2.1]", "none"),
        (&[], "SMTP", "[192.0.2.1]", "none"),
        (&[], "ESMTPA", "mx.test [192.0.2.1]", "none authenticated"),
        (&[], "ESMTPS", "mx.test [192.0.2.1]", "encrypted"),
        (&[SERVER], "ESMTPS", "mx.test [192.0.2.1]", "TLSv1.3"),
        (&[SERVER], "ESMTPSA", "mx.test [192.0.2.1]", "TLSv1.3 authenticated"),
        (&[SERVER], "UTF8SMTPS", "mx.test [192.0.2.1]", "TLSv1.3"),
        // Another client of the same process, and a message before STARTTLS.
        (&[SERVER], "ESMTPS", "other.test [192.0.2.2]", "encrypted"),
        (&[SERVER], "ESMTP", "mx.test [192.0.2.1]", "none"),
        (
            &["17: AUTH=server, relay=mx.test [192.0.2.1], authid=u, mech=PLAIN, bits=0"],
            "ESMTP",
            "mx.test [192.0.2.1]",
            "none authenticated",
        ),
        (
            &[
                "16: STARTTLS=server, error: accept failed=-1, reason=no shared cipher, SSL_error=1, errno=0, retry=-1, relay=mx.test [192.0.2.1]",
            ],
            "ESMTP",
            "mx.test [192.0.2.1]",
            "tls-failed:no-shared-cipher",
        ),
    ] {
        let from = FROM.replace("ESMTPS", proto).replace("mx.test [192.0.2.1]", relay);
        let found = mail(&[before, &[&from, TO]].concat());
        let state = match &found[0].tls {
            LoggedTls::Told(state) => state.version().into_owned(),
            LoggedTls::Encrypted => "encrypted".to_owned(),
            LoggedTls::Failed(failure) => failure.word().to_owned(),
            LoggedTls::Unknown => "unknown".to_owned(),
        };
        let authenticated = if found[0].authenticated { " authenticated" } else { "" };
        assert_eq!(format!("{state}{authenticated}"), expected, "{before:?} {proto} {relay}");
    }
}

#[test]
fn plaintext_has_the_cause_of_a_handshake_that_failed_until_the_client_succeeds() {
    let failed = "16: STARTTLS=server, error: accept failed=-1, reason=no shared cipher, SSL_error=1, errno=0, retry=-1, relay=mx.test [192.0.2.1]";
    let plain = FROM.replace("ESMTPS", "ESMTP");
    // Below LogLevel 9 no line tells of TLS: proto= does.
    let other = |line: &str| line.replace("6ASAM1E9000053", "6ASAM1E9000054");
    let found = mail(&[failed, FROM, TO, &other(&plain), &other(TO)]);
    assert_eq!(found[2].tls, LoggedTls::Told(policy::TlsState::Plaintext));
}

#[test]
fn what_cannot_be_vouched_for_or_joined_is_left_out() {
    let forged = FROM.replace("[192.0.2.1]", "[192.0.2.1] (may be forged)");
    assert_eq!(mail(&[&forged, TO])[0].name, None);
    // Cut off within an address, the line would name another one.
    let cut = FROM.replace("[192.0.2.1]", "[IPv6:2001:db8::");
    assert_eq!(mail(&[&cut, TO])[0].client, None);
    // From a local program, and of a message that began before the log did.
    let local = "17: 6ASAM1E9000053: from=root, size=15, class=0, nrcpts=1, relay=root@localhost";
    assert_eq!(mail(&[local, TO]), []);
    let joiner = joiner(&[TO]);
    assert_eq!(joiner.tallied().without_message, 2);
    assert_eq!((joiner.tallied().sendmail, joiner.tallied().postfix), (1, 0));
}

#[test]
fn deliveries_are_joined_with_the_sessions_of_their_process() {
    let begin = "u3@example.com mx.d.test[192.0.2.25]";
    let sent = |before: &[&str]| deliveries(&[before, &[TO]].concat())[0].clone();
    assert_eq!(sent(&[CLIENT]), format!("{begin} TLSv1.2 trusted sent none"));
    assert_eq!(
        sent(&[&CLIENT.replace("verify=OK", "verify=FAIL")]),
        format!("{begin} TLSv1.2 untrusted sent none")
    );
    // Of another process it says only that sessions are logged.
    assert_eq!(sent(&[&CLIENT.replace("17:", "18:")]), format!("{begin} none none sent none"));
    assert_eq!(sent(&[]), format!("{begin} unknown none sent none"));
    let local = "17: 6ASAM1E9000053: to=bob, ctladdr=<alias@example.com> (1000/1000), delay=00:00:01, xdelay=00:00:01, mailer=local, pri=60015, dsn=2.0.0, stat=Sent";
    assert_eq!(deliveries(&[local]), ["bob [] local none sent none"]);
    // The submission queue feeds the MTA of the same host; that one's lines tell the rest.
    let inside = TO
        .replace("mailer=esmtp", "mailer=relay")
        .replace("mx.d.test. [192.0.2.25]", "[127.0.0.1] [127.0.0.1]");
    assert_eq!(deliveries(&[&inside]), [""; 0]);
    assert_eq!(
        deliveries(&[&TO.replace("stat=Sent (Ok: queued as AAAA)", "stat=queued")]),
        [""; 0]
    );
}

#[test]
fn why_mail_waits_is_told_from_what_sendmail_and_the_server_say() {
    for (before, dsn, end, expected) in [
        (
            &[
                "17: STARTTLS=client, error: connect failed=-1, reason=unexpected eof while reading, SSL_error=1, errno=32, retry=-1",
            ][..],
            "4.7.0",
            "stat=Deferred: 454 4.7.0 TLS handshake failed.",
            "failed none deferred handshake-failed (unexpected eof while reading)",
        ),
        (
            &[
                "17: 6ASAM1E9000053: ruleset=tls_rcpt, arg1=u3@example.com, relay=mx.d.test., reject=454 4.7.0 encryption too weak 0 less than 112",
            ],
            "4.2.0",
            "stat=Deferred",
            "unknown none deferred tls-not-offered (encryption too weak 0 less than 112)",
        ),
        (
            &[],
            "4.2.0",
            "reply=450 4.2.0 <u3@example.com>: Recipient address rejected: Greylisted, stat=Deferred: 450 4.2.0 <u3@example.com>: Recipient address rejected: Greylisted",
            "unknown none deferred reply (450 4.2.0)",
        ),
        (
            &[],
            "5.1.1",
            "reply=550 5.1.1 no, stat=User unknown",
            "unknown none bounced reply (550 5.1.1)",
        ),
        (
            &[],
            "4.0.0",
            "stat=Deferred: Connection refused by mx.d.test.",
            "unknown none deferred connection (Connection refused)",
        ),
        (
            &[],
            "5.1.2",
            "stat=Host unknown (Name server: mx.d.test: host not found)",
            "unknown none bounced dns",
        ),
        (&[], "4.4.7", "stat=Cannot send message for 5 days", "unknown none bounced other (4.4.7)"),
    ] {
        let line = format!(
            "17: 6ASAM1E9000053: to=<u3@example.com>, delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=60015, relay=mx.d.test. [192.0.2.25], dsn={dsn}, {end}"
        );
        let found = deliveries(&[before, &[FROM, &line], before, &[&line]].concat());
        assert_eq!(found[0], format!("u3@example.com mx.d.test[192.0.2.25] {expected}"), "{end}");
        assert_eq!(found[1].ends_with(" again"), expected.contains("deferred"), "{end}");
    }
}

#[test]
fn what_a_client_did_after_its_handshake_had_failed_is_told() {
    let failed = "16: STARTTLS=server, error: accept failed=-1, reason=unsupported protocol, SSL_error=1, errno=0, retry=-1, relay=mx.test [192.0.2.1]";
    let plain = FROM.replace("ESMTPS", "ESMTP");
    let nobody = plain.replace("nrcpts=2", "nrcpts=0");
    let reject = "17: 6ASAM1E9000053: Milter: to=<u1@example.com>, reject=450 4.7.1 Mail for example.com is accepted only over an adequately encrypted connection";
    for (then, expected) in [
        (&[][..], &["away"][..]),
        (&[&*plain, TO], &["taken", "taken u3@example.com", "taken u2@example.com"]),
        (&[reject, &nobody], &["refused", "refused u1@example.com"]),
        (&[SERVER, FROM, TO], &["tls", "tls u3@example.com", "tls u2@example.com"]),
        (&[FROM, TO], &["tls", "tls u3@example.com", "tls u2@example.com"]),
        (&[&*nobody], &["away"]),
        (&[&reject.replace("4.7.1 Mail", "4.7.1 mandatory-tls trial Mail"), &nobody], &[]),
        (
            &[
                "17: 6ASAM1E9000053: ruleset=tls_client, arg1=, relay=mx.test [192.0.2.1], reject=403 4.7.0 encryption too weak 0 less than 112",
                &nobody,
            ],
            &["refused"],
        ),
    ] {
        let found = handshakes(&[&[failed], then].concat());
        let expected: Vec<_> =
            expected.iter().map(|then| format!("unsupported protocol: {then}")).collect();
        assert_eq!(found, expected, "{then:?}");
    }
    // Earlier releases say why in a line of its own.
    let old = [
        "16: STARTTLS=server, error: accept failed=-1, SSL_error=1, errno=0, retry=-1, relay=mx.test [192.0.2.1]",
        "16: STARTTLS=server: 16:error:1408A0C1:SSL routines:ssl3_get_client_hello:no shared cipher:s3_srvr.c:1073:",
    ];
    assert_eq!(handshakes(&old), ["no shared cipher: away"]);
    // Lines that are there twice, one by one and in blocks.
    assert_eq!(handshakes(&[failed, failed]), ["unsupported protocol: away"]);
    assert_eq!(handshakes(&[old, old].concat()), ["no shared cipher: away"]);
    let other = failed.replace("16:", "18:");
    assert_eq!(handshakes(&[failed, &other]).len(), 2);
}

#[test]
fn what_others_write_forges_nothing() {
    let from = "17: 6ASAM1E9000053: from=<\"a>, proto=ESMTPS, relay=evil [1.1.1.1], \"@b.example>, size=15, class=0, nrcpts=1, proto=ESMTP, daemon=MTA-v4, relay=mx.test [192.0.2.1]";
    let to = "17: 6ASAM1E9000053: to=<\"x>, stat=Sent, <v@victim.test\"@example.com>, delay=00:00:01, mailer=esmtp, relay=mx.d.test. [192.0.2.25], dsn=5.0.0, reply=550 x, dsn=2.0.0, stat=Sent, stat=Service unavailable";
    let found = mail(&[from, to]);
    let [logged] = &*found else { panic!("{found:?}") };
    assert_eq!(logged.tls.state().to_string(), "plaintext");
    assert_eq!(logged.recipient, "\"x>, stat=Sent, <v@victim.test\"@example.com");
    assert!(deliveries(&[from, to])[0].contains(" bounced reply (550)"));
}

#[test]
fn a_client_cannot_forge_how_its_message_came_by_its_message_id_or_a_long_sender() {
    let end = "proto=ESMTP, daemon=MTA-v4, relay=mx.test [192.0.2.1]";
    let forged = "nrcpts=0, proto=ESMTPSA, relay=good.test [192.0.2.9]";
    let long = format!("<\"a, {forged}, {}", "x".repeat(200));
    for from in [
        format!(
            "from=<a@b.example>, size=15, class=0, nrcpts=1, msgid=<1@b.example>, {forged}, {end}"
        ),
        // Sendmail cuts it off.
        format!(
            "from={}, size=15, class=0, nrcpts=1, msgid=<1@b.example>, {end}",
            long.get(..200).unwrap()
        ),
    ] {
        let found = mail(&[&format!("17: 6ASAM1E9000053: {from}"), TO]);
        assert_eq!(found.len(), 2, "{from}");
        for logged in found {
            assert_eq!(logged.tls.state().to_string(), "plaintext", "{from}");
            assert_eq!(logged.client, "192.0.2.1".parse().ok(), "{from}");
            assert!(!logged.authenticated, "{from}");
        }
    }
}

#[test]
fn the_argument_of_a_ruleset_forges_no_refusal_and_no_demand() {
    let failed = "16: STARTTLS=server, error: accept failed=-1, reason=no shared cipher, SSL_error=1, errno=0, retry=-1, relay=mx.test [192.0.2.1]";
    let nobody = FROM.replace("ESMTPS", "ESMTP").replace("nrcpts=2", "nrcpts=0");
    let begin = "17: 6ASAM1E9000053: ruleset=check_rcpt, arg1=";
    let end = "relay=mx.test [192.0.2.1], reject=";
    let weak = "403 4.7.0 encryption too weak 0 less than 112";
    for (line, expected) in [
        (format!("{begin}<u@d.test>, {end}{weak}"), &["refused", "refused u@d.test"][..]),
        (format!("{begin}<\"a, b\"@d.test>, {end}{weak}"), &["refused", "refused \"a, b\"@d.test"]),
        (
            format!(
                "{begin}<encryption@d.test>, {end}550 5.7.1 <encryption@d.test>... Relaying denied"
            ),
            &["away"],
        ),
        (format!("{begin}<\"x, reject={weak}\"@d.test>, {end}550 5.7.1 no"), &["away"]),
        (format!("{begin}<u@d.test> (x, reject={weak}), {end}550 5.7.1 no"), &["away"]),
        (format!("{begin}<\"u@d.test, reject={weak}"), &["away"]),
    ] {
        let expected: Vec<_> =
            expected.iter().map(|then| format!("no shared cipher: {then}")).collect();
        assert_eq!(handshakes(&[failed, &line, &nobody]), expected, "{line}");
    }
    let demand = "17: 6ASAM1E9000053: ruleset=tls_rcpt, arg1=\"a, reject=x\"@example.com, relay=mx.d.test., reject=454 4.7.0 encryption too weak 0 less than 112";
    let to = TO
        .replace("<u3@example.com>,<u2@example.com>", "<\"a, reject=x\"@example.com>")
        .replace("dsn=2.0.0, stat=Sent (Ok: queued as AAAA)", "dsn=4.2.0, stat=Deferred");
    assert!(deliveries(&[FROM, demand, &to])[0].contains("deferred tls-not-offered"));
    // What became of that attempt was not taken in; the next one is another process.
    let next = to.replace("17: ", "18: ");
    assert!(deliveries(&[FROM, demand, &next])[0].contains("deferred other"));
}

#[test]
fn a_comment_or_a_broken_list_of_recipients_forges_no_delivery() {
    let to = "17: 6ASAM1E9000053: to=u3@example.com (x, mailer=esmtp, relay=x.test. [192.0.2.99], dsn=2.0.0, stat=Sent (ok)), delay=00:00:01, mailer=esmtp, pri=60015, relay=mx.d.test. [192.0.2.25], dsn=4.0.0, stat=Deferred: Connection refused by mx.d.test.";
    assert_eq!(deliveries(&[FROM, to]), [""; 0]);
    // A list that is too long for a line goes on in the next one, broken at a comma.
    let list = |to: &str| TO.replace("<u3@example.com>,<u2@example.com>", to);
    for to in [
        "<u3@example.com>,<\"a, [more]",
        "u@victim.test,b\"@example.com>",
        "u@victim.test,b\"@example.com>,<u2@example.com>",
        "u@victim.test,b)",
    ] {
        assert_eq!(deliveries(&[FROM, &list(to)]), [""; 0], "{to}");
    }
    assert_eq!(deliveries(&[FROM, &list("u2,u3@example.com")]).len(), 2);
}
