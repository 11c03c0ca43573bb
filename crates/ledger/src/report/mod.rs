//! What the ledger says of a time: how much came encrypted, who would be or was refused, and what
//! became of them.

mod outcome;

pub use outcome::Outcome;

use crate::model::key::{DAY, Day, Found};
use crate::model::row::{OTHERS, Row, Source};
use crate::sqlite::reader::{Reader, Selection};
use crate::sqlite::store::StoreError;
use outcome::Outcomes;
use policy::Decision;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// By what recipients are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The sending server.
    Peer,
    /// The sender's domain.
    Sender,
    /// The recipient's domain.
    Domain,
    /// The TLS version.
    Version,
    /// The cipher suite.
    Cipher,
    /// The day.
    Day,
}

impl By {
    /// The heading of its column.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Sender => "sender",
            Self::Domain => "domain",
            Self::Version => "version",
            Self::Cipher => "cipher",
            Self::Day => "day",
        }
    }
}

/// What is asked of the ledger.
#[derive(Clone, Debug)]
pub struct Query {
    /// The first day.
    pub since: Day,
    /// One recipient domain, or all.
    pub domain: Option<String>,
    /// By what to add up.
    pub by: By,
    /// Only groups in which this was decided.
    pub verdict: Option<Decision>,
}

/// Recipients by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// All that were judged.
    pub judged: u64,
    /// Of those, the ones over sessions that count as encrypted.
    pub encrypted: u64,
    /// Let through.
    pub accepted: u64,
    /// Let through that would be refused in mode enforce.
    pub would_refuse: u64,
    /// Refused.
    pub refused: u64,
}

impl Totals {
    fn add(&mut self, row: &Row, encrypted: bool) {
        let count = row.tally.count;
        self.judged += count;
        if encrypted {
            self.encrypted += count;
        }
        match row.key.verdict {
            Decision::Accept => self.accepted += count,
            Decision::WouldRefuse => self.would_refuse += count,
            Decision::Refuse => self.refused += count,
        }
    }

    /// The share that came encrypted, in per cent; none where nothing came.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        share(self.encrypted, self.judged)
    }

    /// Recipients that were refused or would be.
    #[must_use]
    pub fn at_fault(&self) -> u64 {
        self.refused + self.would_refuse
    }

    fn of(&self, verdict: Decision) -> u64 {
        match verdict {
            Decision::Accept => self.accepted,
            Decision::WouldRefuse => self.would_refuse,
            Decision::Refuse => self.refused,
        }
    }
}

/// A part of a whole in per cent.
#[expect(clippy::cast_precision_loss, reason = "counts of mail are far below 2^52")]
#[must_use]
pub fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 * 100.0 / whole as f64)
}

/// Recipients that have something in common.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Group {
    /// What they have in common: an address, a domain, a version, a cipher, a day.
    pub name: String,
    /// The name of a peer, where it is known.
    pub host: String,
    /// What became of them.
    #[serde(flatten)]
    pub totals: Totals,
    /// Why they were or would be refused, the most frequent reason first.
    pub reasons: Vec<String>,
    /// Of a peer: sender domains of what was or would be refused. Of a sender: its peers.
    pub others: Vec<String>,
    /// The first of them, in seconds since 1970-01-01.
    pub first: i64,
    /// The last.
    pub last: i64,
    /// What became of those that were or would be refused.
    pub outcome: Option<Outcome>,
}

/// What the ledger says.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The domain that was asked for; none: all.
    pub domain: Option<String>,
    /// The first day, in seconds since 1970-01-01.
    pub since: i64,
    /// The last moment that the ledger tells of.
    pub until: i64,
    /// All together, without the trusted.
    pub totals: Totals,
    /// Recipients in mail of trusted clients: let through unjudged, and in no other figure here.
    pub trusted: u64,
    /// Recipients known from the MTA's log, which the milter did not judge; they are among the others.
    pub from_log: u64,
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
}

