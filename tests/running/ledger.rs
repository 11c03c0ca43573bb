//! The ledger under a running milter: mail flows whatever becomes of the file.

use super::support::{Milter, Mta};
use config::settings::Room;
use ledger::{History, Reader, Row, Selection, Store};
use nix::sys::signal::Signal;
use policy::Decision;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

const POLICY: &str = "domains: [example.com, { domain: example.org, mode: monitor }]";
const SETTINGS: &str = "state_dir: state";
const TLS: [(&str, &str); 2] =
    [("{tls_version}", "TLSv1.3"), ("{cipher}", "TLS_AES_256_GCM_SHA384")];

fn file(milter: &Milter) -> PathBuf {
    milter.path("state/ledger.sqlite")
}

fn rows(path: &Path) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Ok(reader) = Reader::open(path) {
        reader.each(&Selection::default(), |row| rows.push(row)).unwrap();
    }
    rows
}

fn total(path: &Path) -> u64 {
    rows(path).iter().map(|row| row.tally.count).sum()
}

/// Waits until the ledger holds so many recipients: it is written once a second.
fn wait_for_total(path: &Path, wanted: u64) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while total(path) != wanted {
        assert!(
            Instant::now() < deadline,
            "{} of {wanted} in {rows:?}",
            total(path),
            rows = rows(path)
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// One message to three recipients: refused, let through with TLS, and of no interest. The verdicts
/// come at once.
fn mail(mta: &mut Mta) {
    let begun = Instant::now();
    mta.mail();
    let (letter, text) = mta.rcpt("<a@example.com>", &[]);
    assert!(letter == b'y' && text.starts_with("450 4.7.1 "), "{text}");
    assert_eq!(mta.rcpt("<a@example.com>", &TLS).0, b'c');
    assert_eq!(mta.rcpt("<a@example.net>", &[]).0, b'c');
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

/// A message as a server tries it: with what MAIL says besides the sender.
fn attempt(mta: &mut Mta, parameters: &str, recipient: &str, tls: &[(&str, &str)]) {
    let mail_addr = ("{mail_addr}", "a@b.test");
    mta.macros(b'M', &[mail_addr]);
    mta.send(b'M', format!("<a@b.test>\0{parameters}").as_bytes());
    mta.rcpt(recipient, tls);
    mta.send(b'A', b"");
}

#[test]
fn a_message_that_is_tried_again_and_again_is_one_recipient_in_many_attempts() {
    let milter = Milter::start(POLICY, SETTINGS);
    for session in 0..12 {
        let mut mta = milter.session();
        attempt(&mut mta, "SIZE=1000\0BODY=8BITMIME\0", "<a@example.com>", &[]);
        // Another message to the same, and the same to another.
        if session % 4 == 0 {
            attempt(&mut mta, "BODY=8BITMIME\0size=2000\0", "<a@example.com>", &[]);
        }
        if session < 2 {
            attempt(&mut mta, "SIZE=1000\0", "<b@example.com>", &[]);
        }
        // What is let through has arrived: each one is another message.
        attempt(&mut mta, "SIZE=1000\0", "<a@example.org>", &[]);
        attempt(&mut mta, "SIZE=1000\0", "<a@example.com>", &TLS);
    }
    wait_for_total(&file(&milter), 12 + 3 + 2 + 24);
    let mut found: Vec<_> = rows(&file(&milter))
        .iter()
        .map(|row| (row.key.verdict, row.tally.count, row.tally.repeats))
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            (Decision::Accept, 12, Some(0)),
            (Decision::WouldRefuse, 12, Some(0)),
            (Decision::Refuse, 17, Some(14))
        ]
    );
}

/// What the text for the data-protection officer says of mail: the cells of its table, by row.
fn promised() -> Vec<Vec<&'static str>> {
    let text = include_str!("../../docs/data-protection.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").collect()).collect()
}

