//! The first command of the README, as a newcomer runs it. Needs root or sudo, as the command does.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

/// Longer than anything takes on a busy machine; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A quickstart that runs. Dropped, it ends and cleans up.
struct Quickstart {
    process: Child,
    output: Receiver<String>,
    /// All it has said so far.
    said: Vec<String>,
}

impl Quickstart {
    /// Starts it, with the milter that is being tested.
    fn start() -> Self {
        let (output, to_output) = std::io::pipe().unwrap();
        // As from a terminal, also where the tests run in the background: a shell cannot trap a
        // signal that was ignored before it.
        let process = Command::new("env")
            .arg("--default-signal=HUP,INT,QUIT")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join("quickstart"))
            .env("MANDATORY_TLS_BINARY", env!("CARGO_BIN_EXE_mandatory-tls"))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(to_output.try_clone().unwrap())
            .stderr(to_output)
            .spawn()
            .unwrap();
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Self { process, output: lines, said: Vec::new() }
    }

    /// Starts it and waits until it is ready.
    fn ready() -> Self {
        let mut quickstart = Self::start();
        quickstart.wait_for("Ready.");
        quickstart
    }

    /// Waits for a line with these words.
    fn wait_for(&mut self, words: &str) -> String {
        while let Ok(line) = self.output.recv_timeout(PATIENCE) {
            self.said.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
        panic!("no line with `{words}` in:\n{}", self.said.join("\n"));
    }

    /// Waits until none of its processes has its output open any more.
    fn wait_for_silence(&mut self) {
        while let Ok(line) = self.output.recv_timeout(PATIENCE) {
            self.said.push(line);
        }
    }

    /// The lines from a heading to the next empty line.
    fn block(&self, heading: &str) -> &[String] {
        let start = self.said.iter().position(|line| line == heading);
        let start = start.unwrap_or_else(|| panic!("no `{heading}` in:\n{}", self.said.join("\n")));
        let block = &self.said[start + 1..];
        let end = block.iter().position(String::is_empty);
        &block[..end.unwrap_or(block.len())]
    }

    fn policy(&self) -> PathBuf {
        let named = self.said.iter().map(|line| line.trim());
        let mut policies = named.filter(|line| line.ends_with("/policy.yaml"));
        policies.next().unwrap().into()
    }

    fn directory(&self) -> PathBuf {
        self.policy().parent().unwrap().to_path_buf()
    }

    fn port(&self) -> u16 {
        let mut lines = self.said.iter();
        let ready = lines.find_map(|line| line.strip_prefix("Postfix is ready on 127.0.0.1:"));
        ready.unwrap().trim_end_matches('.').parse().unwrap()
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }
}

impl Drop for Quickstart {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.signal(Signal::SIGTERM);
            let _ = self.process.wait();
        }
    }
}

/// The answer to RCPT in a session without TLS.
fn answer_to_rcpt(port: u16, recipient: &str) -> String {
    let connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answers = BufReader::new(&connection).lines();
    let mut answer = || {
        let mut lines = answers.by_ref().map(Result::unwrap);
        lines.find(|line| line.as_bytes()[3] == b' ').unwrap()
    };
    answer();
    let mut last = String::new();
    for command in [
        "HELO client.example".to_owned(),
        "MAIL FROM:<you@sender.example>".to_owned(),
        format!("RCPT TO:<{recipient}>"),
    ] {
        write!(&connection, "{command}\r\n").unwrap();
        last = answer();
    }
    last
}

/// The processes that have the directory in their arguments or their environment: the milter, and
/// Postfix with its daemons.
fn processes_of(directory: &Path) -> Vec<String> {
    let directory = directory.to_str().unwrap().as_bytes();
    let names_it = |file: PathBuf| {
        let content = fs::read(file).unwrap_or_default();
        content.windows(directory.len()).any(|part| part == directory)
    };
    fs::read_dir("/proc")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|process| names_it(process.join("cmdline")) || names_it(process.join("environ")))
        .map(|process| fs::read_to_string(process.join("comm")).unwrap_or_default())
        .collect()
}

