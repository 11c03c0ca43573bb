//! One client with mail of one sender to one domain, over the days.

use super::{Outcome, PAUSED};
use crate::model::day::{Day, RETRY_TIME, day_of};
use crate::model::row::Row;
use hashbrown::HashMap;
use policy::Decision;

/// Who wrote to whom, as numbers of domain, client and sender.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Way {
    pub domain: u32,
    pub client: u32,
    pub sender: u32,
}

/// What is known of ways. Rows come in the order of days.
#[derive(Default)]
pub(super) struct Ways {
    /// There may be a million of them.
    adequate: HashMap<Way, Adequate>,
    faults: HashMap<Way, Fault>,
}

/// When mail came with adequate TLS, in seconds since 1970-01-01.
#[derive(Clone, Copy)]
struct Adequate {
    last: i64,
    /// The last time on a day before that of `last`; long ago where there was none.
    before: i64,
}

/// When mail was or would be refused, in seconds since 1970-01-01.
struct Fault {
    first: i64,
    last: i64,
    refused: bool,
    /// Whether mail had come with TLS on a day between the first and the last time.
    in_turns: bool,
}

impl Ways {
    pub fn came_with_tls(&mut self, way: Way, row: &Row) {
        let last = row.tally.last;
        let adequate = self.adequate.entry(way).or_insert(Adequate { last, before: i64::MIN });
        if day_of(adequate.last) < row.key.day {
            adequate.before = adequate.last;
        }
        adequate.last = adequate.last.max(last);
    }

    pub fn failed(&mut self, way: Way, row: &Row) {
        let (first, last) = (row.tally.first, row.tally.last);
        let adequate = self.adequate_before(&way, row.key.day);
        let fault = Fault { first, last, refused: false, in_turns: false };
        let fault = self.faults.entry(way).or_insert(fault);
        fault.first = fault.first.min(first);
        fault.last = fault.last.max(last);
        fault.refused |= row.key.verdict == Decision::Refuse;
        fault.in_turns |= adequate.is_some_and(|moment| moment > fault.first);
    }

    /// When mail last came with TLS on a day before this one.
    fn adequate_before(&self, way: &Way, day: Day) -> Option<i64> {
        let Adequate { last, before } = *self.adequate.get(way)?;
        Some(if day_of(last) < day { last } else { before })
    }

    /// Tells what became of each way with a fault, for a ledger that goes on until this moment.
    /// `elsewhere` is when mail of the sender last came to the domain with TLS, from whichever client.
    pub fn each_outcome(
        &self,
        until: i64,
        elsewhere: impl Fn(&Way) -> Option<i64>,
        mut each: impl FnMut(&Way, Outcome),
    ) {
        for (way, fault) in &self.faults {
            let adequate = self.adequate.get(way).map(|adequate| adequate.last);
            each(way, fault.outcome(until, adequate, elsewhere(way)));
        }
    }
}

impl Fault {
    /// What became of it. `adequate` is when mail last came with TLS.
    fn outcome(&self, until: i64, adequate: Option<i64>, elsewhere: Option<i64>) -> Outcome {
        let (first, last) = (self.first, self.last);
        let silent = until - last;
        let is_over = silent > RETRY_TIME;
        if let Some(at) = adequate.filter(|at| *at > last) {
            let holds = !self.in_turns || is_over;
            return if holds {
                Outcome::Resolved { at }
            } else {
                Outcome::StillFailing { since: first }
            };
        }
        if is_over && let Some(at) = elsewhere.filter(|at| *at > last) {
            return Outcome::OtherServer { at };
        }
        // The figures are those of all ways together.
        let (attempts, days) = (0, 0);
        match self.refused {
            true if is_over => Outcome::NotBack { since: last, attempts, days },
            true if silent > PAUSED => Outcome::NotBackYet { since: last, attempts, days },
            false if is_over => Outcome::Quiet { since: last },
            _ => Outcome::StillFailing { since: first },
        }
    }
}
