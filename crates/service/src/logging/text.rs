//! The text form of an event: time, level, message, and fields as `name=value`.

use super::time::write_time;
use std::fmt;
use tracing::Event;
use tracing::field::{Field, Visit};

/// The field that stands without its name.
const MESSAGE: &str = "message";
/// Octets of the longest level's name, with the blank before it.
const LEVEL: usize = 6;

/// Appends an event as a line.
pub(super) fn write(event: &Event<'_>, line: &mut Vec<u8>) {
    write_time(line);
    let level = event.metadata().level().as_str();
    line.extend(std::iter::repeat_n(b' ', LEVEL.saturating_sub(level.len())));
    line.extend_from_slice(level.as_bytes());
    event.record(&mut Fields(line));
    line.push(b'\n');
}

struct Fields<'l>(&'l mut Vec<u8>);

impl Fields<'_> {
    fn start(&mut self, field: &Field) {
        self.0.push(b' ');
        if field.name() != MESSAGE {
            self.0.extend_from_slice(field.name().as_bytes());
            self.0.push(b'=');
        }
    }

    fn show(&mut self, value: fmt::Arguments<'_>) {
        // A value whose formatting fails is cut off there.
        let _ = fmt::Write::write_fmt(&mut Visible(self.0), value);
    }
}

impl Visit for Fields<'_> {
    /// In quotes where it could be taken for more than one value.
    fn record_str(&mut self, field: &Field, value: &str) {
        self.start(field);
        let is_word = |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b'"' | b'=');
        if field.name() == MESSAGE {
            self.show(format_args!("{value}"));
        } else if !value.is_empty() && value.bytes().all(is_word) {
            self.0.extend_from_slice(value.as_bytes());
        } else {
            self.show(format_args!("{value:?}"));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.start(field);
        self.show(format_args!("{value:?}"));
    }
}

/// Control characters could play with a terminal. Line ends belong to messages that show a part
/// of a file.
struct Visible<'l>(&'l mut Vec<u8>);

impl fmt::Write for Visible<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().all(|octet| matches!(octet, b' '..=b'~' | b'\n')) {
            self.0.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        for c in text.chars() {
            if c.is_control() && c != '\n' {
                self.0.extend(c.escape_default().map(|c| c as u8));
            } else {
                self.0.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        Ok(())
    }
}
