//! An SMTP client that does exactly what a test says, however odd.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};

use openssl::base64;
use openssl::ssl::SslStream;
use socket2::{Domain, Socket, Type};

use super::PATIENCE;
use super::tls::{Tls, TlsState};

/// One connection to an MTA.
pub struct SmtpClient {
    stream: Stream,
    received: Vec<u8>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<SslStream<TcpStream>>),
    /// While the handshake has the connection.
    Taken,
}

/// An SMTP reply, all its lines.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The code, 250 and so on.
    pub code: u16,
    /// The text of each line, without code and dash.
    pub lines: Vec<String>,
}

impl SmtpClient {
    /// Connects over IPv4 and reads the greeting.
    pub fn connect(port: u16) -> Self {
        Self::connect_to(Ipv4Addr::LOCALHOST.into(), port)
    }

    /// Connects over IPv6 and reads the greeting.
    pub fn connect_v6(port: u16) -> Self {
        Self::connect_to(Ipv6Addr::LOCALHOST.into(), port)
    }

    /// Connects to a port where TLS comes first.
    pub fn connect_tls(port: u16, tls: &Tls) -> Self {
        let mut client = Self::new(Self::tcp(Ipv4Addr::LOCALHOST.into(), port));
        client.handshake(tls).unwrap_or_else(|error| panic!("{error}"));
        client.greeted()
    }

    /// Connects and says something before the server does: the header of the proxy protocol.
    pub fn connect_behind_proxy(port: u16, header: &str) -> Self {
        let mut stream = Self::tcp(Ipv4Addr::LOCALHOST.into(), port);
        stream.write_all(header.as_bytes()).expect("the server reads");
        Self::new(stream).greeted()
    }

    /// A session with a greeting, EHLO, STARTTLS and EHLO again behind it.
    pub fn encrypted(port: u16, tls: &Tls) -> Self {
        let mut client = Self::connect(port);
        client.ehlo();
        client.starttls(tls);
        client.ehlo();
        client
    }

    /// A session with greeting and EHLO behind it, in the clear.
    pub fn plaintext(port: u16) -> Self {
        let mut client = Self::connect(port);
        client.ehlo();
        client
    }

    /// Connects over IPv4 to a server that may not be there; nothing is read yet.
    pub fn try_connect(port: u16) -> io::Result<Self> {
        Ok(Self::new(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?))
    }

