//! Why the database did not do what it was asked.

use postgres::error::SqlState;
use rusqlite::ErrorCode;

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is a row of this key already.
    #[error("there is one of this name already")]
    Taken,
    /// Another transaction crossed this one.
    #[error("the database is busy: try again")]
    Crossed,
    /// It was made by a later version of the program.
    #[error(
        "the database has the form of a later version ({0}); this program knows versions up to {1}"
    )]
    Later(i64, i64),
    /// A row holds what this program did not write.
    #[error("the database holds {0}")]
    Foreign(String),
    /// SQLite's reasons.
    #[error("the database cannot be used: {0}")]
    Sqlite(rusqlite::Error),
    /// PostgreSQL's reasons.
    #[error("the database cannot be used: {}", postgres_text(.0))]
    Postgres(postgres::Error),
    /// The string that says where PostgreSQL is.
    #[error("{0}")]
    Place(String),
}

/// PostgreSQL's own words, which its client keeps apart.
fn postgres_text(error: &postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => error.to_string(),
        None => error.to_string(),
    }
}

/// An error of an operation, which may come from others having crossed it.
pub trait MayCross {
    /// Whether the same transaction may succeed when it is tried again.
    fn is_crossed(&self) -> bool;
}

impl MayCross for StoreError {
    fn is_crossed(&self) -> bool {
        matches!(self, Self::Crossed)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let extended = error.sqlite_error().map(|error| error.extended_code);
        match (error.sqlite_error_code(), extended) {
            (_, Some(rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE))
            | (_, Some(rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY)) => Self::Taken,
            (Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked), _) => Self::Crossed,
            _ => Self::Sqlite(error),
        }
    }
}

impl From<postgres::Error> for StoreError {
    fn from(error: postgres::Error) -> Self {
        match error.code() {
            Some(code) if *code == SqlState::UNIQUE_VIOLATION => Self::Taken,
            Some(code)
                if *code == SqlState::T_R_SERIALIZATION_FAILURE
                    || *code == SqlState::T_R_DEADLOCK_DETECTED =>
            {
                Self::Crossed
            }
            _ => Self::Postgres(error),
        }
    }
}
