//! The script of an SMTP session: what the client does, whatever it is answered.

use std::fmt;
use std::net::Ipv4Addr;

use crate::support::Tls;

/// A session from the connection to its end.
#[derive(Clone, Debug)]
pub struct Session {
    pub door: Door,
    /// The address that the client connects from.
    pub source: Ipv4Addr,
    pub turns: Vec<Turn>,
    /// Whether the client hangs up once it has sent its last commands, and reads no answer to them.
    pub hangs_up_unread: bool,
}

/// The way into the MTA. Sendmail has the first two only.
#[derive(Clone, Debug)]
pub enum Door {
    Smtp,
    Smtps(Tls),
    Submission,
    Postscreen,
    /// The proxy names this client.
    HaProxy(Ipv4Addr),
    Xclient,
    Chroot,
    Weak,
}

/// A command, and whether the next one goes out in the same write, before the answer.
#[derive(Clone, Debug)]
pub struct Turn {
    pub command: Command,
    pub joined: bool,
}

#[derive(Clone, Debug)]
pub enum Command {
    Helo,
    Ehlo,
    StartTls(Tls),
    /// With the right password or a wrong one.
    Auth(bool),
    Xclient(Ipv4Addr),
    Mail(Sender),
    Rcpt(Recipient),
    Data(Body),
    Rset,
    Noop,
    Vrfy,
    Unknown,
    Quit,
}

/// What follows the answer to DATA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    Whole,
    /// The client hangs up in the middle.
    Broken,
}

/// A sender: a domain, or none for `<>`.
#[derive(Clone, Debug)]
pub struct Sender {
    pub domain: Option<&'static str>,
    pub spelling: Spelling,
}

#[derive(Clone, Debug)]
pub struct Recipient {
    pub mailbox: Mailbox,
    pub domain: &'static str,
    pub spelling: Spelling,
}

/// The part before the `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mailbox {
    pub name: Name,
    /// Whether it is written in quotes that it does not need.
    pub is_quoted: bool,
}

/// All but `Boss` hold a tag that no other RCPT has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    Tagged,
    TaggedExtended,
    /// A mailbox that the policy may name.
    Boss,
    /// The same with an extension.
    BossExtended,
}

/// How a domain is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    Plain,
    Capitals,
    Initials,
    Dot,
}

/// What is unlike in every session that was ever run: the number of the run, and that of the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    pub run: u64,
    pub turn: usize,
}

impl Tag {
    /// The tag in a text, if there is one.
    pub fn find(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once("tag-")?;
        let (run, rest) = rest.split_once('-')?;
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        Some(Self { run: run.parse().ok()?, turn: rest[..end].parse().ok()? })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tag-{}-{}", self.run, self.turn)
    }
}

impl Command {
    /// The command as the client writes it.
    pub fn line(&self, door: &Door, tag: Tag) -> String {
        match self {
            Self::Helo => "HELO client.example.net".to_owned(),
            Self::Ehlo => "EHLO client.example.net".to_owned(),
            Self::StartTls(_) => "STARTTLS".to_owned(),
            Self::Auth(right) => {
                // Postfix and Sendmail of the tests know their user by different names.
                let host = if matches!(door, Door::Submission) { "" } else { "mx." };
                let password = if *right { "secret" } else { "wrong" };
                let token = format!("\0user@{host}example.com\0{password}");
                format!("AUTH PLAIN {}", openssl::base64::encode_block(token.as_bytes()))
            }
            Self::Xclient(address) => format!("XCLIENT NAME=client.example.net ADDR={address}"),
            Self::Mail(Sender { domain: None, .. }) => "MAIL FROM:<>".to_owned(),
            Self::Mail(Sender { domain: Some(domain), spelling }) => {
                format!("MAIL FROM:<sender@{}>", spelling.of(domain))
            }
            Self::Rcpt(recipient) => {
                let domain = recipient.spelling.of(recipient.domain);
                format!("RCPT TO:<{}@{domain}>", recipient.mailbox.written(tag))
            }
            Self::Data(_) => "DATA".to_owned(),
            Self::Rset => "RSET".to_owned(),
            Self::Noop => "NOOP".to_owned(),
            Self::Vrfy => "VRFY <user@one.test>".to_owned(),
            Self::Unknown => "FLY to:<user@one.test>".to_owned(),
            Self::Quit => "QUIT".to_owned(),
        }
    }

    /// Whether the client must read the answer before it can say anything else.
    pub fn needs_answer(&self) -> bool {
        matches!(
            self,
            Self::StartTls(_) | Self::Auth(_) | Self::Xclient(_) | Self::Data(_) | Self::Quit
        )
    }
}

impl Recipient {
    /// The address as it is meant, which is how it is delivered.
    pub fn address(&self, tag: Tag) -> String {
        format!("{}@{}", self.mailbox.meant(tag), self.domain)
    }
}

impl Mailbox {
    /// The local part as it is meant.
    pub fn meant(self, tag: Tag) -> String {
        match self.name {
            Name::Tagged => tag.to_string(),
            Name::TaggedExtended => format!("{tag}+news"),
            Name::Boss => "boss".to_owned(),
            Name::BossExtended => format!("boss+{tag}"),
        }
    }

    fn written(self, tag: Tag) -> String {
        let meant = self.meant(tag);
        if self.is_quoted { format!("\"{meant}\"") } else { meant }
    }
}

impl Spelling {
    fn of(self, domain: &str) -> String {
        match self {
            Self::Plain => domain.to_owned(),
            Self::Capitals => domain.to_uppercase(),
            Self::Initials => domain
                .split('.')
                .map(|label| label[..1].to_uppercase() + &label[1..])
                .collect::<Vec<_>>()
                .join("."),
            Self::Dot => format!("{domain}."),
        }
    }
}
