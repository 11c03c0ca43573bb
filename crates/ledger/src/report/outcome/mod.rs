//! What became of those that were or would be refused: did they come back with TLS?
//!
//! Only what the ledger shows is said. A server that does not come again has not given up before the
//! time is over for which servers try ([`RETRY_TIME`]); and after that, all that is known is when it was
//! last seen.

#[cfg(test)]
mod tests;
mod way;

use crate::model::day::DAY;
use crate::model::row::{OTHERS, Row};
use hashbrown::HashMap;
use policy::Decision;
use serde::Serialize;
use way::{Way, Ways};

/// Seconds after which a refused server that has not come again is not trying at the moment: servers
/// try at least every few hours.
const PAUSED: i64 = DAY;

/// What became of a peer or a sender that was or would be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Outcome {
    /// It has come with adequate TLS since, for the same senders, and nothing of these was refused
    /// since. If both had come in turns, that has stayed so for as long as servers try.
    Resolved {
        /// When it last came with TLS, in seconds since 1970-01-01.
        at: i64,
    },
    /// It has not come again in the time for which servers try; another one has since come with TLS for
    /// the same sender domain.
    OtherServer {
        /// When the other one last came with TLS.
        at: i64,
    },
    /// It was let through, and has not come for as long as servers try.
    Quiet {
        /// When it last came.
        since: i64,
    },
    /// It was refused, and has not come again in the time for which servers try.
    NotBack {
        /// When it last came.
        since: i64,
        /// How often it was refused.
        attempts: u64,
        /// On how many days.
        days: u64,
    },
    /// It was refused and has not come again yet, but may still: servers try for five days.
    NotBackYet {
        /// When it last came.
        since: i64,
        /// How often it was refused.
        attempts: u64,
        /// On how many days.
        days: u64,
    },
    /// It still comes without adequate TLS.
    StillFailing {
        /// The first time.
        since: i64,
    },
}

impl Outcome {
    /// A stable name for JSON and CSV.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Resolved { .. } => "resolved",
            Self::OtherServer { .. } => "other-server",
            Self::Quiet { .. } => "quiet",
            Self::NotBack { .. } => "not-back",
            Self::NotBackYet { .. } => "not-back-yet",
            Self::StillFailing { .. } => "still-failing",
        }
    }

    /// The moment that goes with it, in seconds since 1970-01-01.
    #[must_use]
    pub fn moment(self) -> i64 {
        let (Self::Resolved { at: moment }
        | Self::OtherServer { at: moment }
        | Self::Quiet { since: moment }
        | Self::NotBack { since: moment, .. }
        | Self::NotBackYet { since: moment, .. }
        | Self::StillFailing { since: moment }) = self;
        moment
    }

    /// How bad it is, beside others.
    fn rank(self) -> u8 {
        match self {
            Self::Resolved { .. } => 0,
            Self::OtherServer { .. } => 1,
            Self::Quiet { .. } => 2,
            Self::NotBack { .. } => 3,
            Self::NotBackYet { .. } => 4,
            Self::StillFailing { .. } => 5,
        }
    }

    /// The same, with the figures of all refusals.
    fn with(self, refusals: Refusals) -> Self {
        let Refusals { attempts, days, .. } = refusals;
        match self {
            Self::NotBack { since, .. } => Self::NotBack { since, attempts, days },
            Self::NotBackYet { since, .. } => Self::NotBackYet { since, attempts, days },
            other => other,
        }
    }
}

/// Numbers in place of texts that occur again and again.
#[derive(Default)]
struct Numbers {
    numbers: HashMap<String, u32>,
}

impl Numbers {
    fn of(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.to_owned(), number);
        number
    }
}

/// How often, and on how many days, somebody was refused.
#[derive(Clone, Copy, Default)]
struct Refusals {
    attempts: u64,
    days: u64,
    last_day: Option<i32>,
}

impl Refusals {
    /// Adds a row; rows come in the order of days.
    fn add(&mut self, row: &Row) {
        self.attempts += row.tally.count;
        if self.last_day != Some(row.key.day) {
            self.last_day = Some(row.key.day);
            self.days += 1;
        }
    }
}

/// Faults, and when the same clients and senders last came without one.
#[derive(Default)]
pub(crate) struct Outcomes {
    domains: Numbers,
    clients: Numbers,
    senders: Numbers,
    ways: Ways,
    /// When a sender last came to a domain with adequate TLS, from whichever client.
    sender_adequate: HashMap<(u32, u32), i64>,
    refusals_of_client: HashMap<u32, Refusals>,
    refusals_of_sender: HashMap<u32, Refusals>,
}

/// The worst outcome of each peer and each sender.
pub(crate) struct Worst {
    pub peers: HashMap<String, Outcome>,
    pub senders: HashMap<String, Outcome>,
    pub all_peers: u64,
}

impl Outcomes {
    /// Adds a row; rows come in the order of days.
    pub fn add(&mut self, row: &Row) {
        let way = Way {
            domain: self.domains.of(&row.key.domain),
            client: self.clients.of(&row.key.client),
            sender: self.senders.of(&row.key.sender),
        };
        if row.key.verdict == Decision::Accept {
            // A client that an exception let through has not mended anything.
            if row.key.is_adequate() && !row.key.is_others() {
                self.ways.came_with_tls(way, row);
                // Bounces, and senders without a plain address, belong to nobody.
                if row.key.sender.contains('.') {
                    let place = (way.domain, way.sender);
                    let moment = self.sender_adequate.entry(place).or_insert(i64::MIN);
                    *moment = (*moment).max(row.tally.last);
                }
            }
            return;
        }
        self.ways.failed(way, row);
        if row.key.verdict == Decision::Refuse {
            self.refusals_of_client.entry(way.client).or_default().add(row);
            self.refusals_of_sender.entry(way.sender).or_default().add(row);
        }
    }

    /// What became of everybody, for a ledger that goes on until this moment.
    pub fn finish(self, until: i64) -> Worst {
        let mut peers = HashMap::new();
        let mut senders = HashMap::new();
        let elsewhere = |way: &Way| self.sender_adequate.get(&(way.domain, way.sender)).copied();
        self.ways.each_outcome(until, elsewhere, |way, outcome| {
            worse(peers.entry(way.client).or_insert(outcome), outcome);
            worse(senders.entry(way.sender).or_insert(outcome), outcome);
        });
        let clients = &self.clients.numbers;
        Worst {
            all_peers: (clients.len() - usize::from(clients.contains_key(OTHERS))) as u64,
            peers: named(self.clients, &peers, &self.refusals_of_client),
            senders: named(self.senders, &senders, &self.refusals_of_sender),
        }
    }
}

/// Outcomes by name, with the figures of all refusals.
fn named(
    numbers: Numbers,
    outcomes: &HashMap<u32, Outcome>,
    refusals: &HashMap<u32, Refusals>,
) -> HashMap<String, Outcome> {
    let named = numbers.numbers.into_iter().filter_map(|(name, number)| {
        let refusals = refusals.get(&number).copied().unwrap_or_default();
        Some((name, outcomes.get(&number)?.with(refusals)))
    });
    named.collect()
}

/// Keeps the worse of two outcomes. Of two that are equally bad, the one that goes on for longer, or
/// was seen last.
pub(super) fn worse(kept: &mut Outcome, other: Outcome) {
    let (old, new) = (kept.rank(), other.rank());
    let more = match other {
        Outcome::StillFailing { since } => since < kept.moment(),
        _ => other.moment() > kept.moment(),
    };
    if new > old || new == old && more {
        *kept = other;
    }
}
