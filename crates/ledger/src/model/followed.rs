//! How whoever follows the log stands: kept in one transaction with what was counted, so that a kill at any
//! moment loses nothing and counts nothing twice. It also says from when to when the log is known.

use serde::{Deserialize, Serialize};

/// How whoever follows the log stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// Which log: the path of a file, or `journal`.
    pub log: String,
    /// Where in it, in words of whoever follows it.
    pub standing: serde_json::Value,
    /// When this was written, in seconds since 1970-01-01. It is written each half minute, also where the
    /// log has nothing new.
    pub at: i64,
    /// The time of the last line, in seconds since 1970-01-01.
    pub last: i64,
    /// Octets of the log that were not read by then; none where that is not known.
    pub behind: Option<u64>,
    /// The parts of the log's time that were followed, the last one up to `last`: first and last second.
    pub spans: Vec<(i64, i64)>,
    /// What was found in the log since it is followed.
    pub counts: FollowedCounts,
    /// Why it cannot go on at present; none where it can.
    pub problem: Option<String>,
}

/// What was found in the log since it is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowedCounts {
    /// Lines.
    pub lines: u64,
    /// Those of an MTA.
    pub of_mta: u64,
    /// Those that cannot be read, though they seem to be of an MTA.
    pub unread: u64,
    /// How often the place was gone with its file.
    pub gaps: u64,
}

impl Followed {
    /// Whether what was logged at this time is known because the log was followed.
    #[must_use]
    pub fn knows(&self, at: i64) -> bool {
        self.spans.iter().any(|(first, last)| (*first..=*last).contains(&at))
    }

    /// The log was followed up to this second.
    pub fn reached(&mut self, last: i64) {
        self.last = last;
        if let Some(span) = self.spans.last_mut() {
            span.1 = span.1.max(last);
        }
    }

    /// From this second on the log is followed anew.
    pub fn begins(&mut self, first: i64) {
        self.spans.push((first, first));
        // Each gap makes one; so many are no gaps any more.
        let surplus = self.spans.len().saturating_sub(MOST_SPANS);
        self.spans.drain(..surplus);
    }
}

/// Spans that are remembered at most.
const MOST_SPANS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_the_log_grows_and_a_gap_stays_one() {
        let mut followed = Followed::default();
        followed.begins(100);
        followed.reached(200);
        // The clock went back.
        followed.reached(150);
        assert_eq!((followed.last, followed.knows(200)), (150, true));
        followed.begins(300);
        followed.reached(400);
        for (at, is_known) in [
            (99, false),
            (100, true),
            (200, true),
            (201, false),
            (299, false),
            (300, true),
            (400, true),
            (401, false),
        ] {
            assert_eq!(followed.knows(at), is_known, "{at}");
        }
        for first in 1000..3000 {
            followed.begins(first);
        }
        assert_eq!(
            (followed.spans.len(), followed.spans.first()),
            (MOST_SPANS, Some(&(2000, 2000)))
        );
    }
}
