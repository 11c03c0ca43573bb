//! The sockets that smtp(8) asks on.
//!
//! A connection ends when smtp(8) ends it. It is idle for minutes while a delivery takes long, and each
//! smtp process has one, so that a thousand idle ones are normal: each is a task that holds no memory to speak
//! of. What smtp(8) gets no answer to it puts off, with all other mail of that service.

use super::answer::{Kind, answer};
use super::netstring::{self, Malformed, Requests};
use crate::metrics::Metrics;
use crate::net::{BoundAddress, Listener, ListeningSocket};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use policy::Policy;
use std::{io, sync::Arc, time::Duration};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// The most connections at a time; others wait until one ends. Above what a host with many smtp
/// processes has.
pub const CONNECTIONS: usize = 2048;
/// Whoever takes an answer no sooner is gone: smtp(8) itself waits no longer for one (100 s).
const PATIENCE: Duration = Duration::from_secs(100);
/// How long to wait before the next try when accepting fails (out of file descriptors, say).
const PAUSE: Duration = Duration::from_millis(200);
/// Answers that were not taken; no more requests are read before they are.
const MOST_WAITING: usize = 64 * 1024;

/// What answers come from.
#[derive(Clone, Debug)]
pub struct Context {
    /// The policy in force.
    pub policy: Arc<ArcSwap<Policy>>,
    /// Who counts.
    pub metrics: Option<Arc<Metrics>>,
}

/// A socket that is bound, on which connections are accepted.
#[derive(Debug)]
pub struct Server {
    // Dropped first: the file of a Unix socket is removed while the socket is still open.
    address: BoundAddress,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection of either kind.
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Server {
    /// Takes a listener over. To be called within a runtime of tokio.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn new(listener: Listener) -> io::Result<Self> {
        let (address, socket) = listener.into_parts();
        let socket = match socket {
            ListeningSocket::Tcp(socket) => Socket::Tcp(TcpListener::from_std(socket)?),
            ListeningSocket::Unix(socket) => Socket::Unix(UnixListener::from_std(socket)?),
        };
        Ok(Self { address, socket })
    }

    /// Answers as long as the program runs.
    pub async fn run(self, context: Context) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let mut failing = false;
        loop {
            // Never closed.
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            let stream = match self.socket.accept().await {
                Ok(stream) => stream,
                Err(error) => {
                    // One line for as long as it lasts.
                    if !failing {
                        tracing::error!(%error, "cannot take connections on {}", self.address.spec());
                    }
                    failing = true;
                    sleep(PAUSE).await;
                    continue;
                }
            };
            failing = false;
            let context = context.clone();
            tokio::spawn(async move {
                serve(stream, &context).await;
                drop(place);
            });
        }
    }
}

impl Socket {
    async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Self::Unix(listener) => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }
}

/// One connection, to its end. That it ends, also amid a request, is no news: smtp(8) ends when it likes.
async fn serve(stream: Stream, context: &Context) {
    let mut requests = Requests::default();
    let mut answers = Vec::new();
    loop {
        if stream.readable().await.is_err() {
            return;
        }
        match stream.read(&mut requests) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => return,
        }
        loop {
            let more = answer_all(&mut requests, &mut answers, context);
            if !answers.is_empty()
                && !matches!(timeout(PATIENCE, stream.write(&answers)).await, Ok(Ok(())))
            {
                return;
            }
            answers.clear();
            match more {
                Ok(true) => {}
                Ok(false) => break,
                Err(Malformed) => return,
            }
        }
        // Most connections are idle from here on.
        requests.rest();
        answers.shrink_to(0);
    }
}

/// Answers the requests that are there. True: there may be more, once these answers are taken.
fn answer_all(
    requests: &mut Requests,
    answers: &mut Vec<u8>,
    context: &Context,
) -> Result<bool, Malformed> {
    let policy = context.policy.load();
    let now = Timestamp::now();
    let counted = |kind: Kind| {
        if let Some(metrics) = &context.metrics {
            metrics.next_hop(kind.into());
        }
    };
    while answers.len() < MOST_WAITING {
        match requests.take() {
            Ok(Some(request)) => counted(answer(&policy, request, now, answers)),
            Ok(None) => return Ok(false),
            Err(Malformed) => {
                // Nobody who asks for a next hop sends this: it is said why nothing follows.
                tracing::warn!(
                    "look-up of a next hop: a request is malformed; the connection is closed"
                );
                netstring::write(answers, &[b"TEMP the request is malformed"]);
                counted(Kind::Fault);
                return Err(Malformed);
            }
        }
    }
    Ok(true)
}

impl Stream {
    async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.readable().await,
            Self::Unix(stream) => stream.readable().await,
        }
    }

    /// Reads what is there; 0 is the end.
    fn read(&self, requests: &mut Requests) -> io::Result<usize> {
        // On the stack for the time of the call: an idle connection holds no room.
        let mut room = [0; 4096];
        let count = match self {
            Self::Tcp(stream) => stream.try_read(&mut room)?,
            Self::Unix(stream) => stream.try_read(&mut room)?,
        };
        requests.push(room.get(..count).unwrap_or_default());
        Ok(count)
    }

    async fn write(&self, mut octets: &[u8]) -> io::Result<()> {
        while !octets.is_empty() {
            let written = match self {
                Self::Tcp(stream) => stream.try_write(octets),
                Self::Unix(stream) => stream.try_write(octets),
            };
            match written {
                Ok(count) => octets = octets.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match self {
                    Self::Tcp(stream) => stream.writable().await?,
                    Self::Unix(stream) => stream.writable().await?,
                },
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
