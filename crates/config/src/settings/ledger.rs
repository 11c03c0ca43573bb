//! What the settings say of the ledger: plain data, which the ledger takes.

use std::path::{Path, PathBuf};

/// Days that are kept where the settings say nothing.
pub const RETENTION_DAYS: u32 = 90;
/// Bounds where the settings say nothing.
pub const ROOM: Room = Room { domain: 10_000, day: 500_000 };

/// Bounds on what a day may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Rows of a domain and day; the rest is counted in its row "others".
    pub domain: u32,
    /// Rows of a day.
    pub day: u32,
}

/// What the settings say of client addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientDetail {
    /// Address and name.
    #[default]
    Full,
    /// The network: /24 of IPv4, /48 of IPv6. No name.
    Network,
    /// A keyed hash. No name.
    Hashed,
}

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
    pub fn in_directory(directory: &Path) -> Self {
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
