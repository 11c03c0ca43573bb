//! What the settings say of the ledger.

use super::privacy::ClientDetail;
use super::store::Room;
use std::path::PathBuf;

/// Days that are kept where the settings say nothing.
pub const RETENTION_DAYS: u32 = 90;
/// Bounds where the settings say nothing.
pub const ROOM: Room = Room { domain: 10_000, day: 500_000 };

/// How the ledger is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerSettings {
    /// The file.
    pub path: PathBuf,
    /// How many days are kept.
    pub retention_days: u32,
    /// Bounds on a day.
    pub room: Room,
    /// How much of a client is stored.
    pub clients: ClientDetail,
}

impl LedgerSettings {
    /// The usual ones, for a ledger in this directory.
    #[must_use]
    pub fn in_directory(directory: &std::path::Path) -> Self {
        Self {
            path: directory.join("ledger.sqlite"),
            retention_days: RETENTION_DAYS,
            room: ROOM,
            clients: ClientDetail::default(),
        }
    }

    /// Where the key lies that client addresses are hashed with.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.path.with_extension("key")
    }
}
