//! How it goes: this time beside the time before, who is new at fault, and the months at a glance.

use super::group::Group;
use super::totals::Totals;
use crate::correspondent::runs;
use crate::history::{Domains, History, Selection};
use crate::model::baseline::Baseline;
use crate::model::day::{DAY, Day, day_of};
use crate::model::row::Row;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use policy::Decision;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// How it goes.
#[derive(Clone, Debug, Serialize)]
pub struct Trend {
    /// The first moment of the time before, which is as long, in seconds since 1970-01-01.
    pub before_since: i64,
    /// All together in the time before; none where the ledger begins later.
    pub before: Option<Totals>,
    /// Those at fault now that were not before, as far as the ledger tells: who runs their servers.
    pub new: Vec<String>,
    /// Those at fault now that were at fault before the time before, and not in it.
    pub returning: Vec<String>,
    /// Those at fault in the time before that have come in this time, and always with adequate TLS.
    pub resolved: Vec<String>,
    /// Those at fault in the time before that have not come in this time.
    pub away: Vec<String>,
    /// By month, the first one first; those of a year at most.
    pub months: Vec<Group>,
}

/// The months that are shown, in days.
const YEAR: Day = 366;

/// When somebody was at fault, and came well.
#[derive(Clone, Copy, Default)]
struct Past {
    earlier: bool,
    before: bool,
    now: bool,
    well_now: bool,
}

/// Which times are compared.
#[derive(Clone, Copy)]
struct Times {
    before: Day,
    since: Day,
}

/// Compares the time since a day with the time before. `today` ends it; of what was before `earliest`, nothing is
/// to be told.
///
/// # Errors
///
/// When what was recorded cannot be read.
pub fn trend<H: History>(
    history: &H,
    (earliest, since, today): (Day, Day, Day),
    domains: &Domains,
) -> Result<Trend, H::Error> {
    let length = (today - since).max(0) + 1;
    let times = Times { before: since.saturating_sub(length), since };
    let first = times.before.min(today.saturating_sub(YEAR)).max(earliest);
    let selection = Selection { since: first, domains: domains.clone() };
    let mut draft = Draft::default();
    history.each(&selection, |row| draft.add(&row, times, today))?;
    let begins = history.span()?.map(|(first, _)| day_of(first).max(earliest));
    Ok(draft.finish(times, begins))
}

#[derive(Default)]
struct Draft {
    before: Totals,
    months: BTreeMap<(i16, i8), (Day, Totals)>,
    month_of: HashMap<Day, (i16, i8)>,
    runs: HashMap<String, String>,
    past: BTreeMap<String, Past>,
    encrypted: Baseline,
}

impl Draft {
    fn add(&mut self, row: &Row, times: Times, today: Day) {
        let key = &row.key;
        if key.is_trusted() || key.day > today {
            return;
        }
        let is_zero = key.has_zero_bits();
        let encrypted = is_zero && key.is_encrypted()
            || !is_zero
                && self.encrypted.is_met(&key.tls_version, &key.cipher, || key.is_encrypted());
        let month = *self.month_of.entry(key.day).or_insert_with(|| month(key.day));
        if key.day >= today.saturating_sub(YEAR) {
            self.months.entry(month).or_insert((key.day, Totals::default())).1.add(row, encrypted);
        }
        let is_before = (times.before..times.since).contains(&key.day);
        if is_before {
            self.before.add(row, encrypted);
        }
        if key.is_others() {
            return;
        }
        let runs =
            self.runs.entry(key.client.clone()).or_insert_with(|| runs(&key.client, &key.name));
        // Looked up first: most rows are of somebody who is there.
        let past = match self.past.get_mut(runs) {
            Some(past) => past,
            None => self.past.entry(runs.clone()).or_default(),
        };
        let is_fault = key.verdict != Decision::Accept;
        match () {
            () if is_fault && key.day >= times.since => past.now = true,
            () if is_fault && is_before => past.before = true,
            () if is_fault => past.earlier = true,
            () if key.day >= times.since => past.well_now |= key.is_adequate(),
            () => {}
        }
    }

