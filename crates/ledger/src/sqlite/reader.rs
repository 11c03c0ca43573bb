//! Reading the ledger, also while the milter writes it.

use crate::model::key::{Day, Found};
use crate::model::row::{Row, RowKey, Source, Tally, verdict};
use crate::sqlite::schema;
use crate::sqlite::store::StoreError;
use policy::Decision;
use rusqlite::{Connection, OpenFlags, params};
use std::{fs, io, path::Path, time::Duration};

/// How long a write of another process may keep a reader waiting.
const PATIENCE: Duration = Duration::from_secs(10);

/// A ledger that is open for reading.
#[derive(Debug)]
pub struct Reader {
    pub(crate) connection: Connection,
}

/// Which rows are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The first day.
    pub since: Day,
    /// One recipient domain.
    pub domain: Option<String>,
}

impl Reader {
    /// Opens the ledger at `path`.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, or is not a ledger that this program knows.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Err(error) = fs::metadata(path) {
            return Err(StoreError::File(error));
        }
        let open = |uri: &str| -> Result<Self, StoreError> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
                | OpenFlags::SQLITE_OPEN_NO_MUTEX
                | OpenFlags::SQLITE_OPEN_URI;
            let connection = Connection::open_with_flags(uri, flags)?;
            connection.busy_timeout(PATIENCE)?;
            match schema::version(&connection)? {
                0 => Err(StoreError::Foreign),
                _ => Ok(Self { connection }),
            }
        };
        let uri = uri(path)?;
        let opened = open(&uri);
        // Whoever may not write beside the file can read it all the same while nobody has it open.
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        if opened.is_err() && !Path::new(&wal).exists() {
            return open(&format!("{uri}?immutable=1")).or(opened);
        }
        opened
    }

    /// Hands every row that is wanted to `each`, in the order of days and domains.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn each(&self, selection: &Selection, mut each: impl FnMut(Row)) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT day, source, domain, found, client, name, sender, tls_version, cipher,
                 certificate, flags, verdict, reason, count, first, last
             FROM mail WHERE day >= ?1 AND (?2 IS NULL OR domain = ?2)
             ORDER BY day, domain",
        )?;
        let mut rows = statement.query(params![selection.since, selection.domain])?;
        while let Some(row) = rows.next()? {
            each(read(row)?);
        }
        Ok(())
    }

    /// How many rows are wanted.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn count(&self, selection: &Selection) -> Result<u64, StoreError> {
        let count: i64 = self.connection.query_row(
            "SELECT count(*) FROM mail WHERE day >= ?1 AND (?2 IS NULL OR domain = ?2)",
            params![selection.since, selection.domain],
            |row| row.get(0),
        )?;
        Ok(count.unsigned_abs())
    }

    /// How many recipients could not be recorded.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn lost(&self, since: Day) -> Result<u64, StoreError> {
        let lost: i64 = self.connection.query_row(
            "SELECT coalesce(sum(count), 0) FROM lost WHERE day >= ?1",
            [since],
            |row| row.get(0),
        )?;
        Ok(lost.unsigned_abs())
    }

    /// The first and the last moment that rows of a source tell of, in seconds since 1970-01-01.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn span(&self, source: Option<Source>) -> Result<Option<(i64, i64)>, StoreError> {
        let (first, last): (Option<i64>, Option<i64>) = self.connection.query_row(
            "SELECT min(first), max(last) FROM mail WHERE ?1 IS NULL OR source = ?1",
            [source.map(Source::code)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok(first.zip(last))
    }
}

/// A path as SQLite takes it with parameters behind.
fn uri(path: &Path) -> io::Result<String> {
    let path = fs::canonicalize(path)?;
    let mut uri = String::from("file:");
    for octet in path.as_os_str().as_encoded_bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                uri.push(char::from(*octet));
            }
            octet => uri.push_str(&format!("%{octet:02x}")),
        }
    }
    Ok(uri)
}

fn read(row: &rusqlite::Row<'_>) -> Result<Row, StoreError> {
    let source: String = row.get(1)?;
    let found: String = row.get(3)?;
    let word: String = row.get(11)?;
    let key = RowKey {
        day: row.get(0)?,
        source: if source == Source::Log.code() { Source::Log } else { Source::Milter },
        domain: row.get(2)?,
        found: Found::ALL.into_iter().find(|one| one.code() == found).unwrap_or(Found::Recipient),
        client: row.get(4)?,
        name: row.get(5)?,
        sender: row.get(6)?,
        tls_version: row.get(7)?,
        cipher: row.get(8)?,
        certificate: row.get(9)?,
        flags: row.get(10)?,
        verdict: verdict(&word).unwrap_or(Decision::Accept),
        reason: row.get(12)?,
    };
    let count: i64 = row.get(13)?;
    let tally = Tally { count: count.unsigned_abs(), first: row.get(14)?, last: row.get(15)? };
    Ok(Row { key, tally })
}
