//! What another policy would have meant for the mail that the ledger holds, on both hops.
//!
//! Both policies judge every row with the same `judge` as the milter: the one in force and the
//! other one. What they decide differently is the difference.

mod hops;

pub use hops::HopDifference;

use crate::history::{History, Selection};
use crate::model::case::OwnedCase;
use crate::model::reason::RecordedReason;
use crate::model::row::{Row, Source};
use jiff::Timestamp;
use policy::{Decision, OnUnknownTls, Policy, ReasonKind, Verdict, judge};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// The policies to compare, and how to judge.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'p> {
    /// The policy in force.
    pub old: &'p Policy,
    /// The other one.
    pub new: &'p Policy,
    /// The moment at which both judge, for `enforce_from` and `until`.
    pub now: Timestamp,
    /// What is done where TLS is unknown.
    pub on_unknown_tls: OnUnknownTls,
}

/// Recipients that the policies decide differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Refused by the new policy alone.
    pub newly_refused: u64,
    /// Refused by the old policy alone.
    pub newly_let_through: u64,
    /// Let through by both, but the new one alone would refuse them in mode enforce.
    pub newly_would_refuse: u64,
    /// Let through by both, but the old one alone would refuse them in mode enforce.
    pub no_longer_would_refuse: u64,
}

impl Difference {
    fn add(&mut self, old: Decision, new: Decision, count: u64) {
        match (old, new) {
            (Decision::Accept | Decision::WouldRefuse, Decision::Refuse) => {
                self.newly_refused += count;
            }
            (Decision::Refuse, Decision::Accept | Decision::WouldRefuse) => {
                self.newly_let_through += count;
            }
            (Decision::Accept, Decision::WouldRefuse) => self.newly_would_refuse += count,
            (Decision::WouldRefuse, Decision::Accept) => self.no_longer_would_refuse += count,
            (Decision::Accept, Decision::Accept)
            | (Decision::WouldRefuse, Decision::WouldRefuse)
            | (Decision::Refuse, Decision::Refuse) => {}
        }
    }

    fn total(self) -> u64 {
        self.newly_refused
            + self.newly_let_through
            + self.newly_would_refuse
            + self.no_longer_would_refuse
    }
}

/// A domain for which the policies differ.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DomainDifference {
    /// The recipient domain.
    pub domain: String,
    /// All its recipients.
    pub recipients: u64,
    /// Those that are decided differently.
    #[serde(flatten)]
    pub difference: Difference,
}

/// A peer whose mail to a domain is decided differently.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PeerDifference {
    /// The recipient domain.
    pub domain: String,
    /// The address.
    pub client: String,
    /// The name, where it is known.
    pub host: String,
    /// What is decided differently.
    #[serde(flatten)]
    pub difference: Difference,
    /// The sender domains.
    pub senders: BTreeSet<String>,
    /// Why the new policy decides so.
    pub reasons: BTreeSet<RecordedReason>,
    /// When it last came, in seconds since 1970-01-01.
    pub last: i64,
}

/// What a simulation found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Simulation {
    /// Recipients that were judged by both policies: each one of a message once, however often it was
    /// tried.
    pub judged: u64,
    /// Attempts for these recipients: each RCPT.
    pub attempts: u64,
    /// Those that are decided differently.
    #[serde(flatten)]
    pub difference: Difference,
    /// Recipients of whose client or sender the ledger does not hold enough for rules about single
    /// clients, their certificates or senders.
    pub coarse: u64,
    /// Recipients that were not judged: the ledger had no more room on their day, and does not hold
    /// their domains.
    pub not_judged: u64,
    /// Recipients that were not judged: the milter trusted their clients, and the ledger does not hold
    /// enough of these clients to say whether a policy trusts them.
    pub trusted_not_judged: u64,
    /// Recipients that were not judged: they are known from a log, which tells that their sessions were
    /// encrypted, and nothing else that the policies ask for.
    pub version_unknown: u64,
    /// The same, of a log that does not tell either whether the sessions were encrypted.
    pub tls_unknown: u64,
    /// The domains for which something changes, the most newly refused first.
    pub domains: Vec<DomainDifference>,
    /// The peers for which something changes, the most newly refused first.
    pub peers: Vec<PeerDifference>,
    /// Recipients whose mail left, of all domains, as far as is known.
    pub delivered: u64,
    /// Whether the policies demand something else of any next hop.
    pub demands_differ: bool,
    /// The next hops of which something else would be demanded, those at which the most mail would have had to
    /// wait first.
    pub hops: Vec<HopDifference>,
}

