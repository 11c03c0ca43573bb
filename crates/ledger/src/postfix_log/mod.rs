//! Mail that a Postfix took, told from its log: the lines of an smtpd process on a connection and
//! its TLS session, joined with those of the messages that came over it.
//!
//! ```text
//! smtpd[17]: connect from mx.test[192.0.2.1]              the process, from here on
//! smtpd[17]: Anonymous TLS connection established from .. TLSv1.3 with cipher .. (smtpd_tls_loglevel = 1)
//! smtpd[17]: 4dBr..: client=mx.test[192.0.2.1]            the queue id, over this session
//! qmgr[9]:   4dBr..: from=<a@b.test>, size=..
//! smtp[20]:  4dBr..: to=<c@d.test>, orig_to=<..>, ..      a recipient
//! qmgr[9]:   4dBr..: removed
//! ```
//!
//! Nothing here reads files: lines go in, recipients come out.

mod line;
mod time;

pub use line::Line;
pub use time::Clock;

use crate::LoggedTls;
use policy::{DomainName, TlsState};
use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

/// One recipient of a message that came over SMTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// When the message began, in seconds since 1970-01-01.
    pub at: i64,
    /// When the recipient was first logged: at the first attempt to deliver, in seconds since
    /// 1970-01-01.
    pub told: i64,
    /// Whose log it is: the host, and the instance of Postfix where that has another name.
    pub host: String,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// Its name, where Postfix vouches for it.
    pub name: Option<DomainName>,
    /// Whether it had authenticated.
    pub authenticated: bool,
    /// What the log tells of the session.
    pub tls: LoggedTls,
    /// The sender, without angle brackets: the null sender is empty. None where the log does not
    /// tell it.
    pub sender: Option<String>,
    /// The recipient, as the client wrote it.
    pub recipient: String,
}

/// What was found in the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallied {
    /// All lines.
    pub lines: u64,
    /// Those of a Postfix.
    pub postfix: u64,
    /// How many of those have a time that does not say its zone.
    pub without_zone: u64,
    /// TLS sessions of smtpd.
    pub tls: u64,
    /// Messages that came over SMTP.
    pub messages: u64,
    /// Messages whose connection began before the log did: nothing is known of their session.
    pub without_connection: u64,
    /// Recipients of messages that began before the log did.
    pub without_message: u64,
}

/// A process of smtpd, by host, service and number.
type Process = (String, String, u32);
/// A message, by host and queue id.
type Id = (String, String);

#[derive(Clone)]
struct Message {
    at: i64,
    client: Option<IpAddr>,
    name: Option<DomainName>,
    authenticated: bool,
    tls: TlsState,
    sender: Option<String>,
    /// Recipients that were handed out already: a deferred one is logged again and again.
    told: HashSet<String>,
}

/// The SMTP session that an smtpd process serves.
struct Serving {
    tls: TlsState,
    /// When a line last spoke of it, in seconds since 1970-01-01.
    seen: i64,
}

/// A message under way: more lines may come.
struct Underway {
    came: Came,
    /// Whether it is in the queue: its data came and were taken.
    is_in_queue: bool,
    /// When a line last spoke of it, in seconds since 1970-01-01.
    seen: i64,
}

/// How a message came.
enum Came {
    Smtp(Box<Message>),
    /// From a local program, or from Postfix itself.
    Inside,
    /// Over SMTP, of a session of which nothing is known.
    Unknown,
}

/// Joins lines.
#[derive(Default)]
pub struct Joiner {
    sessions: HashMap<Process, Serving>,
    messages: HashMap<Id, Underway>,
    /// At how many messages those of which nothing more will come are looked for.
    full: usize,
    tallied: Tallied,
}

/// How many messages under way are always remembered.
const MANY: usize = 10_000;
/// Seconds after which no more lines are expected of a message in the queue: each attempt to deliver it
/// writes one. A message that was deleted writes none.
const SILENCE: i64 = 24 * 60 * 60;
/// The same of a message that is not in the queue yet: if its client gave up, or its data were refused,
/// nothing more comes.
const SILENCE_BEFORE: i64 = 60 * 60;

impl Joiner {
    /// A joiner that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was found in the lines so far.
    #[must_use]
    pub fn tallied(&self) -> Tallied {
        self.tallied
    }

