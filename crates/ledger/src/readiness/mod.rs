//! Whether a domain can be enforced: who would be refused that somebody would miss, what that rests on, and
//! from when on it could begin.
//!
//! Every row is judged anew by a policy, with the same `judge` as in the milter, so that a requirement or an
//! exception that was changed since counts as it is now. What is not known is never taken for good: a log alone,
//! sessions of which nothing is known, or too few days are no evidence.

mod correspondents;
mod domain;
mod start;
#[cfg(test)]
mod tests;

pub use correspondents::{Correspondent, FailingServer, Standing};

use crate::history::{Domains, History, Selection};
use crate::model::day::{DAY, Day, date_text};
use crate::model::row::Row;
use domain::Draft;
use jiff::Timestamp;
use policy::{Mode, OnUnknownTls, Policy};
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, btree_map};
use strum::IntoStaticStr;

/// How many days are looked at: who writes once a quarter is among them.
pub const WINDOW: Day = 90;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Inquiry<'p> {
    /// The policy that judges. A domain in mode off, or without an entry, is not asked about.
    pub policy: &'p Policy,
    /// What is done where TLS is unknown.
    pub on_unknown_tls: OnUnknownTls,
    /// The time of the judgement.
    pub now: Timestamp,
    /// The first day that is looked at.
    pub since: Day,
    /// Of which domains.
    pub domains: Domains,
}

/// Whether a domain can be enforced.
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    /// The recipient domain.
    pub domain: String,
    /// The answer.
    pub state: State,
    /// Its mode today, as the policy has it.
    #[serde(serialize_with = "mode_name")]
    pub mode: Mode,
    /// From when on the policy enforces it, where that is still to come, in seconds since 1970-01-01.
    pub planned: Option<i64>,
    /// What the evidence lacks.
    pub lacks: Vec<Lack>,
    /// What the answer rests on.
    pub evidence: Evidence,
    /// Who would be refused, or is: those that stand in the way first, then by how much it is.
    pub correspondents: Vec<Correspondent>,
    /// Where some stand in the way and no day is set: the day to propose, in seconds since 1970-01-01.
    #[serde(serialize_with = "as_date")]
    pub start: Option<i64>,
    /// Where there is too little evidence: when to look again.
    #[serde(serialize_with = "as_date")]
    pub look_again: Option<i64>,
}

/// The answer. The worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, Serialize)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum State {
    /// There are some who would be refused and should be told first.
    NotYet,
    /// Nobody is known that would be, but too little is known.
    NotEnough,
    /// Nobody would be refused that somebody is known to miss.
    Ready,
    /// It is enforced already.
    Enforced,
}

impl State {
    /// A stable name for scripts.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }
}

/// What the evidence lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, Serialize)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Lack {
    /// No mail came that was judged.
    NoMail,
    /// What is known is known from a log, which proves less than the milter is told.
    LogOnly,
    /// There are too few days of it.
    FewDays,
    /// Of too many sessions it is not known whether they would do.
    UnknownSessions,
    /// The ledger has not gone on: nothing is known of the last days.
    Ended,
}

impl Lack {
    /// A stable name for scripts.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.into()
    }
}

/// What an answer rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Recipients that were judged: each one of a message once, however often it was tried.
    pub recipients: u64,
    /// When the first one came, in seconds since 1970-01-01.
    pub first: Option<i64>,
    /// When the last one came.
    pub last: Option<i64>,
    /// Days on which mail came that the milter judged.
    pub days: u64,
    /// Days from the first of these to the end of the ledger, both included.
    pub span: u64,
    /// Of the recipients, those known from a log.
    pub from_log: u64,
    /// Of the recipients, those whose verdict hangs on what is not known of their sessions.
    pub unknown: u64,
    /// Of the recipients, those let through by an exception.
    pub excepted: u64,
    /// Of the recipients, those that would be refused.
    pub at_fault: u64,
    /// Recipients of all domains that could not be recorded.
    pub lost: u64,
    /// The last moment that the ledger tells of, of whichever domain.
    pub ends: Option<i64>,
}

