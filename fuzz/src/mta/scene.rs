//! What happens: SMTP sessions, messages, attempts to deliver them.

use super::choice::Choice;
use super::text::{Address, OPTED_IN, OTHERS, hostile};

/// All that happens on one host.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What writes the log.
    pub mta: Mta,
    /// Whether others write what is to mislead.
    pub hostile: bool,
    /// Whether the MTA logs the TLS sessions of clients.
    pub tells_in: bool,
    /// Whether it logs those with servers.
    pub tells_out: bool,
    /// Sessions that follow one another; those of several groups go on at a time.
    pub groups: Vec<Vec<Session>>,
}

/// What writes the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mta {
    /// Postfix: whether it quotes addresses (from 3.5 on), and tells the level (from 3.11 on).
    Postfix {
        /// 3.5
        quotes: bool,
        /// 3.11
        features: bool,
        /// `smtpd_client_port_logging`
        ports: bool,
    },
    /// Sendmail.
    Sendmail,
}

/// A session of a client.
#[derive(Clone, Debug)]
pub struct Session {
    /// The client.
    pub client: &'static Host,
    /// The process that serves it.
    pub process: u32,
    /// How it goes.
    pub way: Way,
    /// The name with which it authenticates.
    pub user: Option<String>,
    /// What it says in HELO.
    pub helo: String,
    /// What it does that is of no matter, and a text of it.
    pub noise: Vec<(u8, String)>,
    /// Recipients that the milter refuses for want of TLS, with their sender.
    pub refused: Vec<(Address, Address)>,
    /// What comes over it.
    pub messages: Vec<Message>,
    /// Whether its end is logged behind the deliveries.
    pub is_long: bool,
}

/// Whether there is TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Nobody asks for it.
    Plain,
    /// With this one of [`CIPHERS`].
    Tls(usize),
    /// The handshake fails, for this one of [`CAUSES`].
    Failed(usize),
}

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// The queue id.
    pub id: String,
    /// The sender.
    pub sender: Address,
    /// Message-ID.
    pub message_id: String,
    /// What a milter, header checks or servers say of it, by kind.
    pub noise: Vec<(u8, String)>,
    /// The recipients.
    pub recipients: Vec<Recipient>,
}

/// A recipient of a message.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// As the client wrote it.
    pub written: Address,
    /// As it is routed, where that is another one.
    pub routed: Option<Address>,
    /// What is tried; the last one takes it off the queue.
    pub attempts: Vec<Attempt>,
}

/// An attempt to deliver a message to a recipient.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The server.
    pub server: &'static Host,
    /// The process.
    pub process: u32,
    /// How it goes. After a handshake that failed, in the clear.
    pub way: Way,
    /// What becomes of it.
    pub outcome: Outcome,
    /// What the server says.
    pub reply: String,
}

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server takes it.
    Sent,
    /// It puts it off, with a reply.
    Later,
    /// It refuses it.
    Bounced,
    /// The server does not offer TLS, which is demanded.
    NoTls,
}

/// Another host.
#[derive(Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name; `unknown` has none.
    pub name: &'static str,
    /// Its address.
    pub address: &'static str,
}

