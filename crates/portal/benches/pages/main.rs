//! How fast the portal's pages are, and what it takes of memory: with many domains, and much recorded mail.
//!
//! `benches/run portal` calls it. The data is made of a seed, so that it is the same each time; the portal
//! has one core to itself, and is asked one page after the other over one connection, as a proxy asks it.

mod data;
mod http;
mod process;

use data::{Data, Size};
use http::Connection;
use process::Running;
use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What the command line asks for.
struct Options {
    program: PathBuf,
    size: Size,
    /// How often each page is asked for.
    requests: usize,
    /// A database of PostgreSQL in place of SQLite: it must be empty.
    database: Option<String>,
    /// Where the data is kept for another time; none: nowhere.
    directory: Option<PathBuf>,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        program: env!("CARGO_BIN_EXE_mandatory-tls-portal").into(),
        size: Size { domains: 100_000, organisations: 20_000, rows: 1_000_000 },
        requests: 300,
        database: None,
        directory: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match &*argument {
            "--quick" => {
                options.size = Size { domains: 2_000, organisations: 200, rows: 20_000 };
                options.requests = 20;
            }
            "--program" => options.program = value()?.into(),
            "--domains" => options.size.domains = value()?.parse()?,
            "--organisations" => options.size.organisations = value()?.parse()?,
            "--rows" => options.size.rows = value()?.parse()?,
            "--requests" => options.requests = value()?.parse()?,
            "--database" => options.database = Some(value()?),
            "--data" => options.directory = Some(value()?.into()),
            // What cargo says to each of its benchmarks.
            "--bench" => {}
            other => return Err(format!("there is no option {other}").into()),
        }
    }
    Ok(options)
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let temporary = tempfile::tempdir()?;
    let directory = options.directory.clone().unwrap_or_else(|| temporary.path().to_owned());
    let data = Data::made(&directory, &options.program, options.size, options.database.as_deref())?;
    let running = Running::start(&options.program, &directory)?;
    let mut connection = running.connect()?;
    running.wait_for_file(&directory, data.version()?)?;
    running.tell_memory("at rest, after the file was written")?;
    tell_pages(&running, &mut connection, &data, options.requests)?;
    running.tell_memory("after the pages")?;
    tell_sign_ins(&mut connection, &data)?;
    running.tell_memory("after sign-ins")?;
    tell_changes(&running, &mut connection, &data, &directory)?;
    running.tell_memory("after changes")?;
    Ok(())
}

/// Asks for each page, of domains by turns, and says how long the answers took.
fn tell_pages(
    running: &Running,
    connection: &mut Connection,
    data: &Data,
    requests: usize,
) -> Result<(), Box<dyn Error>> {
    println!(
        "\n| page | p50, ms | p99, ms | processor, ms | octets |\n| --- | ---: | ---: | ---: | ---: |"
    );
    for page in data.pages() {
        let mut times = Vec::with_capacity(requests);
        let (mut octets, busy) = (0, running.busy()?);
        for number in 0..requests {
            let path = page.path(number);
            let start = Instant::now();
            let answer = connection.get(&path, page.session)?;
            times.push(start.elapsed());
            if answer.status != 200 {
                return Err(format!("{path}: {}", answer.status).into());
            }
            octets = answer.body.len();
        }
        times.sort_unstable();
        let (p50, p99) = (at(&times, 50), at(&times, 99));
        let busy = (running.busy()? - busy) * 1000.0 / requests as f64;
        println!("| {} | {p50:.1} | {p99:.1} | {busy:.1} | {octets} |", page.name);
    }
    Ok(())
}

/// A percentile, in milliseconds.
fn at(sorted: &[Duration], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

/// Signs in with a wrong password, which takes as long as with the right one.
fn tell_sign_ins(connection: &mut Connection, data: &Data) -> Result<(), Box<dyn Error>> {
    let mut times = Vec::new();
    for number in 0..40 {
        let start = Instant::now();
        // Each from a network and for an account of its own, so that no brake holds it up.
        let form = format!("login={}&password=wrong+wrong+wrong", data.login(number));
        let status = connection.post("/sign-in", &format!("10.{number}.0.1"), &form)?.status;
        times.push(start.elapsed());
        if status != 422 {
            return Err(format!("/sign-in: {status}").into());
        }
    }
    times.sort_unstable();
    println!("| sign-in | {:.1} | {:.1} | | |", at(&times, 50), at(&times, 99));
    Ok(())
}

/// Changes one domain, then many at once, and says what becomes of the policy's file.
fn tell_changes(
    running: &Running,
    connection: &mut Connection,
    data: &Data,
    directory: &std::path::Path,
) -> Result<(), Box<dyn Error>> {
    println!("\n| change | seconds until the file is there | processor seconds | files |");
    println!("| --- | ---: | ---: | ---: |");
    for (what, count) in
        [("one domain", 1), ("one domain", 1), ("one domain", 1), ("200 domains", 200)]
    {
        // What went before has been looked at again by then.
        std::thread::sleep(Duration::from_secs(3));
        let (before, busy, start) = (data.version()?, running.busy()?, Instant::now());
        let files = process::Files::watch(directory);
        for number in 0..count {
            data.change(connection, number)?;
        }
        running.wait_for_file(directory, before + count as i64)?;
        let took = start.elapsed();
        // Also what follows a write belongs to it.
        std::thread::sleep(Duration::from_secs(3));
        let files = files.count();
        println!(
            "| {what} | {:.2} | {:.2} | {files} |",
            took.as_secs_f64(),
            running.busy()? - busy
        );
    }
    Ok(())
}
