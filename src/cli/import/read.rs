//! The files of a log: opened, unpacked, in the order of their times.

use super::gather::Gatherer;
use super::{JOURNAL, Zone};
use crate::cli::failure::Failure;
use crate::unpack::unpacked;
use jiff::Timestamp;
use ledger::StoreError;
use ledger::postfix_log::{Clock, Form, Line};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

/// Longer lines are cut: Postfix breaks its own at 2000 octets, and a record of the journal holds one.
const LONGEST: u64 = 64 * 1024;
/// In how many lines of a file a time is looked for.
const FIRST: usize = 1000;

/// The files, the oldest first: shells name them the other way round (`mail.log*`).
pub(super) fn in_order(files: &[PathBuf], zone: &Zone) -> Result<Vec<PathBuf>, Failure> {
    let mut files = files.to_vec();
    let is_stdin = |path: &PathBuf| path == Path::new("-");
    if files.len() < 2 || files.iter().any(is_stdin) {
        return Ok(files);
    }
    let mut times = Vec::new();
    for path in &files {
        times.push(first_time(path, zone).map_err(|error| cannot_read(path, &error))?);
    }
    // A file without a time tells nothing of its place, and nothing else.
    let mut timed: Vec<_> = files.drain(..).zip(times).collect();
    timed.sort_by_key(|(_, time)| time.unwrap_or(i64::MAX));
    Ok(timed.into_iter().map(|(path, _)| path).collect())
}

/// The time of a file's first line of a Postfix.
fn first_time(path: &Path, zone: &Zone) -> io::Result<Option<i64>> {
    let (mut log, written) = open(path)?;
    let clock = Clock::new(zone.zone(), written);
    let mut form = Form::default();
    let mut line = Vec::new();
    for _ in 0..FIRST {
        if !next(&mut log, &mut line)? {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        if let Some(text) = form.line(&text)
            && let Ok(Some(line)) = Line::read(text, &clock)
        {
            return Ok(Some(line.at));
        }
    }
    Ok(None)
}

/// Reads a file into the gatherer.
pub(super) fn read(
    path: &Path,
    zone: &Zone,
    gatherer: &mut Gatherer<'_>,
    ledger_failed: &impl Fn(StoreError) -> Failure,
) -> Result<(), Failure> {
    let failed = |error: io::Error| cannot_read(path, &error);
    let (mut log, written) = open(path).map_err(failed)?;
    is_text(path, log.fill_buf().map_err(failed)?)?;
    let clock = Clock::new(zone.zone(), written);
    let mut form = Form::default();
    gatherer.file(path);
    let mut line = Vec::new();
    let mut number = 0;
    while next(&mut log, &mut line).map_err(failed)? {
        number += 1;
        let text = String::from_utf8_lossy(&line);
        let Some(text) = form.line(&text) else { continue };
        let is_zoned = gatherer.line(text, &clock).map_err(ledger_failed)?;
        if !is_zoned && !zone.is_given() {
            return Err(without_zone(path, number));
        }
    }
    if let Some(text) = form.end() {
        gatherer.line(text, &clock).map_err(ledger_failed)?;
    }
    Ok(())
}

/// The next line, if there is one.
fn next(log: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(Read::take(log, LONGEST).read_until(b'\n', line)? > 0)
}

/// A log, unpacked, and when it was last written.
fn open(path: &Path) -> io::Result<(Box<dyn BufRead>, Timestamp)> {
    if path == Path::new("-") {
        return Ok((unpacked(io::stdin().lock())?, Timestamp::now()));
    }
    let file = File::open(path)?;
    let written = file.metadata()?.modified()?;
    let written = Timestamp::try_from(written).unwrap_or_else(|_| Timestamp::now());
    Ok((unpacked(BufReader::with_capacity(64 * 1024, file))?, written))
}

fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    let help = match error.kind() {
        ErrorKind::NotFound => format!("\n  = help: {JOURNAL}"),
        _ => String::new(),
    };
    let path = path.display();
    Failure::data(format!("error: {path} cannot be read, and nothing was imported: {error}{help}"))
}

/// Files that hold logs, and not as text.
fn is_text(path: &Path, first: &[u8]) -> Result<(), Failure> {
    let path = path.display();
    let first = first.get(..first.len().min(512)).unwrap_or_default();
    let help = if first.starts_with(b"LPKSHHRH") {
        format!(
            "it is a file of the journal: journalctl --file {path} -u 'postfix*' -o short-iso | mandatory-tls import postfix-log -"
        )
    } else if first.contains(&0) {
        "unpack it first; gzip, bzip2, xz and zstd are unpacked here".to_owned()
    } else {
        return Ok(());
    };
    Err(Failure::data(format!(
        "error: {path} is no text, and nothing was imported\n  = help: {help}"
    )))
}

/// Taken for another zone, mail from about when the milter began would be counted twice or left
/// out.
fn without_zone(path: &Path, line: u64) -> Failure {
    Failure::data(format!(
        "error: {}, line {line}: the time does not say its zone, and nothing was imported\n  = help: give the zone of the host that logged it with `--time-zone`, such as `--time-zone Europe/Zurich`, or `--time-zone local` for that of this host; `--utc-offset +01:00` gives a fixed one",
        path.display()
    ))
}
