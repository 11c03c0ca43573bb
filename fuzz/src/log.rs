//! The log's end: takes what the product logs and checks that nobody could forge a field or line.

use crate::said::is_printable;
use std::{
    fmt,
    sync::{Mutex, Once, PoisonError},
};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static VERDICTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Begins to listen; later calls do nothing.
///
/// # Panics
///
/// When somebody else listens already.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Listener).unwrap());
}

/// The field `verdict` of each line since the last call.
#[must_use]
pub fn verdicts() -> Vec<String> {
    std::mem::take(&mut *VERDICTS.lock().unwrap_or_else(PoisonError::into_inner))
}

struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Fields);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Fields;

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        check(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        check(field, &format!("{value:?}"));
    }
}

fn check(field: &Field, text: &str) {
    let sentence = matches!(field.name(), "message" | "detail");
    let fit = |c: char| is_printable(c) && (sentence || c != ' ');
    assert!(text.len() <= 1400 && text.chars().all(fit), "{}={text:?}", field.name());
    assert!(sentence || !text.contains(['"', '=']), "{}={text:?}", field.name());
    if field.name() == "verdict" {
        let mut verdicts = VERDICTS.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.push(text.to_owned());
    }
}
