//! Recipients from a log become rows of the ledger.

use jiff::Timestamp;
use ledger::postfix_log::{Clock, Joiner, Logged, Tallied};
use ledger::{
    Clients, Day, Held, Imported, Key, KeyRef, RowKey, SenderDomain, Store, StoreError, Tally,
};
use policy::{Case, Client, OnUnknownTls, Policy, Recipient, Sender, judge};
use std::collections::{HashMap, hash_map::Entry};

/// What need not be imported.
pub(super) struct Exclusions<'g> {
    /// Parts of logs that were imported before.
    pub imported: Vec<Imported>,
    pub ledger: &'g Store,
    /// What is older would be deleted at once.
    pub oldest: i64,
}

/// What comes of a log.
#[derive(Default)]
pub(super) struct FromLog {
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
    exclusions: Exclusions<'g>,
    /// What the ledger holds, by day and domain.
    held: HashMap<(Day, String), Held>,
    joiner: Joiner,
    /// What the present file tells, by host.
    parts: HashMap<String, Imported>,
    gathered: FromLog,
}

impl<'g> Gatherer<'g> {
    pub fn new(
        policy: &'g Policy,
        on_unknown_tls: OnUnknownTls,
        clients: &'g Clients,
        exclusions: Exclusions<'g>,
    ) -> Self {
        Self {
            policy,
            on_unknown_tls,
            clients,
            exclusions,
            held: HashMap::new(),
            joiner: Joiner::new(),
            parts: HashMap::new(),
            gathered: FromLog::default(),
        }
    }

    pub fn tallied(&self) -> Tallied {
        self.joiner.tallied()
    }

    pub fn line(&mut self, line: &str, clock: &Clock) -> Result<(), StoreError> {
        match self.joiner.line(line, clock) {
            Some(logged) => self.take(&logged),
            None => Ok(()),
        }
    }

    /// The end of a file: what it tells is known from now on, also where the next one says it again.
    pub fn end_of_file(&mut self) {
        self.gathered.parts.extend(self.parts.drain().map(|(_, part)| part));
    }

    pub fn finish(self) -> FromLog {
        self.gathered
    }

    fn take(&mut self, logged: &Logged) -> Result<(), StoreError> {
        if logged.at < self.exclusions.oldest {
            self.gathered.too_old += 1;
            return Ok(());
        }
        let Some(judged) = self.judged(logged) else {
            self.gathered.not_opted_in += 1;
            return Ok(());
        };
        let key = RowKey::from_log(&judged, &logged.tls, self.clients);
        let within = |parts: &[Imported]| {
            parts.iter().any(|part| {
                part.host == logged.host && (part.first..=part.last).contains(&logged.told)
            })
        };
        let held = match self.held.entry((key.day, key.domain.clone())) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(place) => {
                place.insert(self.exclusions.ledger.held(key.day, &key.domain)?)
            }
        };
        // Another import may have left the domain out.
        if held.logged && within(&self.exclusions.imported)
            || within(&self.gathered.parts)
            || held.was_judged(&judged.sender, logged.told)
        {
            self.gathered.known += 1;
            return Ok(());
        }
        self.told(logged);
        let once = Tally::once(logged.at);
        self.gathered.rows.entry(key).and_modify(|tally| tally.add(once)).or_insert(once);
        Ok(())
    }

    /// Takes note of the time that the file tells of.
    fn told(&mut self, logged: &Logged) {
        let part = self.parts.entry(logged.host.clone()).or_insert_with(|| Imported {
            host: logged.host.clone(),
            first: logged.told,
            last: logged.told,
            count: 0,
        });
        part.first = part.first.min(logged.told);
        part.last = part.last.max(logged.told);
        part.count += 1;
    }

    /// What the milter would have recorded.
    fn judged(&self, logged: &Logged) -> Option<Key> {
        let recipient = Recipient::new(logged.recipient.as_bytes(), None, None);
        let sender = Sender::new(logged.sender.as_deref().unwrap_or_default().as_bytes(), None);
        let case = Case {
            tls: logged.tls.state(),
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
        let verdict = judge(self.policy, &case);
        let mut key = KeyRef::new(&case, &verdict, logged.name.as_ref())?;
        // A sender that the log does not tell is not the null sender.
        if logged.sender.is_none() {
            key.sender = SenderDomain::Other;
        }
        Some(key.to_key())
    }
}
