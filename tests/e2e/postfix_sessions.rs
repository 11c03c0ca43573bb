//! The ways an SMTP session can go, in front of Postfix.

use crate::support::{
    Milter, MilterOptions, Postfix, PostfixOptions, Reply, Service, SmtpClient, Tls,
};

const OPTED_IN: &str = "domains: [example.com]\n";

fn codes(replies: &[Reply]) -> Vec<u16> {
    replies.iter().map(|reply| reply.code).collect()
}

#[test]
fn a_message_to_both_reaches_the_free_recipients_and_only_them() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.mail("sender@example.org");
    client.rcpt("one@example.net").assert_accepted();
    client.rcpt("two@example.com").assert_refused();
    client.rcpt("three@virtual.example").assert_accepted();
    client.rcpt("four@example.com").assert_refused();
    client.rcpt("five@example.net").assert_accepted();
    client.data("mixed");
    client.quit();
    postfix.wait_for_queue("an empty queue", |queue| queue.is_empty());
    let mut recipients: Vec<_> =
        postfix.sink().deliveries().into_iter().flat_map(|delivery| delivery.recipients).collect();
    recipients.sort();
    assert_eq!(recipients, ["five@example.net", "one@example.net", "three@virtual.example"]);
}

#[test]
fn pipelined_commands_get_each_their_own_answer() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let commands = [
        "MAIL FROM:<sender@example.org>",
        "RCPT TO:<one@example.net>",
        "RCPT TO:<two@example.com>",
        "RCPT TO:<three@example.net>",
        "RCPT TO:<four@example.com>",
        "DATA",
    ];
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    assert_eq!(codes(&client.pipeline(&commands)), [250, 250, 450, 250, 450, 354]);
    // The next message rides in the same packet as the end of this one.
    client.send("Subject: piped\r\n\r\nHello.\r\n.\r\n");
    client.send(commands[..3].iter().map(|command| format!("{command}\r\n")).collect::<String>());
    let replies: Vec<_> = (0..4).map(|_| client.reply()).collect();
    assert_eq!(codes(&replies), [250, 250, 250, 450]);
    let mut delivered = postfix.sink().wait_for_subject("piped").recipients;
    delivered.sort();
    assert_eq!(delivered, ["one@example.net", "three@example.net"]);

    let mut client = SmtpClient::encrypted(postfix.port(Service::Smtp), &Tls::V1_3);
    assert_eq!(codes(&client.pipeline(&commands)), [250, 250, 250, 250, 250, 354]);
}

#[test]
fn each_message_of_a_connection_is_judged() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    for round in 0..3 {
        client.mail("sender@example.org");
        client.rcpt("user@example.net").assert_accepted();
        client.data(&format!("free {round}"));
        client.mail("sender@example.org");
        client.rcpt("user@example.com").assert_refused();
        // Nobody is left to send to.
        assert_eq!(client.command("DATA").code, 554);
        client.rset();
    }
    assert_eq!(postfix.sink().wait_for(3).len(), 3);
}

#[test]
fn rset_forgets_the_message_and_not_the_session() {
    let milter = Milter::start("domains: [example.com]\nsenders: [partner.example]\n");
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.mail("user@partner.example");
    client.rcpt("user@example.net").assert_refused();
    client.rset();
    client.mail("sender@example.org");
    client.rcpt("user@example.net").assert_accepted();
    client.rset();
    assert_eq!(client.rcpt("user@example.com").code, 503);
    client.try_rcpt("user@example.com").assert_refused();

    let mut client = SmtpClient::encrypted(postfix.port(Service::Smtp), &Tls::V1_3);
    client.mail("sender@example.org");
    client.rset();
    client.rset();
    client.try_rcpt("user@example.com").assert_accepted();
}

#[test]
fn a_session_without_helo_is_judged_and_so_is_one_that_begins_anew_with_ehlo() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::connect(postfix.port(Service::Smtp));
    client.try_rcpt("user@example.com").assert_refused();
    client.try_rcpt("user@example.net").assert_accepted();
    client.mail("sender@example.org");
    client.rcpt("user@example.net").assert_accepted();
    client.ehlo();
    client.try_rcpt("user@example.com").assert_refused();
    client.expect("HELO client.example.net", 250);
    client.try_rcpt("user@example.com").assert_refused();
}

