//! The columns of the tables `mail`, `delivery` and `handshake`: the one list from which their rows are
//! written, found and read.
//!
//! A new column is a field of the key ([`RowKey`]), a word in its list, and a step of the schema. Since all
//! columns but those of the tally are the table's primary key, the step makes the table anew.

use crate::model::day::Day;
use crate::model::delivery::{DeliveryKey, DeliveryReason, DeliveryStatus, Trust};
use crate::model::handshake::{Afterwards, HandshakeKey};
use crate::model::key::SubjectKind;
use crate::model::logged_tls::TlsFailure;
use crate::model::reason::RecordedReason;
use crate::model::row::{Row, RowKey, Source};
use crate::model::tally::Tally;
use crate::sqlite::error::StoreError;
use policy::Decision;
use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Params, Row as Stored, params_from_iter};
use std::str::FromStr;

/// A kind of row: a table, and what its rows count.
pub(super) trait Table: Clone {
    /// The table's name.
    const NAME: &'static str;
    /// Adds a row that is not there yet; takes [`Table::values`].
    const INSERT: &'static str;
    /// Adds to the row with this key, if it is there; takes [`Table::values`].
    const UPDATE: &'static str;
    /// All columns, as [`Table::read`] takes them.
    const SELECT: &'static str;
    /// The columns of the key.
    #[cfg(test)]
    const KEY: &'static [&'static str];

    /// What a row has in each column.
    fn values(&self, tally: Tally) -> impl Params;

    /// The row that [`Table::SELECT`] found.
    fn read(row: &Stored<'_>) -> Result<(Self, Tally), StoreError>;

    fn day(&self) -> Day;

    fn domain(&self) -> &str;

    /// The row that counts this one, too, where there is no room for it.
    fn others(&self) -> Self;

    /// The same of any domain, where the day has no room for more.
    fn of_any_domain(&self) -> Self;
}

/// Makes all statements of the fields of a key, which are columns of the same name. The columns of the
/// [`Tally`] come first, since they are not part of the key.
macro_rules! table {
    ($table:literal of $Key:ident: $($column:ident),+ $(,)?) => {
        impl Table for $Key {
            const NAME: &'static str = $table;

            const INSERT: &'static str = concat!(
                "INSERT INTO ", $table, " (count, repeats, first, last", $(", ", stringify!($column),)+
                ") VALUES (?, ?, ?, ?", $(table!(@value $column),)+ ")"
            );

            const UPDATE: &'static str = concat!(
                "UPDATE ", $table, " SET count = count + ?, repeats = repeats + ?, first = min(first, ?),
                 last = max(last, ?) WHERE true", $(" AND ", stringify!($column), " = ?",)+
            );

            const SELECT: &'static str = concat!(
                "SELECT count, repeats, first, last", $(", ", stringify!($column),)+ " FROM ", $table
            );

            #[cfg(test)]
            const KEY: &'static [&'static str] = &[$(stringify!($column)),+];

            fn values(&self, tally: Tally) -> impl Params {
                params_from_iter([
                    ToSqlOutput::from(signed(tally.count)),
                    tally.repeats.map_or(ToSqlOutput::Owned(Value::Null), |repeats| signed(repeats).into()),
                    tally.first.into(),
                    tally.last.into(),
                    $(self.$column.value(),)+
                ])
            }

            fn read(row: &Stored<'_>) -> Result<(Self, Tally), StoreError> {
                let count: i64 = row.get(0)?;
                let repeats: Option<i64> = row.get(1)?;
                let (first, last) = (row.get(2)?, row.get(3)?);
                let mut columns = 4..;
                let mut next = || columns.next().unwrap_or_default();
                let key = Self { $($column: Column::read(row, next())?),+ };
                let repeats = repeats.map(bounded);
                let (first, last) = (time(first), time(last));
                Ok((key, Tally { count: bounded(count), repeats, first, last }))
            }

            fn day(&self) -> Day {
                self.day
            }

            fn domain(&self) -> &str {
                &self.domain
            }

            fn others(&self) -> Self {
                self.others()
            }

            fn of_any_domain(&self) -> Self {
                self.of_any_domain()
            }
        }
    };
    (@value $column:ident) => { ", ?" };
}

