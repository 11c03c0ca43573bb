//! What logs tell becomes rows of the ledger, each once: for `import`, and for whoever follows a log.
//!
//! ```text
//! lines --Joiner--> recipients, deliveries, failed handshakes --Intake: judged, known again--> FromLog
//! FromLog --Store::import--> the ledger
//! ```
//!
//! All that is counted leaves a [`Print`]. So the same lines may be read again, from an earlier place or
//! in another copy of the log: what the ledger has is left out.

mod known;

use crate::model::clients::Clients;
use crate::model::day::{DAY, Day, day_of};
use crate::model::delivery::DeliveryKey;
use crate::model::handshake::{Afterwards, HandshakeKey};
use crate::model::imports::{FromLog, Held, Imported, Print, count};
use crate::model::key::{Key, KeyRef, SenderDomain, SubjectKind};
use crate::model::row::RowKey;
use crate::model::tally::Tally;
use crate::postfix_log::{Clock, Delivered, FailedHandshake, Joiner, Logged, Tallied, Unread};
use crate::sqlite::error::StoreError;
use crate::sqlite::followed_before::FollowedBefore;
use crate::sqlite::store::Store;
use jiff::Timestamp;
use known::Known;
use policy::{Case, Client, DomainName, OnUnknownTls, Policy, Recipient, Sender, TlsState, judge};
use std::collections::{BTreeMap, HashMap, hash_map::Entry};
use std::mem;
use strum::IntoEnumIterator;

/// What is taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All.
    All,
    /// All but mail that came: the milter judges it.
    NotMail,
}

