//! The log: how it is set up, and the line of a judged RCPT.
//!
//! Nothing from outside gets into the log but as printable ASCII without blanks, so that no
//! client can make up a field or a line.

mod text;
mod verdict;
mod writer;

pub use verdict::Log;
pub use writer::Guard;

use self::writer::Lines;
use crate::settings::{LogFormat, LogSettings, LogTarget};
use crate::yaml::{Problems, Severity};
use std::{fmt, io};
use tracing_subscriber::layer::SubscriberExt;

/// Sets the log up for the process. The last lines are written when the guard is dropped.
///
/// # Errors
///
/// When the journal cannot be reached, or a log is set up already.
pub fn set_up(settings: &LogSettings) -> io::Result<Guard> {
    let level = tracing_subscriber::filter::LevelFilter::from_level(settings.level);
    let registry = tracing_subscriber::registry().with(level);
    if settings.to == LogTarget::Journald {
        let journal = tracing_journald::layer()
            .map_err(|error| {
                let message =
                    format!("systemd's journal cannot be reached ({error}); use `to: stderr`");
                io::Error::new(error.kind(), message)
            })?
            .with_syslog_identifier("mandatory-tls".into())
            .with_field_prefix(Some("MANDATORY_TLS".into()));
        tracing::subscriber::set_global_default(registry.with(journal))
            .map_err(io::Error::other)?;
        return Ok(Guard::none());
    }
    let (lines, guard) = Lines::to(io::stderr(), |lost| {
        tracing::warn!(
            lines = lost,
            "lines of the log were lost: they could not be written, or not as fast as they came"
        );
    })?;
    let layer =
        tracing_subscriber::fmt::layer().with_writer(lines).with_target(false).with_ansi(false);
    match settings.format {
        LogFormat::Text => {
            tracing::subscriber::set_global_default(registry.with(layer.event_format(text::Text)))
        }
        LogFormat::Json => {
            let json =
                layer.json().flatten_event(true).with_span_list(false).with_current_span(false);
            tracing::subscriber::set_global_default(registry.with(json))
        }
    }
    .map_err(io::Error::other)?;
    Ok(guard)
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
        let is_plain = |octet: &u8| octet.is_ascii_graphic() && !b"\"\\=".contains(octet);
        let (shown, rest) = self.0.split_at(self.0.len().min(MOST));
        for run in shown.chunk_by(|one, other| is_plain(one) && is_plain(other)) {
            match (run, str::from_utf8(run)) {
                ([octet], _) if !is_plain(octet) => write!(f, "\\x{octet:02x}")?,
                (_, text) => f.write_str(text.unwrap_or_default())?,
            }
        }
        if rest.is_empty() { Ok(()) } else { f.write_str("...") }
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
