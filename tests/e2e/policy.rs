//! What the policy says, on real mail.

use crate::support::{Milter, Postfix, Sendmail, Service, SmtpClient, Tls};

#[test]
fn monitor_records_what_enforce_would_refuse_and_lets_it_pass() {
    let milter = Milter::start("domains: [{ domain: example.com, mode: monitor }]\n");
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.mail("sender@example.org");
    client.rcpt("user@example.com").assert_accepted();
    client.data("watched");
    assert_eq!(postfix.sink().wait_for_subject("watched").recipients, ["user@example.com"]);
    milter.wait_for_verdict("would-refuse", "example.com").has("reason", "plaintext");
    milter.change_policy("domains: [{ domain: example.com, mode: enforce }]\n");
    client.try_rcpt("user@example.com").assert_refused();
}

#[test]
fn a_date_decides_between_monitor_and_enforce() {
    let milter = Milter::start(
        "
domains:
  - { domain: example.com, enforce_from: 2020-01-01 }
  - { domain: example.net, enforce_from: 2999-01-01 }
",
    );
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.try_rcpt("user@example.com").assert_refused();
    client.try_rcpt("user@example.net").assert_accepted();
    milter.wait_for_verdict("would-refuse", "example.net");
}

#[test]
fn the_most_specific_entry_decides() {
    let milter = Milter::start(
        "
domains:
  - '*.com'
  - { domain: example.com, mode: off }
  - boss@example.com
",
    );
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.try_rcpt("user@example.com").assert_accepted();
    client.try_rcpt("boss@example.com").assert_refused();
    client.try_rcpt("Boss+urgent@Example.COM").assert_refused();
    client.try_rcpt("user@sub.example.com").assert_refused();
    client.try_rcpt("user@example.net").assert_accepted();
}

#[test]
fn mail_of_a_partner_must_be_encrypted_whoever_receives_it() {
    let milter = Milter::start("domains: []\nsenders: [partner.example]\n");
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.mail("user@partner.example");
    client.rcpt("user@example.net").assert_refused().says("partner.example");
    client.rset();
    client.try_rcpt("user@example.net").assert_accepted();
    let mut client = SmtpClient::encrypted(postfix.port(Service::Smtp), &Tls::V1_3);
    client.mail("user@partner.example");
    client.rcpt("user@example.net").assert_accepted();
}

#[test]
fn the_gateways_own_recipients_are_named_with_local() {
    let milter = Milter::start("domains: []\nlocal: {}\n");
    let postfix = Postfix::with(&milter);
    let sendmail = Sendmail::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.try_rcpt("user@[127.0.0.1]").assert_refused();
    client.try_rcpt("user@example.com").assert_accepted();
    let mut client = SmtpClient::plaintext(sendmail.smtp_port());
    client.try_rcpt("postmaster").assert_refused();
    client.try_rcpt("user@example.com").assert_accepted();
}

#[test]
fn the_policys_own_reply_arrives_as_written() {
    let milter = Milter::start(
        r#"
domains:
  - domain: example.com
    reply:
      code: 550
      text: |
        100% of mail for {domain} is encrypted;
        {reason}: 5%s or not, see {url}
      url: "https://example.com/tls?why=%7Ereason"
"#,
    );
    let expected = [
        "5.7.1 100% of mail for example.com is encrypted;",
        "5.7.1 this connection is not encrypted: 5%s or not, see https://example.com/tls?why=%7Ereason",
    ];
    let postfix = Postfix::with(&milter);
    let reply = SmtpClient::plaintext(postfix.port(Service::Smtp)).try_rcpt("user@example.com");
    assert_eq!(reply.code, 550, "{reply}");
    assert_eq!(reply.lines, expected);

    let sendmail = Sendmail::with(&milter);
    let reply = SmtpClient::plaintext(sendmail.smtp_port()).try_rcpt("user@example.com");
    assert_eq!(reply.code, 550, "{reply}");
    // Sendmail puts the recipient before the text.
    assert_eq!(reply.lines[0].replace("<user@example.com>... ", ""), expected[0]);
    assert_eq!(reply.lines[1], expected[1]);
}

#[test]
fn domains_in_other_scripts_are_opted_in_by_either_of_their_names() {
    let milter = Milter::start("domains: [bücher.example]\n");
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.try_rcpt("user@xn--bcher-kva.example").assert_refused();
    client.expect("MAIL FROM:<sender@example.org> SMTPUTF8", 250);
    client.rcpt("user@bücher.example").assert_refused();
    client.rcpt("user@BÜCHER.example").assert_refused();
    client.rcpt("user@example.net").assert_accepted();
    // Postfix folds this name to fass.example for {rcpt_addr}, and routes to faß.example.
    milter.change_policy("domains: [faß.example]\n");
    client.rset();
    client.expect("MAIL FROM:<sender@example.org> SMTPUTF8", 250);
    client.rcpt("user@faß.example").assert_refused();
    client.rcpt("user@fass.example").assert_accepted();
}

#[test]
fn an_address_without_a_domain_is_judged_by_the_one_that_postfix_appends() {
    let milter = Milter::start("domains: [local.example]\n");
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.try_rcpt("user").assert_refused().says("local.example");
    client.try_rcpt("postmaster").assert_refused();
    client.try_rcpt("user@example.com").assert_accepted();
}
