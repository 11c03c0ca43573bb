//! What goes wrong at a start by hand, on the terminal.
//!
//! A log that goes to the journal is not where somebody looks who has just started the milter in a
//! shell. So until it runs, warnings and errors are written to standard error as well, unless that is
//! the journal, too.

use super::text;
use std::{
    env, fs,
    io::Write,
    os::unix::fs::MetadataExt,
    sync::atomic::{AtomicBool, Ordering},
};
use tracing::{Event, Level};

/// Whether the milter is being started, and standard error is not the journal.
static STARTING: AtomicBool = AtomicBool::new(false);

/// From here on, warnings and errors are shown.
pub(super) fn enter() {
    STARTING.store(!is_journal(), Ordering::Relaxed);
}

/// The milter has started: the log is in the journal alone.
pub fn leave_terminal() {
    STARTING.store(false, Ordering::Relaxed);
}

/// Shows an event, if it is to be shown.
pub(super) fn show(event: &Event<'_>) {
    if STARTING.load(Ordering::Relaxed) && *event.metadata().level() <= Level::WARN {
        let mut line = Vec::new();
        text::write(event, &mut line);
        // Nobody may be looking.
        let _ = std::io::stderr().write_all(&line);
    }
}

/// Whether standard error leads to the journal (`JOURNAL_STREAM`, systemd.exec(5)).
fn is_journal() -> bool {
    let Ok(journal) = env::var("JOURNAL_STREAM") else { return false };
    fs::metadata("/proc/self/fd/2")
        .is_ok_and(|stderr| journal == format!("{}:{}", stderr.dev(), stderr.ino()))
}
