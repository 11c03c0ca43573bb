//! The milter's side of one connection, without I/O: packets in, packets out.

use super::activity::Activity;
use super::negotiation::{self, Agreed};
use super::packet;
use crate::log::Log;
use crate::metrics::{Metrics, OpenConnection};
use crate::session::Session;
use crate::trial::{TrialId, TrialKey, TrialReport};
use arc_swap::ArcSwap;
use indymilter::ProtoOpts;
use indymilter::message::{command::CommandKind, reply::ReplyKind};
use jiff::Timestamp;
use ledger::Ledger;
use policy::{OnUnknownTls, Policy};
use std::sync::Arc;

/// What all connections share.
#[derive(Debug)]
pub struct Context {
    /// The policy in force.
    pub policy: Arc<ArcSwap<Policy>>,
    /// What to do where the MTA does not tell of TLS.
    pub on_unknown_tls: OnUnknownTls,
    /// How verdicts are logged.
    pub log: Log,
    /// What the milter has done so far.
    pub activity: Arc<Activity>,
    /// Where verdicts are recorded.
    pub ledger: Ledger,
    /// Where verdicts are counted, if they are.
    pub metrics: Option<Arc<Metrics>>,
    /// By which it knows trials of this host's own.
    pub trial_key: TrialKey,
}

/// What comes after a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// More packets.
    Read,
    /// Nothing: the MTA is done.
    Close,
}

/// Why a conversation cannot go on. The MTA then applies its default action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A length of 0, or more than is taken.
    #[error("a packet with a length of {0} octets")]
    Length(usize),
    /// A letter that stands for no command.
    #[error("an unknown command `{}`", char::from(*.0).escape_default())]
    Command(u8),
    /// A payload that cannot be read.
    #[error("a malformed packet `{}`", char::from(*.0).escape_default())]
    Malformed(u8),
    /// A packet before the negotiation, or a second negotiation.
    #[error("a packet `{}` out of order", char::from(*.0).escape_default())]
    Order(u8),
}

/// Where the answers of a conversation go.
pub trait Answers {
    /// Those that have not been sent; further ones are appended.
    fn waiting(&mut self) -> &mut Vec<u8>;

    /// A recipient has been answered. It is recorded next, and the MTA need not wait for that.
    fn send_now(&mut self) {}
}

/// Answers that are kept until somebody sends them.
impl Answers for Vec<u8> {
    fn waiting(&mut self) -> &mut Vec<u8> {
        self
    }
}

/// One milter connection.
#[derive(Debug)]
pub struct Conversation {
    context: Arc<Context>,
    agreed: Option<Agreed>,
    session: Session,
    /// The trial that the message is, if it is one.
    trial: Option<TrialId>,
    /// Octets still to come of a packet whose payload is not looked at.
    missing: usize,
    /// Counts this connection as open, where that is counted.
    _open: Option<OpenConnection>,
}

impl Conversation {
    /// A conversation that has not begun.
    #[must_use]
    pub fn new(context: Arc<Context>) -> Self {
        let session = Session::new(context.on_unknown_tls, false);
        let open = context.metrics.as_ref().map(|metrics| metrics.connected());
        Self { context, agreed: None, session, trial: None, missing: 0, _open: open }
    }

    /// Takes in all whole packets of `input` and gives the answers. Returns how many octets were
    /// used, and what comes next.
    ///
    /// # Errors
    ///
    /// When the MTA does not keep to the protocol. The answers to what came before are given.
    pub fn receive(
        &mut self,
        input: &[u8],
        answers: &mut impl Answers,
    ) -> Result<(usize, Next), ProtocolError> {
        let mut rest = input;
        if self.missing > 0 {
            let (skipped, after) = rest.split_at(self.missing.min(rest.len()));
            self.missing -= skipped.len();
            if self.missing > 0 {
                return Ok((input.len(), Next::Read));
            }
            go_on(answers.waiting());
            rest = after;
        }
        loop {
            match packet::split(rest) {
                packet::First::Incomplete => return Ok((input.len() - rest.len(), Next::Read)),
                packet::First::BadLength(length) => return Err(ProtocolError::Length(length)),
                packet::First::Content(letter, _) if self.agreed.is_none() => {
                    return Err(ProtocolError::Order(letter));
                }
                packet::First::Content(_, missing) => {
                    self.missing = missing;
                    return Ok((input.len(), Next::Read));
                }
                packet::First::Packet(letter, payload, after) => {
                    if self.packet(letter, payload, answers)? == Next::Close {
                        return Ok((input.len() - after.len(), Next::Close));
                    }
                    rest = after;
                }
            }
        }
    }

