//! What the contact of a domain has to be told: who was, or would be, refused for the first time.

use crate::model::key::{Day, Found};
use crate::model::row::{OTHERS, Row};
use crate::report::domain_text;
use crate::sqlite::reader::{Reader, Selection};
use crate::sqlite::store::{Store, StoreError};
use policy::{Decision, DomainName, Language, Policy};
use rusqlite::params;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// News for the contact of one entry of the policy.
#[derive(Clone, Debug)]
pub struct Digest {
    /// The entry, as the policy has it: `example.org`, `*.example.org`.
    pub entry: String,
    /// The mail address to tell.
    pub contact: String,
    /// The language to tell it in.
    pub language: Language,
    /// Peers, those that were refused first.
    pub peers: Vec<PeerNews>,
}

/// A peer that was, or would be, refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerNews {
    /// Its address; [`OTHERS`] for all those together for which the ledger had no room.
    pub client: String,
    /// Its name, where it is known.
    pub host: String,
    /// Whether it was refused; else it would have been.
    pub refused: bool,
    /// The recipient domains.
    pub domains: BTreeSet<String>,
    /// The sender domains.
    pub senders: BTreeSet<String>,
    /// Why.
    pub reasons: BTreeSet<String>,
    /// Recipients.
    pub count: u64,
    /// The first time, in seconds since 1970-01-01.
    pub first: i64,
    /// The last time.
    pub last: i64,
    /// Whether it has come with adequate TLS since.
    pub resolved: bool,
    /// Whether it was told before. Only of the others this is kept: they are no cause for a mail
    /// then, but whoever reads one has to know that it does not name all.
    pub told: bool,
}

impl PeerNews {
    /// Whether it is all those together for which the ledger had no room.
    #[must_use]
    pub fn is_others(&self) -> bool {
        self.client == OTHERS
    }
}

/// What was told of: client and whether it was refused.
pub type Told = HashSet<(String, bool)>;

/// At most so many sender domains of a peer are told.
const MOST_SENDERS: usize = 20;

/// Collects the news of all entries with a contact, told or not.
///
/// # Errors
///
/// When the ledger cannot be read.
pub fn digests(ledger: &Reader, policy: &Policy, since: Day) -> Result<Vec<Digest>, StoreError> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    // The entry of a domain, and none where it has no contact: few domains, many rows.
    let mut of_domain: HashMap<String, Option<String>> = HashMap::new();
    ledger.each(&Selection { since, domain: None }, |row| {
        if row.key.found != Found::Recipient || row.key.is_trusted() {
            return;
        }
        if !of_domain.contains_key(&row.key.domain) {
            let found = contact(policy, &row.key.domain);
            let name = found.as_ref().map(|(name, ..)| name.clone());
            of_domain.insert(row.key.domain.clone(), name);
            if let Some((name, contact, language)) = found {
                entries.entry(name).or_insert(Entry { contact, language, peers: HashMap::new() });
            }
        }
        if let Some(Some(name)) = of_domain.get(&row.key.domain)
            && let Some(entry) = entries.get_mut(name)
        {
            entry.add(&row);
        }
    })?;
    let digests = entries.into_iter().map(|(name, entry)| entry.finish(name));
    Ok(digests.filter(Digest::has_news).collect())
}

/// The entry that decides for a domain, its contact and its language.
fn contact(policy: &Policy, domain: &str) -> Option<(String, String, Language)> {
    let found = policy.domains.find_domain(&DomainName::parse(domain).ok()?)?;
    let contact = found.entry.contact.clone()?;
    Some((found.pattern.to_string(), contact, found.entry.language))
}

struct Entry {
    contact: String,
    language: Language,
    peers: HashMap<String, Peer>,
}

#[derive(Default)]
struct Peer {
    refused: Option<PeerNews>,
    would_refuse: Option<PeerNews>,
    adequate: Option<i64>,
}

