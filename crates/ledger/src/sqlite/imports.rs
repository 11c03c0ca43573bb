//! Which parts of which logs were imported.

use crate::model::day::{Day, day_of};
use crate::model::handshake::HandshakeKey;
use crate::model::imports::{FromLog, Held, Imported, Print};
use crate::model::key::SubjectKind;
use crate::model::row::{OTHERS, Source};
use crate::model::tally::Tally;
use crate::sqlite::columns::signed;
use crate::sqlite::error::StoreError;
use crate::sqlite::store::Store;
use rusqlite::params;
use std::collections::{BTreeMap, BTreeSet, HashMap};

impl Store {
    /// All parts of logs that were imported by releases which took note of no more than that.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn imported(&self) -> Result<Vec<Imported>, StoreError> {
        let mut statement = self.connection.prepare("SELECT host, first, last FROM import")?;
        let rows = statement.query_map([], |row| {
            Ok(Imported { host: row.get(0)?, first: row.get(1)?, last: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The recipients of mail of a day that were imported.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn prints(&self, day: Day) -> Result<Vec<Print>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT prints FROM imported WHERE day = ?1")?;
        let mut found = Vec::new();
        let mut rows = statement.query([day])?;
        while let Some(row) = rows.next()? {
            let prints: Vec<u8> = row.get(0)?;
            found.extend(Print::unpacked(day, &prints));
        }
        Ok(found)
    }

    /// Takes in what a log told, and takes note of what it was counted by: all or nothing.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn import(&mut self, told: &FromLog) -> Result<(), StoreError> {
        self.at_once(|store| store.take_in(told))
    }

    /// The same within a transaction.
    pub(super) fn take_in(&mut self, told: &FromLog) -> Result<(), StoreError> {
        for (key, tally) in &told.mail {
            self.add(key, *tally)?;
        }
        for (key, tally) in &told.deliveries {
            self.add(key, *tally)?;
        }
        for (key, tally) in &told.handshakes {
            self.add(key, *tally)?;
        }
        self.take_back(&told.returned)?;
        let mut days: BTreeMap<Day, Vec<u8>> = BTreeMap::new();
        for print in &told.prints {
            days.entry(day_of(print.at)).or_default().extend(print.packed());
        }
        for (day, prints) in days {
            let sql = "INSERT INTO imported VALUES (?1, ?2)";
            self.connection.execute(sql, params![day, prints])?;
        }
        Ok(())
    }

    /// Takes handshakes out of the rows in which they stood, or of those of the others.
    fn take_back(&mut self, returned: &HashMap<HandshakeKey, Tally>) -> Result<(), StoreError> {
        let sql = "UPDATE handshake SET count = max(count - ?7, 0), repeats = max(repeats - ?8, 0)
                   WHERE day = ?1 AND domain = ?2 AND client = ?3 AND name = ?4
                   AND failure = ?5 AND afterwards = ?6 AND count > 0";
        for (key, tally) in returned {
            let (count, repeats) = (signed(tally.count), signed(tally.repeats.unwrap_or_default()));
            for row in [key.clone(), key.others(), key.others().of_any_domain()] {
                let HandshakeKey { day, domain, client, name, failure, afterwards } = &row;
                let (failure, afterwards) = (failure.word(), afterwards.code());
                let of = params![day, domain, client, name, failure, afterwards, count, repeats];
                if self.connection.prepare_cached(sql)?.execute(of)? > 0 {
                    break;
                }
            }
        }
        // Once for each day: it looks through all of its rows.
        let days: BTreeSet<Day> = returned.keys().map(|key| key.day).collect();
        for day in days {
            let sql = "DELETE FROM handshake WHERE day = ?1 AND count = 0";
            if self.connection.prepare_cached(sql)?.execute([day])? > 0 {
                self.rows_of_domain.clear();
                self.rows_of_day.clear();
            }
        }
        Ok(())
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
