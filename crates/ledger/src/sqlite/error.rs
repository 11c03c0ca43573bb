//! Why the ledger cannot be read or written.

use rusqlite::ErrorCode;
use std::io;

/// Why the ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What the system says of the file or its directory.
    #[error("{0}")]
    File(#[from] io::Error),
    /// What the system says of the key that clients are hashed with.
    #[error("{0}")]
    Key(io::Error),
    /// What SQLite says.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file was written by a later release.
    #[error(
        "it was written by a later release (version {found} of the ledger; this program knows up to {known})"
    )]
    Newer {
        /// The version found.
        found: i64,
        /// The latest that this program knows.
        known: i64,
    },
    /// A database, but no ledger.
    #[error("it is a database, but not a ledger")]
    Foreign,
    /// A word in a column in which this program knows all that may stand there.
    #[error("it holds the word `{}` as {column}, which this program does not know", word.escape_debug())]
    Word {
        /// The column.
        column: String,
        /// The word.
        word: String,
    },
}

impl StoreError {
    /// Whether the file itself is damaged.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
    }

    /// Whether somebody else has locked the file.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    }

    /// Whether the file or its directory is not there, or is not this user's to write.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        match (self, self.code()) {
            (
                _,
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied),
            ) => true,
            (Self::File(error), _) => {
                matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
            }
            _ => false,
        }
    }

    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code(),
            _ => None,
        }
    }

    /// What to do; may be empty.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match (self, self.code()) {
            (Self::Newer { .. }, _) => "install that release again, or move the file away",
            (Self::Key(_), _) => {
                "let the milter's user read it, and write to `state_dir`; a key that is damaged may be removed, clients then get other hashes"
            }
            (Self::Foreign, _) => "choose another `state_dir`, or move the file away",
            (_, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => {
                "another process keeps it locked; fuser(1) says which"
            }
            (_, Some(ErrorCode::DiskFull)) => "make room on the disk",
            (
                _,
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied),
            ) => "let the milter's user write to `state_dir` and to the files there",
            (Self::File(error), _) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
                    "make the directory: install -d -o USER -m 750 STATE_DIR, where USER runs the milter"
                }
                _ => "",
            },
            _ => "",
        }
    }
}
