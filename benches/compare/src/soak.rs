//! The milter for a long time: mixed load, a policy that changes every few seconds. Memory, open
//! descriptors and latency have to stay where they were.

use crate::load::{Driver, End, Plan};
use crate::milter::{Kind, Milter, Programs};
use crate::plot::{Panel, Plot, Scale};
use hdrhistogram::Histogram;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How many domains are opted in; each change of the policy adds one more, or takes it away.
const DOMAINS: u32 = 10_000;
/// How often the policy changes.
const CHANGE: Duration = Duration::from_secs(3);
/// What memory may grow by from the second quarter of the time to the last, in MiB: pages that the
/// allocator keeps or gives back.
const MEMORY: f64 = 1.5;
/// What the usual latency may grow by, as a ratio: the machine has other work, too.
const LATENCY: f64 = 1.5;

/// What is sent all the time, each kind by a thread of its own: connections, recipients a message,
/// how a session ends, sessions or messages a second.
const LOADS: [(usize, u32, End, f64); 3] = [
    // Postfix: a connection for each session.
    (20, 1, End::Quit, 200.0),
    // Sendmail, or sessions with many messages.
    (100, 3, End::Message, 50.0),
    // A mailing list.
    (2, 50, End::Quit, 4.0),
];

/// What one stretch of time showed.
#[derive(Clone, Copy, Debug)]
struct Sample {
    minutes: f64,
    memory: f64,
    descriptors: f64,
    p50: f64,
    p99: f64,
}

/// The figures that are plotted.
type Figure = (&'static str, fn(&Sample) -> f64);
const FIGURES: [Figure; 4] = [
    ("memory, MiB", |sample| sample.memory),
    ("open descriptors", |sample| sample.descriptors),
    ("p50 of a RCPT, µs", |sample| sample.p50),
    ("p99 of a RCPT, µs", |sample| sample.p99),
];

/// Loads the milter for so long, prints a line for each minute or so, draws the plot, and says
/// whether all stayed flat.
///
/// # Errors
///
/// When an answer is wrong, a connection fails, a change of the policy is not taken in, or memory,
/// descriptors or latency have grown.
pub fn run(programs: &Programs, time: Duration, plot: &Path) -> io::Result<()> {
    let milter = Milter::start(Kind::Product, programs, DOMAINS, None)?;
    let stretch = (time / 60).clamp(Duration::from_secs(2), Duration::from_secs(60));
    let begun = Instant::now();
    let (found, latencies) = mpsc::channel();
    let loads = LOADS.map(|load| spawn(milter.socket(), load, begun + time, found.clone()));
    drop(found);
    println!("| minutes | RCPTs | {} |", FIGURES.map(|(name, _)| name).join(" | "));
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    let (mut samples, mut decisions) = (Vec::new(), 0);
    let (mut changes, mut reloads) = (0_u64, 0);
    let mut histogram = empty();
    let (mut next_change, mut next_sample) = (begun + CHANGE, begun + stretch);
    loop {
        let wait = next_change.min(next_sample).saturating_duration_since(Instant::now());
        match latencies.recv_timeout(wait) {
            Ok(latency) => histogram.add(latency).map_err(io::Error::other)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let now = Instant::now();
        if now >= next_change && now + CHANGE < begun + time {
            // The change before this one is long in the log, which else grows and grows.
            reloads += milter.reloads()?;
            milter.empty_log()?;
            changes += 1;
            milter.opt_in(DOMAINS + u32::from(changes % 2 == 1))?;
        }
        if now >= next_change {
            next_change = now + CHANGE;
        }
        if now >= next_sample && !histogram.is_empty() {
            let sample = sample(&milter, begun, &histogram)?;
            let cells = FIGURES.map(|(_, figure)| format!("{:.1}", figure(&sample))).join(" | ");
            println!("| {:.1} | {} | {cells} |", sample.minutes, histogram.len());
            samples.push(sample);
            decisions += histogram.len();
            histogram = empty();
            next_sample = now + stretch;
        }
    }
    for load in loads {
        load.join().map_err(|_| io::Error::other("a load broke off"))??;
    }
    reloads += milter.reloads()?;
    println!("\n{decisions} RCPTs, all answered right; {reloads} reloads");
    draw(&samples, plot)?;
    if reloads != changes {
        return Err(io::Error::other(format!("{changes} changes, but {reloads} reloads")));
    }
    is_flat(&samples)
}

/// Sends until the deadline; the latencies of each second go to `found`.
fn spawn(
    socket: PathBuf,
    (connections, recipients, end, rate): (usize, u32, End, f64),
    deadline: Instant,
    found: Sender<Histogram<u64>>,
) -> JoinHandle<io::Result<()>> {
    thread::spawn(move || {
        let rate = Some(rate);
        let plan = Plan { socket, connections, recipients, domains: DOMAINS, end, rate };
        let mut driver = Driver::new(plan)?;
        if end == End::Message {
            driver.hold()?;
            driver.release();
        }
        while Instant::now() < deadline {
            let tally = driver.run(Duration::from_secs(1))?;
            if let Some(error) = tally.first_error {
                return Err(io::Error::other(format!("a connection failed: {error}")));
            }
            if tally.wrong > 0 {
                return Err(io::Error::other(format!("{} answers were wrong", tally.wrong)));
            }
            if found.send(tally.latency).is_err() {
                break;
            }
        }
        Ok(())
    })
}

fn empty() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are allowed")
}

fn sample(milter: &Milter, begun: Instant, histogram: &Histogram<u64>) -> io::Result<Sample> {
    let micros = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
    Ok(Sample {
        minutes: begun.elapsed().as_secs_f64() / 60.0,
        memory: milter.memory()? as f64 / 1024.0,
        descriptors: milter.descriptors()? as f64,
        p50: micros(0.5),
        p99: micros(0.99),
    })
}

fn draw(samples: &[Sample], path: &Path) -> io::Result<()> {
    let sizes: Vec<f64> = samples.iter().map(|sample| sample.minutes).collect();
    let rows = FIGURES.map(|(y, figure)| {
        let series = vec![samples.iter().map(figure).collect()];
        vec![Panel { x: "minutes", y, sizes: sizes.clone(), series }]
    });
    let title = "Memory, descriptors and latency while load and reloads go on";
    Plot { title, scale: Scale::Linear, names: &[], rows: &rows }.write(path)
}

/// Compares the second quarter of the time with the last: before that, caches fill.
fn is_flat(samples: &[Sample]) -> io::Result<()> {
    if samples.len() < 8 {
        return Err(io::Error::other("too short to tell"));
    }
    let quarter = samples.len() / 4;
    let of = |quarters: usize, figure: fn(&Sample) -> f64| {
        let part = samples.iter().skip(quarters * quarter).take(quarter.max(1));
        let mut figures: Vec<f64> = part.map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or_default()
    };
    for (name, figure, limit) in [
        (FIGURES[0].0, FIGURES[0].1, (1.0, MEMORY)),
        (FIGURES[1].0, FIGURES[1].1, (1.0, 0.0)),
        (FIGURES[2].0, FIGURES[2].1, (LATENCY, 0.0)),
    ] {
        let (before, after) = (of(1, figure), of(3, figure));
        println!("{name}: {before:.1} in the second quarter, {after:.1} in the last (medians)");
        let (ratio, more) = limit;
        if after > before * ratio + more {
            return Err(io::Error::other(format!("{name} grew from {before:.1} to {after:.1}")));
        }
    }
    Ok(())
}