impl Report {
    /// Makes a report.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn new(ledger: &Reader, query: &Query) -> Result<Self, StoreError> {
        let mut gathered = Gathered::new(query.by);
        let selection = Selection { since: query.since, domain: query.domain.clone() };
        ledger.each(&selection, |row| gathered.add(&row))?;
        // Whether somebody gave up shows only as long as the ledger goes on.
        let until = ledger.span(None)?.map_or(i64::from(query.since) * DAY, |(_, last)| last);
        let lost = ledger.lost(query.since)?;
        Ok(gathered.into_report(query, until, lost))
    }
}

/// Groups under way, by name.
#[derive(Default)]
struct Groups {
    groups: HashMap<String, Building>,
}

struct Building {
    host: String,
    totals: Totals,
    first: i64,
    last: i64,
    /// Most groups have none: those of a million peers have to fit into memory.
    faults: Option<Box<Faults>>,
}

#[derive(Default)]
struct Faults {
    reasons: HashMap<String, u64>,
    others: BTreeSet<String>,
}

/// So many senders of a peer are kept: a report names the first ones only.
const MOST_OTHERS: usize = 50;

impl Groups {
    fn add(&mut self, name: &str, row: &Row, encrypted: bool) -> &mut Building {
        // Looked up first: most rows belong to a group that is there, and need no name of its own.
        if !self.groups.contains_key(name) {
            let building = Building {
                host: String::new(),
                totals: Totals::default(),
                first: row.tally.first,
                last: row.tally.last,
                faults: None,
            };
            return self.groups.entry(name.to_owned()).or_insert(building).add(row, encrypted);
        }
        let known = self.groups.get_mut(name).expect("it was looked up");
        known.add(row, encrypted)
    }

    fn finish(self) -> Vec<Group> {
        self.groups.into_iter().map(|(name, building)| building.finish(name)).collect()
    }
}

impl Building {
    fn add(&mut self, row: &Row, encrypted: bool) -> &mut Self {
        self.totals.add(row, encrypted);
        self.first = self.first.min(row.tally.first);
        self.last = self.last.max(row.tally.last);
        if row.key.verdict != Decision::Accept {
            let faults = self.faults.get_or_insert_default();
            *faults.reasons.entry(row.key.reason.clone()).or_default() += row.tally.count;
        }
        self
    }

    /// Takes note of whom a fault was with as well.
    fn with(&mut self, other: &str) {
        if let Some(faults) = &mut self.faults
            && faults.others.len() < MOST_OTHERS
        {
            faults.others.insert(other.to_owned());
        }
    }

    fn finish(self, name: String) -> Group {
        let Faults { reasons, others } = self.faults.map(|faults| *faults).unwrap_or_default();
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        reasons.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
        Group {
            name,
            host: self.host,
            totals: self.totals,
            reasons: reasons.into_iter().map(|(reason, _)| reason).collect(),
            others: others.into_iter().collect(),
            first: self.first,
            last: self.last,
            outcome: None,
        }
    }
}

struct Gathered {
    by: By,
    totals: Totals,
    trusted: u64,
    from_log: u64,
    days: BTreeMap<Day, Group>,
    versions: Groups,
    groups: Groups,
    outcomes: Outcomes,
    /// Whether a version with a cipher counts as encrypted: few pairs, many rows.
    encrypted: HashMap<String, HashMap<String, bool>>,
}

impl Gathered {
    fn new(by: By) -> Self {
        Self {
            by,
            totals: Totals::default(),
            trusted: 0,
            from_log: 0,
            days: BTreeMap::new(),
            versions: Groups::default(),
            groups: Groups::default(),
            outcomes: Outcomes::default(),
            encrypted: HashMap::new(),
        }
    }

