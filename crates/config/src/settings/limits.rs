//! The bounds on what the milter takes on.

use crate::yaml::{Decoder, Node};
use std::time::Duration;

/// Bounds on what the milter takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Milter connections at a time. More wait to be accepted.
    pub connections: u32,
    /// How long open SMTP sessions may go on once the milter has been told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 10_000, drain: Duration::from_secs(30) }
    }
}

impl Limits {
    /// Reads `limits`.
    pub(super) fn read(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Self> {
        let mut fields = decoder.fields(node, "`limits`")?;
        let mut limits = Self::default();
        if let Some(number) = fields.read(decoder, "connections", |decoder, node| {
            decoder.at_least_one(node, "`connections`", 1_000_000, "")
        }) {
            limits.connections = number;
        }
        if let Some(seconds) = fields.number(decoder, "drain_seconds", 3600) {
            limits.drain = Duration::from_secs(seconds.into());
        }
        decoder.finish(fields);
        Some(limits)
    }
}
