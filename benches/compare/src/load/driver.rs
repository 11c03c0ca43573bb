//! The loop that drives all connections: each begins its next session at once, or sessions begin
//! on a schedule, whatever the milter does.

use super::protocol::{Packet, Stage, Terms, command, put_offer, put_packet, reply, take_packet};
use super::session::{Answer, Dice, Recipients, Session};
use hdrhistogram::Histogram;
use mio::net::UnixStream;
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Latencies up to a minute are told apart, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;

/// What has not happened by then will not.
const LIMIT: Duration = Duration::from_secs(60);

/// How a session ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// With its connection; the next one has a connection of its own, as from Postfix.
    Quit,
    /// With its message; the next message is in the same session.
    Message,
}

/// What is sent, and where.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The milter's Unix socket.
    pub socket: PathBuf,
    /// Connections at a time.
    pub connections: usize,
    /// How many recipients a message has.
    pub recipients: u32,
    /// How many domains are opted in.
    pub domains: u32,
    /// How a session ends.
    pub end: End,
    /// Sessions that begin each second; `None`: as many as the milter can take.
    pub rate: Option<f64>,
}

/// What was counted.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Answered RCPTs.
    pub decisions: u64,
    /// Those among them whose answer was wrong.
    pub wrong: u64,
    /// Connections that failed.
    pub errors: u64,
    /// Why the first of them did.
    pub first_error: Option<String>,
    /// Nanoseconds from a RCPT to its answer.
    pub latency: Histogram<u64>,
}

impl Tally {
    fn new() -> Self {
        let latency = Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are constants");
        Self { decisions: 0, wrong: 0, errors: 0, first_error: None, latency }
    }