#[test]
fn what_is_recorded_of_whom_is_what_the_data_protection_officer_is_told() {
    let table = promised();
    let [head, _, rows @ ..] = &*table else { panic!("{table:?}") };
    assert_eq!(*head, ["mail to a domain that is", "from anybody", "from a partner (`senders`)"]);
    let domains: [&[&str]; 3] =
        [&["enforced.example", "monitored.example"], &["off.example"], &["other.example"]];
    assert_eq!(rows.len(), domains.len());
    let policy = "domains:
  - enforced.example
  - { domain: monitored.example, mode: monitor }
  - { domain: off.example, mode: off }
senders: [partner.example, { domain: no-partner.example, mode: off }]
";
    let senders: [&[&str]; 2] = [&["anybody.example", "no-partner.example"], &["partner.example"]];
    for trusted in ["", "trusted: { clients: [203.0.113.9] }"] {
        let milter = Milter::start(&format!("{policy}{trusted}"), SETTINGS);
        let mut mta = milter.session();
        let mut expected = Vec::new();
        for (row, to) in rows.iter().zip(domains) {
            for (cell, from) in row[1..].iter().zip(senders) {
                for (to, from) in to.iter().flat_map(|to| from.iter().map(move |from| (to, from))) {
                    match *cell {
                        "recorded" => expected.push((to.to_string(), from.to_string())),
                        cell => assert_eq!(cell, "not recorded"),
                    }
                    for tls in [&[][..], &TLS] {
                        let sender = format!("someone@{from}");
                        mta.macros(b'M', &[("{mail_addr}", &sender)]);
                        mta.send(b'M', format!("<{sender}>\0").as_bytes());
                        mta.rcpt(&format!("<someone@{to}>"), tls);
                        mta.send(b'A', b"");
                    }
                }
            }
        }
        // The last one to be sure that all before was judged.
        mta.rcpt("<end@enforced.example>", &[]);
        expected.push(("enforced.example".into(), "<>".into()));
        wait_for_total(&file(&milter), 2 * expected.len() as u64 - 1);
        let found: BTreeSet<_> = rows_of(&milter);
        assert_eq!(found, expected.into_iter().collect(), "{trusted}");
        for name in ["ledger.sqlite", "ledger.sqlite-wal"] {
            let octets = fs::read(milter.path("state").join(name)).unwrap();
            assert!(!octets.windows(7).any(|part| part == b"someone"), "a local part in {name}");
        }
    }
}

/// Recipient and sender domains in the ledger.
fn rows_of(milter: &Milter) -> BTreeSet<(String, String)> {
    rows(&file(milter)).into_iter().map(|row| (row.key.domain, row.key.sender)).collect()
}

/// Runs a command of the shell, with the path as `$1`.
fn run(command: &str, path: &Path) {
    let status = Command::new("sh").arg("-c").arg(command).arg("sh").arg(path).status().unwrap();
    assert!(status.success(), "{command}");
}

/// A disk of its own, as long as this lives; also of a test that fails.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: &Path, options: &str) -> Self {
        run(&format!("mount -t tmpfs -o {options} tmpfs \"$1\""), path);
        Self(path.to_path_buf())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount -l \"$1\"", &self.0);
    }
}

#[test]
fn what_was_judged_is_in_the_ledger_and_nothing_else() {
    let milter = Milter::start(POLICY, SETTINGS);
    let mut mta = milter.session();
    mail(&mut mta);
    assert_eq!(mta.rcpt("<secret.name@example.org>", &[]).0, b'c');
    wait_for_total(&file(&milter), 3);
    let mut seen: Vec<_> = rows(&file(&milter))
        .into_iter()
        .map(|row| {
            let key = row.key;
            assert_eq!(
                (&*key.client, &*key.name, &*key.sender),
                ("203.0.113.9", "client", "b.test")
            );
            (
                key.domain,
                key.verdict,
                key.reason.word().to_owned(),
                key.tls_version,
                row.tally.count,
            )
        })
        .collect();
    seen.sort();
    let row = |domain: &str, verdict, reason: &str, version: &str| {
        (domain.to_owned(), verdict, reason.to_owned(), version.to_owned(), 1)
    };
    assert_eq!(
        seen,
        [
            row("example.com", Decision::Accept, "adequate", "TLSv1.3"),
            row("example.com", Decision::Refuse, "plaintext", "none"),
            row("example.org", Decision::WouldRefuse, "plaintext", "none"),
        ]
    );
    for name in ["ledger.sqlite", "ledger.sqlite-wal"] {
        let octets = fs::read(milter.path("state").join(name)).unwrap();
        assert!(!octets.windows(6).any(|part| part == b"secret"), "a local part in {name}");
    }
}

