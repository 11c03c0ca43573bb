//! The line of a judged RCPT.

use crate::session::Judgement;
use policy::{Decision, Fault, Reason, Sender};
use service::logging::safe;
use std::{borrow::Cow, fmt, net::IpAddr};
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
/// is safe: a domain name by its type, all else by [`safe`]. What is a string already is given as a
/// string: formatting it would take as long as all the rest of the line.
macro_rules! write_line {
    ($level:expr, $log:expr, $judgement:expr) => {{
        let (log, judgement): (Log, &Judgement<'_>) = ($log, $judgement);
        let Judgement { case, verdict, .. } = judgement;
        let finding = verdict.finding.as_ref();
        let reason = verdict.reason();
        let matched = finding.and_then(|finding| finding.matched.as_ref());
        tracing::event!(
            $level,
            message = &*log.message(judgement),
            verdict = verdict.decision().code(),
            reason = reason.kind().code(),
            domain = domain(judgement).unwrap_or("-"),
            client = %Client(case.client.address),
            sender = sender(case.sender),
            tls_version = &*case.tls.version(),
            cipher = case.tls.cipher(),
            queue_id = judgement.queue_id.map(safe).as_deref().unwrap_or("-"),
            entry = matched.map(|matched| log.entry(matched.pattern)).as_deref(),
            seen = finding.map(|finding| finding.subject.seen_in()),
            detail = detail(reason),
            rcpt = log.local_parts.then(|| safe(judgement.argument)).as_deref(),
            from = log.local_parts.then(|| judgement.mail_addr()).flatten().map(safe).as_deref(),
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
        // Most mail of a big gateway concerns nobody who opted in: no line is made for it.
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

    /// The entry that decided; a mailbox without its name unless local parts may be logged.
    fn entry(self, pattern: &str) -> Cow<'_, str> {
        match pattern.rsplit_once('@') {
            Some((_, domain)) if !self.local_parts => format!("...@{domain}").into(),
            _ => safe(pattern.as_bytes()),
        }
    }

    /// What was done, and perhaps the facts by which a postmaster finds a message again.
    fn message(self, judgement: &Judgement<'_>) -> Cow<'static, str> {
        let Judgement { case, verdict, .. } = judgement;
        let done = match verdict.decision() {
            Decision::Accept => "recipient accepted",
            Decision::WouldRefuse => "recipient would be refused",
            Decision::Refuse => "recipient refused",
        };
        if !self.facts {
            return done.into();
        }
        let facts = format!(
            "{done}: domain={} reason={} client={} sender={} tls_version={} cipher={}",
            domain(judgement).unwrap_or("-"),
            verdict.reason().kind().code(),
            Client(case.client.address),
            sender(case.sender),
            case.tls.version(),
            case.tls.cipher()
        );
        facts.into()
    }
}

/// A client's address, or a dash where there is none.
struct Client(Option<IpAddr>);

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(address) => address.fmt(f),
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
