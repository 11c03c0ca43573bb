//! What the milter runs under: which settings, and which of their sockets there are.

use crate::last_good::Keeping;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What the milter runs under, as others see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The settings.
    pub settings: SettingsState,
    /// The sockets that it listens on (`unix:PATH`, `inet:HOST:PORT`).
    pub listening: Vec<String>,
    /// The sockets of the settings that could not be had so far, and why, each in a line.
    pub missing: Vec<String>,
}

/// How the settings in force stand to their file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsState {
    /// The file.
    pub path: PathBuf,
    /// That it could not be used at the start, so that the last good settings are in force.
    pub last_good: Option<LastGoodStart>,
    /// Whether the settings in force are kept for such a start.
    pub keeping: Keeping,
}

/// A start under the last good settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastGoodStart {
    /// When the milter first started under them.
    pub since: Timestamp,
    /// What was wrong with the file, in a line.
    pub problem: String,
}
