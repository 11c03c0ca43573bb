//! One run: the load on one milter for a while, and what that showed.

use crate::load::{Driver, End, Plan, Tally};
use crate::milter::Milter;
use std::io;
use std::time::{Duration, Instant};

/// What is sent in one run.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// Connections at a time.
    pub connections: usize,
    /// How many recipients a message has.
    pub recipients: u32,
    /// How many domains are opted in.
    pub domains: u32,
    /// How it is sent.
    pub pace: Pace,
}

/// How messages follow each other.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// As many as the milter can take, each on a connection of its own.
    Unlimited,
    /// So many sessions a second, each on a connection of its own.
    Sessions(f64),
    /// So many messages a second, on connections that are all open all the time.
    Messages(f64),
}

/// What one run showed.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// RCPTs that were answered, a second.
    pub decisions: f64,
    /// The milter's processor time for one of them, in microseconds.
    pub processor: f64,
    /// Time to the answer to a RCPT that half of them stay under, in microseconds.
    pub p50: f64,
    /// The same for 99 of 100.
    pub p99: f64,
}

impl Run {
    /// Sends for so long, after a time in which nothing is counted.
    ///
    /// # Errors
    ///
    /// When one answer was wrong, or one connection failed.
    pub fn of(milter: &Milter, traffic: &Traffic, time: Duration) -> io::Result<Self> {
        let (end, rate) = match traffic.pace {
            Pace::Unlimited => (End::Quit, None),
            Pace::Sessions(rate) => (End::Quit, Some(rate)),
            Pace::Messages(rate) => (End::Message, Some(rate)),
        };
        let mut driver = Driver::new(Plan {
            socket: milter.socket(),
            connections: traffic.connections,
            recipients: traffic.recipients,
            domains: traffic.domains,
            end,
            rate,
        })?;
        if end == End::Message {
            driver.hold()?;
            driver.release();
        }
        warm_up(milter, &mut driver, traffic, time / 3)?;
        let before = milter.processor_time()?;
        let begun = Instant::now();
        let tally = driver.run(time)?;
        let elapsed = begun.elapsed();
        let used = milter.processor_time()? - before;
        milter.empty_log()?;
        check(milter, &tally)?;
        if tally.decisions == 0 {
            return Err(io::Error::other(format!("{} gave no answers", milter.kind.name())));
        }
        let decisions = tally.decisions as f64;
        let micros = |quantile| tally.latency.value_at_quantile(quantile) as f64 / 1e3;
        Ok(Self {
            decisions: decisions / elapsed.as_secs_f64(),
            processor: used.as_secs_f64() * 1e6 / decisions,
            p50: micros(0.5),
            p99: micros(0.99),
        })
    }
}

/// For so long at least, and until there were as many answers as there are connections.
fn warm_up(
    milter: &Milter,
    driver: &mut Driver,
    traffic: &Traffic,
    time: Duration,
) -> io::Result<()> {
    let begun = Instant::now();
    let mut answers = 0;
    loop {
        let tally = driver.run(time)?;
        check(milter, &tally)?;
        answers += tally.decisions;
        let limited = !matches!(traffic.pace, Pace::Unlimited);
        if limited || answers >= traffic.connections as u64 {
            return Ok(());
        }
        if begun.elapsed() > Duration::from_secs(60) {
            let (name, all) = (milter.kind.name(), traffic.connections);
            return Err(io::Error::other(format!(
                "{name}: {answers} answers on {all} connections"
            )));
        }
    }
}

fn check(milter: &Milter, tally: &Tally) -> io::Result<()> {
    let name = milter.kind.name();
    if let Some(error) = &tally.first_error {
        let count = tally.errors;
        return Err(io::Error::other(format!("{name}: {count} connections failed: {error}")));
    }
    if tally.wrong > 0 {
        let (wrong, all) = (tally.wrong, tally.decisions);
        return Err(io::Error::other(format!("{name}: {wrong} of {all} answers were wrong")));
    }
    Ok(())
}
