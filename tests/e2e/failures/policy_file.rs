//! The policy's files become unreadable in every way that there is, or the system gives no file events:
//! the policy in force stays, the log says what to do, and what is mended is seen.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::traffic::{POLICY, Traffic};
use crate::support::{Milter, MilterOptions, Postfix, Service};

/// What becomes of a policy file, and what the log then says of the reason and the remedy.
type Fault = (fn(&Path), &'static str, &'static str);

const FAULTS: [Fault; 8] = [
    (|path| fs::remove_file(path).expect("ours"), "No such file", "check the path"),
    (unreadable, "Permission denied", "let the user that the milter runs as read it"),
    (
        |path| in_place(path, |path| fs::create_dir(path).expect("ours")),
        "not a regular",
        "put a file",
    ),
    (|path| in_place(path, fifo), "not a regular file", "put a file in its place"),
    (|path| in_place(path, sparse), "larger than 256 MiB", "is it the right file?"),
    (
        |path| in_place(path, |path| symlink("policy.yaml", path).expect("ours")),
        "symbolic links",
        "leads back to itself",
    ),
    (|path| in_place(path, dangling), "No such file", "check the path"),
    (mixed, "is named a second time", "keep one of the two"),
];

fn unreadable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o000)).expect("our own file");
}

/// Something else in place of the file, in one step where the system has one.
fn in_place(path: &Path, make: impl Fn(&Path)) {
    fs::remove_file(path).expect("our own file");
    make(path);
}

fn fifo(path: &Path) {
    mkfifo(path, Mode::from_bits_truncate(0o644)).expect("our own directory");
}

fn sparse(path: &Path) {
    fs::File::create(path).and_then(|file| file.set_len(10 << 30)).expect("our own directory");
}

fn dangling(path: &Path) {
    symlink("nowhere.yaml", path).expect("our own directory");
}

/// What comes of two programs that write it at once.
fn mixed(path: &Path) {
    let mut file = fs::File::create(path).expect("our own file");
    file.write_all(POLICY.as_bytes()).expect("room");
    let (_, entries) = POLICY.split_once('\n').expect("lines");
    file.write_all(entries.replace("monitor", "enforce").as_bytes()).expect("room");
}

#[test]
fn whatever_becomes_of_a_policy_file_the_policy_in_force_stays_until_it_is_mended() {
    // Root reads what nobody may; without these capabilities it is as any other user.
    let plain_user = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"];
    let milter = Milter::start_with(POLICY, MilterOptions::default().within(&plain_user));
    let postfix = Postfix::with(&milter);
    let path = milter.directory().join("policy.yaml");
    let at_first = milter.memory("VmHWM:");
    let sent = Traffic::during(postfix.port(Service::Smtp), |traffic| {
        for (number, (spoil, reason, remedy)) in FAULTS.into_iter().enumerate() {
            let from = milter.lines().len();
            spoil(&path);
            let wait = |what: &str, text: &str| {
                milter.lines().wait_after(from, what, |line| line.contains(text))
            };
            wait("the reason", reason);
            wait("the remedy", remedy);
            wait("what holds", "the one in force stays");
            traffic.wait_until_it_flows();
            if path.is_dir() {
                fs::remove_dir(&path).expect("empty");
            }
            // One more word, to be seen in the log.
            let mended = format!("{POLICY}senders: [s{number}.example]\n");
            milter.write_policy(&mended);
            wait("the mended one", &format!("1 added (sender s{number}.example)"));
        }
        traffic.wait_until_it_flows();
    });
    sent.check(&postfix);
    assert_eq!(sent.disturbed(), 0, "nothing was put off");
    let most = milter.memory("VmHWM:");
    assert!(most < at_first + 32 * 1024, "{at_first} KiB at first, {most} KiB at most");
}

#[test]
fn without_file_events_a_change_is_seen_all_the_same() {
    for limit in ["max_inotify_instances", "max_inotify_watches"] {
        // The limits are those of a user namespace; in its own, all are the milter's.
        let limited = format!("echo 0 >/proc/sys/user/{limit} && exec \"$@\"");
        let within = ["unshare", "--user", "--map-root-user", "sh", "-c", &limited, "sh"];
        let milter = Milter::start_with(POLICY, MilterOptions::default().within(&within));
        milter.lines().wait_for("the fallback", |line| {
            line.contains("the system gives no file events") && line.contains("every 2 seconds")
        });
        let postfix = Postfix::with(&milter);
        let sent = Traffic::during(postfix.port(Service::Smtp), |traffic| {
            milter.change_policy(&format!("{POLICY}senders: [one.example]\n"));
            let before = milter.write_policy("domains: [example..com]\n");
            let refused = |line: &str| line.contains("policy not reloaded");
            milter.lines().wait_after(before, "the error", refused);
            milter.change_policy(&format!("{POLICY}senders: [two.example]\n"));
            traffic.wait_until_it_flows();
        });
        sent.check(&postfix);
        assert_eq!(sent.disturbed(), 0, "nothing was put off");
    }
}
