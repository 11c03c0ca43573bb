//! From an event to its record in the log.
//!
//! tracing-subscriber's own layers are not used: they take longer to write a line than it takes to judge
//! the RCPT that the line is about, and the layer for the journal sends each event at once, so that a
//! journal which stands still would hold up mail. There are no spans here.

use super::writer::Lines;
use super::{journal, json, text};
use jiff::Timestamp;
use std::cell::{Cell, RefCell};
use std::io::Write;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

/// The form of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A line for people.
    Text,
    /// A line with an object.
    Json,
    /// A datagram for systemd's journal.
    Journal,
}

/// Takes all events of the process, and hands their records to a writer.
#[derive(Debug)]
pub(super) struct Events {
    level: LevelFilter,
    form: Form,
    lines: Lines,
}

impl Events {
    /// Events up to this level.
    pub(super) fn new(level: tracing::Level, form: Form, lines: Lines) -> Self {
        Self { level: LevelFilter::from_level(level), form, lines }
    }
}

thread_local! {
    /// Room for a record. Whoever needs it takes it away: a value that is shown may log, too.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Octets of room that are kept for a record.
const KEPT: usize = 4096;

impl Subscriber for Events {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn event(&self, event: &Event<'_>) {
        let mut record = ROOM.take();
        record.clear();
        match self.form {
            Form::Text => text::write(event, &mut record),
            Form::Json => json::write(event, &mut record),
            Form::Journal => journal::write(event, &mut record),
        }
        self.lines.add(&record);
        record.shrink_to(KEPT);
        ROOM.set(record);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The time of an event, in UTC and to the microsecond.
pub(super) fn write_time(out: &mut Vec<u8>) {
    write_timestamp(Timestamp::now(), out);
}

fn write_timestamp(time: Timestamp, out: &mut Vec<u8>) {
    thread_local! {
        /// The second of the event before, as a number and as text without its end: nearly always
        /// that of this one, too.
        static SECOND: RefCell<(i64, String)> = RefCell::default();
    }
    let microsecond = time.as_microsecond();
    let now = microsecond.div_euclid(1_000_000);
    SECOND.with_borrow_mut(|(second, text)| {
        if text.is_empty() || *second != now {
            *text = Timestamp::from_second(now).unwrap_or(time).to_string();
            text.truncate(text.len().saturating_sub("Z".len()));
            *second = now;
        }
        out.extend_from_slice(text.as_bytes());
    });
    // Writing to a vector cannot fail.
    let _ = write!(out, ".{:06}Z", microsecond.rem_euclid(1_000_000));
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::logging::writer::Stream;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What a log in this form holds after these events.
    pub(in crate::logging) fn logged(form: Form, events: impl FnOnce()) -> String {
        let kept = Kept::default();
        let (lines, guard) = Lines::to(Stream::to(kept.clone()), |_| ()).unwrap();
        let log = Events::new(tracing::Level::INFO, form, lines);
        tracing::subscriber::with_default(log, events);
        drop(guard);
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn events_below_the_level_are_left_out() {
        let text = logged(Form::Text, || {
            tracing::debug!("not this one");
            tracing::info!("this one");
        });
        assert_eq!(text.lines().count(), 1);
        assert!(text.ends_with(" INFO this one\n"), "{text}");
    }

    #[test]
    fn a_value_that_logs_while_it_is_shown_spoils_no_line() {
        struct Talks;
        impl std::fmt::Display for Talks {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                tracing::info!("inner");
                f.write_str("outer")
            }
        }
        // The log of a whole process, as the milter has it: of one that is set up for a thread, tracing
        // itself drops the inner event. So this test runs in a process of its own.
        const ALONE: &str = "MANDATORY_TLS_TEST_LOG_OF_A_PROCESS";
        if std::env::var_os(ALONE).is_some() {
            let (lines, guard) = Lines::to(Stream::to(std::io::stderr()), |_| ()).unwrap();
            let log = Events::new(tracing::Level::INFO, Form::Text, lines);
            tracing::subscriber::set_global_default(log).unwrap();
            tracing::info!(value = %Talks, "event");
            return drop(guard);
        }
        let (_, module) = module_path!().split_once("::").unwrap();
        let this = format!("{module}::a_value_that_logs_while_it_is_shown_spoils_no_line");
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--exact", &this, "--nocapture"]).env(ALONE, "").output();
        let text = String::from_utf8(output.unwrap().stderr).unwrap();
        let lines: Vec<_> = text.lines().filter_map(|line| line.split_once("Z  ")).collect();
        let without_times: Vec<_> = lines.into_iter().map(|(_, line)| line).collect();
        assert_eq!(without_times, ["INFO inner", "INFO event value=outer"], "{text}");
    }

    #[test]
    fn the_time_is_in_utc_to_the_microsecond() {
        for (microsecond, shown) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1_790_000_000_999_999, "2026-09-21T14:13:20.999999Z"),
            (1_790_000_000_000_007, "2026-09-21T14:13:20.000007Z"),
            (1_790_000_001_000_000, "2026-09-21T14:13:21.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
        ] {
            let mut time = Vec::new();
            write_timestamp(Timestamp::from_microsecond(microsecond).unwrap(), &mut time);
            assert_eq!(String::from_utf8(time).unwrap(), shown);
        }
    }
}
