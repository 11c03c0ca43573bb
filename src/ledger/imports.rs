//! What was imported from logs, so that nothing is counted twice.

use super::row::{RowKey, Tally};
use super::store::{Store, StoreError, signed};
use rusqlite::params;
use std::collections::HashMap;

/// The part of a host's log that is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The host.
    pub host: String,
    /// The first moment, in seconds since 1970-01-01.
    pub first: i64,
    /// The last.
    pub last: i64,
    /// Recipients.
    pub count: u64,
}

impl Store {
    /// All parts of logs that were imported.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn imported(&self) -> Result<Vec<Imported>, StoreError> {
        let mut statement =
            self.connection.prepare("SELECT host, first, last, count FROM import")?;
        let rows = statement.query_map([], |row| {
            let count: i64 = row.get(3)?;
            Ok(Imported {
                host: row.get(0)?,
                first: row.get(1)?,
                last: row.get(2)?,
                count: count.unsigned_abs(),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Takes in the rows of a log, and takes note of which part of it they tell: all or nothing.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn import(
        &mut self,
        rows: &HashMap<RowKey, Tally>,
        parts: &[Imported],
    ) -> Result<(), StoreError> {
        let written = self.begin().and_then(|()| {
            for (key, tally) in rows {
                self.add(key, *tally)?;
            }
            for part in parts {
                self.connection.execute(
                    "INSERT INTO import VALUES (?1, ?2, ?3, ?4)",
                    params![part.host, part.first, part.last, signed(part.count)],
                )?;
            }
            Ok(self.connection.execute_batch("COMMIT")?)
        });
        if written.is_err() {
            self.roll_back();
        }
        written
    }

    /// When the milter recorded for the first time, in seconds since 1970-01-01.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn milter_since(&self) -> Result<Option<i64>, StoreError> {
        let first = "SELECT min(first) FROM mail WHERE source = 'milter'";
        Ok(self.connection.query_row(first, [], |row| row.get(0))?)
    }
}
