//! The ledger's file, open for writing.

use crate::model::day::Day;
use crate::model::row::{Row, RowKey};
use crate::model::tally::Tally;
use crate::sqlite::columns::{Table, signed};
use crate::sqlite::error::StoreError;
use crate::sqlite::{damaged, schema};
use config::{Room, files};
use rusqlite::{Connection, OpenFlags, params};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long another process may keep the file locked before a write counts as failed.
const PATIENCE: Duration = Duration::from_secs(2);

/// A ledger that is open for writing.
#[derive(Debug)]
pub struct Store {
    pub(super) connection: Connection,
    path: PathBuf,
    /// Device and inode of the file.
    identity: Option<(u64, u64)>,
    room: Room,
    /// Rows of domains and days that were written to, by table.
    pub(super) rows_of_domain: HashMap<(&'static str, Day, String), u32>,
    pub(super) rows_of_day: HashMap<(&'static str, Day), u32>,
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
        // Root may write it where the directory is another user's.
        let place = files::place_of_regular(path)?;
        // SQLite would make the file readable for everybody.
        let without_link = files::WITHOUT_LINK;
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true).mode(0o640).custom_flags(without_link).open(&place)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let mut connection = Connection::open_with_flags(&place, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "trusted_schema", false)?;
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

    /// Moves a damaged file aside, and says where to. It is not written to any more.
    ///
    /// # Errors
    ///
    /// When it cannot be renamed.
    pub fn set_aside(&self, at: jiff::Timestamp) -> std::io::Result<PathBuf> {
        damaged::set_aside(&self.path, at)
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
        self.at_once(|store| {
            for (key, tally) in rows {
                store.add(key, *tally)?;
            }
            for (day, count) in lost {
                store.connection.execute(
                    "INSERT INTO lost VALUES (?1, ?2)
                     ON CONFLICT DO UPDATE SET count = count + excluded.count",
                    params![day, signed(*count)],
                )?;
            }
            Ok(())
        })
    }

    /// Makes a change in one transaction: all of it or, with an error, nothing.
    pub(super) fn at_once<T>(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let begun = self.connection.execute_batch("BEGIN IMMEDIATE").map_err(StoreError::from);
        let changed = begun.and_then(|()| {
            let value = change(self)?;
            self.connection.execute_batch("COMMIT")?;
            Ok(value)
        });
        if changed.is_err() {
            // Where SQLite has rolled back by itself, there is nothing to roll back.
            let _ = self.connection.execute_batch("ROLLBACK");
            self.rows_of_domain.clear();
            self.rows_of_day.clear();
        }
        changed
    }

    /// Adds to a row within a transaction; where the row is new and there is no room for it, to the
    /// row of the others.
    pub(super) fn add<T: Table>(&mut self, key: &T, tally: Tally) -> Result<(), StoreError> {
        if self.update(key, tally)? {
            return Ok(());
        }
        // The day first: on a full day, a flood of made-up domains must not fill the memory.
        let day_is_full = self.rows_of_day::<T>(key.day())? >= self.room.day;
        if !day_is_full && self.rows_of_domain(key)? < self.room.domain {
            return self.insert(key, tally);
        }
        let mut others = key.others();
        if day_is_full {
            others = others.of_any_domain();
        }
        if self.update(&others, tally)? { Ok(()) } else { self.insert(&others, tally) }
    }

    fn update<T: Table>(&self, key: &T, tally: Tally) -> Result<bool, StoreError> {
        let mut statement = self.connection.prepare_cached(T::UPDATE)?;
        Ok(statement.execute(key.values(tally))? > 0)
    }

    fn insert<T: Table>(&mut self, key: &T, tally: Tally) -> Result<(), StoreError> {
        self.connection.prepare_cached(T::INSERT)?.execute(key.values(tally))?;
        let place = (T::NAME, key.day(), key.domain().to_owned());
        *self.rows_of_domain.entry(place).or_default() += 1;
        *self.rows_of_day.entry((T::NAME, key.day())).or_default() += 1;
        Ok(())
    }

    fn rows_of_domain<T: Table>(&mut self, key: &T) -> Result<u32, StoreError> {
        let place = (T::NAME, key.day(), key.domain().to_owned());
        if let Some(rows) = self.rows_of_domain.get(&place) {
            return Ok(*rows);
        }
        let sql = format!("SELECT count(*) FROM {} WHERE day = ?1 AND domain = ?2", T::NAME);
        let rows = self.count(&sql, params![key.day(), key.domain()])?;
        self.rows_of_domain.insert(place, rows);
        Ok(rows)
    }

    fn rows_of_day<T: Table>(&mut self, day: Day) -> Result<u32, StoreError> {
        if let Some(rows) = self.rows_of_day.get(&(T::NAME, day)) {
            return Ok(*rows);
        }
        let sql = format!("SELECT count(*) FROM {} WHERE day = ?1", T::NAME);
        let rows = self.count(&sql, params![day])?;
        // What is known of days before is needed no more, and would grow.
        self.rows_of_day.retain(|(_, known), _| *known >= day - 1);
        self.rows_of_domain.retain(|(_, known, _), _| *known >= day - 1);
        self.rows_of_day.insert((T::NAME, day), rows);
        Ok(rows)
    }

    fn count(&self, sql: &str, params: impl rusqlite::Params) -> Result<u32, StoreError> {
        Ok(self.connection.prepare_cached(sql)?.query_row(params, |row| row.get(0))?)
    }

    /// Adds rows in one transaction.
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

/// Device and inode of a file.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
