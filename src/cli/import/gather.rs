//! Recipients from logs become rows of the ledger.

use super::account::{Account, Fate};
use jiff::Timestamp;
use ledger::postfix_log::{Clock, Joiner, Logged, Tallied};
use ledger::{
    Clients, Day, FromLog, Held, Imported, Key, KeyRef, Print, RowKey, SenderDomain, Store,
    StoreError, Tally, day_of,
};
use policy::{Case, Client, OnUnknownTls, Policy, Recipient, Sender, judge};
use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    path::Path,
};

/// What need not be imported.
pub(super) struct Exclusions<'g> {
    /// Parts of logs that earlier releases imported.
    pub imported: Vec<Imported>,
    pub ledger: &'g Store,
    /// What is older would be deleted at once.
    pub oldest: i64,
}

/// What comes of the logs.
#[derive(Default)]
pub(super) struct Gathered {
    pub told: FromLog,
    /// What became of each file.
    pub accounts: Vec<Account>,
    /// Why handshakes failed, and how often.
    pub failures: BTreeMap<String, u64>,
}

/// Judges what logs tell of.
pub(super) struct Gatherer<'g> {
    policy: &'g Policy,
    on_unknown_tls: OnUnknownTls,
    clients: &'g Clients,
    exclusions: Exclusions<'g>,
    /// What the ledger holds, by day and domain.
    held: HashMap<(Day, String), Held>,
    /// Recipients that were imported before, of the days that were asked for.
    imported: HashSet<Print>,
    days: HashSet<Day>,
    /// Recipients of these logs.
    seen: HashSet<Print>,
    joiner: Joiner,
    /// What had been found before the present file.
    before: Tallied,
    gathered: Gathered,
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
            imported: HashSet::new(),
            days: HashSet::new(),
            seen: HashSet::new(),
            joiner: Joiner::new(),
            before: Tallied::default(),
            gathered: Gathered::default(),
        }
    }

    /// A file begins.
    pub fn file(&mut self, path: &Path) {
        self.before = self.joiner.tallied();
        self.gathered.accounts.push(Account::new(path));
    }

    /// Takes in a line of the present file. Returns whether its time says its zone, if it has one.
    pub fn line(&mut self, line: &str, clock: &Clock) -> Result<bool, StoreError> {
        let files = self.gathered.accounts.len();
        let file = u32::try_from(files.saturating_sub(1)).unwrap_or(u32::MAX);
        let found = self.joiner.line(line, clock, file);
        let tallied = self.joiner.tallied();
        if let Some(account) = self.gathered.accounts.last_mut() {
            account.tallied = tallied.since(self.before);
            if let (Err(why), None) = (found, &account.unread) {
                account.unread = Some((account.tallied.lines, why, line.to_owned()));
            }
        }
        self.take_all()?;
        Ok(tallied.without_zone == 0)
    }

    /// What came of all files.
    pub fn finish(mut self) -> Result<Gathered, StoreError> {
        self.joiner.end();
        self.take_all()?;
        self.gathered.failures.clone_from(self.joiner.failures());
        Ok(self.gathered)
    }

    fn take_all(&mut self) -> Result<(), StoreError> {
        self.joiner.told().iter().try_for_each(|logged| self.take(logged))
    }

    fn take(&mut self, logged: &Logged) -> Result<(), StoreError> {
        let fate = self.fate(logged)?;
        let index = usize::try_from(logged.file).unwrap_or_default();
        if let Some(account) = self.gathered.accounts.get_mut(index) {
            account.add(fate, &logged.tls);
        }
        Ok(())
    }

    /// What becomes of a recipient.
    fn fate(&mut self, logged: &Logged) -> Result<Fate, StoreError> {
        if logged.at < self.exclusions.oldest {
            return Ok(Fate::TooOld);
        }
        let Some(judged) = self.judged(logged) else {
            return Ok(Fate::NotOptedIn);
        };
        let print = Print::new(logged.at, &logged.id, logged.process, &logged.recipient);
        if print.near().any(|print| self.seen.contains(&print)) {
            return Ok(Fate::Again);
        }
        self.seen.insert(print);
        for at in [print.at - Print::NEAR, print.at + Print::NEAR] {
            let day = day_of(at);
            if self.days.insert(day) {
                self.imported.extend(self.exclusions.ledger.prints(day)?);
            }
        }
        let key = RowKey::from_log(&judged, &logged.tls, self.clients);
        let held = match self.held.entry((key.day, key.domain.clone())) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(place) => {
                place.insert(self.exclusions.ledger.held(key.day, &key.domain)?)
            }
        };
        let within = self.exclusions.imported.iter().any(|part| {
            let host = part.host.split('/').next().unwrap_or_default();
            host == logged.host && (part.first..=part.last).contains(&logged.told)
        });
        // Another import may have left the domain out.
        if held.logged && within || print.near().any(|print| self.imported.contains(&print)) {
            return Ok(Fate::Imported);
        }
        if held.was_judged(&judged.sender, logged.told) {
            return Ok(Fate::Judged);
        }
        self.gathered.told.prints.push(print);
        let once = Tally::once(logged.at);
        self.gathered.told.mail.entry(key).and_modify(|tally| tally.add(once)).or_insert(once);
        Ok(Fate::Recorded)
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
