//! What the contact of a domain has to be told: who was, or would be, refused for the first time, and how
//! mail left for the organisation's own server where that was not as it should be.

use crate::handshakes::{self, HandshakeFault};
use crate::history::{History, Selection, Told};
use crate::hops::{self, Exception, read_deliveries};
use crate::model::day::Day;
use crate::model::delivery::DeliveryReason;
use crate::model::handshake::Afterwards;
use crate::model::key::SubjectKind;
use crate::model::reason::RecordedReason;
use crate::model::row::{OTHERS, Row};
use crate::readiness::{Readiness, State};
use crate::report::{Outcome, Outcomes};
use policy::{Decision, DomainName, Language, Policy, ReasonKind, Schedule};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// News for the contact of one entry of the policy.
#[derive(Clone, Debug)]
pub struct Digest {
    /// The entry, as the policy has it: `example.org`, `*.example.org`.
    pub entry: String,
    /// The mail address to tell.
    pub contact: String,
    /// The language to tell it in.
    pub language: Language,
    /// From when on mail is refused, or has been, where the policy says a time; in seconds since
    /// 1970-01-01.
    pub enforce_from: Option<i64>,
    /// Peers; those that were refused come first.
    pub peers: Vec<PeerNews>,
    /// How mail left, where that was not as it should be.
    pub hops: Vec<HopNews>,
    /// Domains that are monitored, and can be enforced.
    pub ready: Vec<Readiness>,
}

/// By what a domain that can be enforced is known again among what the contact was told. No client is called so.
#[must_use]
pub fn ready_as(domain: &str) -> String {
    format!("ready:{domain}")
}

/// Adds to the news of the last days which of these domains can be enforced now.
pub fn add_ready(digests: &mut Vec<Digest>, answers: Vec<Readiness>, policy: &Policy) {
    for answer in answers {
        // Where a day is set, it is known.
        if answer.state != State::Ready || answer.planned.is_some() {
            continue;
        }
        let Some((name, news)) = contact(policy, &answer.domain) else { continue };
        let place = digests.iter().position(|digest| digest.entry == name);
        match place.and_then(|place| digests.get_mut(place)) {
            Some(digest) => digest.ready.push(answer),
            None => {
                let ready = vec![answer];
                digests.push(Digest { ready, ..news.finish(name, 0, 0) });
            }
        }
    }
}

/// That mail left a gateway unencrypted, or could not leave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HopNews {
    /// The recipient domain.
    pub domain: String,
    /// What happened.
    pub exception: Exception,
}

impl HopNews {
    /// By what it is known again among what the contact was told. No client is called so.
    #[must_use]
    pub fn told_as(&self) -> String {
        let Exception { what, reason, server, .. } = &self.exception;
        let reason = reason.map_or("", DeliveryReason::code);
        format!("hop:{}:{reason}:{}:{server}", what.code(), self.domain)
    }

    /// What the contact can do something about, or should know.
    fn is_for_contact(exception: &Exception) -> bool {
        let of_operator = exception.reason == Some(DeliveryReason::PolicyFailed);
        exception.what.is_left_unencrypted() || exception.is_held_up() && !of_operator
    }
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
    pub reasons: BTreeSet<RecordedReason>,
    /// Why its TLS handshakes failed, where it tried TLS.
    pub faults: BTreeSet<HandshakeFault>,
    /// Version and cipher of its sessions, where these had any: a few of them.
    pub sessions: BTreeSet<(String, String)>,
    /// Recipients, each one of a message once, however often it was tried.
    pub count: u64,
    /// Attempts for these recipients: each RCPT.
    pub attempts: u64,
    /// The first time, in seconds since 1970-01-01.
    pub first: i64,
    /// The last time.
    pub last: i64,
    /// Whether it has come with adequate TLS since, for all the same senders and domains, as
    /// [`Outcome::Resolved`] has it.
    pub resolved: bool,
    /// Whether the contact was told of it before. Such news stays in a digest only for the others
    /// together: they are no reason to send a mail, but whoever reads one has to know that it does not
    /// name all.
    pub told: bool,
}

impl PeerNews {
    /// Whether it stands for all those together for which the ledger had no room.
    #[must_use]
    pub fn is_others(&self) -> bool {
        self.client == OTHERS
    }
}

/// How many sender domains of a peer are told at most.
const MOST_SENDERS: usize = 20;
/// How many pairs of version and cipher of a peer are told at most.
const MOST_SESSIONS: usize = 3;

