//! What became of those that were or would be refused: did they come back with TLS?

use crate::model::day::DAY;
use crate::model::row::{OTHERS, Row};
use policy::Decision;
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// Seconds after which a server that has not come back has given up: servers try again for days, and
/// at least every few hours.
const GIVEN_UP: i64 = 2 * DAY;

/// What became of a peer or a sender that was or would be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Outcome {
    /// It has come with adequate TLS since, or somebody else has for the same sender domain.
    Resolved {
        /// When it last came with TLS, in seconds since 1970-01-01.
        at: i64,
    },
    /// It was let through, and has not come since.
    Quiet {
        /// When it last came.
        since: i64,
    },
    /// It was refused, and has not come again.
    GaveUp {
        /// When it last came.
        since: i64,
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
            Self::Quiet { .. } => "quiet",
            Self::GaveUp { .. } => "gave-up",
            Self::StillFailing { .. } => "still-failing",
        }
    }

    /// The moment that goes with it, in seconds since 1970-01-01.
    #[must_use]
    pub fn moment(self) -> i64 {
        let (Self::Resolved { at: moment }
        | Self::Quiet { since: moment }
        | Self::GaveUp { since: moment }
        | Self::StillFailing { since: moment }) = self;
        moment
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

/// Who wrote to whom, as numbers of domain, client and sender.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Way {
    domain: u32,
    client: u32,
    sender: u32,
}

struct Fault {
    first: i64,
    last: i64,
    refused: bool,
}

/// Faults, and when the same clients and senders last came without one.
#[derive(Default)]
pub(super) struct Outcomes {
    domains: Numbers,
    clients: Numbers,
    senders: Numbers,
    faults: HashMap<Way, Fault>,
    /// When a client, and a sender, last came to a domain with adequate TLS.
    client_adequate: HashMap<(u32, u32), i64>,
    sender_adequate: HashMap<(u32, u32), i64>,
}

/// The worst outcome of each peer and each sender.
pub(super) struct Worst {
    pub peers: HashMap<String, Outcome>,
    pub senders: HashMap<String, Outcome>,
    pub all_peers: u64,
}

impl Outcomes {
    pub fn add(&mut self, row: &Row) {
        let way = Way {
            domain: self.domains.of(&row.key.domain),
            client: self.clients.of(&row.key.client),
            sender: self.senders.of(&row.key.sender),
        };
        if row.key.verdict == Decision::Accept {
            // A client that an exception let through has not mended anything.
            if row.key.is_adequate() && !row.key.is_others() {
                let latest = |moment: &mut i64| *moment = (*moment).max(row.tally.last);
                latest(self.client_adequate.entry((way.domain, way.client)).or_insert(i64::MIN));
                // Bounces, and senders without a plain address, belong to nobody.
                if row.key.sender.contains('.') {
                    latest(
                        self.sender_adequate.entry((way.domain, way.sender)).or_insert(i64::MIN),
                    );
                }
            }
            return;
        }
        let refused = row.key.verdict == Decision::Refuse;
        let (first, last) = (row.tally.first, row.tally.last);
        let fault = self.faults.entry(way).or_insert(Fault { first, last, refused });
        fault.first = fault.first.min(first);
        fault.last = fault.last.max(last);
        fault.refused |= refused;
    }

    /// What became of everybody, for a ledger that goes on until this moment.
    pub fn finish(self, until: i64) -> Worst {
        let mut peers = HashMap::new();
        let mut senders = HashMap::new();
        for (way, fault) in &self.faults {
            let outcome = self.outcome(*way, fault, until);
            worse(peers.entry(way.client).or_insert(outcome), outcome);
            worse(senders.entry(way.sender).or_insert(outcome), outcome);
        }
        let named = |numbers: Numbers, mut outcomes: HashMap<u32, Outcome>| {
            let named = numbers.numbers.into_iter();
            named.filter_map(|(name, number)| Some((name, outcomes.remove(&number)?))).collect()
        };
        let clients: HashSet<&String> =
            self.clients.numbers.keys().filter(|name| *name != OTHERS).collect();
        Worst {
            all_peers: clients.len() as u64,
            peers: named(self.clients, peers),
            senders: named(self.senders, senders),
        }
    }

    fn outcome(&self, way: Way, fault: &Fault, until: i64) -> Outcome {
        let by_client = self.client_adequate.get(&(way.domain, way.client));
        let by_sender = self.sender_adequate.get(&(way.domain, way.sender));
        match by_client.max(by_sender) {
            Some(at) if *at > fault.last => Outcome::Resolved { at: *at },
            _ if until - fault.last < GIVEN_UP => Outcome::StillFailing { since: fault.first },
            _ if fault.refused => Outcome::GaveUp { since: fault.last },
            _ => Outcome::Quiet { since: fault.last },
        }
    }
}

/// Keeps the worse of two outcomes; of two that are equally bad, the older.
fn worse(kept: &mut Outcome, other: Outcome) {
    let rank = |outcome: Outcome| match outcome {
        Outcome::Resolved { .. } => 0,
        Outcome::Quiet { .. } => 1,
        Outcome::GaveUp { .. } => 2,
        Outcome::StillFailing { .. } => 3,
    };
    let (old, new) = (rank(*kept), rank(other));
    if new > old || new == old && other.moment() < kept.moment() {
        *kept = other;
    }
}