/// What the lines of a log told of.
#[derive(Clone, Copy, Debug)]
pub enum FromLine<'t> {
    /// A recipient of mail that came.
    Mail(&'t Logged),
    /// A delivery.
    Delivery(&'t Delivered),
    /// A handshake that failed; a recipient that its client then named.
    Handshake(&'t FailedHandshake),
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is counted.
    Recorded,
    /// The ledger has it from before.
    Imported,
    /// Other lines told of it already.
    Again,
    /// The milter judged it.
    Judged,
    /// The policy does not opt its domain in, or switches it off.
    NotOptedIn,
    /// It is older than the ledger keeps.
    TooOld,
}

/// Takes logs in.
#[derive(Debug)]
pub struct Intake {
    clients: Clients,
    on_unknown_tls: OnUnknownTls,
    wanted: Wanted,
    oldest: i64,
    /// Parts of logs that earlier releases imported, once they were asked for.
    old: Option<Vec<Imported>>,
    /// What the ledger holds, by day and domain.
    held: HashMap<(Day, String), Held>,
    known: Known,
    followed: Option<FollowedBefore>,
    joiner: Joiner,
    told: FromLog,
}

impl Intake {
    /// An intake that has seen nothing. What is older than `oldest`, in seconds since 1970-01-01, is left
    /// out: the ledger would delete it at once.
    #[must_use]
    pub fn new(
        clients: Clients,
        on_unknown_tls: OnUnknownTls,
        wanted: Wanted,
        oldest: i64,
    ) -> Self {
        Self {
            clients,
            on_unknown_tls,
            wanted,
            oldest,
            old: None,
            held: HashMap::new(),
            known: Known::default(),
            followed: None,
            joiner: Joiner::new(),
            told: FromLog::default(),
        }
    }

    /// Takes in a line of this file: a number of the caller's, which comes back with mail
    /// ([`Logged::file`]). What it tells is counted with [`Intake::judge`].
    ///
    /// # Errors
    ///
    /// When it seems to be a line of smtpd, and cannot be read.
    pub fn line(&mut self, line: &str, clock: &Clock, file: u32) -> Result<(), Unread> {
        self.joiner.line(line, clock, file)
    }

    /// It is this time now, in seconds since 1970-01-01: what was waited for will not come.
    pub fn past(&mut self, now: i64) {
        self.joiner.past(now);
    }

    /// The end of the log: whatever is open is told as it stands. A log that goes on is not ended:
    /// who reads it again from an earlier place counts nothing twice.
    pub fn end(&mut self) {
        self.joiner.end();
    }

    /// What was found in the lines so far.
    #[must_use]
    pub fn tallied(&self) -> Tallied {
        self.joiner.tallied()
    }

    /// Why handshakes failed, and how often.
    #[must_use]
    pub fn failures(&self) -> BTreeMap<String, u64> {
        self.joiner.failures()
    }

    /// Leaves out what was recorded while the log was followed.
    pub fn leave_out(&mut self, followed: FollowedBefore) {
        self.followed = Some(followed);
    }

    /// From now on, what is older than this is left out: [`Intake::new`].
    pub fn set_oldest(&mut self, oldest: i64) {
        self.oldest = oldest;
    }

    /// Judges and counts what the lines told since this was last done. `each` hears what became of it.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read. What was not counted by then is lost: read the lines again.
    pub fn judge(
        &mut self,
        policy: &Policy,
        store: &Store,
        mut each: impl FnMut(FromLine<'_>, Fate),
    ) -> Result<(), StoreError> {
        for logged in self.joiner.told() {
            if self.wanted == Wanted::All {
                let fate = self.mail(&logged, policy, store)?;
                each(FromLine::Mail(&logged), fate);
            }
        }
        for delivered in self.joiner.deliveries() {
            let fate = self.delivery(&delivered, policy, store)?;
            each(FromLine::Delivery(&delivered), fate);
        }
        for handshake in self.joiner.handshakes() {
            let fate = self.handshake(&handshake, policy, store)?;
            each(FromLine::Handshake(&handshake), fate);
        }
        Ok(())
    }

    /// What was counted since this was last asked, for [`Store::import`].
    #[must_use]
    pub fn take(&mut self) -> FromLog {
        // The milter goes on judging.
        self.held.clear();
        self.known.forget_old();
        mem::take(&mut self.told)
    }

    /// What becomes of a recipient of mail that came.
    fn mail(
        &mut self,
        logged: &Logged,
        policy: &Policy,
        store: &Store,
    ) -> Result<Fate, StoreError> {
        if logged.at < self.oldest {
            return Ok(Fate::TooOld);
        }
        let Some(judged) = self.judged(logged, policy) else {
            return Ok(Fate::NotOptedIn);
        };
        let print = Print::new(logged.at, &logged.id, logged.process, &logged.recipient);
        if self.known.is_seen(print) {
            return Ok(Fate::Again);
        }
        self.known.see(print);
        let is_imported = self.known.is_imported(print, store)?;
        let key = RowKey::from_log(&judged, &logged.tls, &self.clients);
        let within = self.is_within_old(logged, store)?;
        let held = match self.held.entry((key.day, key.domain.clone())) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(place) => place.insert(store.held(key.day, &key.domain)?),
        };
        // Another import may have left the domain out.
        if held.logged && within || is_imported {
            return Ok(Fate::Imported);
        }
        if held.was_judged(&judged.sender, logged.told) {
            return Ok(Fate::Judged);
        }
        self.told.prints.push(print);
        count(&mut self.told.mail, key, Tally::once(logged.at));
        Ok(Fate::Recorded)
    }

    /// Whether it is in a part of a log that an earlier release imported.
    fn is_within_old(&mut self, logged: &Logged, store: &Store) -> Result<bool, StoreError> {
        let old = match &mut self.old {
            Some(old) => old,
            none => none.insert(store.imported()?),
        };
        Ok(old.iter().any(|part| {
            let host = part.host.split('/').next().unwrap_or_default();
            host == logged.host && (part.first..=part.last).contains(&logged.told)
        }))
    }

    /// What the milter would have recorded.
    fn judged(&self, logged: &Logged, policy: &Policy) -> Option<Key> {
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
        let verdict = judge(policy, &case);
        let mut key = KeyRef::new(&case, &verdict, logged.name.as_ref())?;
        // A sender that the log does not tell is not the null sender.
        if logged.sender.is_none() {
            key.sender = SenderDomain::Other;
        }
        Some(key.to_key())
    }

    /// What becomes of a delivery.
    fn delivery(
        &mut self,
        delivered: &Delivered,
        policy: &Policy,
        store: &Store,
    ) -> Result<Fate, StoreError> {
        let attempt = &delivered.attempt;
        if attempt.at < self.oldest {
            return Ok(Fate::TooOld);
        }
        // Both hops of a message stand under one domain: that of the recipient as the client wrote it. Mail
        // for others, or for those of whom only `*` speaks, that is routed to an opted-in domain is that domain's.
        let written = opted_in(policy, &delivered.recipient, attempt.at);
        let routed = || {
            let is_another = delivered.routed != delivered.recipient;
            is_another.then(|| opted_in(policy, &delivered.routed, attempt.at)).flatten()
        };
        let domain = match written {
            Some(written) if is_named(policy, &written) => Some(written),
            Some(written) => routed().filter(|routed| is_named(policy, routed)).or(Some(written)),
            None => routed(),
        };
        let Some(domain) = domain else { return Ok(Fate::NotOptedIn) };
        let has_it = |it: &FollowedBefore| it.has_delivery(domain.as_str(), attempt.at);
        if self.followed.as_ref().is_some_and(has_it) {
            return Ok(Fate::Imported);
        }
        let Delivered { id, process, routed, .. } = delivered;
        let print = Print::of_delivery(attempt.at, id, *process, routed, attempt.status);
        if self.known.is_seen(print) {
            return Ok(Fate::Again);
        }
        self.known.see(print);
        if self.known.is_imported(print, store)? {
            return Ok(Fate::Imported);
        }
        self.told.prints.push(print);
        count(&mut self.told.deliveries, DeliveryKey::new(&domain, attempt), attempt.tally());
        Ok(Fate::Recorded)
    }

    /// What becomes of a failed handshake, or of a recipient that its client then named.
    fn handshake(
        &mut self,
        handshake: &FailedHandshake,
        policy: &Policy,
        store: &Store,
    ) -> Result<Fate, StoreError> {
        if handshake.at < self.oldest {
            return Ok(Fate::TooOld);
        }
        if self.followed.as_ref().is_some_and(|followed| followed.has_handshake(handshake.at)) {
            return Ok(Fate::Imported);
        }
        let domain = match &handshake.recipient {
            None => None,
            Some(recipient) => match opted_in(policy, recipient, handshake.at) {
                None => return Ok(Fate::NotOptedIn),
                domain => domain,
            },
        };
        let name = handshake.name.as_ref().filter(|_| self.clients.are_named());
        let shown = handshake.client.map(|address| self.clients.shown(address));
        let key = HandshakeKey {
            day: day_of(handshake.at),
            domain: domain.as_ref().map(DomainName::to_string).unwrap_or_default(),
            client: shown.unwrap_or_default(),
            name: name.map(DomainName::to_string).unwrap_or_default(),
            failure: handshake.failure.clone(),
            afterwards: handshake.afterwards,
        };
        let FailedHandshake { at, process, client, nth, .. } = handshake;
        let of = |afterwards| {
            let key = HandshakeKey { afterwards, ..key.clone() };
            Print::of_handshake(*at, *process, *client, *nth, &key)
        };
        // Whoever came back did so only once, and whoever was told to stay away may come back after all.
        let mut returned = false;
        for afterwards in Afterwards::iter() {
            let print = of(afterwards);
            let is_seen = self.known.is_seen(print);
            if !is_seen && !self.known.is_imported(print, store)? {
                continue;
            }
            if afterwards != Afterwards::Away || handshake.afterwards == Afterwards::Away {
                return Ok(if is_seen { Fate::Again } else { Fate::Imported });
            }
            returned = true;
        }
        let once = Tally::once(handshake.at);
        let tally = if handshake.is_again { Tally::again(handshake.at) } else { once };
        if returned {
            let away = HandshakeKey { afterwards: Afterwards::Away, ..key.clone() };
            count(&mut self.told.returned, away, tally);
        }
        let print = of(handshake.afterwards);
        self.known.see(print);
        self.told.prints.push(print);
        count(&mut self.told.handshakes, key, tally);
        Ok(Fate::Recorded)
    }
}

/// The domain of a recipient, if the policy opts it in.
fn opted_in(policy: &Policy, recipient: &str, at: i64) -> Option<DomainName> {
    let recipient = Recipient::new(recipient.as_bytes(), None, None);
    let sender = Sender::new(b"", None);
    let case = Case {
        tls: &TlsState::Unknown,
        client: Client { address: None, authenticated: false, local_submission: false },
        sender: &sender,
        recipient: &recipient,
        now: Timestamp::from_second(at).ok()?,
        on_unknown_tls: OnUnknownTls::Pass,
        require: None,
    };
    let verdict = judge(policy, &case);
    let key = KeyRef::new(&case, &verdict, None)?;
    key.domain.filter(|_| key.found == SubjectKind::Recipient).cloned()
}

/// Whether an entry other than that for all speaks of a domain.
fn is_named(policy: &Policy, domain: &DomainName) -> bool {
    policy.domains.find_domain(domain).is_some_and(|found| found.pattern != "*")
}

/// Days of which it is remembered what was counted, once there is much.
const DAYS: i64 = 2 * DAY;

#[cfg(test)]
mod tests;
