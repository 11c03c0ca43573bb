//! The judgement, as tables: one policy, then a line a case.

use config::policy_file;
use policy::tls::certificate::Certificate;
use policy::{Case, Client, OnUnknownTls, Policy, Recipient, Sender, TlsState, judge};
use std::fs;

const POLICY: &str = r#"
defaults: { mode: enforce }
requirements:
  modern: { min_version: TLSv1.2, forward_secrecy: true, aead: true }
trusted:
  clients: [192.0.2.0/28, "2001:db8:1::/64"]
  authenticated: true
local: { mode: enforce }
domains:
  - example.com
  - "*.example.com"
  - { domain: free.example.com, mode: off }
  - { domain: "*.deep.example.com", mode: monitor }
  - { domain: postmaster@example.com, mode: off }
  - { domain: strict.example, require: modern }
  - { domain: watched.example, mode: monitor, require: modern }
  - { domain: soon.example, enforce_from: 2027-01-01 }
  - { domain: boss@quiet.example }
  - bücher.example
  - domain: excepted.example
    exceptions:
      - { client: 198.51.100.0/24, until: 2026-12-31, reason: "scanner" }
      - { sender: lax.example, reason: "old server" }
      - { sender: "*.wide.example", client: 203.0.113.5, reason: "both" }
senders:
  - { domain: bank.example, require: modern }
  - { domain: "*.watchedbank.example", mode: monitor }
"#;

const NOW: &str = "2026-11-23T12:00:00Z";
const PLAIN: (&str, &str) = ("", "");
const TLS13: (&str, &str) = ("TLSv1.3", "TLS_AES_256_GCM_SHA384");
const TLS12_CBC: (&str, &str) = ("TLSv1.2", "AES256-SHA");
const SSL3: (&str, &str) = ("SSLv3", "AES128-SHA");
const RC4: (&str, &str) = ("TLSv1.2", "ECDHE-RSA-RC4-SHA");
const NULL: (&str, &str) = ("TLSv1.2", "NULL-SHA256");
const EXPORT: (&str, &str) = ("TLSv1", "EXP-DES-CBC-SHA");
const ANON: (&str, &str) = ("TLSv1.2", "ADH-AES256-GCM-SHA384");

/// Reads a policy that is given as text.
fn policy_from(text: &str) -> Policy {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    fs::write(&path, text).unwrap();
    policy_file::load(&path).policy.unwrap_or_else(|problems| panic!("{problems}"))
}

/// Decision and reason for a case with the usual client and time.
fn verdict(policy: &Policy, rcpt: &str, sender: &str, tls: (&str, &str)) -> String {
    full(policy, rcpt, sender, tls, "203.0.113.9", NOW)
}

fn full(
    policy: &Policy,
    rcpt: &str,
    sender: &str,
    tls: (&str, &str),
    client: &str,
    now: &str,
) -> String {
    let tls = TlsState::from_macros(Some(tls.0.as_bytes()), Some(tls.1.as_bytes()), None);
    let client = Client { address: client.parse().ok(), ..Client::default() };
    with(policy, rcpt, sender, &tls, client, now, OnUnknownTls::Defer)
}

fn with(
    policy: &Policy,
    rcpt: &str,
    sender: &str,
    tls: &TlsState,
    client: Client,
    now: &str,
    on_unknown_tls: OnUnknownTls,
) -> String {
    let recipient = Recipient::new(rcpt.as_bytes(), None, None);
    let sender = Sender::new(sender.as_bytes(), None);
    let case = Case {
        tls,
        client,
        sender: &sender,
        recipient: &recipient,
        now: now.parse().unwrap(),
        on_unknown_tls,
        require: None,
    };
    let verdict = judge(policy, &case);
    assert_eq!(verdict.reply(&case).is_some(), verdict.decision().code() == "refuse");
    format!("{} {}", verdict.decision().code(), verdict.reason().kind().code())
}

#[test]
fn only_opted_in_recipients_are_refused_and_only_over_inadequate_sessions() {
    let policy = policy_from(POLICY);
    for (rcpt, tls, expected) in [
        ("<u@example.com>", PLAIN, "refuse plaintext"),
        ("<u@EXAMPLE.com.>", PLAIN, "refuse plaintext"),
        ("<u@example.com>", TLS13, "accept adequate"),
        ("<u@example.com>", TLS12_CBC, "accept adequate"),
        ("<u@example.com>", ANON, "accept adequate"),
        ("<u@example.com>", SSL3, "refuse protocol-version"),
        ("<u@example.com>", RC4, "refuse cipher"),
        ("<u@example.com>", NULL, "refuse null-cipher"),
        ("<u@example.com>", EXPORT, "refuse cipher"),
        ("<u@bücher.example>", PLAIN, "refuse plaintext"),
        ("<u@xn--bcher-kva.example>", PLAIN, "refuse plaintext"),
        ("<u@other.example>", PLAIN, "accept not-opted-in"),
        ("<u@other.example>", NULL, "accept not-opted-in"),
        ("<u@notexample.com>", PLAIN, "accept not-opted-in"),
        ("<u@com>", PLAIN, "accept not-opted-in"),
    ] {
        assert_eq!(verdict(&policy, rcpt, "<a@b.test>", tls), expected, "{rcpt} {tls:?}");
    }
}

