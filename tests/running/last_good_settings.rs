//! A start beside broken settings: the milter goes on under those that it last started under.

use crate::last_good::{refuses, run, status, text};
use crate::support::{Milter, SOCKET, UNIT_STATE};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

const SETTINGS: &str = "state_dir: state\nstatus_file: run/status.json\nmetrics: { listen: inet:127.0.0.1:0 }\n\
                        log: { to: stderr, level: debug }\n";
const POLICY: (&str, &str) = ("policy.yaml", "domains: [main.example]\n");

/// A milter whose settings and policy are in force and kept.
fn milter() -> Milter {
    let milter = Milter::start_in(tempfile::tempdir().unwrap(), &[POLICY], SETTINGS);
    status(&milter, "/settings/keeping", &"kept".into());
    status(&milter, "/policy/keeping", &"kept".into());
    milter
}

fn kept(milter: &Milter) -> PathBuf {
    milter.path(UNIT_STATE).join("last-good-settings")
}

fn edit(milter: &Milter, from: &str, to: &str) {
    let path = milter.path("milter.yaml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

fn lines(address: &str, names: [&str; 3]) {
    for name in names {
        crate::metrics::wait_for(address, &format!("mandatory_tls_{name}"));
    }
}

#[test]
fn whatever_is_wrong_with_the_settings_the_milter_starts_under_the_last_good_ones() {
    type Break = fn(&Path);
    let ways: [(&str, Break); 10] = [
        ("not valid YAML", |d| fs::write(d.join("milter.yaml"), "listen: [\n").unwrap()),
        ("there is no key `lissten`", |d| {
            fs::write(d.join("milter.yaml"), "lissten: systemd\npolicy: policy.yaml\n").unwrap();
        }),
        ("cannot be read: No such file", |d| fs::remove_file(d.join("milter.yaml")).unwrap()),
        ("not a regular file", |d| {
            fs::remove_file(d.join("milter.yaml")).unwrap();
            fs::create_dir(d.join("milter.yaml")).unwrap();
        }),
        ("the settings are empty", |d| fs::write(d.join("milter.yaml"), "").unwrap()),
        ("this is not UTF-8", |d| {
            fs::write(d.join("milter.yaml"), "# \u{fc}".as_bytes().split_at(3).0).unwrap()
        }),
        // Valid, but nothing of it can be had.
        ("create the directory", |d| {
            let text = format!("listen: 'unix:{}/away/m.sock'\npolicy: policy.yaml\n", d.display());
            fs::write(d.join("milter.yaml"), text).unwrap();
        }),
        ("there is no group `of-nobody`", |d| {
            let text = format!(
                "listen: {{ socket: 'unix:{}/m.sock', group: of-nobody }}\npolicy: policy.yaml\n",
                d.display()
            );
            fs::write(d.join("milter.yaml"), text).unwrap();
        }),
        ("systemd passes no socket", |d| {
            fs::write(d.join("milter.yaml"), "listen: systemd\npolicy: policy.yaml\n").unwrap();
        }),
        ("cannot be read: No such file", |d| {
            fs::write(d.join("milter.yaml"), "listen: inet:127.0.0.1:0\npolicy: other.yaml\n")
                .unwrap();
        }),
    ];
    let mut milter = milter();
    let good = fs::read(milter.path("milter.yaml")).unwrap();
    for (message, break_it) in ways {
        break_it(&milter.path(""));
        for start in 0..2 {
            milter = milter.restart();
            milter.wait_for_line(message);
            milter.wait_for_line("in force are the last good settings");
            assert!(refuses(&milter, "main.example"), "{message}, start {start}");
            assert!(!refuses(&milter, "free.example"), "{message}, start {start}");
        }
        let path = milter.path("milter.yaml");
        if path.is_dir() {
            fs::remove_dir(&path).unwrap();
        }
        fs::write(path, &good).unwrap();
    }
    let milter = milter.restart();
    status(&milter, "/settings/last_good", &Value::Null);
}

#[test]
fn a_start_under_the_last_good_settings_is_told_wherever_one_asks() {
    let milter = milter();
    let said = text(&run(&milter, &["doctor"]));
    assert!(said.contains("ok       settings"), "{said}");
    edit(&milter, "state_dir", "sttae_dir");
    let check = run(&milter, &["check"]);
    assert_eq!(check.status.code(), Some(78));
    let said = text(&check);
    for part in [
        "milter.yaml:3:1",
        "there is no key `sttae_dir`",
        "a start of the milter goes on under the last good settings, of less than a minute ago",
        // The rest is looked at all the same.
        "policy.yaml: valid; 1 domain",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(run(&milter, &["check", "--allow-last-good"]).status.code(), Some(0));
    let said = text(&run(&milter, &["doctor"]));
    assert!(
        said.contains("ERROR    settings") && said.contains("until then a start goes on"),
        "{said}"
    );
    assert!(said.contains("what the files say"), "{said}");
    let milter = milter.restart();
    let address = crate::metrics::address(&milter);
    let status = status(&milter, "/settings/keeping", &"kept".into());
    let problem = status["settings"]["last_good"]["problem"].as_str().unwrap();
    assert!(problem.contains("there is no key `sttae_dir`"), "{problem}");
    let said = text(&run(&milter, &["doctor"]));
    let in_force = "in force are the last good settings, of less than a minute ago: at its start";
    assert!(said.contains(in_force), "{said}");
    lines(&address, ["settings_last_good 1", "settings_keeping_failing 0", "sockets_missing 0"]);
    // Mended, they are in force after the next start.
    edit(&milter, "sttae_dir", "state_dir");
    assert!(text(&run(&milter, &["doctor"])).contains("then systemctl restart mandatory-tls"));
    let milter = milter.restart();
    lines(
        &crate::metrics::address(&milter),
        ["settings_last_good 0", "settings_keeping_failing 0", "sockets_missing 0"],
    );
}

#[test]
fn kept_settings_that_are_not_to_be_trusted_are_said_and_not_used() {
    let milter = milter();
    let path = kept(&milter);
    let good = fs::read(&path).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&milter.path(UNIT_STATE)) & 0o027), (0o640, 0));
    edit(&milter, "listen", "lisssten");
    let other = |from: &str, to: &str| {
        let text = String::from_utf8(good.clone()).unwrap();
        assert!(text.contains(from));
        text.replacen(from, to, 1).into_bytes()
    };
    for (octets, mode, why) in [
        (good.clone(), 0o666, "others than the milter may have written it"),
        (other("policy.yaml", "plocyi.yaml"), 0o640, "its checksum is wrong"),
        (other("\"source\":\"/", "\"source\":\"/x/"), 0o640, "is not used for another"),
        (good[..good.len() - 1].to_vec(), 0o640, "its end is missing"),
        (Vec::new(), 0o640, "it does not say what it is"),
    ] {
        fs::write(&path, octets).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let start = run(&milter, &["milter"]);
        assert_eq!(start.status.code(), Some(78), "{why}");
        let said = text(&start);
        assert!(said.contains(why) && said.contains("lisssten"), "{why}: {said}");
        let check = run(&milter, &["check", "--allow-last-good"]);
        assert_eq!(check.status.code(), Some(78), "{why}");
        let said = text(&check);
        assert!(
            said.contains("cannot start beside these settings") && said.contains(why),
            "{said}"
        );
    }
    fs::remove_file(&path).unwrap();
    assert!(text(&run(&milter, &["milter"])).contains("no settings ever came into force"));
    let said = text(&run(&milter, &["doctor"]));
    assert!(said.contains("a start fails (no settings ever came into force"), "{said}");
}

