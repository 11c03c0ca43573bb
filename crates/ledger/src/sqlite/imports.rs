//! Which parts of which logs were imported.

use crate::model::day::Day;
use crate::model::imports::{Held, Imported};
use crate::model::key::SubjectKind;
use crate::model::row::{OTHERS, RowKey, Source};
use crate::model::tally::Tally;
use crate::sqlite::columns::signed;
use crate::sqlite::error::StoreError;
use crate::sqlite::store::Store;
use rusqlite::params;
use std::collections::HashMap;

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
        self.at_once(|store| {
            for (key, tally) in rows {
                store.add(key, *tally)?;
            }
            for part in parts {
                store.connection.execute(
                    "INSERT INTO import VALUES (?1, ?2, ?3, ?4)",
                    params![part.host, part.first, part.last, signed(part.count)],
                )?;
            }
            Ok(())
        })
    }

    /// What the ledger holds of a domain on a day.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn held(&self, day: Day, domain: &str) -> Result<Held, StoreError> {
        // On a full day, the row of all other domains may count this one, too.
        let mut statement = self.connection.prepare_cached(
            "SELECT source = ?4, found = ?5, sender, min(first) FROM mail
             WHERE day = ?1 AND domain IN (?2, ?3) GROUP BY 1, 2, iif(found = ?5, sender, '')",
        )?;
        let (milter, partner) = (Source::Milter.code(), SubjectKind::Sender.code());
        let mut held = Held::default();
        let mut rows = statement.query(params![day, domain, OTHERS, milter, partner])?;
        while let Some(row) = rows.next()? {
            match (row.get(0)?, row.get(1)?) {
                (false, _) => held.logged = true,
                (true, false) => held.judged = Some(row.get(3)?),
                (true, true) => drop(held.judged_of.insert(row.get(2)?, row.get(3)?)),
            }
        }
        Ok(held)
    }
}
