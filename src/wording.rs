//! Numbers and times in words, for messages.

use jiff::Timestamp;
use std::fmt::Display;

/// How long ago something was, in the largest whole unit.
#[must_use]
pub(crate) fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    let (number, unit) = match seconds {
        0..60 => return "less than a minute".into(),
        60..3600 => (seconds / 60, "minute"),
        3600..86400 => (seconds / 3600, "hour"),
        _ => (seconds / 86400, "day"),
    };
    counted(number, unit)
}

/// A number and what it counts: `1 domain`, `2 domains`.
#[must_use]
pub(crate) fn counted<N: Display + PartialEq + From<u8>>(number: N, what: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// Text for a terminal, of which a part may come from a file or another program: it does not play with it.
pub(crate) fn harmless(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}
