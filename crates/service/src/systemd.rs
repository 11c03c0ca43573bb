//! What the milter tells systemd of the service. Without systemd nothing is sent.

use sd_notify::NotifyState;
use std::time::{Duration, Instant};

/// So many octets of a status are sent at most. systemd leaves a whole message unread that is longer than
/// 4096, and with it that the milter is ready; what is wrong with a policy can be as long as a name in it.
const LONGEST_STATUS: usize = 2000;

/// The milter listens; `status` is what `systemctl status` shows of it.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&short(status))]);
}

/// What `systemctl status` shows.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(&short(status))]);
}

/// As much of a status as is sent, in one line: another line would be a message of its own.
fn short(status: &str) -> String {
    let ends = status.char_indices().map(|(at, c)| at + c.len_utf8());
    let end = ends.take_while(|end| *end <= LONGEST_STATUS).last().unwrap_or_default();
    let text = status.get(..end).unwrap_or_default();
    text.replace(|c: char| c.is_control(), " ")
}

/// A reload has begun (`Type=notify-reload`); [`ready`] ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "there is no monotonic clock"),
    }
}

/// The milter takes no more connections; those that are open may take so long to end.
pub fn stopping(drain: Duration) {
    /// Time for what is done after the drain.
    const REST: Duration = Duration::from_secs(10);
    let time = u32::try_from((drain + REST).as_micros()).unwrap_or(u32::MAX);
    let status = "Stopping: SMTP sessions that are under way may end";
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status(status),
        NotifyState::ExtendTimeoutUsec(time),
    ]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told of the service's state");
    }
}

/// Tells systemd that the milter lives, where it wants to know (`WatchdogSec=`).
#[derive(Debug)]
pub struct Watchdog {
    /// How often it is told: three times within the time that systemd allows.
    every: Option<Duration>,
    last: Instant,
    /// The turns that the milter's loop had taken then.
    turns: u64,
}

impl Watchdog {
    /// As systemd wants it.
    #[must_use]
    pub fn from_environment() -> Self {
        let every = sd_notify::watchdog_enabled().map(|patience| patience / 3);
        Self { every, last: Instant::now(), turns: 0 }
    }

    /// A sign of life, if one is due and the milter's loop has taken `turns` since the last.
    pub fn alive(&mut self, turns: u64) {
        let due = self.every.is_some_and(|every| self.last.elapsed() >= every);
        if due && turns != self.turns {
            self.last = Instant::now();
            self.turns = turns;
            tell(&[NotifyState::Watchdog]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_line_that_systemd_reads() {
        assert_eq!(short("2 domains; policy in force"), "2 domains; policy in force");
        assert_eq!(short("PROBLEM: a\nMAINPID=1"), "PROBLEM: a MAINPID=1");
        for text in ["k", "\u{e4}", "\u{2026}", "\u{1f469}"] {
            let cut = short(&text.repeat(5000)).len();
            assert!(cut <= LONGEST_STATUS && cut + 4 > LONGEST_STATUS, "{text}: {cut}");
        }
    }
}
