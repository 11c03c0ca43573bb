//! A start beside broken files: the milter goes on under the policy that was last in force.

use crate::support::{Milter, UNIT_STATE};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

const SETTINGS: &str =
    "state_dir: state\nstatus_file: run/status.json\nlog: { to: stderr, level: debug }\n";
const POLICY: (&str, &str) = ("policy.yaml", "include: [d/*.yaml]\ndomains: [main.example]\n");
const LIST: (&str, &str) = ("d/list.yaml", "- listed.example\n");
const KEPT: &str = "state/last-good-policy";

/// A milter whose policy is in force and kept.
fn milter() -> Milter {
    let milter = Milter::start_in(tempfile::tempdir().unwrap(), &[POLICY, LIST], SETTINGS);
    milter.wait_for_line("the policy in force is kept");
    milter
}

pub fn refuses(milter: &Milter, domain: &str) -> bool {
    let mut mta = milter.session();
    mta.mail();
    mta.rcpt(&format!("<user@{domain}>"), &[]).0 == b'y'
}

pub fn run(milter: &Milter, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
        .args(arguments)
        .arg("--config")
        .arg(milter.path("milter.yaml"))
        .env("STATE_DIRECTORY", milter.path(UNIT_STATE))
        .output()
        .unwrap()
}

pub fn text(output: &Output) -> String {
    [&*output.stdout, &*output.stderr].concat().iter().map(|octet| char::from(*octet)).collect()
}

/// What the milter says of itself, once it says this.
pub fn status(milter: &Milter, pointer: &str, wanted: &Value) -> Value {
    let begun = std::time::Instant::now();
    loop {
        let text = fs::read(milter.path("run/status.json")).unwrap_or_default();
        let status: Value = serde_json::from_slice(&text).unwrap_or_default();
        if status.pointer(pointer) == Some(wanted) {
            return status;
        }
        assert!(begun.elapsed() < crate::support::PATIENCE, "{status}");
        std::thread::yield_now();
    }
}

#[test]
fn whatever_is_wrong_with_a_file_the_milter_starts_under_what_was_last_in_force() {
    type Break = fn(&Path);
    let ways: [(&str, Break); 7] = [
        ("not valid YAML", |d| fs::write(d.join("d/list.yaml"), "- [").unwrap()),
        ("there is no key `domans`", |d| fs::write(d.join("policy.yaml"), "domans: []\n").unwrap()),
        ("listed.example", |d| {
            let other = "- { domain: listed.example, mode: monitor }\n";
            fs::write(d.join("d/other.yaml"), other).unwrap();
        }),
        ("cannot be read: No such file", |d| fs::remove_file(d.join("policy.yaml")).unwrap()),
        ("the verdict is `refuse` and not `accept`", |d| {
            let test = "tests: [{ rcpt: a@listed.example, verdict: accept }]\n";
            fs::write(d.join("policy.yaml"), format!("{}{test}", POLICY.1)).unwrap();
        }),
        ("the directory", |d| fs::remove_dir_all(d.join("d")).unwrap()),
        // A file that nobody can read: tests run as root, which can read any other.
        ("not a regular file", |d| {
            fs::remove_file(d.join("d/list.yaml")).unwrap();
            std::os::unix::fs::symlink("/dev/null", d.join("d/list.yaml")).unwrap();
        }),
    ];
    let mut milter = milter();
    for (message, break_it) in ways {
        let directory = milter.path("");
        break_it(&directory);
        milter.wait_for_line("policy not reloaded, the one in force stays");
        for start in 0..2 {
            milter = milter.restart();
            milter.wait_for_line("the milter starts under the last good policy");
            milter.wait_for_line(message);
            milter.wait_for_line("in force is the last good policy");
            assert!(refuses(&milter, "main.example"), "{message}, start {start}");
            assert!(refuses(&milter, "listed.example"), "{message}, start {start}");
            assert!(!refuses(&milter, "free.example"), "{message}, start {start}");
        }
        // Mended, it is in force at once.
        let _ = fs::remove_file(directory.join("d/other.yaml"));
        let _ = fs::remove_file(directory.join("d/list.yaml"));
        fs::create_dir_all(directory.join("d")).unwrap();
        for (name, text) in [POLICY, LIST] {
            fs::write(directory.join(name), text).unwrap();
        }
        milter.wait_for_line("policy reloaded");
        status(&milter, "/policy/last_good", &false.into());
    }
}

