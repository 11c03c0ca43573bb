//! The ledger that a command reads: which one, and how it is opened.

use super::eyes::INSTALLED;
use super::failure::Failure;
use config::settings::{LedgerSettings, Settings};
use ledger::{Reader, StoreError, damaged_beside};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Which ledger.
#[derive(Debug, clap::Args)]
pub(super) struct LedgerFile {
    /// The settings, which say where the ledger is
    #[arg(long, value_name = "FILE", default_value = INSTALLED)]
    pub config: PathBuf,
    /// This ledger, in place of the one that the settings name
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

impl LedgerFile {
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

/// That the ledger cannot be read, with what to do about it.
pub(super) fn cannot_read(path: &Path, error: &StoreError) -> Failure {
    let help = match error {
        StoreError::File(error) if error.kind() == io::ErrorKind::NotFound => {
            "the milter writes it once it has judged mail; `import postfix-log` fills it from logs"
        }
        // The milter makes the file first, and its tables once there is room on the disk.
        StoreError::Foreign => {
            "does `state_dir` or --ledger name the right place? Where the milter cannot write, `doctor` says so"
        }
        _ => "read it as root, or as the user that the milter runs as",
    };
    Failure::unavailable(format!(
        "error: the ledger {} cannot be read: {error}\n  = help: {help}",
        path.display()
    ))
}

/// A ledger that is no longer written and pruned.
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
