//! What the ledger says of a span of days: how much came encrypted, who was or would be refused, and
//! what became of them.

mod by;
mod group;
mod outcome;
mod totals;
mod trend;

pub use crate::model::day::{date_text, day_text, moment_text};
pub use by::By;
pub use group::Group;
pub use outcome::Outcome;
pub(crate) use outcome::Outcomes;
use outcome::worse;
pub use totals::{Totals, share};
pub use trend::{Trend, trend};

use crate::correspondent::runs;
use crate::handshakes::{self, FailedClient};
use crate::history::{Domains, History, Selection};
use crate::hops::{self, Hops, read_deliveries};
use crate::model::baseline::Baseline;
use crate::model::day::{DAY, Day, day_of};
use crate::model::handshake::Afterwards;
use crate::model::row::{OTHERS, Row, Source};
use crate::partner::{Part, Partner};
use crate::readiness::Readiness;
use crate::story::{Story, story};
use group::{Groups, sort};
use policy::{Decision, Pattern};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// What is asked of the ledger.
#[derive(Clone, Debug)]
pub struct Query {
    /// The first day.
    pub since: Day,
    /// Of which recipient domains: as an entry of this name has them, or of all.
    pub of: Option<Pattern>,
    /// By what to add up.
    pub by: By,
    /// Only groups in which this was decided.
    pub verdict: Option<Decision>,
}

/// What the ledger says.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The domain that was asked for, or `*.example.org` for those below one; none: all.
    pub domain: Option<String>,
    /// The first day, in seconds since 1970-01-01.
    pub since: i64,
    /// The last moment that the ledger tells of; `since` where it tells of nothing as late.
    pub until: i64,
    /// The first moment that the ledger tells of, of whichever domain; none where it is empty.
    pub ledger_begins: Option<i64>,
    /// The last moment.
    pub ledger_ends: Option<i64>,
    /// All together, without the trusted.
    pub totals: Totals,
    /// Recipients in mail of trusted clients: let through without being judged, and in no other figure
    /// here.
    pub trusted: u64,
    /// Recipients known from the MTA's log, which the milter did not judge; they are among the others.
    pub from_log: u64,
    /// Recipients that would have been refused, of domains that refused others in the same time: what
    /// came before a domain was enforced is not to be compared with what came after.
    pub before_enforced: u64,
    /// Recipients, of all domains, that could not be recorded.
    pub lost: u64,
    /// Sending servers.
    pub peers: u64,
    /// What became of the peers that were or would be refused.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// By day, without gaps.
    pub days: Vec<Group>,
    /// By TLS version, plaintext among them.
    pub versions: Vec<Group>,
    /// By what was asked for, the worst first.
    pub groups: Vec<Group>,
    /// How mail came and how it left, by domain.
    pub hops: Hops,
    /// Clients whose TLS handshakes failed: those that then wrote to the domains that were asked for, or all.
    pub handshakes: Vec<FailedClient>,
    /// Whether the domains that were asked for can be enforced, where somebody has asked that, too.
    pub readiness: Vec<Readiness>,
    /// How it goes, where somebody has asked that, too.
    pub trend: Option<Trend>,
    /// Of a report on one partner: what else there is to tell of it.
    pub story: Option<Story>,
}

impl Report {
    /// Makes a report.
    ///
    /// # Errors
    ///
    /// When what was recorded cannot be read.
    pub fn new<H: History>(history: &H, query: &Query) -> Result<Self, H::Error> {
        let mut draft = Draft::new(query.by);
        let domains = query.of.as_ref().map(Domains::from).unwrap_or_default();
        let selection = Selection { since: query.since, domains };
        let of_all = selection.domains == Domains::All;
        history.handshakes(&selection, |handshake| {
            if handshake.key.is_of_no_domain() == of_all {
                draft.handshakes.failed(&handshake);
            }
        })?;
        history.each(&selection, |row| draft.add(&row))?;
        let until = read_deliveries(history, &selection, |delivery| draft.hops.left(delivery))?;
        let (span, lost) = (history.span()?, history.lost(query.since)?);
        Ok(draft.into_report(query, span, lost, until))
    }
}

