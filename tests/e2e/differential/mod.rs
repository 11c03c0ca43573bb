//! Random SMTP sessions in front of a real Postfix and a real Sendmail, under random policies, held against
//! a model that knows what the client knows of its own session, and no code of the product.
//!
//! Each answer is checked as it comes. What was promised is checked at the end: accepted messages have
//! arrived with exactly their accepted recipients, all others have not, and the milter's log says of
//! every RCPT what the client knows of it.
//!
//! A seed stands for a session and its policy; sessions have seeds in sequence, and a hundred of them share
//! a policy. A session that goes wrong is shortened as far as it still goes wrong, then shown.

mod aftermath;
mod client;
mod generate;
mod model;
mod policy;
mod requirement;
mod server;
mod session;

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestError;

use crate::support::Milter;
use aftermath::Counts;
use client::Traces;
use policy::Policy;
use server::Server;
use session::Session;

/// Sessions at a time.
const CLIENTS: usize = 8;
/// How many sessions share a policy.
const BLOCK: u64 = 100;
/// How many sessions there are for each MTA, unless MANDATORY_TLS_TEST_SESSIONS says otherwise.
const SESSIONS: u64 = 300;

#[test]
fn whatever_a_client_does_postfix_answers_as_the_policy_says() {
    compare(Server::postfix);
}

#[test]
fn whatever_a_client_does_sendmail_answers_as_the_policy_says() {
    compare(Server::sendmail);
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

fn compare(start: fn() -> (Server, Milter)) {
    let (server, mut milter) = start();
    let seed = number("MANDATORY_TLS_TEST_SEED")
        .unwrap_or_else(|| u64::from(getrandom::u32().expect("the system has random numbers")));
    let sessions = number("MANDATORY_TLS_TEST_SESSIONS").unwrap_or(SESSIONS);
    println!("MANDATORY_TLS_TEST_SEED={seed} MANDATORY_TLS_TEST_SESSIONS={sessions}");
    let comparison = Comparison { server, begun: AtomicU64::new(0), runs: Mutex::default() };
    let outcome = comparison.all(seed..seed + sessions, &mut milter);
    // They would show their logs, which are long.
    drop((comparison, milter));
    match outcome {
        Ok(counts) => {
            println!("{sessions} sessions\n{counts}");
            // One alone is a session that is looked into.
            assert!(sessions == 1 || counts.are_telling(), "nothing was shown");
        }
        Err(why) => panic!("{why}"),
    }
}

/// All that is known of the sessions so far.
struct Comparison {
    server: Server,
    /// How many sessions were begun; one that goes wrong is run several times.
    begun: AtomicU64,
    runs: Mutex<Vec<Run>>,
}

/// A session that went as expected.
struct Run {
    number: u64,
    seed: u64,
    traces: Traces,
}

impl Comparison {
    /// Runs the sessions with these seeds. The error is for people.
    fn all(&self, seeds: Range<u64>, milter: &mut Milter) -> Result<Counts, String> {
        let mut next = seeds.start;
        while next < seeds.end {
            let block = next..seeds.end.min((next / BLOCK + 1) * BLOCK);
            next = block.end;
            let policy = policy_for(block.start);
            milter.change_policy(&policy.to_string());
            self.block(block, &policy)?;
        }
        let runs = self.runs.lock().expect("no panic while locked");
        aftermath::check(&self.server, milter, &runs).map_err(|disagreement| {
            match runs.iter().find(|run| run.number == disagreement.run) {
                Some(Run { seed, traces, .. }) => wrong(*seed, &traces.said, &disagreement.why),
                None => disagreement.why,
            }
        })
    }

    /// Runs sessions under the same policy, some at a time, until one goes wrong.
    fn block(&self, seeds: Range<u64>, policy: &Policy) -> Result<(), String> {
        let next = AtomicU64::new(seeds.start);
        let wrong = Mutex::new(None);
        let client = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                let is_over = wrong.lock().expect("no panic while locked").is_some();
                if is_over || seed >= seeds.end {
                    return;
                }
                if let Err(why) = self.session(seed, policy) {
                    wrong.lock().expect("no panic while locked").get_or_insert(why);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(client);
            }
        });
        wrong.into_inner().expect("no panic while locked").map_or(Ok(()), Err)
    }

    /// Runs the session with this seed; where it goes wrong, shorter ones like it.
    fn session(&self, seed: u64, policy: &Policy) -> Result<(), String> {
        let mut runner = generate::runner(seed);
        let result = runner.run(&generate::session(self.server.kind()), |session| {
            self.run(seed, &session, policy).map_err(TestCaseError::fail)
        });
        result.map_err(|error| match error {
            TestError::Fail(why, Session { door, source, .. }) => {
                wrong(seed, &format!("(shortened, from {source} by {door:?})"), why.message())
            }
            TestError::Abort(why) => why.to_string(),
        })
    }

    fn run(&self, seed: u64, session: &Session, policy: &Policy) -> Result<(), String> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let port = self.server.port(&session.door);
        let traces = client::play(session, (self.server.kind(), policy), port, number)?;
        self.runs.lock().expect("no panic while locked").push(Run { number, seed, traces });
        Ok(())
    }
}

/// The policy for the session with this seed.
fn policy_for(seed: u64) -> Policy {
    let mut runner = generate::runner(seed / BLOCK);
    generate::policy().new_tree(&mut runner).expect("nothing is left out").current()
}

/// Tells of a session that went wrong.
fn wrong(seed: u64, said: &str, why: &str) -> String {
    let policy = policy_for(seed);
    format!(
        "MANDATORY_TLS_TEST_SEED={seed} MANDATORY_TLS_TEST_SESSIONS=1 goes wrong:\n{said}\n{why}\n\
         under this policy:\n{policy}"
    )
}
