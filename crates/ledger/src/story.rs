//! One partner's story, beside the report of its mail: its servers, who runs them, what changed when, and other
//! servers that bring mail of the same senders.

use crate::correspondent::runs;
use crate::history::{History, Selection};
use crate::model::day::{DAY, Day};
use crate::model::row::{NULL_SENDER, Row};
use crate::partner::Partner;
use policy::Decision;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What there is to tell of a partner besides its report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Story {
    /// The partner, as it was asked for.
    pub partner: String,
    /// Its servers by who runs them, the most mail first.
    pub houses: Vec<House>,
    /// How its mail came: version and cipher suite, the most frequent first.
    pub sessions: Vec<Session>,
    /// What changed, the latest first.
    pub changes: Vec<Change>,
    /// How many changes there are.
    pub changes_count: u64,
    /// Others that bring mail of the same sender domains, by who runs them, the most mail first.
    pub elsewhere: Vec<House>,
}

/// Servers that somebody runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct House {
    /// The registered domain of their names, or their network.
    pub name: String,
    /// All of its mail.
    pub recipients: u64,
    /// Of these, those that were or would be refused.
    pub at_fault: u64,
    /// How many servers it has.
    pub servers_count: u64,
    /// Its servers, those at fault first; some of them where there are many.
    pub servers: Vec<Server>,
}

/// A server, as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Server {
    /// Its address, its network or a hash of it.
    pub client: String,
    /// Its name, where it is known.
    pub host: String,
    /// Recipients in its mail.
    pub recipients: u64,
    /// Of these, those that were or would be refused.
    pub at_fault: u64,
    /// The first time, in seconds since 1970-01-01.
    pub first: i64,
    /// The last time.
    pub last: i64,
}

/// How mail came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// The version of TLS, as a row has it.
    pub version: String,
    /// The cipher suite, as a row has it.
    pub cipher: String,
    /// Recipients.
    pub recipients: u64,
}

/// From a day on, mail of a server came otherwise than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The first moment of that day, in seconds since 1970-01-01.
    pub at: i64,
    /// The server.
    pub client: String,
    /// Its name, where it is known.
    pub host: String,
    /// Versions on the last day before; with the cipher suite, where it was not good enough.
    pub before: Vec<String>,
    /// Versions on that day.
    pub after: Vec<String>,
}

/// The most servers of a house, the most changes and the most houses elsewhere that are told.
const MOST: usize = 20;

/// Tells of a partner.
///
/// # Errors
///
/// When what was recorded cannot be read.
pub fn story<H: History>(
    history: &H,
    selection: &Selection,
    partner: &Partner,
) -> Result<Story, H::Error> {
    let mut own = Servers::default();
    let mut senders = BTreeSet::new();
    let mut sessions: BTreeMap<(String, String), u64> = BTreeMap::new();
    history.each(selection, |row| {
        if row.key.is_trusted() || row.key.is_others() || !partner.is_of(&row) {
            return;
        }
        own.add(&row);
        let session = (row.key.tls_version.clone(), row.key.cipher.clone());
        *sessions.entry(session).or_default() += row.tally.recipients();
        // Bounces are of nobody, and who writes as the domain itself may be anybody.
        let sender = &row.key.sender;
        if sender != NULL_SENDER && sender.contains('.') && *sender != row.key.domain {
            senders.insert(sender.clone());
        }
    })?;
    let mut elsewhere = Servers::default();
    history.each(selection, |row| {
        let is_other = !row.key.is_trusted() && !row.key.is_others() && !partner.is_of(&row);
        if is_other && senders.contains(&row.key.sender) {
            elsewhere.add(&row);
        }
    })?;
    let sessions = sessions.into_iter();
    let mut sessions: Vec<Session> = sessions
        .map(|((version, cipher), recipients)| Session { version, cipher, recipients })
        .collect();
    sessions.sort_by_key(|session| std::cmp::Reverse(session.recipients));
    let mut changes = own.changes();
    changes.sort_by(|one, other| other.at.cmp(&one.at).then_with(|| one.client.cmp(&other.client)));
    let changes_count = changes.len() as u64;
    changes.truncate(MOST);
    let mut elsewhere = elsewhere.finish();
    elsewhere.truncate(MOST);
    Ok(Story {
        partner: partner.to_string(),
        houses: own.finish(),
        sessions,
        changes,
        changes_count,
        elsewhere,
    })
}

