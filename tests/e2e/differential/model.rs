//! What an MTA with the milter must answer: the state of an SMTP session, as the client can know it.

use std::net::Ipv4Addr;

use super::policy::{Case, Policy, Ruling, Verdict};
use super::requirement::is_anonymous;
use super::session::{Command, Door, Recipient, Sender, Session, Tag};
use crate::support::TlsState;

/// Only this one may send to domains that the MTA does not relay for.
const RELAYS_ANYWHERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// The only domain in the sessions that the MTA does not relay for.
pub const STRANGER: &str = "stranger.example";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Postfix,
    Sendmail,
}

/// A session as far as it has come.
pub struct Model<'p> {
    kind: Kind,
    policy: &'p Policy,
    client: Ipv4Addr,
    is_authenticated: bool,
    tls: Option<TlsState>,
    has_certificate: bool,
    message: Option<Message>,
}

/// A message that has begun.
struct Message {
    sender: Sender,
    /// The recipients that were accepted.
    recipients: Vec<String>,
}

/// The answer to a command.
#[derive(Clone, Debug)]
pub enum Expected {
    /// The MTA's own, with this code.
    Own(u16),
    /// A RCPT that the MTA asks the milter about.
    Judged(Box<Judged>),
}

/// What must be thought of a RCPT.
#[derive(Clone, Debug)]
pub struct Judged {
    pub ruling: Ruling,
    pub client: Ipv4Addr,
    pub sender: Option<&'static str>,
    pub tls: Option<TlsState>,
}

impl<'p> Model<'p> {
    pub fn new(kind: Kind, policy: &'p Policy, session: &Session) -> Self {
        let client = match session.door {
            Door::HaProxy(client) => client,
            _ => session.source,
        };
        Self {
            kind,
            policy,
            client,
            is_authenticated: false,
            tls: None,
            has_certificate: false,
            message: None,
        }
    }

    /// A handshake has succeeded.
    pub fn encrypted(&mut self, tls: TlsState, certificate: Option<&str>) {
        // The other certificate is one that the MTA does not trust; and a server without a certificate
        // of its own asks for none.
        self.has_certificate = certificate == Some("client") && !is_anonymous(&tls);
        self.tls = Some(tls);
        // Sendmail still knows the user.
        self.is_authenticated &= self.kind == Kind::Sendmail;
        self.message = None;
    }

    /// The version of TLS, for the counts.
    pub fn version(&self) -> &'static str {
        self.tls.as_ref().map_or("none", |tls| tls.version)
    }

    /// The accepted recipients of the message whose DATA was answered with 354.
    pub fn take_recipients(&mut self) -> Vec<String> {
        self.message.take().expect("DATA comes after MAIL").recipients
    }

    /// The answer to a command, which it thereby has got.
    pub fn answer(&mut self, command: &Command, tag: Tag) -> Expected {
        Expected::Own(match command {
            Command::StartTls(_) => self.starttls(),
            Command::Auth(right) => self.auth(*right),
            Command::Xclient(client) => self.xclient(*client),
            Command::Mail(_) if self.message.is_some() => 503,
            Command::Mail(sender) => {
                self.message = Some(Message { sender: sender.clone(), recipients: Vec::new() });
                250
            }
            Command::Rcpt(recipient) => return self.rcpt(recipient, tag),
            Command::Data(_) => match (&self.message, self.kind) {
                (None, _) => 503,
                (Some(message), _) if !message.recipients.is_empty() => 354,
                (Some(_), Kind::Postfix) => 554,
                (Some(_), Kind::Sendmail) => 503,
            },
            Command::Helo | Command::Ehlo | Command::Rset => {
                self.message = None;
                250
            }
            Command::Noop => 250,
            Command::Vrfy => 252,
            Command::Unknown => 500,
            Command::Quit => 221,
        })
    }

    fn starttls(&mut self) -> u16 {
        match self.kind {
            Kind::Postfix if self.tls.is_some() => 554,
            Kind::Sendmail if self.tls.is_some() => 454,
            Kind::Sendmail if self.message.is_some() => 503,
            _ => 220,
        }
    }

    fn auth(&mut self, right: bool) -> u16 {
        if self.message.is_some() || self.is_authenticated {
            return 503;
        }
        self.is_authenticated = right;
        if right { 235 } else { 535 }
    }

    fn xclient(&mut self, client: Ipv4Addr) -> u16 {
        if self.message.is_some() {
            return 503;
        }
        if !self.client.is_loopback() {
            return 550;
        }
        self.client = client;
        220
    }

    fn rcpt(&mut self, recipient: &Recipient, tag: Tag) -> Expected {
        let Some(message) = &mut self.message else { return Expected::Own(503) };
        let may_relay =
            recipient.domain != STRANGER || self.client == RELAYS_ANYWHERE || self.is_authenticated;
        if !may_relay {
            return Expected::Own(match self.kind {
                Kind::Postfix => 554,
                // For now, as for a client whose name cannot be looked up.
                Kind::Sendmail => 450,
            });
        }
        let ruling = self.policy.rule(&Case {
            client: self.client,
            authenticated: self.is_authenticated,
            tls: self.tls.as_ref(),
            certified: self.has_certificate,
            sender: message.sender.domain,
            mailbox: &recipient.mailbox.meant(tag),
            domain: recipient.domain,
        });
        if ruling.verdict != Verdict::Refuse {
            message.recipients.push(recipient.address(tag));
        }
        Expected::Judged(Box::new(Judged {
            ruling,
            client: self.client,
            sender: message.sender.domain,
            tls: self.tls.clone(),
        }))
    }
}