#[test]
fn a_start_under_the_last_good_policy_is_told_wherever_one_asks() {
    let metrics = "metrics: { listen: inet:127.0.0.1:0 }\n";
    let settings = format!("{SETTINGS}{metrics}");
    let milter = Milter::start_in(tempfile::tempdir().unwrap(), &[POLICY, LIST], &settings);
    milter.wait_for_line("the policy in force is kept");
    let since = status(&milter, "/policy/keeping", &"kept".into())["policy"]["since"].clone();
    assert!(text(&run(&milter, &["doctor"])).contains("ok       in force   what the files say"));
    fs::write(milter.path("d/list.yaml"), "- [").unwrap();
    let milter = milter.restart();
    let address = crate::metrics::address(&milter);
    let status = status(&milter, "/policy/last_good", &true.into());
    assert_eq!(status["policy"]["since"], since);
    assert_eq!(status["policy"]["domains"], 2);
    assert!(status["policy"]["problem"]["first"].as_str().unwrap().contains("d/list.yaml:"));
    let said = text(&run(&milter, &["doctor"]));
    assert!(
        said.contains(
            "in force is the last good policy, of less than a minute ago, with 2 domains"
        ),
        "{said}"
    );
    let check = run(&milter, &["check"]);
    assert_eq!(check.status.code(), Some(78));
    let note = "a start of the milter goes on under the last good policy";
    assert!(text(&check).contains(note), "{}", text(&check));
    assert_eq!(run(&milter, &["check", "--allow-last-good"]).status.code(), Some(0));
    let since: jiff::Timestamp = since.as_str().unwrap().parse().unwrap();
    for line in [
        "mandatory_tls_policy_broken 1",
        "mandatory_tls_policy_last_good 1",
        &format!("mandatory_tls_policy_loaded_timestamp_seconds {}", since.as_second()),
    ] {
        crate::metrics::wait_for(&address, line);
    }
}

