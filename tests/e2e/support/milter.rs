//! The product itself: its binary as a process, with settings and policy in a directory of its own.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::lines::Lines;
use super::ports::PortBlock;
use super::{open_directory, wait_until};

/// How to set up the milter; by default on TCP, with all log levels.
#[derive(Default)]
pub struct MilterOptions {
    unix_socket: Option<UnixSocket>,
    passed_socket: bool,
    log: String,
    log_file: Option<PathBuf>,
    settings: String,
    within: Vec<String>,
}

enum UnixSocket {
    ForPostfix(PathBuf),
    Own,
}

impl MilterOptions {
    /// On this Unix socket, open to user and group `postfix`.
    pub fn unix_socket_for_postfix(self, path: impl Into<PathBuf>) -> Self {
        Self { unix_socket: Some(UnixSocket::ForPostfix(path.into())), ..self }
    }

    /// On a Unix socket in the milter's own directory.
    pub fn own_unix_socket(self) -> Self {
        Self { unix_socket: Some(UnixSocket::Own), ..self }
    }

    /// On a socket that outlives it, as systemd passes them: connections wait there for the next.
    pub fn passed_socket(self) -> Self {
        Self { passed_socket: true, ..self }
    }

    /// With its standard error in this file of its directory.
    pub fn log_file(self, path: &str) -> Self {
        Self { log_file: Some(path.into()), ..self }
    }

    /// Run by this command, to which the milter's own is appended.
    pub fn within(self, command: &[&str]) -> Self {
        Self { within: command.iter().map(|&word| word.to_owned()).collect(), ..self }
    }

    /// With these settings of the log, on top of those that the tests need.
    pub fn log(self, settings: &str) -> Self {
        Self { log: format!(", {settings}"), ..self }
    }

    /// With these lines in its settings.
    pub fn settings(self, settings: &str) -> Self {
        Self { settings: format!("{}{settings}\n", self.settings), ..self }
    }
}

/// A milter. Dropped, it is killed.
pub struct Milter {
    socket: Socket,
    directory: tempfile::TempDir,
    lines: Lines,
    log_file: Option<PathBuf>,
    within: Vec<String>,
    process: Option<Child>,
}

enum Socket {
    /// A port that stays ours while the milter is stopped and started again.
    Tcp(PortBlock),
    Unix(PathBuf),
    Passed(TcpListener),
}

impl Milter {
    /// Starts the milter with this policy; it listens.
    pub fn start(policy: &str) -> Self {
        Self::start_with(policy, MilterOptions::default())
    }

    /// The same, with options.
    pub fn start_with(policy: &str, options: MilterOptions) -> Self {
        Self::start_in(open_directory("milter"), policy, options)
    }

    /// The same, in a directory that is there already.
    pub fn start_in(directory: tempfile::TempDir, policy: &str, options: MilterOptions) -> Self {
        let (socket, listen) = match options.unix_socket {
            None if options.passed_socket => {
                let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
                (Socket::Passed(listener), "systemd".into())
            }
            None => {
                let ports = PortBlock::claim();
                let listen = format!("inet:127.0.0.1:{}", ports.first());
                (Socket::Tcp(ports), listen)
            }
            Some(UnixSocket::ForPostfix(path)) => {
                let listen = format!(
                    "{{ socket: 'unix:{}', mode: '0660', group: postfix }}",
                    path.display()
                );
                (Socket::Unix(path), listen)
            }
            Some(UnixSocket::Own) => {
                let path = directory.path().join("milter.sock");
                let listen = format!("'unix:{}'", path.display());
                (Socket::Unix(path), listen)
            }
        };
        let MilterOptions { log, log_file, settings, within, .. } = options;
        let settings = format!(
            "listen:\n  - {listen}\npolicy: policy.yaml\nlog: {{ to: stderr, level: debug{log} }}\n{settings}"
        );
        fs::write(directory.path().join("milter.yaml"), settings).expect("our own directory");
        let lines = Lines::empty("milter");
        let mut milter = Self { socket, directory, lines, log_file, within, process: None };
        milter.write_policy(policy);
        milter.start_again();
        milter
    }