    fn fail(&mut self, what: String) {
        self.errors += 1;
        self.first_error.get_or_insert(what);
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Wait {
    Nothing,
    Terms,
    Answer(Stage),
    /// Has had its session, and is kept open.
    Held,
}

#[derive(Debug)]
struct Connection {
    stream: Option<UnixStream>,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    wait: Wait,
    terms: Option<Rc<Terms>>,
    session: Session,
    sent: Instant,
}

/// The load on one milter.
#[derive(Debug)]
pub struct Driver {
    plan: Plan,
    recipients: Recipients,
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    /// Connections without a session, and those that have still to connect, by number.
    idle: VecDeque<usize>,
    unconnected: Vec<usize>,
    holding: bool,
    held: usize,
    /// When the next session begins, where there is a schedule.
    due: Instant,
    scratch: Vec<u8>,
    last_terms: Option<(Vec<u8>, Rc<Terms>)>,
    dice: Dice,
    tally: Tally,
}

impl Driver {
    /// A load that has not begun.
    ///
    /// # Errors
    ///
    /// When the system refuses epoll.
    pub fn new(plan: Plan) -> io::Result<Self> {
        let mut dice = Dice::new(1);
        let now = Instant::now();
        let recipients = Recipients { count: plan.recipients, opted_in: plan.domains };
        let connection = |_| Connection {
            stream: None,
            inbox: Vec::new(),
            outbox: Vec::new(),
            wait: Wait::Nothing,
            terms: None,
            session: Session::new(&recipients, &mut dice),
            sent: now,
        };
        Ok(Self {
            connections: (0..plan.connections).map(connection).collect(),
            idle: (0..plan.connections).collect(),
            plan,
            recipients,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            unconnected: Vec::new(),
            holding: false,
            held: 0,
            due: now,
            scratch: vec![0; 64 * 1024],
            last_terms: None,
            dice,
            tally: Tally::new(),
        })
    }

    /// Sends for so long, and until there is an answer or a minute is over; returns what was counted
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// When epoll fails.
    pub fn run(&mut self, time: Duration) -> io::Result<Tally> {
        self.tally = Tally::new();
        let begun = Instant::now();
        // What was due between two runs is not made up for.
        self.due = begun;
        // A busy machine may keep this thread waiting all the time that it was given.
        let goes_on = |answers, elapsed| elapsed < time || answers == 0 && elapsed < LIMIT;
        while goes_on(self.tally.decisions, begun.elapsed()) {
            self.begin_sessions();
            self.turn()?;
        }
        Ok(std::mem::replace(&mut self.tally, Tally::new()))
    }

    /// Runs one session on each connection, up to its last answer, and leaves all connections open.
    ///
    /// # Errors
    ///
    /// When a connection fails, an answer is wrong, or there are not all answers after a minute.
    pub fn hold(&mut self) -> io::Result<()> {
        let begun = Instant::now();
        self.holding = true;
        while self.held < self.connections.len() {
            self.start_idle();
            self.turn()?;
            if let Some(error) = self.tally.first_error.take() {
                return Err(io::Error::other(error));
            }
            if self.tally.wrong > 0 || begun.elapsed() > LIMIT {
                let problem = format!(
                    "of {} connections, {} were answered, {} of them wrongly",
                    self.connections.len(),
                    self.held,
                    self.tally.wrong
                );
                return Err(io::Error::other(problem));
            }
        }
        Ok(())
    }

    /// Lets the connections that are held go on with further sessions.
    pub fn release(&mut self) {
        self.holding = false;
        self.held = 0;
        for (number, connection) in self.connections.iter_mut().enumerate() {
            put_packet(&mut connection.outbox, command::ABORT, |_| ());
            connection.wait = Wait::Nothing;
            self.idle.push_back(number);
        }
    }

    fn begin_sessions(&mut self) {
        let Some(rate) = self.plan.rate else { return self.start_idle() };
        while self.due <= Instant::now()
            && let Some(number) = self.idle.pop_front()
        {
            self.start(number);
            self.due += Duration::from_secs_f64(1.0 / rate);
        }
    }

    fn start_idle(&mut self) {
        for _ in 0..self.idle.len() {
            if let Some(number) = self.idle.pop_front() {
                self.start(number);
            }
        }
    }

    /// One turn of the loop.
    fn turn(&mut self) -> io::Result<()> {
        for number in std::mem::take(&mut self.unconnected) {
            self.connect(number);
        }
        let mut timeout = Duration::from_millis(if self.unconnected.is_empty() { 20 } else { 1 });
        if self.plan.rate.is_some() && !self.idle.is_empty() {
            timeout = timeout.min(self.due.saturating_duration_since(Instant::now()));
        }
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let Token(number) = event.token();
            if event.is_writable() && !self.connections[number].outbox.is_empty() {
                self.flush(number);
            }
            if event.is_readable() {
                self.receive(number);
            }
        }
        self.events = events;
        Ok(())
    }

    fn start(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        if self.plan.end == End::Message && connection.stream.is_some() {
            connection.session.next_message(&self.recipients);
            self.proceed(number);
        } else {
            connection.session = Session::new(&self.recipients, &mut self.dice);
            self.unconnected.push(number);
        }
    }

    fn connect(&mut self, number: usize) {
        let opened = UnixStream::connect(&self.plan.socket).and_then(|mut stream| {
            // Whether it can be written to is asked only once it cannot: else each read of the
            // milter would wake this loop.
            self.poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
            Ok(stream)
        });
        match opened {
            Ok(stream) => {
                let connection = &mut self.connections[number];
                connection.stream = Some(stream);
                connection.inbox.clear();
                connection.outbox.clear();
                put_offer(&mut connection.outbox);
                connection.wait = Wait::Terms;
                self.flush(number);
            }
            Err(error) => {
                // More wait to be accepted than the milter's listen(2) allows: later, then.
                if error.kind() != ErrorKind::WouldBlock {
                    self.tally.fail(format!("connect: {error}"));
                }
                self.unconnected.push(number);
            }
        }
    }

    /// Sends what comes next in the session, or ends it.
    fn proceed(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        let terms = connection.terms.clone().expect("it was negotiated before any event");
        let (out, dice) = (&mut connection.outbox, &mut self.dice);
        match connection.session.send(out, &terms, &self.recipients, dice) {
            Some(stage) => {
                connection.wait = Wait::Answer(stage);
                connection.sent = Instant::now();
                self.flush(number);
            }
            None => self.finish(number),
        }
    }

    fn finish(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        if self.holding {
            connection.wait = Wait::Held;
            self.held += 1;
            return;
        }
        // ABORT has no answer: within a session it travels with what comes next.
        put_packet(&mut connection.outbox, command::ABORT, |_| ());
        if self.plan.end == End::Quit {
            put_packet(&mut connection.outbox, command::QUIT, |_| ());
            if let Some(stream) = &mut connection.stream
                && let Err(error) = stream.write(&connection.outbox)
            {
                self.tally.fail(format!("write: {error}"));
            }
            self.close(number);
        }
        self.connections[number].wait = Wait::Nothing;
        self.idle.push_back(number);
    }

    fn close(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        connection.stream = None;
        connection.outbox.clear();
        connection.wait = Wait::Nothing;
    }

    fn abandon(&mut self, number: usize, why: String) {
        self.tally.fail(why);
        self.close(number);
        self.idle.push_back(number);
    }

    fn flush(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        let Some(stream) = &mut connection.stream else { return };
        while !connection.outbox.is_empty() {
            match stream.write(&connection.outbox) {
                Ok(written) => {
                    connection.outbox.drain(..written);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let both = Interest::READABLE | Interest::WRITABLE;
                    if let Err(error) = self.poll.registry().reregister(stream, Token(number), both)
                    {
                        self.abandon(number, format!("epoll: {error}"));
                    }
                    return;
                }
                Err(error) => return self.abandon(number, format!("write: {error}")),
            }
        }
    }

    fn receive(&mut self, number: usize) {
        loop {
            let connection = &mut self.connections[number];
            let Some(stream) = &mut connection.stream else { return };
            match stream.read(&mut self.scratch) {
                Ok(0) => {
                    return self.abandon(number, "the milter closed the connection".to_owned());
                }
                Ok(read) => {
                    connection.inbox.extend_from_slice(&self.scratch[..read]);
                    self.take_answers(number);
                    // A short read has emptied the socket, and what comes next is a new event.
                    if read < self.scratch.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => return self.abandon(number, format!("read: {error}")),
            }
        }
    }

    fn take_answers(&mut self, number: usize) {
        let mut inbox = std::mem::take(&mut self.connections[number].inbox);
        let mut octets = &inbox[..];
        while self.connections[number].stream.is_some() {
            match take_packet(octets) {
                Packet::Incomplete => break,
                Packet::Invalid => {
                    self.abandon(number, "a packet of an impossible length".to_owned());
                }
                Packet::Complete { command, payload, rest } => {
                    octets = rest;
                    self.answered(number, command, payload);
                }
            }
        }
        let used = inbox.len() - octets.len();
        inbox.drain(..used);
        self.connections[number].inbox = inbox;
    }

    fn answered(&mut self, number: usize, command: u8, payload: &[u8]) {
        if command == reply::PROGRESS {
            return;
        }
        match self.connections[number].wait {
            Wait::Terms => match self.terms(command, payload) {
                Some(terms) => {
                    self.connections[number].terms = Some(terms);
                    self.proceed(number);
                }
                None => self.abandon(number, "the negotiation failed".to_owned()),
            },
            Wait::Answer(Stage::Rcpt) => {
                let connection = &self.connections[number];
                let latency = connection.sent.elapsed().as_nanos() as u64;
                self.tally.latency.saturating_record(latency);
                self.tally.decisions += 1;
                if Answer::read(command, payload) != connection.session.expected() {
                    self.tally.wrong += 1;
                }
                // Asked first: what follows the last recipient needs no look at the terms.
                if connection.session.is_over() {
                    self.finish(number)
                } else {
                    self.proceed(number)
                }
            }
            Wait::Answer(_) if command == reply::CONTINUE => self.proceed(number),
            Wait::Answer(stage) => {
                self.abandon(number, format!("{:?} in answer to {stage:?}", command as char));
            }
            Wait::Nothing | Wait::Held => {
                self.abandon(number, format!("{:?}, which nothing asked for", command as char));
            }
        }
    }

    /// The terms are the same on all connections, and are read once.
    fn terms(&mut self, command: u8, payload: &[u8]) -> Option<Rc<Terms>> {
        if command != command::NEGOTIATE {
            return None;
        }
        if let Some((answer, terms)) = &self.last_terms
            && answer == payload
        {
            return Some(terms.clone());
        }
        let terms = Rc::new(Terms::parse(payload)?);
        self.last_terms = Some((payload.to_vec(), terms.clone()));
        Some(terms)
    }
}
