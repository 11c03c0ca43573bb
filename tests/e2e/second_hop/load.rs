//! Under load, while the program is killed, stopped and started again and its policy changes: no mail leaves in the
//! clear, and none is lost.

use super::Hops;
use crate::support::{Service, wait_until};
use nix::sys::signal::Signal;
use std::process::{Child, Command};

/// So many messages for each of the two servers.
const MESSAGES: usize = 150;
/// How often it is killed while they come.
const KILLS: usize = 5;

fn policy(to_plain: &str, to_target: &str, plain: &str, more: usize) -> String {
    let mut policy = format!(
        "domains:\n\
         - {{ domain: example.com, {plain}deliver: {{ level: encrypt, nexthop: '{to_plain}' }} }}\n\
         - {{ domain: example.net, deliver: {{ level: encrypt, nexthop: '{to_target}' }} }}\n"
    );
    for number in 0..more {
        policy.push_str(&format!("- more{number}.example\n"));
    }
    policy
}

/// Sends messages for a domain.
fn source(hops: &Hops, domain: &str) -> Child {
    let port = hops.gateway.port(Service::Smtp);
    let count = MESSAGES.to_string();
    let mut command = Command::new("smtp-source");
    command.args(["-s", "4", "-l", "500", "-m", &count, "-f", "a@example.org", "-t"]);
    command.arg(format!("user@{domain}")).arg(format!("127.0.0.1:{port}"));
    command.spawn().expect("it comes with Postfix")
}

/// Tries what was put off again and again, until the server with TLS has so many messages.
fn deliver(hops: &mut Hops, count: usize) {
    wait_until("deliveries", || {
        if hops.target.sink().deliveries().len() >= count {
            return Some(());
        }
        hops.gateway.flush();
        None
    });
}

#[test]
fn while_it_is_killed_and_started_under_load_none_leaves_in_the_clear_and_none_is_lost() {
    // This is about the way out: on the way in, nobody is asked.
    let mut hops = Hops::start_with(
        |options, _| options.milters(""),
        |plain, target| policy(plain, target, "", 0),
    );
    let (to_plain, to_target) = Hops::next_hops(&hops.plain, &hops.target);
    let mut sources = ["example.com", "example.net"].map(|domain| source(&hops, domain));
    for number in 1..=KILLS {
        // Some has left before each.
        let some = MESSAGES * number / (KILLS * 4);
        deliver(&mut hops, some);
        hops.milter.kill();
        hops.milter.start_again();
        hops.milter.change_policy(&policy(&to_plain, &to_target, "", number));
    }
    for source in &mut sources {
        assert!(source.wait().expect("our child").success());
    }
    // In the end, all for the server with TLS is there, and all for the other one waits. What a flush has put among
    // the new mail meanwhile is not tried before the next one, which is minutes away.
    deliver(&mut hops, MESSAGES);
    hops.gateway.wait_for_queue("the rest", |queue| {
        queue.len() == MESSAGES
            && queue.iter().all(|file| {
                file.queue != "active"
                    && file.recipients.iter().all(|(_, why)| why.contains("TLS is required"))
            })
    });
    assert!(hops.plain.deliveries().is_empty());
    // By the server's own record, each session that brought mail was encrypted.
    let brought = hops
        .target
        .log()
        .matching(|line| line.contains(": disconnect from") && line.contains(" mail="));
    assert!(
        !brought.is_empty() && brought.iter().all(|line| line.contains(" starttls=1 ")),
        "{brought:#?}"
    );
    let hop = hops
        .gateway
        .log()
        .matching(|line| line.contains("/hop/smtp") && line.contains("status=sent"));
    assert_eq!(hop.len(), MESSAGES);
    // The policy lets the rest go.
    hops.milter.change_policy(&policy(&to_plain, &to_target, "mode: off, ", 0));
    hops.gateway.retry_until_delivered();
    assert_eq!(
        (hops.plain.deliveries().len(), hops.target.sink().deliveries().len()),
        (MESSAGES, MESSAGES)
    );
}

#[test]
fn a_program_that_hangs_holds_mail_until_it_goes_on() {
    let hops = Hops::start(|plain, target| policy(plain, target, "", 0));
    hops.milter.signal(Signal::SIGSTOP);
    for domain in ["example.com", "example.net"] {
        hops.send(domain, "held");
    }
    hops.gateway.wait_for_queue("both in hand", |queue| {
        queue.len() == 2 && queue.iter().all(|file| file.queue == "active")
    });
    assert!(hops.plain.deliveries().is_empty() && hops.target.sink().deliveries().is_empty());
    hops.milter.signal(Signal::SIGCONT);
    hops.target.sink().wait_for_subject("held");
    hops.wait_for_deferred("example.com", "TLS is required, but was not offered");
    assert!(hops.plain.deliveries().is_empty());
}
