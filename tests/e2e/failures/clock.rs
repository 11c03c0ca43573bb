//! The clock jumps, back and forth, across the days that a policy names.

use std::fs;
use std::path::{Path, PathBuf};

use super::traffic::{POLICY, Traffic, recorded};
use crate::support::{
    Milter, MilterOptions, Postfix, Service, SmtpClient, open_directory, wait_until,
};

/// The library that has a process see another time, of Debian's package `libfaketime`.
fn library() -> PathBuf {
    let mut found = glob::glob("/usr/lib/*/faketime/libfaketime.so.1").expect("a pattern");
    found.next().and_then(Result::ok).expect("tests/install brings libfaketime")
}

/// Sets the clock that is in this directory; time goes on from there.
fn set(directory: &Path, time: &str) {
    let draft = directory.join("clock.draft");
    fs::write(&draft, format!("@{time}\n")).expect("our own directory");
    fs::rename(draft, directory.join("clock")).expect("our own directory");
}

#[test]
fn verdicts_follow_a_clock_that_jumps_and_nothing_else_minds() {
    let directory = open_directory("milter");
    set(directory.path(), "2030-06-14 12:00:00");
    // Timers go by another clock, which does not jump.
    let clock = [
        "env",
        "TZ=UTC",
        "FAKETIME_NO_CACHE=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        "NO_FAKE_STAT=1",
        &format!("LD_PRELOAD={}", library().display()),
        &format!("FAKETIME_TIMESTAMP_FILE={}", directory.path().join("clock").display()),
    ];
    // Besides what the clients send to: a day from which on there is a refusal, and the last day of an
    // exception.
    let policy = format!(
        "{POLICY}  \
- {{ domain: local.example, enforce_from: 2030-06-15 }}\n  \
- {{ domain: xn--bcher-kva.example, exceptions: [{{ sender: example.org, until: 2030-06-14, reason: test }}] }}\n"
    );
    let options = MilterOptions::default().within(&clock).settings("state_dir: state");
    let milter = Milter::start_in(directory, &policy, options);
    let postfix = Postfix::with(&milter);
    let sent = Traffic::during(postfix.port(Service::Smtp), |traffic| {
        let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
        let mut judged = 0;
        for (time, refused) in [
            ("2030-06-14 23:00:00", false),
            ("2030-06-15 00:00:01", true),
            ("2030-06-14 22:59:59", false),
            ("2030-07-20 08:00:00", true),
            ("2030-05-01 08:00:00", false),
            ("2030-06-15 12:00:00", true),
        ] {
            set(milter.directory(), time);
            for domain in ["local.example", "xn--bcher-kva.example"] {
                let reply = client.try_rcpt(&format!("user@{domain}"));
                assert_eq!(reply.code, if refused { 450 } else { 250 }, "{time}: {reply}");
            }
            judged += 2;
            traffic.wait_until_it_flows();
        }
        let judged = judged + traffic.judged();
        wait_until("the ledger", || (recorded(&milter, "state") >= judged).then_some(()));
    });
    sent.check(&postfix);
    assert_eq!(sent.disturbed(), 0, "nothing was put off");
    // The log, and so the clock, was in each of the months.
    for month in ["2030-05-01T", "2030-06-15T", "2030-07-20T"] {
        assert!(!milter.lines().matching(|line| line.contains(month)).is_empty(), "{month}");
    }
}
