//! `follow-log` as a process: killed at any moment, beside a real logrotate and a journalctl, and what it recorded
//! against an independent count.

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

#[path = "support/random.rs"]
mod random;
use random::Random;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
const POLICY: &str = "domains: [example.com, '*.example.net']\n";

/// A log, whoever follows it, and what is in the log.
struct Place {
    directory: TempDir,
    open: File,
    /// Deliveries to opted-in domains.
    deliveries: i64,
    lines: u64,
    number: u32,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        write(
            "milter.yaml",
            "listen: inet:127.0.0.1:0\npolicy: policy.yaml\nstate_dir: state\nlog: { to: stderr }\n",
        );
        write("policy.yaml", POLICY);
        write("mail.log", "");
        let open = append(&directory.path().join("mail.log"));
        Self { directory, open, deliveries: 0, lines: 0, number: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"));
        command.args(arguments).arg("--config").arg(self.path("milter.yaml"));
        command
    }

    fn start(&self, arguments: &[&str]) -> Follower {
        let mut command = self.command(&["follow-log"]);
        command.args(arguments).stderr(append(&self.path("said"))).stdout(Stdio::null());
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.directory.path().display()));
        Follower(command.spawn().unwrap())
    }

    fn follow(&self) -> Follower {
        self.start(&["--file", self.path("mail.log").to_str().unwrap()])
    }

    /// The lines of a delivery, some over TLS, some not, some of domains that are not opted in.
    fn delivery(&mut self) -> Vec<String> {
        self.number += 1;
        let number = self.number;
        let at = jiff::Timestamp::now();
        let domain = ["example.com", "mx.example.net", "other.example"][number as usize % 3];
        let line = |text: String| format!("{at} mx postfix/smtp[{}]: {text}", 1000 + number);
        let server = "mx.example.com[192.0.2.9]:25";
        let mut lines = Vec::new();
        if number.is_multiple_of(2) {
            lines.push(line(format!(
                "Trusted TLS connection established to {server}: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"
            )));
        }
        lines.push(line(format!(
            "{number:05X}4dBrAb1cD2zEf: to=<user@{domain}>, relay={server}, delay=0.3, delays=0.1/0/0.1/0.1, dsn=2.0.0, status=sent (250 2.0.0 Ok)"
        )));
        self.deliveries += i64::from(domain != "other.example");
        self.lines += lines.len() as u64;
        lines
    }

    /// Writes deliveries as a syslog daemon does.
    fn write(&mut self, count: u32) {
        for _ in 0..count {
            for line in self.delivery() {
                self.open.write_all(format!("{line}\n").as_bytes()).unwrap();
            }
        }
    }

    /// logrotate with these directives; the daemon opens the new file where it is told to.
    fn rotate(&mut self, how: &str) {
        let log = self.path("mail.log");
        let config = self.path("logrotate.conf");
        let text = format!("\"{}\" {{ rotate 50\n missingok\n {how}\n}}\n", log.display());
        fs::write(&config, text).unwrap();
        let status = Command::new("/usr/sbin/logrotate")
            .arg("--force")
            .arg("--state")
            .arg(self.path("logrotate.state"))
            .arg(&config)
            .status();
        // Two of one second have the same name, and it leaves the second one out.
        assert!(status.unwrap().success() || how.contains("dateext"));
        if !how.contains("copytruncate") {
            self.open = append(&log);
        }
    }

    fn ledger(&self) -> Option<Connection> {
        let path = self.path("state-follow-log/hops.sqlite");
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()
    }

    /// Where it stands.
    fn followed(&self) -> Option<Value> {
        let text: String =
            self.ledger()?.query_row("SELECT state FROM followed", [], |row| row.get(0)).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }

    fn counted(&self) -> i64 {
        let sql = "SELECT coalesce(sum(count), 0) FROM delivery";
        self.ledger().unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Waits until it has read all lines. Then what it counted is what there is.
    #[track_caller]
    fn is_all_counted(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let followed = self.followed();
            let lines = followed.as_ref().and_then(|followed| followed["counts"]["lines"].as_u64());
            if lines >= Some(self.lines) {
                assert_eq!((lines, self.counted()), (Some(self.lines), self.deliveries));
                return;
            }
            let said = fs::read_to_string(self.path("said")).unwrap_or_default();
            assert!(Instant::now() < deadline, "of {}: {followed:?}\n{said}", self.lines);
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it has begun: what is written from then on is counted.
    fn has_begun(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !fs::read_to_string(self.path("said")).unwrap_or_default().contains("policy read") {
            assert!(Instant::now() < deadline);
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A follower, killed when it goes.
struct Follower(Child);

impl Follower {
    /// What it has read of all files.
    fn octets_read(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/io", self.0.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("rchar: "));
        line.unwrap().parse().unwrap()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn count(random: &mut Random, end: usize) -> u32 {
    random.below(end).try_into().unwrap()
}

fn append(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

#[test]
fn lines_of_a_sendmail_count_as_those_of_an_mta() {
    let mut place = Place::new();
    let _follower = place.follow();
    place.has_begun();
    for number in 0..100 {
        let at = jiff::Timestamp::now();
        let line = format!(
            "{at} mx sm-mta[7]: 6ASAM1E9{number:06}: to=<x@example.com>, delay=00:00:01, mailer=esmtp, relay=mx.example.com. [192.0.2.25], dsn=2.0.0, stat=Sent (ok)"
        );
        place.open.write_all(format!("{line}\n").as_bytes()).unwrap();
        place.deliveries += 1;
        place.lines += 1;
    }
    place.is_all_counted();
    assert_eq!(place.followed().unwrap()["counts"]["of_mta"], 100);
}

const HOW: [&str; 4] = [
    "create",
    "create\n compress\n compresscmd /usr/bin/xz\n compressext .xz",
    "nocreate\n compress\n delaycompress\n dateext\n dateformat -%Y%m%d-%s",
    "copytruncate",
];

#[test]
fn what_is_delivered_is_counted_once_through_logrotate_and_kills_at_any_moment() {
    for (case, how) in (0..).zip(HOW) {
        let mut place = Place::new();
        let mut random = Random::new(random::seed(), case);
        place.write(10);
        // It begins with what is written from now on.
        (place.deliveries, place.lines) = (0, 0);
        let mut follower = Some(place.follow());
        place.has_begun();
        for round in 0..20 {
            place.write(count(&mut random, 60));
            if random.one_in(3) {
                place.rotate(how);
            }
            place.write(count(&mut random, 60));
            match random.pick(&["kill", "start", "wait"]) {
                "kill" => drop(follower.take()),
                "start" => follower = Some(follower.take().unwrap_or_else(|| place.follow())),
                _ => thread::sleep(Duration::from_millis(count(&mut random, 700).into())),
            }
            if round % 10 == 9 {
                follower = Some(follower.take().unwrap_or_else(|| place.follow()));
                place.is_all_counted();
            }
        }
        drop(follower);
        assert_eq!(place.followed().unwrap()["counts"]["gaps"], 0, "{how}");
    }
}

#[test]
fn import_leaves_out_what_was_followed_and_adds_what_was_logged_before() {
    let mut place = Place::new();
    place.write(9);
    let before = std::mem::take(&mut place.deliveries);
    place.lines = 0;
    // The first second of what is followed is that of its start.
    let written = jiff::Timestamp::now().as_second();
    while jiff::Timestamp::now().as_second() == written {
        thread::sleep(Duration::from_millis(5));
    }
    let follower = place.follow();
    place.has_begun();
    place.write(9);
    place.is_all_counted();
    drop(follower);
    for said in [format!("{before}  deliveries recorded"), "all of it is in the ledger".into()] {
        let mut import = place.command(&["import", "postfix-log", "--opted-in"]);
        let output = import.arg(place.path("mail.log")).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let again = said.starts_with("all") && !text.contains("deliveries recorded");
        assert!(text.contains(&said) || again, "{text}");
    }
}

#[test]
fn several_rotations_while_it_did_not_run_lose_nothing() {
    for how in HOW {
        let mut place = Place::new();
        let follower = place.follow();
        place.has_begun();
        place.write(30);
        place.is_all_counted();
        drop(follower);
        for _ in 0..4 {
            place.write(40);
            place.rotate(how);
        }
        place.write(40);
        let _follower = place.follow();
        place.is_all_counted();
        assert_eq!(place.followed().unwrap()["counts"]["gaps"], 0, "{how}");
    }
}

#[test]
fn a_log_that_is_gone_before_it_was_read_is_said_and_what_is_there_is_counted() {
    let mut place = Place::new();
    let follower = place.follow();
    place.has_begun();
    place.write(30);
    place.is_all_counted();
    drop(follower);
    // Cut to nothing, and copied nowhere.
    File::options().write(true).truncate(true).open(place.path("mail.log")).unwrap();
    place.write(20);
    let _follower = place.follow();
    place.is_all_counted();
    let followed = place.followed().unwrap();
    assert_eq!(
        (&followed["counts"]["gaps"], followed["spans"].as_array().unwrap().len()),
        (&1.into(), 2)
    );
    let said = fs::read_to_string(place.path("said")).unwrap();
    assert!(said.contains("mail.log is gone: it was cut, or rotated and removed"), "{said}");
}

#[test]
fn what_is_no_line_of_a_log_does_no_harm() {
    let mut place = Place::new();
    let _follower = place.follow();
    place.has_begun();
    place.write(5);
    for octets in [&[0; 100_000][..], &[b'x'; 300_000], b"\n\xff\xfe\n\n", b"{\"broken\": \n"] {
        place.open.write_all(octets).unwrap();
    }
    // The last one may begin a record.
    place.lines += 3;
    place.write(5);
    // A line that comes in two parts, long after each other, and a clock that goes back.
    let line = place.delivery().join("\n");
    let (first, rest) = line.split_at(60);
    place.open.write_all(first.as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(2500));
    place.open.write_all(format!("{rest}\n").as_bytes()).unwrap();
    place.is_all_counted();
    assert!(place.followed().unwrap()["problem"].is_null());
}

#[test]
fn the_journal_is_followed_with_journalctl_and_each_entry_counts_once() {
    let mut place = Place::new();
    // journalctl as far as it is needed: entries behind a cursor, then those that come.
    let program = r#"#!/usr/bin/python3
import json, os, sys, time
parent = os.getppid()
after = next((a.split("=", 1)[1] for a in sys.argv if a.startswith("--after-cursor=")), None)
log, seen = open(sys.argv[0].rsplit("/", 1)[0] + "/entries"), after is None
while True:
    line = log.readline()
    if not line.endswith("\n"):
        sys.stdout.flush()
        # Who asked was killed.
        if os.getppid() != parent:
            break
        time.sleep(0.05)
        log.seek(log.tell() - len(line.encode()))
    elif seen:
        sys.stdout.write(line)
    else:
        seen = json.loads(line)["__CURSOR"] == after
"#;
    let draft = place.path("draft");
    fs::write(&draft, program).unwrap();
    let copied = Command::new("install")
        .args(["-m", "755"])
        .args([&draft, &place.path("journalctl")])
        .status();
    assert!(copied.unwrap().success());
    fs::write(place.path("entries"), "").unwrap();
    let mut entries = append(&place.path("entries"));
    let mut cursor = 0;
    let mut random = Random::new(random::seed(), 1);
    let mut follower = Some(place.start(&["--journal"]));
    for _ in 0..25 {
        for _ in 0..random.below(40) {
            for line in place.delivery() {
                let (_, rest) = line.split_once("postfix/smtp[").unwrap();
                let (process, text) = rest.split_once("]: ").unwrap();
                cursor += 1;
                let taken = jiff::Timestamp::now().as_microsecond();
                let entry = serde_json::json!({
                    "__CURSOR": format!("s=1;i={cursor}"),
                    "__REALTIME_TIMESTAMP": taken.to_string(),
                    "_HOSTNAME": "mx",
                    "SYSLOG_IDENTIFIER": "postfix/smtp",
                    "SYSLOG_PID": process,
                    "MESSAGE": text,
                });
                entries.write_all(format!("{entry}\n").as_bytes()).unwrap();
            }
        }
        thread::sleep(Duration::from_millis(count(&mut random, 500).into()));
        if random.one_in(2) {
            drop(follower.take());
            follower = Some(place.start(&["--journal"]));
        }
    }
    place.is_all_counted();
    drop(follower);
}

#[test]
fn it_waits_for_a_policy_with_errors_and_reads_then_what_was_logged_meanwhile() {
    let mut place = Place::new();
    fs::write(place.path("policy.yaml"), "doamins: []\n").unwrap();
    let _follower = place.follow();
    let deadline = Instant::now() + PATIENCE;
    while !fs::read_to_string(place.path("said")).unwrap_or_default().contains("doamins") {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(20));
    }
    place.write(20);
    fs::write(place.path("policy.yaml"), POLICY).unwrap();
    place.is_all_counted();
}

#[test]
fn the_commands_say_what_is_followed_and_why_it_cannot_be() {
    let mut place = Place::new();
    let said = |place: &Place, arguments: &[&str]| {
        let output = place.command(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (_, doctor) = said(&place, &["doctor"]);
    assert!(doctor.contains("systemctl enable --now mandatory-tls-follow-log"), "{doctor}");
    let (status, text) = said(&place, &["follow-log", "--file", "/no/such/directory/mail.log"]);
    assert_eq!(status, Some(69));
    assert!(text.contains("/no/such/directory/mail.log cannot be followed"), "{text}");
    let mut follower = place.follow();
    place.has_begun();
    place.write(3);
    place.is_all_counted();
    let (_, doctor) = said(&place, &["doctor"]);
    assert!(
        doctor.contains("mail.log is followed: 4 lines, the last less than a minute ago"),
        "{doctor}"
    );
    // SIGTERM: it ends in order.
    let pid = nix::unistd::Pid::from_raw(follower.0.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(follower.0.wait().unwrap().success());
    fs::write(
        place.path("milter.yaml"),
        "listen: inet:127.0.0.1:0\npolicy: policy.yaml\nledger: off\nlog: { to: stderr }\n",
    )
    .unwrap();
    let (status, text) = said(&place, &["follow-log"]);
    assert_eq!(status, Some(78));
    assert!(text.contains("keeps no ledger") && text.contains("help: set `state_dir"), "{text}");
    let mut rest = String::new();
    File::open(place.path("said")).unwrap().read_to_string(&mut rest).unwrap();
    assert!(rest.contains("stopped; the log is followed from here at the next start"), "{rest}");
}

#[test]
fn two_at_once_would_count_twice_so_the_second_one_does_not_start() {
    let mut place = Place::new();
    let log = place.path("mail.log");
    let arguments = ["--file", log.to_str().unwrap()];
    let first = place.start(&arguments);
    place.has_begun();
    let second = place.command(&["follow-log"]).args(arguments).output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(69), "{said}");
    assert!(said.contains("another follow-log writes to") && said.contains("help: stop"), "{said}");
    place.write(10);
    place.is_all_counted();
    // The lock goes with who had it, however it ends.
    drop(first);
    let _third = place.start(&arguments);
    place.write(10);
    place.is_all_counted();
}

#[test]
fn a_log_that_cannot_be_followed_is_told_at_the_start() {
    let place = Place::new();
    let said = |file: &Path| {
        let mut command = place.command(&["follow-log"]);
        let output = command.arg("--file").arg(file).output().unwrap();
        assert_eq!(output.status.code(), Some(69));
        String::from_utf8(output.stderr).unwrap()
    };
    let directory = place.directory.path();
    let shown = said(directory);
    assert!(shown.contains(directory.to_str().unwrap()) && shown.contains("directory"), "{shown}");
    assert!(said(Path::new("/dev/null")).contains("no regular file"));
    assert!(said(&place.path("nowhere/mail.log")).contains("nowhere/mail.log cannot be followed"));

    // One that is not there may come, or was typed wrong.
    let _follower = place.start(&["--file", place.path("mial.log").to_str().unwrap()]);
    place.has_begun();
    let shown = fs::read_to_string(place.path("said")).unwrap();
    assert!(shown.contains("WARN there is no") && shown.contains("mial.log"), "{shown}");
}

#[test]
fn what_cannot_be_written_is_said_once_and_counted_when_it_can() {
    let mut place = Place::new();
    let follower = place.follow();
    place.has_begun();
    place.write(5);
    place.is_all_counted();
    let said = |place: &Place| fs::read_to_string(place.path("said")).unwrap();
    let wait_for = |place: &Place, words: &str| {
        let deadline = Instant::now() + 2 * PATIENCE;
        while !said(place).contains(words) {
            assert!(Instant::now() < deadline, "{words}: {}", said(place));
            thread::sleep(Duration::from_millis(20));
        }
    };
    let other = Connection::open(place.path("state-follow-log/hops.sqlite")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    place.write(5);
    wait_for(&place, "cannot be written");
    // It goes on looking at the log, and finds it readable.
    for _ in 0..5 {
        let before = follower.octets_read();
        place.write(5);
        let deadline = Instant::now() + PATIENCE;
        while follower.octets_read() < before + 500 {
            assert!(Instant::now() < deadline, "it does not read on");
            thread::sleep(Duration::from_millis(20));
        }
    }
    assert!(!said(&place).contains("is followed again"), "{}", said(&place));
    other.execute_batch("ROLLBACK").unwrap();
    place.is_all_counted();
    wait_for(&place, "is followed again");
    assert_eq!(said(&place).matches("cannot be written").count(), 1);
}
