//! Plays a session's script to an MTA, and holds every answer against the model.

use super::model::{Expected, Judged, Kind, Model};
use super::policy::{Policy, Refusal, Verdict};
use super::session::{Body, Command, Door, Name, Session, Tag};
use crate::support::{Reply, SmtpClient, Tls};

/// A session that went as expected, and what has to be found elsewhere after it.
#[derive(Default)]
pub struct Traces {
    /// All that was said.
    pub said: String,
    pub rcpts: Vec<Rcpt>,
    pub messages: Vec<Sent>,
}

/// A RCPT that was sent.
pub struct Rcpt {
    pub tag: Tag,
    /// Whether the address holds the tag.
    pub is_tagged: bool,
    /// Whether the client has read the answer.
    pub is_answered: bool,
    /// The version of TLS.
    pub version: &'static str,
    /// None where the MTA refuses it without asking the milter.
    pub judged: Option<Box<Judged>>,
}

/// A message that had a recipient when DATA came.
pub struct Sent {
    /// Its subject.
    pub tag: Tag,
    pub recipients: Vec<String>,
    pub arrival: Arrival,
}

/// Whether a message arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Its end was answered with 250.
    Must,
    /// The client did not wait for that answer.
    May,
    /// Its end was never sent.
    Never,
}

/// Plays a session on a port. The error is for people: all that was said, and what is wrong with it.
pub fn play(
    session: &Session,
    (kind, policy): (Kind, &Policy),
    port: u16,
    run: u64,
) -> Result<Traces, String> {
    let connection = SmtpClient::from(session.source, port).map_err(|error| error.to_string())?;
    let mut player = Player {
        session,
        run,
        model: Model::new(kind, policy, session),
        connection,
        unsent: String::new(),
        awaited: Vec::new(),
        traces: Traces::default(),
    };
    match player.play() {
        Ok(()) => Ok(player.traces),
        Err(why) => Err(format!("{}!! {why}", player.traces.said)),
    }
}

struct Player<'s> {
    session: &'s Session,
    run: u64,
    model: Model<'s>,
    connection: SmtpClient,
    /// What goes out with the next write.
    unsent: String,
    /// What of it will be answered.
    awaited: Vec<Awaited<'s>>,
    traces: Traces,
}

#[derive(Clone, Copy)]
enum Awaited<'s> {
    Command(&'s Command, Tag),
    /// The end of the latest message.
    Message,
}

/// Whether the client goes on.
#[derive(PartialEq, Eq)]
enum Next {
    GoesOn,
    HangsUp,
}

impl<'s> Player<'s> {
    fn play(&mut self) -> Result<(), String> {
        self.begin()?;
        let Session { door, turns, hangs_up_unread, .. } = self.session;
        for (number, turn) in turns.iter().enumerate() {
            let tag = Tag { run: self.run, turn: number };
            self.unsent += &turn.command.line(door, tag);
            self.unsent += "\r\n";
            self.awaited.push(Awaited::Command(&turn.command, tag));
            let is_last = number + 1 == turns.len();
            let waits = !turn.joined || turn.command.needs_answer();
            let sends = if is_last { !hangs_up_unread } else { waits };
            if sends && self.exchange()? == Next::HangsUp {
                return Ok(());
            }
        }
        // There may be a message left to send, whose DATA came last.
        if *hangs_up_unread { self.hang_up_unread() } else { self.exchange().map(drop) }
    }

    fn begin(&mut self) -> Result<(), String> {
        match &self.session.door {
            Door::Smtps(tls) => self.handshake(tls)?,
            Door::HaProxy(client) => {
                self.unsent = format!("PROXY TCP4 {client} 127.0.0.1 40000 25\r\n");
                self.send()?;
            }
            _ => {}
        }
        let greeting = self.reply()?;
        if greeting.code == 220 { Ok(()) } else { Err("this should be a greeting".to_owned()) }
    }