/// Judges all rows of a selection by both policies. `progress` is called after each.
///
/// # Errors
///
/// When what was recorded cannot be read.
pub fn simulate<H: History>(
    history: &H,
    selection: &Selection,
    trial: Trial<'_>,
    mut progress: impl FnMut(),
) -> Result<Simulation, H::Error> {
    let mut comparison = Comparison::default();
    history.each(selection, |row| {
        comparison.add(&row, trial);
        progress();
    })?;
    let demands = hops::Demands { old: trial.old, new: trial.new, now: trial.now };
    let (hops, delivered) = hops::compare(history, selection.since, demands)?;
    let demands_differ = hops::differ(demands);
    Ok(Simulation { hops, delivered, demands_differ, ..comparison.finish() })
}

/// How many senders of a peer are kept at most.
const MOST_SENDERS: usize = 50;

/// A simulation under way.
#[derive(Default)]
struct Comparison {
    simulation: Simulation,
    domains: HashMap<String, DomainDifference>,
    peers: HashMap<(String, String), PeerDifference>,
}

impl Comparison {
    fn add(&mut self, row: &Row, trial: Trial<'_>) {
        let count = row.tally.recipients();
        if row.key.is_of_any_domain() {
            self.simulation.not_judged += count;
            return;
        }
        let case = OwnedCase::from(&row.key);
        let case = case.at(trial.now, trial.on_unknown_tls);
        let old = judge(trial.old, &case);
        if row.key.reason == RecordedReason::Known(ReasonKind::TrustedClient)
            && row.key.is_coarse()
            && old.reason().kind() != ReasonKind::TrustedClient
        {
            self.simulation.trusted_not_judged += count;
            return;
        }
        let verdict = judge(trial.new, &case);
        if row.key.source == Source::Log && [&old, &verdict].into_iter().any(hangs_on_tls) {
            let sum = if row.key.is_unknown() {
                &mut self.simulation.tls_unknown
            } else {
                &mut self.simulation.version_unknown
            };
            *sum += count;
            return;
        }
        let old = old.decision();
        let new = verdict.decision();
        self.simulation.judged += count;
        self.simulation.attempts += row.tally.count;
        if row.key.is_coarse() {
            self.simulation.coarse += count;
        }
        let mut one = Difference::default();
        one.add(old, new, count);
        let name = row.key.shown_domain();
        // Looked up first: most rows are of a domain that is there, and need no copy of its name.
        let domain = match self.domains.get_mut(&name) {
            Some(domain) => domain,
            None => self.domains.entry(name.clone()).or_default(),
        };
        domain.recipients += count;
        if one.total() == 0 {
            return;
        }
        domain.difference.add(old, new, count);
        self.simulation.difference.add(old, new, count);
        let peer = self.peers.entry((name, row.key.client.clone())).or_default();
        peer.difference.add(old, new, count);
        peer.last = peer.last.max(row.tally.last);
        peer.reasons.insert(match (verdict.reason().kind(), &row.key.reason) {
            (ReasonKind::Plaintext, failed @ RecordedReason::TlsFailed(_)) => failed.clone(),
            (kind, _) => kind.into(),
        });
        if peer.host.is_empty() {
            peer.host.clone_from(&row.key.name);
        }
        if peer.senders.len() < MOST_SENDERS {
            peer.senders.insert(row.key.sender.clone());
        }
    }

    fn finish(self) -> Simulation {
        let domains = self
            .domains
            .into_iter()
            .map(|(name, domain)| DomainDifference { domain: name, ..domain });
        let mut domains: Vec<_> = domains.filter(|domain| domain.difference.total() > 0).collect();
        domains.sort_by(|one, other| {
            worst(other.difference).cmp(&worst(one.difference)).then(one.domain.cmp(&other.domain))
        });
        let peers = self.peers.into_iter();
        let mut peers: Vec<_> = peers
            .map(|((domain, client), peer)| PeerDifference { domain, client, ..peer })
            .collect();
        peers.sort_by(|one, other| {
            let names = (&one.domain, &one.client).cmp(&(&other.domain, &other.client));
            worst(other.difference).cmp(&worst(one.difference)).then(names)
        });
        Simulation { domains, peers, ..self.simulation }
    }
}

/// Whether a verdict hangs on what is not known of the session. (Of what the milter judged, that
/// was so then and will be so again; a log is another matter.)
fn hangs_on_tls(verdict: &Verdict<'_>) -> bool {
    matches!(verdict.reason().kind(), ReasonKind::UnknownTls | ReasonKind::UnknownTlsPassed)
}

