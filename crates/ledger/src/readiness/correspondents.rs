//! Those who would be refused, by who runs their servers; and whether they stand in the way.

use crate::correspondent::{is_single, registered};
use crate::model::day::{DAY, Day, RETRY_TIME};
use crate::model::reason::RecordedReason;
use crate::model::row::{NULL_SENDER, OTHERS, Row};
use crate::report::Outcome;
use policy::Decision;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Somebody whose mail would be refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Correspondent {
    /// The registered domain of its servers' names, else their network, or the address of the only one;
    /// [`OTHERS`] for all those together for which the ledger had no room.
    pub name: String,
    /// Whether it stands in the way.
    pub standing: Standing,
    /// How many servers of it wrote to the domain.
    pub servers: u64,
    /// Those whose mail would be refused, the last one to come first; some of them where there are many.
    pub failing: Vec<FailingServer>,
    /// How many these are.
    pub failing_count: u64,
    /// Sender domains of their mail; some of them where there are many.
    pub senders: Vec<String>,
    /// Whether that mail gives the domain itself, or another of the same owner, as its sender, and no other: a
    /// device or a service of the organisation's own, or a forger.
    pub is_own: bool,
    /// Why.
    pub reasons: Vec<RecordedReason>,
    /// Recipients that would be refused.
    pub recipients: u64,
    /// About every how many days it writes to the domain, well or not; none where it did on one day.
    pub every: Option<u64>,
    /// The first time that it would have been refused, in seconds since 1970-01-01.
    pub first: i64,
    /// The last time.
    pub last: i64,
}

/// A server whose mail would be refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailingServer {
    /// Its address, its network or a hash of it.
    pub client: String,
    /// Its name, where it is known.
    pub host: String,
    /// The last time, in seconds since 1970-01-01.
    pub last: i64,
}

/// Whether somebody whose mail would be refused stands in the way. The worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It does: it is likely to come again as it did.
    Fails,
    /// Nothing shows that anybody would miss its mail: it came on one day only, did not try again, never came
    /// with TLS, and has no name, or gave nobody or the organisation itself as the sender.
    Stray,
    /// It has not come for much longer than is usual for it.
    Silent,
    /// It has come with TLS since, itself or by another server.
    Mended,
}

/// The most servers and senders that are named.
const MOST: usize = 20;
/// Who has not come for so long, in seconds, is silent, however seldom it wrote: longer than from one month to
/// the next.
const SILENT: i64 = 35 * DAY;

/// How often somebody writes. Rows come in the order of days.
#[derive(Clone, Copy, Default)]
pub(super) struct Rhythm {
    first: Option<Day>,
    last: Day,
    days: u64,
}

impl Rhythm {
    pub fn add(&mut self, day: Day) {
        if self.first.is_none() || self.last != day {
            self.days += 1;
            self.last = day;
        }
        self.first = self.first.or(Some(day));
    }

    pub fn days(&self) -> u64 {
        self.days
    }

    /// About every how many days, rounded up; none for one day.
    pub fn every(&self) -> Option<u64> {
        let between = u64::from((self.last - self.first?).unsigned_abs());
        (self.days > 1).then(|| between.div_ceil(self.days - 1).max(1))
    }
}

/// A server of which mail would be refused.
#[derive(Default)]
pub(super) struct Failing {
    rhythm: Rhythm,
    senders: BTreeMap<String, Rhythm>,
    reasons: BTreeSet<RecordedReason>,
    recipients: u64,
    first: Option<i64>,
    last: i64,
    is_retried: bool,
}

impl Failing {
    /// Adds a row that would be refused; `recorded` is what was decided then.
    pub fn add(&mut self, row: &Row, recorded: Decision) {
        self.rhythm.add(row.key.day);
        if self.senders.len() < 4 * MOST || self.senders.contains_key(&row.key.sender) {
            self.senders.entry(row.key.sender.clone()).or_default().add(row.key.day);
        }
        self.reasons.insert(row.key.reason.clone());
        self.recipients += row.tally.recipients();
        self.first = Some(self.first.unwrap_or(row.tally.first).min(row.tally.first));
        self.last = self.last.max(row.tally.last);
        // Programs that only try do not try again.
        self.is_retried |=
            recorded == Decision::Refuse && row.tally.repeats.is_some_and(|repeats| repeats > 0);
    }
}

