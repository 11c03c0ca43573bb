//! How cost and latency grow with connections, domains and recipients: a table, and a plot.

use crate::cores::Core;
use crate::figures::{Spread, rounded};
use crate::milter::{Kind, Milter, Programs};
use crate::plot::{Panel, Plot, Scale};
use crate::run::{Pace, Run, Traffic};
use std::io;
use std::path::Path;
use std::time::Duration;

/// RCPTs a second at which latency is measured: what a busy gateway sees, and far from what any of
/// the milters can take.
const RATE: f64 = 1500.0;

/// What all but one dimension stay at.
const USUAL: Traffic =
    Traffic { connections: 10, recipients: 1, domains: 10_000, pace: Pace::Unlimited };

/// One of the things that grow.
struct Dimension {
    name: &'static str,
    sizes: &'static [u32],
    traffic: fn(u32) -> Traffic,
}

const DIMENSIONS: [Dimension; 3] = [
    Dimension {
        name: "connections",
        sizes: &[1, 3, 10, 30, 100, 300, 1000, 3000, 10_000],
        traffic: |size| Traffic { connections: size as usize, ..USUAL },
    },
    Dimension {
        name: "opted-in domains",
        sizes: &[1, 10, 100, 1000, 10_000, 100_000, 1_000_000],
        traffic: |size| Traffic { domains: size, ..USUAL },
    },
    Dimension {
        name: "recipients a message",
        sizes: &[1, 3, 10, 30, 100, 300, 1000],
        traffic: |size| Traffic { recipients: size, ..USUAL },
    },
];

const FIGURES: [&str; 3] = ["processor time a RCPT, µs", "p50 of a RCPT, µs", "p99 of a RCPT, µs"];

/// The figures of one milter at one point: the cost as fast as it can, the latency at [`RATE`].
type Point = [f64; FIGURES.len()];

/// Measures each point, the milters in turn in each of the rounds, prints a table, and draws it.
///
/// # Errors
///
/// When an answer is wrong, a connection fails, a milter cannot be started, or the plot cannot be
/// written.
pub fn compare(programs: &Programs, rounds: u32, time: Duration, plot: &Path) -> io::Result<()> {
    let (milter_core, load_core) = Core::two()?;
    load_core.pin()?;
    println!("| | | {} |", Kind::ALL.map(Kind::name).join(" | "));
    println!("| --- | --- | ---: | ---: | ---: |");
    // By figure, then by dimension.
    let mut panels = FIGURES.map(|_| Vec::new());
    for dimension in &DIMENSIONS {
        let mut columns = FIGURES.map(|figure| Panel {
            x: dimension.name,
            y: figure,
            sizes: dimension.sizes.iter().copied().map(f64::from).collect(),
            series: vec![Vec::new(); Kind::ALL.len()],
        });
        for size in dimension.sizes {
            let traffic = (dimension.traffic)(*size);
            let points = point(programs, milter_core, &traffic, rounds, time)?;
            for (number, panel) in columns.iter_mut().enumerate() {
                let figures = points.map(|point| point[number]);
                let cells = figures.map(rounded).join(" | ");
                println!("| {} {} | {} | {cells} |", size, panel.x, panel.y);
                for (series, figure) in panel.series.iter_mut().zip(figures) {
                    series.push(figure);
                }
            }
        }
        for (row, panel) in panels.iter_mut().zip(columns) {
            row.push(panel);
        }
    }
    let drawn = Plot {
        title: "Processor time and latency as connections, domains and recipients grow",
        scale: Scale::Logarithmic,
        names: &Kind::ALL.map(Kind::name),
        rows: &panels,
    };
    drawn.write(plot)
}

/// The figures of the milters, in their order.
fn point(
    programs: &Programs,
    core: Core,
    traffic: &Traffic,
    rounds: u32,
    time: Duration,
) -> io::Result<[Point; 3]> {
    let steady = Pace::Messages(RATE / f64::from(traffic.recipients));
    let steady = Traffic { pace: steady, ..*traffic };
    let [product, libmilter, responder] =
        Kind::ALL.map(|kind| Milter::start(kind, programs, traffic.domains, Some(core)));
    let milters = [product?, libmilter?, responder?];
    let mut found: [[Vec<f64>; FIGURES.len()]; 3] = Default::default();
    for _ in 0..rounds {
        for (milter, found) in milters.iter().zip(&mut found) {
            let fast = Run::of(milter, traffic, time)?;
            let steady = Run::of(milter, &steady, time)?;
            for (found, figure) in found.iter_mut().zip([fast.processor, steady.p50, steady.p99]) {
                found.push(figure);
            }
        }
    }
    // What else the machine does adds to latencies, and never takes from them: the round that was
    // disturbed the least tells most.
    Ok(found.map(|[cost, p50, p99]| {
        [Spread::of(cost).median, Spread::of(p50).least, Spread::of(p99).least]
    }))
}