fn worst(difference: Difference) -> (u64, u64, u64, u64) {
    (
        difference.newly_refused,
        difference.newly_would_refuse,
        difference.newly_let_through,
        difference.no_longer_would_refuse,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{key, row};
    use crate::model::key::{Key, SubjectKind};
    use crate::model::row::RowKey;
    use policy::{Entry, Mode, Pattern};

    /// What a policy that enforces for every domain would have meant, in place of none.
    fn enforced(rows: Vec<Row>) -> Simulation {
        let old = Policy::default();
        let mut new = Policy::default();
        new.domains.replace(&Pattern::Every, Entry::bare(Mode::Enforce));
        let (now, on_unknown_tls) = (Timestamp::UNIX_EPOCH, OnUnknownTls::Defer);
        let trial = Trial { old: &old, new: &new, now, on_unknown_tls };
        simulate(&rows, &Selection::default(), trial, || ()).unwrap()
    }

    #[test]
    fn plaintext_would_be_refused_and_the_peer_is_named_with_the_reason() {
        let found = enforced(vec![row(&key("192.0.2.1"), 3), row(&key("192.0.2.2"), 4)]);
        assert_eq!((found.judged, found.difference.newly_refused), (7, 7));
        let [worst, other] = &*found.peers else { panic!("{:?}", found.peers) };
        assert_eq!((&*worst.client, &*other.client), ("192.0.2.2", "192.0.2.1"));
        assert_eq!(worst.reasons, BTreeSet::from([ReasonKind::Plaintext.into()]));
    }

    #[test]
    fn each_change_of_a_verdict_is_one_of_the_differences_and_no_other_is() {
        use Decision::{Accept, Refuse, WouldRefuse};
        let all = [Accept, WouldRefuse, Refuse];
        for (old, new) in all.into_iter().flat_map(|old| all.map(|new| (old, new))) {
            let mut difference = Difference::default();
            difference.add(old, new, 3);
            let Difference {
                newly_refused,
                newly_let_through,
                newly_would_refuse,
                no_longer_would_refuse,
            } = difference;
            let expected = match (old, new) {
                _ if old == new => [0, 0, 0, 0],
                (_, Refuse) => [3, 0, 0, 0],
                (Refuse, _) => [0, 3, 0, 0],
                (_, WouldRefuse) => [0, 0, 3, 0],
                (_, Accept) => [0, 0, 0, 3],
            };
            let found =
                [newly_refused, newly_let_through, newly_would_refuse, no_longer_would_refuse];
            assert_eq!(found, expected, "{old:?} to {new:?}");
            assert_eq!(difference.total() > 0, old != new);
        }
    }

    #[test]
    fn a_message_that_was_tried_many_times_is_one_recipient() {
        let mut often = row(&key("192.0.2.1"), 12);
        often.tally.repeats = Some(11);
        let found = enforced(vec![often]);
        assert_eq!((found.judged, found.attempts, found.difference.newly_refused), (1, 12, 1));
    }

    #[test]
    fn recipients_without_a_readable_domain_are_judged_too_and_shown_by_a_name() {
        let unreadable = Key { found: SubjectKind::Unreadable, domain: None, ..key("192.0.2.1") };
        let found = enforced(vec![row(&unreadable, 2)]);
        assert_eq!(
            found.domains.iter().map(|one| &*one.domain).collect::<Vec<_>>(),
            ["(unreadable)"]
        );
    }

    #[test]
    fn what_hangs_on_a_session_that_a_log_does_not_tell_is_not_judged_and_the_rest_is() {
        use crate::{Clients, LoggedTls, TlsFailure};
        let logged = |client: &str, tls: LoggedTls, count: u64| {
            let key = Key { tls: tls.state().clone(), ..key(client) };
            Row { key: RowKey::from_log(&key, &tls, &Clients::Full), ..row(&key, count) }
        };
        let failed = LoggedTls::Failed(TlsFailure::new("no shared cipher"));
        let rows = vec![
            logged("192.0.2.1", LoggedTls::Encrypted, 2),
            logged("192.0.2.2", LoggedTls::Unknown, 3),
            logged("192.0.2.3", failed, 4),
        ];
        let found = enforced(rows.clone());
        assert_eq!((found.version_unknown, found.tls_unknown, found.judged), (2, 3, 4));
        let [peer] = &*found.peers else { panic!("{:?}", found.peers) };
        assert_eq!((&*peer.client, peer.difference.newly_refused), ("192.0.2.3", 4));
        assert_eq!(
            peer.reasons,
            BTreeSet::from([RecordedReason::from_word("tls-failed:no-shared-cipher")])
        );
        // Where no policy asks for TLS, nothing has to be known of it.
        let none = Policy::default();
        let (now, on_unknown_tls) = (Timestamp::UNIX_EPOCH, OnUnknownTls::Pass);
        let trial = Trial { old: &none, new: &none, now, on_unknown_tls };
        assert_eq!(simulate(&rows, &Selection::default(), trial, || ()).unwrap().judged, 9);
    }
}
