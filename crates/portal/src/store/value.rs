//! What goes into statements and comes out of rows: text, whole numbers, nothing.

use super::StoreError;
use jiff::Timestamp;

/// A value of a statement or row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// None.
    Null,
    /// A whole number; a time in milliseconds since 1970-01-01.
    Integer(i64),
    /// Text.
    Text(String),
}

/// A row, by the order of its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub(super) Vec<Value>);

impl Row {
    /// A column by its number, from 0.
    ///
    /// # Errors
    ///
    /// When it holds something else.
    pub fn get<T: Column>(&self, number: usize) -> Result<T, StoreError> {
        let value = self.0.get(number).unwrap_or(&Value::Null);
        T::read(value)
            .ok_or_else(|| StoreError::Foreign(format!("{value:?} in column {number} of a row")))
    }
}

/// A type that a column can be read as.
pub trait Column: Sized {
    /// The value as this type; none: it is another.
    fn read(value: &Value) -> Option<Self>;
}

impl Column for i64 {
    fn read(value: &Value) -> Option<Self> {
        if let Value::Integer(number) = value { Some(*number) } else { None }
    }
}

impl Column for bool {
    fn read(value: &Value) -> Option<Self> {
        i64::read(value).map(|number| number != 0)
    }
}

impl Column for String {
    fn read(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }
}

impl Column for Timestamp {
    fn read(value: &Value) -> Option<Self> {
        Self::from_millisecond(i64::read(value)?).ok()
    }
}

impl<T: Column> Column for Option<T> {
    fn read(value: &Value) -> Option<Self> {
        if *value == Value::Null { Some(None) } else { T::read(value).map(Some) }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Integer(truth.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Self::Integer(time.as_millisecond())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The values of a statement, in the order of `$1`, `$2` and so on.
#[macro_export]
macro_rules! bind {
    ($($value:expr),* $(,)?) => { &[$($crate::store::Value::from($value)),*] };
}
