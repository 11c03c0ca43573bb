//! The commands, as an administrator types them.

mod explain;

use serde_json::Value;
use std::{
    fs,
    io::Write,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::PathBuf,
    process::{Command, Output, Stdio},
};

struct Files(tempfile::TempDir);

impl Files {
    fn new(policy: &str) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        fs::write(files.path("policy.yaml"), policy).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut process = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        process.wait_with_output().unwrap()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const POLICY: &str = "\
trusted: { authenticated: true }
domains:
  - example.com
  - { domain: watched.example, mode: monitor }
  - { domain: later.example, enforce_from: 2027-01-01 }
  - domain: excepted.example
    exceptions: [{ client: 192.0.2.0/24, until: 2026-12-31, reason: \"scanner\" }]
senders: [bank.example]
";

#[test]
fn check_tells_what_a_valid_policy_holds() {
    let files = Files::new(POLICY);
    let output = files.run(&["check", "--policy", "policy.yaml"], "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "policy.yaml: valid; 4 domains, 1 sender, 1 file\n");
    fs::write(
        files.path("milter.yaml"),
        "listen: [inet:127.0.0.1:0, unix:/run/m.sock]\npolicy: policy.yaml\n",
    )
    .unwrap();
    let output = files.run(&["check", "--config", "milter.yaml"], "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).starts_with(
        "milter.yaml: valid; listens on inet:127.0.0.1:0, unix:/run/m.sock\npolicy.yaml: valid;"
    ));
}

#[test]
fn check_ends_with_status_78_and_shows_every_error() {
    let files = Files::new("domain: []\ndomains: [a..b]\n");
    let output = files.run(&["check", "--policy", "policy.yaml"], "");
    assert_eq!(output.status.code(), Some(78));
    let said = stderr(&output);
    assert!(
        said.contains("policy.yaml:1:1")
            && said.contains("policy.yaml:2:11")
            && said.ends_with("2 errors\n"),
        "{said}"
    );
}

#[test]
fn check_and_explain_take_the_installed_settings_unless_others_are_named() {
    let files = Files::new(POLICY);
    // Nothing is installed where the tests run.
    let [check, explain] =
        [&["check"][..], &["explain", "--rcpt", "user@example.com"]].map(|args| {
            let output = files.run(args, "");
            assert_eq!(output.status.code(), Some(78));
            stderr(&output)
        });
    for said in [check, explain] {
        assert!(said.contains("/etc/mandatory-tls/milter.yaml"), "{said}");
    }
    fs::write(files.path("milter.yaml"), "listen: inet:127.0.0.1:0\npolicy: policy.yaml\n")
        .unwrap();
    let named = ["explain", "--config", "milter.yaml", "--rcpt", "user@example.com"];
    let output = files.run(&named, "");
    assert!(stdout(&output).contains("refuse"), "{}", stderr(&output));
    let both = ["check", "--config", "milter.yaml", "--policy", "policy.yaml"];
    assert_eq!(files.run(&both, "").status.code(), Some(64));
}

#[test]
fn check_sees_the_files_as_the_milters_user_does_whoever_runs_it() {
    assert!(nix::unistd::geteuid().is_root(), "only root can become other users: use tests/run");
    // The milter's user is daemon, to whom the state directory belongs; nobody is an administrator.
    let (daemon, nobody) = (1, 65534);
    let mode = |path: &PathBuf, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let files = Files::new("include: [d/*.yaml, e/one.yaml]\n");
    let settings = "listen: inet:127.0.0.1:0\npolicy: policy.yaml\nstate_dir: state\n";
    fs::write(files.path("milter.yaml"), settings).unwrap();
    for directory in ["d", "e", "state"] {
        fs::create_dir(files.path(directory)).unwrap();
    }
    for list in ["d/a.yaml", "e/one.yaml"] {
        fs::write(files.path(list), format!("- {}.example\n", list.len())).unwrap();
    }
    chown(files.path("state"), Some(daemon), None).unwrap();
    mode(&files.path(""), 0o755);
    // Where everybody can reach it: the checkout may lie below somebody's home directory.
    let program = files.path("program");
    fs::copy(env!("CARGO_BIN_EXE_mandatory-tls"), &program).unwrap();
    let check = |user| {
        let mut command = Command::new(&program);
        command.args(["check", "--config", "milter.yaml"]).current_dir(files.path(""));
        if user != 0 {
            command.uid(user).gid(user);
        }
        command.output().unwrap()
    };
    for user in [0, nobody] {
        let output = check(user);
        assert_eq!(output.status.code(), Some(0), "{user}: {}", stderr(&output));
    }
    for (path, denied, usual) in [
        ("d/a.yaml", 0o600, 0o644),
        ("e/one.yaml", 0o640, 0o644),
        ("d", 0o711, 0o755),
        ("e", 0o700, 0o755),
        ("milter.yaml", 0o600, 0o644),
        ("policy.yaml", 0o600, 0o644),
    ] {
        let file = files.path(path);
        chown(&file, Some(nobody), Some(nobody)).unwrap();
        mode(&file, denied);
        for user in [0, nobody] {
            let output = check(user);
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(78), "{user} {path}: {said}");
            assert!(said.contains(path) && said.contains("daemon"), "{user} {path}: {said}");
            assert!(!said.contains("there is no file"), "{user} {path}: {said}");
        }
        mode(&file, usual);
        assert_eq!(check(0).status.code(), Some(0), "{path}");
    }
}

#[test]
fn the_milter_does_not_start_with_a_policy_that_has_errors() {
    let files = Files::new("domains: [a..b]\n");
    fs::write(files.path("milter.yaml"), "listen: inet:127.0.0.1:0\npolicy: policy.yaml\n")
        .unwrap();
    let output = files.run(&["milter", "--config", "milter.yaml"], "");
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("policy.yaml:1:11"), "{}", stderr(&output));
}

#[test]
fn the_milter_says_why_it_cannot_listen() {
    let files = Files::new(POLICY);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (listen, expected) in [
        (format!("inet:127.0.0.1:{port}"), "another process listens there"),
        ("unix:/no/such/directory/m.sock".to_owned(), "create the directory"),
        (
            "{ socket: \"unix:/tmp/m.sock\", group: no-such-group }".to_owned(),
            "there is no group `no-such-group`",
        ),
    ] {
        fs::write(files.path("milter.yaml"), format!("listen: {listen}\npolicy: policy.yaml\n"))
            .unwrap();
        let output = files.run(&["milter", "--config", "milter.yaml"], "");
        assert_eq!(output.status.code(), Some(69), "{listen}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

#[test]
fn a_socket_on_which_another_milter_listens_is_left_to_it() {
    let files = Files::new(POLICY);
    let socket = files.path("m.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let settings = format!("listen: unix:{}\npolicy: policy.yaml\n", socket.display());
    fs::write(files.path("milter.yaml"), settings).unwrap();
    let output = files.run(&["milter", "--config", "milter.yaml"], "");
    assert_eq!(output.status.code(), Some(69));
    assert!(stderr(&output).contains("another process listens there"), "{}", stderr(&output));
    assert!(std::os::unix::net::UnixStream::connect(&socket).is_ok());
    drop(listener);
}

#[test]
fn requirements_are_listed_with_those_of_the_policy() {
    let files = Files::new("requirements: { own: { min_version: TLSv1.3 } }\ndomains: []\n");
    let listed = stdout(&files.run(&["requirements", "--policy", "policy.yaml"], ""));
    for name in ["baseline", "rfc9325-strict", "bsi-tr-02102-2", "own"] {
        assert!(listed.lines().any(|line| line.starts_with(&format!("{name} "))), "{listed}");
    }
    let json: Value =
        serde_json::from_str(&stdout(&files.run(&["requirements", "--format", "json"], "")))
            .unwrap();
    assert_eq!(json[0]["name"], "baseline");
}

#[test]
fn a_requirement_says_what_it_takes_and_refuses_and_why() {
    let files = Files::new(POLICY);
    let shown = stdout(&files.run(&["requirements", "rfc9325-strict"], ""));
    let (head, rest) = shown.split_once("\nTakes:\n").unwrap();
    let (taken, refused) = rest.split_once("\nRefuses:\n").unwrap();
    assert!(head.contains("Source: ") && head.contains("forward secrecy"), "{head}");
    assert!(
        taken.contains("  ECDHE-RSA-AES128-GCM-SHA256 ")
            && taken.contains("  TLS_AES_128_GCM_SHA256 "),
        "{taken}"
    );
    let line = refused.lines().find(|line| line.starts_with("  AES256-SHA ")).unwrap();
    assert!(line.contains("AES256-SHA is not accepted"), "{line}");
    assert_eq!(files.run(&["requirements", "rfc"], "").status.code(), Some(64));
}

#[test]
fn every_requirement_says_what_it_thinks_of_one_suite_in_any_spelling() {
    let files = Files::new(POLICY);
    for name in ["ECDHE-RSA-AES256-SHA384", "tls_ecdhe_rsa_with_aes_256_cbc_sha384"] {
        let shown = stdout(&files.run(&["requirements", "--suite", name], ""));
        assert!(
            shown.lines().any(|line| line.starts_with("baseline ") && line.ends_with("  taken")),
            "{shown}"
        );
        assert!(
            shown.lines().any(
                |line| line.starts_with("mozilla-modern ") && line.contains("TLSv1.3 or newer")
            ),
            "{shown}"
        );
    }
    let wrong = files.run(&["requirements", "--suite", "ECDHE-RSA-AES256-SHA38"], "");
    assert_eq!(wrong.status.code(), Some(64));
    assert!(
        stderr(&wrong).contains("did you mean `ECDHE-RSA-AES256-SHA384`"),
        "{}",
        stderr(&wrong)
    );
}

#[test]
fn what_is_typed_wrong_ends_with_status_64() {
    let files = Files::new(POLICY);
    for arguments in [
        &["explain", "--policy", "policy.yaml"][..],
        &["explain", "--policy", "policy.yaml", "--rcpt", "u@example.com", "--client", "here"],
        &["explain", "--policy", "policy.yaml", "--rcpt", "u@example.com", "--at", "soon"],
        &["explain", "--policy", "policy.yaml", "--rcpt", "u@example.com", "--require", "strong"],
        &[
            "explain",
            "--policy",
            "policy.yaml",
            "--rcpt",
            "u@example.com",
            "--unknown-tls",
            "--cipher",
            "x",
        ],
        &["mliter"],
    ] {
        let output = files.run(arguments, "");
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(!stderr(&output).is_empty());
    }
    let help = files.run(&["--help"], "");
    assert_eq!(help.status.code(), Some(0));
    for command in ["milter", "check", "explain", "requirements", "Exit status"] {
        assert!(stdout(&help).contains(command), "{command}");
    }
}

#[test]
fn a_help_of_several_paragraphs_is_wrapped_once() {
    for command in [
        &["setup", "postfix"][..],
        &["check"],
        &["doctor"],
        &["explain"],
        &["export", "postfix-tls-policy"],
        &["follow-log"],
        &["milter"],
        &["reload"],
        &["report"],
        &["simulate"],
    ] {
        let program = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
            .args(command)
            .arg("--help")
            .env_remove("COLUMNS")
            .output()
            .unwrap();
        let help = String::from_utf8(program.stdout).unwrap();
        let (_, prose) = help.split_once("\n\nOptions:\n").unwrap();
        let (_, prose) = prose.split_once("\n\n").unwrap();
        let lines: Vec<&str> = prose.lines().filter(|line| !line.starts_with(' ')).collect();
        for pair in lines.windows(2).filter(|pair| pair.iter().all(|line| !line.is_empty())) {
            let next = pair[1].split(' ').next().unwrap();
            // To a pipe, a hundred columns.
            assert!(pair[0].len() + 1 + next.len() > 100, "{command:?}: {pair:?}");
        }
    }
}
