//! The ledger of whoever follows the log: a file of its own, with the tables of any ledger.
//!
//! Its own, so that nothing that happens to it (a log that makes it wait, a fault, a process that is held up
//! in the middle of a transaction) keeps the milter from writing. A [`Reader`](super::reader::Reader) of the
//! ledger reads both.

use crate::model::day::Day;
use crate::model::followed::Followed;
use crate::model::imports::FromLog;
use crate::sqlite::error::StoreError;
use crate::sqlite::schema;
use crate::sqlite::store::Store;
use rusqlite::{Connection, OptionalExtension};
use std::path::{Path, PathBuf};

/// Where the file lies for the ledger at `path`: in a directory beside the ledger's, which belongs to another
/// user. In the milter's own directory, the milter's user could put something else in its place.
#[must_use]
pub fn followed_beside(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut beside = directory.as_os_str().to_owned();
    beside.push("-follow-log");
    PathBuf::from(beside).join("hops.sqlite")
}

impl Store {
    /// How whoever follows the log stands.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn followed(&self) -> Result<Option<Followed>, StoreError> {
        read(&self.connection, "main")
    }

    /// Takes in what the log told, and how far it was read: all or nothing.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn follow(&mut self, told: &FromLog, followed: &Followed) -> Result<(), StoreError> {
        let text = serde_json::to_string(followed).map_err(std::io::Error::from)?;
        self.at_once(|store| {
            store.take_in(told)?;
            let sql = "INSERT OR REPLACE INTO followed VALUES (1, ?1)";
            store.connection.prepare_cached(sql)?.execute([text])?;
            Ok(())
        })
    }

    /// Forgets by what it was known what the log told before this day: where whoever follows it stands says
    /// the same.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn forget_prints(&mut self, before: Day) -> Result<usize, StoreError> {
        Ok(self.connection.execute("DELETE FROM imported WHERE day < ?1", [before])?)
    }
}

/// Lets a connection to a ledger see the deliveries and handshakes of the file at `uri`, too.
pub(super) fn attach(connection: &Connection, uri: &str) -> Result<(), StoreError> {
    connection.execute("ATTACH DATABASE ?1 AS followed", [uri])?;
    let version: i64 =
        connection.query_row("PRAGMA followed.user_version", [], |row| row.get(0))?;
    if version > schema::VERSION {
        return Err(StoreError::Newer { found: version, known: schema::VERSION });
    }
    if !schema::is_plain(connection, "followed")? {
        return Err(StoreError::Foreign);
    }
    // One that is being made has no tables yet.
    if version >= schema::WITH_FOLLOWED {
        // A name without a file is that of a view before it is that of a table.
        for table in ["delivery", "handshake"] {
            connection.execute_batch(&format!(
                "CREATE TEMP VIEW {table} AS
                     SELECT * FROM main.{table} UNION ALL SELECT * FROM followed.{table}"
            ))?;
        }
    }
    Ok(())
}