table!(
    "mail" of RowKey: day, source, domain, found, client, name, sender, tls_version, cipher,
    certificate, flags, verdict, reason,
);

table!(
    "delivery" of DeliveryKey: day, domain, server, address, level, tls_version, cipher, trust,
    status, reason, words,
);

table!("handshake" of HandshakeKey: day, domain, client, name, failure, afterwards);

/// The row of mail that [`Table::SELECT`] found.
pub(super) fn read_mail(row: &Stored<'_>) -> Result<Row, StoreError> {
    let (key, tally) = RowKey::read(row)?;
    // Only what was refused is tried again.
    let none = (key.verdict != Decision::Refuse).then_some(0);
    Ok(Row { key, tally: Tally { repeats: tally.repeats.or(none), ..tally } })
}

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

impl Column for TlsFailure {
    fn value(&self) -> ToSqlOutput<'_> {
        self.word().into()
    }

    fn read(row: &Stored<'_>, at: usize) -> Result<Self, StoreError> {
        Ok(Self::of_word(text(row, at)?))
    }
}

/// Enums of which all words are known.
macro_rules! words {
    ($($Enum:ty),+ $(,)?) => {
        $(impl Column for $Enum {
            fn value(&self) -> ToSqlOutput<'_> {
                self.code().into()
            }

            fn read(row: &Stored<'_>, at: usize) -> Result<Self, StoreError> {
                word(row, at)
            }
        })+
    };
}

words!(Decision, Source, SubjectKind, Trust, DeliveryStatus, DeliveryReason, Afterwards);

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

/// More than this, nobody counts; so few add up to less than a number can hold, whatever stands in a file that
/// another user writes.
const MOST: i64 = 1 << 40;

/// A count of a row.
fn bounded(count: i64) -> u64 {
    count.clamp(0, MOST).unsigned_abs()
}

/// A time of a row, in seconds since 1970-01-01: days can be added to it, and taken from it.
fn time(second: i64) -> i64 {
    second.clamp(0, MOST)
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

    fn columns_are_those_of_the_table<T: Table>(connection: &Connection) {
        let columns = |condition: &str| -> BTreeSet<String> {
            let sql = format!("SELECT name FROM pragma_table_info('{}') {condition}", T::NAME);
            let mut statement = connection.prepare(&sql).unwrap();
            let names = statement.query_map([], |row| row.get(0)).unwrap();
            names.collect::<Result<_, _>>().unwrap()
        };
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        assert_eq!(columns("WHERE pk > 0"), names(T::KEY));
        assert_eq!(columns("WHERE pk = 0"), names(&["count", "repeats", "first", "last"]));
    }

    #[test]
    fn the_lists_name_the_columns_of_the_tables_and_of_their_keys() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        columns_are_those_of_the_table::<RowKey>(&connection);
        columns_are_those_of_the_table::<DeliveryKey>(&connection);
        columns_are_those_of_the_table::<HandshakeKey>(&connection);
    }

    fn row_is_found_by_its_key<T: Table>(connection: &Connection) {
        let explain = format!("EXPLAIN QUERY PLAN {}", T::UPDATE);
        let mut statement = connection.prepare(&explain).unwrap();
        let count = statement.parameter_count();
        let plan: String = statement
            .query_row(params_from_iter(vec!["0"; count]), |row| row.get("detail"))
            .unwrap();
        let searched = plan.matches("=?").count();
        assert!(plan.starts_with("SEARCH") && searched == T::KEY.len(), "{plan}");
    }

    #[test]
    fn a_row_is_found_by_its_key_and_not_by_looking_through_the_table() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        row_is_found_by_its_key::<RowKey>(&connection);
        row_is_found_by_its_key::<DeliveryKey>(&connection);
        row_is_found_by_its_key::<HandshakeKey>(&connection);
    }
}