#[test]
fn a_milter_that_stops_has_written_all() {
    let mut milter = Milter::start(POLICY, SETTINGS);
    mail(&mut milter.session());
    milter.signal(Signal::SIGTERM);
    assert!(milter.process.wait().unwrap().success());
    assert_eq!(total(&file(&milter)), 2);
}

#[test]
fn a_milter_that_is_killed_loses_the_last_batch_at_most() {
    let mut milter = Milter::start(POLICY, SETTINGS);
    let mut mta = milter.session();
    mail(&mut mta);
    wait_for_total(&file(&milter), 2);
    mail(&mut mta);
    milter.process.kill().unwrap();
    milter.process.wait().unwrap();
    let left = total(&file(&milter));
    assert!(left == 2 || left == 4, "{left}");
    let check = Command::new("sqlite3").arg(file(&milter)).arg("PRAGMA integrity_check").output();
    assert_eq!(String::from_utf8_lossy(&check.unwrap().stdout).trim(), "ok");
}

#[test]
fn a_damaged_ledger_is_kept_aside_and_mail_flows_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state/ledger.sqlite");
    drop(Store::open(&path, Room { domain: 9, day: 9 }).unwrap());
    // The first page is whole, and all behind it is not.
    let length = fs::metadata(&path).unwrap().len();
    let damage = vec![0xa5; usize::try_from(length - 4096).unwrap()];
    let damaged = fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&damaged, &damage, 4096).unwrap();
    let milter = Milter::start_in(directory, &[("policy.yaml", POLICY)], SETTINGS);
    mail(&mut milter.session());
    milter.wait_for_line("is damaged");
    wait_for_total(&file(&milter), 2);
    let names = fs::read_dir(milter.path("state")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().any(|name| name.to_string_lossy().contains(".damaged-2")));
}

#[test]
fn a_file_that_is_no_database_is_kept_aside_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let files = [("policy.yaml", POLICY), ("state/ledger.sqlite", &*"no database".repeat(500))];
    let milter = Milter::start_in(directory, &files, SETTINGS);
    milter.wait_for_line("is damaged");
    mail(&mut milter.session());
    wait_for_total(&file(&milter), 2);
}

#[test]
fn a_ledger_that_is_locked_delays_no_mail_and_is_written_when_it_is_free() {
    let milter = Milter::start(POLICY, SETTINGS);
    let mut mta = milter.session();
    mail(&mut mta);
    wait_for_total(&file(&milter), 2);
    let lock = rusqlite::Connection::open(file(&milter)).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    mail(&mut mta);
    milter.wait_for_line("database is locked");
    mail(&mut mta);
    lock.execute_batch("ROLLBACK").unwrap();
    milter.wait_for_line("is written again");
    wait_for_total(&file(&milter), 6);
}

#[test]
fn a_ledger_that_is_read_only_stops_no_mail_and_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    fs::create_dir(&state).unwrap();
    let disk = Disk::mount(&state, "rw");
    let room = Room { domain: 9, day: 9 };
    drop(Store::open(&state.join("ledger.sqlite"), room).unwrap());
    run("mount -o remount,ro \"$1\"", &state);
    let milter = Milter::start_in(directory, &[("policy.yaml", POLICY)], SETTINGS);
    // It goes before the directory that it is mounted in.
    let _disk = disk;
    let line = milter.wait_for_line("cannot be written");
    assert!(line.contains("ead-only") && line.contains("ERROR"), "{line}");
    let mut mta = milter.session();
    mail(&mut mta);
    assert_eq!(rows(&file(&milter)), []);
    assert!(Reader::open(&file(&milter)).is_ok());
    run("mount -o remount,rw \"$1\"", &state);
    milter.wait_for_line("is written again");
    wait_for_total(&file(&milter), 2);
}

