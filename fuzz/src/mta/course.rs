//! A log as it lies on the disk: processes write at a time, and a syslog loses, repeats and cuts lines.

use super::choice::Choice;
use super::scene::{Mta, Scene};
use super::text::cut;
use super::{Line, postfix, sendmail};
use jiff::{SignedDuration, Timestamp};

/// A log.
#[derive(Debug)]
pub struct Log {
    /// Its lines.
    pub lines: Vec<String>,
    /// Whether some are missing.
    pub is_lossy: bool,
    /// Whether some are there twice, or not to their ends.
    pub is_damaged: bool,
}

/// When the first line is written.
pub const BEGINS: &str = "2026-12-01T08:00:00Z";

impl Log {
    /// The log of what happens.
    ///
    /// # Panics
    ///
    /// Never.
    #[must_use]
    pub fn new(scene: &Scene, choice: &mut Choice<'_>) -> Self {
        let (groups, first) = match scene.mta {
            Mta::Postfix { .. } => (postfix::lines(scene), postfix::first_of_all()),
            Mta::Sendmail => (sendmail::lines(scene), sendmail::first_of_all()),
        };
        let is_old = choice.yes();
        let damage = choice.octet();
        // What is there twice within seconds may as well have happened twice.
        let pause = if repeats(damage) { 3 } else { 0 };
        let mut now: Timestamp = BEGINS.parse().unwrap();
        let mut write = |line: &Line| {
            now += SignedDuration::from_secs(i64::from(line.pause) + pause);
            let time = if is_old {
                now.strftime("%b %e %H:%M:%S").to_string()
            } else {
                now.strftime("%Y-%m-%dT%H:%M:%S.123456+00:00").to_string()
            };
            format!("{time} mx {}[{}]: {}", line.service, line.process, line.text)
        };
        let mut lines = Vec::new();
        if scene.tells_out {
            lines.push(write(&first));
        }
        let mut groups: Vec<_> = groups.iter().map(|lines| lines.iter().peekable()).collect();
        loop {
            groups.retain_mut(|group| group.peek().is_some());
            if groups.is_empty() {
                break;
            }
            let next = choice.index(groups.len());
            // A few at a time.
            for line in groups[next].by_ref().take(1 + choice.index(4)) {
                lines.push(write(line));
            }
        }
        let mut log = Self { lines, is_lossy: false, is_damaged: false };
        log.damage(damage, scene, choice);
        log
    }

    fn damage(&mut self, kind: u8, scene: &Scene, choice: &mut Choice<'_>) {
        if kind & 3 == 1 {
            self.is_lossy = true;
            for _ in 0..=choice.below(4) {
                let (from, count) = (choice.index(self.lines.len()), choice.index(6));
                let to = (from + count).min(self.lines.len());
                self.lines.drain(from..to);
            }
        }
        if repeats(kind) {
            self.is_damaged = true;
            let (from, count) = (choice.index(self.lines.len()), choice.index(8));
            let to = (from + count).min(self.lines.len());
            let block = self.lines[from..to].to_vec();
            // Directly behind, or later on.
            let place = if choice.yes() { to } else { self.lines.len() };
            self.lines.splice(place..place, block);
        }
        if kind & 48 == 16 && scene.hostile {
            self.is_damaged = true;
            // RFC 5424 lets a syslog cut at 480 octets. Where addresses are not quoted, nobody can tell from a line
            // that was cut where one ends; but for that, Postfix cuts its lines itself.
            let is_certain = !matches!(scene.mta, Mta::Postfix { quotes: false, .. });
            let longest = if is_certain { 480 + 8 * choice.index(256) } else { 2040 };
            for line in &mut self.lines {
                *line = cut(line, longest).to_owned();
            }
        }
    }
}

fn repeats(damage: u8) -> bool {
    damage & 12 == 4
}
