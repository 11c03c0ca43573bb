//! What the package is made of: versions, units, examples.

use config::policy_file;
use config::settings::Settings;
use std::{fs, path::Path, path::PathBuf};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

#[test]
fn the_changelog_begins_with_the_version_of_the_program() {
    let changelog = text("CHANGELOG.md");
    let title = changelog.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    assert_eq!(title.split(' ').next().unwrap(), env!("CARGO_PKG_VERSION"));
}

/// The value of a directive; units name each of these once.
fn directive(unit: &str, name: &str) -> String {
    let unit = text(&format!("packaging/systemd/{unit}"));
    let line = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("{name}")).to_owned()
}

#[test]
fn the_units_fit_the_shipped_settings_and_their_defaults() {
    let settings = Settings::load(&path("conf/milter.yaml")).unwrap();
    assert!(settings.systemd && settings.listen.is_empty());
    let files: u32 = directive("mandatory-tls.service", "LimitNOFILE").parse().unwrap();
    assert!(files > settings.limits.connections + 64);
    let stop: u64 = directive("mandatory-tls.service", "TimeoutStopSec").parse().unwrap();
    assert!(stop > settings.limits.drain.as_secs());
    let status = settings.status_file.unwrap();
    let runtime = directive("mandatory-tls.service", "RuntimeDirectory");
    assert_eq!(status.parent().unwrap(), Path::new("/run").join(runtime));
    // Also said in src/cli/sockets.rs, conf/milter.yaml and docs/guide/install.md.
    for (unit, socket) in [
        ("mandatory-tls.socket", "/run/mandatory-tls/milter.sock"),
        ("mandatory-tls-postfix.socket", "/var/spool/postfix/mandatory-tls/milter.sock"),
    ] {
        assert_eq!(directive(unit, "ListenStream"), socket);
        assert!(text("src/cli/sockets.rs").contains(&format!("unix:{socket}")));
        assert!(text("docs/guide/install.md").contains(socket));
        assert!(directive("mandatory-tls.service", "Sockets").contains(unit));
    }
}

#[test]
fn systemd_keeps_the_socket_of_look_ups_under_the_name_by_which_it_is_taken() {
    let unit = "mandatory-tls-deliver.socket";
    let socket = directive(unit, "ListenStream");
    assert!(text("src/cli/sockets.rs").contains(&format!("unix:{socket}")));
    let name = directive(unit, "FileDescriptorName");
    assert!(text("src/cli/milter/next_hops.rs").contains(&format!("NAME: &str = \"{name}\"")));
    assert!(directive("mandatory-tls.service", "Sockets").contains(unit));
}

#[test]
fn a_package_that_is_made_without_git_copies_files_that_there_are() {
    let script = text("packaging/build-deb");
    let line = script.lines().find(|line| line.contains("cp -a \"$top\"/{")).unwrap();
    let (_, list) = line.split_once('{').unwrap();
    for name in list.split('}').next().unwrap().split(',') {
        assert!(path(name).exists(), "{name}");
    }
}

#[test]
fn the_doctor_looks_as_the_milters_user_and_leaves_what_it_found_where_the_metrics_look() {
    let settings = Settings::load(&path("conf/milter.yaml")).unwrap();
    let (doctor, milter) = ("mandatory-tls-doctor.service", "mandatory-tls.service");
    assert_eq!(directive(doctor, "User"), directive(milter, "User"));
    let writable = directive(doctor, "ReadWritePaths");
    let status = settings.status_file.unwrap();
    assert_eq!(Path::new(writable.trim_start_matches('-')), status.parent().unwrap());
    assert!(directive(doctor, "ExecStart").contains(" doctor --record "));
    // Warnings do not make the unit fail, errors do.
    assert_eq!(directive(doctor, "SuccessExitStatus"), "1");
    assert!(!directive(doctor, "TimeoutStartSec").is_empty());
}

#[test]
fn a_digest_that_hangs_does_not_keep_the_next_day_s_from_starting() {
    assert_eq!(directive("mandatory-tls-digest.service", "TimeoutStartSec"), "15min");
}

#[test]
fn the_files_of_the_kubernetes_example_are_valid() {
    let example = text("packaging/examples/kubernetes/mandatory-tls.yaml");
    let config_map = example.split("\n---\n").next().unwrap();
    let data = config_map.split("\ndata:\n").nth(1).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut name = String::new();
    for line in data.lines() {
        if let Some(file) = line.strip_prefix("  ").and_then(|line| line.strip_suffix(": |")) {
            name = file.trim().to_owned();
            continue;
        }
        let file = directory.path().join(&name);
        let before = fs::read_to_string(&file).unwrap_or_default();
        fs::write(&file, format!("{before}{}\n", line.strip_prefix("    ").unwrap())).unwrap();
    }
    let settings = Settings::load(&directory.path().join("milter.yaml")).unwrap();
    let policy = policy_file::load(&settings.policy).policy.unwrap();
    assert_eq!(policy.domains.len(), 2);
}
