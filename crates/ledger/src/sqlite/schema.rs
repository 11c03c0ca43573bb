//! The tables of the ledger, and how an older file becomes a newer one.

use crate::sqlite::error::StoreError;
use rusqlite::Connection;

/// One step from each version to the next. A step that was released is never changed.
///
/// A new column, or a new word for a verdict, a source or what was found, needs a step, so that an
/// older program does not misread the file. A new reason needs none: programs keep and show those
/// that they do not know.
///
/// `mail`: the day comes first in the key, so that a span of days, a domain of a day and what is
/// too old are each one range of the file.
const STEPS: [&str; 8] = [
    "CREATE TABLE mail (
         day INTEGER NOT NULL,
         source TEXT NOT NULL,
         domain TEXT NOT NULL,
         found TEXT NOT NULL,
         client TEXT NOT NULL,
         name TEXT NOT NULL,
         sender TEXT NOT NULL,
         tls_version TEXT NOT NULL,
         cipher TEXT NOT NULL,
         certificate TEXT NOT NULL,
         flags INTEGER NOT NULL,
         verdict TEXT NOT NULL,
         reason TEXT NOT NULL,
         count INTEGER NOT NULL,
         first INTEGER NOT NULL,
         last INTEGER NOT NULL,
         PRIMARY KEY (day, domain, client, sender, tls_version, cipher, verdict, reason, name,
                      certificate, found, flags, source)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE lost (day INTEGER PRIMARY KEY, count INTEGER NOT NULL) STRICT;",
    "CREATE TABLE import (
         host TEXT NOT NULL,
         first INTEGER NOT NULL,
         last INTEGER NOT NULL,
         count INTEGER NOT NULL
     ) STRICT;
     CREATE TABLE told (
         entry TEXT NOT NULL,
         client TEXT NOT NULL,
         verdict TEXT NOT NULL,
         at INTEGER NOT NULL,
         PRIMARY KEY (entry, client, verdict)
     ) STRICT, WITHOUT ROWID;",
    "CREATE TABLE clock (
         one INTEGER PRIMARY KEY CHECK (one = 1),
         believed INTEGER,
         doubted INTEGER,
         ahead INTEGER
     ) STRICT;",
    // What a log tells of a session has words of its own. Until now, a session without a line of TLS
    // was taken for plaintext. Nothing in the file proves that it was: nothing is known of it.
    "INSERT INTO mail (day, source, domain, found, client, name, sender, tls_version, cipher,
                       certificate, flags, verdict, reason, count, first, last)
         SELECT day, source, domain, found, client, name, sender, 'unknown', 'unknown', certificate,
                flags, iif(reason = 'plaintext', 'accept', verdict) AS new_verdict,
                iif(reason = 'plaintext', 'not-judged', reason) AS new_reason,
                sum(count), min(first), max(last)
         FROM mail WHERE source = 'log' AND tls_version = 'none'
         GROUP BY day, domain, found, client, name, sender, certificate, flags, new_verdict, new_reason;
     DELETE FROM mail WHERE source = 'log' AND tls_version = 'none';",
    // What was imported is known by each recipient, and no longer by host and time alone: one host has
    // several names, and several hosts have one.
    "CREATE TABLE imported (day INTEGER NOT NULL, prints BLOB NOT NULL) STRICT;
     CREATE INDEX imported_day ON imported (day);",
    // How many attempts repeat another. Of what was refused until now, nobody knows: NULL.
    "ALTER TABLE mail ADD COLUMN repeats INTEGER;",
    // What a log tells besides: the hop to the organisation's own server, and handshakes that failed. The
    // keys begin as that of `mail` does.
    "CREATE TABLE delivery (
         day INTEGER NOT NULL,
         domain TEXT NOT NULL,
         server TEXT NOT NULL,
         address TEXT NOT NULL,
         level TEXT NOT NULL,
         tls_version TEXT NOT NULL,
         cipher TEXT NOT NULL,
         trust TEXT NOT NULL,
         status TEXT NOT NULL,
         reason TEXT NOT NULL,
         words TEXT NOT NULL,
         count INTEGER NOT NULL,
         repeats INTEGER NOT NULL,
         first INTEGER NOT NULL,
         last INTEGER NOT NULL,
         PRIMARY KEY (day, domain, server, address, status, reason, tls_version, cipher, trust, level,
                      words)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE handshake (
         day INTEGER NOT NULL,
         domain TEXT NOT NULL,
         client TEXT NOT NULL,
         name TEXT NOT NULL,
         failure TEXT NOT NULL,
         afterwards TEXT NOT NULL,
         count INTEGER NOT NULL,
         repeats INTEGER NOT NULL,
         first INTEGER NOT NULL,
         last INTEGER NOT NULL,
         PRIMARY KEY (day, domain, client, failure, afterwards, name)
     ) STRICT, WITHOUT ROWID;",
    // Where whoever follows the log stands, as JSON.
    "CREATE TABLE followed (one INTEGER PRIMARY KEY CHECK (one = 1), state TEXT NOT NULL) STRICT;",
];

