//! The log: how it is set up, and the line of a judged RCPT.
//!
//! Nothing from outside gets into the log but as printable ASCII without blanks, so that no
//! client can make up a field or a line.

mod events;
mod journal;
mod json;
mod text;
mod verdict;
mod writer;

pub use verdict::Log;
pub use writer::Guard;

use self::events::{Events, Form};
use self::journal::Journal;
use self::writer::{Lines, Stream};
use config::settings::{LogFormat, LogSettings, LogTarget};
use config::yaml::{Problems, Severity};
use std::{borrow::Cow, fmt::Write, io, path::Path};

/// Sets the log up for the process. The last lines are written when the guard is dropped.
///
/// # Errors
///
/// When the journal cannot be reached, or a log is set up already.
pub fn set_up(settings: &LogSettings) -> io::Result<Guard> {
    let (form, (lines, guard)) = match settings.to {
        LogTarget::Stderr => {
            let form = match settings.format {
                LogFormat::Text => Form::Text,
                LogFormat::Json => Form::Json,
            };
            (form, Lines::to(Stream::to(io::stderr()), report_lost)?)
        }
        LogTarget::Journald => {
            let journal = Journal::at(Path::new(journal::SOCKET)).map_err(|error| {
                let message =
                    format!("systemd's journal cannot be reached ({error}); use `to: stderr`");
                io::Error::new(error.kind(), message)
            })?;
            (Form::Journal, Lines::to(journal, report_lost)?)
        }
    };
    tracing::subscriber::set_global_default(Events::new(settings.level, form, lines))
        .map_err(io::Error::other)?;
    Ok(guard)
}

fn report_lost(lost: u64) {
    tracing::warn!(
        lines = lost,
        "lines of the log were lost: they could not be written, or not as fast as they came"
    );
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
#[must_use]
pub fn safe(octets: &[u8]) -> Cow<'_, str> {
    const MOST: usize = 320;
    let is_plain = |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b'"' | b'\\' | b'=');
    if octets.len() <= MOST
        && octets.iter().all(|octet| is_plain(*octet))
        && let Ok(text) = str::from_utf8(octets)
    {
        return text.into();
    }
    let mut text = String::new();
    for octet in octets.iter().copied().take(MOST) {
        match is_plain(octet) {
            true => text.push(octet.into()),
            // Writing to a string cannot fail.
            false => drop(write!(text, "\\x{octet:02x}")),
        }
    }
    if octets.len() > MOST {
        text.push_str("...");
    }
    text.into()
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
            assert_eq!(safe(octets), shown);
        }
        for octet in 0..=u8::MAX {
            let octets = [octet];
            assert!(safe(&octets).bytes().all(|shown| shown.is_ascii_graphic()), "{octet}");
        }
    }
}
