//! What happens to mail when the milter is not there, or not told what it needs.

mod clock;
mod disk;
mod mta;
mod policy_file;
mod process;
mod traffic;

use std::collections::BTreeSet;

use crate::support::{Milter, Postfix, PostfixOptions, Service, SmtpClient, Tls};

const OPTED_IN: &str = "domains: [example.com]\n";

/// Hands messages to `postfix` with subjects by number, to an opted-in and a free domain in turn.
fn hand_in(postfix: &Postfix, numbers: std::ops::Range<usize>) {
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    for number in numbers {
        let domain = if number.is_multiple_of(2) { "example.com" } else { "example.net" };
        client.mail("sender@example.org");
        client.rcpt(&format!("user{number}@{domain}")).assert_accepted();
        client.data(&format!("message {number}"));
    }
    client.quit();
}

#[test]
fn mail_that_comes_while_the_milter_is_down_is_put_off_and_none_is_lost() {
    const BEFORE: usize = 20;
    const ALL: usize = 80;
    let mut milter = Milter::start(OPTED_IN);
    let gateway = Postfix::with(&milter);
    // The server of somebody who writes to us: it offers TLS, queues and tries again.
    let mut outside =
        Postfix::start(PostfixOptions::default().sends_to(gateway.port(Service::Smtp)));

    hand_in(&outside, 0..BEFORE);
    std::thread::scope(|scope| {
        // More mail comes all the while, before, during and after the stop.
        scope.spawn(|| hand_in(&outside, BEFORE..ALL));
        gateway.sink().wait_for(BEFORE / 2);
        assert!(milter.stop().success());
    });
    hand_in(&outside, ALL..2 * ALL);
    outside.wait_for_queue("all mail delivered or put off", |queue| {
        queue.len() >= ALL && queue.iter().all(|file| file.queue == "deferred")
    });
    for file in outside.queue() {
        for (recipient, reason) in file.recipients {
            assert!(
                reason.contains("451 4.7.1") || reason.contains("lost connection"),
                "{recipient}: {reason}"
            );
        }
    }
    let passed = gateway.sink().deliveries().len();
    assert_eq!(outside.queue().len() + passed, 2 * ALL, "{passed} have arrived");

    milter.start_again();
    outside.retry_until_delivered();
    let delivered = gateway.sink().wait_for(2 * ALL);
    let subjects: BTreeSet<_> =
        delivered.iter().map(|delivery| delivery.subject().to_owned()).collect();
    assert_eq!(subjects, (0..2 * ALL).map(|number| format!("message {number}")).collect());
    assert_eq!(delivered.len(), 2 * ALL, "each once");
    assert!(outside.log().matching(|line| line.contains("status=bounced")).is_empty());
}

#[test]
fn refused_mail_waits_at_its_sender_and_arrives_once_the_policy_makes_an_exception() {
    let milter = Milter::start(OPTED_IN);
    let gateway = Postfix::with(&milter);
    let options = PostfixOptions::default()
        .sends_to(gateway.port(Service::Smtp))
        .main("default_transport = in_the_clear");
    let mut outside = Postfix::start(
        options.master("in_the_clear unix - - n - - smtp -o smtp_tls_security_level=none"),
    );
    hand_in(&outside, 0..2);
    assert_eq!(gateway.sink().wait_for_subject("message 1").recipients, ["user1@example.net"]);
    outside.wait_for_queue("the refused message", |queue| {
        queue.len() == 1
            && queue[0]
                .recipients
                .iter()
                .all(|(to, why)| to == "user0@example.com" && why.contains("450 4.7.1"))
    });
    milter.change_policy(
        "
domains:
  - domain: example.com
    exceptions: [{ sender: example.org, reason: 'mended in spring' }]
",
    );
    outside.retry_until_delivered();
    assert_eq!(gateway.sink().wait_for_subject("message 0").recipients, ["user0@example.com"]);
}

#[test]
fn a_crash_in_the_middle_of_a_session_puts_its_mail_off() {
    let mut milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.try_rcpt("user@example.net").assert_accepted();
    client.mail("sender@example.org");
    milter.kill();
    for domain in ["example.com", "example.net"] {
        assert_eq!(client.rcpt(&format!("user@{domain}")).code, 451);
    }
    milter.start_again();
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.try_rcpt("user@example.com").assert_refused();
    client.try_rcpt("user@example.net").assert_accepted();
}

#[test]
fn a_stop_lets_the_sessions_that_are_open_come_to_their_end() {
    let mut milter = Milter::start(OPTED_IN);
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.mail("sender@example.org");
    client.rcpt("user@example.com").assert_refused();
    milter.ask_to_stop();
    milter.lines().wait_for("the stop", |line| line.contains("stopping"));
    client.rcpt("user@example.com").assert_refused();
    client.rcpt("user@example.net").assert_accepted();
    client.data("in time");
    client.mail("sender@example.org");
    client.rcpt("user@example.com").assert_refused();
    client.quit();
    assert!(milter.wait().success());
    postfix.sink().wait_for_subject("in time");
}

#[test]
fn an_mta_of_the_oldest_milter_protocol_is_judged_right_as_well() {
    let milter = Milter::start(OPTED_IN);
    let postfix =
        Postfix::start(PostfixOptions::default().milter(&milter).main("milter_protocol = 2"));
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.try_rcpt("user@example.com").assert_refused();
    client.starttls(&Tls::V1_3);
    client.try_rcpt("user@example.com").assert_accepted();
    client.ehlo();
    client.mail("sender@example.org");
    client.rcpt("user@example.com").assert_accepted();
    client.data("old");
    postfix.sink().wait_for_subject("old");
}

#[test]
fn a_bad_policy_stops_the_start_with_the_status_for_configuration_errors() {
    let output = Milter::fails_to_start("domains: [example..com]\n");
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("policy.yaml:1:") && text.contains("example..com"), "{text}");
}