#[test]
fn bounces_are_judged_like_any_mail() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.mail("");
    client.rcpt("user@example.com").assert_refused();
    client.rcpt("user@example.net").assert_accepted();
    client.data("bounce");
    let delivery = postfix.sink().wait_for_subject("bounce");
    assert_eq!(
        (delivery.sender.as_str(), &*delivery.recipients),
        ("", &["user@example.net".to_owned()][..])
    );
    let mut client = SmtpClient::encrypted(postfix.port(Service::Smtp), &Tls::V1_3);
    client.mail("");
    client.rcpt("user@example.com").assert_accepted();
}

#[test]
fn clients_over_ipv6_are_judged_like_any_other() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::connect_v6(postfix.port(Service::Smtp));
    client.ehlo();
    client.try_rcpt("user@example.com").assert_refused();
    milter.wait_for_verdict("refuse", "example.com").has("client", "::1");
    client.starttls(&Tls::V1_3);
    client.ehlo();
    client.try_rcpt("user@example.com").assert_accepted();
    milter.change_policy("trusted: { clients: ['::1/128'] }\ndomains: [example.com]\n");
    let mut client = SmtpClient::connect_v6(postfix.port(Service::Smtp));
    client.ehlo();
    client.try_rcpt("user@example.com").assert_accepted();
    SmtpClient::plaintext(postfix.port(Service::Smtp))
        .try_rcpt("user@example.com")
        .assert_refused();
}

#[test]
fn a_chrooted_smtpd_reaches_the_milter_by_a_unix_socket_in_the_queue_directory() {
    // The milter needs the directory first, which is Postfix's: so Postfix comes up before the milter.
    let postfix =
        Postfix::start(PostfixOptions::default().milters("unix:milter/mandatory-tls.sock"));
    let directory = postfix.queue_directory().join("milter");
    std::fs::create_dir(&directory).expect("root may");
    let options =
        MilterOptions::default().unix_socket_for_postfix(directory.join("mandatory-tls.sock"));
    let mut milter = Milter::start_with(OPTED_IN, options);
    // In the chroot and outside of it the socket has the same name.
    for service in [Service::Chroot, Service::Smtp] {
        let mut client = SmtpClient::plaintext(postfix.port(service));
        client.try_rcpt("user@example.com").assert_refused();
        client.starttls(&Tls::V1_3);
        client.ehlo();
        client.mail("sender@example.org");
        client.rcpt("user@example.com").assert_accepted();
        client.data(&format!("{service:?}"));
        postfix.sink().wait_for_subject(&format!("{service:?}"));
    }
    // A crash leaves the socket's file behind, which must not keep the milter from starting.
    milter.kill();
    milter.start_again();
    SmtpClient::plaintext(postfix.port(Service::Chroot))
        .try_rcpt("user@example.com")
        .assert_refused();
}

#[test]
fn behind_xclient_the_client_is_the_one_that_was_named() {
    let milter = Milter::start(
        "
domains:
  - domain: example.com
    exceptions:
      - { client: 192.0.2.0/24, reason: 'branch office scanner' }
",
    );
    let postfix = Postfix::with(&milter);
    // One XCLIENT a connection: the client that was named is not allowed to name another.
    let named = |address: &str| {
        let mut client = SmtpClient::plaintext(postfix.port(Service::Xclient));
        client.try_rcpt("user@example.com").assert_refused();
        client.expect(&format!("XCLIENT NAME=client.example.net ADDR={address}"), 220);
        client.ehlo();
        client.try_rcpt("user@example.com")
    };
    named("192.0.2.10").assert_accepted();
    milter
        .wait_for_verdict("accept", "example.com")
        .has("client", "192.0.2.10")
        .has("reason", "exception");
    named("198.51.100.10").assert_refused();
    named("IPV6:2001:db8::10").assert_refused();
    milter.lines().wait_for("the IPv6 client", |line| line.contains("client=2001:db8::10"));
}

#[test]
fn xclient_within_tls_speaks_of_another_hop_that_is_still_encrypted_to_us() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::encrypted(postfix.port(Service::Xclient), &Tls::V1_3);
    client.expect("XCLIENT NAME=client.example.net ADDR=192.0.2.10", 220);
    client.ehlo();
    client.try_rcpt("user@example.com").assert_accepted();
    milter
        .wait_for_verdict("accept", "example.com")
        .has("client", "192.0.2.10")
        .has("tls_version", "TLSv1.3");
}

