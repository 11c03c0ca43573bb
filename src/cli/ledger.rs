//! What the commands that read the ledger have in common: which one, and from when on.

use super::status;
use crate::ledger::{Day, LedgerSettings, Reader, damaged_beside, day_of};
use crate::policy_file;
use crate::settings::Settings;
use jiff::Timestamp;
use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Where the settings lie when the program is installed.
const CONFIG: &str = "/etc/mandatory-tls/milter.yaml";

/// Which ledger.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The settings, which say where the ledger is
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    pub config: PathBuf,
    /// This ledger, in place of the one that the settings name
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

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

    /// Errors in a file, as they are shown.
    pub fn config(problems: &crate::yaml::Problems) -> Self {
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

/// The end of a command.
pub(super) fn ended(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                eprintln!("{}", failure.message);
            }
            failure.status.into()
        }
    }
}

impl Place {
    /// The settings that were named.
    pub fn settings(&self) -> Result<Settings, Failure> {
        Settings::load(&self.config).map_err(|problems| Failure::config(&problems))
    }

    /// The file of the ledger.
    pub fn path(&self) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.ledger {
            return Ok(path.clone());
        }
        let settings = self.settings()?;
        settings.ledger.map(|ledger| ledger.path).ok_or_else(|| {
            Failure::unavailable(format!(
                "error: {} keeps no ledger\n  = help: set `state_dir: /var/lib/mandatory-tls` there, or name a ledger with --ledger",
                self.config.display()
            ))
        })
    }

    /// The ledger, open for reading.
    pub fn open(&self) -> Result<Reader, Failure> {
        let path = self.path()?;
        Reader::open(&path).map_err(|error| cannot_read(&path, &error))
    }
}

/// A ledger that nobody writes and prunes any more.
#[derive(Debug)]
pub(super) struct LeftBehind {
    /// Which, and how it is.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// What lies in the state directory from before the ledger was switched off.
pub(super) fn left_behind(settings: &Settings) -> Option<LeftBehind> {
    if settings.ledger.is_some() {
        return None;
    }
    let ledger = LedgerSettings::in_directory(settings.state_dir.as_ref()?);
    let damaged = damaged_beside(&ledger.path).unwrap_or_default();
    let files: Vec<_> = [ledger.path.clone(), ledger.key()]
        .into_iter()
        .filter(|file| file.exists())
        .chain(damaged.into_iter().map(|(file, _)| file))
        .map(|file| file.display().to_string())
        .collect();
    let path = ledger.path.with_extension("");
    (!files.is_empty()).then(|| LeftBehind {
        what: format!(
            "a ledger of before lies here, and nothing is deleted from it any more: {}",
            files.join(", ")
        ),
        remedy: format!("rm {}.*, or switch the ledger on again", path.display()),
    })
}

/// That the ledger cannot be read, with what to do about it.
pub(super) fn cannot_read(path: &Path, error: &crate::ledger::StoreError) -> Failure {
    let help = match error {
        crate::ledger::StoreError::File(error) if error.kind() == io::ErrorKind::NotFound => {
            "the milter writes it once it has judged mail; `import postfix-log` fills it from logs"
        }
        _ => "read it as root, or as the user that the milter runs as",
    };
    Failure::unavailable(format!(
        "error: the ledger {} cannot be read: {error}\n  = help: {help}",
        path.display()
    ))
}

/// The first day of a time that is given as `7d`, `4w` or `2027-01-31`.
pub(super) fn since(text: &str) -> Result<Day, String> {
    let today = day_of(Timestamp::now().as_second());
    let number = |digits: &str| digits.parse::<u16>().ok().map(Day::from);
    let days = match (text.strip_suffix('d'), text.strip_suffix('w')) {
        (Some(days), _) => number(days),
        (None, Some(weeks)) => number(weeks).map(|weeks| weeks * 7),
        (None, None) => {
            let moment = policy_file::moment(text).map(|moment| moment.as_second());
            return moment.map(day_of).ok_or_else(written);
        }
    };
    days.map(|days| today - days).ok_or_else(written)
}

fn written() -> String {
    "days are written as 7d, weeks as 4w, a day as 2027-01-31".into()
}
