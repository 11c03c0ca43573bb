//! What TLS counts as encryption, in front of Postfix.

use openssl::ssl::SslVersion;

use crate::support::{Milter, Postfix, PostfixOptions, Service, SmtpClient, Tls};

const OPTED_IN: &str = "domains: [example.com]\n";
const STRICTER: &str = "
requirements:
  stricter: { min_version: TLSv1.2, forward_secrecy: true, forbid: [3DES, anonymous] }
defaults: { require: stricter }
domains: [example.com]
";

/// A handshake with smtpd on OpenSSL 1.1.1, and the answer for the opted-in domain.
fn weak_session(postfix: &Postfix, version: SslVersion, cipher: &'static str) -> SmtpClient {
    let mut client = SmtpClient::plaintext(postfix.port(Service::Weak));
    let negotiated = client.starttls(&Tls::only(version, cipher));
    assert_eq!(negotiated.cipher, cipher);
    client.ehlo();
    client
}

#[test]
fn plaintext_is_refused_and_the_reply_says_what_is_wrong_and_what_to_do() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    let reply = client.try_rcpt("user@example.com");
    reply.assert_refused().says("example.com").says("not encrypted").says("TLS");
    assert!(reply.lines.iter().all(|line| line.is_ascii() && line.len() < 500), "{reply}");
    milter
        .wait_for_verdict("refuse", "example.com")
        .has("reason", "plaintext")
        .has("client", "127.0.0.1")
        .has("sender", "example.org")
        .has("tls_version", "none");
    postfix
        .log()
        .wait_for("the reply in Postfix's log", |line| line.contains("milter-reject: RCPT from"));
}

#[test]
fn domains_that_are_not_opted_in_get_their_mail_over_any_session() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.mail("sender@example.org");
    client.rcpt("user@example.net").assert_accepted();
    client.data("in the clear");
    let mut client = weak_session(&postfix, SslVersion::SSL3, "RC4-SHA");
    client.mail("sender@example.org");
    client.rcpt("user@example.net").assert_accepted();
    client.data("over SSL 3");
    assert_eq!(postfix.sink().wait_for_subject("in the clear").recipients, ["user@example.net"]);
    assert_eq!(postfix.sink().wait_for_subject("over SSL 3").recipients, ["user@example.net"]);
}

#[test]
fn mail_over_tls_1_3_and_1_2_is_delivered() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    for (tls, version) in [(Tls::V1_3, "TLSv1.3"), (Tls::V1_2, "TLSv1.2")] {
        let mut client = SmtpClient::encrypted(postfix.port(Service::Smtp), &tls);
        let negotiated = client.tls_state().expect("encrypted");
        assert_eq!(negotiated.version, version);
        client.mail("sender@example.org");
        client.rcpt("user@example.com").assert_accepted();
        client.data(version);
        assert_eq!(postfix.sink().wait_for_subject(version).recipients, ["user@example.com"]);
        let line = milter
            .lines()
            .wait_for(version, |line| line.contains(&format!("tls_version={version}")));
        assert!(line.contains(&format!("cipher={}", negotiated.cipher)), "{line}");
        assert!(line.contains("verdict=accept"), "{line}");
    }
}

#[test]
fn ssl_3_never_counts_as_encryption() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    for cipher in ["AES128-SHA", "AES256-SHA", "DES-CBC3-SHA"] {
        let mut client = weak_session(&postfix, SslVersion::SSL3, cipher);
        client.try_rcpt("user@example.com").assert_refused().says("SSLv3");
    }
    milter
        .wait_for_verdict("refuse", "example.com")
        .has("reason", "protocol-version")
        .has("tls_version", "SSLv3")
        .has("cipher", "AES128-SHA");
}

#[test]
fn rc4_never_counts_as_encryption() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    for (version, cipher) in [
        (SslVersion::SSL3, "RC4-SHA"),
        (SslVersion::TLS1, "RC4-SHA"),
        (SslVersion::TLS1_1, "RC4-MD5"),
        (SslVersion::TLS1_2, "RC4-SHA"),
        (SslVersion::TLS1_2, "RC4-MD5"),
        (SslVersion::TLS1_2, "ECDHE-RSA-RC4-SHA"),
        (SslVersion::TLS1_2, "ADH-RC4-MD5"),
    ] {
        let mut client = weak_session(&postfix, version, cipher);
        client.try_rcpt("user@example.com").assert_refused();
        client.try_rcpt("user@example.net").assert_accepted();
    }
    let line = milter.lines().wait_for("RC4 in TLS 1.2", |line| {
        line.contains("verdict=refuse") && line.contains("cipher=ECDHE-RSA-RC4-SHA")
    });
    assert!(line.contains("tls_version=TLSv1.2") && line.contains("reason=cipher"), "{line}");
}