#[test]
fn a_full_disk_stops_no_mail_and_what_is_lost_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    fs::create_dir(&state).unwrap();
    let disk = Disk::mount(&state, "size=512k");
    let milter = Milter::start_in(directory, &[("policy.yaml", POLICY)], SETTINGS);
    // It goes before the directory that it is mounted in.
    let _disk = disk;
    let mut mta = milter.session();
    mail(&mut mta);
    wait_for_total(&file(&milter), 2);
    run("dd if=/dev/zero of=\"$1/filler\" bs=4k 2>/dev/null; true", &state);
    // More rows than the pages that are left can take.
    for sender in 0..3000 {
        mta.macros(b'M', &[("j", "mx.test"), ("{mail_addr}", &format!("a@s{sender}.test"))]);
        mta.send(b'M', format!("<a@s{sender}.test>\0").as_bytes());
        assert_eq!(mta.rcpt("<a@example.com>", &[]).0, b'y');
    }
    let line = milter.wait_for_line("cannot be written");
    assert!(line.contains("full") && line.contains("make room"), "{line}");
    mail(&mut mta);
    run("rm \"$1/filler\"; mount -o remount,size=16m \"$1\"", &state);
    milter.wait_for_line("is written again");
    wait_for_total(&file(&milter), 3004);
}

#[test]
fn a_ledger_that_is_moved_away_is_begun_anew() {
    let milter = Milter::start(POLICY, SETTINGS);
    let mut mta = milter.session();
    mail(&mut mta);
    wait_for_total(&file(&milter), 2);
    fs::rename(milter.path("state"), milter.path("moved")).unwrap();
    mail(&mut mta);
    milter.wait_for_line("moved away");
    wait_for_total(&file(&milter), 2);
}

#[test]
fn without_a_state_directory_or_with_the_ledger_off_nothing_is_written() {
    let milter = Milter::start(POLICY, "");
    milter.wait_for_line("no ledger is kept: `state_dir` is not set");
    mail(&mut milter.session());
    let milter = Milter::start(POLICY, "state_dir: state\nledger: off");
    milter.wait_for_line("no ledger is kept: it is switched off");
    mail(&mut milter.session());
    // The last good policy is kept there all the same.
    milter.restart().entries_are("state", &["last-good-policy"]);
}

#[test]
fn a_ledger_that_was_switched_off_is_not_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state/ledger.sqlite");
    drop(Store::open(&path, Room { domain: 9, day: 9 }).unwrap());
    let files = [("policy.yaml", POLICY)];
    let milter = Milter::start_in(directory, &files, "state_dir: state\nledger: off");
    let line = milter.wait_for_line("a ledger of before lies here");
    assert!(line.contains("state/ledger.sqlite") && line.contains("rm "), "{line}");
    let said = doctor(&milter);
    assert!(said.contains("WARNING  ledger     a ledger of before lies here"), "{said}");
}

#[test]
fn the_doctor_tells_of_a_damaged_ledger_that_is_kept_aside() {
    let directory = tempfile::tempdir().unwrap();
    let files = [("policy.yaml", POLICY), ("state/ledger.sqlite", &*"no database".repeat(500))];
    let milter = Milter::start_in(directory, &files, SETTINGS);
    milter.wait_for_line("is damaged");
    let said = doctor(&milter);
    assert!(said.contains("note     ledger     it was damaged"), "{said}");
    assert!(said.contains("ledger.sqlite.damaged-2"), "{said}");
}

fn doctor(milter: &Milter) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
        .args(["doctor", "--config"])
        .arg(milter.path("milter.yaml"))
        .output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

#[test]
fn clients_are_hashed_where_the_settings_ask_for_it() {
    let milter = Milter::start(POLICY, "state_dir: state\nledger: { clients: hashed }");
    mail(&mut milter.session());
    wait_for_total(&file(&milter), 2);
    assert!(rows(&file(&milter)).iter().all(|row| row.key.client.starts_with("hash:")));
    assert!(milter.path("state/ledger.key").exists());
}
