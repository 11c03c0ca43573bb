//! A log in the journal, as journalctl(1) tells it.

use super::place::JournalPlace;
use super::{Each, End, Progress};
use serde::Deserialize;
use std::{
    borrow::Cow,
    ffi::OsString,
    io::{self, BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, TryRecvError, sync_channel},
    thread,
    time::{Duration, Instant},
};

/// Longer entries are left out: one of Postfix's has some hundred octets.
const LONGEST: u64 = 1024 * 1024;
/// How many entries wait at most.
const WAITING: usize = 4096;
/// How long a journalctl that has ended is left alone.
const AGAIN: Duration = Duration::from_secs(5);

/// What is wanted: all that is logged as mail, what Postfix's units write to their standard output, and when
/// journald has dropped lines.
const WANTED: [&str; 7] = [
    "SYSLOG_FACILITY=2",
    "+",
    "_SYSTEMD_UNIT=postfix.service",
    "+",
    "_SYSTEMD_UNIT=postfix@-.service",
    "+",
    "SYSLOG_IDENTIFIER=systemd-journald",
];

/// The fields that make a line; the cursor and the time come in any case.
const FIELDS: &str = "--output-fields=_HOSTNAME,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,MESSAGE";

/// A log in the journal.
pub(super) struct JournalLog {
    program: OsString,
    place: JournalPlace,
    running: Option<Running>,
    started: Option<Instant>,
}

struct Running {
    child: Child,
    entries: Receiver<String>,
    complaints: thread::JoinHandle<String>,
}

/// An entry, as far as its place goes.
#[derive(Deserialize)]
struct Entry<'e> {
    #[serde(rename = "__CURSOR", borrow)]
    cursor: Cow<'e, str>,
    #[serde(rename = "__REALTIME_TIMESTAMP", borrow)]
    taken: Cow<'e, str>,
}

impl JournalLog {
    /// The journal from a place on, as `program` (journalctl) tells it.
    pub fn at(program: impl Into<OsString>, place: JournalPlace) -> Self {
        Self { program: program.into(), place, running: None, started: None }
    }

    /// Where it stands.
    pub fn place(&self) -> &JournalPlace {
        &self.place
    }

    /// Goes to another place.
    pub fn go_to(&mut self, place: JournalPlace) {
        self.stop();
        self.started = None;
        self.place = place;
    }

    /// Hands out the entries that are there.
    pub fn read(&mut self, each: &mut Each<'_>) -> io::Result<Progress> {
        let running = match &mut self.running {
            Some(running) => running,
            None if self.started.is_some_and(|started| started.elapsed() < AGAIN) => {
                return Ok(Progress::CaughtUp);
            }
            none => {
                self.started = Some(Instant::now());
                none.insert(Running::start(&self.program, &self.place)?)
            }
        };
        for count in 0..WAITING {
            match running.entries.try_recv() {
                Ok(line) => {
                    // What is no entry is none of journalctl's.
                    let Ok(entry) = serde_json::from_str::<Entry<'_>>(&line) else { continue };
                    let taken = entry.taken.parse().unwrap_or(self.place.taken);
                    each(&line, End::Entry(&entry.cursor, taken));
                    self.place = JournalPlace { cursor: entry.cursor.into_owned(), taken };
                }
                Err(TryRecvError::Empty) if count > 0 => return Ok(Progress::Read),
                Err(TryRecvError::Empty) => return Ok(Progress::CaughtUp),
                Err(TryRecvError::Disconnected) if count > 0 => return Ok(Progress::Read),
                Err(TryRecvError::Disconnected) => {
                    let said = self.stop();
                    let said = if said.is_empty() { "it ended" } else { &said };
                    return Err(io::Error::other(format!("journalctl: {said}")));
                }
            }
        }
        Ok(Progress::Read)
    }

    /// Ends journalctl. Returns what it last complained of.
    fn stop(&mut self) -> String {
        let Some(mut running) = self.running.take() else { return String::new() };
        // It may have ended by itself.
        let _ = running.child.kill();
        let _ = running.child.wait();
        // Whoever still holds a full channel open would keep the thread that fills it.
        drop(running.entries);
        running.complaints.join().unwrap_or_default()
    }
}

impl Drop for JournalLog {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Running {
    fn start(program: &OsString, place: &JournalPlace) -> io::Result<Self> {
        let since = match &*place.cursor {
            "" => format!("--since=@{}", place.taken / 1_000_000),
            cursor => format!("--after-cursor={cursor}"),
        };
        let mut child = Command::new(program)
            // --all: else long fields are left out.
            .args(["--follow", "--no-tail", "--output=json", "--all", "--quiet", "--no-pager"])
            .args([FIELDS, &since])
            .args(WANTED)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let program = program.to_string_lossy();
                io::Error::new(error.kind(), format!("{program} cannot be run: {error}"))
            })?;
        let (sender, entries) = sync_channel(WAITING);
        let output = child.stdout.take();
        thread::spawn(move || {
            let Some(output) = output else { return };
            let mut output = BufReader::new(output);
            while let Ok(Some(line)) = next(&mut output) {
                // Nobody listens any more.
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let errors = child.stderr.take();
        let complaints = thread::spawn(move || {
            let mut last = String::new();
            if let Some(errors) = errors {
                let lines = BufReader::new(errors).lines().map_while(Result::ok);
                lines.for_each(|line| last = line);
            }
            last
        });
        Ok(Self { child, entries, complaints })
    }
}

/// The next line; empty where it is too long.
fn next(output: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if Read::take(&mut *output, LONGEST).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') && line.len() as u64 == LONGEST {
        output.skip_until(b'\n')?;
        line.clear();
    }
    Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
}