    /// Sends what has gathered, and reads the answers.
    fn exchange(&mut self) -> Result<Next, String> {
        self.send()?;
        for awaited in std::mem::take(&mut self.awaited) {
            let reply = self.reply()?;
            let (expected, fits) = match awaited {
                Awaited::Message => {
                    let sent = self.traces.messages.last_mut().expect("it was begun");
                    sent.arrival = Arrival::Must;
                    ("250".to_owned(), reply.code == 250)
                }
                Awaited::Command(command, tag) => {
                    let expected = self.answer(command, tag, true);
                    (expected.to_string(), expected.fits(&reply))
                }
            };
            if !fits {
                return Err(format!("expected: {expected}"));
            }
            let Awaited::Command(command, tag) = awaited else { continue };
            match command {
                Command::StartTls(tls) if reply.code == 220 => self.handshake(tls)?,
                Command::Data(body) if reply.code == 354 => return self.data(*body, tag),
                _ => {}
            }
        }
        Ok(Next::GoesOn)
    }

    /// Sends what has gathered, and takes down what that may come to.
    fn hang_up_unread(&mut self) -> Result<(), String> {
        self.send()?;
        self.traces.said += "(hangs up)\n";
        for awaited in std::mem::take(&mut self.awaited) {
            match awaited {
                Awaited::Command(command, tag) => drop(self.answer(command, tag, false)),
                Awaited::Message => {
                    let sent = self.traces.messages.last_mut().expect("it was begun");
                    sent.arrival = Arrival::May;
                }
            }
        }
        Ok(())
    }

    fn answer(&mut self, command: &Command, tag: Tag, is_answered: bool) -> Expected {
        let expected = self.model.answer(command, tag);
        if let Command::Rcpt(recipient) = command {
            let judged = match &expected {
                Expected::Judged(judged) => Some(judged.clone()),
                Expected::Own(_) => None,
            };
            let is_tagged = recipient.mailbox.name != Name::Boss;
            let version = self.model.version();
            self.traces.rcpts.push(Rcpt { tag, is_tagged, is_answered, version, judged });
        }
        expected
    }

    /// The message goes out with the next write, or the first half of it at once.
    fn data(&mut self, body: Body, tag: Tag) -> Result<Next, String> {
        let recipients = self.model.take_recipients();
        self.traces.messages.push(Sent { tag, recipients, arrival: Arrival::Never });
        self.unsent = format!("Subject: {tag}\r\n\r\nHello.\r\n");
        if body == Body::Broken {
            self.send()?;
            self.traces.said += "(hangs up)\n";
            return Ok(Next::HangsUp);
        }
        self.unsent += ".\r\n";
        self.awaited = vec![Awaited::Message];
        Ok(Next::GoesOn)
    }

    fn handshake(&mut self, tls: &Tls) -> Result<(), String> {
        let state = self.connection.handshake(tls).map_err(|error| error.to_string())?;
        self.traces.said += &format!("({} {} with {tls:?})\n", state.version, state.cipher);
        self.model.encrypted(state, tls.certificate());
        Ok(())
    }

    fn send(&mut self) -> Result<(), String> {
        let octets = std::mem::take(&mut self.unsent);
        for line in octets.lines() {
            self.traces.said += &format!("C: {line}\n");
        }
        self.connection.try_send(octets).map_err(|error| format!("sending: {error}"))
    }

    fn reply(&mut self) -> Result<Reply, String> {
        let reply = self.connection.try_reply().map_err(|error| error.to_string())?;
        self.traces.said += &format!("S: {reply}\n");
        Ok(reply)
    }
}

impl Expected {
    fn fits(&self, reply: &Reply) -> bool {
        let text = reply.lines.join(" ");
        let is_ours = text.contains("encrypted connection") || text.contains("Told of");
        match self {
            Self::Own(code) => reply.code == *code && !is_ours,
            Self::Judged(judged) => match judged.ruling.verdict {
                Verdict::Accept | Verdict::WouldRefuse => reply.code == 250 && !is_ours,
                Verdict::Refuse => judged.ruling.refusals.iter().any(|one| one.fits(reply)),
            },
        }
    }
}

impl Refusal {
    fn fits(&self, reply: &Reply) -> bool {
        let status = if self.code < 500 { "4.7.1 " } else { "5.7.1 " };
        let lines: Option<Vec<_>> =
            reply.lines.iter().map(|line| line.strip_prefix(status)).collect();
        reply.code == self.code && lines.is_some_and(|lines| lines.join(" ").contains(&self.words))
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own(code) => write!(f, "{code} of the MTA's own"),
            Self::Judged(judged) => write!(f, "{:?}", judged.ruling),
        }
    }
}