    /// Whether it has been negotiated.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.agreed.is_some()
    }

    fn packet(
        &mut self,
        letter: u8,
        payload: &[u8],
        answers: &mut impl Answers,
    ) -> Result<Next, ProtocolError> {
        let out = answers.waiting();
        let Some(agreed) = self.agreed else {
            return self.first_packet(letter, payload, out);
        };
        let command = CommandKind::try_from(letter).map_err(|_| ProtocolError::Command(letter))?;
        match command {
            CommandKind::DefMacros => {
                if let Some((stage, batch)) = packet::macros(payload) {
                    self.session.macros(stage, batch);
                }
            }
            CommandKind::ConnInfo => {
                // A client that cannot be read is in no network; its session goes on.
                self.session.connected(packet::connection_info(payload).unwrap_or_default());
                go_on_unless(agreed, ProtoOpts::NOREPLY_CONNECT, out);
            }
            CommandKind::Mail => {
                let argument = packet::argument(payload).ok_or(ProtocolError::Malformed(letter))?;
                let size = packet::size(payload);
                self.session.mail(argument, size, self.context.policy.load_full());
                self.trial = self.context.trial_key.recognise(payload, Timestamp::now());
                if self.trial.is_some() {
                    self.session.judge_as_stranger();
                }
                go_on_unless(agreed, ProtoOpts::NOREPLY_MAIL, out);
            }
            CommandKind::Rcpt => self.rcpt(payload, answers)?,
            CommandKind::Helo
            | CommandKind::Data
            | CommandKind::Header
            | CommandKind::Eoh
            | CommandKind::BodyChunk
            | CommandKind::Unknown => go_on(out),
            CommandKind::BodyEnd => {
                self.end_message();
                go_on(out);
            }
            CommandKind::Abort => self.end_message(),
            CommandKind::QuitNc => {
                self.session = Session::new(self.context.on_unknown_tls, agreed.lists);
                self.trial = None;
            }
            CommandKind::Quit => return Ok(Next::Close),
            CommandKind::OptNeg => return Err(ProtocolError::Order(letter)),
        }
        Ok(Next::Read)
    }

    fn first_packet(
        &mut self,
        letter: u8,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Next, ProtocolError> {
        match CommandKind::try_from(letter) {
            Ok(CommandKind::OptNeg) => {}
            Ok(CommandKind::Quit) => return Ok(Next::Close),
            _ => return Err(ProtocolError::Order(letter)),
        }
        let agreed =
            negotiation::negotiate(payload, out).ok_or(ProtocolError::Malformed(letter))?;
        self.session = Session::new(self.context.on_unknown_tls, agreed.lists);
        self.agreed = Some(agreed);
        Ok(Next::Read)
    }

    fn end_message(&mut self) {
        self.session.end_message();
        self.trial = None;
    }

    fn rcpt(&mut self, payload: &[u8], answers: &mut impl Answers) -> Result<(), ProtocolError> {
        let argument =
            packet::argument(payload).ok_or(ProtocolError::Malformed(CommandKind::Rcpt.into()))?;
        let judgement =
            self.session.rcpt(argument, Timestamp::now(), || self.context.policy.load_full());
        if let Some(trial) = self.trial {
            let answer = TrialReport::new(&judgement.case, &judgement.verdict).answer(trial);
            refuse(answers.waiting(), &answer);
            tracing::debug!("a trial of this host's own was answered: {answer}");
            self.session.answered();
            return Ok(());
        }
        self.context.activity.count(&judgement.case, &judgement.verdict);
        if let Some(metrics) = &self.context.metrics {
            metrics.judged(&judgement.case, &judgement.verdict);
        }
        match &judgement.reply {
            Some(reply) => refuse(answers.waiting(), &reply.to_milter()),
            None => go_on(answers.waiting()),
        }
        answers.send_now();
        self.context.log.judged(&judgement);
        self.context.ledger.judged(
            &judgement.case,
            &judgement.verdict,
            judgement.client_name,
            &judgement.envelope(),
        );
        self.session.answered();
        Ok(())
    }
}

fn go_on(out: &mut Vec<u8>) {
    packet::write(out, ReplyKind::Continue, b"");
}

fn refuse(out: &mut Vec<u8>, reply: &str) {
    packet::write_with(out, ReplyKind::ReplyCode, |out| {
        out.extend_from_slice(reply.as_bytes());
        out.push(0);
    });
}

fn go_on_unless(agreed: Agreed, noreply: ProtoOpts, out: &mut Vec<u8>) {
    if !agreed.options.contains(noreply) {
        go_on(out);
    }
}
