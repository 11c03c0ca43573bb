//! The columns of the table `mail`: the one list from which rows are written, found and read.
//!
//! A new column is a field of [`RowKey`], a word in this list, and a step of the schema. Since all
//! columns but those of the tally are the table's primary key, the step makes the table anew.

use crate::model::key::SubjectKind;
use crate::model::reason::RecordedReason;
use crate::model::row::{Row, RowKey, Source};
use crate::model::tally::Tally;
use crate::sqlite::error::StoreError;
use policy::Decision;
use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Params, Row as Stored, params_from_iter};
use std::str::FromStr;

/// Makes all statements of the fields of a [`RowKey`], which are columns of the same name. The
/// columns of the [`Tally`] come first, since they are not part of the key.
macro_rules! key_columns {
    ($($column:ident),+ $(,)?) => {
        /// Adds a row that is not there yet; takes [`values`].
        pub(super) const INSERT: &str = concat!(
            "INSERT INTO mail (count, repeats, first, last", $(", ", stringify!($column),)+
            ") VALUES (?, ?, ?, ?", $(key_columns!(@value $column),)+ ")"
        );

        /// Adds to the row with this key, if it is there; takes [`values`].
        pub(super) const UPDATE: &str = concat!(
            "UPDATE mail SET count = count + ?, repeats = repeats + ?, first = min(first, ?), last = max(last, ?)
             WHERE true", $(" AND ", stringify!($column), " = ?",)+
        );

        /// All columns, as [`read`] takes them.
        pub(super) const SELECT: &str =
            concat!("SELECT count, repeats, first, last", $(", ", stringify!($column),)+ " FROM mail");

        /// The columns of the key.
        #[cfg(test)]
        const KEY: &[&str] = &[$(stringify!($column)),+];

        /// What a row has in each column.
        pub(super) fn values(key: &RowKey, tally: Tally) -> impl Params {
            params_from_iter([
                ToSqlOutput::from(signed(tally.count)),
                tally.repeats.map_or(ToSqlOutput::Owned(Value::Null), |repeats| signed(repeats).into()),
                tally.first.into(),
                tally.last.into(),
                $(key.$column.value(),)+
            ])
        }

        /// The row that [`SELECT`] found.
        pub(super) fn read(row: &Stored<'_>) -> Result<Row, StoreError> {
            let count: i64 = row.get(0)?;
            let repeats: Option<i64> = row.get(1)?;
            let (first, last) = (row.get(2)?, row.get(3)?);
            let mut columns = 4..;
            let mut next = || columns.next().unwrap_or_default();
            let key = RowKey { $($column: Column::read(row, next())?),+ };
            // Only what was refused is tried again.
            let none = (key.verdict != Decision::Refuse).then_some(0);
            let repeats = repeats.map(i64::unsigned_abs).or(none);
            Ok(Row { key, tally: Tally { count: count.unsigned_abs(), repeats, first, last } })
        }
    };
    (@value $column:ident) => { ", ?" };
}

key_columns!(
    day,
    source,
    domain,
    found,
    client,
    name,
    sender,
    tls_version,
    cipher,
    certificate,
    flags,
    verdict,
    reason,
);

/// How a field is written into its column, and read from it.
trait Column: Sized {
    fn value(&self) -> ToSqlOutput<'_>;

    fn read(row: &Stored<'_>, at: usize) -> Result<Self, StoreError>;
}

impl Column for i32 {
    fn value(&self) -> ToSqlOutput<'_> {
        (*self).into()
    }

    fn read(row: &Stored<'_>, at: usize) -> Result<Self, StoreError> {
        Ok(row.get(at)?)
    }
}

impl Column for u8 {
    fn value(&self) -> ToSqlOutput<'_> {
        (*self).into()
    }

    fn read(row: &Stored<'_>, at: usize) -> Result<Self, StoreError> {
        Ok(row.get(at)?)
    }
}

impl Column for String {
    fn value(&self) -> ToSqlOutput<'_> {
        self.as_str().into()
    }

    fn read(row: &Stored<'_>, at: usize) -> Result<Self, StoreError> {
        Ok(row.get(at)?)
    }
}

impl Column for RecordedReason {
    fn value(&self) -> ToSqlOutput<'_> {
        self.word().into()
    }

    fn read(row: &Stored<'_>, at: usize) -> Result<Self, StoreError> {
        Ok(Self::from_word(text(row, at)?))
    }
}

impl Column for Decision {
    fn value(&self) -> ToSqlOutput<'_> {
        self.code().into()
    }

    fn read(row: &Stored<'_>, at: usize) -> Result<Self, StoreError> {
        word(row, at)
    }
}

impl Column for Source {
    fn value(&self) -> ToSqlOutput<'_> {
        self.code().into()
    }

    fn read(row: &Stored<'_>, at: usize) -> Result<Self, StoreError> {
        word(row, at)
    }
}

impl Column for SubjectKind {
    fn value(&self) -> ToSqlOutput<'_> {
        self.code().into()
    }

    fn read(row: &Stored<'_>, at: usize) -> Result<Self, StoreError> {
        word(row, at)
    }
}

/// A word of which all are known: what is none of them changes the meaning of the row, and is not
/// guessed at.
pub(super) fn word<T: FromStr>(row: &Stored<'_>, at: usize) -> Result<T, StoreError> {
    let word = text(row, at)?;
    match word.parse() {
        Ok(value) => Ok(value),
        Err(_) => {
            let column = row.as_ref().column_name(at)?.to_owned();
            Err(StoreError::Word { column, word: word.to_owned() })
        }
    }
}

fn text<'r>(row: &'r Stored<'_>, at: usize) -> Result<&'r str, StoreError> {
    Ok(row.get_ref(at)?.as_str().map_err(rusqlite::Error::from)?)
}

/// SQLite's integers have a sign.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema::migrate;
    use rusqlite::Connection;
    use std::collections::BTreeSet;

    #[test]
    fn the_list_names_the_columns_of_the_table_and_of_its_key() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let columns = |condition: &str| -> BTreeSet<String> {
            let sql = format!("SELECT name FROM pragma_table_info('mail') {condition}");
            let mut statement = connection.prepare(&sql).unwrap();
            let names = statement.query_map([], |row| row.get(0)).unwrap();
            names.collect::<Result<_, _>>().unwrap()
        };
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        assert_eq!(columns("WHERE pk > 0"), names(KEY));
        assert_eq!(columns("WHERE pk = 0"), names(&["count", "repeats", "first", "last"]));
    }

    #[test]
    fn a_row_is_found_by_its_key_and_not_by_looking_through_the_table() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let explain = format!("EXPLAIN QUERY PLAN {UPDATE}");
        let mut statement = connection.prepare(&explain).unwrap();
        let count = statement.parameter_count();
        let plan: String = statement
            .query_row(params_from_iter(vec!["0"; count]), |row| row.get("detail"))
            .unwrap();
        let searched = plan.matches("=?").count();
        assert!(plan.starts_with("SEARCH") && searched == KEY.len(), "{plan}");
    }
}
