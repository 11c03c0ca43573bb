//! The end of a command that cannot go on.

use super::status;
use crate::wording::harmless;
use config::yaml::Problems;
use std::{io, process::ExitCode};

/// A command that cannot go on: what to say, and the exit status.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    /// Something that the system, or the ledger, refused.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: status::UNAVAILABLE }
    }

    /// Wrong arguments.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: status::USAGE }
    }

    /// Input that cannot be read.
    pub fn data(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: status::DATA }
    }

    /// Errors in a file that somebody else has found.
    pub fn found_elsewhere(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: status::CONFIG }
    }

    /// Errors in a file, as they are shown.
    pub fn config(problems: &Problems) -> Self {
        Self { message: problems.to_string(), status: status::CONFIG }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // The reader of the output has seen enough: nothing to say.
        let broken = error.kind() == io::ErrorKind::BrokenPipe;
        let message = if broken { String::new() } else { format!("error: {error}") };
        Self { message, status: if broken { 0 } else { status::UNAVAILABLE } }
    }
}

impl Failure {
    /// Says it; the exit status.
    pub fn ended(self) -> ExitCode {
        if !self.message.is_empty() {
            eprintln!("{}", harmless(&self.message));
        }
        self.status.into()
    }
}

/// The end of a command.
pub(super) fn ended(result: Result<(), Failure>) -> ExitCode {
    result.map_or_else(Failure::ended, |()| ExitCode::SUCCESS)
}
