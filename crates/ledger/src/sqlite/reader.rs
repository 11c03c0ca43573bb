//! Reading the ledger, also while the milter writes it.

use crate::history::{Domains, History, Selection, Told};
use crate::model::day::Day;
use crate::model::delivery::{Delivery, DeliveryKey, DeliveryStatus};
use crate::model::followed::Followed;
use crate::model::handshake::{Handshake, HandshakeKey};
use crate::model::row::{Row, RowKey};
use crate::model::tls::LOCAL;
use crate::sqlite::columns::Table;
use crate::sqlite::error::StoreError;
use crate::sqlite::followed::{self, followed_beside};
use crate::sqlite::{columns, schema};
use config::files;
use policy::Decision;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Params};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use std::{fs, io, path::Path, thread};

/// How long a write of another process may keep a reader waiting.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a new ledger may be without its tables.
const MAKING: Duration = Duration::from_secs(2);

/// A ledger that is open for reading.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    /// The version of the file.
    version: i64,
    /// Why what was followed of the log cannot be read; none where it can, or where there is none.
    unread: Option<StoreError>,
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
            // It may be another user's: what its schema says is not run.
            connection.pragma_update(None, "trusted_schema", false)?;
            match version(&connection)? {
                0 => Err(StoreError::Foreign),
                version => Ok(Self { connection, version, unread: None }),
            }
        };
        let uri = uri(path)?;
        let mut opened = open(&uri);
        if opened.is_err() && is_closed(path) {
            opened = open(&format!("{uri}?immutable=1")).or(opened);
        }
        let mut reader = opened?;
        reader.unread = reader.attach(&followed_beside(path)).err();
        Ok(reader)
    }

    /// Reads what was followed of the log, too.
    fn attach(&self, beside: &Path) -> Result<(), StoreError> {
        if self.version < schema::WITH_DELIVERIES || !beside.try_exists()? {
            return Ok(());
        }
        let uri = uri(beside)?;
        let attached = followed::attach(&self.connection, &format!("{uri}?mode=ro"));
        match attached {
            Err(_) if is_closed(beside) => {
                // It is attached already where only its content could not be read.
                let _ = self.connection.execute_batch("DETACH DATABASE followed");
                followed::attach(&self.connection, &format!("{uri}?immutable=1"))
            }
            attached => attached,
        }
    }

    /// Why what was followed of the log cannot be read; none where it can, or where no log is followed.
    #[must_use]
    pub fn unread(&self) -> Option<&StoreError> {
        self.unread.as_ref()
    }

    /// When the first delivery to each domain was recorded, in seconds since 1970-01-01.
    pub(super) fn first_deliveries(&self) -> Result<HashMap<String, i64>, StoreError> {
        let sql = "SELECT domain, min(first) FROM delivery GROUP BY domain";
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How whoever follows the log stands, of the file itself that belongs to whoever follows the log.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn own_followed(&self) -> Result<Option<Followed>, StoreError> {
        let is_known = self.version >= schema::WITH_FOLLOWED;
        if is_known { followed::read(&self.connection, "main") } else { Ok(None) }
    }

    /// How whoever follows the log stands; none where no log is followed.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn followed(&self) -> Result<Option<Followed>, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM temp.sqlite_schema)";
        let is_attached: bool = self.connection.query_row(sql, [], |row| row.get(0))?;
        if is_attached { followed::read(&self.connection, "followed") } else { Ok(None) }
    }
}

/// Whether nobody has the file open: without the right to write beside it, it can be read only then.
fn is_closed(path: &Path) -> bool {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    !Path::new(&wal).exists()
}

impl Reader {
    /// The statement for all rows of a table that meet a condition, in the order of days and domains.
    /// Whoever reads a file may not have the right to bring it up to date.
    fn select<T: Table>(&self, condition: &str) -> String {
        let mut select = T::SELECT.to_owned();
        if self.version < schema::WITH_REPEATS {
            select = select.replacen(" repeats,", " NULL AS repeats,", 1);
        }
        format!("{select} WHERE {condition} ORDER BY day, domain")
    }

    fn read<K: Table, T>(
        &self,
        selection: &Selection,
        read: impl Fn(&rusqlite::Row<'_>) -> Result<T, StoreError>,
        mut each: impl FnMut(T),
    ) -> Result<(), StoreError> {
        let mut all = |mut rows: rusqlite::Rows<'_>| -> Result<(), StoreError> {
            while let Some(row) = rows.next()? {
                each(read(row)?);
            }
            Ok(())
        };
        let Domains::One(domain) = &selection.domains else {
            let mut statement = self.connection.prepare(&self.select::<K>(WANTED))?;
            return all(statement.query(wanted(selection))?);
        };
        let mut statement = self.connection.prepare(&self.select::<K>(OF_A_DAY))?;
        self.each_day(K::NAME, selection.since, |day| all(statement.query((day, domain.as_str()))?))
    }

    /// Goes through the days that a table has rows of. With day and domain, which the keys of all tables
    /// begin with, a domain's rows are found without those of all others.
    fn each_day(
        &self,
        table: &str,
        since: Day,
        mut each: impl FnMut(Day) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let sql = format!("SELECT day FROM {table} WHERE day >= ?1 ORDER BY day LIMIT 1");
        let mut next = self.connection.prepare(&sql)?;
        let mut since = Some(since);
        while let Some(from) = since {
            let day: Option<Day> = next.query_row([from], |row| row.get(0)).optional()?;
            let Some(day) = day else { break };
            each(day)?;
            since = day.checked_add(1);
        }
        Ok(())
    }
}

