//! SQLite.

use super::{Row, StoreError, Transaction, Value};
use rusqlite::{
    Connection, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};
use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long a transaction may wait for another.
const PATIENCE: Duration = Duration::from_secs(20);

/// The cache of a connection, in KiB: the kernel has the file in its own.
const SMALL: u32 = 1024;
/// That of one that changes tens of thousands of rows, on as many pages.
const LARGE: u32 = 64 * 1024;

/// So many connections are kept while nobody needs them: each has a cache of its own.
const KEPT: usize = 3;

/// Connections that nobody uses at present.
#[derive(Debug)]
pub struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::default() }
    }

    fn connection(&self) -> Result<Connection, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| self.open(SMALL), Ok)
    }

    /// A new connection, with so much room for what it has read or changed, in KiB.
    fn open(&self, cache: u32) -> Result<Connection, StoreError> {
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
             PRAGMA trusted_schema = OFF; PRAGMA recursive_triggers = ON; PRAGMA cache_size = -{cache}",
        ))?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    pub(super) fn run<T, E: From<StoreError>>(
        &self,
        begin: &str,
        operation: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let connection = self.connection()?;
        let done = run_on(&connection, begin, operation);
        // One whose transaction could not be ended is not used again.
        if connection.is_autocommit() {
            self.give_back(connection);
        }
        done
    }

    /// Writes much at once, on a connection of its own that is closed then.
    pub(super) fn write_much<T, E: From<StoreError>>(
        &self,
        operation: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        run_on(&self.open(LARGE)?, WRITE, operation)
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(connection);
        }
    }
}

/// How a transaction begins that writes.
pub(super) const WRITE: &str = "BEGIN IMMEDIATE";

fn run_on<T, E: From<StoreError>>(
    connection: &Connection,
    begin: &str,
    mut operation: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let sql = |result: rusqlite::Result<()>| result.map_err(StoreError::from);
    sql(connection.execute_batch(begin))?;
    match operation(&mut Transaction::Sqlite(connection)) {
        Ok(value) => {
            sql(connection.execute_batch("COMMIT"))?;
            Ok(value)
        }
        Err(error) => {
            let _ = connection.execute_batch("ROLLBACK");
            Err(error)
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// SQLite writes parameters with a number as `?1`; `$1` would be one with a name.
fn own(sql: &str) -> String {
    sql.replace('$', "?")
}

pub(super) fn query(
    connection: &Connection,
    sql: &str,
    parameters: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let mut found = Vec::new();
    each(connection, sql, parameters, |row| {
        found.push(row);
        Ok::<_, StoreError>(())
    })?;
    Ok(found)
}

pub(super) fn each<E: From<StoreError>>(
    connection: &Connection,
    sql: &str,
    parameters: &[Value],
    mut each: impl FnMut(Row) -> Result<(), E>,
) -> Result<(), E> {
    let of_store = |error: rusqlite::Error| E::from(error.into());
    let mut statement = connection.prepare_cached(&own(sql)).map_err(of_store)?;
    let columns = statement.column_count();
    let mut rows = statement.query(params_from_iter(parameters)).map_err(of_store)?;
    while let Some(row) = rows.next().map_err(of_store)? {
        each(read(row, columns)?)?;
    }
    Ok(())
}

fn read(row: &rusqlite::Row<'_>, columns: usize) -> Result<Row, StoreError> {
    let mut values = Vec::with_capacity(columns);
    for number in 0..columns {
        values.push(match row.get_ref(number)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Real(_) | ValueRef::Blob(_) => {
                return Err(StoreError::Foreign("a value that is no text or number".into()));
            }
        });
    }
    Ok(Row(values))
}

pub(super) fn execute(
    connection: &Connection,
    sql: &str,
    parameters: &[Value],
) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(&own(sql))?;
    Ok(statement.execute(params_from_iter(parameters))? as u64)
}
