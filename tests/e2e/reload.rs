//! The policy changes while mail flows.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use crate::support::{Milter, PATIENCE, Postfix, PostfixOptions, Service, SmtpClient, wait_until};

const RELOADS: usize = 200;
const CONNECTIONS: usize = 50;

/// One of two policies, by turns; each reply says which generation it is from.
fn policy(generation: usize) -> String {
    let domain = opted_in(generation);
    format!(
        "defaults: {{ reply: {{ text: 'generation {generation} refuses {{domain}}' }} }}\n\
         domains: [{domain}, generation-{generation}.test]\n"
    )
}

fn opted_in(generation: usize) -> &'static str {
    if generation.is_multiple_of(2) { "example.com" } else { "example.net" }
}

/// How far the policy has come.
#[derive(Default)]
struct Progress {
    /// The latest generation that may be in force: its file is being written.
    begun: AtomicUsize,
    /// The latest generation that must be in force: the log has said so.
    acknowledged: AtomicUsize,
    over: AtomicBool,
}

/// Sends messages over one connection until the test is over, each to both domains, and checks that
/// all answers of a message are those of one policy that can be in force. Reports for each message
/// the generation that was acknowledged when it began.
fn send_mail(port: u16, progress: &Progress, report: mpsc::Sender<usize>) {
    let mut client = SmtpClient::plaintext(port);
    while !progress.over.load(Ordering::SeqCst) {
        let oldest = progress.acknowledged.load(Ordering::SeqCst);
        client.mail("sender@example.org");
        let answers = ["example.com", "example.net", "example.com"]
            .map(|domain| (domain, client.rcpt(&format!("user@{domain}"))));
        let newest = progress.begun.load(Ordering::SeqCst);
        client.rset();
        let refusal =
            answers.iter().find(|(_, reply)| reply.code == 450).map(|(_, reply)| reply.text());
        let refusal = refusal.expect("either policy opts one of the two domains in");
        let generation =
            refusal.split_whitespace().nth(2).and_then(|word| word.parse().ok()).expect("a number");
        assert!(
            (oldest..=newest).contains(&generation),
            "{generation} is not from {oldest} to {newest}"
        );
        for (domain, reply) in answers {
            if domain == opted_in(generation) {
                assert_eq!(reply.text(), format!("4.7.1 generation {generation} refuses {domain}"));
            } else {
                reply.assert_accepted();
            }
        }
        // Nobody listens any more when the test is over.
        let _ = report.send(oldest);
    }
}

/// Tells the senders, when it is dropped, that the test is over.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn while_mail_flows_each_message_sees_one_policy_and_after_each_reload_the_new_one() {
    let milter = Milter::start(&policy(0));
    let postfix = Postfix::start(
        PostfixOptions::default().milter(&milter).main("default_process_limit = 200"),
    );
    let port = postfix.port(Service::Smtp);
    let progress = Progress::default();
    let (report, reports) = mpsc::channel();
    // As many messages as there are connections, begun after this generation was acknowledged.
    let wait_for_mail = |generation| {
        let mut count = 0;
        while count < CONNECTIONS {
            let begun_under = reports.recv_timeout(PATIENCE).expect("mail flows");
            count += usize::from(begun_under == generation);
        }
    };
    std::thread::scope(|scope| {
        // However this ends, the senders end with it.
        let _over = Over(&progress.over);
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let report = report.clone();
                scope.spawn(|| send_mail(port, &progress, report))
            })
            .collect();
        for generation in 1..=RELOADS {
            wait_for_mail(generation - 1);
            if generation % 20 == 0 {
                // A file that is no policy changes nothing.
                let before = milter.write_policy("domains: [example..com]\n");
                milter
                    .lines()
                    .wait_after(before, "the error", |line| line.contains("policy not reloaded"));
                wait_for_mail(generation - 1);
            }
            progress.begun.store(generation, Ordering::SeqCst);
            let before = milter.write_policy(&policy(generation));
            if generation.is_multiple_of(2) {
                // By a signal as well as by the change of the file.
                milter.reload();
            }
            milter.lines().wait_after(before, "the reload", |line| {
                line.contains("policy reloaded")
                    && line.contains(&format!("generation-{generation}.test"))
            });
            progress.acknowledged.store(generation, Ordering::SeqCst);
            assert!(senders.iter().all(|sender| !sender.is_finished()), "a connection has failed");
        }
        wait_for_mail(RELOADS);
    });
}

#[test]
fn a_message_that_has_begun_keeps_the_policy_it_began_with() {
    let milter = Milter::start("domains: [example.com]\n");
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.mail("sender@example.org");
    client.rcpt("one@example.com").assert_refused();
    milter.change_policy("domains: [example.net]\n");
    client.rcpt("two@example.com").assert_refused();
    client.rcpt("three@example.net").assert_accepted();
    client.data("begun before");
    client.try_rcpt("one@example.com").assert_accepted();
    client.try_rcpt("three@example.net").assert_refused();
}

#[test]
fn sighup_reads_the_policy_again_from_the_first_moment_on() {
    let milter = Milter::start("domains: [example.com]\n");
    let before = milter.lines().len();
    milter.reload();
    milter.lines().wait_after(before, "the reload", |line| line.contains("policy reloaded"));
}

#[test]
fn after_many_reloads_the_milter_has_the_memory_of_one_policy() {
    let policy = |generation: usize| {
        let names = (0..100_000).map(|n| format!("- d{n}.of{generation}.example.net\n"));
        format!("domains:\n{}", names.collect::<String>())
    };
    let milter = Milter::start(&policy(0));
    let at_first = milter.resident();
    for generation in 1..=6 {
        milter.change_policy(&policy(generation));
    }
    // The log tells of the reload just before the old policy goes.
    wait_until(&format!("memory near the first {at_first} KiB"), || {
        (milter.resident() <= at_first * 5 / 4).then_some(())
    });
}
