//! The milter in front of Sendmail.

use openssl::ssl::SslVersion;

use crate::support::{Milter, MilterOptions, Sendmail, SendmailOptions, SmtpClient, Tls};

const OPTED_IN: &str = "domains: [example.com]\n";

#[test]
fn plaintext_is_refused_and_the_reply_says_why() {
    let milter = Milter::start(OPTED_IN);
    let sendmail = Sendmail::with(&milter);
    let mut client = SmtpClient::plaintext(sendmail.smtp_port());
    client
        .try_rcpt("user@example.com")
        .assert_refused()
        .says("example.com")
        .says("not encrypted")
        .says("TLS");
    milter
        .wait_for_verdict("refuse", "example.com")
        .has("reason", "plaintext")
        .has("tls_version", "none");
    sendmail
        .log()
        .wait_for("the reply in Sendmail's log", |line| line.contains("reject=450 4.7.1"));
}

#[test]
fn tls_is_taken_from_1_0_upwards_and_null_ciphers_are_not() {
    let milter = Milter::start(OPTED_IN);
    let sendmail = Sendmail::start(SendmailOptions::default().milter(&milter).weak());
    for (version, name, cipher) in [
        (SslVersion::TLS1, "TLSv1", "AES128-SHA"),
        (SslVersion::TLS1_1, "TLSv1.1", "ECDHE-RSA-AES256-SHA"),
        (SslVersion::TLS1_2, "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384"),
        (SslVersion::TLS1_2, "TLSv1.2", "ADH-AES256-GCM-SHA384"),
        (SslVersion::TLS1_2, "TLSv1.2", "AECDH-AES256-SHA"),
    ] {
        let mut client = SmtpClient::encrypted(sendmail.smtp_port(), &Tls::only(version, cipher));
        client.try_rcpt("user@example.com").assert_accepted();
        let line =
            milter.lines().wait_for(cipher, |line| line.contains(&format!("cipher={cipher} ")));
        assert!(line.contains(&format!("tls_version={name} ")), "{line}");
    }
    for cipher in ["NULL-SHA256", "ECDHE-RSA-NULL-SHA"] {
        let mut client =
            SmtpClient::encrypted(sendmail.smtp_port(), &Tls::only(SslVersion::TLS1_2, cipher));
        client.try_rcpt("user@example.com").assert_refused().says(cipher);
    }
}

#[test]
fn mail_over_tls_1_3_is_delivered() {
    let milter = Milter::start(OPTED_IN);
    let sendmail = Sendmail::with(&milter);
    let mut client = SmtpClient::encrypted(sendmail.smtp_port(), &Tls::V1_3);
    client.mail("sender@example.org");
    client.rcpt("user@example.com").assert_accepted();
    client.data("encrypted");
    assert_eq!(sendmail.sink().wait_for_subject("encrypted").recipients, ["user@example.com"]);
    milter.wait_for_verdict("accept", "example.com").has("tls_version", "TLSv1.3");
}

#[test]
fn implicit_tls_counts_as_starttls_does() {
    let milter = Milter::start(OPTED_IN);
    let sendmail = Sendmail::with(&milter);
    let mut client = SmtpClient::connect_tls(sendmail.smtps_port(), &Tls::V1_3);
    client.ehlo();
    client.try_rcpt("user@example.com").assert_accepted();
}

#[test]
fn starttls_counts_from_the_handshake_on_with_or_without_a_second_ehlo() {
    let milter = Milter::start(OPTED_IN);
    let sendmail = Sendmail::with(&milter);
    let mut client = SmtpClient::plaintext(sendmail.smtp_port());
    client.try_rcpt("user@example.com").assert_refused();
    client.starttls(&Tls::V1_2);
    client.try_rcpt("user@example.com").assert_accepted();
    client.ehlo();
    client.ehlo();
    client.try_rcpt("user@example.com").assert_accepted();
}

#[test]
fn a_client_certificate_that_nobody_vouches_for_changes_nothing_about_encryption() {
    let milter = Milter::start(OPTED_IN);
    let sendmail = Sendmail::with(&milter);
    // Sendmail's {verify} is OK for the first and FAIL for the second: it speaks of the certificate only.
    for certificate in ["client", "rogue"] {
        let tls = Tls::V1_3.with_certificate(certificate);
        let mut client = SmtpClient::encrypted(sendmail.smtp_port(), &tls);
        client.try_rcpt("user@example.com").assert_accepted();
    }
}

#[test]
fn a_message_to_both_reaches_the_free_recipients_and_only_them() {
    let milter = Milter::start(OPTED_IN);
    let sendmail = Sendmail::with(&milter);
    let mut client = SmtpClient::plaintext(sendmail.smtp_port());
    client.mail("sender@example.org");
    client.rcpt("one@example.net").assert_accepted();
    client.rcpt("two@example.com").assert_refused();
    client.rcpt("three@example.net").assert_accepted();
    client.data("mixed");
    client.quit();
    let mut delivered: Vec<_> =
        sendmail.sink().deliveries().into_iter().flat_map(|delivery| delivery.recipients).collect();
    delivered.sort();
    assert_eq!(delivered, ["one@example.net", "three@example.net"]);
}

#[test]
fn pipelined_commands_get_each_their_own_answer() {
    let milter = Milter::start(OPTED_IN);
    let sendmail = Sendmail::with(&milter);
    let mut client = SmtpClient::plaintext(sendmail.smtp_port());
    let replies = client.pipeline(&[
        "MAIL FROM:<sender@example.org>",
        "RCPT TO:<one@example.com>",
        "RCPT TO:<two@example.net>",
        "RCPT TO:<three@example.com>",
        "DATA",
    ]);
    let codes: Vec<_> = replies.iter().map(|reply| reply.code).collect();
    assert_eq!(codes, [250, 450, 250, 450, 354]);
}

