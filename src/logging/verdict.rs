//! The line of a judged RCPT.

use super::Safe;
use crate::policy::{Decision, Fault, Reason, Sender};
use crate::session::Judgement;
use std::fmt;
use tracing::Level;

/// How verdicts are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Whether the lines hold whole addresses.
    pub local_parts: bool,
    /// Whether the message tells the main facts by itself: journalctl shows no fields.
    pub facts: bool,
}

/// One event with the fields of a verdict; the level must be a constant. What comes from outside
/// is safe: a domain name by its type, all else by [`Safe`].
macro_rules! write_line {
    ($level:expr, $log:expr, $judgement:expr) => {{
        let (log, judgement): (Log, &Judgement<'_>) = ($log, $judgement);
        let Judgement { case, verdict, .. } = judgement;
        let finding = verdict.finding.as_ref();
        let reason = verdict.reason();
        let matched = finding.and_then(|finding| finding.matched.as_ref());
        tracing::event!(
            $level,
            verdict = verdict.decision().code(),
            reason = reason.code(),
            domain = domain(judgement).unwrap_or("-"),
            client = %OrDash(case.client.address),
            sender = sender(case.sender),
            tls_version = %case.tls.version(),
            cipher = %case.tls.cipher(),
            queue_id = %OrDash(judgement.queue_id.map(Safe)),
            entry = matched.map(|matched| display(EntryName { pattern: matched.pattern, log })),
            seen = finding.map(|finding| finding.subject.seen_in()),
            detail = detail(reason),
            rcpt = log.local_parts.then(|| display(Safe(judgement.argument))),
            from = log.local_parts.then(|| judgement.mail_addr()).flatten().map(Safe).map(display),
            "{}{}",
            message(verdict.decision()),
            log.facts.then_some(Facts(judgement)).map_or_else(String::new, |facts| facts.to_string())
        );
    }};
}

impl Log {
    /// Logs the verdict on one RCPT.
    ///
    /// At level `info` what concerns opted-in domains and partners; at `debug` the mail of all
    /// others. What passes unjudged, or is refused for no fault of the sender, is a `warn`.
    pub fn judged(self, judgement: &Judgement<'_>) {
        let level = level(judgement);
        // Most mail of a big gateway is nobody's who opted in: its lines are not even made up.
        if level > tracing::level_filters::LevelFilter::current() {
            return;
        }
        if level == Level::WARN {
            write_line!(Level::WARN, self, judgement);
        } else if level == Level::INFO {
            write_line!(Level::INFO, self, judgement);
        } else {
            write_line!(Level::DEBUG, self, judgement);
        }
    }
}

/// The entry that decided; a mailbox without its name unless local parts may be logged.
struct EntryName<'a> {
    pattern: &'a str,
    log: Log,
}

impl fmt::Display for EntryName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pattern.rsplit_once('@') {
            Some((_, domain)) if !self.log.local_parts => write!(f, "...@{domain}"),
            _ => Safe(self.pattern.as_bytes()).fmt(f),
        }
    }
}

/// The facts by which a postmaster finds a message again, for the message itself.
struct Facts<'j, 's>(&'j Judgement<'s>);

impl fmt::Display for Facts<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Judgement { case, verdict, .. } = self.0;
        write!(
            f,
            ": domain={} reason={} client={} sender={} tls_version={} cipher={}",
            OrDash(domain(self.0)),
            verdict.reason().code(),
            OrDash(case.client.address),
            sender(case.sender),
            case.tls.version(),
            case.tls.cipher()
        )
    }
}

/// A value, or a dash where there is none.
struct OrDash<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for OrDash<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("-"),
        }
    }
}

/// The sender's domain; `<>` for the null sender.
fn sender(sender: &Sender) -> &str {
    match sender.domain() {
        Some(domain) => domain.as_str(),
        None if sender.is_null() => "<>",
        None => "-",
    }
}

fn message(decision: Decision) -> &'static str {
    match decision {
        Decision::Accept => "recipient accepted",
        Decision::WouldRefuse => "recipient would be refused",
        Decision::Refuse => "recipient refused",
    }
}

/// The domain that decided, or the recipient's.
fn domain<'a>(judgement: &'a Judgement<'_>) -> Option<&'a str> {
    let deciding = judgement.verdict.finding.as_ref().and_then(|finding| finding.subject.domain());
    deciding.or_else(|| judgement.case.recipient.domain()).map(|domain| domain.as_str())
}

/// What the reason alone does not say, as ASCII.
fn detail(reason: &Reason<'_>) -> Option<String> {
    match reason {
        Reason::Fault(Fault::Inadequate(shortfall)) => Some(shortfall.to_string()),
        Reason::Exception(exception) => Some(exception.reason.escape_default().to_string()),
        _ => None,
    }
}

fn level(judgement: &Judgement<'_>) -> Level {
    match judgement.verdict.reason() {
        Reason::NotOptedIn | Reason::Off => Level::DEBUG,
        Reason::LocalSubmission | Reason::UnknownTlsPassed | Reason::Fault(Fault::UnknownTls) => {
            Level::WARN
        }
        Reason::TrustedClient
        | Reason::TrustedAuthenticated
        | Reason::Exception(_)
        | Reason::Adequate
        | Reason::Fault(_) => Level::INFO,
    }
}
