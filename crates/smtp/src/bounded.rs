//! A connection on which nobody keeps anybody waiting for longer, or sends more, than was said before.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a session may take, and how much is read in it.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long to wait for a connection.
    pub connect: Duration,
    /// How long the server may take for an answer.
    pub answer: Duration,
    /// When all of it is over, whatever it is at; none: never.
    pub until: Option<Instant>,
    /// The most octets that are read.
    pub octets: u64,
}

impl Bounds {
    /// For one's own server: longer than postscreen makes clients wait, and than the milter takes to start.
    pub const PATIENT: Self = Self {
        connect: Duration::from_secs(10),
        answer: Duration::from_secs(60),
        until: None,
        octets: 16 * 1024 * 1024,
    };

    /// So long, but not past the end.
    fn within(&self, wait: Duration) -> io::Result<Duration> {
        let left = self.until.map_or(wait, |end| end.saturating_duration_since(Instant::now()));
        let wait = wait.min(left);
        if wait.is_zero() { Err(late(wait)) } else { Ok(wait) }
    }
}

fn late(wait: Duration) -> io::Error {
    let what = match wait.as_secs() {
        0 => "no answer in the time that there was".to_owned(),
        seconds => format!("no answer within {seconds} seconds"),
    };
    io::Error::new(ErrorKind::TimedOut, what)
}

/// A connection within bounds.
#[derive(Debug)]
pub struct BoundedStream {
    stream: TcpStream,
    bounds: Bounds,
    left: u64,
}

impl BoundedStream {
    /// Connects. Nothing is read or written yet.
    ///
    /// # Errors
    ///
    /// When nobody takes the connection in time.
    pub fn connect(address: SocketAddr, bounds: Bounds) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, bounds.within(bounds.connect)?)?;
        Ok(Self { stream, bounds, left: bounds.octets })
    }

    /// This end's address.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    pub(crate) fn peer_ip(&self) -> io::Result<IpAddr> {
        self.stream.peer_addr().map(|address| address.ip())
    }
}

impl Read for BoundedStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wait = self.bounds.within(self.bounds.answer)?;
        self.stream.set_read_timeout(Some(wait))?;
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let into = into.get_mut(..most).unwrap_or_default();
        if into.is_empty() {
            let what = "it sends more than a server has to say";
            return Err(io::Error::new(ErrorKind::InvalidData, what));
        }
        let count = self.stream.read(into).map_err(|error| said(error, wait))?;
        self.left -= count as u64;
        Ok(count)
    }
}

impl Write for BoundedStream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let wait = self.bounds.within(self.bounds.answer)?;
        self.stream.set_write_timeout(Some(wait))?;
        self.stream.write(octets).map_err(|error| said(error, wait))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// What a read that has a time limit says when that is over.
fn said(error: io::Error, wait: Duration) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => late(wait),
        _ => error,
    }
}
