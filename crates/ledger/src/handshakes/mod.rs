//! TLS handshakes on the way in that failed, by client, and what the clients did then.
//!
//! A client that comes in the clear after its handshake has failed is another case than one that never
//! tried: its postmaster has TLS switched on already, and needs another letter.

mod fault;
#[cfg(test)]
mod tests;

pub use fault::HandshakeFault;

use crate::model::handshake::{Afterwards, Handshake};
use crate::model::row::Row;
use hashbrown::HashMap;
use policy::Decision;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// A client whose handshakes failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedClient {
    /// Its address, its network or a hash of it; [`OTHERS`](crate::OTHERS) for those for which there was no
    /// room.
    pub client: String,
    /// Its name, where it is known.
    pub host: String,
    /// Why, the most frequent first.
    pub failures: Vec<Failure>,
    /// What it did then, as far as is known.
    #[serde(serialize_with = "code")]
    pub then: Afterwards,
    /// How often its handshakes failed.
    pub attempts: u64,
    /// The first time, in seconds since 1970-01-01.
    pub first: i64,
    /// The last time.
    pub last: i64,
}

/// Why handshakes failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The kind of fault.
    #[serde(serialize_with = "fault_code")]
    pub fault: HandshakeFault,
    /// The cause in the words of the log.
    pub words: String,
    /// How often.
    pub attempts: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn code<S: Serializer>(then: &Afterwards, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(then.code())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn fault_code<S: Serializer>(fault: &HandshakeFault, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(fault.code())
}

/// Failed handshakes under way: all rows of handshakes are added before the rows of mail.
#[derive(Default)]
pub(crate) struct Builder {
    /// By client, then by the domain that it wrote to.
    clients: HashMap<String, BTreeMap<String, Building>>,
    mail: HashMap<String, Mail>,
}

#[derive(Default)]
struct Building {
    host: String,
    failures: BTreeMap<(HandshakeFault, String), u64>,
    attempts: u64,
    between: Option<(i64, i64)>,
    /// What it did after the last one.
    then: Option<(i64, Afterwards)>,
}

/// When mail of a client last came, in seconds since 1970-01-01.
#[derive(Default)]
struct Mail {
    tls: Option<i64>,
    refused: Option<i64>,
    taken: Option<i64>,
}

impl Builder {
    /// Adds a row of handshakes.
    pub fn failed(&mut self, handshake: &Handshake) {
        let (key, tally) = (&handshake.key, handshake.tally);
        let client = self.clients.entry_ref(&key.client).or_default();
        let building = client.entry(key.domain.clone()).or_default();
        if building.host.is_empty() {
            building.host.clone_from(&key.name);
        }
        let fault = HandshakeFault::from(&key.failure);
        *building.failures.entry((fault, key.failure.to_string())).or_default() += tally.count;
        building.attempts += tally.count;
        tally.widen(&mut building.between);
        building.then = building.then.max(Some((tally.last, key.afterwards)));
    }

    /// Adds mail, which tells what the client did then.
    pub fn came(&mut self, row: &Row) {
        let key = &row.key;
        if key.is_others() || !self.clients.contains_key(&key.client) {
            return;
        }
        let mail = self.mail.entry_ref(&key.client).or_default();
        let moment = match key.verdict {
            _ if key.is_session() || key.is_version_unknown() => &mut mail.tls,
            _ if key.is_unknown() => return,
            Decision::Refuse => &mut mail.refused,
            Decision::Accept | Decision::WouldRefuse => &mut mail.taken,
        };
        *moment = (*moment).max(Some(row.tally.last));
    }

    /// The clients, those that came in the clear first.
    pub fn finish(mut self) -> Vec<FailedClient> {
        let clients = self.clients.into_iter().filter_map(|(client, domains)| {
            // One handshake counts with each domain that the client then wrote to.
            let building = domains.into_values().max_by_key(|building| building.attempts)?;
            building.finish(self.mail.remove(&client).unwrap_or_default(), client)
        });
        let mut clients: Vec<_> = clients.collect();
        clients.sort_by(|one, other| {
            let rank = |client: &FailedClient| (gravity(client.then), client.attempts);
            rank(other).cmp(&rank(one)).then(one.client.cmp(&other.client))
        });
        clients
    }
}

impl Building {
    fn finish(self, mail: Mail, client: String) -> Option<FailedClient> {
        let (first, last) = self.between?;
        let (_, then) = self.then?;
        let mut failures: Vec<Failure> = self
            .failures
            .into_iter()
            .map(|((fault, words), attempts)| Failure { fault, words, attempts })
            .collect();
        failures.sort_by_key(|failure| std::cmp::Reverse(failure.attempts));
        let Self { host, attempts, .. } = self;
        let then = mail.then(first, last, then);
        Some(FailedClient { client, host, failures, then, attempts, first, last })
    }
}

impl Mail {
    /// What a client did whose handshakes failed from `first` to `last`, where the log said `then`: the log
    /// is read for some hours, and mail may come later.
    fn then(&self, first: i64, last: i64, then: Afterwards) -> Afterwards {
        let since = |moment: Option<i64>, from: i64| moment.is_some_and(|moment| moment >= from);
        match then {
            _ if since(self.tls, last) => Afterwards::Tls,
            Afterwards::Away if since(self.refused, first) => Afterwards::Refused,
            Afterwards::Away if since(self.taken, first) => Afterwards::Taken,
            then => then,
        }
    }
}

/// How much it needs attention.
fn gravity(then: Afterwards) -> u8 {
    match then {
        Afterwards::Refused => 3,
        Afterwards::Taken => 2,
        Afterwards::Away => 1,
        Afterwards::Tls => 0,
    }
}
