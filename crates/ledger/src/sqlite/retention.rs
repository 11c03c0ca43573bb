//! Deleting what is too old, and what is remembered of the clock for it.

use crate::model::clock::ClockMemory;
use crate::model::day::{DAY, Day};
use crate::model::delivery::DeliveryKey;
use crate::model::handshake::HandshakeKey;
use crate::model::row::RowKey;
use crate::sqlite::columns::Table;
use crate::sqlite::error::StoreError;
use crate::sqlite::store::Store;
use rusqlite::{OptionalExtension, TransactionBehavior, params};
use std::ops::RangeInclusive;

impl Store {
    /// Deletes what is of other days than these, and gives the space back. Returns how many rows went.
    pub(crate) fn keep(&mut self, days: &RangeInclusive<Day>) -> Result<usize, StoreError> {
        let (first, last) = (*days.start(), *days.end());
        let (from, until) = (i64::from(first) * DAY, (i64::from(last) + 1) * DAY);
        let change = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Each is one range of the file; with OR, all of it would be read.
        let mut rows = 0;
        for table in [RowKey::NAME, DeliveryKey::NAME, HandshakeKey::NAME] {
            rows += change.execute(&format!("DELETE FROM {table} WHERE day < ?1"), [first])?
                + change.execute(&format!("DELETE FROM {table} WHERE day > ?1"), [last])?;
        }
        change.execute("DELETE FROM lost WHERE day < ?1 OR day > ?2", [first, last])?;
        change.execute("DELETE FROM told WHERE at < ?1 OR at >= ?2", [from, until])?;
        change.execute("DELETE FROM import WHERE last < ?1 OR last >= ?2", [from, until])?;
        change.execute("DELETE FROM imported WHERE day < ?1 OR day > ?2", [first, last])?;
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

    /// What is remembered of the clock.
    pub(crate) fn clock(&self) -> Result<ClockMemory, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT believed, doubted, ahead FROM clock")?;
        let read = statement.query_row([], |row| {
            Ok(ClockMemory { believed: row.get(0)?, doubted: row.get(1)?, ahead: row.get(2)? })
        });
        Ok(read.optional()?.unwrap_or_default())
    }

    /// Remembers this of the clock.
    pub(crate) fn remember(&self, clock: ClockMemory) -> Result<(), StoreError> {
        self.connection.execute(
            "INSERT OR REPLACE INTO clock VALUES (1, ?1, ?2, ?3)",
            params![clock.believed, clock.doubted, clock.ahead],
        )?;
        Ok(())
    }

    /// Whether something was recorded for a later day.
    pub(crate) fn has_rows_after(&self, day: Day) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM mail WHERE day > ?1)
                       OR EXISTS (SELECT 1 FROM lost WHERE day > ?1)
                       OR EXISTS (SELECT 1 FROM delivery WHERE day > ?1)
                       OR EXISTS (SELECT 1 FROM handshake WHERE day > ?1)";
        Ok(self.connection.query_row(sql, [day], |row| row.get(0))?)
    }
}