    /// Runs the milter with a policy that is bad, to its end.
    pub fn fails_to_start(policy: &str) -> Output {
        let directory = open_directory("milter");
        let settings = "listen: [\"inet:127.0.0.1:0\"]\npolicy: policy.yaml\n";
        fs::write(directory.path().join("milter.yaml"), settings).expect("our own directory");
        fs::write(directory.path().join("policy.yaml"), policy).expect("our own directory");
        command(directory.path(), &[]).output().expect("setpriv runs")
    }

    /// Starts it (again), on the same socket and with the policy that is there now.
    pub fn start_again(&mut self) {
        let before = self.lines.len();
        let directory = self.directory.path();
        let mut command = match &self.socket {
            Socket::Passed(listener) => {
                let mut within = self.within.clone();
                // Descriptor 3, and the number of the process that it is for (sd_listen_fds(3)).
                let pass = "exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"";
                within.extend(["sh", "-c", pass, "sh"].map(str::to_owned));
                let mut command = command(directory, &within);
                command.stdin(OwnedFd::from(listener.try_clone().expect("a descriptor")));
                command
            }
            _ => command(directory, &self.within),
        };
        if let Some(file) = &self.log_file {
            let path = directory.join(file);
            let file = fs::OpenOptions::new().append(true).create(true).open(&path);
            let process =
                command.stderr(file.expect("our own directory")).spawn().expect("setpriv runs");
            self.lines.follow(follow_file(&path, process.id()));
            self.process = Some(process);
        } else {
            let mut process = command.spawn().expect("setpriv runs");
            self.lines.follow(process.stderr.take().expect("piped"));
            self.process = Some(process);
        }
        self.lines.wait_after(before, "its socket", |line| line.contains("listening on "));
    }

    /// Its socket, as `smtpd_milters` has it.
    pub fn postfix_name(&self) -> String {
        match &self.socket {
            Socket::Tcp(ports) => format!("inet:127.0.0.1:{}", ports.first()),
            Socket::Unix(path) => format!("unix:{}", path.display()),
            Socket::Passed(listener) => {
                format!("inet:{}", listener.local_addr().expect("it is bound"))
            }
        }
    }

    /// Its TCP port; none on a Unix socket.
    pub fn port(&self) -> Option<u16> {
        match &self.socket {
            Socket::Tcp(ports) => Some(ports.first()),
            Socket::Unix(_) => None,
            Socket::Passed(listener) => Some(listener.local_addr().expect("it is bound").port()),
        }
    }

    /// What it writes to standard error.
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Waits for the line of a verdict on a recipient of this domain.
    pub fn wait_for_verdict(&self, verdict: &str, domain: &str) -> Verdict {
        let line = self.lines.wait_for(&format!("verdict={verdict} domain={domain}"), |line| {
            field(line, "verdict") == Some(verdict) && field(line, "domain") == Some(domain)
        });
        Verdict { line }
    }

