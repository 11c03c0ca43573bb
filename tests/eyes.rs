//! The files as the milter's user sees them, asked by root.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The milter's user is daemon, to whom the state directory belongs.
const DAEMON: u32 = 1;
/// A group that root has here and daemon has not.
const ROOTS_GROUP: u32 = 54321;

struct Place(tempfile::TempDir);

impl Place {
    /// With settings and a policy that everybody can read.
    fn new() -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "only root can become other users: use tests/run"
        );
        let place = Self(tempfile::tempdir().unwrap());
        place.mode("", 0o755);
        place.write("policy.yaml", "include: ['d/*.yaml']\n");
        place.settings("listen: inet:127.0.0.1:0");
        for directory in ["state", "d", "closed"] {
            fs::create_dir(place.at(directory)).unwrap();
        }
        place.write("d/a.yaml", "- a.example\n");
        place.mode("closed", 0o700);
        chown(place.at("state"), Some(DAEMON), None).unwrap();
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
        self.mode(name, 0o644);
    }

    fn settings(&self, listen: &str) {
        let others = "policy: policy.yaml\nstate_dir: state\nstatus_file: status.json\n";
        self.write("milter.yaml", &format!("{listen}\n{others}"));
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// As root, who has a group more than he was born with.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let Output { status, stdout, stderr } = Command::new("setpriv")
            .arg(format!("--groups={ROOTS_GROUP}"))
            .arg(env!("CARGO_BIN_EXE_mandatory-tls"))
            .args(arguments)
            .args(["--config", "milter.yaml"])
            .current_dir(self.0.path())
            .output()
            .unwrap();
        (status.code().unwrap(), String::from_utf8([stdout, stderr].concat()).unwrap())
    }
}

#[track_caller]
fn says((code, said): &(i32, String), expected: i32, parts: &[&str]) {
    assert_eq!(*code, expected, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn groups_of_who_asks_open_nothing_to_the_milters_user() {
    let place = Place::new();
    chown(place.at("d/a.yaml"), Some(0), Some(ROOTS_GROUP)).unwrap();
    place.mode("d/a.yaml", 0o640);
    says(&place.run(&["check"]), 78, &["a.yaml: cannot be read", "as user daemon"]);
    place.mode("d/a.yaml", 0o644);
    says(&place.run(&["check"]), 0, &["1 domain"]);
}

#[test]
fn the_doctor_sees_settings_that_the_milters_user_cannot_read() {
    let place = Place::new();
    let (_, said) = place.run(&["doctor"]);
    assert!(said.contains("ok       settings   milter.yaml"), "{said}");
    place.mode("milter.yaml", 0o600);
    says(
        &place.run(&["doctor"]),
        2,
        &[
            "ERROR    settings   the milter's user, daemon, cannot read milter.yaml",
            "chgrp daemon milter.yaml && chmod g+r milter.yaml",
            // The rest is looked at all the same.
            "policy.yaml: valid; 1 domain",
        ],
    );
}

#[test]
fn a_list_is_checked_among_files_as_the_milters_user_sees_them() {
    let place = Place::new();
    place.write("d/b.yaml", "- b.example\n");
    // A draft that is the administrator's own may be closed to all others.
    fs::create_dir(place.at("drafts")).unwrap();
    place.write("drafts/a.yaml", "- new.example\n");
    place.mode("drafts/a.yaml", 0o600);
    says(&place.run(&["check", "--list", "drafts/a.yaml"]), 0, &["valid; 1 entry"]);
    place.mode("d/b.yaml", 0o600);
    says(&place.run(&["check", "--list", "drafts/a.yaml"]), 78, &["b.yaml: cannot be read"]);
    place.mode("d/b.yaml", 0o644);
    // In its place, the milter has to read it.
    place.mode("d/a.yaml", 0o600);
    says(
        &place.run(&["check", "--list", "d/a.yaml"]),
        78,
        &["cannot be read by the milter's user"],
    );
}

#[test]
fn a_link_that_the_milters_user_cannot_follow_is_told_with_its_target() {
    let place = Place::new();
    place.write("closed/list.yaml", "- b.example\n");
    for target in ["closed/list.yaml", "closed/gone.yaml"] {
        symlink(place.at(target), place.at("d/link.yaml")).unwrap();
        let told = format!("it is a link to {}", place.at(target).display());
        says(&place.run(&["check"]), 78, &["link.yaml: cannot be read: Permission denied", &told]);
        fs::remove_file(place.at("d/link.yaml")).unwrap();
    }
}

#[test]
fn a_socket_that_could_not_be_made_is_an_error_of_the_settings() {
    let place = Place::new();
    place.write("file", "");
    fs::create_dir(place.at("open")).unwrap();
    chown(place.at("open"), Some(DAEMON), None).unwrap();
    place.write("open/taken", "");
    let socket = |name: &str| format!("unix:{}", place.at(name).display());
    for (listen, wrong) in [
        (format!("listen: '{}'", socket("open/m.sock")), None),
        (format!("listen: '{}'", socket("missing/m.sock")), Some("create the directory")),
        (format!("listen: '{}'", socket("file/m.sock")), Some("not a directory")),
        (format!("listen: '{}'", socket("d/m.sock")), Some("Permission denied")),
        (format!("listen: '{}'", socket("closed/m.sock")), Some("Permission denied")),
        (format!("listen: '{}'", socket("open/taken")), Some("what lies there is no socket")),
        (
            format!("listen: {{ socket: '{}', group: of-nobody }}", socket("open/m.sock")),
            Some("there is no group `of-nobody`"),
        ),
        (
            format!("listen: {{ socket: '{}', group: mail }}", socket("open/m.sock")),
            Some("make it a member of the group"),
        ),
        (format!("listen: {{ socket: '{}', group: daemon }}", socket("open/m.sock")), None),
        // Made as the service starts.
        ("listen: unix:/run/mandatory-tls-of-tests/m.sock".into(), None),
        // One of several, and all of several.
        (format!("listen: [systemd, '{}']", socket("missing/m.sock")), Some("1 error")),
        (
            format!("listen: ['{}', '{}']", socket("missing/m.sock"), socket("away/m.sock")),
            Some("2 errors"),
        ),
    ] {
        place.settings(&listen);
        let said = place.run(&["check"]);
        says(&said, if wrong.is_some() { 78 } else { 0 }, &[wrong.unwrap_or("valid; listens on")]);
        // Nothing was made.
        assert!(!Path::new(&place.at("open/m.sock")).exists());
    }
}
