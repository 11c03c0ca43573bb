//! What rows are looked for, put together of what is asked for: a database uses its indexes only for
//! conditions that are there for certain.

use super::Value;

/// The conditions of a statement, with their values.
#[derive(Debug)]
pub struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { sql: "1 = 1".into(), values: Vec::new() }
    }
}

impl Conditions {
    /// Adds a condition, if its value is asked for; `$` stands for the value. Conditions are written in the
    /// code: nothing of a request is ever part of one.
    #[must_use]
    pub fn and(mut self, condition: &'static str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.values.push(value.into());
            let place = format!("${}", self.values.len());
            self.sql.push_str(" AND ");
            self.sql.push_str(&condition.replace('$', &place));
        }
        self
    }

    /// The conditions, for behind `WHERE`.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// Their values, and a last one for a limit, with how that is written.
    #[must_use]
    pub fn limited(mut self, limit: i64) -> (Vec<Value>, String) {
        self.values.push(limit.into());
        let place = format!("LIMIT ${}", self.values.len());
        (self.values, place)
    }

    /// Their values.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }
}
