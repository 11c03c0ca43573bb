//! A session that `doctor` or `setup` has with an MTA, from the connection to the answer to a recipient; never
//! further. No message is sent.

use crate::trial::{TrialId, TrialReport};
use jiff::Timestamp;
use smtp::{
    Bounds, CertificateView, Dialogue, Handshake, HandshakeError, HelloAnswer, OldVersion, Reply,
    Speaks, roots,
};
use std::{io, net::SocketAddr};

/// Where an MTA takes mail, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether TLS comes first (`smtpd_tls_wrappermode`).
    pub wrapped: bool,
    /// Whether a proxy says first who the client is (HAProxy's protocol).
    pub proxied: bool,
    /// The server's name.
    pub name: String,
}

/// How the session is had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cover {
    /// In the clear.
    Plaintext,
    /// Encrypted.
    Tls(Speaks),
}

/// By what the milter knows that the session is a trial.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    /// Which one it is, as the milter answers.
    pub id: TrialId,
    /// What MAIL carries.
    pub token: String,
}

/// How far a session came.
#[derive(Debug)]
pub(crate) struct Visit {
    /// What was negotiated, if anything.
    pub handshake: Option<Handshake>,
    /// Where it ended.
    pub end: End,
}

/// Where a session ended.
#[derive(Debug)]
pub(crate) enum End {
    /// Nobody took the connection.
    Unreachable(io::Error),
    /// The MTA did not greet.
    Greeting(Reply),
    /// It took no EHLO.
    Ehlo(Reply),
    /// It does not offer STARTTLS.
    NoStarttls,
    /// It offers STARTTLS, and refuses it.
    Starttls(Reply),
    /// The handshake failed.
    Handshake(HandshakeError),
    /// It took no MAIL.
    Mail(Reply),
    /// It answered these recipients; none where none was to be named.
    Recipients(Vec<Answer>),
    /// The connection broke, at this point.
    Broken(&'static str, io::Error),
}

impl End {
    /// Whether there was somebody to talk to.
    pub fn is_answered(&self) -> bool {
        !matches!(
            self,
            Self::Unreachable(_)
                | Self::Greeting(_)
                | Self::Ehlo(_)
                | Self::NoStarttls
                | Self::Starttls(_)
                | Self::Broken("the connection" | "the greeting" | "EHLO", _)
        )
    }
}

/// The answer to a recipient.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Which.
    pub recipient: String,
    /// What the MTA said.
    pub reply: Reply,
    /// What the milter said by it, if it was asked.
    pub report: Option<TrialReport>,
}

/// Has a session. The recipients are named one after another until the milter or the MTA has decided on one.
pub(crate) fn visit(
    door: &Door,
    cover: Cover,
    trial: Option<&Trial>,
    recipients: &[String],
) -> Visit {
    let mut handshake = None;
    let end = match converse(door, cover, trial, recipients, &mut handshake) {
        Ok(end) | Err(end) => end,
    };
    Visit { handshake, end }
}

fn converse(
    door: &Door,
    cover: Cover,
    trial: Option<&Trial>,
    recipients: &[String],
    shaken: &mut Option<Handshake>,
) -> Result<End, End> {
    let mut dialogue = connect(door)?;
    if !door.wrapped {
        greeting(&mut dialogue)?;
    }
    if let Cover::Tls(speaks) = cover {
        if !door.wrapped {
            starttls(&mut dialogue)?;
        }
        let (encrypted, handshake) =
            dialogue.encrypt(&[speaks], Some(&door.name)).map_err(End::Handshake)?;
        dialogue = encrypted;
        *shaken = Some(handshake);
    }
    if door.wrapped {
        greeting(&mut dialogue)?;
    }
    let keywords = ehlo(&mut dialogue)?;
    let answers = name_recipients(&mut dialogue, door, &keywords, trial, recipients)?;
    // The session leaves no trace of a lost connection.
    let _ = dialogue.command("QUIT");
    Ok(End::Recipients(answers))
}

fn broken(at: &'static str) -> impl FnOnce(io::Error) -> End {
    move |error| End::Broken(at, error)
}

