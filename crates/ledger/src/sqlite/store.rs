//! The file of the ledger: the only module, with those beside it that extend it, that knows SQL.
//!
//! What the rest of the program does with storage are the public methods of [`Store`] and
//! [`super::Reader`]; another kind of storage would be another pair of these.

use crate::model::key::{DAY, Day};
use crate::model::row::{OTHERS, Row, RowKey, Tally};
use crate::sqlite::schema;
use config::Room;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};
use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    ops::RangeInclusive,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long another process may keep the file locked before a write counts as failed.
const PATIENCE: Duration = Duration::from_secs(2);

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
    #[error("it was written by a later release (version {found} of the ledger; this program knows up to {known})", known = schema::VERSION)]
    Newer {
        /// The version found.
        found: i64,
    },
    /// A database, but no ledger.
    #[error("it is a database, but not a ledger")]
    Foreign,
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

/// A ledger that is open for writing.
#[derive(Debug)]
pub struct Store {
    pub(crate) connection: Connection,
    path: PathBuf,
    /// Device and inode of the file.
    identity: Option<(u64, u64)>,
    room: Room,
    /// Rows of domains and days that were written to.
    pub(crate) rows_of_domain: HashMap<(Day, String), u32>,
    rows_of_day: HashMap<Day, u32>,
}