/// Collects the news of all entries with a contact, told or not.
///
/// # Errors
///
/// When what was recorded cannot be read.
pub fn digests<H: History>(
    history: &H,
    policy: &Policy,
    since: Day,
) -> Result<Vec<Digest>, H::Error> {
    let mut entries: BTreeMap<String, EntryNews> = BTreeMap::new();
    // The entry of each domain, none where it has no contact. Kept, since many rows have few domains.
    let mut of_domain: HashMap<String, Option<String>> = HashMap::new();
    let mut entry_of = |domain: &str, entries: &mut BTreeMap<String, EntryNews>| {
        if let Some(name) = of_domain.get(domain) {
            return name.clone();
        }
        let found = contact(policy, domain);
        let name = found.as_ref().map(|(name, _)| name.clone());
        of_domain.insert(domain.to_owned(), name.clone());
        if let Some((name, news)) = found {
            entries.entry(name).or_insert(news);
        }
        name
    };
    let selection = Selection { since, ..Selection::default() };
    history.handshakes(&selection, |handshake| {
        if let Some(name) = entry_of(&handshake.key.domain, &mut entries)
            && let Some(entry) = entries.get_mut(&name)
        {
            entry.handshakes.failed(&handshake);
        }
    })?;
    history.each(&selection, |row| {
        if row.key.found != SubjectKind::Recipient || row.key.is_trusted() {
            return;
        }
        // Where the MTA did not tell of TLS, only the operator can help, and the sender is not to blame.
        if row.key.reason == RecordedReason::Known(ReasonKind::UnknownTls) {
            return;
        }
        if let Some(name) = entry_of(&row.key.domain, &mut entries)
            && let Some(entry) = entries.get_mut(&name)
        {
            entry.add(&row);
        }
    })?;
    let deliveries_until = read_deliveries(history, &selection, |delivery| {
        if let Some(name) = entry_of(&delivery.key.domain, &mut entries)
            && let Some(entry) = entries.get_mut(&name)
        {
            entry.hops.left(delivery);
        }
    })?;
    let until = history.span()?.map_or(0, |(_, last)| last);
    let digests =
        entries.into_iter().map(|(name, entry)| entry.finish(name, until, deliveries_until));
    Ok(digests.filter(Digest::has_news).collect())
}

/// The entry that decides for a domain, if it has a contact, and what to tell that of it.
fn contact(policy: &Policy, domain: &str) -> Option<(String, EntryNews)> {
    let found = policy.domains.find_domain(&DomainName::parse(domain).ok()?)?;
    let news = EntryNews {
        contact: found.entry.contact.clone()?,
        language: found.entry.language,
        enforce_from: match found.entry.schedule {
            Schedule::EnforceFrom(start) => Some(start.as_second()),
            Schedule::Always(_) => None,
        },
        peers: HashMap::new(),
        outcomes: Outcomes::default(),
        handshakes: handshakes::Builder::default(),
        hops: hops::Builder::default(),
    };
    Some((found.pattern.to_string(), news))
}

/// The news of one entry under way.
struct EntryNews {
    contact: String,
    language: Language,
    enforce_from: Option<i64>,
    peers: HashMap<String, PeerHistory>,
    outcomes: Outcomes,
    handshakes: handshakes::Builder,
    hops: hops::Builder,
}

#[derive(Default)]
struct PeerHistory {
    refused: Option<PeerNews>,
    would_refuse: Option<PeerNews>,
}

impl EntryNews {
    fn add(&mut self, row: &Row) {
        self.outcomes.add(row);
        self.handshakes.came(row);
        let refused = match row.key.verdict {
            Decision::Accept => return,
            Decision::WouldRefuse => false,
            Decision::Refuse => true,
        };
        let peer = self.peers.entry(row.key.client.clone()).or_default();
        let news = if refused { &mut peer.refused } else { &mut peer.would_refuse };
        let news = news.get_or_insert_with(|| PeerNews {
            client: row.key.client.clone(),
            host: String::new(),
            refused,
            domains: BTreeSet::new(),
            senders: BTreeSet::new(),
            reasons: BTreeSet::new(),
            faults: BTreeSet::new(),
            sessions: BTreeSet::new(),
            count: 0,
            attempts: 0,
            first: row.tally.first,
            last: row.tally.last,
            resolved: false,
            told: false,
        });
        news.count += row.tally.recipients();
        news.attempts += row.tally.count;
        news.first = news.first.min(row.tally.first);
        news.last = news.last.max(row.tally.last);
        news.reasons.insert(row.key.reason.clone());
        if let RecordedReason::TlsFailed(failure) = &row.key.reason {
            news.faults.insert(failure.into());
        }
        news.domains.insert(row.key.shown_domain());
        if row.key.is_session() && news.sessions.len() < MOST_SESSIONS {
            news.sessions.insert((row.key.tls_version.clone(), row.key.cipher.clone()));
        }
        if news.senders.len() < MOST_SENDERS {
            news.senders.insert(row.key.sender.clone());
        }
        if news.host.is_empty() {
            news.host.clone_from(&row.key.name);
        }
    }

