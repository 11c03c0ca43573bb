//! The text form of an event: time, level, message, and fields as `name=value`.
//!
//! tracing-subscriber's own form takes four times as long, as long as to judge the RCPT that the
//! line is about; and it quotes each value that is a string.

use std::fmt::{self, Write};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, format::Writer};
use tracing_subscriber::registry::LookupSpan;

/// The form; there are no spans.
#[derive(Debug)]
pub(super) struct Text;

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        SystemTime.format_time(&mut writer)?;
        let mut fields = Fields { line: String::with_capacity(512), result: Ok(()) };
        write!(fields.line, " {:>5}", event.metadata().level().as_str())?;
        event.record(&mut fields);
        fields.result?;
        fields.line.push('\n');
        writer.write_str(&fields.line)
    }
}

struct Fields {
    line: String,
    result: fmt::Result,
}

impl Fields {
    fn start(&mut self, field: &Field) {
        self.line.push(' ');
        if field.name() != "message" {
            self.line.push_str(field.name());
            self.line.push('=');
        }
    }
}

impl Visit for Fields {
    /// In quotes where it could be taken for more than one value.
    fn record_str(&mut self, field: &Field, value: &str) {
        self.start(field);
        let is_word = |octet: u8| octet.is_ascii_graphic() && !b"\"\\=".contains(&octet);
        if !value.is_empty() && value.bytes().all(is_word) {
            self.line.push_str(value);
        } else {
            self.record(format_args!("{value:?}"));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.start(field);
        self.record(format_args!("{value:?}"));
    }
}

impl Fields {
    fn record(&mut self, value: fmt::Arguments<'_>) {
        let written = Visible(&mut self.line).write_fmt(value);
        self.result = self.result.and(written);
    }
}

/// Control characters could play with a terminal. Line ends belong to messages that show a part
/// of a file.
struct Visible<'l>(&'l mut String);

impl Write for Visible<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let is_odd = |c: char| c.is_control() && c != '\n';
        if !text.contains(is_odd) {
            self.0.push_str(text);
            return Ok(());
        }
        for c in text.chars() {
            if is_odd(c) {
                self.0.extend(c.escape_default());
            } else {
                self.0.push(c);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::logging::{Safe, writer::Lines};
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What a log holds after these events, without the times.
    fn logged(events: impl FnOnce()) -> String {
        let sink = Sink::default();
        let (lines, guard) = Lines::to(sink.clone(), |_| ()).unwrap();
        let layer = tracing_subscriber::fmt::layer().event_format(super::Text).with_writer(lines);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), events);
        drop(guard);
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let without_time = |line: &str| line.split_once(' ').unwrap().1.to_owned() + "\n";
        text.lines().map(without_time).collect()
    }

    #[test]
    fn a_line_holds_level_message_and_fields() {
        let lines = logged(|| {
            tracing::info!(verdict = "accept", port = 25, seen = Some("argument"), "it passed");
            tracing::warn!(error = %std::io::Error::other("no room"), "bad: {}", 7);
            tracing::error!(queue_id = %Safe(b"4Xk3"), gone = None::<&str>);
        });
        assert_eq!(
            lines,
            " INFO it passed verdict=accept port=25 seen=argument\n WARN bad: 7 error=no room\nERROR queue_id=4Xk3\n"
        );
    }

    #[test]
    fn a_string_cannot_pass_for_two_fields_or_lines() {
        for (value, shown) in [
            ("plain", "plain"),
            ("", r#""""#),
            ("a verdict=accept", r#""a verdict=accept""#),
            ("a=b", r#""a=b""#),
            ("a\"b\\", r#""a\"b\\""#),
            ("a\r\nb\u{1b}[31m", r#""a\r\nb\u{1b}[31m""#),
            ("ü", r#""ü""#),
        ] {
            assert_eq!(logged(|| tracing::info!(value)), format!(" INFO value={shown}\n"));
        }
        let odd = "a\u{1b}[31m\rb\u{9b}c\td";
        assert_eq!(logged(|| tracing::info!("{odd}")), " INFO a\\u{1b}[31m\\rb\\u{9b}c\\td\n");
    }
}
