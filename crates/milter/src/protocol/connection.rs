//! One milter connection: octets from the socket into a [`Conversation`], and its answers back.

use super::conversation::{Answers, Conversation, Next};
use mio::event::Source;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// How long an MTA may say nothing before it counts as gone: a bit longer than the longest
/// time-outs of MTAs, and as long as libmilter waits.
const IDLE: Duration = Duration::from_secs(7210);
/// How long all else may take: an MTA negotiates as soon as it has connected, sends packets whole,
/// and takes answers as soon as they come.
const PROMPT: Duration = Duration::from_secs(30);
/// How many octets are read at a time.
const READ: usize = 16 * 1024;
/// How many octets of memory are kept for answers.
const KEPT: usize = 64 * 1024;

/// The socket of a milter connection.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(mio::net::TcpStream),
    Unix(mio::net::UnixStream),
}

impl Socket {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(stream) => stream,
            Self::Unix(stream) => stream,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => {
                let read = stream.read(buffer);
                // Sendmail writes macros and command apart, under Nagle's algorithm: unless the
                // first part is acknowledged at once, each event waits some 40 ms. The kernel
                // takes the option back again and again.
                let _ = socket2::SockRef::from(&*stream).set_tcp_quickack(true);
                read
            }
            Self::Unix(stream) => stream.read(buffer),
        }
    }

    /// Sends as much as the socket takes at the moment, and drops that from `octets`.
    fn write(&mut self, octets: &mut Vec<u8>) -> io::Result<()> {
        while !octets.is_empty() {
            let written = match self {
                Self::Tcp(stream) => stream.write(octets),
                Self::Unix(stream) => stream.write(octets),
            };
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(sent) => drop(octets.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Answers on their way into a socket.
struct Outgoing<'c> {
    socket: &'c mut Socket,
    waiting: &'c mut Vec<u8>,
    /// Why nothing more can be sent.
    failure: Option<io::Error>,
}

impl Answers for Outgoing<'_> {
    fn waiting(&mut self) -> &mut Vec<u8> {
        self.waiting
    }

    fn send_now(&mut self) {
        if self.failure.is_none() {
            self.failure = self.socket.write(self.waiting).err();
        }
    }
}

/// Room for what is read and written at the moment; shared by all connections, so that one that
/// is idle needs none.
#[derive(Debug)]
pub(super) struct Buffers {
    input: Box<[u8]>,
    output: Vec<u8>,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self { input: vec![0; READ].into(), output: Vec::new() }
    }
}

/// What a connection needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// That the socket becomes ready.
    Event,
    /// Another turn: there may be more to read.
    Turn,
    /// To be closed.
    End,
}

/// One milter connection.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Socket,
    conversation: Conversation,
    /// The beginning of a packet whose rest has not come yet.
    begun: Vec<u8>,
    /// Answers that the socket did not take yet. Nothing is read before they are sent.
    unsent: Vec<u8>,
    /// The events that the system was asked for. None before the first turn: an MTA speaks as soon as
    /// it has connected, so that no event is needed. Each kind is asked for once: asked again, the
    /// system tells of all that is ready already, each time.
    watched: Option<Interest>,
    /// When it is given up unless something comes before.
    due: Instant,
}

impl Connection {
    /// A connection on which nothing was said yet. Whoever makes it takes its first turn at once.
    pub(super) fn new(socket: Socket, conversation: Conversation, now: Instant) -> Self {
        Self {
            socket,
            conversation,
            begun: Vec::new(),
            unsent: Vec::new(),
            watched: None,
            due: now + PROMPT,
        }
    }

    /// When it is given up.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Takes a turn: reads once, and answers all packets that are whole. Where an event is needed
    /// next, it is asked for.
    ///
    /// # Errors
    ///
    /// When the socket fails or the MTA does not keep to the protocol.
    pub(super) fn turn(
        &mut self,
        buffers: &mut Buffers,
        registry: &Registry,
        token: Token,
        now: Instant,
    ) -> io::Result<Need> {
        let need = self.serve(buffers, now)?;
        if need == Need::Event {
            self.watch(registry, token)?;
        }
        Ok(need)
    }

    fn serve(&mut self, buffers: &mut Buffers, now: Instant) -> io::Result<Need> {
        if !self.unsent.is_empty() {
            self.socket.write(&mut self.unsent)?;
            if !self.unsent.is_empty() {
                return Ok(Need::Event);
            }
            self.unsent = Vec::new();
            self.set_due(now);
        }
        let read = match self.socket.read(&mut buffers.input) {
            Ok(0) => return Ok(Need::End),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Need::Event),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Need::Turn),
            Err(error) => return Err(error),
        };
        let input = buffers.input.get(..read).unwrap_or_default();
        buffers.output.clear();
        let socket = &mut self.socket;
        let mut answers = Outgoing { socket, waiting: &mut buffers.output, failure: None };
        let received = if self.begun.is_empty() {
            let received = self.conversation.receive(input, &mut answers);
            if let Ok((used, _)) = received {
                self.begun.extend_from_slice(input.get(used..).unwrap_or_default());
            }
            received
        } else {
            self.begun.extend_from_slice(input);
            let received = self.conversation.receive(&self.begun, &mut answers);
            if let Ok((used, _)) = received {
                self.begun.drain(..used);
            }
            received
        };
        if self.begun.is_empty() {
            self.begun = Vec::new();
        }
        // What was answered before an error is sent all the same, as far as the socket takes it.
        answers.send_now();
        if let Some(failure) = answers.failure {
            return Err(failure);
        }
        if !buffers.output.is_empty() {
            self.unsent.extend_from_slice(&buffers.output);
        }
        buffers.output.shrink_to(KEPT);
        let (_, next) = received.map_err(io::Error::other)?;
        self.set_due(now);
        Ok(match next {
            Next::Close => Need::End,
            Next::Read if read == READ => Need::Turn,
            Next::Read => Need::Event,
        })
    }

    fn set_due(&mut self, now: Instant) {
        let idle = self.conversation.has_begun() && self.begun.is_empty() && self.unsent.is_empty();
        self.due = now + if idle { IDLE } else { PROMPT };
    }

    /// Asks to be told when there is something to read, or the socket takes what is unsent.
    fn watch(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);
        let wanted = if self.unsent.is_empty() { Interest::READABLE } else { BOTH };
        match self.watched {
            None => registry.register(self.socket.source(), token, wanted)?,
            Some(Interest::READABLE) if wanted == BOTH => {
                registry.reregister(self.socket.source(), token, wanted)?;
            }
            Some(_) => return Ok(()),
        }
        self.watched = Some(wanted);
        Ok(())
    }
}
