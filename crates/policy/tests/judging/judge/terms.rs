//! What an entry asks for, from when, and who is let through all the same.

use super::{NOW, NULL, PLAIN, POLICY, RC4, SSL3, TLS13, full, policy_from, verdict, with};
use policy::{Client, OnUnknownTls, Policy, TlsState};

#[test]
fn a_requirement_of_its_own_can_only_ask_for_more() {
    let policy = policy_from(POLICY);
    for (tls, expected) in [
        (TLS13, "accept adequate"),
        (("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"), "accept adequate"),
        (("TLSv1.2", "ECDHE-RSA-AES128-SHA256"), "refuse aead"),
        (("TLSv1.2", "AES256-GCM-SHA384"), "refuse forward-secrecy"),
        (("TLSv1.1", "ECDHE-RSA-AES256-SHA"), "refuse protocol-version"),
        (SSL3, "refuse protocol-version"),
        (RC4, "refuse cipher"),
        (NULL, "refuse null-cipher"),
        (PLAIN, "refuse plaintext"),
    ] {
        assert_eq!(verdict(&policy, "<u@strict.example>", "<a@b.test>", tls), expected, "{tls:?}");
        let watched = verdict(&policy, "<u@watched.example>", "<a@b.test>", tls);
        assert_eq!(watched, expected.replace("refuse", "would-refuse"), "{tls:?}");
    }
}

#[test]
fn enforcing_begins_with_the_first_moment_of_its_day_in_utc() {
    let policy = policy_from(POLICY);
    for (now, expected) in [
        ("2026-12-31T23:59:59.999Z", "would-refuse plaintext"),
        ("2027-01-01T00:00:00Z", "refuse plaintext"),
        ("2027-01-01T00:30:00+01:00", "would-refuse plaintext"),
        ("2030-06-01T00:00:00Z", "refuse plaintext"),
    ] {
        assert_eq!(
            full(&policy, "<u@soon.example>", "<a@b.test>", PLAIN, "203.0.113.9", now),
            expected,
            "{now}"
        );
    }
}

#[test]
fn an_exception_holds_for_its_client_and_sender_until_the_end_of_its_last_day() {
    let policy = policy_from(POLICY);
    let in_time = "2026-12-31T23:59:59Z";
    let after = "2027-01-01T00:00:00Z";
    for (sender, client, now, expected) in [
        ("<a@b.test>", "198.51.100.7", NOW, "accept exception"),
        ("<a@b.test>", "198.51.100.7", in_time, "accept exception"),
        ("<a@b.test>", "198.51.100.7", after, "refuse plaintext"),
        ("<a@b.test>", "::ffff:198.51.100.7", NOW, "accept exception"),
        ("<a@b.test>", "198.51.101.7", NOW, "refuse plaintext"),
        ("<a@b.test>", "no address", NOW, "refuse plaintext"),
        ("<a@lax.example>", "203.0.113.9", after, "accept exception"),
        ("<a@LAX.example.>", "203.0.113.9", after, "accept exception"),
        ("<a@sub.lax.example>", "203.0.113.9", NOW, "refuse plaintext"),
        // A sender that is not one plain address gets no exception.
        ("<a%b@lax.example>", "203.0.113.9", NOW, "refuse plaintext"),
        ("<@lax.example:a@b.test>", "203.0.113.9", NOW, "refuse plaintext"),
        ("<>", "203.0.113.9", NOW, "refuse plaintext"),
        ("<a@x.wide.example>", "203.0.113.5", NOW, "accept exception"),
        ("<a@x.wide.example>", "203.0.113.6", NOW, "refuse plaintext"),
        ("<a@b.test>", "203.0.113.5", NOW, "refuse plaintext"),
    ] {
        let found = full(&policy, "<u@excepted.example>", sender, PLAIN, client, now);
        assert_eq!(found, expected, "{sender} {client} {now}");
    }
    // Whose session is good needs no exception, and the log does not claim one.
    let good = full(&policy, "<u@excepted.example>", "<a@lax.example>", TLS13, "198.51.100.7", NOW);
    assert_eq!(good, "accept adequate");
}

#[test]
fn who_is_trusted_is_not_judged() {
    let policy = policy_from(POLICY);
    for (client, expected) in [
        ("192.0.2.1", "accept trusted-client"),
        ("::ffff:192.0.2.1", "accept trusted-client"),
        ("2001:db8:1::99", "accept trusted-client"),
        ("192.0.2.16", "refuse plaintext"),
        ("2001:db8:2::1", "refuse plaintext"),
        ("no address", "refuse plaintext"),
    ] {
        assert_eq!(
            full(&policy, "<u@example.com>", "<a@b.test>", PLAIN, client, NOW),
            expected,
            "{client}"
        );
    }
    let authenticated = Client { authenticated: true, ..Client::default() };
    let judged = |policy: &Policy| {
        with(
            policy,
            "<u@example.com>",
            "<>",
            &TlsState::Plaintext,
            authenticated,
            NOW,
            OnUnknownTls::Defer,
        )
    };
    assert_eq!(judged(&policy), "accept trusted-authenticated");
    let nobody = policy_from("domains: [example.com]");
    assert_eq!(judged(&nobody), "refuse plaintext");
    assert_eq!(full(&nobody, "<u@example.com>", "<>", PLAIN, "127.0.0.1", NOW), "refuse plaintext");
}

#[test]
fn unknown_is_not_plaintext() {
    let policy = policy_from(POLICY);
    for (rcpt, on_unknown, expected) in [
        ("<u@example.com>", OnUnknownTls::Defer, "refuse unknown-tls"),
        ("<u@example.com>", OnUnknownTls::Pass, "accept unknown-tls-passed"),
        ("<u@watched.example>", OnUnknownTls::Defer, "would-refuse unknown-tls"),
        ("<u@other.example>", OnUnknownTls::Defer, "accept not-opted-in"),
    ] {
        let found = with(
            &policy,
            rcpt,
            "<a@b.test>",
            &TlsState::Unknown,
            Client::default(),
            NOW,
            on_unknown,
        );
        assert_eq!(found, expected, "{rcpt} {on_unknown:?}");
    }
}

#[test]
fn mail_from_local_programs_is_not_judged() {
    let policy = policy_from(POLICY);
    let local = Client { local_submission: true, ..Client::default() };
    let found = with(
        &policy,
        "<u@example.com>",
        "<a@b.test>",
        &TlsState::Unknown,
        local,
        NOW,
        OnUnknownTls::Defer,
    );
    assert_eq!(found, "accept local-submission");
}
