//! The MTA dies or reads its configuration again while it talks to the milter.

use super::traffic::{POLICY, Traffic};
use crate::support::{Milter, Postfix, PostfixOptions, Service, SmtpClient, wait_until};

/// Sessions that stand still, one at each stage of a message.
fn at_each_stage(port: u16) -> Vec<SmtpClient> {
    let all = ["MAIL FROM:<sender@example.org>", "RCPT TO:<user@example.net>", "DATA"];
    let begun = |stages: usize| {
        let mut client = SmtpClient::plaintext(port);
        for command in &all[..stages] {
            assert!([250, 354].contains(&client.command(command).code), "{command}");
        }
        client
    };
    (0..=all.len()).map(begun).collect()
}

/// Waits until the milter has closed what nobody talks over any more.
fn wait_for_the_end_of_connections(milter: &Milter) {
    wait_until("the end of all connections", || (milter.connections() == 0).then_some(()));
}

#[test]
fn processes_of_the_mta_that_are_killed_leave_nothing_behind() {
    let milter = Milter::start(POLICY);
    let postfix = Postfix::start(
        PostfixOptions::default().milter(&milter).main("service_throttle_time = 1s"),
    );
    let port = postfix.port(Service::Smtp);
    let sent = Traffic::during(port, |traffic| {
        for _ in 0..3 {
            let open = at_each_stage(port);
            postfix.kill_smtpd();
            traffic.wait_until_it_flows();
            drop(open);
        }
    });
    assert!(sent.broken() > 0, "somebody was cut off");
    sent.check(&postfix);
    wait_for_the_end_of_connections(&milter);
}

#[test]
fn an_mta_that_reads_its_configuration_again_loses_no_session() {
    let milter = Milter::start(POLICY);
    let mut postfix = Postfix::with(&milter);
    let port = postfix.port(Service::Smtp);
    let sent = Traffic::during(port, |traffic| {
        for _ in 0..3 {
            let mut client = SmtpClient::plaintext(port);
            client.mail("sender@example.org");
            client.rcpt("user@example.com").assert_refused();
            // By then Postfix's master has heard that this smtpd is taken. What it hears while it reads its
            // configuration it forgets, and then leaves all new connections to this one.
            traffic.wait_until_it_flows();
            postfix.reload();
            traffic.wait_until_it_flows();
            client.rcpt("user@example.com").assert_refused();
            client.rcpt("user@example.net").assert_accepted();
        }
    });
    sent.check(&postfix);
    assert_eq!(sent.disturbed(), 0, "nothing was put off");
}

#[test]
fn after_a_crash_of_the_whole_mta_what_it_had_taken_arrives_and_mail_goes_on() {
    let milter = Milter::start(POLICY);
    let mut postfix = Postfix::with(&milter);
    let port = postfix.port(Service::Smtp);
    let sent = Traffic::during(port, |traffic| {
        let open = at_each_stage(port);
        postfix.crash_and_start();
        traffic.wait_until_it_flows();
        drop(open);
    });
    assert!(sent.broken() > 0, "somebody was cut off");
    sent.check_at_least_once(&postfix);
    wait_for_the_end_of_connections(&milter);
}
