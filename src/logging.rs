//! The log: how it is set up, and the line of a judged RCPT.
//!
//! Nothing from outside gets into the log but as printable ASCII without blanks, so that no
//! client can make up a field or a line.

use crate::policy::{Decision, DomainName, Fault, Match, Reason, Subject, cipher, tls_version};
use crate::session::Judgement;
use crate::settings::{LogFormat, LogSettings, LogTarget};
use crate::yaml::{Problems, Severity};
use std::{fmt, io, net::IpAddr};
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt;

/// How verdicts are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Whether the lines hold whole addresses.
    pub local_parts: bool,
}

/// Sets the log up for the process.
///
/// # Errors
///
/// When the journal cannot be reached, or a log is set up already.
pub fn set_up(settings: &LogSettings) -> io::Result<()> {
    let level = tracing_subscriber::filter::LevelFilter::from_level(settings.level);
    let registry = tracing_subscriber::registry().with(level);
    let text = || {
        tracing_subscriber::fmt::layer().with_writer(io::stderr).with_target(false).with_ansi(false)
    };
    let result = match (settings.to, settings.format) {
        (LogTarget::Journald, _) => {
            let journal = tracing_journald::layer()
                .map_err(|error| {
                    let message =
                        format!("systemd's journal cannot be reached ({error}); use `to: stderr`");
                    io::Error::new(error.kind(), message)
                })?
                .with_syslog_identifier("mandatory-tls".into())
                .with_field_prefix(Some("MANDATORY_TLS".into()));
            tracing::subscriber::set_global_default(registry.with(journal))
        }
        (LogTarget::Stderr, LogFormat::Text) => {
            tracing::subscriber::set_global_default(registry.with(text()))
        }
        (LogTarget::Stderr, LogFormat::Json) => {
            let json =
                text().json().flatten_event(true).with_span_list(false).with_current_span(false);
            tracing::subscriber::set_global_default(registry.with(json))
        }
    };
    result.map_err(io::Error::other)
}

/// Logs what is wrong with a file, each problem with its line and a caret.
pub fn problems(problems: &Problems) {
    for problem in problems.shown() {
        let text = problem.to_string();
        // The level says the first word already.
        let text = text.split_once(": ").map_or(&*text, |(_, text)| text);
        match problem.severity {
            Severity::Error => tracing::error!("{text}"),
            Severity::Warning => tracing::warn!("{text}"),
        }
    }
    if problems.count() > problems.shown().len() {
        tracing::error!("these are the first of {} errors", problems.count());
    }
}

/// Octets from outside, as printable ASCII without blanks; anything else, and the signs by which a
/// log line is read, become `\xNN`. Cut after a few hundred octets.
#[derive(Clone, Copy, Debug)]
pub struct Safe<'a>(pub &'a [u8]);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 320;
        for octet in self.0.iter().take(MOST) {
            match octet {
                b'"' | b'\\' | b'=' => write!(f, "\\x{octet:02x}")?,
                octet if octet.is_ascii_graphic() => write!(f, "{}", char::from(*octet))?,
                octet => write!(f, "\\x{octet:02x}")?,
            }
        }
        if self.0.len() > MOST { f.write_str("...") } else { Ok(()) }
    }
}

/// The fields of one line, each safe.
struct Line {
    message: &'static str,
    verdict: &'static str,
    reason: &'static str,
    domain: String,
    client: String,
    sender: String,
    tls_version: String,
    cipher: String,
    queue_id: String,
    entry: Option<String>,
    seen: Option<&'static str>,
    detail: Option<String>,
    rcpt: Option<String>,
    from: Option<String>,
}

/// One event with the fields of a [`Line`]; the level must be a constant.
macro_rules! write_line {
    ($level:expr, $line:expr) => {{
        let line: Line = $line;
        tracing::event!(
            $level,
            verdict = %line.verdict,
            reason = %line.reason,
            domain = %line.domain,
            client = %line.client,
            sender = %line.sender,
            tls_version = %line.tls_version,
            cipher = %line.cipher,
            queue_id = %line.queue_id,
            entry = line.entry.map(tracing::field::display),
            seen = line.seen.map(tracing::field::display),
            detail = line.detail.map(tracing::field::debug),
            rcpt = line.rcpt.map(tracing::field::display),
            from = line.from.map(tracing::field::display),
            "{}",
            line.message
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
        let line = self.line(judgement);
        if level == Level::WARN {
            write_line!(Level::WARN, line);
        } else if level == Level::INFO {
            write_line!(Level::INFO, line);
        } else {
            write_line!(Level::DEBUG, line);
        }
    }

    fn line(self, judgement: &Judgement<'_>) -> Line {
        let Judgement { case, verdict, .. } = judgement;
        let finding = verdict.finding.as_ref();
        let reason = verdict.reason();
        let subject = finding.map(|finding| &finding.subject);
        let sender = case.sender.domain().map(DomainName::to_string);
        let address = |octets: &[u8]| Safe(octets).to_string();
        Line {
            message: message(verdict.decision()),
            verdict: verdict.decision().code(),
            reason: reason.code(),
            domain: domain(judgement),
            client: case.client.address.map_or_else(|| "-".into(), |ip: IpAddr| ip.to_string()),
            sender: sender.unwrap_or_else(|| if case.sender.is_null() { "<>" } else { "-" }.into()),
            tls_version: tls_version(case.tls),
            cipher: cipher(case.tls),
            queue_id: judgement.queue_id.map_or_else(|| "-".into(), address),
            entry: finding
                .and_then(|finding| finding.matched.as_ref())
                .map(|matched| self.pattern(matched)),
            seen: subject.map(Subject::seen_in),
            detail: detail(&reason),
            rcpt: self.local_parts.then(|| address(judgement.argument)),
            from: judgement.mail_addr.filter(|_| self.local_parts).map(address),
        }
    }

    /// The entry that decided; a mailbox without its name.
    fn pattern(self, matched: &Match<'_>) -> String {
        match matched.pattern.rsplit_once('@') {
            Some((_, domain)) if !self.local_parts => format!("...@{domain}"),
            _ => Safe(matched.pattern.as_bytes()).to_string(),
        }
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
fn domain(judgement: &Judgement<'_>) -> String {
    let deciding = judgement.verdict.finding.as_ref().and_then(|finding| finding.subject.domain());
    let domain = deciding.or_else(|| judgement.case.recipient.domain());
    domain.map_or_else(|| "-".into(), DomainName::to_string)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_can_forge_a_log_line() {
        for (octets, shown) in [
            (&b"user@example.com"[..], "user@example.com"),
            (b"a\nb", r"a\x0ab"),
            (b"a\r\n2026 INFO x", r"a\x0d\x0a2026\x20INFO\x20x"),
            (b"a\tb\0c\x1b[31m\x7f", r"a\x09b\x00c\x1b[31m\x7f"),
            (b"x verdict=accept", r"x\x20verdict\x3daccept"),
            (b"\"q\"\\", r"\x22q\x22\x5c"),
        ] {
            assert_eq!(Safe(octets).to_string(), shown);
        }
        for octet in 0..=u8::MAX {
            let shown = Safe(&[octet]).to_string();
            assert!(shown.bytes().all(|shown| shown.is_ascii_graphic()), "{octet}");
        }
    }
}