impl Store {
    /// Opens the ledger at `path`; makes it, and its directory, if it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, or is not a ledger that this program knows.
    pub fn open(path: &Path, room: Room) -> Result<Self, StoreError> {
        if let Some(directory) = path.parent()
            && !directory.as_os_str().is_empty()
            && !directory.exists()
        {
            fs::DirBuilder::new().mode(0o750).create(directory)?;
        }
        // SQLite would make the file readable for everybody.
        fs::OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        // First of all: a file that is not for this program is left as it is.
        schema::version(&connection)?;
        // Before the first table: the space of what was deleted can then be given back.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        // Readers do not lock the writer out; a crash costs at most what was not committed.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "secure_delete", true)?;
        schema::migrate(&mut connection)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            identity: identity(path),
            room,
            rows_of_domain: HashMap::new(),
            rows_of_day: HashMap::new(),
        })
    }

    /// Whether the file is still the one at its path.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        self.identity.is_some() && identity(&self.path) == self.identity
    }

    /// Adds rows and losses in one transaction: all of them or, with an error, none.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write<'r>(
        &mut self,
        rows: impl Iterator<Item = (&'r RowKey, &'r Tally)>,
        lost: &BTreeMap<Day, u64>,
    ) -> Result<(), StoreError> {
        let written = self.begin().and_then(|()| {
            for (key, tally) in rows {
                self.add(key, *tally)?;
            }
            for (day, count) in lost {
                self.connection.execute(
                    "INSERT INTO lost VALUES (?1, ?2)
                     ON CONFLICT DO UPDATE SET count = count + excluded.count",
                    params![day, signed(*count)],
                )?;
            }
            Ok(self.connection.execute_batch("COMMIT")?)
        });
        if written.is_err() {
            self.roll_back();
        }
        written
    }

    pub(crate) fn begin(&self) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE")?)
    }

    pub(crate) fn roll_back(&mut self) {
        // Where SQLite has rolled back by itself, there is nothing to roll back.
        let _ = self.connection.execute_batch("ROLLBACK");
        self.rows_of_domain.clear();
        self.rows_of_day.clear();
    }

    /// Adds to a row within a transaction; where the row is new and there is no room for it, to the
    /// row of the others.
    pub(crate) fn add(&mut self, key: &RowKey, tally: Tally) -> Result<(), StoreError> {
        if self.update(key, tally)? {
            return Ok(());
        }
        // The day first: on a full one, a flood of made-up domains is not to be remembered.
        let day_is_full = self.rows_of_day(key.day)? >= self.room.day;
        if !day_is_full && self.rows_of_domain(key)? < self.room.domain {
            return self.insert(key, tally);
        }
        let mut others = key.others();
        if day_is_full {
            others.domain = OTHERS.into();
        }
        if self.update(&others, tally)? { Ok(()) } else { self.insert(&others, tally) }
    }

    fn update(&self, key: &RowKey, tally: Tally) -> Result<bool, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "UPDATE mail SET count = count + ?14, first = min(first, ?15),
                 last = max(last, ?16)
             WHERE day = ?1 AND domain = ?3 AND client = ?5 AND sender = ?7
                 AND tls_version = ?8 AND cipher = ?9 AND verdict = ?12
                 AND reason = ?13 AND name = ?6 AND certificate = ?10
                 AND found = ?4 AND flags = ?11 AND source = ?2",
        )?;
        Ok(run(&mut statement, key, tally)? > 0)
    }

    fn insert(&mut self, key: &RowKey, tally: Tally) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO mail (day, source, domain, found, client, name, sender, tls_version,
                 cipher, certificate, flags, verdict, reason, count, first, last)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?;
        run(&mut statement, key, tally)?;
        drop(statement);
        *self.rows_of_domain.entry((key.day, key.domain.clone())).or_default() += 1;
        *self.rows_of_day.entry(key.day).or_default() += 1;
        Ok(())
    }

    fn rows_of_domain(&mut self, key: &RowKey) -> Result<u32, StoreError> {
        let place = (key.day, key.domain.clone());
        if let Some(rows) = self.rows_of_domain.get(&place) {
            return Ok(*rows);
        }
        let rows = self.count(
            "SELECT count(*) FROM mail WHERE day = ?1 AND domain = ?2",
            params![key.day, key.domain],
        )?;
        self.rows_of_domain.insert(place, rows);
        Ok(rows)
    }

    fn rows_of_day(&mut self, day: Day) -> Result<u32, StoreError> {
        if let Some(rows) = self.rows_of_day.get(&day) {
            return Ok(*rows);
        }
        let rows = self.count("SELECT count(*) FROM mail WHERE day = ?1", params![day])?;
        // What is known of days before is needed no more, and would grow.
        self.rows_of_day.retain(|known, _| *known >= day - 1);
        self.rows_of_domain.retain(|(known, _), _| *known >= day - 1);
        self.rows_of_day.insert(day, rows);
        Ok(rows)
    }

    fn count(&self, sql: &str, params: impl rusqlite::Params) -> Result<u32, StoreError> {
        Ok(self.connection.prepare_cached(sql)?.query_row(params, |row| row.get(0))?)
    }

    /// Deletes what is of other days than these, and gives the space back. Returns how many rows went.
    pub(crate) fn keep(&mut self, days: &RangeInclusive<Day>) -> Result<usize, StoreError> {
        let (first, last) = (*days.start(), *days.end());
        let (from, until) = (i64::from(first) * DAY, (i64::from(last) + 1) * DAY);
        let change = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Each is one range of the file; with OR, all of it would be read.
        let rows = change.execute("DELETE FROM mail WHERE day < ?1", [first])?
            + change.execute("DELETE FROM mail WHERE day > ?1", [last])?;
        change.execute("DELETE FROM lost WHERE day < ?1 OR day > ?2", [first, last])?;
        change.execute("DELETE FROM told WHERE at < ?1 OR at >= ?2", [from, until])?;
        change.execute("DELETE FROM import WHERE last < ?1 OR last >= ?2", [from, until])?;
        change.commit()?;
        self.rows_of_domain.clear();
        self.rows_of_day.clear();
        self.give_space_back()?;
        Ok(rows)
    }

    fn give_space_back(&self) -> Result<(), StoreError> {
        // Each step gives back a page.
        let mut vacuum = self.connection.prepare("PRAGMA incremental_vacuum")?;
        let mut pages = vacuum.query([])?;
        while pages.next()?.is_some() {}
        let mut checkpoint = self.connection.prepare("PRAGMA wal_checkpoint(TRUNCATE)")?;
        checkpoint.query([])?.next()?;
        Ok(())
    }

    /// Takes in whole rows, as many as come, in one transaction.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; nothing is changed then.
    pub fn write_rows<'r>(
        &mut self,
        rows: impl Iterator<Item = &'r Row>,
    ) -> Result<(), StoreError> {
        self.write(rows.map(|row| (&row.key, &row.tally)), &BTreeMap::new())
    }
}

/// Runs a statement with a row as `?1` to `?16`, in the order of the table: names would be looked up
/// for each row.
fn run(
    statement: &mut rusqlite::Statement<'_>,
    key: &RowKey,
    tally: Tally,
) -> Result<usize, StoreError> {
    Ok(statement.execute(params![
        key.day,
        key.source.code(),
        key.domain,
        key.found.code(),
        key.client,
        key.name,
        key.sender,
        key.tls_version,
        key.cipher,
        key.certificate,
        key.flags,
        key.verdict.code(),
        key.reason,
        signed(tally.count),
        tally.first,
        tally.last,
    ])?)
}

/// SQLite's integers have a sign.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Device and inode of a file.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
