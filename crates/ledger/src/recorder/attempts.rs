//! Which refused attempts are for a message that was refused before.
//!
//! A message that is refused for now is tried again for days, and each time the milter sees no more of
//! it than its envelope. So an attempt counts as one for the same message where all of this is the same:
//! the client's address, the sender, the size that MAIL announces (RFC 1870), and the recipient; and
//! where no more than [`LONGEST_PAUSE`] lies between two attempts, and no more than
//! [`RETRY_TIME`](crate::RETRY_TIME) since the first.
//!
//! It is kept in memory, as a hash with a key that nobody has, and never written: the ledger holds no
//! local parts. After a restart, the next attempt counts as the first.

use crate::model::day::RETRY_TIME;
use policy::{Case, DomainName};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::mem;

/// The longest that a server lets a message wait before it tries again, in seconds: Postfix an hour,
/// Exim six hours, qmail some nine hours at last.
const LONGEST_PAUSE: i64 = 12 * 3600;
/// How many attempts are remembered before the oldest are forgotten: half of those that fit, some 3 MiB
/// each half. A flood of other ones makes the milter take attempts for messages of their own, no more.
const MOST: usize = 100_000;

/// What a client says of a message, as far as it is the same each time.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub struct Envelope<'s> {
    /// The sender, as the MTA understood it, where it says so.
    pub sender: Option<&'s [u8]>,
    /// Its size in octets, where MAIL announced one.
    pub size: Option<u64>,
    /// The recipient, as the client wrote it.
    pub recipient: &'s [u8],
}

/// An attempt, as a number that other messages do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Attempt(u64);

impl Attempt {
    /// The attempt of a case. `key` is chosen at the start of the program.
    pub fn new(key: &RandomState, case: &Case<'_>, envelope: &Envelope<'_>) -> Self {
        #[derive(Hash)]
        struct Same<'s>(Option<std::net::IpAddr>, Option<&'s DomainName>, Envelope<'s>);

        Self(key.hash_one(Same(case.client.address, case.sender.domain(), *envelope)))
    }
}

/// When an attempt was seen, in seconds since 1970-01-01.
#[derive(Clone, Copy, Debug)]
struct Seen {
    first: i64,
    last: i64,
}

/// Attempts that were refused.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    recent: HashMap<Attempt, Seen>,
    /// Those that are forgotten next.
    older: HashMap<Attempt, Seen>,
    /// When `recent` was begun.
    begun: i64,
}