    /// Runs another command of the program with the same settings, to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"));
        command.args(arguments).arg("--config").arg(self.directory.path().join("milter.yaml"));
        command.current_dir(self.directory.path()).output().expect("our own binary")
    }

    /// Runs doctor with the same settings, on the MTA whose configuration lies there; what it prints, and
    /// its exit status.
    pub fn doctor(&self, mta: &Path, arguments: &[&str]) -> (String, i32) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"));
        command
            .arg("doctor")
            .args(arguments)
            .arg("--config")
            .arg(self.directory.path().join("milter.yaml"));
        let output = command.env("MAIL_CONFIG", mta).output().expect("our own binary");
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        (said, output.status.code().expect("no signal"))
    }

    /// What a command that succeeds prints.
    pub fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Puts a policy into its place, whole in one step as editors and tools do, and returns what to wait
    /// behind: the number of lines logged before.
    pub fn write_policy(&self, policy: &str) -> usize {
        let before = self.lines.len();
        let new = self.directory.path().join("policy.yaml.new");
        fs::write(&new, policy).expect("our own directory");
        fs::rename(new, self.directory.path().join("policy.yaml")).expect("our own directory");
        before
    }

    /// Puts a policy into its place and waits until it is in force.
    pub fn change_policy(&self, policy: &str) {
        let before = self.write_policy(policy);
        self.lines.wait_after(before, "the new policy", |line| line.contains("policy reloaded"));
    }

    /// Asks it to read the policy again (SIGHUP).
    pub fn reload(&self) {
        self.signal(Signal::SIGHUP);
    }

    /// Stops it in order (SIGTERM) and waits for its end.
    pub fn stop(&mut self) -> ExitStatus {
        self.ask_to_stop();
        self.wait()
    }

    /// Asks it to stop (SIGTERM); it may have sessions to wait for.
    pub fn ask_to_stop(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Ends it at once (SIGKILL), as a crash does.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal(Signal::SIGKILL);
        self.wait()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("it runs");
        wait_until("the end of the milter", || process.try_wait().expect("our child"))
    }

    /// Where its settings and its policy are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its memory, in KiB.
    pub fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// A line of its memory in proc(5), in KiB.
    pub fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
        number.expect("the kernel says so").parse().expect("a number")
    }

    /// How many connections it has not closed yet, on TCP; those that nobody has accepted count as well.
    pub fn connections(&self) -> usize {
        // The columns of proc_net_tcp: number, local and remote address, state, all in hexadecimal.
        let local = format!(":{:04X}", self.port().expect("on TCP"));
        let (established, close_wait) = ("01", "08");
        let table = fs::read_to_string("/proc/net/tcp").expect("the kernel says so");
        let rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
        rows.filter(|row| row[1].ends_with(&local) && [established, close_wait].contains(&row[3]))
            .count()
    }

    /// Sets one of its limits, as an option of prlimit(1).
    pub fn limit(&self, option: &str) {
        let status =
            Command::new("prlimit").arg("--pid").arg(self.id().to_string()).arg(option).status();
        assert!(status.expect("prlimit runs").success(), "{option}");
    }

    fn id(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.id()).expect("a PID")), signal).expect("our child");
    }
}

impl Drop for Milter {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
        self.lines.print_if_failed();
    }
}

/// The product's command. The signal on our death covers a test run that is killed and drops nothing.
fn command(directory: &Path, within: &[String]) -> Command {
    let program = within.first().map_or("setpriv", String::as_str);
    let mut command = Command::new(program);
    command.args(within.iter().skip(1));
    if !within.is_empty() {
        command.arg("setpriv");
    }
    command
        .args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_mandatory-tls"), "milter", "--config"])
        .arg(directory.join("milter.yaml"))
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// What a process writes to a file, as long as it lives.
fn follow_file(path: &Path, id: u32) -> impl std::io::Read + use<> {
    let pid = id.to_string();
    let mut tail = Command::new("tail")
        .args(["--pid", &pid, "-n", "+1", "-f"])
        .arg(path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("tail runs");
    let lines = tail.stdout.take().expect("piped");
    // It ends with the process.
    std::thread::spawn(move || tail.wait());
    lines
}

/// The log line of a verdict.
pub struct Verdict {
    line: String,
}

impl Verdict {
    /// Asserts the value of a field.
    #[track_caller]
    pub fn has(&self, name: &str, value: &str) -> &Self {
        assert_eq!(field(&self.line, name), Some(value), "{name} in {}", self.line);
        self
    }
}

/// The value of `name=value` or `name="value"` in a log line.
pub fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_whitespace()
        .filter_map(|word| word.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.trim_matches('"'))
}