/// How whoever follows the log stands, of one of the connection's files.
pub(super) fn read(connection: &Connection, file: &str) -> Result<Option<Followed>, StoreError> {
    let sql = format!("SELECT state FROM {file}.followed");
    let text: Option<String> = connection.query_row(&sql, [], |row| row.get(0)).optional()?;
    let read = |text: String| serde_json::from_str(&text).map_err(std::io::Error::from);
    Ok(text.map(read).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{TODAY, key};
    use crate::history::{Domains, History, Selection};
    use crate::model::handshake::{Afterwards, HandshakeKey};
    use crate::model::logged_tls::TlsFailure;
    use crate::model::row::{RowKey, Source};
    use crate::model::tally::Tally;
    use crate::sqlite::reader::Reader;
    use crate::{Clients, day_of};
    use config::settings::ROOM;
    use std::collections::{BTreeMap, HashMap};

    fn told(count: u64) -> FromLog {
        let key = HandshakeKey {
            day: TODAY,
            domain: String::new(),
            client: "192.0.2.1".into(),
            name: String::new(),
            failure: TlsFailure::new("no shared cipher"),
            afterwards: Afterwards::Away,
        };
        let tally = Tally { count, repeats: Some(0), first: 1, last: 2 };
        FromLog { handshakes: HashMap::from([(key, tally)]), ..FromLog::default() }
    }

    fn handshakes(reader: &Reader) -> Vec<u64> {
        let mut found = Vec::new();
        reader
            .handshakes(&Selection { since: TODAY, domains: Domains::All }, |row| {
                found.push(row.tally.count)
            })
            .unwrap();
        found
    }

    #[test]
    fn a_reader_of_the_ledger_sees_what_was_followed_and_the_milter_writes_all_the_while() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/ledger.sqlite");
        let mut ledger = Store::open(&path, ROOM).unwrap();
        ledger.import(&told(1)).unwrap();
        let reader = Reader::open(&path).unwrap();
        assert_eq!((handshakes(&reader), reader.followed().unwrap()), (vec![1], None));
        let mut follow = Store::open(&followed_beside(&path), ROOM).unwrap();
        let mut followed = Followed { log: "journal".into(), ..Followed::default() };
        followed.begins(5);
        followed.reached(9);
        follow.follow(&told(4), &followed).unwrap();
        let reader = Reader::open(&path).unwrap();
        assert!(reader.unread().is_none());
        assert_eq!(handshakes(&reader), [1, 4]);
        assert_eq!(reader.followed().unwrap(), Some(followed.clone()));
        assert_eq!(follow.followed().unwrap(), Some(followed.clone()));
        assert!([5, 9].iter().all(|at| followed.knows(*at)));
        assert!([4, 10].iter().all(|at| !followed.knows(*at)));
        // Whoever follows the log stands still in the middle of a transaction.
        follow.connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let row = RowKey::new(&key("192.0.2.1"), Source::Milter, &Clients::Full);
        let tally = Tally { count: 1, repeats: Some(0), first: 1, last: 1 };
        ledger.write([(&row, &tally)].into_iter(), &BTreeMap::new()).unwrap();
    }

    #[test]
    fn a_file_beside_the_ledger_that_cannot_be_read_takes_nothing_from_the_ledger() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/ledger.sqlite");
        let mut ledger = Store::open(&path, ROOM).unwrap();
        ledger.import(&told(1)).unwrap();
        let beside = followed_beside(&path);
        std::fs::create_dir(beside.parent().unwrap()).unwrap();
        for content in ["no database", ""] {
            std::fs::write(&beside, content).unwrap();
            let reader = Reader::open(&path).unwrap();
            assert_eq!(handshakes(&reader), [1]);
            assert_eq!(reader.unread().is_some(), !content.is_empty());
        }
    }

    /// What is done to a file so that whoever reads it runs what it says.
    const HOSTILE: [&str; 5] = [
        "DROP TABLE handshake; CREATE VIEW handshake AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1
         FROM n) SELECT i, '', '', '', 'x', 'away', i, 0, i, i FROM n",
        "ALTER TABLE handshake ADD COLUMN more INTEGER AS (count + 1)",
        "DROP TABLE followed; CREATE VIEW followed AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1
         FROM n) SELECT 1 AS one, max(i) AS state FROM n",
        "CREATE TRIGGER more AFTER INSERT ON handshake BEGIN DELETE FROM handshake; END",
        "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = 'CREATE VIEW handshake AS SELECT 1'
         WHERE name = 'handshake'",
    ];

    #[test]
    fn a_file_whose_schema_would_be_run_is_neither_read_nor_written() {
        for hostile in HOSTILE {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("state/ledger.sqlite");
            Store::open(&path, ROOM).unwrap().import(&told(1)).unwrap();
            let beside = followed_beside(&path);
            let store = Store::open(&beside, ROOM).unwrap();
            store.connection.execute_batch(hostile).unwrap();
            drop(store);
            let reader = Reader::open(&path).unwrap();
            assert!(reader.unread().is_some(), "{hostile}");
            assert_eq!(handshakes(&reader), [1], "{hostile}");
            assert!(Reader::open(&beside).is_err(), "{hostile}");
            assert!(Store::open(&beside, ROOM).is_err(), "{hostile}");
        }
    }

    #[test]
    fn what_is_no_regular_file_keeps_nobody_waiting_and_a_link_that_leads_nowhere_makes_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/ledger.sqlite");
        Store::open(&path, ROOM).unwrap().import(&told(1)).unwrap();
        let beside = followed_beside(&path);
        std::fs::create_dir(beside.parent().unwrap()).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&beside).status().unwrap();
        assert!(made.success());
        let reader = Reader::open(&path).unwrap();
        assert!(reader.unread().is_some());
        assert_eq!(handshakes(&reader), [1]);
        assert!(matches!(Reader::open(&beside), Err(StoreError::File(_))));
        assert!(matches!(Store::open(&beside, ROOM), Err(StoreError::File(_))));
        std::fs::remove_file(&beside).unwrap();
        let elsewhere = directory.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, &beside).unwrap();
        assert!(matches!(Store::open(&beside, ROOM), Err(StoreError::File(_))));
        assert!(!elsewhere.exists());
    }

    #[test]
    fn the_file_has_a_directory_beside_that_of_the_ledger() {
        for (ledger, beside) in [
            (
                "/var/lib/mandatory-tls/ledger.sqlite",
                "/var/lib/mandatory-tls-follow-log/hops.sqlite",
            ),
            ("/ledger.sqlite", "/-follow-log/hops.sqlite"),
        ] {
            assert_eq!(followed_beside(Path::new(ledger)), Path::new(beside));
        }
        assert!(followed_beside(Path::new("ledger.sqlite")).is_absolute());
    }

    #[test]
    fn what_was_counted_and_the_place_are_written_together_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(&directory.path().join("hops.sqlite"), ROOM).unwrap();
        let first = Followed { last: 1, ..Followed::default() };
        store.follow(&told(1), &first).unwrap();
        store.connection.execute_batch("DROP TABLE imported").unwrap();
        let mut more = told(1);
        more.prints.push(crate::Print::new(1, "4dBrAb1cD2zEf", 1, "a@example.org"));
        assert!(store.follow(&more, &Followed { last: 2, ..Followed::default() }).is_err());
        assert_eq!(store.followed().unwrap(), Some(first));
    }

    #[test]
    fn prints_of_days_that_are_not_read_again_are_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(&directory.path().join("hops.sqlite"), ROOM).unwrap();
        let at = [i64::from(TODAY) * 86_400, i64::from(TODAY - 3) * 86_400];
        let prints = at.map(|at| crate::Print::new(at, "4dBrAb1cD2zEf", 1, "a@example.org"));
        let told = FromLog { prints: prints.to_vec(), ..FromLog::default() };
        store.follow(&told, &Followed::default()).unwrap();
        assert_eq!(store.forget_prints(TODAY - 1).unwrap(), 1);
        let left = at.map(|at| store.prints(day_of(at)).unwrap().len());
        assert_eq!(left, [1, 0]);
    }
}
