//! The milter as a process, and an MTA that speaks to it.

use std::{
    cell::RefCell,
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

/// Longer than anything here takes; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const ALL_OPTIONS: u32 = 0x1f_ffff;

/// The Unix socket, in the milter's directory.
pub const SOCKET: &str = "milter.sock";

/// The state directory of the service, as systemd would name it, in the milter's directory.
pub const UNIT_STATE: &str = "unit-state";

/// The milter as a process, logging JSON.
pub struct Milter {
    pub process: Child,
    lines: Receiver<String>,
    /// Lines from before it listened, which nobody has waited for yet.
    early: RefCell<VecDeque<String>>,
    pub address: String,
    directory: tempfile::TempDir,
}

impl Milter {
    pub fn start(policy: &str, settings: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), &[("policy.yaml", policy)], settings)
    }

    /// Starts with these files in a directory.
    pub fn start_in(directory: tempfile::TempDir, files: &[(&str, &str)], settings: &str) -> Self {
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let path = directory.path().join("milter.yaml");
        let socket = directory.path().join(SOCKET);
        let common =
            format!("listen: [inet:127.0.0.1:0, unix:{}]\npolicy: policy.yaml\n", socket.display());
        fs::write(&path, format!("{common}{settings}\n")).unwrap();
        Self::launch(directory)
    }

    /// Starts with what lies in a directory.
    fn launch(directory: tempfile::TempDir) -> Self {
        let path = directory.path().join("milter.yaml");
        let mut process = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
            .args(["milter", "--config"])
            .arg(&path)
            .env("STATE_DIRECTORY", directory.path().join(UNIT_STATE))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.split(b'\n').map_while(Result::ok) {
                let _ = send.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        let mut milter =
            Self { process, lines, early: RefCell::default(), address: String::new(), directory };
        let mut early = VecDeque::new();
        let line = loop {
            let line = milter.wait_for_line("");
            if line.contains("listening on inet:") {
                break line;
            }
            early.push_back(line);
        };
        milter.early = early.into();
        let (_, rest) = line.split_once("listening on inet:").unwrap();
        milter.address = rest.chars().take_while(|c| *c != '"' && !c.is_whitespace()).collect();
        milter
    }

    /// Ends it, as systemd does, and starts it again with the same files.
    pub fn restart(mut self) -> Self {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        assert!(self.process.wait().unwrap().success());
        let nothing = tempfile::tempdir().unwrap();
        let directory = std::mem::replace(&mut self.directory, nothing);
        drop(self);
        Self::launch(directory)
    }

    /// A file of the policy.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Asserts what is in a directory.
    pub fn entries_are(&self, directory: &str, expected: &[&str]) {
        let entries = fs::read_dir(self.path(directory)).unwrap();
        let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, expected);
    }

    pub fn wait_for_line(&self, part: &str) -> String {
        loop {
            let early = self.early.borrow_mut().pop_front();
            let line = early.map_or_else(|| self.lines.recv_timeout(PATIENCE), Ok);
            let line = line.unwrap_or_else(|_| panic!("no line with {part}"));
            if line.contains(part) {
                return line;
            }
        }
    }

    /// All lines that nobody has waited for, up to the end of the process. Nobody else can wait
    /// for one from then on.
    pub fn take_lines(&mut self) -> impl Iterator<Item = String> + Send + use<> {
        let lines = std::mem::replace(&mut self.lines, channel().1);
        self.early.take().into_iter().chain(lines)
    }

    pub fn connect(&self) -> Mta {
        let socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Mta { socket }
    }

    /// A connection over the Unix socket.
    pub fn connect_locally(&self) -> Mta<UnixStream> {
        let socket = UnixStream::connect(self.path(SOCKET)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Mta { socket }
    }

    /// An MTA that has negotiated with all that Postfix offers, and announced its client.
    pub fn session(&self) -> Mta {
        let mut mta = self.connect();
        mta.negotiate(6, 0x1ff, ALL_OPTIONS);
        mta.send(b'D', b"Cj\0mx.test\0{daemon_port}\x0025\0");
        mta.send(b'C', b"client\x004\x30\x39203.0.113.9\0");
        mta
    }

    /// The memory of the process, in octets.
    pub fn memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<usize>().unwrap() * 1024
    }

    /// How many file descriptors the process has open.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.process.id().try_into().unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }
}

impl Drop for Milter {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A packet as it goes over the wire.
pub fn frame(letter: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len() + 1).unwrap();
    let mut frame = length.to_be_bytes().to_vec();
    frame.push(letter);
    frame.extend_from_slice(payload);
    frame
}

/// The payload of a packet of macros.
pub fn batch(stage: u8, pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut payload = vec![stage];
    for (name, value) in pairs {
        payload.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
    }
    payload
}

/// The MTA's side of a connection.
pub struct Mta<S = TcpStream> {
    pub socket: S,
}

impl<S: Read + Write> Mta<S> {
    pub fn send(&mut self, letter: u8, payload: &[u8]) {
        self.socket.write_all(&frame(letter, payload)).unwrap();
    }

    /// The next packet; none if the milter has closed the connection.
    pub fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut length = [0; 4];
        match self.socket.read(&mut length[..1]) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("no answer: {error}"),
        }
        self.socket.read_exact(&mut length[1..]).unwrap();
        let mut frame = vec![0; u32::from_be_bytes(length).try_into().unwrap()];
        self.socket.read_exact(&mut frame).unwrap();
        Some((frame[0], frame[1..].to_vec()))
    }

    pub fn negotiate(&mut self, version: u32, actions: u32, options: u32) -> Vec<u8> {
        self.send(b'O', &[version, actions, options].map(u32::to_be_bytes).concat());
        let (letter, payload) = self.receive().unwrap();
        assert_eq!(letter, b'O');
        payload
    }

    pub fn macros(&mut self, stage: u8, pairs: &[(&str, &str)]) {
        self.send(b'D', &batch(stage, pairs));
    }

    pub fn mail(&mut self) {
        self.macros(b'M', &[("j", "mx.test"), ("{mail_addr}", "a@b.test")]);
        self.send(b'M', b"<a@b.test>\0");
    }

    /// Sends a RCPT with TLS macros of its own; the answer's letter and text.
    pub fn rcpt(&mut self, argument: &str, tls: &[(&str, &str)]) -> (u8, String) {
        let mut pairs = vec![("j", "mx.test")];
        pairs.extend_from_slice(tls);
        self.macros(b'R', &pairs);
        self.bare_rcpt(argument)
    }

    pub fn bare_rcpt(&mut self, argument: &str) -> (u8, String) {
        self.send(b'R', format!("{argument}\0").as_bytes());
        let (letter, payload) = self.receive().unwrap();
        (letter, String::from_utf8(payload).unwrap())
    }
}
