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
    /// Sends for so long, after a third of that time in which nothing is counted.
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
        let warm_up = driver.run(time / 3)?;
        let before = milter.processor_time()?;
        let begun = Instant::now();
        let tally = driver.run(time)?;
        let elapsed = begun.elapsed();
        let used = milter.processor_time()? - before;
        milter.empty_log()?;
        for tally in [&warm_up, &tally] {
            check(milter, tally)?;
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

fn check(milter: &Milter, tally: &Tally) -> io::Result<()> {
    let name = milter.kind.name();
    if let Some(error) = &tally.first_error {
        let count = tally.errors;
        return Err(io::Error::other(format!("{name}: {count} connections failed: {error}")));
    }
    if tally.wrong > 0 || tally.decisions == 0 {
        let (wrong, all) = (tally.wrong, tally.decisions);
        return Err(io::Error::other(format!("{name}: {wrong} of {all} answers were wrong")));
    }
    Ok(())
}
