//! The log.

use crate::yaml::{Decoder, Node};
use strum::{EnumIter, IntoStaticStr};

/// Where the log goes and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Its form.
    pub format: LogFormat,
    /// Its destination.
    pub to: LogTarget,
    /// The least level that is logged.
    pub level: LogLevel,
    /// Whether the local parts of addresses are logged.
    pub local_parts: bool,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Where the log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum LogTarget {
    /// Standard error.
    Stderr,
    /// systemd's journal, with fields.
    Journald,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum LogLevel {
    /// Errors only.
    Error,
    /// Warnings as well.
    Warn,
    /// And what happens.
    Info,
    /// And what is of use to find an error of the program.
    Debug,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            to: LogTarget::Stderr,
            level: LogLevel::Info,
            local_parts: false,
        }
    }
}

impl LogSettings {
    /// Reads `log`.
    pub(super) fn read(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Self> {
        let usual = Self::default();
        let mut fields = decoder.fields(node, "`log`")?;
        let log = Self {
            format: fields.choice(decoder, "format").unwrap_or(usual.format),
            to: fields.choice(decoder, "to").unwrap_or(usual.to),
            level: fields.choice(decoder, "level").unwrap_or(usual.level),
            local_parts: fields.truth(decoder, "local_parts").unwrap_or(usual.local_parts),
        };
        decoder.finish(fields);
        Some(log)
    }
}