#[test]
fn settings_that_want_nothing_kept_leave_nothing_that_would_be_outdated() {
    let milter = milter();
    edit(&milter, "state_dir: state\n", "");
    let milter = milter.restart();
    assert!(!kept(&milter).exists());
    assert_eq!(milter_status(&milter)["settings"]["keeping"], "off");
}

fn milter_status(milter: &Milter) -> Value {
    status(milter, "/pid", &milter.process.id().into())
}

#[test]
fn settings_that_cannot_be_kept_are_said_and_counted_and_mail_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    // The place is taken.
    fs::write(directory.path().join(UNIT_STATE), "").unwrap();
    let milter = Milter::start_in(directory, &[POLICY], SETTINGS);
    let address = crate::metrics::address(&milter);
    status(&milter, "/settings/keeping", &"failing".into());
    assert!(refuses(&milter, "main.example"));
    let said = text(&run(&milter, &["doctor"]));
    assert!(said.contains("ERROR    last good  the settings in force cannot be kept"), "{said}");
    crate::metrics::wait_for(&address, "mandatory_tls_settings_keeping_failing 1");
}

#[test]
fn a_socket_that_cannot_be_had_keeps_nobody_from_the_others_and_is_served_once_it_can_be() {
    let milter = milter();
    let away = milter.path("away");
    let from = format!("unix:{}", milter.path(SOCKET).display());
    let to = format!("unix:{}/{SOCKET}", away.display());
    edit(&milter, &from, &to);
    let check = run(&milter, &["check"]);
    assert_eq!(check.status.code(), Some(78));
    assert!(text(&check).contains("create the directory"), "{}", text(&check));
    // The milter would start all the same.
    assert_eq!(run(&milter, &["check", "--allow-last-good"]).status.code(), Some(0));
    let milter = milter.restart();
    assert!(refuses(&milter, "main.example"));
    let status_then = milter_status(&milter);
    assert!(status_then["missing"][0].as_str().unwrap().contains("cannot listen on unix:"));
    assert_eq!(status_then["settings"]["last_good"], Value::Null);
    // Settings of which something is missing are not good yet.
    assert!(!fs::read_to_string(kept(&milter)).unwrap().contains("away"));
    let said = text(&run(&milter, &["doctor"]));
    assert!(said.contains("ERROR    socket     cannot listen on unix:"), "{said}");
    let address = crate::metrics::address(&milter);
    crate::metrics::wait_for(&address, "mandatory_tls_sockets_missing 1");
    fs::create_dir(&away).unwrap();
    milter.wait_for_line("which could not be had before");
    let mut mta = std::os::unix::net::UnixStream::connect(away.join(SOCKET)).map(|socket| {
        socket.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
        crate::support::Mta { socket }
    });
    mta.as_mut().unwrap().negotiate(6, 0x1ff, crate::support::ALL_OPTIONS);
    status(&milter, "/missing", &Value::Array(Vec::new()));
    milter.wait_for_line("the settings in force are kept");
    assert!(fs::read_to_string(kept(&milter)).unwrap().contains("away"));
    // It stops as usual, and takes the late socket's file with it.
    drop(mta);
    milter.signal(nix::sys::signal::Signal::SIGTERM);
    milter.wait_for_line("stopped");
    assert!(!away.join(SOCKET).exists());
}

