//! What the milter runs under: which settings, and which of their sockets there are.

use config::status::SettingsState;

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
