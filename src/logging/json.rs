//! The JSON form of an event: an object a line, with the time, the level, the message and the fields.

use super::events::write_time;
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

#[cfg(test)]
mod tests {
    use crate::logging::events::{Form, tests::logged};
    use crate::logging::safe;
    use serde_json::{Value, json};

    #[test]
    fn a_line_is_an_object_whatever_the_values_hold() {
        let text = logged(Form::Json, || {
            tracing::info!(verdict = "accept", lines = 7_u64, is_new = true, "it {}", "passed");
            tracing::warn!(queue_id = &*safe(b"4X\"k\n3"), gone = None::<&str>, "a\u{1b}\"b\n\\");
        });
        let mut objects = text.lines().map(|line| {
            let mut object: Value = serde_json::from_str(line).unwrap();
            let time = object.as_object_mut().unwrap().remove("timestamp").unwrap();
            time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
            object
        });
        assert_eq!(
            objects.next(),
            Some(json!({
                "level": "INFO", "message": "it passed", "verdict": "accept", "lines": 7, "is_new": true
            }))
        );
        assert_eq!(
            objects.next(),
            Some(json!({
                "level": "WARN", "message": "a\u{1b}\"b\n\\", "queue_id": "4X\\x22k\\x0a3"
            }))
        );
        assert_eq!(objects.next(), None);
    }
}
