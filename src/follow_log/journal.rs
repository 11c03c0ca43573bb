//! A log in the journal, as journalctl(1) tells it.

use super::place::JournalPlace;
use super::{Each, End, Progress};
use serde::Deserialize;
use std::{
    borrow::Cow,
    ffi::OsString,
    fs,
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
const WANTED: [&str; 4] = [
    "SYSLOG_FACILITY=2",
    "_SYSTEMD_UNIT=postfix.service",
    "_SYSTEMD_UNIT=postfix@-.service",
    "SYSLOG_IDENTIFIER=systemd-journald",
];
/// Where systemd keeps this host's id, which stands in all that it logs (machine-id(5)).
const MACHINE_ID: &str = "/etc/machine-id";

/// The fields that make a line; the cursor and the time come in any case.
const FIELDS: &str = "--output-fields=_HOSTNAME,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,MESSAGE";

/// A log in the journal.
pub(super) struct JournalLog {
    program: OsString,
    place: JournalPlace,
    running: Option<Running>,
    /// When it ended by itself, and why.
    ended: Option<(Instant, String)>,
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
        Self { program: program.into(), place, running: None, ended: None }
    }

    /// Where it stands.
    pub fn place(&self) -> &JournalPlace {
        &self.place
    }

    /// Goes to another place.
    pub fn go_to(&mut self, place: JournalPlace) {
        self.stop();
        self.place = place;
    }

    /// Hands out the entries that are there.
    pub fn read(&mut self, each: &mut Each<'_>) -> io::Result<Progress> {
        let running = match &mut self.running {
            Some(running) => running,
            none => {
                // Until it is tried again, it is as it was.
                if let Some((since, why)) = &self.ended
                    && since.elapsed() < AGAIN
                {
                    return Err(io::Error::other(why.clone()));
                }
                let started = Running::start(&self.program, &self.place);
                none.insert(started.inspect_err(|error| {
                    self.ended = Some((Instant::now(), error.to_string()));
                })?)
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
                    let why = format!("journalctl: {said}");
                    self.ended = Some((Instant::now(), why.clone()));
                    return Err(io::Error::other(why));
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
            // --all: else long fields are left out. --merge: else only what was logged since the system was
            // started is told, and a service whose /proc is its own may not know since when that is.
            .args([
                "--follow",
                "--no-tail",
                "--merge",
                "--output=json",
                "--all",
                "--quiet",
                "--no-pager",
            ])
            .args([FIELDS, &since])
            .args(wanted(fs::read_to_string(MACHINE_ID).ok().as_deref().map(str::trim)))
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

/// What to look for, of this host alone: others may send their journals here.
fn wanted(machine: Option<&str>) -> Vec<String> {
    let each = WANTED.map(|wanted| match machine {
        Some(id) => vec![wanted.to_owned(), format!("_MACHINE_ID={id}")],
        None => vec![wanted.to_owned()],
    });
    each.join(&"+".to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A journalctl that says these lines, notes how it was called, and ends so.
    fn journalctl(directory: &Path, lines: &str, ends: &str) -> OsString {
        let path = directory.join("journalctl");
        let script = format!(
            "#!/bin/sh\necho \"$*\" >>{0}/called\ncat <<'EOT'\n{lines}\nEOT\n{ends}\n",
            directory.display()
        );
        let draft = directory.join("draft");
        fs::write(&draft, script).unwrap();
        // By another process: a child of another test's may hold what is written here open, and what is open
        // to be written to cannot be run.
        let copied = Command::new("install").arg("-m755").args([&draft, &path]).status();
        assert!(copied.unwrap().success());
        path.into()
    }

    fn entry(number: u64, text: &str) -> String {
        format!(
            r#"{{"__CURSOR":"c{number}","__REALTIME_TIMESTAMP":"{number}","MESSAGE":"{text}"}}"#
        )
    }

    fn place(cursor: &str, taken: u64) -> JournalPlace {
        JournalPlace { cursor: cursor.into(), taken }
    }

    /// Reads until so many entries came, or an error.
    fn read(log: &mut JournalLog, count: usize) -> io::Result<Vec<u64>> {
        let mut found = Vec::new();
        while found.len() < count {
            let _ = log.read(&mut |_, end| match end {
                End::Entry(_, taken) => found.push(taken),
                End::At(_) => panic!("no file"),
            })?;
            thread::yield_now();
        }
        Ok(found)
    }

    #[test]
    fn the_journal_is_read_on_from_the_last_entry_and_from_a_time_where_there_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let long = "x".repeat(2 * 1024 * 1024);
        let lines = [
            entry(7, "one"),
            "-- Boot 1 --".into(),
            entry(8, &long),
            entry(9, "two"),
            String::new(),
        ];
        let program = journalctl(directory.path(), &lines.join("\n"), "exec sleep 1000");
        let mut log = JournalLog::at(&program, place("", 5_000_000));
        assert_eq!(read(&mut log, 2).unwrap(), [7, 9]);
        assert_eq!(log.place(), &place("c9", 9));
        assert_eq!(log.read(&mut |_, _| {}).unwrap(), Progress::CaughtUp);
        log.go_to(place("c8", 8));
        assert_eq!(read(&mut log, 2).unwrap(), [7, 9]);
        let called = fs::read_to_string(directory.path().join("called")).unwrap();
        let called: Vec<_> = called.lines().collect();
        assert_eq!(called.len(), 2);
        assert!(called[0].contains("--since=@5 ") && called[1].contains("--after-cursor=c8 "));
        assert!(called[0].contains("--follow") && called[0].contains(" SYSLOG_FACILITY=2 "));
        // Also what was logged before the system was started.
        assert!(called.iter().all(|call| call.contains(" --merge ")));
    }

    #[test]
    fn of_journals_that_other_hosts_send_nothing_is_read() {
        let all = wanted(Some("5f")).join(" ");
        assert!(all.starts_with(
            "SYSLOG_FACILITY=2 _MACHINE_ID=5f + _SYSTEMD_UNIT=postfix.service _MACHINE_ID=5f + "
        ));
        assert_eq!(all.matches('+').count() + 1, all.matches("_MACHINE_ID=5f").count());
        assert_eq!(wanted(None).len(), 2 * WANTED.len() - 1);
    }

    #[test]
    fn a_journalctl_that_ends_is_an_error_with_what_it_said_and_is_left_alone_for_a_while() {
        let directory = tempfile::tempdir().unwrap();
        let program = journalctl(
            directory.path(),
            &entry(3, "x"),
            "echo warning >&2; echo no access >&2; exit 1",
        );
        let mut log = JournalLog::at(&program, place("", 0));
        let error = read(&mut log, 2).unwrap_err();
        assert_eq!(error.to_string(), "journalctl: no access");
        assert_eq!(log.place(), &place("c3", 3));
        assert_eq!(log.read(&mut |_, _| {}).unwrap_err().to_string(), error.to_string());
        assert_eq!(fs::read_to_string(directory.path().join("called")).unwrap().lines().count(), 1);
        let mut log = JournalLog::at("/no/such/journalctl", place("", 0));
        let error = log.read(&mut |_, _| {}).unwrap_err().to_string();
        assert!(error.starts_with("/no/such/journalctl cannot be run: "), "{error}");
    }
}