#[test]
fn the_most_specific_entry_decides() {
    let policy = policy_from(POLICY);
    for (rcpt, expected) in [
        ("<u@a.example.com>", "refuse plaintext"),
        ("<u@b.a.example.com>", "refuse plaintext"),
        ("<u@free.example.com>", "accept off"),
        ("<u@below.free.example.com>", "refuse plaintext"),
        ("<u@x.deep.example.com>", "would-refuse plaintext"),
        ("<u@deep.example.com>", "refuse plaintext"),
        ("<Postmaster@example.com>", "accept off"),
        ("<postmaster@a.example.com>", "refuse plaintext"),
        ("<boss@quiet.example>", "refuse plaintext"),
        ("<BOSS@quiet.example>", "refuse plaintext"),
        ("<boss+news@quiet.example>", "refuse plaintext"),
        ("<\"boss\"@quiet.example>", "refuse plaintext"),
        ("<clerk@quiet.example>", "accept not-opted-in"),
    ] {
        assert_eq!(verdict(&policy, rcpt, "<a@b.test>", PLAIN), expected, "{rcpt}");
    }
}

#[test]
fn an_extension_does_not_lead_out_of_an_enforced_domain() {
    // Where the MTA knows no extensions, postmaster+x is a mailbox like any other.
    let policy = policy_from(POLICY);
    assert_eq!(verdict(&policy, "<postmaster+x@example.com>", "<>", PLAIN), "refuse plaintext");
}

#[test]
fn an_extension_is_found_by_the_policys_own_delimiter_also_in_quotes() {
    let policy = policy_from("recipient_delimiter: \"-\"\ndomains: [boss@free.example]");
    for rcpt in
        ["<boss-x@free.example>", "<\"boss-x\"@free.example>", "<\"boss-x y\"@free.example>"]
    {
        assert_eq!(verdict(&policy, rcpt, "<a@b.test>", PLAIN), "refuse plaintext", "{rcpt}");
    }
    assert_eq!(
        verdict(&policy, "<boss+x@free.example>", "<a@b.test>", PLAIN),
        "accept not-opted-in"
    );
}

#[test]
fn what_stands_in_place_of_a_domain_and_is_none_is_held_to_the_strictest_terms() {
    let policy = policy_from(POLICY);
    for rcpt in [
        "<u@foo#bar.example.com>",
        "<u@x/example.com>",
        "<u@example.com&x>",
        "<\"a b\"@x#.example.com>",
    ] {
        assert_eq!(verdict(&policy, rcpt, "<a@b.test>", PLAIN), "refuse plaintext", "{rcpt}");
    }
}

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
fn a_partners_mail_must_come_over_tls_whoever_receives_it() {
    let policy = policy_from(POLICY);
    for (rcpt, sender, tls, expected) in [
        ("<u@other.example>", "<a@bank.example>", PLAIN, "refuse plaintext"),
        ("<u@other.example>", "<a@BANK.example.>", PLAIN, "refuse plaintext"),
        ("<u@other.example>", "<a@bank.example>", TLS12_CBC, "refuse forward-secrecy"),
        ("<u@other.example>", "<a@bank.example>", TLS13, "accept adequate"),
        ("<u@other.example>", "<a%x.test@bank.example>", PLAIN, "refuse plaintext"),
        ("<u@other.example>", "<a@sub.bank.example>", PLAIN, "accept not-opted-in"),
        ("<u@other.example>", "<a@x.watchedbank.example>", PLAIN, "would-refuse plaintext"),
        // The strictest of recipient and partner decides.
        ("<u@example.com>", "<a@x.watchedbank.example>", PLAIN, "refuse plaintext"),
        ("<u@free.example.com>", "<a@bank.example>", PLAIN, "refuse plaintext"),
        ("<u@example.com>", "<a@bank.example>", TLS12_CBC, "refuse forward-secrecy"),
    ] {
        assert_eq!(verdict(&policy, rcpt, sender, tls), expected, "{rcpt} {sender} {tls:?}");
    }
}

