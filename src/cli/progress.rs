//! How far something is that takes long, for whoever waits at a terminal.
//!
//! A library for bars brings in the C library's mathematics, which is then in the milter's memory, too (300 KiB).

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// A line on standard error, where that is a terminal; it goes when this goes.
#[derive(Debug)]
pub(super) struct Progress {
    /// How much there is; none where nothing is shown.
    all: Option<u64>,
    done: u64,
    begun: Instant,
    shown: Option<Instant>,
}

/// How soon the line is shown, and how often it changes at most.
const PAUSE: Duration = Duration::from_millis(100);

impl Progress {
    /// Of so much, nothing is done yet.
    pub(super) fn of(all: u64) -> Self {
        let all = Some(all).filter(|_| stderr().is_terminal());
        Self { all, done: 0, begun: Instant::now(), shown: None }
    }

    /// Nothing is shown.
    pub(super) fn hidden() -> Self {
        Self { all: None, done: 0, begun: Instant::now(), shown: None }
    }

    /// One more is done.
    pub(super) fn step(&mut self) {
        self.done += 1;
        let Some(all) = self.all else { return };
        // The clock costs more than what is counted does.
        if !self.done.is_multiple_of(256) || self.shown.unwrap_or(self.begun).elapsed() < PAUSE {
            return;
        }
        self.shown = Some(Instant::now());
        // Whoever waits can do without it.
        let _ = write!(stderr(), "\r{}\x1b[K", line(self.done, all, self.begun.elapsed()));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

/// The share that is done, as a bar and in words, and the time that the rest takes at this pace.
fn line(done: u64, all: u64, taken: Duration) -> String {
    const WIDTH: usize = 40;
    let done = done.min(all);
    let percent = u128::from(done) * 100 / u128::from(all.max(1));
    let bar = "#".repeat(usize::try_from(percent).unwrap_or_default() * WIDTH / 100);
    let left = taken.as_millis() * u128::from(all - done) / u128::from(done.max(1)) / 1000;
    format!("[{bar:.<WIDTH$}] {percent} %, {left} s left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_is_done_and_the_time_left_are_told() {
        let line = |done, all| line(done, all, Duration::from_millis(29_999));
        assert_eq!(line(1, 4), format!("[{}{}] 25 %, 89 s left", "#".repeat(10), ".".repeat(30)));
        for (done, all, told) in [
            (0, 10, "0 %, 299 s left"),
            (10, 10, "100 %, 0 s left"),
            // More may come than was counted, and there may be nothing.
            (12, 10, "100 %, 0 s left"),
            (0, 0, "0 %, 0 s left"),
        ] {
            assert!(line(done, all).ends_with(&format!("] {told}")), "{}", line(done, all));
        }
    }
}