/// The version that this program writes.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// The first version that holds how many attempts repeat another.
pub(super) const WITH_REPEATS: i64 = 6;

/// The first version that holds deliveries and failed handshakes.
pub(super) const WITH_DELIVERIES: i64 = 7;

/// The first version that holds where whoever follows the log stands.
pub(super) const WITH_FOLLOWED: i64 = 8;

/// Marks the file as a ledger for file(1) and for us: "mtls".
const APPLICATION: i64 = 0x6d74_6c73;

/// Brings the file up to date; an empty one gets its tables.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    if version(connection)? == VERSION {
        return Ok(());
    }
    // Two programs may come upon an old file at once: the second one waits here.
    let change = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found = version(&change)?;
    let done = usize::try_from(found).unwrap_or_default();
    for sql in STEPS.iter().skip(done) {
        change.execute_batch(sql)?;
    }
    change.pragma_update(None, "user_version", VERSION)?;
    change.pragma_update(None, "application_id", APPLICATION)?;
    change.commit()?;
    Ok(())
}

/// The version of a file that can be read.
pub(super) fn version(connection: &Connection) -> Result<i64, StoreError> {
    // At one moment: another process may be making it.
    let is_alone = connection.is_autocommit();
    let _moment = is_alone.then(|| connection.unchecked_transaction()).transpose()?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > VERSION {
        return Err(StoreError::Newer { found: version, known: VERSION });
    }
    let application: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if version > 0 && application != APPLICATION {
        return Err(StoreError::Foreign);
    }
    if version == 0 {
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables > 0 {
            return Err(StoreError::Foreign);
        }
    }
    if is_plain(connection, "main")? { Ok(version) } else { Err(StoreError::Foreign) }
}