impl Report {
    /// The same of one partner alone, with its story.
    ///
    /// # Errors
    ///
    /// When what was recorded cannot be read.
    pub fn of_partner<H: History>(
        history: &H,
        query: &Query,
        partner: &Partner,
    ) -> Result<Self, H::Error> {
        let mut report = Self::new(&Part::of(history, partner), query)?;
        // What is said of both hops is said of all mail for a domain.
        report.hops.domains.clear();
        let domains = query.of.as_ref().map(Domains::from).unwrap_or_default();
        let selection = Selection { since: query.since, domains };
        report.story = Some(story(history, &selection, partner)?);
        Ok(report)
    }
}

/// A report under way.
struct Draft {
    by: By,
    totals: Totals,
    trusted: u64,
    from_log: u64,
    regimes: HashMap<String, Regime>,
    days: BTreeMap<Day, Group>,
    versions: Groups,
    groups: Groups,
    outcomes: Outcomes,
    hops: hops::Builder,
    handshakes: handshakes::Builder,
    encrypted: Baseline,
    /// Who runs each server, where that is asked for.
    runs: HashMap<String, String>,
}

/// What a domain did with mail that was not adequate.
#[derive(Default)]
struct Regime {
    would_refuse: u64,
    refused: bool,
}

impl Draft {
    fn new(by: By) -> Self {
        Self {
            by,
            totals: Totals::default(),
            trusted: 0,
            from_log: 0,
            regimes: HashMap::new(),
            days: BTreeMap::new(),
            versions: Groups::default(),
            groups: Groups::default(),
            outcomes: Outcomes::default(),
            hops: hops::Builder::default(),
            handshakes: handshakes::Builder::default(),
            encrypted: Baseline::default(),
            runs: HashMap::new(),
        }
    }

    fn add(&mut self, row: &Row) {
        let encrypted = self.is_encrypted(row);
        self.hops.came(row, encrypted);
        self.handshakes.came(row);
        if row.key.is_trusted() {
            self.trusted += row.tally.recipients();
            return;
        }
        if row.key.source == Source::Log {
            self.from_log += row.tally.recipients();
        }
        self.totals.add(row, encrypted);
        let day = self.days.entry(row.key.day).or_default();
        day.totals.add(row, encrypted);
        self.versions.add(&row.key.tls_version, row, encrypted);
        self.outcomes.add(row);
        let day_name;
        let key = &row.key;
        let name = match self.by {
            By::Correspondent => {
                let Self { runs: known, .. } = self;
                if !known.contains_key(&key.client) {
                    known.insert(key.client.clone(), runs(&key.client, &key.name));
                }
                known.get(&key.client).unwrap_or(&key.client)
            }
            By::Peer => &key.client,
            By::Sender => &key.sender,
            By::Domain => &key.domain,
            By::Version => &key.tls_version,
            By::Cipher => &key.cipher,
            By::Day => {
                day_name = day_text(key.day);
                &day_name
            }
        };
        let building = self.groups.add(name, row, encrypted);
        if key.verdict != Decision::Accept {
            let regime = match self.regimes.get_mut(&key.domain) {
                Some(regime) => regime,
                None => self.regimes.entry(key.domain.clone()).or_default(),
            };
            if key.verdict == Decision::Refuse {
                regime.refused = true;
            } else {
                regime.would_refuse += row.tally.recipients();
            }
            match self.by {
                By::Peer => building.with(&key.sender),
                By::Sender | By::Correspondent => building.with(&key.client),
                By::Domain | By::Version | By::Cipher | By::Day => {}
            }
        }
        if self.by == By::Peer && building.host.is_empty() {
            building.host.clone_from(&key.name);
        }
    }

