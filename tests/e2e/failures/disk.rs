//! The disks that the milter writes to are full or read-only: mail goes on as if nothing was.

use std::collections::BTreeSet;
use std::fs;

use super::traffic::{POLICY, Traffic, recorded};
use crate::support::{Disk, Milter, MilterOptions, Postfix, Service, open_directory, wait_until};

/// State, status and log on the disk.
fn options() -> MilterOptions {
    MilterOptions::default()
        .settings("state_dir: disk/state\nstatus_file: disk/status.json")
        .log_file("disk/log")
}

#[test]
fn a_disk_that_is_full_for_log_ledger_and_status_changes_no_answer() {
    let directory = open_directory("milter");
    let disk = Disk::mount(&directory.path().join("disk"), "size=4m");
    let milter = Milter::start_in(directory, POLICY, options());
    let postfix = Postfix::with(&milter);
    let sent = Traffic::during(postfix.port(Service::Smtp), |traffic| {
        let lost = milter.lines().len();
        // The log has the rest of its last block, and what the ledger gives back while it cannot be
        // written. It cannot say that it is full; that lines are missing it says later.
        let log = milter.directory().join("disk/log");
        let size = || fs::metadata(&log).expect("it is there").len();
        wait_until("a log that is full", || {
            disk.fill();
            let before = size();
            // Twice: the lines of the first round are on their way by the end of the second.
            traffic.wait_until_it_flows();
            traffic.wait_until_it_flows();
            (size() == before).then_some(())
        });
        let judged = traffic.judged();
        disk.make_room();
        milter.lines().wait_after(lost, "the loss", |line| {
            line.contains("lines of the log were lost") && line.contains("lines=")
        });
        traffic.wait_until_it_flows();
        wait_until("the ledger", || (recorded(&milter, "disk/state") >= judged).then_some(()));
    });
    sent.check(&postfix);
    assert_eq!(sent.disturbed(), 0, "nothing was put off");
    // Each line that is there begins as a line does, also the one behind the one that was cut off.
    let of_verdicts = milter.lines().matching(|line| line.contains("verdict="));
    let torn = of_verdicts.iter().filter(|line| line.matches("verdict=").count() > 1);
    assert_eq!(torn.collect::<BTreeSet<_>>(), BTreeSet::new());
    wait_until("the whole ledger", || {
        (recorded(&milter, "disk/state") == sent.judged()).then_some(())
    });
    // The disk goes before the directory that it is mounted in.
    drop(disk);
}

#[test]
fn a_state_directory_that_is_read_only_changes_no_answer_and_is_written_once_it_is_not() {
    let directory = open_directory("milter");
    let disk = Disk::mount(&directory.path().join("disk"), "ro");
    let options = MilterOptions::default().settings("state_dir: disk/state");
    let milter = Milter::start_in(directory, POLICY, options);
    let postfix = Postfix::with(&milter);
    let sent = Traffic::during(postfix.port(Service::Smtp), |traffic| {
        milter.lines().wait_for("the error", |line| {
            line.contains("cannot be written") && line.contains("ead-only")
        });
        traffic.wait_until_it_flows();
        disk.remount("rw");
        milter.lines().wait_for("its end", |line| line.contains("the ledger is written again"));
        traffic.wait_until_it_flows();
    });
    sent.check(&postfix);
    assert_eq!(sent.disturbed(), 0, "nothing was put off");
    wait_until("the whole ledger", || {
        (recorded(&milter, "disk/state") == sent.judged()).then_some(())
    });
    drop(disk);
}
