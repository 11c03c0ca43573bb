//! SMTP, a command and its reply at a time, within bounds.

use super::bounded::{BoundedStream, Bounds};
use super::tls::{self, Handshake, HandshakeError, Speaks};
use rustls::{ClientConnection, StreamOwned};
use std::{
    fmt,
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr},
};

/// The most that is read of a reply: RFC 5321 (section 4.5.3.1.5) has lines of 512 octets.
const MOST_REPLY: usize = 64 * 1024;

/// An SMTP reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The code, 250 and so on.
    pub code: u16,
    /// The text of each line, without the code.
    pub lines: Vec<String>,
}

impl Reply {
    /// Whether the command was done.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// Whether it has this keyword of an extension (RFC 5321, section 4.1.1.1).
    #[must_use]
    pub fn has_keyword(&self, keyword: &str) -> bool {
        let first = |line: &String| line.split_whitespace().next().map(str::to_ascii_uppercase);
        self.lines.iter().skip(1).any(|line| first(line).as_deref() == Some(keyword))
    }
}

/// The code and the last line: what an MTA says comes from outside, and is made harmless.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.lines.last().map(String::as_str).unwrap_or_default();
        let text: String = text.chars().take(200).collect();
        write!(f, "{} {}", self.code, text.escape_debug())
    }
}

#[derive(Debug)]
enum Stream {
    Plain(BoundedStream),
    Tls(Box<StreamOwned<ClientConnection, BoundedStream>>),
}

impl Stream {
    fn as_mut(&mut self) -> &mut dyn ReadWrite {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.as_mut(),
        }
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// A connection to an MTA.
#[derive(Debug)]
pub struct Dialogue {
    stream: Stream,
    received: Vec<u8>,
    local: SocketAddr,
}

impl Dialogue {
    /// Connects. Nothing is read or written yet.
    ///
    /// # Errors
    ///
    /// When nobody takes the connection in time.
    pub fn connect(address: SocketAddr, bounds: Bounds) -> io::Result<Self> {
        let stream = BoundedStream::connect(address, bounds)?;
        let local = stream.local_addr()?;
        Ok(Self { stream: Stream::Plain(stream), received: Vec::new(), local })
    }

    /// This end's address.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// EHLO under this name. Without one, the client's address stands for it (RFC 5321, section 4.1.3): that is
    /// always true.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or what comes is no reply.
    pub fn ehlo(&mut self, name: Option<&str>) -> io::Result<Reply> {
        let name = match (name, self.local.ip()) {
            (Some(name), _) => name.to_owned(),
            (None, IpAddr::V4(ip)) => format!("[{ip}]"),
            (None, IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
        };
        self.command(&format!("EHLO {name}"))
    }

    /// The connection itself, for whoever speaks something else on it; none: it is encrypted.
    #[must_use]
    pub fn into_stream(self) -> Option<BoundedStream> {
        match self.stream {
            Stream::Plain(stream) => Some(stream),
            Stream::Tls(_) => None,
        }
    }

    /// Shakes hands, with one of these versions. `name` is the server that is asked for (SNI); none: whichever
    /// answers.
    ///
    /// # Errors
    ///
    /// Why there was no handshake.
    pub fn encrypt(
        self,
        speaks: &[Speaks],
        name: Option<&str>,
    ) -> Result<(Self, Handshake), HandshakeError> {
        let local = self.local;
        // What came in the clear is not taken for what was encrypted.
        let stream = self.into_stream().ok_or(HandshakeError::Closed)?;
        let (stream, handshake) = tls::handshake(stream, speaks, name)?;
        let stream = Stream::Tls(Box::new(stream));
        Ok((Self { stream, received: Vec::new(), local }, handshake))
    }

    /// One command and its reply.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or what comes is no reply.
    pub fn command(&mut self, command: &str) -> io::Result<Reply> {
        self.send(&format!("{command}\r\n"))?;
        self.reply()
    }

    /// Characters as they are.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub fn send(&mut self, text: &str) -> io::Result<()> {
        let stream = self.stream.as_mut();
        stream.write_all(text.as_bytes())?;
        stream.flush()
    }

    /// The next reply.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or what comes is no reply.
    pub fn reply(&mut self) -> io::Result<Reply> {
        let mut lines = Vec::new();
        let mut length = 0;
        loop {
            let line = self.line()?;
            length += line.len();
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let is_last = line.get(3..4) != Some("-");
            let Some(code) = code.filter(|code| (200..600).contains(code)) else {
                let start: String = line.chars().take(80).collect();
                let what = format!("it does not speak SMTP: \"{}\"", start.escape_debug());
                return Err(io::Error::new(ErrorKind::InvalidData, what));
            };
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if is_last {
                return Ok(Reply { code, lines });
            }
            if length > MOST_REPLY {
                return Err(io::Error::new(ErrorKind::InvalidData, "its reply does not end"));
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.received) {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.received.len() > MOST_REPLY {
                return Err(io::Error::new(ErrorKind::InvalidData, "it does not speak SMTP"));
            }
            let mut octets = [0; 4096];
            let count = match self.stream.as_mut().read(&mut octets) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            };
            if count == 0 {
                let what = "it closed the connection";
                return Err(io::Error::new(ErrorKind::UnexpectedEof, what));
            }
            self.received.extend(octets.iter().take(count));
        }
    }
}