    fn is_encrypted(&mut self, row: &Row) -> bool {
        // Version and cipher alone do not tell it; and it is rare.
        if row.key.has_zero_bits() {
            return row.key.is_encrypted();
        }
        let key = &row.key;
        self.encrypted.is_met(&key.tls_version, &key.cipher, || key.is_encrypted())
    }

    fn into_report(
        self,
        query: &Query,
        span: Option<(i64, i64)>,
        lost: u64,
        deliveries_until: i64,
    ) -> Report {
        let since = i64::from(query.since) * DAY;
        // Up to the last row: only as long as the ledger goes on does it show who has not come back.
        let until = span.map_or(since, |(_, last)| last.max(since));
        let regimes = self.regimes.values().filter(|regime| regime.refused);
        let before_enforced = regimes.map(|regime| regime.would_refuse).sum();
        let worst = self.outcomes.finish(until);
        let handshakes = self.handshakes.finish();
        let failures: HashMap<&str, &FailedClient> =
            handshakes.iter().map(|client| (&*client.client, client)).collect();
        let mut of_houses: HashMap<String, Outcome> = HashMap::new();
        for (client, runs) in self.runs {
            if let Some(outcome) = worst.peers.get(&client) {
                worse(of_houses.entry(runs).or_insert(*outcome), *outcome);
            }
        }
        let mut groups = self.groups.finish();
        for group in &mut groups {
            if query.by == By::Peer
                && let Some(client) = failures.get(&*group.name)
                && client.then != Afterwards::Tls
            {
                group.handshakes.clone_from(&client.failures);
            }
            group.outcome = match query.by {
                By::Peer => worst.peers.get(&group.name).copied(),
                By::Sender => worst.senders.get(&group.name).copied(),
                By::Correspondent => of_houses.get(&group.name).copied(),
                By::Domain | By::Version | By::Cipher | By::Day => None,
            };
        }
        if let Some(verdict) = query.verdict {
            groups.retain(|group| group.totals.of(verdict) > 0);
        }
        sort(&mut groups, query.by);
        let mut versions = self.versions.finish();
        sort(&mut versions, By::Version);
        let mut outcomes = BTreeMap::new();
        for (peer, outcome) in &worst.peers {
            if peer != OTHERS {
                *outcomes.entry(outcome.code()).or_default() += 1;
            }
        }
        Report {
            domain: query.of.as_ref().and_then(whose),
            since,
            until,
            ledger_begins: span.map(|(first, _)| first),
            ledger_ends: span.map(|(_, last)| last),
            totals: self.totals,
            trusted: self.trusted,
            from_log: self.from_log,
            before_enforced,
            lost,
            peers: worst.all_peers,
            outcomes,
            days: without_gaps(self.days, query.since, until),
            versions,
            groups,
            hops: self.hops.finish(lost, deliveries_until),
            handshakes,
            readiness: Vec::new(),
            trend: None,
            story: None,
        }
    }
}

/// The domains that a report is of, in words; none for all.
fn whose(pattern: &Pattern) -> Option<String> {
    match Domains::from(pattern) {
        Domains::All => None,
        Domains::One(domain) => Some(domain.to_string()),
        Domains::Below(_) => Some(pattern.to_string()),
    }
}

/// Every day from the first with mail to the last, including days without mail.
fn without_gaps(days: BTreeMap<Day, Group>, since: Day, until: i64) -> Vec<Group> {
    let first = days.keys().next().copied().unwrap_or(since);
    let last = day_of(until).max(first);
    let mut days = days;
    let all = (first..=last).map(|day| {
        let group = days.remove(&day).unwrap_or_default();
        let first = i64::from(day) * DAY;
        Group { name: day_text(day), first, last: first + DAY - 1, ..group }
    });
    all.collect()
}

#[cfg(test)]
mod tests;
