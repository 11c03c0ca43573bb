//! Client certificates: held against what the MTA vouches for.

use crate::support::{Milter, Postfix, PostfixOptions, Sendmail, Service, SmtpClient, Tls};

/// The certificate of the tests has the subject `/C=XX/O=Example (Lab) & Sons/CN=client.example.net`.
const POLICY: &str = r#"
requirements:
  partner: { client_certificate: { subject: client.example.net, issuer: "Example Lab CA" } }
  other: { client_certificate: { subject: other.example.net } }
domains:
  - { domain: example.com, require: partner }
  - { domain: example.net, require: other }
  - domain: virtual.example
    require: mozilla-modern
    exceptions: [{ client_certificate: { subject: client.example.net }, reason: "old server" }]
"#;

/// What each certificate gets at each domain.
fn check(port: u16) {
    for (certificate, partner, exception) in
        [(Some("client"), 250, 250), (Some("rogue"), 450, 450), (None, 450, 450)]
    {
        let tls = |tls: Tls| match certificate {
            Some(name) => tls.with_certificate(name),
            None => tls,
        };
        let mut client = SmtpClient::encrypted(port, &tls(Tls::V1_3));
        client.mail("sender@example.org");
        assert_eq!(client.rcpt("user@example.com").code, partner, "{certificate:?}");
        assert_eq!(client.rcpt("user@example.net").code, 450, "{certificate:?}");
        let mut client = SmtpClient::encrypted(port, &tls(Tls::V1_2));
        client.mail("sender@example.org");
        assert_eq!(client.rcpt("user@virtual.example").code, exception, "{certificate:?}");
    }
    let mut client = SmtpClient::plaintext(port);
    client.mail("sender@example.org");
    client.rcpt("user@example.com").assert_refused();
}

#[test]
fn with_postfix_a_partner_is_held_to_its_certificate_where_postfix_trusts_it() {
    let milter = Milter::start(POLICY);
    let postfix =
        Postfix::start(PostfixOptions::default().milter(&milter).main("smtpd_tls_ask_ccert = yes"));
    check(postfix.port(Service::Smtp));
    milter.wait_for_verdict("refuse", "example.net").has("reason", "client-certificate");
}

#[test]
fn with_sendmail_a_partner_is_held_to_its_certificate_where_sendmail_trusts_it() {
    let milter = Milter::start(POLICY);
    let sendmail = Sendmail::with(&milter);
    let port = sendmail.smtp_port();
    for (certificate, code) in [("client", 250), ("rogue", 450)] {
        let tls = Tls::V1_3.with_certificate(certificate);
        let mut client = SmtpClient::encrypted(port, &tls);
        client.mail("sender@example.org");
        assert_eq!(client.rcpt("user@example.com").code, code, "{certificate}");
        client.rcpt("user@example.net").assert_refused();
    }
    let mut client = SmtpClient::encrypted(port, &Tls::V1_3);
    client.mail("sender@example.org");
    client.rcpt("user@example.com").assert_refused();
}
