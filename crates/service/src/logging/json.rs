//! The JSON form of an event: an object a line, with the time, the level, the message and the fields.

use super::time::write_time;
use serde::Serialize;
use std::fmt;
use tracing::Event;
use tracing::field::{Field, Visit};

/// Appends an event as a line.
pub(super) fn write(event: &Event<'_>, line: &mut Vec<u8>) {
    line.extend_from_slice(b"{\"timestamp\":\"");
    write_time(line);
    line.extend_from_slice(b"\",\"level\":\"");
    line.extend_from_slice(event.metadata().level().as_str().as_bytes());
    line.push(b'"');
    event.record(&mut Fields(line));
    line.extend_from_slice(b"}\n");
}

struct Fields<'l>(&'l mut Vec<u8>);

impl Fields<'_> {
    /// The names are constants of the program, and need no escapes.
    fn put(&mut self, field: &Field, value: impl Serialize) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(field.name().as_bytes());
        self.0.extend_from_slice(b"\":");
        // A text or a number can always be written to a vector.
        let _ = serde_json::to_writer(&mut *self.0, &value);
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