    fn finish(self, times: Times, begins: Option<Day>) -> Trend {
        let names = |is: fn(&Past) -> bool| {
            let found = self.past.iter().filter(|(_, past)| is(past));
            found.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let months = self.months.iter().map(|((year, month), (first, totals))| Group {
            name: format!("{year}-{month:02}"),
            totals: *totals,
            first: i64::from(*first) * DAY,
            ..Group::default()
        });
        Trend {
            before_since: i64::from(times.before) * DAY,
            before: begins.is_some_and(|begins| begins <= times.before).then_some(self.before),
            new: names(|past| past.now && !past.before && !past.earlier),
            returning: names(|past| past.now && !past.before && past.earlier),
            resolved: names(|past| past.before && !past.now && past.well_now),
            away: names(|past| past.before && !past.now && !past.well_now),
            months: months.collect(),
        }
    }
}

/// The year and month of a day in UTC.
fn month(day: Day) -> (i16, i8) {
    let moment = Timestamp::from_second(i64::from(day) * DAY).unwrap_or_default();
    let date = TimeZone::UTC.to_datetime(moment).date();
    (date.year(), date.month())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{TODAY, key, row};
    use crate::model::key::Key;
    use policy::{DomainName, ReasonKind};

    #[test]
    fn who_is_new_back_mended_or_away_is_told_from_the_time_before() {
        // A letter a day, from 40 days ago on: at fault, well, or nothing.
        let of = |name: &str, days: &[(i32, char)]| {
            let host = DomainName::parse(&format!("mx.{name}.example")).ok();
            let days = days.iter().map(|(ago, how)| {
                let well = *how == 'w';
                let key = Key {
                    day: TODAY - ago,
                    name: host.clone(),
                    verdict: if well { Decision::Accept } else { Decision::WouldRefuse },
                    reason: if well { ReasonKind::Adequate } else { ReasonKind::Plaintext },
                    ..key(&format!("192.0.2.{}", name.as_bytes()[0]))
                };
                row(&key, 1)
            });
            days.collect::<Vec<_>>()
        };
        // Seven days, today the last, and the seven before.
        let rows = [
            of("n", &[(6, 'f'), (9, 'w')]),
            of("re", &[(0, 'f'), (14, 'f'), (10, 'w')]),
            of("mend", &[(7, 'f'), (6, 'w')]),
            of("turn", &[(7, 'f'), (6, 'w'), (5, 'f')]),
            of("aways", &[(13, 'f')]),
            of("long-ago", &[(14, 'f')]),
        ]
        .concat();
        let trend = trend(&rows, (0, TODAY - 6, TODAY), &Domains::All).unwrap();
        assert_eq!(trend.new, ["n.example"]);
        assert_eq!(trend.returning, ["re.example"]);
        assert_eq!(trend.resolved, ["mend.example"]);
        assert_eq!(trend.away, ["aways.example"]);
        let before = trend.before.unwrap();
        assert_eq!((before.judged, before.would_refuse), (5, 3));
        assert_eq!(trend.before_since, i64::from(TODAY - 13) * DAY);
        let months: Vec<_> =
            trend.months.iter().map(|month| (&*month.name, month.totals.judged)).collect();
        assert_eq!(months, [("2026-11", rows.len() as u64)]);
        // Of a time that the ledger does not reach back to, nothing is said.
        let early = super::trend(&rows, (0, TODAY - 10, TODAY), &Domains::All).unwrap();
        assert!(early.before.is_none());
        // Nor of what is none of the asker's business.
        let own = super::trend(&rows, (TODAY - 8, TODAY - 6, TODAY), &Domains::All).unwrap();
        assert!(own.before.is_none() && own.returning.is_empty() && own.away.is_empty());
        assert_eq!(own.months.iter().map(|month| month.totals.judged).sum::<u64>(), 7);
    }
}
