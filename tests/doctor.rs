//! `doctor`, as somebody runs it who is not root.

use std::{
    fs,
    os::unix::{
        fs::PermissionsExt,
        net::{UnixDatagram, UnixListener},
    },
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs it on the settings in a directory, as a user to whom nothing there belongs.
fn doctor(directory: &Path) -> (i32, String) {
    doctor_with(directory, &[])
}

fn doctor_with(directory: &Path, more: &[&str]) -> (i32, String) {
    let program = directory.join("mandatory-tls");
    let mut command = Command::new("setpriv");
    // The tests run as root.
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
    command.args(["doctor", "--config", "milter.yaml"]).args(more).current_dir(directory);
    let output = command.output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), said)
}

#[test]
fn what_an_ordinary_user_cannot_see_is_no_error() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::copy(env!("CARGO_BIN_EXE_mandatory-tls"), at("mandatory-tls")).unwrap();
    fs::create_dir(at("closed")).unwrap();
    let _socket = UnixListener::bind(at("closed/milter.sock")).unwrap();
    let _open = UnixListener::bind(at("open.sock")).unwrap();
    set_mode(&at("open.sock"), 0);
    fs::write(at("closed/status.json"), "{}").unwrap();
    fs::write(at("policy.yaml"), "domains: [a.example]\n").unwrap();
    let settings = format!(
        "listen: [unix:{0}/closed/milter.sock, unix:{0}/open.sock]\npolicy: policy.yaml\n\
         status_file: {0}/closed/status.json\n\
         socketmap: [unix:{0}/closed/deliver.sock, unix:{0}/open.sock, unix:{0}/nobody-asked-for.sock]\n",
        directory.path().display()
    );
    fs::write(at("milter.yaml"), settings).unwrap();
    set_mode(&at("closed"), 0);
    set_mode(directory.path(), 0o755);
    let (_, said) = doctor(directory.path());
    assert!(said.contains("unseen   service    whether the milter runs"), "{said}");
    assert_eq!(said.matches("unseen   socket ").count(), 2, "{said}");
    assert!(said.contains("ok       policy") && !said.contains("ERROR"), "{said}");
    // Nobody has anything to do with the second hop here.
    assert!(said.contains(", 3 not seen") && !said.contains("next hops"), "{said}");
    fs::write(at("policy.yaml"), "domains: [{ domain: a.example, deliver: encrypt }]\n").unwrap();
    let (_, said) = doctor(directory.path());
    assert_eq!(said.matches("unseen   next hops ").count(), 2, "{said}");
    assert!(said.contains(", 5 not seen"), "{said}");

    set_mode(&at("policy.yaml"), 0);
    let (_, said) = doctor(directory.path());
    assert!(said.contains("unseen   policy     policy.yaml cannot be read by this user"), "{said}");
    assert!(!said.contains("ERROR"), "{said}");

    set_mode(&at("milter.yaml"), 0);
    let (code, said) = doctor(directory.path());
    assert!(said.contains("unseen   settings   milter.yaml cannot be read by this user"), "{said}");
    assert!(
        code == 1 && said.contains("What can be seen is right: 0 errors, 0 warnings, 1 not seen"),
        "{said}"
    );
    set_mode(&at("closed"), 0o755);
}

#[test]
fn a_finding_that_is_accepted_is_listed_and_leaves_monitoring_quiet() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::copy(env!("CARGO_BIN_EXE_mandatory-tls"), at("mandatory-tls")).unwrap();
    set_mode(directory.path(), 0o755);
    fs::write(at("milter.yaml"), "listen: unix:/nowhere/milter.sock\npolicy: none.yaml\n").unwrap();
    let (code, said) = doctor(directory.path());
    assert!(code == 2 && said.contains("WARNING  service ") && said.contains("3 errors"), "{said}");
    assert!(said.contains("[status-not-told]") && said.contains("[policy-broken]"), "{said}");
    let known = ["--accept", "policy-broken", "--accept", "status-not-told"];
    let (code, said) = doctor_with(directory.path(), &known);
    assert!(said.contains("accepted service ") && said.contains("accepted policy "), "{said}");
    assert!(code == 2 && said.contains("0 warnings, 2 accepted"), "{said}");
}

#[test]
fn where_no_status_is_told_a_milter_that_answers_is_not_called_down() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::copy(env!("CARGO_BIN_EXE_mandatory-tls"), at("mandatory-tls")).unwrap();
    set_mode(directory.path(), 0o755);
    let settings =
        format!("listen: unix:{}/milter.sock\npolicy: policy.yaml\n", directory.path().display());
    fs::write(at("milter.yaml"), settings).unwrap();
    fs::write(at("policy.yaml"), "domains: [a.example]\n").unwrap();
    let (_, said) = doctor(directory.path());
    let down = "no milter runs, so no policy is in force";
    assert!(said.contains(down) && said.contains("ERROR    in force "), "{said}");

    let notify = UnixDatagram::bind(at("notify")).unwrap();
    notify.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut milter = Command::new(at("mandatory-tls"));
    milter.args(["milter", "--config", "milter.yaml"]).current_dir(directory.path());
    let mut milter =
        milter.env("NOTIFY_SOCKET", at("notify")).stderr(Stdio::null()).spawn().unwrap();
    let mut told = [0; 4096];
    loop {
        let length = notify.recv(&mut told).expect("the milter is never ready");
        if String::from_utf8_lossy(&told[..length]).contains("READY=1") {
            break;
        }
    }
    set_mode(&at("milter.sock"), 0o777);
    let (_, said) = doctor(directory.path());
    milter.kill().unwrap();
    milter.wait().unwrap();
    assert!(said.contains("milter.sock answers to this user"), "{said}");
    let unknown = "WARNING  in force   the settings have no `status_file`, so what is in force cannot be told";
    assert!(said.contains(unknown) && !said.contains(down), "{said}");
}