/// Servers under way. Rows come in the order of days.
#[derive(Default)]
struct Servers {
    servers: HashMap<String, Building>,
    changes: Vec<Change>,
}

struct Building {
    server: Server,
    /// How it came on the last days that are known: on the one before, and on that one.
    before: BTreeSet<String>,
    day: Day,
    now: BTreeSet<String>,
}

impl Servers {
    fn add(&mut self, row: &Row) {
        let (key, tally) = (&row.key, row.tally);
        let building = self.servers.entry(key.client.clone()).or_insert_with(|| Building {
            server: Server {
                client: key.client.clone(),
                host: String::new(),
                recipients: 0,
                at_fault: 0,
                first: tally.first,
                last: tally.last,
            },
            before: BTreeSet::new(),
            day: key.day,
            now: BTreeSet::new(),
        });
        if building.day != key.day {
            let change = building.next(key.day);
            self.changes.extend(change);
        }
        building.now.insert(how(row));
        let server = &mut building.server;
        if server.host.is_empty() {
            server.host.clone_from(&key.name);
        }
        server.recipients += tally.recipients();
        if key.verdict != Decision::Accept {
            server.at_fault += tally.recipients();
        }
        server.first = server.first.min(tally.first);
        server.last = server.last.max(tally.last);
    }

    /// All changes, also those of each one's last day.
    fn changes(&mut self) -> Vec<Change> {
        let mut changes = std::mem::take(&mut self.changes);
        for building in self.servers.values_mut() {
            changes.extend(building.next(Day::MAX));
        }
        for change in &mut changes {
            if let Some(building) = self.servers.get(&change.client) {
                change.host.clone_from(&building.server.host);
            }
        }
        changes
    }

    fn finish(self) -> Vec<House> {
        let mut houses: BTreeMap<String, Vec<Server>> = BTreeMap::new();
        for Building { server, .. } in self.servers.into_values() {
            houses.entry(runs(&server.client, &server.host)).or_default().push(server);
        }
        let mut houses: Vec<House> = houses.into_iter().map(House::new).collect();
        houses.sort_by(|one, other| {
            other.recipients.cmp(&one.recipients).then_with(|| one.name.cmp(&other.name))
        });
        houses
    }
}

impl House {
    fn new((name, mut servers): (String, Vec<Server>)) -> Self {
        servers.sort_by(|one, other| {
            let rank = |server: &Server| (server.at_fault, server.recipients);
            rank(other).cmp(&rank(one)).then_with(|| one.client.cmp(&other.client))
        });
        let sum = |of: fn(&Server) -> u64| servers.iter().map(of).sum();
        let (recipients, at_fault) =
            (sum(|server| server.recipients), sum(|server| server.at_fault));
        let servers_count = servers.len() as u64;
        servers.truncate(MOST);
        Self { name, recipients, at_fault, servers_count, servers }
    }
}

impl Building {
    /// Goes on to another day; what changed on the one that it leaves.
    fn next(&mut self, day: Day) -> Option<Change> {
        let now = std::mem::take(&mut self.now);
        let before = std::mem::replace(&mut self.before, now);
        let at = i64::from(self.day) * DAY;
        self.day = day;
        (!before.is_empty() && before != self.before).then(|| Change {
            at,
            client: self.server.client.clone(),
            host: String::new(),
            before: before.into_iter().collect(),
            after: self.before.iter().cloned().collect(),
        })
    }
}

/// Over what a row came. A cipher suite changes from one server of a provider to the next, and matters where it
/// is not good enough.
fn how(row: &Row) -> String {
    let key = &row.key;
    let is_fault = key.verdict != Decision::Accept && key.is_session();
    if is_fault { format!("{} {}", key.tls_version, key.cipher) } else { key.tls_version.clone() }
}
