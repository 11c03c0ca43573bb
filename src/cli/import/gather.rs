//! Recipients from a log become rows of the ledger.

use crate::ledger::postfix_log::{Clock, Joiner, Logged, Tallied};
use crate::ledger::{Clients, From, Imported, Record, RowKey, Source, Tally};
use crate::policy::{Case, Client, Decision, OnUnknownTls, Policy, Recipient, Sender, judge};
use jiff::Timestamp;
use std::collections::HashMap;

/// What need not be imported.
pub(super) struct Known {
    pub imported: Vec<Imported>,
    /// From here on the milter has recorded itself.
    pub milter_since: Option<i64>,
    /// What is older would be deleted at once.
    pub oldest: i64,
}

/// What comes of a log.
#[derive(Default)]
pub(super) struct Gathered {
    pub rows: HashMap<RowKey, Tally>,
    pub parts: Vec<Imported>,
    pub known: u64,
    pub not_opted_in: u64,
    pub too_old: u64,
}

/// Judges what a log tells of.
pub(super) struct Gatherer<'g> {
    policy: &'g Policy,
    on_unknown_tls: OnUnknownTls,
    clients: &'g Clients,
    known: Known,
    joiner: Joiner,
    parts: HashMap<String, Imported>,
    gathered: Gathered,
}

impl<'g> Gatherer<'g> {
    pub fn new(
        policy: &'g Policy,
        on_unknown_tls: OnUnknownTls,
        clients: &'g Clients,
        known: Known,
    ) -> Self {
        Self {
            policy,
            on_unknown_tls,
            clients,
            known,
            joiner: Joiner::new(),
            parts: HashMap::new(),
            gathered: Gathered::default(),
        }
    }

    pub fn tallied(&self) -> Tallied {
        self.joiner.tallied()
    }

    pub fn line(&mut self, line: &str, clock: &Clock) {
        if let Some(logged) = self.joiner.line(line, clock) {
            self.take(&logged);
        }
    }

    pub fn finish(self) -> Gathered {
        Gathered { parts: self.parts.into_values().collect(), ..self.gathered }
    }

    fn take(&mut self, logged: &Logged) {
        let at = logged.at;
        let imported = self
            .known
            .imported
            .iter()
            .any(|part| part.host == logged.host && (part.first..=part.last).contains(&at));
        if imported || self.known.milter_since.is_some_and(|since| at >= since) {
            self.gathered.known += 1;
            return;
        }
        if at < self.known.oldest {
            self.gathered.too_old += 1;
            return;
        }
        let part = self.parts.entry(logged.host.clone()).or_insert_with(|| Imported {
            host: logged.host.clone(),
            first: at,
            last: at,
            count: 0,
        });
        part.first = part.first.min(at);
        part.last = part.last.max(at);
        part.count += 1;
        match self.judged(logged) {
            Some(record) => {
                let key = RowKey::new(&record.key, Source::Log, self.clients);
                let once = Tally::once(at);
                self.gathered.rows.entry(key).and_modify(|tally| tally.add(once)).or_insert(once);
            }
            None => self.gathered.not_opted_in += 1,
        }
    }

    /// What the milter would have recorded.
    fn judged(&self, logged: &Logged) -> Option<Record> {
        let recipient = Recipient::new(logged.recipient.as_bytes(), None, None);
        let sender = Sender::new(logged.sender.as_deref().unwrap_or_default().as_bytes(), None);
        let case = Case {
            tls: &logged.tls,
            client: Client {
                address: logged.client,
                authenticated: logged.authenticated,
                local_submission: false,
            },
            sender: &sender,
            recipient: &recipient,
            now: Timestamp::from_second(logged.at).ok()?,
            on_unknown_tls: self.on_unknown_tls,
            require: None,
        };
        let mut record = Record::new(&case, &judge(self.policy, &case), logged.name.as_ref())?;
        // A sender that the log does not tell is not the null sender.
        if logged.sender.is_none() {
            record.key.sender = From::Other;
        }
        // Postfix took it: nothing was refused.
        if record.key.verdict == Decision::Refuse {
            record.key.verdict = Decision::WouldRefuse;
        }
        Some(record)
    }
}
