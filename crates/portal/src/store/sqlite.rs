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
        if let Some(connection) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(connection);
        }
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
             PRAGMA trusted_schema = OFF; PRAGMA recursive_triggers = ON; PRAGMA cache_size = -4096",
        )?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    pub(super) fn run<T, E: From<StoreError>>(
        &self,
        begin: &str,
        mut operation: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let sql = |result: rusqlite::Result<()>| result.map_err(StoreError::from);
        let connection = self.connection()?;
        sql(connection.execute_batch(begin))?;
        let done = operation(&mut Transaction::Sqlite(&connection));
        // One that could not be ended is not used again.
        match done {
            Ok(value) => {
                sql(connection.execute_batch("COMMIT"))?;
                self.give_back(connection);
                Ok(value)
            }
            Err(error) => {
                if connection.execute_batch("ROLLBACK").is_ok() {
                    self.give_back(connection);
                }
                Err(error)
            }
        }
    }

    fn give_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
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
    let mut statement = connection.prepare_cached(&own(sql))?;
    let columns = statement.column_count();
    let mut rows = statement.query(params_from_iter(parameters))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
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
        found.push(Row(values));
    }
    Ok(found)
}

pub(super) fn execute(
    connection: &Connection,
    sql: &str,
    parameters: &[Value],
) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(&own(sql))?;
    Ok(statement.execute(params_from_iter(parameters))? as u64)
}
