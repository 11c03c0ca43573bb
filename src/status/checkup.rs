//! What `doctor` found when it last looked, kept for the metrics.

use config::files;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    io,
    path::{Path, PathBuf},
};

/// The file, beside the status file.
const FILE: &str = "doctor.json";

/// A look of `doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkup {
    /// When it was.
    pub at: Timestamp,
    /// How many errors it found.
    pub errors: u64,
    /// How many warnings.
    pub warnings: u64,
    /// What the errors and warnings are: their ids.
    pub findings: Vec<String>,
}

impl Checkup {
    /// Where it lies for the milter with this status file.
    #[must_use]
    pub fn beside(status_file: &Path) -> PathBuf {
        status_file.with_file_name(FILE)
    }

    /// Reads the last one.
    ///
    /// # Errors
    ///
    /// When there is none, or not of this version's form.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&files::read_limited(path)?)?)
    }

    /// Keeps it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        // Monitoring may run as anybody.
        files::replace(path, &serde_json::to_vec_pretty(self)?, 0o644)
    }
}