#[test]
fn null_ciphers_never_count_as_encryption() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    for cipher in ["NULL-SHA256", "NULL-SHA", "ECDHE-RSA-NULL-SHA"] {
        let mut client = weak_session(&postfix, SslVersion::TLS1_2, cipher);
        client.try_rcpt("user@example.com").assert_refused().says(cipher);
    }
    milter
        .wait_for_verdict("refuse", "example.com")
        .has("tls_version", "TLSv1.2")
        .has("cipher", "NULL-SHA256");
}

#[test]
fn old_tls_and_anonymous_ciphers_do_for_the_baseline_and_not_for_a_stricter_requirement() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let sessions = [
        (SslVersion::TLS1, "AES128-SHA"),
        (SslVersion::TLS1_1, "ECDHE-RSA-AES128-SHA"),
        (SslVersion::TLS1_2, "DES-CBC3-SHA"),
        (SslVersion::TLS1_2, "AES128-GCM-SHA256"),
        (SslVersion::TLS1_2, "ADH-AES256-GCM-SHA384"),
        (SslVersion::TLS1_2, "AECDH-AES256-SHA"),
    ];
    for (version, cipher) in sessions {
        weak_session(&postfix, version, cipher).try_rcpt("user@example.com").assert_accepted();
    }
    milter.change_policy(STRICTER);
    for (version, cipher) in sessions {
        weak_session(&postfix, version, cipher).try_rcpt("user@example.com").assert_refused();
    }
    for tls in [Tls::V1_2, Tls::V1_3] {
        let mut client = SmtpClient::encrypted(postfix.port(Service::Weak), &tls);
        client.try_rcpt("user@example.com").assert_accepted();
    }
}

#[test]
fn anonymous_ciphers_and_tls_1_0_of_a_postfix_as_shipped_are_seen_as_what_they_are() {
    let milter = Milter::start(STRICTER);
    // Debian's own smtpd and OpenSSL 3, which still take these.
    let postfix = Postfix::start(
        PostfixOptions::default()
            .milter(&milter)
            .main("smtpd_tls_protocols = >=TLSv1")
            .main("tls_medium_cipherlist = ALL:COMPLEMENTOFALL:@SECLEVEL=0")
            .main("smtpd_tls_exclude_ciphers =")
            .main("tls_preempt_cipherlist = no"),
    );
    for (version, cipher, reason) in [
        (SslVersion::TLS1, "ECDHE-RSA-AES128-SHA", "protocol-version"),
        (SslVersion::TLS1_2, "ADH-AES256-GCM-SHA384", "cipher"),
        (SslVersion::TLS1_2, "NULL-SHA256", "null-cipher"),
        (SslVersion::TLS1_2, "AES256-GCM-SHA384", "forward-secrecy"),
    ] {
        let mut client =
            SmtpClient::encrypted(postfix.port(Service::Smtp), &Tls::only(version, cipher));
        client.try_rcpt("user@example.com").assert_refused();
        let line =
            milter.lines().wait_for(cipher, |line| line.contains(&format!("cipher={cipher} ")));
        assert!(line.contains(&format!("reason={reason} ")), "{line}");
    }
}

#[test]
fn implicit_tls_counts_as_starttls_does() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::connect_tls(postfix.port(Service::Smtps), &Tls::V1_3);
    client.ehlo();
    client.try_rcpt("user@example.com").assert_accepted();
    milter.wait_for_verdict("accept", "example.com").has("tls_version", "TLSv1.3");
}

#[test]
fn starttls_counts_from_the_handshake_on_with_or_without_a_second_ehlo() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.try_rcpt("user@example.com").assert_refused();
    client.starttls(&Tls::V1_2);
    client.try_rcpt("user@example.com").assert_accepted();
    client.ehlo();
    client.try_rcpt("user@example.com").assert_accepted();
    client.ehlo();
    client.ehlo();
    client.try_rcpt("user@example.com").assert_accepted();
}

#[test]
fn a_message_begun_in_the_clear_does_not_become_encrypted_by_starttls() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.mail("sender@example.org");
    client.rcpt("user@example.com").assert_refused();
    client.rcpt("user@example.net").assert_accepted();
    client.starttls(&Tls::V1_3);
    // Postfix has forgotten the message; a new one is judged by the new session.
    assert_eq!(client.rcpt("user@example.com").code, 503);
    client.try_rcpt("user@example.com").assert_accepted();
}

#[test]
fn a_client_certificate_changes_nothing_about_encryption() {
    let milter = Milter::start(OPTED_IN);
    let postfix =
        Postfix::start(PostfixOptions::default().milter(&milter).main("smtpd_tls_ask_ccert = yes"));
    for certificate in ["client", "rogue"] {
        let tls = Tls::V1_3.with_certificate(certificate);
        let mut client = SmtpClient::encrypted(postfix.port(Service::Smtp), &tls);
        client.try_rcpt("user@example.com").assert_accepted();
    }
    SmtpClient::plaintext(postfix.port(Service::Smtp))
        .try_rcpt("user@example.com")
        .assert_refused();
}