    /// Connects from this address of the loopback network, and reads nothing yet.
    pub fn from(source: Ipv4Addr, port: u16) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
        Ok(Self::new(socket.into()))
    }

    fn connect_to(address: IpAddr, port: u16) -> Self {
        Self::new(Self::tcp(address, port)).greeted()
    }

    fn tcp(address: IpAddr, port: u16) -> TcpStream {
        TcpStream::connect((address, port))
            .unwrap_or_else(|error| panic!("no connection to {address} port {port}: {error}"))
    }

    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        stream.set_nodelay(true).expect("a TCP socket");
        Self { stream: Stream::Plain(stream), received: Vec::new() }
    }

    fn greeted(mut self) -> Self {
        let greeting = self.reply();
        assert_eq!(greeting.code, 220, "{greeting}");
        self
    }

    /// EHLO; must be answered with 250.
    pub fn ehlo(&mut self) -> Reply {
        self.expect("EHLO client.example.net", 250)
    }

    /// STARTTLS and the handshake, no more: no EHLO follows.
    pub fn starttls(&mut self, tls: &Tls) -> TlsState {
        self.expect("STARTTLS", 220);
        self.handshake(tls).expect("a TLS session")
    }

    /// The handshake that follows the answer to STARTTLS.
    pub fn handshake(&mut self, tls: &Tls) -> io::Result<TlsState> {
        assert!(self.received.is_empty(), "the server said more than it may before the handshake");
        let Stream::Plain(stream) = std::mem::replace(&mut self.stream, Stream::Taken) else {
            panic!("STARTTLS twice");
        };
        self.stream = Stream::Tls(Box::new(tls.handshake(stream)?));
        Ok(self.tls_state().expect("just encrypted"))
    }

    /// What TLS was negotiated; none in the clear.
    pub fn tls_state(&self) -> Option<TlsState> {
        match &self.stream {
            Stream::Tls(stream) => Some(TlsState::of(stream)),
            Stream::Plain(_) | Stream::Taken => None,
        }
    }

    /// AUTH PLAIN; must be answered with 235.
    pub fn auth_plain(&mut self, user: &str, password: &str) {
        let token = base64::encode_block(format!("\0{user}\0{password}").as_bytes());
        self.expect(&format!("AUTH PLAIN {token}"), 235);
    }

    /// MAIL FROM; must be taken.
    pub fn mail(&mut self, sender: &str) {
        self.expect(&format!("MAIL FROM:<{sender}>"), 250);
    }

    /// RCPT TO.
    pub fn rcpt(&mut self, recipient: &str) -> Reply {
        self.command(format!("RCPT TO:<{recipient}>"))
    }

    /// The answer to one RCPT in a message of its own, which goes no further.
    pub fn try_rcpt(&mut self, recipient: &str) -> Reply {
        self.mail("sender@example.org");
        let reply = self.rcpt(recipient);
        self.rset();
        reply
    }

    /// RSET; must be answered with 250.
    pub fn rset(&mut self) {
        self.expect("RSET", 250);
    }

    /// DATA, a short message with this subject, the end; must be taken.
    pub fn data(&mut self, subject: &str) {
        self.expect("DATA", 354);
        let reply = self.message(subject);
        assert_eq!(reply.code, 250, "end of data: {reply}");
    }

    /// A short message with this subject and its end: what follows the answer to DATA.
    pub fn message(&mut self, subject: &str) -> Reply {
        self.try_message(subject).expect("the server answers")
    }

    /// The same, to a server that may go away.
    pub fn try_message(&mut self, subject: &str) -> io::Result<Reply> {
        let text = "From: sender@example.net\r\nSubject: ";
        self.try_send(format!("{text}{subject}\r\n\r\nHello.\r\n.\r\n"))?;
        self.try_reply()
    }

    /// QUIT; must be answered with 221.
    pub fn quit(mut self) {
        self.expect("QUIT", 221);
    }

    /// One command and its reply.
    pub fn command(&mut self, command: impl AsRef<[u8]>) -> Reply {
        self.try_command(command).expect("the server answers")
    }

    /// The same, to a server that may go away.
    pub fn try_command(&mut self, command: impl AsRef<[u8]>) -> io::Result<Reply> {
        self.try_send([command.as_ref(), b"\r\n"].concat())?;
        self.try_reply()
    }

    /// One command that must be answered with this code.
    pub fn expect(&mut self, command: &str, code: u16) -> Reply {
        let reply = self.command(command);
        assert_eq!(reply.code, code, "{command}: {reply}");
        reply
    }

    /// Several commands in one write, then their replies.
    pub fn pipeline(&mut self, commands: &[&str]) -> Vec<Reply> {
        self.send(commands.iter().map(|command| format!("{command}\r\n")).collect::<String>());
        commands.iter().map(|_| self.reply()).collect()
    }

    /// Octets as they are.
    pub fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.try_send(octets).expect("the server reads");
    }

    /// Octets as they are, to a server that may be gone.
    pub fn try_send(&mut self, octets: impl AsRef<[u8]>) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(octets.as_ref()),
            Stream::Tls(stream) => stream.write_all(octets.as_ref()),
            Stream::Taken => panic!("in the handshake"),
        }
    }

    /// The next reply.
    pub fn reply(&mut self) -> Reply {
        self.try_reply().unwrap_or_else(|error| panic!("no reply: {error}"))
    }

    /// The next reply, of a server that may be gone or say what is none.
    pub fn try_reply(&mut self) -> io::Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let line = self.line()?;
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let code = code.ok_or_else(|| io::Error::other(format!("not a reply: {line:?}")))?;
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if line.get(3..4) != Some("-") {
                return Ok(Reply { code, lines });
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.received.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
            }
            let mut octets = [0; 4096];
            let count = match &mut self.stream {
                Stream::Plain(stream) => stream.read(&mut octets),
                Stream::Tls(stream) => stream.read(&mut octets),
                Stream::Taken => panic!("in the handshake"),
            }?;
            if count == 0 {
                let left = String::from_utf8_lossy(&self.received);
                let error = format!("the server closed the connection; left over: {left:?}");
                return Err(io::Error::new(ErrorKind::UnexpectedEof, error));
            }
            self.received.extend_from_slice(&octets[..count]);
        }
    }
}

impl Reply {
    /// Its text, lines joined with a blank.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// Asserts that the recipient was taken.
    #[track_caller]
    pub fn assert_accepted(&self) {
        assert_eq!(self.code, 250, "{self}");
    }

    /// Asserts that the milter refused the recipient for now, and not the MTA by itself.
    #[track_caller]
    pub fn assert_refused(&self) -> &Self {
        assert_eq!(self.code, 450, "{self}");
        assert!(self.lines.iter().all(|line| line.starts_with("4.7.1 ")), "{self}");
        self
    }

    /// Asserts that the text holds these words.
    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        assert!(self.text().contains(words), "{words:?} in {self}");
        self
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