/// So many days of evidence are enough, if mail came on enough of them.
const ENOUGH_SPAN: u64 = 14;
/// On how many of them it must have come: weekends and holidays are no evidence.
const ENOUGH_DAYS: u64 = 8;
/// So many days are enough in any case, for a domain that gets little mail.
const LONG_SPAN: u64 = 56;
/// Of at most one in so many recipients it may be unknown how they came.
const MOST_UNKNOWN: u64 = 20;
/// A ledger that has not gone on for so long, in seconds, says nothing of today.
const STALE: i64 = 4 * DAY;

impl Evidence {
    fn lacks(&self, now: i64) -> Vec<Lack> {
        let mut lacks = Vec::new();
        let is_long = self.span >= LONG_SPAN && self.days > 0
            || self.span >= ENOUGH_SPAN && self.days >= ENOUGH_DAYS;
        match () {
            () if self.recipients == 0 => lacks.push(Lack::NoMail),
            () if self.from_log == self.recipients => lacks.push(Lack::LogOnly),
            () if !is_long => lacks.push(Lack::FewDays),
            () => {}
        }
        if self.unknown > 0 && self.unknown * MOST_UNKNOWN > self.recipients {
            lacks.push(Lack::UnknownSessions);
        }
        if self.recipients > 0 && self.ends.is_some_and(|ends| now - ends > STALE) {
            lacks.push(Lack::Ended);
        }
        lacks
    }
}

impl Readiness {
    /// Those that stand in the way.
    pub fn in_the_way(&self) -> impl Iterator<Item = &Correspondent> {
        self.correspondents.iter().filter(|one| one.standing == Standing::Fails)
    }

    /// How bad it is, beside others; the worst first.
    fn rank(&self) -> (State, std::cmp::Reverse<u64>) {
        let recipients = self.in_the_way().map(|one| one.recipients).sum();
        (self.state, std::cmp::Reverse(recipients))
    }
}

/// Answers for each domain with mail, the worst first.
///
/// # Errors
///
/// When what was recorded cannot be read.
pub fn readiness<H: History>(
    history: &H,
    inquiry: &Inquiry<'_>,
) -> Result<Vec<Readiness>, H::Error> {
    let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
    let selection = Selection { since: inquiry.since, domains: inquiry.domains.clone() };
    history.each(&selection, |row: Row| {
        if row.key.is_of_any_domain() || row.key.domain.is_empty() {
            return;
        }
        let draft = match drafts.entry(row.key.domain.clone()) {
            btree_map::Entry::Occupied(known) => known.into_mut(),
            btree_map::Entry::Vacant(new) => {
                let Some(draft) = Draft::new(&row.key.domain, inquiry) else { return };
                new.insert(draft)
            }
        };
        draft.add(row, inquiry);
    })?;
    // Asked for by its name, a domain has an answer without any mail, too.
    if let Domains::One(domain) = &inquiry.domains
        && let Some(draft) = Draft::new(domain.as_str(), inquiry)
    {
        drafts.entry(domain.to_string()).or_insert(draft);
    }
    let now = inquiry.now.as_second();
    let ends = history.span()?.map(|(_, last)| last);
    let lost = history.lost(inquiry.since)?;
    let answers = drafts.into_iter().map(|(domain, draft)| draft.finish(domain, ends, now, lost));
    let mut answers: Vec<_> = answers.collect();
    sort(&mut answers);
    Ok(answers)
}

/// Puts the worst first; of two that are alike, the first by name.
pub fn sort(answers: &mut [Readiness]) {
    answers.sort_by(|one, other| {
        one.rank().cmp(&other.rank()).then_with(|| one.domain.cmp(&other.domain))
    });
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn mode_name<S: Serializer>(mode: &Mode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(mode.name())
}

#[expect(clippy::ref_option, reason = "serde asks for it")]
fn as_date<S: Serializer>(moment: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    moment.map(date_text).serialize(serializer)
}