    /// Takes a line in. Returns the recipient that it tells of, if there is one.
    pub fn line(&mut self, text: &str, clock: &Clock) -> Option<Logged> {
        self.tallied.lines += 1;
        let line = Line::read(text, clock)?;
        self.tallied.postfix += 1;
        self.tallied.without_zone += u64::from(!line.zoned);
        if line.program == "smtpd" {
            self.smtpd(&line);
            return None;
        }
        let (queue_id, rest) = line.queue_id()?;
        let id = (line.host.to_owned(), queue_id.to_owned());
        if let Some(known) = self.messages.get_mut(&id) {
            known.is_in_queue |= !matches!(line.program, "cleanup" | "pickup");
            known.seen = line.at;
        }
        match line.program {
            "qmgr" | "postsuper" if rest == "removed" => drop(self.messages.remove(&id)),
            "qmgr" => {
                if let (Some(Underway { came: Came::Smtp(message), .. }), Some((sender, _))) =
                    (self.messages.get_mut(&id), line::address(rest, "from="))
                {
                    message.sender = Some(sender.to_owned());
                }
            }
            // Of messages from smtpd, its own line came before this one.
            "cleanup" | "pickup" => {
                if !self.messages.contains_key(&id) {
                    self.begin(id, Came::Inside, line.at);
                }
            }
            _ => return self.recipient(id, &line, rest),
        }
        None
    }

    fn smtpd(&mut self, line: &Line<'_>) {
        let process = (line.host.to_owned(), line.service.to_owned(), line.process);
        if line.text.starts_with("connect from ") {
            self.sessions.insert(process, Serving { tls: TlsState::Plaintext, seen: line.at });
        } else if line.text.starts_with("disconnect from ") {
            self.sessions.remove(&process);
        } else if let Some(tls) = line.tls_session() {
            self.tallied.tls += 1;
            self.sessions.insert(process, Serving { tls, seen: line.at });
        } else if let Some((queue_id, rest)) = line.queue_id()
            && let Some(client) = rest.strip_prefix("client=")
        {
            let came = match self.sessions.get_mut(&process) {
                Some(session) => {
                    self.tallied.messages += 1;
                    session.seen = line.at;
                    let (name, address) = line::client(client);
                    Came::Smtp(Box::new(Message {
                        at: line.at,
                        client: address,
                        name,
                        authenticated: client.contains(", sasl_username="),
                        tls: session.tls.clone(),
                        sender: None,
                        told: HashSet::new(),
                    }))
                }
                None => {
                    self.tallied.without_connection += 1;
                    Came::Unknown
                }
            };
            self.begin((line.host.to_owned(), queue_id.to_owned()), came, line.at);
        }
    }

    fn begin(&mut self, id: Id, came: Came, at: i64) {
        self.messages.insert(id, Underway { came, is_in_queue: false, seen: at });
        if self.messages.len() >= self.full.max(MANY) {
            self.messages.retain(|_, known| {
                at - known.seen < if known.is_in_queue { SILENCE } else { SILENCE_BEFORE }
            });
            self.sessions.retain(|_, session| at - session.seen < SILENCE);
            self.full = self.messages.len() * 2;
        }
    }

    /// A line of a delivery: `to=<..>, orig_to=<..>, relay=..`.
    fn recipient(&mut self, id: Id, line: &Line<'_>, rest: &str) -> Option<Logged> {
        let (to, rest) = line::address(rest, "to=")?;
        // What the client wrote, before aliases; directly behind, for further on the line quotes
        // what servers say.
        let recipient = line::address(rest, ", orig_to=").map_or(to, |(orig_to, _)| orig_to);
        let message = match self.messages.get_mut(&id).map(|known| &mut known.came) {
            Some(Came::Smtp(message)) => message,
            Some(Came::Inside | Came::Unknown) => return None,
            None => {
                self.tallied.without_message += 1;
                return None;
            }
        };
        if !message.told.insert(recipient.to_owned()) {
            return None;
        }
        Some(Logged {
            at: message.at,
            told: line.at,
            host: line.log(),
            client: message.client,
            name: message.name.clone(),
            authenticated: message.authenticated,
            tls: LoggedTls::Told(message.tls.clone()),
            sender: message.sender.clone(),
            recipient: recipient.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
