//! Verdicts a second, their cost, their latency, and the memory of connections: beside the peers.

use crate::cores::Core;
use crate::figures::{Spread, rounded};
use crate::load::{Driver, End, Plan};
use crate::milter::{Kind, Milter, Programs};
use crate::run::{Pace, Run, Traffic};
use std::io;
use std::time::Duration;

/// How many domains are opted in.
const DOMAINS: u32 = 10_000;

/// A figure of a run.
type Figure = (&'static str, fn(&Run) -> f64);
const DECISIONS: Figure = ("RCPTs a second", |run| run.decisions);
const PROCESSOR: Figure = ("processor time a RCPT, µs", |run| run.processor);
const P50: Figure = ("p50, µs", |run| run.p50);
const P99: Figure = ("p99, µs", |run| run.p99);

struct Scenario {
    name: &'static str,
    connections: usize,
    recipients: u32,
    pace: Pace,
    figures: [Figure; 2],
}

const SCENARIOS: [Scenario; 5] = [
    Scenario {
        name: "10 connections",
        connections: 10,
        recipients: 1,
        pace: Pace::Unlimited,
        figures: [DECISIONS, PROCESSOR],
    },
    Scenario {
        name: "100 connections",
        connections: 100,
        recipients: 1,
        pace: Pace::Unlimited,
        figures: [DECISIONS, PROCESSOR],
    },
    Scenario {
        name: "1,000 connections",
        connections: 1000,
        recipients: 1,
        pace: Pace::Unlimited,
        figures: [DECISIONS, PROCESSOR],
    },
    Scenario {
        name: "10 connections, 50 RCPTs each",
        connections: 10,
        recipients: 50,
        pace: Pace::Unlimited,
        figures: [DECISIONS, PROCESSOR],
    },
    Scenario {
        name: "1,500 sessions a second",
        connections: 100,
        recipients: 1,
        pace: Pace::Sessions(1500.0),
        figures: [P50, P99],
    },
];

/// Runs all scenarios, the milters in turn in each of the rounds, and prints a table.
///
/// # Errors
///
/// When an answer is wrong, a connection fails, or a milter cannot be started.
pub fn compare(programs: &Programs, rounds: u32, time: Duration) -> io::Result<()> {
    let (milter_core, load_core) = Core::two()?;
    load_core.pin()?;
    let start = |kind, domains| Milter::start(kind, programs, domains, Some(milter_core));

    println!(
        "| Unix socket, one core | | mandatory-tls | to the libmilter filter | to the bare responder |"
    );
    println!("| --- | --- | ---: | ---: | ---: |");
    let milters = Kind::ALL.map(|kind| start(kind, DOMAINS));
    let [product, libmilter, responder] = milters;
    let milters = [product?, libmilter?, responder?];
    for scenario in &SCENARIOS {
        let Scenario { connections, recipients, pace, .. } = *scenario;
        let traffic = Traffic { connections, recipients, domains: DOMAINS, pace };
        let mut runs: [Vec<Run>; 3] = Default::default();
        for _ in 0..rounds {
            for (milter, runs) in milters.iter().zip(&mut runs) {
                runs.push(Run::of(milter, &traffic, time)?);
            }
        }
        for (name, figure) in scenario.figures {
            print_row(
                scenario.name,
                name,
                &runs.each_ref().map(|runs| runs.iter().map(figure).collect()),
            );
        }
    }
    drop(milters);

    for (name, held) in [("1,000 idle connections", 1000), ("10,000 idle connections", 10_000)] {
        let mut figures: [Vec<f64>; 3] = Default::default();
        for _ in 0..rounds.min(3) {
            for (kind, figures) in Kind::ALL.into_iter().zip(&mut figures) {
                figures.push(idle_memory(&start(kind, DOMAINS)?, held)?);
            }
        }
        print_row(name, "memory each, KiB", &figures);
    }
    for (name, domains) in [("at rest, 1 domain", 1), ("at rest, 10,000 domains", DOMAINS)] {
        let mut figures: [Vec<f64>; 3] = Default::default();
        for (kind, figures) in Kind::ALL.into_iter().zip(&mut figures) {
            figures.push(start(kind, domains)?.memory()? as f64 / 1024.0);
        }
        print_row(name, "memory, MiB", &figures);
    }
    Ok(())
}

/// One row; `figures` are those of the milters, in their order, by round.
fn print_row(scenario: &str, name: &str, figures: &[Vec<f64>; 3]) {
    let [product, libmilter, responder] = figures;
    println!(
        "| {scenario} | {name} | {} | {} | {} |",
        rounded(Spread::of(product.iter().copied()).median),
        Spread::of_ratios(product, libmilter),
        Spread::of_ratios(product, responder),
    );
}

/// What each of so many connections takes after it has had its answer, in KiB.
fn idle_memory(milter: &Milter, connections: usize) -> io::Result<f64> {
    let before = milter.memory()?;
    let mut driver = Driver::new(Plan {
        socket: milter.socket(),
        connections,
        recipients: 1,
        domains: DOMAINS,
        end: End::Message,
        rate: None,
    })?;
    driver.hold()?;
    Ok(milter.memory()?.saturating_sub(before) as f64 / connections as f64)
}