#[test]
fn a_kept_policy_that_is_not_to_be_trusted_is_said_and_not_used() {
    let milter = milter();
    let kept = milter.path(KEPT);
    let good = fs::read(&kept).unwrap();
    let mode_of = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode_of(&kept), mode_of(&milter.path("state")) & 0o027), (0o640, 0));
    fs::write(milter.path("d/list.yaml"), "- [").unwrap();
    let text_of = |good: &[u8], from: &str, to: &str| {
        String::from_utf8(good.to_vec()).unwrap().replacen(from, to, 1).into_bytes()
    };
    let other = format!("{}", milter.path("policy.yaml").display());
    let cases: [(Vec<u8>, u32, &str); 8] = [
        (good.clone(), 0o666, "others than the milter may have written it"),
        (good.clone(), 0o660, "others than the milter may have written it"),
        (text_of(&good, "- listed.example", "- mended.example"), 0o640, "its checksum is wrong"),
        (good[..good.len() - 1].to_vec(), 0o640, "its end is missing"),
        ([&*good, b"x"].concat(), 0o640, "its checksum is wrong"),
        (b"{}\n".to_vec(), 0o640, "it does not say what it is"),
        (
            text_of(&good, "\"form\":1", "\"form\":2"),
            0o640,
            "a form that this version does not know",
        ),
        (
            text_of(&good, &format!("\"source\":\"{other}"), "\"source\":\"/other"),
            0o640,
            "is not used for another",
        ),
    ];
    for (octets, mode, why) in cases {
        fs::write(&kept, octets).unwrap();
        fs::set_permissions(&kept, fs::Permissions::from_mode(mode)).unwrap();
        let start = run(&milter, &["milter"]);
        assert_eq!(start.status.code(), Some(78), "{why}");
        let said = text(&start);
        assert!(said.contains("the milter does not start") && said.contains(why), "{why}: {said}");
        assert!(said.contains("not valid YAML"), "{said}");
        let check = run(&milter, &["check", "--allow-last-good"]);
        assert_eq!(check.status.code(), Some(78), "{why}");
        assert!(text(&check).contains("the milter cannot start beside these files"));
    }
    fs::remove_file(&kept).unwrap();
    // Where a link leads to, whoever can write there decides.
    fs::write(milter.path("elsewhere"), &good).unwrap();
    fs::set_permissions(milter.path("elsewhere"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(milter.path("elsewhere"), &kept).unwrap();
    assert!(text(&run(&milter, &["milter"])).contains("cannot be read: Too many levels"));
    fs::remove_file(&kept).unwrap();
    if nix::unistd::geteuid().is_root() {
        fs::write(&kept, &good).unwrap();
        fs::set_permissions(&kept, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::chown(&kept, Some(65534), None).unwrap();
        assert!(text(&run(&milter, &["milter"])).contains("its owner is user 65534"));
        fs::remove_file(&kept).unwrap();
    }
    assert!(text(&run(&milter, &["milter"])).contains("no policy ever came into force"));
}

#[test]
fn a_policy_that_cannot_be_kept_is_said_and_counted_and_mail_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    // The state directory's place is taken.
    fs::write(directory.path().join("state"), "").unwrap();
    let milter = Milter::start_in(directory, &[POLICY, LIST], SETTINGS);
    milter.wait_for_line("the policy in force cannot be kept");
    assert!(refuses(&milter, "listed.example"));
    status(&milter, "/policy/keeping", &"failing".into());
    let said = text(&run(&milter, &["doctor"]));
    assert!(said.contains("ERROR    last good  the policy in force cannot be kept"), "{said}");
}

#[test]
fn a_policy_that_came_into_force_just_before_the_end_is_kept() {
    let milter = milter();
    fs::write(milter.path("d/list.yaml"), "- newest.example\n").unwrap();
    milter.wait_for_line("policy reloaded");
    // Broken before the next start, which would keep what it finds.
    fs::write(milter.path("d/list.yaml"), "- [").unwrap();
    let milter = milter.restart();
    milter.wait_for_line("in force is the last good policy");
    assert!(refuses(&milter, "newest.example"));
}

#[test]
fn a_policy_that_comes_into_force_again_is_kept_again() {
    let milter = milter();
    for domain in ["second.example", "listed.example"] {
        fs::write(milter.path("d/list.yaml"), format!("- {domain}\n")).unwrap();
        milter.wait_for_line("the policy in force is kept");
        let kept = String::from_utf8(fs::read(milter.path(KEPT)).unwrap()).unwrap();
        assert!(kept.contains(domain), "{kept}");
    }
}

#[test]
fn without_a_state_directory_nothing_is_kept_and_the_log_says_so_once() {
    let milter = Milter::start("domains: [a.example]\n", "");
    let mut milter = milter.restart();
    milter.signal(nix::sys::signal::Signal::SIGTERM);
    let said = milter.take_lines().filter(|line| line.contains("no last good policy is kept"));
    assert_eq!(said.count(), 1);
}

#[test]
fn a_second_milter_leaves_the_status_file_of_the_first_alone() {
    let first = milter();
    let pid = Value::from(first.process.id());
    status(&first, "/pid", &pid);
    let settings = format!("listen: inet:127.0.0.1:0\npolicy: policy.yaml\n{SETTINGS}");
    fs::write(first.path("second.yaml"), settings).unwrap();
    let mut second = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
        .args(["milter", "--config"])
        .arg(first.path("second.yaml"))
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(second.stderr.take().unwrap()));
    assert!(lines.any(|line| line.unwrap().contains("cannot be written: it is another milter's")));
    let pid_of_second = nix::unistd::Pid::from_raw(second.id().try_into().unwrap());
    nix::sys::signal::kill(pid_of_second, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(second.wait().unwrap().success());
    status(&first, "/pid", &pid);
}