    fn finish(self, entry: String, until: i64, deliveries_until: i64) -> Digest {
        let outcomes = self.outcomes.finish(until).peers;
        let failed = self.handshakes.finish().into_iter();
        let failed: HashMap<_, _> = failed
            .filter(|client| client.then != Afterwards::Tls)
            .map(|client| (client.client, client.failures))
            .collect();
        let mut peers: Vec<PeerNews> = Vec::new();
        for peer in self.peers.into_values() {
            for mut news in [peer.refused, peer.would_refuse].into_iter().flatten() {
                news.resolved =
                    matches!(outcomes.get(&news.client), Some(Outcome::Resolved { .. }));
                let failures = failed.get(&news.client).into_iter().flatten();
                news.faults.extend(failures.map(|failure| failure.fault));
                peers.push(news);
            }
        }
        peers.sort_by(|one, other| {
            let rank = |news: &PeerNews| (news.refused, !news.resolved, news.count);
            rank(other).cmp(&rank(one)).then(one.client.cmp(&other.client))
        });
        let domains = self.hops.finish(0, deliveries_until).domains;
        let hops = domains.into_iter().flat_map(|hops| {
            let told = hops.exceptions.into_iter().filter(HopNews::is_for_contact);
            let news = |exception| HopNews { domain: hops.domain.clone(), exception };
            told.map(news).collect::<Vec<_>>()
        });
        let hops = hops.collect();
        let Self { contact, language, enforce_from, .. } = self;
        Digest { entry, contact, language, enforce_from, peers, hops, ready: Vec::new() }
    }
}

impl Digest {
    /// Whether there is something that was not told before.
    #[must_use]
    pub fn has_news(&self) -> bool {
        let is_new = self.peers.iter().any(|news| !news.told);
        is_new || !self.hops.is_empty() || !self.ready.is_empty()
    }

    /// Leaves out what was told already.
    pub fn forget(&mut self, told: &Told) {
        for news in &mut self.peers {
            news.told = told.contains(&(news.client.clone(), news.refused));
        }
        self.peers.retain(|news| !news.told || news.is_others());
        self.hops.retain(|news| !told.contains(&(news.told_as(), false)));
        self.ready.retain(|news| !told.contains(&(ready_as(&news.domain), false)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{TODAY, key, row};
    use crate::model::key::Key;
    use policy::{Entry, Mode, Pattern};

    fn digest(rows: Vec<Row>) -> Vec<Digest> {
        let mut policy = Policy::default();
        let mut entry = Entry::bare(Mode::Enforce);
        entry.contact = Some("boss@example.com".into());
        policy.domains.replace(&Pattern::Every, entry);
        digests(&rows, &policy, TODAY).unwrap()
    }

    #[test]
    fn a_peer_is_resolved_by_a_later_session_that_was_adequate_and_not_by_an_exception() {
        let refused = row(&key("192.0.2.1"), 2);
        for (reason, resolved) in [(ReasonKind::Adequate, true), (ReasonKind::Exception, false)] {
            let accepted = Key { verdict: Decision::Accept, reason, ..key("192.0.2.1") };
            let mut later = row(&accepted, 1);
            later.tally.last = refused.tally.last + 1;
            let [digest] = &*digest(vec![refused.clone(), later]) else { panic!("one entry") };
            let [news] = &*digest.peers else { panic!("{:?}", digest.peers) };
            assert_eq!((news.count, news.resolved), (2, resolved), "{reason:?}");
            assert_eq!(news.reasons, BTreeSet::from([ReasonKind::Plaintext.into()]));
        }
    }

    #[test]
    fn a_digest_names_the_sessions_and_leaves_out_what_only_the_operator_can_mend() {
        let old = crate::fixtures::tls("TLSv1", "AES128-SHA", "128");
        let key_of = |tls, reason| Key { tls, reason, ..key("192.0.2.1") };
        let rows = vec![
            row(&key_of(old, ReasonKind::ProtocolVersion), 2),
            row(&key_of(policy::TlsState::Plaintext, ReasonKind::Plaintext), 3),
            row(&key_of(policy::TlsState::Unknown, ReasonKind::UnknownTls), 4),
        ];
        let [digest] = &*digest(rows) else { panic!("one entry") };
        let [news] = &*digest.peers else { panic!("{:?}", digest.peers) };
        assert_eq!(news.count, 5);
        assert_eq!(news.sessions, BTreeSet::from([("TLSv1".into(), "AES128-SHA".into())]));
    }

    #[test]
    fn what_was_told_is_left_out_and_kept_only_of_the_others() {
        let mut others = row(&key("192.0.2.2"), 5);
        others.key = others.key.others();
        let mut digest = digest(vec![row(&key("192.0.2.1"), 2), others]).remove(0);
        let told = [OTHERS, "192.0.2.1"].map(|client| (client.to_owned(), true));
        digest.forget(&told.into());
        assert!(!digest.has_news());
        assert_eq!(digest.peers.iter().map(|news| &*news.client).collect::<Vec<_>>(), [OTHERS]);
    }
}