impl Entry {
    fn add(&mut self, row: &Row) {
        let peer = self.peers.entry(row.key.client.clone()).or_default();
        let refused = match row.key.verdict {
            Decision::Accept => {
                if row.key.reason == "adequate" {
                    peer.adequate = peer.adequate.max(Some(row.tally.last));
                }
                return;
            }
            Decision::WouldRefuse => false,
            Decision::Refuse => true,
        };
        let news = if refused { &mut peer.refused } else { &mut peer.would_refuse };
        let news = news.get_or_insert_with(|| PeerNews {
            client: row.key.client.clone(),
            host: String::new(),
            refused,
            domains: BTreeSet::new(),
            senders: BTreeSet::new(),
            reasons: BTreeSet::new(),
            count: 0,
            first: row.tally.first,
            last: row.tally.last,
            resolved: false,
            told: false,
        });
        news.count += row.tally.count;
        news.first = news.first.min(row.tally.first);
        news.last = news.last.max(row.tally.last);
        news.reasons.insert(row.key.reason.clone());
        news.domains.insert(domain_text(&row.key.domain, row.key.found));
        if news.senders.len() < MOST_SENDERS {
            news.senders.insert(row.key.sender.clone());
        }
        if news.host.is_empty() {
            news.host.clone_from(&row.key.name);
        }
    }

    fn finish(self, entry: String) -> Digest {
        let mut peers: Vec<PeerNews> = Vec::new();
        for peer in self.peers.into_values() {
            for mut news in [peer.refused, peer.would_refuse].into_iter().flatten() {
                let since = peer.adequate.is_some_and(|adequate| adequate > news.last);
                news.resolved = since && !news.is_others();
                peers.push(news);
            }
        }
        peers.sort_by(|one, other| {
            let rank = |news: &PeerNews| (news.refused, !news.resolved, news.count);
            rank(other).cmp(&rank(one)).then(one.client.cmp(&other.client))
        });
        Digest { entry, contact: self.contact, language: self.language, peers }
    }
}

impl Digest {
    /// Whether there is something that was not told before.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.peers.iter().any(|news| !news.told)
    }

    /// Leaves out what was told already.
    pub fn forget(&mut self, told: &Told) {
        for news in &mut self.peers {
            news.told = told.contains(&(news.client.clone(), news.refused));
        }
        self.peers.retain(|news| !news.told || news.is_others());
    }
}

/// The word in the ledger.
fn word(refused: bool) -> &'static str {
    let verdict = if refused { Decision::Refuse } else { Decision::WouldRefuse };
    verdict.code()
}

impl Reader {
    /// What the contact of an entry was told of.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn told(&self, entry: &str) -> Result<Told, StoreError> {
        let mut statement =
            self.connection.prepare("SELECT client, verdict FROM told WHERE entry = ?1")?;
        let rows = statement.query_map([entry], |row| {
            let verdict: String = row.get(1)?;
            Ok((row.get(0)?, verdict == word(true)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Store {
    /// Takes note that the contact of a digest is told of its peers, and leaves in the digest
    /// those of whom it was not told before. Of two processes that do this at once, each peer is
    /// told by one.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; nothing is noted then.
    pub fn tell(&mut self, digest: &mut Digest, at: i64) -> Result<(), StoreError> {
        let noted = self.begin().and_then(|()| {
            let mut told = Told::new();
            for news in &digest.peers {
                // Of one that goes on it is remembered that it was told.
                let known = self.connection.execute(
                    "UPDATE told SET at = ?4 WHERE entry = ?1 AND client = ?2 AND verdict = ?3",
                    params![digest.entry, news.client, word(news.refused), at],
                )?;
                if known > 0 {
                    told.insert((news.client.clone(), news.refused));
                } else {
                    self.connection.execute(
                        "INSERT INTO told VALUES (?1, ?2, ?3, ?4)",
                        params![digest.entry, news.client, word(news.refused), at],
                    )?;
                }
            }
            self.connection.execute_batch("COMMIT")?;
            Ok(told)
        });
        match noted {
            Ok(told) => digest.forget(&told),
            Err(error) => {
                self.roll_back();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes back that a digest was told: it could not be sent.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn untell(&mut self, digest: &Digest) -> Result<usize, StoreError> {
        let mut taken_back = 0;
        for news in digest.peers.iter().filter(|news| !news.told) {
            taken_back += self.connection.execute(
                "DELETE FROM told WHERE entry = ?1 AND client = ?2 AND verdict = ?3",
                params![digest.entry, news.client, word(news.refused)],
            )?;
        }
        Ok(taken_back)
    }
}