/// A server that wrote to the domain.
#[derive(Default)]
pub(super) struct Server {
    pub host: String,
    /// Whether it ever came with adequate TLS.
    pub is_adequate: bool,
    pub failing: Option<Box<Failing>>,
}

/// Whether a sender is nobody, or of the owner of the domain.
fn is_own(sender: &str, domain: &str) -> bool {
    sender == domain || registered(sender).is_some_and(|sender| Some(sender) == registered(domain))
}

impl Server {
    fn is_stray(&self, failing: &Failing, client: &str, domain: &str) -> bool {
        // A name that was not recorded is not one that is missing.
        let is_nameless = is_single(client) && self.host.is_empty();
        let mut senders = failing.senders.keys();
        let is_nobody = senders
            .all(|sender| sender == NULL_SENDER || sender.is_empty() || is_own(sender, domain));
        let is_once = failing.senders.values().all(|rhythm| rhythm.days() <= 1);
        let knows_tls = self.is_adequate || failing.is_retried;
        client != OTHERS && !knows_tls && is_once && (is_nameless || is_nobody)
    }

    fn standing(
        &self,
        failing: &Failing,
        (client, domain): (&str, &str),
        (outcome, usual): (Option<Outcome>, Rhythm),
        until: i64,
    ) -> Standing {
        let silent = until - failing.last;
        let longer = |times: i64, rhythm: Rhythm, least: i64| {
            let every = rhythm.every().and_then(|days| i64::try_from(days).ok()).unwrap_or(0);
            silent > least.max(times * every * DAY)
        };
        match outcome {
            Some(Outcome::Resolved { .. }) => Standing::Mended,
            // Another server that comes in between does not show that this one is gone.
            Some(Outcome::OtherServer { .. }) if longer(2, failing.rhythm, RETRY_TIME) => {
                Standing::Mended
            }
            _ if self.is_stray(failing, client, domain) => Standing::Stray,
            _ if longer(3, usual, SILENT) => Standing::Silent,
            _ => Standing::Fails,
        }
    }
}

/// One correspondent under way.
#[derive(Default)]
pub(super) struct Building {
    pub servers: BTreeMap<String, Server>,
    pub rhythm: Rhythm,
}

impl Building {
    /// None of whom nothing would be refused.
    pub fn finish(
        self,
        name: String,
        domain: &str,
        outcome: impl Fn(&str) -> Option<Outcome>,
        until: i64,
    ) -> Option<Correspondent> {
        let all = self.servers.len() as u64;
        let usual = self.rhythm;
        let mut failing: Vec<(Standing, String, String, Box<Failing>)> = Vec::new();
        for (client, mut server) in self.servers {
            let Some(found) = server.failing.take() else { continue };
            let place = (&*client, domain);
            let standing = server.standing(&found, place, (outcome(&client), usual), until);
            failing.push((standing, client, server.host, found));
        }
        // Of one who runs several servers, those count that stand in the way.
        let standing = failing.iter().map(|(standing, ..)| *standing).min()?;
        failing.retain(|(own, ..)| *own == standing);
        let first = failing.iter().filter_map(|(.., one)| one.first).min()?;
        let senders: BTreeSet<&String> =
            failing.iter().flat_map(|(.., one)| one.senders.keys()).collect();
        let reasons: BTreeSet<&RecordedReason> =
            failing.iter().flat_map(|(.., one)| &one.reasons).collect();
        let mut servers: Vec<FailingServer> = failing
            .iter()
            .map(|(_, client, host, one)| FailingServer {
                client: client.clone(),
                host: host.clone(),
                last: one.last,
            })
            .collect();
        servers.sort_by(|one, other| {
            other.last.cmp(&one.last).then_with(|| one.client.cmp(&other.client))
        });
        let last = servers.first()?.last;
        let failing_count = servers.len() as u64;
        servers.truncate(MOST);
        // A network with one server in it is that server.
        let name = match &*servers {
            [only] if only.host.is_empty() && all == 1 => only.client.clone(),
            _ => name,
        };
        Some(Correspondent {
            name,
            standing,
            servers: all,
            failing: servers,
            failing_count,
            is_own: senders.iter().all(|sender| is_own(sender, domain)),
            senders: senders.into_iter().take(MOST).cloned().collect(),
            reasons: reasons.into_iter().cloned().collect(),
            recipients: failing.iter().map(|(.., one)| one.recipients).sum(),
            every: usual.every(),
            first,
            last,
        })
    }
}
