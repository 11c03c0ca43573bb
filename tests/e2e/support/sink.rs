//! Where an MTA's mail arrives: an SMTP server in the test's own process, so that a delivery is an
//! event and not a file to look for.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use super::PATIENCE;

/// A message that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// MAIL FROM, without brackets.
    pub sender: String,
    /// RCPT TO, without brackets.
    pub recipients: Vec<String>,
    /// Header and body.
    pub message: String,
}

impl Delivery {
    /// Its Subject.
    pub fn subject(&self) -> &str {
        self.message.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default()
    }
}

/// The server. It takes whatever comes, until it is dropped.
pub struct Sink {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    arrived: Mutex<Arrived>,
    news: Condvar,
}

#[derive(Default)]
struct Arrived {
    deliveries: Vec<Delivery>,
    closed: bool,
}

impl Sink {
    /// Where `up-postfix` and `up-sendmail` deliver to: not the address that the MTA itself listens on,
    /// which it would take for itself.
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

    /// Starts one.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Self::ADDRESS, 0)).expect("a port of loopback");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::<Shared>::default();
        let sink = Self { port, shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.arrived.lock().expect("no panic while locked").closed {
                    return;
                }
                let shared = Arc::clone(&shared);
                // The MTA may hang up whenever it likes.
                std::thread::spawn(move || stream.and_then(|stream| serve(stream, &shared)));
            }
        });
        sink
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until there are as many deliveries, and returns all.
    pub fn wait_for(&self, count: usize) -> Vec<Delivery> {
        self.wait_until(&format!("{count} deliveries"), |all| {
            (all.len() >= count).then(|| all.to_vec())
        })
    }

    /// Waits for the delivery with this subject.
    pub fn wait_for_subject(&self, subject: &str) -> Delivery {
        self.wait_until(&format!("the message {subject}"), |all| {
            all.iter().find(|delivery| delivery.subject() == subject).cloned()
        })
    }

    /// What has arrived so far.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.arrived.lock().expect("no panic while locked").deliveries.clone()
    }

    fn wait_until<T>(&self, what: &str, ask: impl Fn(&[Delivery]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut arrived = self.shared.arrived.lock().expect("no panic while locked");
        loop {
            if let Some(answer) = ask(&arrived.deliveries) {
                return answer;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let subjects: Vec<_> =
                    arrived.deliveries.iter().map(|one| one.subject().to_owned()).collect();
                drop(arrived);
                panic!("waited in vain for {what}; arrived: {subjects:?}");
            }
            arrived =
                self.shared.news.wait_timeout(arrived, left).expect("no panic while locked").0;
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Ok(mut arrived) = self.shared.arrived.lock() {
            arrived.closed = true;
        }
        // The listener is waiting for a connection: here is one. It may be gone already.
        drop(TcpStream::connect((Self::ADDRESS, self.port)));
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    // Or each of several answers waits until the MTA has acknowledged the one before.
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut lines = BufReader::new(stream);
    let mut sender = String::new();
    let mut recipients = Vec::new();
    let mut line = Vec::new();
    writer.write_all(b"220 sink.test ESMTP\r\n")?;
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let command = String::from_utf8_lossy(&line).trim_end().to_owned();
        let verb = command.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            "MAIL" => {
                sender = address(&command);
                recipients.clear();
                b"250 2.1.0 ok\r\n"
            }
            "RCPT" => {
                recipients.push(address(&command));
                b"250 2.1.5 ok\r\n"
            }
            "DATA" => {
                writer.write_all(b"354 go on\r\n")?;
                let message = message(&mut lines)?;
                let delivery = Delivery {
                    sender: sender.clone(),
                    recipients: std::mem::take(&mut recipients),
                    message,
                };
                shared.arrived.lock().expect("no panic while locked").deliveries.push(delivery);
                shared.news.notify_all();
                b"250 2.0.0 arrived\r\n"
            }
            "QUIT" => return writer.write_all(b"221 2.0.0 bye\r\n"),
            _ => b"250 2.0.0 ok\r\n",
        };
        writer.write_all(answer)?;
    }
}

/// What stands in angle brackets.
fn address(command: &str) -> String {
    let start = command.split_once('<').map_or("", |(_, rest)| rest);
    start.rsplit_once('>').map_or(start, |(address, _)| address).to_owned()
}

/// The lines up to the single dot.
fn message(lines: &mut impl BufRead) -> io::Result<String> {
    let mut message = String::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&line);
        match text.trim_end() {
            "." => return Ok(message),
            text => {
                message.push_str(text.strip_prefix('.').unwrap_or(text));
                message.push('\n');
            }
        }
    }
}
