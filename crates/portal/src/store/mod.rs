//! The database: SQLite for one portal, PostgreSQL for several. All SQL of the portal is in here and
//! in `ops`, written once for both: `$1` for parameters, in the subset that both understand.
//!
//! Values are text and whole numbers only, always bound, never part of a statement.

mod conditions;
mod error;
mod migrations;
mod postgres;
mod sqlite;
mod value;

pub use conditions::Conditions;
pub use error::{MayCross, StoreError};
pub use value::{Column, Row, Value};

use std::path::PathBuf;

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this file.
    Sqlite(PathBuf),
    /// Behind this connection string (`postgresql://...` or `host=... dbname=...`).
    Postgres(String),
}

/// The database, open. Connections are made when they are needed and kept.
#[derive(Debug)]
pub enum Store {
    /// SQLite.
    Sqlite(sqlite::Pool),
    /// PostgreSQL.
    Postgres(Box<postgres::Pool>),
}

/// A transaction, in which statements are run. What it did stands only if the whole succeeded.
pub enum Transaction<'c> {
    /// SQLite.
    Sqlite(&'c rusqlite::Connection),
    /// PostgreSQL.
    Postgres(::postgres::Transaction<'c>),
}

/// Rows of one statement: SQLite takes 32,766 values at a time, PostgreSQL twice as many.
const ROWS: usize = 250;
/// Values of one list in a statement.
const VALUES: usize = 1000;

/// The places of values with these numbers.
fn places(numbers: &[usize]) -> String {
    let all: Vec<String> = numbers.iter().map(|number| format!("${number}")).collect();
    all.join(", ")
}

/// So often a transaction is tried that others have crossed.
const TRIES: u32 = 20;

impl Store {
    /// Opens the database and brings it to the form of this version.
    ///
    /// # Errors
    ///
    /// When it cannot be reached, or is of a later version.
    pub fn open(place: &Place) -> Result<Self, StoreError> {
        let store = match place {
            Place::Sqlite(path) => Self::Sqlite(sqlite::Pool::new(path.clone())),
            Place::Postgres(parameters) => {
                Self::Postgres(Box::new(postgres::Pool::new(parameters)?))
            }
        };
        store.write(migrations::run)?;
        Ok(store)
    }

    /// Reads, at one state of the database. It waits for the database: not for a thread of tokio's.
    ///
    /// # Errors
    ///
    /// Those of the operation, and of the database.
    pub fn read<T, E: From<StoreError> + MayCross>(
        &self,
        operation: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Self::Sqlite(pool) => pool.run("BEGIN", operation),
            Self::Postgres(pool) => pool.run(true, operation),
        }
    }

    /// Reads and writes, as if nobody else did. An operation that others have crossed is run again, so
    /// it must do nothing but with its transaction.
    ///
    /// # Errors
    ///
    /// Those of the operation, and of the database.
    pub fn write<T, E: From<StoreError> + MayCross>(
        &self,
        mut operation: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Self::Sqlite(pool) => pool.run(sqlite::WRITE, operation),
            Self::Postgres(pool) => {
                for _ in 1..TRIES {
                    match pool.run(false, &mut operation) {
                        Err(error) if error.is_crossed() => {}
                        done => return done,
                    }
                }
                pool.run(false, operation)
            }
        }
    }
}

impl Store {
    /// The same as [`Self::write`], for tens of thousands of rows.
    ///
    /// # Errors
    ///
    /// Those of the operation, and of the database.
    pub fn write_much<T, E: From<StoreError> + MayCross>(
        &self,
        operation: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Self::Sqlite(pool) => pool.write_much(operation),
            Self::Postgres(_) => self.write(operation),
        }
    }
}

impl Transaction<'_> {
    /// The rows that a statement gives.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(connection) => sqlite::query(connection, sql, parameters),
            Self::Postgres(transaction) => postgres::query(transaction, sql, parameters),
        }
    }

    /// Hands each row that a statement without parameters gives to `each`: for more of them than shall be in
    /// memory at once.
    ///
    /// # Errors
    ///
    /// Those of the database, and of `each`.
    pub fn each<E: From<StoreError>>(
        &mut self,
        sql: &str,
        each: impl FnMut(Row) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Sqlite(connection) => sqlite::each(connection, sql, &[], each),
            Self::Postgres(transaction) => postgres::each(transaction, sql, each),
        }
    }

    /// The first row that a statement gives.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub fn first(&mut self, sql: &str, parameters: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, parameters)?.into_iter().next())
    }

    /// The number in the one row of a statement (`SELECT count(*)`).
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub fn number(&mut self, sql: &str, parameters: &[Value]) -> Result<i64, StoreError> {
        self.first(sql, parameters)?.map_or(Ok(0), |row| row.get(0))
    }

    /// Runs a statement; how many rows it changed.
    ///
    /// # Errors
    ///
    /// Those of the database; [`StoreError::Taken`] for a second row of a key.
    pub fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(connection) => sqlite::execute(connection, sql, parameters),
            Self::Postgres(transaction) => postgres::execute(transaction, sql, parameters),
        }
    }

    /// Runs a statement for many rows, as many at a time as it can take: `{rows}` in it stands for these,
    /// as in `INSERT INTO t (a, b) VALUES {rows}`.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub fn execute_many(&mut self, sql: &str, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
        let mut rows = rows.into_iter().peekable();
        while let Some(first) = rows.peek() {
            let width = first.len();
            let values: Vec<Value> = rows.by_ref().take(ROWS).flatten().collect();
            let numbers: Vec<usize> = (1..=values.len()).collect();
            let row = |row: &[usize]| format!("({})", places(row));
            let places: Vec<String> = numbers.chunks(width).map(row).collect();
            self.execute(&sql.replace("{rows}", &places.join(", ")), &values)?;
        }
        Ok(())
    }

    /// The rows that a statement gives for many values, as many at a time as it can take: `{values}` in
    /// it stands for these, as in `WHERE a IN ({values})`.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub fn query_many(
        &mut self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut values = values.into_iter().peekable();
        let mut found = Vec::new();
        while values.peek().is_some() {
            let some: Vec<Value> = values.by_ref().take(VALUES).collect();
            let numbers: Vec<usize> = (1..=some.len()).collect();
            found.extend(self.query(&sql.replace("{values}", &places(&numbers)), &some)?);
        }
        Ok(found)
    }

    /// Runs several statements without parameters, separated by semicolons.
    fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Self::Postgres(transaction) => Ok(transaction.batch_execute(sql)?),
        }
    }
}
