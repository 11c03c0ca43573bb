//! The milter's process dies, stands still, or runs out of what it needs.

use std::fs;

use nix::sys::signal::Signal;

use super::traffic::{POLICY, Traffic, recorded};
use crate::support::{
    Milter, MilterOptions, Postfix, PostfixOptions, Service, SmtpClient, wait_until,
};

/// A Postfix that does not wait long for its milter.
fn impatient(milter: &Milter) -> Postfix {
    Postfix::start(
        PostfixOptions::default()
            .milter(milter)
            .main("milter_connect_timeout = 2s")
            .main("milter_command_timeout = 5s")
            // Also for the end of a message.
            .main("milter_content_timeout = 2s"),
    )
}

#[test]
fn killed_again_and_again_it_costs_no_mail_and_the_ledger_its_last_batch_at_most() {
    let options = MilterOptions::default().passed_socket().settings("state_dir: state");
    let mut milter = Milter::start_with(POLICY, options);
    let postfix = Postfix::with(&milter);
    // So much must be in the ledger whatever became of what was judged last.
    let mut safe = 0;
    let sent = Traffic::during(postfix.port(Service::Smtp), |traffic| {
        let mut from = 0;
        for _ in 0..4 {
            safe += traffic.judged() - from;
            wait_until("the ledger", || (recorded(&milter, "state") >= safe).then_some(()));
            milter.kill();
            milter.start_again();
            from = traffic.judged();
            traffic.wait_until_it_flows();
        }
        safe += traffic.judged() - from;
    });
    sent.check(&postfix);
    wait_until("the ledger", || (recorded(&milter, "state") >= safe).then_some(()));
    assert_eq!(milter.lines().matching(|line| line.contains("damaged")), [""; 0]);
}

#[test]
fn stopped_for_longer_than_the_mta_waits_it_answers_again_once_it_goes_on() {
    let milter = Milter::start(POLICY);
    let postfix = impatient(&milter);
    let sent = Traffic::during(postfix.port(Service::Smtp), |traffic| {
        for _ in 0..2 {
            milter.signal(Signal::SIGSTOP);
            traffic.wait_until_it_is_put_off();
            milter.signal(Signal::SIGCONT);
            traffic.wait_until_it_flows();
        }
    });
    sent.check(&postfix);
    assert_eq!(sent.broken(), 0);
}

#[test]
fn out_of_file_descriptors_it_serves_who_is_there_and_everybody_once_it_has_some() {
    let milter = Milter::start_with(POLICY, MilterOptions::default().settings("state_dir: state"));
    let postfix = impatient(&milter);
    let sent = Traffic::during(postfix.port(Service::Smtp), |traffic| {
        let mut before = SmtpClient::plaintext(postfix.port(Service::Smtp));
        before.try_rcpt("user@example.com").assert_refused();
        // Those that are open stay open.
        milter.limit("--nofile=3:");
        milter.lines().wait_for("a lack", |line| line.contains("cannot accept a connection"));
        before.try_rcpt("user@example.com").assert_refused();
        traffic.wait_until_it_is_put_off();
        // Another policy cannot be read now; nothing tells when it can but another attempt.
        milter.write_policy(&format!("{POLICY}local: {{ mode: monitor }}\n"));
        milter.lines().wait_for("the reason", |line| {
            line.contains("policy.yaml: cannot be read: Too many open files")
        });
        milter.lines().wait_for("the remedy", |line| line.contains("raise the limit"));
        before.try_rcpt("user@example.com").assert_refused();
        let from = milter.lines().len();
        milter.limit("--nofile=1024:");
        traffic.wait_until_it_flows();
        milter.lines().wait_after(from, "the policy", |line| {
            line.contains("policy reloaded: changed: local")
        });
        before.try_rcpt("user@example.com").assert_refused();
    });
    sent.check(&postfix);
    let safe = sent.judged();
    wait_until("the ledger", || (recorded(&milter, "state") >= safe).then_some(()));
    assert_eq!(sent.broken(), 0);
}

#[test]
fn killed_for_want_of_memory_by_a_policy_it_costs_no_mail() {
    let mut milter = Milter::start_with(POLICY, MilterOptions::default().passed_socket());
    let postfix = Postfix::with(&milter);
    let sent = Traffic::during(postfix.port(Service::Smtp), |traffic| {
        // What it has, and little more.
        milter.limit(&format!("--data={}", (milter.memory("VmData:") + 8192) * 1024));
        let names: String = (0..300_000).map(|n| format!("- d{n}.example.org\n")).collect();
        fs::write(milter.directory().join("more.yaml"), names).expect("our own directory");
        milter.write_policy(&format!("{POLICY}include: [more.yaml]\n"));
        let status = milter.wait();
        assert_eq!(status.code(), None, "killed by a signal: {status}");
        // It would come to the same end again.
        milter.write_policy(POLICY);
        milter.start_again();
        traffic.wait_until_it_flows();
    });
    sent.check(&postfix);
    assert!(!milter.lines().matching(|line| line.contains("memory allocation of")).is_empty());
}