#[test]
fn behind_haproxy_the_client_is_the_one_that_the_proxy_names() {
    let milter = Milter::start("trusted: { clients: [192.0.2.0/24] }\ndomains: [example.com]\n");
    let postfix = Postfix::with(&milter);
    let through = |address: &str| {
        let header = format!("PROXY TCP4 {address} 127.0.0.1 40000 25\r\n");
        let mut client = SmtpClient::connect_behind_proxy(postfix.port(Service::HaProxy), &header);
        client.ehlo();
        client
    };
    through("192.0.2.10").try_rcpt("user@example.com").assert_accepted();
    let mut client = through("198.51.100.10");
    client.try_rcpt("user@example.com").assert_refused();
    client.starttls(&Tls::V1_3);
    client.try_rcpt("user@example.com").assert_accepted();
}

#[test]
fn postscreen_hands_on_sessions_that_are_judged_like_any_other() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Postscreen));
    client.try_rcpt("user@example.com").assert_refused();
    client.starttls(&Tls::V1_3);
    client.ehlo();
    client.try_rcpt("user@example.com").assert_accepted();
}

#[test]
fn authenticated_clients_are_trusted_only_if_the_policy_says_so() {
    let milter = Milter::start("trusted: { authenticated: true }\ndomains: [example.com]\n");
    let postfix = Postfix::with(&milter);
    let submit = || {
        let mut client = SmtpClient::plaintext(postfix.port(Service::Submission));
        client.try_rcpt("user@example.com").assert_refused();
        client.auth_plain("user@example.com", "secret");
        client.try_rcpt("user@example.com")
    };
    submit().assert_accepted();
    milter
        .wait_for_verdict("accept", "example.com")
        .has("reason", "trusted-authenticated")
        .has("tls_version", "none");
    milter.change_policy(OPTED_IN);
    submit().assert_refused();
    // Over TLS nobody needs to be trusted.
    let mut client = SmtpClient::encrypted(postfix.port(Service::Submission), &Tls::V1_3);
    client.auth_plain("user@example.com", "secret");
    client.try_rcpt("user@example.com").assert_accepted();
}

#[test]
fn a_failed_login_is_not_an_authentication() {
    let milter = Milter::start("trusted: { authenticated: true }\ndomains: [example.com]\n");
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Submission));
    let token = openssl::base64::encode_block(b"\0user@example.com\0wrong");
    client.expect(&format!("AUTH PLAIN {token}"), 535);
    client.try_rcpt("user@example.com").assert_refused();
    // AUTH= is anybody's word.
    client.expect("MAIL FROM:<sender@example.org> AUTH=user@example.com", 250);
    client.rcpt("user@example.com").assert_refused();
}

#[test]
fn local_programs_can_send_even_where_the_milter_is_listed_for_them_by_mistake() {
    let milter = Milter::start(OPTED_IN);
    let options = PostfixOptions::default()
        .milter(&milter)
        .main(&format!("non_smtpd_milters = {}", milter.postfix_name()));
    let postfix = Postfix::start(options);
    let output = postfix.submit_locally(
        "root@local.example",
        &["user@example.com", "user@example.net"],
        "from cron",
    );
    assert!(output.status.success(), "{output:?}");
    let mut recipients: Vec<_> =
        postfix.sink().wait_for(2).into_iter().flat_map(|delivery| delivery.recipients).collect();
    recipients.sort();
    assert_eq!(recipients, ["user@example.com", "user@example.net"]);
    let line =
        milter.lines().wait_for("a warning", |line| line.contains("reason=local-submission"));
    assert!(line.contains(" WARN ") && line.contains("verdict=accept"), "{line}");
    // The session of a client is none, though it comes from this machine too.
    SmtpClient::plaintext(postfix.port(Service::Smtp))
        .try_rcpt("user@example.com")
        .assert_refused();
}

#[test]
fn of_a_local_program_that_speaks_smtp_with_postfixs_sendmail_the_milter_is_not_asked() {
    let milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let said = postfix.speak_locally(
        "EHLO localhost\r\nMAIL FROM:<root@local.example>\r\nRCPT TO:<user@example.com>\r\nQUIT\r\n",
    );
    assert!(said.contains("250 2.1.5 Ok"), "{said}");
    // The next one that is asked about is the first.
    SmtpClient::plaintext(postfix.port(Service::Smtp))
        .try_rcpt("user@example.com")
        .assert_refused();
    milter.lines().wait_for("a verdict", |line| line.contains("verdict=refuse"));
    assert_eq!(milter.lines().matching(|line| line.contains("verdict=")).len(), 1);
}