fn connect(door: &Door) -> Result<Dialogue, End> {
    let mut dialogue =
        Dialogue::connect(door.address, Bounds::PATIENT).map_err(End::Unreachable)?;
    if door.proxied {
        let (from, to) = (dialogue.local(), door.address);
        let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
        let header =
            format!("PROXY {family} {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port());
        dialogue.send(&header).map_err(broken("the connection"))?;
    }
    Ok(dialogue)
}

fn greeting(dialogue: &mut Dialogue) -> Result<(), End> {
    let greeting = dialogue.reply().map_err(broken("the greeting"))?;
    if greeting.is_positive() { Ok(()) } else { Err(End::Greeting(greeting)) }
}

fn ehlo(dialogue: &mut Dialogue) -> Result<Reply, End> {
    let reply = dialogue.ehlo(None).map_err(broken("EHLO"))?;
    if reply.is_positive() { Ok(reply) } else { Err(End::Ehlo(reply)) }
}

fn starttls(dialogue: &mut Dialogue) -> Result<(), End> {
    let keywords = ehlo(dialogue)?;
    if !keywords.has_keyword("STARTTLS") {
        return Err(End::NoStarttls);
    }
    let reply = dialogue.command("STARTTLS").map_err(broken("STARTTLS"))?;
    if reply.code == 220 { Ok(()) } else { Err(End::Starttls(reply)) }
}

fn name_recipients(
    dialogue: &mut Dialogue,
    door: &Door,
    keywords: &Reply,
    trial: Option<&Trial>,
    recipients: &[String],
) -> Result<Vec<Answer>, End> {
    let mut answers = Vec::new();
    if recipients.is_empty() {
        return Ok(answers);
    }
    let mail = mail(dialogue, door, keywords, trial)?;
    if !mail.is_positive() {
        return Err(End::Mail(mail));
    }
    for recipient in recipients {
        let reply = dialogue.command(&format!("RCPT TO:<{recipient}>")).map_err(broken("RCPT"))?;
        let said = reply.lines.join(" ");
        let report = trial.and_then(|trial| TrialReport::read(&said, trial.id));
        let is_decided = report.is_some() || reply.is_positive();
        answers.push(Answer { recipient: recipient.clone(), reply, report });
        if is_decided {
            break;
        }
    }
    // A recipient that was taken is let go: there is no message.
    let _ = dialogue.command("RSET");
    Ok(answers)
}

/// MAIL, with the token of the trial where the MTA takes it.
fn mail(
    dialogue: &mut Dialogue,
    door: &Door,
    keywords: &Reply,
    trial: Option<&Trial>,
) -> Result<Reply, End> {
    let mut say = |command: &str| dialogue.command(command).map_err(broken("MAIL"));
    let Some(trial) = trial else { return say("MAIL FROM:<>") };
    if keywords.has_keyword("DSN") {
        let reply = say(&format!("MAIL FROM:<> ENVID={}", trial.token))?;
        // 501, 504, 555: the parameter is not taken after all.
        if !(500..560).contains(&reply.code) {
            return Ok(reply);
        }
    }
    say(&format!("MAIL FROM:<{}@{}>", trial.token, door.name))
}

/// What the MTA would take of an old TLS: its answer to each version, the newest first.
pub(crate) fn ask_old(door: &Door) -> Vec<(OldVersion, Result<HelloAnswer, String>)> {
    let versions = [OldVersion::V1_2, OldVersion::V1_1, OldVersion::V1_0, OldVersion::Ssl3];
    let ask = |version| {
        let mut dialogue = connect(door).map_err(|_| "it does not take the connection")?;
        if !door.wrapped {
            let offered = greeting(&mut dialogue).and_then(|()| starttls(&mut dialogue));
            offered.map_err(|_| "it does not start TLS")?;
        }
        let stream = dialogue.into_stream().ok_or("it is encrypted already")?;
        smtp::ask_old(stream, version).map_err(|error| error.to_string())
    };
    versions.into_iter().map(|version| (version, ask(version))).collect()
}

/// Looks at what the MTA presented in a handshake.
pub(crate) fn certificate(handshake: &Handshake, name: &str) -> Result<CertificateView, String> {
    CertificateView::new(&handshake.chain, name, &roots(), Timestamp::now())
}
