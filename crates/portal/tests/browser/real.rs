//! A milter as it is, and a Postfix before it: what the pages say is held against what mail is answered.
//!
//! Needs root, and what tests/install has made.

use super::gateway::Gateway;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

// What the end-to-end tests of the milter stand on, as far as it is of use here.
#[path = "../../../../tests/e2e/support/lines.rs"]
#[expect(dead_code, reason = "the end-to-end tests use more of it")]
mod lines;
#[path = "../../../../tests/e2e/support/mta.rs"]
#[expect(dead_code, reason = "the end-to-end tests use more of it")]
mod mta;
#[path = "../../../../tests/e2e/support/place.rs"]
#[expect(dead_code, reason = "the end-to-end tests use more of it")]
mod place;
#[path = "../../../../tests/e2e/support/ports.rs"]
mod ports;

pub use place::wait_until_or;

use lines::Lines;
use mta::Mta;
use place::{PATIENCE, cache, open_directory, script};
use ports::PortBlock;

/// Postfix, the milter, and the gateway's files between them.
pub struct Real {
    postfix: Mta,
    milter: Option<Child>,
    said: Lines,
    settings: PathBuf,
    _port: PortBlock,
}

impl Real {
    /// Starts both; the gateway is for whoever has the portal.
    pub fn start() -> (Self, Gateway) {
        let port = PortBlock::claim();
        let listen = format!("inet:127.0.0.1:{}", port.first());
        let gateway = Gateway::without_mail(&listen);
        let mut real = Self {
            postfix: Mta::start(
                "up-postfix",
                [
                    "--milter",
                    &listen,
                    "--main",
                    "relay_domains = example.org, shop.example, other.example, own.example",
                    "--main",
                    "smtpd_tls_ask_ccert = yes",
                ],
            ),
            milter: None,
            said: Lines::empty("milter"),
            settings: gateway.path("milter.yaml"),
            _port: port,
        };
        real.start_milter();
        (real, gateway)
    }

    /// Starts the milter (again), on the same socket.
    pub fn start_milter(&mut self) {
        // Beside the portal's, where `cargo test --workspace` puts it.
        let portal = PathBuf::from(env!("CARGO_BIN_EXE_mandatory-tls-portal"));
        let program = portal.with_file_name("mandatory-tls");
        assert!(program.exists(), "there is no {}: cargo build first", program.display());
        let before = self.said.len();
        // The signal on our death covers a test run that is killed and drops nothing.
        let mut milter = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(program)
            .args(["milter", "--config"])
            .arg(&self.settings)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        self.said.follow(milter.stderr.take().unwrap());
        self.milter = Some(milter);
        self.said.wait_after(before, "its socket", |line| line.contains("listening on "));
    }

    /// Stops it in order, as systemd does.
    pub fn stop_milter(&mut self) {
        use nix::sys::signal::{Signal, kill};
        let mut milter = self.milter.take().unwrap();
        let id = nix::unistd::Pid::from_raw(i32::try_from(milter.id()).unwrap());
        kill(id, Signal::SIGTERM).unwrap();
        assert!(milter.wait().unwrap().success());
    }

    /// The answer to a message in the clear: to its first recipient, or to what was refused before.
    pub fn plaintext(&self, helo: &str, sender: &str, recipient: &str) -> String {
        let session = TcpStream::connect(("127.0.0.1", self.postfix.port())).unwrap();
        session.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answers = BufReader::new(&session);
        answer(&mut answers);
        rcpt(&mut answers, &session, helo, sender, recipient)
    }

    /// The same over TLS, with a client certificate of this name where there is one.
    pub fn encrypted(
        &self,
        helo: &str,
        sender: &str,
        recipient: &str,
        certificate: &str,
    ) -> String {
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-quiet", "-ign_eof", "-starttls", "smtp", "-connect"]);
        openssl.arg(format!("127.0.0.1:{}", self.postfix.port()));
        let directory = open_directory("certificate");
        if !certificate.is_empty() {
            let (ca, tls) = (cache().join("tls"), directory.path());
            let sign = "openssl req -new -utf8 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
                -keyout key -out request -config config 2>log &&
                openssl x509 -req -in request -CA \"$1/ca.crt\" -CAkey \"$1/ca.key\" -set_serial 7 -out certificate 2>>log \
                || { cat log; exit 1; }";
            let config = format!(
                "[req]\nprompt=no\ndistinguished_name=name\nutf8=yes\n[name]\nCN={certificate}\n"
            );
            std::fs::write(tls.join("config"), config).unwrap();
            let signed = Command::new("sh")
                .args(["-c", sign, "sh"])
                .arg(ca)
                .current_dir(tls)
                .output()
                .unwrap();
            assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stdout));
            openssl.arg("-cert").arg(tls.join("certificate")).arg("-key").arg(tls.join("key"));
        }
        let mut session = openssl
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = session.stdin.take().unwrap();
        let mut answers = BufReader::new(session.stdout.take().unwrap());
        let answer = rcpt(&mut answers, &to, helo, sender, recipient);
        drop(to);
        session.kill().unwrap();
        session.wait().unwrap();
        answer
    }

    /// Waits until the milter has judged so many recipients so.
    pub fn wait_for_verdicts(&self, verdict: &str, count: usize) {
        let verdict = format!("verdict={verdict} ");
        let judged = || self.said.matching(|line| line.contains(&verdict)).len();
        wait_until_or(
            || format!("{count} lines with {verdict}\n{}", self.said),
            || (judged() >= count).then_some(()),
        );
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        if let Some(mut milter) = self.milter.take() {
            let _ = milter.kill();
            let _ = milter.wait();
        }
        self.said.print_if_failed();
    }
}

/// An answer's last line.
fn answer(answers: &mut impl BufRead) -> String {
    loop {
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        assert!(line.len() > 3, "the session ended: {line:?}");
        if line.as_bytes()[3] == b' ' {
            return line.trim_end().to_owned();
        }
    }
}

fn rcpt(
    answers: &mut BufReader<impl Read>,
    mut to: impl Write,
    helo: &str,
    sender: &str,
    recipient: &str,
) -> String {
    to.write_all(format!("EHLO {helo}\r\n").as_bytes()).unwrap();
    // Before it comes what openssl shows of the answer to its own EHLO.
    let mut line = String::new();
    while !line.starts_with("250-") {
        line.clear();
        assert_ne!(answers.read_line(&mut line).unwrap(), 0, "the session ended");
    }
    let mut last = answer(answers);
    for command in [format!("MAIL FROM:<{sender}>"), format!("rcpt to:<{recipient}>")] {
        to.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        last = answer(answers);
        if !last.starts_with("250") {
            break;
        }
    }
    last
}