/// Two clients for each group.
const CLIENTS: [Host; 4] = [
    Host { name: "mx.a.test", address: "192.0.2.1" },
    Host { name: "unknown", address: "192.0.2.2" },
    Host { name: "mail.b.test", address: "2001:db8::3" },
    Host { name: "status.sent.test", address: "192.0.2.4" },
];
/// Servers.
const SERVERS: [Host; 3] = [
    Host { name: "mx1.x.test", address: "198.51.100.1" },
    Host { name: "mx2.x.test", address: "198.51.100.2" },
    Host { name: "mx.y.test", address: "2001:db8::25" },
];
/// Versions and ciphers, and their bits.
pub const CIPHERS: [(&str, &str, u32); 3] = [
    ("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256),
    ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", 256),
    ("TLSv1", "AES128-SHA", 128),
];
/// Why handshakes fail, and the same as a word of the ledger.
pub const CAUSES: [(&str, &str); 2] =
    [("no shared cipher", "no-shared-cipher"), ("unsupported protocol", "unsupported-protocol")];

/// Makes up a scene.
struct Author<'c, 'i> {
    choice: &'c mut Choice<'i>,
    hostile: bool,
    number: usize,
}

impl Scene {
    /// What the octets say.
    pub fn new(choice: &mut Choice<'_>) -> Self {
        let kind = choice.octet();
        let mta = match kind & 7 {
            0..3 => Mta::Sendmail,
            release => {
                Mta::Postfix { quotes: release > 3, features: release == 7, ports: kind & 8 != 0 }
            }
        };
        let hostile = kind & 16 != 0;
        let mut author = Author { choice, hostile, number: 0 };
        let groups = (0..2).map(|group| author.sessions(group)).collect();
        Self { mta, hostile, tells_in: kind & 32 == 0, tells_out: kind & 64 == 0, groups }
    }
}

impl Author<'_, '_> {
    fn sessions(&mut self, group: usize) -> Vec<Session> {
        let count = self.choice.below(5);
        (0..count).map(|_| self.session(group)).collect()
    }

    fn session(&mut self, group: usize) -> Session {
        let client = &CLIENTS[2 * group + self.choice.index(2)];
        let way = self.way();
        let is_open = !matches!(way, Way::Failed(_));
        let count = |author: &mut Self, end| if is_open { author.choice.below(end) } else { 0 };
        Session {
            client,
            process: 11 + 2 * u32::try_from(group).unwrap() + u32::from(self.choice.yes()),
            way,
            user: (self.choice.below(4) == 3).then(|| self.text("user")),
            helo: self.text("client.test"),
            noise: self.noise(),
            refused: (0..count(self, 3)).map(|_| (self.address(), self.recipient())).collect(),
            messages: (0..count(self, 3)).map(|_| self.message(group)).collect(),
            is_long: self.choice.yes(),
        }
    }

    fn way(&mut self) -> Way {
        match self.choice.below(8) {
            0..3 => Way::Plain,
            3..6 => Way::Tls(self.choice.index(CIPHERS.len())),
            _ => Way::Failed(self.choice.index(CAUSES.len())),
        }
    }

    fn noise(&mut self) -> Vec<(u8, String)> {
        let count = if self.hostile { self.choice.below(3) } else { 0 };
        (0..count).map(|_| (self.choice.octet(), self.text(""))).collect()
    }

    /// This text, or what somebody hostile writes in its place.
    fn text(&mut self, usual: &str) -> String {
        if self.hostile && self.choice.yes() { hostile(self.choice) } else { usual.to_owned() }
    }

    fn address(&mut self) -> Address {
        let domain = self.text(OTHERS[0]).replace('@', "");
        Address { local: self.text("sender"), domain }
    }

    /// Of a domain to which mail is taken, opted in or not. No two are the same.
    fn recipient(&mut self) -> Address {
        self.number += 1;
        let local = self.text("user");
        let local = if self.choice.yes() {
            format!("{}{local}", self.number)
        } else {
            format!("{local}{}", self.number)
        };
        let domains = [OPTED_IN[0], OPTED_IN[1], OPTED_IN[2], OTHERS[0], OTHERS[1]];
        Address { local, domain: domains[self.choice.index(domains.len())].to_owned() }
    }

    fn message(&mut self, group: usize) -> Message {
        self.number += 1;
        let id = format!("4A{:07}", self.number);
        let recipients = (0..=self.choice.below(3)).map(|_| {
            let written = self.recipient();
            // As aliases have it.
            let routed = (self.choice.below(4) == 3).then(|| Address {
                local: format!("routed{}", self.number),
                domain: [OPTED_IN[0], OTHERS[0]][self.choice.index(2)].to_owned(),
            });
            Recipient { written, routed, attempts: self.attempts(group) }
        });
        let recipients = recipients.collect();
        Message {
            id,
            sender: self.address(),
            message_id: self.text("<1@client.test>"),
            noise: self.noise(),
            recipients,
        }
    }

    fn attempts(&mut self, group: usize) -> Vec<Attempt> {
        let count = 1 + self.choice.below(2);
        let outcomes = [Outcome::Sent, Outcome::Bounced, Outcome::Later, Outcome::NoTls];
        (1..=count)
            .map(|number| {
                let end = if number < count { &outcomes[2..] } else { &outcomes[..] };
                let outcome = end[self.choice.index(end.len())];
                Attempt {
                    server: &SERVERS[self.choice.index(SERVERS.len())],
                    process: 21 + 2 * u32::try_from(group).unwrap() + u32::from(self.choice.yes()),
                    way: if outcome == Outcome::NoTls { Way::Plain } else { self.way() },
                    outcome,
                    reply: self.text("ok"),
                }
            })
            .collect()
    }
}
