//! Partners: their mail must come over TLS whoever receives it.

use super::{NOW, PLAIN, POLICY, SSL3, TLS12_CBC, TLS13, policy_from, verdict, with};
use policy::tls::certificate::Certificate;
use policy::{Client, OnUnknownTls, TlsState};

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