    fn add(&mut self, row: &Row) {
        if row.key.is_trusted() {
            self.trusted += row.tally.count;
            return;
        }
        if row.key.source == Source::Log {
            self.from_log += row.tally.count;
        }
        let encrypted = self.is_encrypted(row);
        self.totals.add(row, encrypted);
        let day = self.days.entry(row.key.day).or_default();
        day.totals.add(row, encrypted);
        self.versions.add(&row.key.tls_version, row, encrypted);
        self.outcomes.add(row);
        let day_name;
        let key = &row.key;
        let name = match self.by {
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
            match self.by {
                By::Peer => building.with(&key.sender),
                By::Sender => building.with(&key.client),
                By::Domain | By::Version | By::Cipher | By::Day => {}
            }
        }
        if self.by == By::Peer && building.host.is_empty() {
            building.host.clone_from(&key.name);
        }
    }

    fn is_encrypted(&mut self, row: &Row) -> bool {
        // Not by version and cipher alone, and rare.
        if row.key.has_zero_bits() {
            return row.key.is_encrypted();
        }
        let (version, cipher) = (&row.key.tls_version, &row.key.cipher);
        if let Some(known) = self.encrypted.get(version).and_then(|ciphers| ciphers.get(cipher)) {
            return *known;
        }
        let encrypted = row.key.is_encrypted();
        let ciphers = self.encrypted.entry(version.clone()).or_default();
        ciphers.insert(cipher.clone(), encrypted);
        encrypted
    }

    fn into_report(self, query: &Query, until: i64, lost: u64) -> Report {
        let found = self.outcomes.finish(until);
        let mut groups = self.groups.finish();
        for group in &mut groups {
            group.outcome = match query.by {
                By::Peer => found.peers.get(&group.name).copied(),
                By::Sender => found.senders.get(&group.name).copied(),
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
        for (peer, outcome) in &found.peers {
            if peer != OTHERS {
                *outcomes.entry(outcome.code()).or_default() += 1;
            }
        }
        Report {
            domain: query.domain.clone(),
            since: i64::from(query.since) * DAY,
            until,
            totals: self.totals,
            trusted: self.trusted,
            from_log: self.from_log,
            lost,
            peers: found.all_peers,
            outcomes,
            days: without_gaps(self.days, query.since, until),
            versions,
            groups,
        }
    }
}

/// Every day from the first with mail to the last, also those without mail.
fn without_gaps(days: BTreeMap<Day, Group>, since: Day, until: i64) -> Vec<Group> {
    let first = days.keys().next().copied().unwrap_or(since);
    let last = crate::model::key::day_of(until).max(first);
    let mut days = days;
    let all = (first..=last).map(|day| {
        let group = days.remove(&day).unwrap_or_default();
        let first = i64::from(day) * DAY;
        Group { name: day_text(day), first, last: first + DAY - 1, ..group }
    });
    all.collect()
}

/// The worst first: those at fault that have not come back with TLS, then by how much they were at
/// fault, then by how much they sent. Days come in their order.
fn sort(groups: &mut [Group], by: By) {
    if by == By::Day {
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        return;
    }
    let rank = |group: &Group| {
        let resolved = matches!(group.outcome, Some(Outcome::Resolved { .. }));
        let fault = group.totals.at_fault();
        (fault > 0 && !resolved, fault, group.totals.judged)
    };
    groups.sort_by(|one, other| rank(other).cmp(&rank(one)).then(one.name.cmp(&other.name)));
}

/// A day as `2027-01-31`.
#[must_use]
pub fn day_text(day: Day) -> String {
    date_text(i64::from(day) * DAY)
}

/// The day of a moment as `2027-01-31`.
#[must_use]
pub fn date_text(seconds: i64) -> String {
    let moment = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    moment.strftime("%Y-%m-%d").to_string()
}

/// How a recipient domain is shown that is none.
#[must_use]
pub fn domain_text(domain: &str, found: Found) -> String {
    match found {
        Found::Unreadable => "(unreadable)".into(),
        _ if domain.is_empty() => "(local)".into(),
        _ => domain.to_owned(),
    }
}