/// Whether a file of the connection holds tables and indexes alone. Root reads, and fills, files that other users
/// may write: a view, a column that is computed or a trigger in one would have it run what they please, without
/// end.
pub(super) fn is_plain(connection: &Connection, file: &str) -> Result<bool, StoreError> {
    // What the type in `sqlite_schema` says of a table need not be true; this is what SQLite made of it.
    let sql =
        "SELECT NOT EXISTS (SELECT 1 FROM pragma_table_list WHERE schema = ?1 AND type <> 'table')";
    let is_plain: bool = connection.query_row(sql, [file], |row| row.get(0))?;
    let sql = format!(
        "SELECT NOT EXISTS (SELECT 1 FROM {file}.sqlite_schema WHERE type NOT IN ('table', 'index') OR rootpage = 0)
         AND NOT EXISTS (SELECT 1 FROM pragma_table_list AS t, pragma_table_xinfo(t.name, ?1) AS c
                         WHERE t.schema = ?1 AND c.hidden > 0)"
    );
    Ok(is_plain && connection.query_row(&sql, [file], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{History, Selection};
    use crate::model::row::{Row, RowKey};
    use crate::model::tally::Tally;
    use crate::sqlite::columns::{self, Table};
    use crate::sqlite::reader::Reader;
    use std::fmt::Debug;

    #[test]
    fn a_ledger_of_the_first_release_is_brought_up_to_date_and_keeps_its_rows() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(STEPS[0]).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        connection.pragma_update(None, "application_id", APPLICATION).unwrap();
        connection.execute_batch("INSERT INTO lost VALUES (20000, 7)").unwrap();
        migrate(&mut connection).unwrap();
        assert_eq!(version(&connection).unwrap(), VERSION);
        let told: i64 =
            connection.query_row("SELECT count(*) FROM told", [], |r| r.get(0)).unwrap();
        let lost: i64 = connection.query_row("SELECT count FROM lost", [], |r| r.get(0)).unwrap();
        assert_eq!((told, lost), (0, 7));
        migrate(&mut connection).unwrap();
    }

    #[test]
    fn what_was_imported_as_plaintext_without_proof_is_unknown_and_what_the_milter_judged_stays() {
        let mut connection = Connection::open_in_memory().unwrap();
        for step in &STEPS[..3] {
            connection.execute_batch(step).unwrap();
        }
        connection.pragma_update(None, "user_version", 3).unwrap();
        connection.pragma_update(None, "application_id", APPLICATION).unwrap();
        for (source, version, verdict, reason, count) in [
            ("milter", "none", "would-refuse", "plaintext", 1),
            ("log", "none", "would-refuse", "plaintext", 2),
            ("log", "none", "accept", "trusted-client", 4),
            ("log", "TLSv1.3", "accept", "adequate", 8),
        ] {
            connection
                .execute(
                    "INSERT INTO mail VALUES (20000, ?1, 'example.com', 'recipient', '192.0.2.1', '',
                     'example.net', ?2, ?2, '', 0, ?3, ?4, ?5, 10, 20)",
                    rusqlite::params![source, version, verdict, reason, count],
                )
                .unwrap();
        }
        migrate(&mut connection).unwrap();
        let mut statement = connection
            .prepare(
                "SELECT source || ' ' || tls_version || ' ' || cipher || ' ' || verdict || ' '
                 || reason || ' ' || first || ' ' || last FROM mail ORDER BY count",
            )
            .unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        assert_eq!(
            rows.collect::<Result<Vec<String>, _>>().unwrap(),
            [
                "milter none none would-refuse plaintext 10 20",
                "log unknown unknown accept not-judged 10 20",
                "log unknown unknown accept trusted-client 10 20",
                "log TLSv1.3 TLSv1.3 accept adequate 10 20",
            ]
        );
    }

    #[test]
    fn of_what_an_earlier_release_recorded_repeats_are_not_known_if_it_was_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        for step in &STEPS[..5] {
            connection.execute_batch(step).unwrap();
        }
        connection.pragma_update(None, "user_version", 5).unwrap();
        connection.pragma_update(None, "application_id", APPLICATION).unwrap();
        for verdict in ["accept", "would-refuse", "refuse"] {
            let row = "INSERT INTO mail VALUES (20000, 'milter', 'example.com', 'recipient',
                       '192.0.2.1', '', 'example.net', 'none', 'none', '', 0, ?1, 'plaintext', 12, 1, 2)";
            connection.execute(row, [verdict]).unwrap();
        }
        migrate(&mut connection).unwrap();
        let add = |tally| {
            let mut rows = Vec::new();
            let mut statement = connection.prepare(RowKey::SELECT).unwrap();
            let mut found = statement.query([]).unwrap();
            while let Some(row) = found.next().unwrap() {
                rows.push(columns::read_mail(row).unwrap());
            }
            for row in &mut rows {
                connection.execute(RowKey::UPDATE, row.key.values(tally)).unwrap();
            }
            rows.iter().map(|row| row.tally.repeats).collect::<Vec<_>>()
        };
        let again = Tally::again(3);
        for _ in 0..2 {
            // In the order of the words for the verdicts.
            assert_eq!(add(again), [Some(0), None, Some(0)]);
        }
    }

    #[test]
    fn a_ledger_of_an_earlier_release_is_read_without_being_brought_up_to_date() {
        let directory = tempfile::tempdir().unwrap();
        for version in 1..STEPS.len() {
            let path = directory.path().join(version.to_string());
            let connection = Connection::open(&path).unwrap();
            for step in &STEPS[..version] {
                connection.execute_batch(step).unwrap();
            }
            connection.pragma_update(None, "user_version", version as i64).unwrap();
            connection.pragma_update(None, "application_id", APPLICATION).unwrap();
            for verdict in ["accept", "refuse"] {
                let row = "INSERT INTO mail (day, source, domain, found, client, name, sender,
                           tls_version, cipher, certificate, flags, verdict, reason, count, first, last)
                           VALUES (20000, 'milter', 'example.com', 'recipient', '192.0.2.1', '',
                           'example.net', 'none', 'none', '', 0, ?1, 'plaintext', 12, 1, 2)";
                connection.execute(row, [verdict]).unwrap();
            }
            let mut repeats = Vec::new();
            let each = |row: Row| repeats.push((row.tally.count, row.tally.repeats));
            let reader = Reader::open(&path).unwrap();
            reader.each(&Selection::default(), each).unwrap();
            let none = |row: &dyn Debug| panic!("version {version} holds {row:?}");
            reader.deliveries(&Selection::default(), |row| none(&row)).unwrap();
            reader.handshakes(&Selection::default(), |row| none(&row)).unwrap();
            assert_eq!(repeats, [(12, Some(0)), (12, None)], "version {version}");
        }
    }

    #[test]
    fn a_ledger_of_a_later_release_and_a_file_of_others_are_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", VERSION + 1).unwrap();
        assert!(matches!(migrate(&mut connection), Err(StoreError::Newer { .. })));
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(migrate(&mut connection), Err(StoreError::Foreign)));
    }
}
