//! From an event to its record in the log.
//!
//! tracing-subscriber's own layers are not used: they take longer to write a line than it takes to judge
//! the RCPT that the line is about, and the layer for the journal sends each event at once, so that a
//! journal which stands still would hold up mail. There are no spans here.

use super::writer::Lines;
use super::{journal, json, terminal, text};
use std::cell::Cell;
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
    /// Memory for a record. It is taken away while in use: formatting a value may log, too.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// How many octets of memory are kept for a record.
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
        terminal::show(event);
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