#[test]
fn the_quickstart_shows_what_is_refused_follows_the_policy_and_leaves_nothing_behind() {
    let mut quickstart = Quickstart::ready();
    for (heading, session, answer, log) in [
        (
            "Plaintext to anna@secure.example, opted in",
            "no TLS",
            "450 4.7.1 Mail for secure.example",
            "verdict=refuse reason=plaintext domain=secure.example",
        ),
        (
            "TLS that encrypts nothing to anna@secure.example, opted in",
            "TLSv1.2, NULL-SHA256, 0 bits",
            "450 4.7.1 Mail for secure.example",
            "verdict=refuse reason=null-cipher domain=secure.example",
        ),
        (
            "Good TLS to anna@secure.example, opted in",
            "TLSv1.3, ",
            "250 2.0.0 Ok: queued as ",
            "verdict=accept reason=adequate domain=secure.example",
        ),
        (
            "Plaintext to bert@open.example, not opted in",
            "no TLS",
            "250 2.0.0 Ok: queued as ",
            "verdict=accept reason=not-opted-in domain=open.example",
        ),
        (
            "TLS that encrypts nothing to bert@open.example, not opted in",
            "TLSv1.2, NULL-SHA256, 0 bits",
            "250 2.0.0 Ok: ",
            "verdict=accept reason=not-opted-in domain=open.example",
        ),
        (
            "Good TLS to bert@open.example, not opted in",
            "TLSv1.3, ",
            "250 2.0.0 Ok: queued as ",
            "verdict=accept reason=not-opted-in domain=open.example",
        ),
        (
            "Plaintext to carl@monitor.example, being watched",
            "no TLS",
            "250 2.0.0 Ok: queued as ",
            "verdict=would-refuse reason=plaintext domain=monitor.example",
        ),
    ] {
        let block = quickstart.block(heading);
        assert!(
            matches!(block, [of_session, of_answer, of_log]
                if of_session.starts_with(&format!("  session  {session}"))
                    && of_answer.starts_with(&format!("  answer   {answer}"))
                    && of_log.starts_with("  log      ") && of_log.contains(log)),
            "{heading}: {block:#?}"
        );
    }

    let port = quickstart.port();
    assert!(answer_to_rcpt(port, "bert@open.example").starts_with("250 "));
    let policy = fs::read_to_string(quickstart.policy()).unwrap();
    fs::write(quickstart.policy(), policy.replace("# - open.example", "- open.example")).unwrap();
    quickstart.wait_for("policy reloaded: 1 added (open.example)");
    let answer = answer_to_rcpt(port, "bert@open.example");
    assert!(answer.starts_with("450 4.7.1 Mail for open.example"), "{answer}");
    quickstart.wait_for("verdict=refuse reason=plaintext domain=open.example");

    let directory = quickstart.directory();
    assert_ne!(processes_of(&directory), [""; 0]);
    quickstart.signal(Signal::SIGINT);
    assert_eq!(quickstart.process.wait().unwrap().code(), Some(0));
    assert_eq!(processes_of(&directory), [""; 0]);
    assert!(!directory.exists());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn two_quickstarts_run_side_by_side() {
    let one = Quickstart::ready();
    let other = Quickstart::ready();
    assert_ne!(one.port(), other.port());
    let port_of_one = one.port();
    drop(one);
    assert!(TcpStream::connect(("127.0.0.1", port_of_one)).is_err());
    assert!(answer_to_rcpt(other.port(), "anna@secure.example").starts_with("450 "));
}

#[test]
fn a_quickstart_that_is_killed_leaves_nothing_behind_either() {
    let mut quickstart = Quickstart::ready();
    let directory = quickstart.directory();
    quickstart.signal(Signal::SIGKILL);
    quickstart.wait_for_silence();
    assert_eq!(processes_of(&directory), [""; 0]);
    assert!(!directory.exists());
}

#[test]
fn a_quickstart_without_a_milter_says_so() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/quickstart");
    let output =
        Command::new(script).env("MANDATORY_TLS_BINARY", "/no/such/program").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("MANDATORY_TLS_BINARY is /no/such/program, and that is no program"),
        "{said}"
    );
}
