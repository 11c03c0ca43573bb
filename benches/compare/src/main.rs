//! Compares the milter with peers that take the same decision, under the same load, in turn.
//!
//! `benches/run` builds what takes part, and calls this.

mod cores;
mod figures;
mod growth;
mod load;
mod milter;
mod plot;
mod postfix;
mod run;
mod soak;
mod verdicts;

use clap::{Parser, Subcommand};
use milter::Programs;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Compares the milter with peers that take the same decision, under the same load, in turn
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    programs: Programs,
    /// Few and short rounds: to see that all works, not to measure
    #[arg(long)]
    quick: bool,
    /// How often the milters take turns
    #[arg(long)]
    rounds: Option<u32>,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Verdicts a second, their cost and latency, and memory: a table (the default)
    Verdicts,
    /// The same for more and more connections, domains and recipients: drawn into docs/growth.svg
    Growth,
    /// Messages a second through a private Postfix: a table
    Postfix,
    /// An hour of mixed load and reloads: what grows is an error; drawn into docs/soak.svg
    Soak {
        /// How long
        #[arg(long, default_value_t = 60)]
        minutes: u32,
    },
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let rounds = |usual| arguments.rounds.unwrap_or(if arguments.quick { 1 } else { usual });
    let time = |usual| Duration::from_millis(if arguments.quick { 200 } else { usual });
    let programs = &arguments.programs;
    let plot =
        |name: &str| PathBuf::from(if arguments.quick { "target" } else { "docs" }).join(name);
    match arguments.what.as_ref().unwrap_or(&What::Verdicts) {
        What::Verdicts => verdicts::compare(programs, rounds(21), time(600)),
        What::Growth => growth::compare(programs, rounds(5), time(400), &plot("growth.svg")),
        What::Postfix => postfix::compare(programs, rounds(7), arguments.quick),
        What::Soak { minutes } => {
            let minutes = Duration::from_secs(60) * *minutes;
            let time = if arguments.quick { Duration::from_secs(20) } else { minutes };
            soak::run(programs, time, &plot("soak.svg"))
        }
    }
}