impl Attempts {
    /// Takes note of an attempt that was refused, and says whether it repeats an earlier one.
    pub fn repeats(&mut self, attempt: Attempt, at: i64) -> bool {
        if self.recent.len() >= MOST || (at - self.begun).abs() > RETRY_TIME {
            self.older = mem::take(&mut self.recent);
            self.begun = at;
        }
        let known = self.recent.get(&attempt).or_else(|| self.older.get(&attempt)).copied();
        let same = known.filter(|seen| {
            at.saturating_sub(seen.last) <= LONGEST_PAUSE
                && at.saturating_sub(seen.first) <= RETRY_TIME
        });
        let seen = match same {
            Some(seen) => Seen { last: seen.last.max(at), ..seen },
            None => Seen { first: at, last: at },
        };
        self.recent.insert(attempt, seen);
        same.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    /// Which of the attempts for one message, at these hours, repeat another.
    fn repeats(hours: &[i64]) -> Vec<bool> {
        let mut attempts = Attempts::default();
        hours
            .iter()
            .map(|hour| attempts.repeats(Attempt(7), 20_000 * 86_400 + hour * HOUR))
            .collect()
    }

    #[test]
    fn a_message_is_one_while_it_is_tried_again_within_half_a_day_and_for_five_days_at_most() {
        assert_eq!(repeats(&[0, 0, 1, 2, 8, 20]), [false, true, true, true, true, true]);
        // The mail of a device that writes each day is another one each day.
        assert_eq!(repeats(&[0, 24, 48]), [false; 3]);
        assert_eq!(repeats(&[0, 12, 25]), [false, true, false]);
        let hourly: Vec<i64> = (0..=242).collect();
        let first: Vec<usize> =
            repeats(&hourly).iter().enumerate().filter(|(_, is)| !**is).map(|(at, _)| at).collect();
        assert_eq!(first, [0, 121, 242]);
        // A clock that was set back.
        assert_eq!(repeats(&[5, 3, 5]), [false, true, true]);
    }

    proptest::proptest! {
        #[test]
        fn attempts_are_told_from_messages_as_a_naive_list_of_messages_tells_them(
            pauses in proptest::collection::vec((0..5u64, 0..20i64), 1..200),
        ) {
            let mut attempts = Attempts::default();
            let mut messages: Vec<(u64, i64, i64)> = Vec::new();
            let mut hour = 0;
            for (number, pause) in pauses {
                hour += pause;
                let known = messages.iter_mut().rev().find(|message| message.0 == number);
                let same = known.filter(|(_, first, last)| hour - *last <= 12 && hour - *first <= 120);
                let repeats = attempts.repeats(Attempt(number), hour * HOUR);
                proptest::prop_assert_eq!(repeats, same.is_some(), "{} at {}", number, hour);
                match same {
                    Some((_, _, last)) => *last = hour,
                    None => messages.push((number, hour, hour)),
                }
            }
        }
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_are_forgotten_first() {
        let mut attempts = Attempts::default();
        let most = u64::try_from(MOST).unwrap();
        for number in 0..5 * most {
            assert!(!attempts.repeats(Attempt(number), 7));
            assert!(attempts.recent.len() <= MOST && attempts.older.len() <= MOST);
        }
        assert!(attempts.repeats(Attempt(5 * most - 1), 8));
        assert!(attempts.repeats(Attempt(4 * most), 8));
        assert!(!attempts.repeats(Attempt(0), 8));
        // Nothing is remembered for longer than twice the time that servers try.
        for time in [2, 3] {
            attempts.repeats(Attempt(1), time * (RETRY_TIME + 1));
        }
        assert!(attempts.recent.len() + attempts.older.len() <= 2);
    }

    #[test]
    fn attempts_are_told_apart_by_all_that_is_the_same_in_each_attempt_for_a_message() {
        use policy::{Client, OnUnknownTls, Recipient, Sender, TlsState};
        let key = RandomState::new();
        let one = Envelope {
            sender: Some(b"a@example.net"),
            size: Some(1000),
            recipient: b"<b@example.com>",
        };
        let attempt = |client: &str, sender: &str, envelope: Envelope<'_>| {
            let case = Case {
                tls: &TlsState::Plaintext,
                client: Client { address: client.parse().ok(), ..Client::default() },
                sender: &Sender::new(sender.as_bytes(), None),
                recipient: &Recipient::default(),
                now: jiff::Timestamp::UNIX_EPOCH,
                on_unknown_tls: OnUnknownTls::Defer,
                require: None,
            };
            Attempt::new(&key, &case, &envelope)
        };
        let first = attempt("192.0.2.1", "<a@example.net>", one);
        assert_eq!(first, attempt("192.0.2.1", "<a@example.net>", one));
        for other in [
            attempt("192.0.2.2", "<a@example.net>", one),
            attempt("192.0.2.1", "<a@example.org>", one),
            attempt("192.0.2.1", "<a@example.net>", Envelope { sender: None, ..one }),
            attempt("192.0.2.1", "<a@example.net>", Envelope { size: Some(1001), ..one }),
            attempt("192.0.2.1", "<a@example.net>", Envelope { size: None, ..one }),
            attempt(
                "192.0.2.1",
                "<a@example.net>",
                Envelope { recipient: b"<c@example.com>", ..one },
            ),
        ] {
            assert_ne!(first, other);
        }
    }
}