#[test]
fn a_partner_can_be_held_to_tls_and_its_certificate() {
    let policy = policy_from(
        r#"
requirements:
  bank: { min_version: TLSv1.2, client_certificate: { subject: mx.bank.example, issuer: "Bank CA" } }
domains:
  - domain: example.com
    require: rfc9325
    exceptions: [{ client_certificate: { subject: old.example }, reason: "old server" }]
senders:
  - { domain: bank.example, require: bank }
"#,
    );
    let cert = |subject: &str, issuer: &str, verify: Option<&str>| {
        Certificate::from_macros(
            Some(subject.as_bytes()),
            Some(issuer.as_bytes()),
            verify.map(str::as_bytes),
        )
    };
    let judged = |rcpt: &str, tls: (&str, &str), certificate: Option<Certificate>| {
        let tls = TlsState::from_macros(Some(tls.0.as_bytes()), Some(tls.1.as_bytes()), None);
        let tls = tls.with_certificate(certificate);
        with(&policy, rcpt, "<a@bank.example>", &tls, Client::default(), NOW, OnUnknownTls::Defer)
    };
    let (other, example) = ("<u@other.example>", "<u@example.com>");
    let dn = "/O=Bank/CN=mx.bank.example";
    for (rcpt, tls, certificate, expected) in [
        (other, TLS13, cert("mx.bank.example", "Bank CA", None), "accept adequate"),
        (other, TLS13, cert(dn, "/CN=Bank+20CA", Some("OK")), "accept adequate"),
        (other, TLS13, cert(dn, "/CN=Bank+20CA", Some("FAIL")), "refuse client-certificate"),
        (other, TLS13, cert("mx.bank.example", "Other CA", None), "refuse client-certificate"),
        (other, TLS13, cert("mx.evil.example", "Bank CA", None), "refuse client-certificate"),
        (other, TLS13, None, "refuse client-certificate"),
        (other, SSL3, cert("mx.bank.example", "Bank CA", None), "refuse protocol-version"),
        (other, PLAIN, cert("mx.bank.example", "Bank CA", None), "refuse plaintext"),
    ] {
        assert_eq!(judged(rcpt, tls, certificate.clone()), expected, "{tls:?} {certificate:?}");
    }
    let old = |rcpt: &str, tls: (&str, &str), certificate: Option<Certificate>| {
        let tls = TlsState::from_macros(Some(tls.0.as_bytes()), Some(tls.1.as_bytes()), None);
        let tls = tls.with_certificate(certificate);
        with(&policy, rcpt, "<a@b.test>", &tls, Client::default(), NOW, OnUnknownTls::Defer)
    };
    let tls10 = ("TLSv1", "AES256-SHA");
    assert_eq!(old(example, tls10, cert("old.example", "CA", None)), "accept exception");
    assert_eq!(old(example, tls10, cert("new.example", "CA", None)), "refuse protocol-version");
    assert_eq!(old(example, PLAIN, cert("old.example", "CA", None)), "refuse plaintext");
}

#[test]
fn the_strictest_domain_in_sight_decides() {
    let policy = policy_from(POLICY);
    for rcpt in [
        "<u%example.com@other.example>",
        "<example.com!u>",
        "<@other.example:u@example.com>",
        "<@example.com:u@other.example>",
        "<\"u@example.com\">",
        "<u@other.example>,<v@example.com>",
        "<u@example.com>,<v@other.example>",
        "u<v@example.com>@other.example",
    ] {
        assert_eq!(verdict(&policy, rcpt, "<a@b.test>", PLAIN), "refuse plaintext", "{rcpt}");
        assert_eq!(verdict(&policy, rcpt, "<a@b.test>", TLS13), "accept adequate", "{rcpt}");
    }
}

#[test]
fn a_recipient_that_cannot_be_understood_is_held_to_the_strictest_terms() {
    let strict = policy_from(POLICY);
    for rcpt in ["<>", "<u@a..b>", "<u@\u{7}x>"] {
        assert_eq!(verdict(&strict, rcpt, "<a@b.test>", PLAIN), "refuse plaintext", "{rcpt:?}");
        assert_eq!(
            verdict(&strict, rcpt, "<a@b.test>", TLS12_CBC),
            "refuse forward-secrecy",
            "{rcpt:?}"
        );
        assert_eq!(verdict(&strict, rcpt, "<a@b.test>", TLS13), "accept adequate", "{rcpt:?}");
    }
    // Where nothing is enforced, it is not refused either; another domain's exception is not its.
    let watched = policy_from("defaults: { mode: monitor }\ndomains: [example.com]");
    assert_eq!(verdict(&watched, "<u@a..b>", "<a@b.test>", PLAIN), "would-refuse plaintext");
    let later = policy_from(
        "domains: [{ domain: a.example, enforce_from: 2027-01-01 }, { domain: b.example, enforce_from: 2026-01-01 }]",
    );
    assert_eq!(verdict(&later, "<u@a..b>", "<a@b.test>", PLAIN), "refuse plaintext");
    let empty = policy_from("domains: []");
    assert_eq!(verdict(&empty, "<u@a..b>", "<a@b.test>", PLAIN), "accept not-opted-in");
}

