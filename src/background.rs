//! What the threads have in common that work beside the mail.

use rustix::{process::setpriority_process, thread::gettid};
use std::time::Duration;

/// How long such a thread leaves things alone after a panic, before it goes on.
pub(crate) const AFTER_A_PANIC: Duration = Duration::from_secs(1);

/// Lets the threads that judge mail go before this one where there are too few processors for all.
pub(crate) fn step_back() {
    // As a job in batch(1).
    const NICE: i32 = 10;
    if let Err(error) = setpriority_process(Some(gettid()), NICE) {
        tracing::warn!(%error, "a thread that works beside the mail cannot lower its priority");
    }
}