#[test]
fn each_message_of_a_connection_is_judged_and_rset_forgets_only_the_message() {
    let milter = Milter::start("domains: [example.com]\nsenders: [partner.example]\n");
    let sendmail = Sendmail::with(&milter);
    let mut client = SmtpClient::plaintext(sendmail.smtp_port());
    for round in 0..3 {
        client.mail("user@partner.example");
        client.rcpt("user@example.net").assert_refused();
        client.rset();
        client.mail("sender@example.org");
        client.rcpt("user@example.com").assert_refused();
        client.rcpt("user@example.net").assert_accepted();
        client.data(&format!("round {round}"));
    }
    client.starttls(&Tls::V1_3);
    client.ehlo();
    client.try_rcpt("user@example.com").assert_accepted();
    assert_eq!(sendmail.sink().wait_for(3).len(), 3);
}

#[test]
fn a_recipient_that_sendmail_itself_refuses_leaves_no_trace_in_the_next_verdict() {
    let milter = Milter::start(OPTED_IN);
    let options =
        SendmailOptions::default().milter(&milter).mc("MODIFY_MAILER_FLAGS(`LOCAL', `+w')");
    let sendmail = Sendmail::start(options);
    let mut client = SmtpClient::plaintext(sendmail.smtp_port());
    client.mail("sender@example.org");
    // Sendmail then sends macros without a RCPT to go with them.
    assert_eq!(client.rcpt("nobody-of-this-name@local.example").code, 550);
    client.rcpt("user@example.com").assert_refused();
    assert_eq!(client.rcpt("nobody-of-this-name@local.example").code, 550);
    client.rcpt("user@example.net").assert_accepted();
}

#[test]
fn bounces_and_clients_over_ipv6_are_judged_like_any_other() {
    let milter = Milter::start(OPTED_IN);
    let sendmail = Sendmail::with(&milter);
    let mut client = SmtpClient::connect_v6(sendmail.smtp_port());
    client.ehlo();
    client.mail("");
    client.rcpt("user@example.com").assert_refused();
    client.rcpt("user@example.net").assert_accepted();
    milter.wait_for_verdict("refuse", "example.com").has("client", "::1").has("sender", "<>");
}

#[test]
fn authenticated_clients_are_trusted_only_if_the_policy_says_so() {
    let milter = Milter::start("trusted: { authenticated: true }\ndomains: [example.com]\n");
    let sendmail = Sendmail::with(&milter);
    let submit = || {
        let mut client = SmtpClient::plaintext(sendmail.smtp_port());
        client.try_rcpt("user@example.com").assert_refused();
        client.auth_plain("user@mx.example.com", "secret");
        client.try_rcpt("user@example.com")
    };
    submit().assert_accepted();
    milter.change_policy(OPTED_IN);
    submit().assert_refused();
}

#[test]
fn a_unix_socket_does_as_well() {
    let milter = Milter::start_with(OPTED_IN, MilterOptions::default().own_unix_socket());
    let sendmail = Sendmail::with(&milter);
    let mut client = SmtpClient::plaintext(sendmail.smtp_port());
    client.try_rcpt("user@example.com").assert_refused();
    client.try_rcpt("user@example.net").assert_accepted();
}

#[test]
fn while_the_milter_is_down_all_mail_is_put_off_and_none_passes() {
    let mut milter = Milter::start(OPTED_IN);
    let sendmail = Sendmail::with(&milter);
    milter.stop();
    let mut client = SmtpClient::connect(sendmail.smtp_port());
    client.command("EHLO client.example.net");
    assert_eq!(client.command("MAIL FROM:<sender@example.org>").code, 451);
    milter.start_again();
    let mut client = SmtpClient::plaintext(sendmail.smtp_port());
    client.try_rcpt("user@example.com").assert_refused();
    client.try_rcpt("user@example.net").assert_accepted();
}

#[test]
fn a_local_program_that_speaks_smtp_with_sendmail_is_judged_as_plaintext_from_no_address() {
    let milter = Milter::start(
        "trusted: { clients: [127.0.0.0/8, \"::1/128\"], authenticated: true }\n\
         domains: [example.com]\n",
    );
    let mut sendmail = Sendmail::with(&milter);
    let said = sendmail.speak_locally(
        "EHLO localhost\r\nMAIL FROM:<root@local.example>\r\nRCPT TO:<user@example.com>\r\n\
         RCPT TO:<user@example.net>\r\nQUIT\r\n",
    );
    let count = |start: &str| said.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((count("450 4.7.1"), count("250 2.1.5")), (1, 1), "{said}");
    let line = milter.lines().wait_for("a verdict", |line| line.contains("verdict=refuse"));
    assert!(line.contains("reason=plaintext") && line.contains("client=- "), "{line}");
}

/// What src/postfix/sendmail.rs goes by: a filter that is defined and not listed is not asked.
#[test]
fn a_filter_is_asked_where_it_is_listed_whatever_its_host_is_called() {
    let answer = |line: &dyn Fn(u16) -> String| {
        let milter = Milter::start(OPTED_IN);
        let line = line(milter.port().unwrap());
        let sendmail = Sendmail::start(SendmailOptions::default().mc(&line));
        let mut client = SmtpClient::plaintext(sendmail.smtp_port());
        client.try_rcpt("user@example.com").code
    };
    let filter = |port| format!("(`tls', `S=inet:{port}@localhost, F=T')");
    assert_eq!(answer(&|port| format!("INPUT_MAIL_FILTER{}", filter(port))), 450);
    assert_eq!(answer(&|port| format!("MAIL_FILTER{}", filter(port))), 250);
}