#[test]
fn the_mtas_own_recipients_are_judged_where_the_policy_names_them() {
    let named = policy_from(POLICY);
    let silent = policy_from("domains: [example.com]");
    for rcpt in ["<postmaster>", "<u@[192.0.2.1]>", "<u@[IPv6:2001:db8::1]>"] {
        assert_eq!(verdict(&named, rcpt, "<a@b.test>", PLAIN), "refuse plaintext", "{rcpt}");
        assert_eq!(verdict(&silent, rcpt, "<a@b.test>", PLAIN), "accept not-opted-in", "{rcpt}");
    }
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

#[test]
fn the_reply_says_which_domain_what_was_wrong_and_what_to_do() {
    let policy = policy_from(
        r#"
defaults: { reply: { url: "https://help.example/tls" } }
domains:
  - example.com
  - { domain: own.example, reply: { code: 550, text: "{domain}: {reason}. {tls_version} {cipher} 100%", url: "https://o.example" } }
senders: [bank.example]
"#,
    );
    let reply = |rcpt: &str, sender: &str, tls: (&str, &str)| {
        let tls = TlsState::from_macros(Some(tls.0.as_bytes()), Some(tls.1.as_bytes()), None);
        let recipient = Recipient::new(rcpt.as_bytes(), None, None);
        let sender = Sender::new(sender.as_bytes(), None);
        let case = Case {
            tls: &tls,
            client: Client::default(),
            sender: &sender,
            recipient: &recipient,
            now: NOW.parse().unwrap(),
            on_unknown_tls: OnUnknownTls::Defer,
            require: None,
        };
        judge(&policy, &case).reply(&case).unwrap().to_string()
    };
    assert_eq!(
        reply("<u@example.com>", "<>", PLAIN),
        "450 4.7.1 Mail for example.com is accepted only over an adequately encrypted connection: this \
         connection is not encrypted. Enable TLS (STARTTLS) for outgoing mail on the sending server. \
         https://help.example/tls"
    );
    let weak = reply("<u@example.com>", "<>", SSL3);
    assert!(weak.contains("SSLv3") && weak.contains("Update TLS"), "{weak}");
    assert!(
        reply("<u@x.example>", "<a@bank.example>", PLAIN).contains("Mail from bank.example is")
    );
    assert_eq!(
        reply("<u@own.example>", "<>", RC4),
        "550 5.7.1 own.example: cipher ECDHE-RSA-RC4-SHA is not accepted (RC4). TLSv1.2 ECDHE-RSA-RC4-SHA \
         100% https://o.example"
    );
}

#[test]
fn a_reply_is_in_the_language_of_its_domain() {
    let policy = "
defaults: { language: de }
domains:
  - example.com
  - { domain: example.org, language: en }
  - { domain: example.net, reply: { text: 'No: {reason}' } }
local: {}
";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    fs::write(&path, policy).unwrap();
    let policy = policy_file::load(&path).policy.unwrap();
    let reply = |rcpt: &str| {
        let recipient = Recipient::new(rcpt.as_bytes(), None, None);
        let case = Case {
            tls: &TlsState::Plaintext,
            client: Client::default(),
            sender: &Sender::default(),
            recipient: &recipient,
            now: jiff::Timestamp::UNIX_EPOCH,
            on_unknown_tls: OnUnknownTls::Defer,
            require: None,
        };
        judge(&policy, &case).reply(&case).unwrap().to_string()
    };
    assert_eq!(
        reply("<a@example.com>"),
        "450 4.7.1 E-Mails an example.com werden nur ueber eine ausreichend verschluesselte \
         Verbindung angenommen: diese Verbindung ist nicht verschluesselt. Schalten Sie auf dem \
         sendenden Server TLS (STARTTLS) fuer ausgehende E-Mails ein."
    );
    assert!(reply("<a@example.org>").contains("this connection is not encrypted"));
    assert_eq!(reply("<a@example.net>"), "450 4.7.1 No: diese Verbindung ist nicht verschluesselt");
    assert!(reply("<a>").contains("diesen Empfaenger"));
}