/// The version of a ledger. One that has no tables yet is being made: the milter writes the first row.
fn version(connection: &Connection) -> Result<i64, StoreError> {
    let deadline = Instant::now() + MAKING;
    loop {
        let version = schema::version(connection)?;
        if version > 0 || Instant::now() >= deadline {
            return Ok(version);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The rows of one domain on one day: its parameters are these.
const OF_A_DAY: &str = "day = ?1 AND domain = ?2";

/// Which rows are wanted, with [`wanted`] as its parameters; not for those of one domain.
const WANTED: &str = "day >= ?1 AND (?2 IS NULL OR substr(domain, -length(?2)) = ?2)";

fn wanted(selection: &Selection) -> impl Params + '_ {
    let ending = match &selection.domains {
        Domains::All | Domains::One(_) => None,
        Domains::Below(domain) => Some(format!(".{domain}")),
    };
    (selection.since, ending)
}

impl History for Reader {
    type Error = StoreError;

    fn each(&self, selection: &Selection, each: impl FnMut(Row)) -> Result<(), StoreError> {
        self.read::<RowKey, _>(selection, columns::read_mail, each)
    }

    fn deliveries(
        &self,
        selection: &Selection,
        each: impl FnMut(Delivery),
    ) -> Result<(), StoreError> {
        if self.version < schema::WITH_DELIVERIES {
            return Ok(());
        }
        let read = |row: &rusqlite::Row<'_>| {
            DeliveryKey::read(row).map(|(key, tally)| Delivery { key, tally })
        };
        self.read::<DeliveryKey, _>(selection, read, each)
    }

    fn handshakes(
        &self,
        selection: &Selection,
        each: impl FnMut(Handshake),
    ) -> Result<(), StoreError> {
        if self.version < schema::WITH_DELIVERIES {
            return Ok(());
        }
        let read = |row: &rusqlite::Row<'_>| {
            HandshakeKey::read(row).map(|(key, tally)| Handshake { key, tally })
        };
        self.read::<HandshakeKey, _>(selection, read, each)
    }

    fn count(&self, selection: &Selection) -> Result<u64, StoreError> {
        let counted = |condition: &str| format!("SELECT count(*) FROM mail WHERE {condition}");
        let Domains::One(domain) = &selection.domains else {
            let mut statement = self.connection.prepare(&counted(WANTED))?;
            let count: i64 = statement.query_row(wanted(selection), |row| row.get(0))?;
            return Ok(count.unsigned_abs());
        };
        let mut statement = self.connection.prepare(&counted(OF_A_DAY))?;
        let mut all = 0;
        self.each_day(RowKey::NAME, selection.since, |day| {
            let count: i64 = statement.query_row((day, domain.as_str()), |row| row.get(0))?;
            all += count.unsigned_abs();
            Ok(())
        })?;
        Ok(all)
    }

    fn delivered(&self, since: Day) -> Result<u64, StoreError> {
        if self.version < schema::WITH_DELIVERIES {
            return Ok(0);
        }
        // What repeats another is none of its own, as with `Tally::recipients`.
        let sql = "SELECT coalesce(sum(max(count - coalesce(repeats, 0), 0)), 0) FROM delivery
                   WHERE day >= ?1 AND status = ?2 AND tls_version <> ?3";
        let sent: &str = DeliveryStatus::Sent.into();
        let sum: i64 = self.connection.query_row(sql, (since, sent, LOCAL), |row| row.get(0))?;
        Ok(sum.unsigned_abs())
    }

    fn lost(&self, since: Day) -> Result<u64, StoreError> {
        let lost: i64 = self.connection.query_row(
            "SELECT coalesce(sum(count), 0) FROM lost WHERE day >= ?1",
            [since],
            |row| row.get(0),
        )?;
        Ok(lost.unsigned_abs())
    }

    fn span(&self) -> Result<Option<(i64, i64)>, StoreError> {
        // Of the first day and of the last: to look at all takes long.
        let of_day = |what: &str, day: &str| -> Result<Option<i64>, StoreError> {
            let sql = format!("SELECT {what} FROM mail WHERE day = (SELECT {day} FROM mail)");
            Ok(self.connection.query_row(&sql, [], |row| row.get(0))?)
        };
        let first = of_day("min(first)", "min(day)")?;
        let last = of_day("max(last)", "max(day)")?;
        Ok(first.zip(last))
    }

    fn told(&self, entry: &str) -> Result<Told, StoreError> {
        let sql = "SELECT client, verdict FROM told WHERE entry = ?1";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([entry])?;
        let mut told = Told::new();
        while let Some(row) = rows.next()? {
            let verdict: Decision = columns::word(row, 1)?;
            told.insert((row.get(0)?, verdict == Decision::Refuse));
        }
        Ok(told)
    }
}

/// A path as a URI, which SQLite takes with parameters.
fn uri(path: &Path) -> io::Result<String> {
    let path = files::place_of_regular(path)?;
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