#[test]
fn a_reload_waits_until_the_policy_is_in_force_and_fails_where_it_is_not() {
    let milter = milter();
    for (policy, code, said) in [
        ("domains: [main.example, second.example]\n", 0, "policy in force: 2 domains, 0 senders"),
        (
            "domains: [main.example]\nsenders: [a.example]\n",
            0,
            "policy in force: 1 domain, 1 sender",
        ),
        ("domains: [\n", 78, "policy not reloaded, the one in force stays: 1 error"),
        ("domains: [\n", 78, "policy not reloaded, the one in force stays: 1 error"),
        ("domains: []\n", 0, "policy in force: 0 domains, 0 senders"),
    ] {
        fs::write(milter.path("policy.yaml"), policy).unwrap();
        let reload = run(&milter, &["reload"]);
        let text = text(&reload);
        assert_eq!(reload.status.code(), Some(code), "{policy}: {text}");
        assert!(text.contains(said), "{policy}: {text}");
    }
    // Root signals nobody else's process, whatever the file says; here it is said to be another's.
    if nix::unistd::geteuid().is_root() {
        let file = milter.path("run/status.json");
        std::os::unix::fs::chown(&file, Some(1), None).unwrap();
        let reload = run(&milter, &["reload"]);
        assert_eq!(reload.status.code(), Some(69), "{}", text(&reload));
        std::os::unix::fs::chown(&file, Some(0), None).unwrap();
    }
    // Beside broken settings, the policy is read; but the reload fails visibly.
    edit(&milter, "state_dir", "sttae_dir");
    let reload = run(&milter, &["reload"]);
    assert_eq!(reload.status.code(), Some(78));
    let said = text(&reload);
    assert!(said.contains("policy in force") && said.contains("sttae_dir"), "{said}");
    edit(&milter, "sttae_dir", "state_dir");
    milter.signal(nix::sys::signal::Signal::SIGTERM);
    milter.wait_for_line("stopped");
    let reload = run(&milter, &["reload"]);
    assert_eq!(reload.status.code(), Some(69));
    assert!(text(&reload).contains("the milter does not run"), "{}", text(&reload));
    edit(&milter, "status_file: run/status.json\n", "");
    assert!(text(&run(&milter, &["reload"])).contains("the settings name no `status_file`"));
}
