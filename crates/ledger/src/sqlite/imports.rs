//! What was imported from logs, so that nothing is counted twice.

use crate::model::key::{Day, From};
use crate::model::row::{OTHERS, RowKey, Tally, sender_text};
use crate::sqlite::store::{Store, StoreError, signed};
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

/// What the ledger holds of a domain on a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// When the milter first judged mail for the domain, in seconds since 1970-01-01.
    judged: Option<i64>,
    /// The same of mail that it judged for its sender alone, a partner.
    judged_of: HashMap<String, i64>,
    /// Whether there is something from a log.
    pub logged: bool,
}

impl Held {
    /// Whether mail from a sender that was delivered at this time is in the ledger because the
    /// milter judged it.
    #[must_use]
    pub fn was_judged(&self, sender: &From, at: i64) -> bool {
        [self.judged.as_ref(), self.judged_of.get(sender_text(sender)), self.judged_of.get(OTHERS)]
            .into_iter()
            .flatten()
            .any(|first| at >= *first)
    }
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

    /// What the ledger holds of a domain on a day.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn held(&self, day: Day, domain: &str) -> Result<Held, StoreError> {
        // On a full day, the row of all domains may count this one.
        let mut statement = self.connection.prepare_cached(
            "SELECT source = 'milter', found = 'sender', sender, min(first) FROM mail
             WHERE day = ?1 AND domain IN (?2, ?3) GROUP BY 1, 2, iif(found = 'sender', sender, '')",
        )?;
        let mut held = Held::default();
        let mut rows = statement.query(params![day, domain, OTHERS])?;
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
