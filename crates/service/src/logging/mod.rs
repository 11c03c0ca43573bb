//! The log: how it is set up, its forms, and who writes it.
//!
//! What comes from outside is logged as printable ASCII without blanks, so that no client can forge
//! a field or a line.

mod events;
mod journal;
mod json;
mod safe;
mod terminal;
mod text;
mod time;
mod writer;

pub use safe::safe;
pub use terminal::leave_terminal;
pub use writer::Guard;

use self::events::{Events, Form};
use self::journal::Journal;
use self::writer::{Lines, Stream};
use config::settings::{LogFormat, LogLevel, LogSettings, LogTarget};
use config::yaml::{Problems, Severity};
use std::{io, path::Path};

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
            terminal::enter();
            (Form::Journal, Lines::to(journal, report_lost)?)
        }
    };
    tracing::subscriber::set_global_default(Events::new(level(settings.level), form, lines))
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
    for beyond in problems.beyond() {
        tracing::warn!("{beyond}");
    }
}

fn level(level: LogLevel) -> tracing::Level {
    match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
    }
}

#[cfg(test)]
mod tests;
