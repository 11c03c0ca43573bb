//! Both hops of one domain.

use super::came::Came;
use super::exception::{Exception, What};
use super::is_of_recipient;
use super::left::Left;
use crate::model::day::day_of;
use crate::model::delivery::{Delivery, DeliveryKey, DeliveryReason, DeliveryStatus};
use crate::model::row::{OTHERS, Row};
use crate::model::tally::Tally;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How long after an attempt a message that waits is tried again at the latest, in seconds: Postfix has
/// `maximal_backoff_time` (4000 s) and Sendmail a run of the queue (an hour), and both are busy at times.
const TRIED_AGAIN: i64 = 4 * 60 * 60;
/// How many clients of an exception, and servers of a domain, are told apart at most.
const MOST_CLIENTS: usize = 4;
const MOST_SERVERS: usize = 20;

/// Both hops of the mail for a domain.
#[derive(Clone, Debug, Serialize)]
pub struct DomainHops {
    /// The recipient domain, as it is shown.
    pub domain: String,
    /// What can be said of how its mail came.
    pub first: First,
    /// What can be said of how it left.
    pub second: Second,
    /// How it came.
    pub came: Came,
    /// How it left; none: nothing is recorded of it.
    pub left: Option<Left>,
    /// The first and the last moment at which it came, in seconds since 1970-01-01.
    pub came_between: Option<(i64, i64)>,
    /// The first and the last moment at which it left, or was tried.
    pub left_between: Option<(i64, i64)>,
    /// Whether all mail was recorded: none was lost, and none was put together with that of other domains.
    pub is_whole: bool,
    /// What did not go as it should.
    pub exceptions: Vec<Exception>,
}

/// What can be said of how mail came. None of it speaks of mail that was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum First {
    /// Nothing came, or it was refused.
    NothingCame,
    /// All came encrypted.
    AllEncrypted,
    /// Of some it is not known, and nothing is known to have come unencrypted.
    NotKnown,
    /// Not all came encrypted.
    NotAll,
}

/// What can be said of how mail left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Second {
    /// All stayed on this host.
    Stayed,
    /// All left encrypted, or stayed on this host, or waits.
    AllEncrypted,
    /// Nothing has left: it waits, or went back.
    NothingLeft,
    /// Nothing is recorded of it.
    NothingKnown,
    /// Of some it is not known, and nothing is known to have left unencrypted.
    NotKnown,
    /// Not all left encrypted.
    NotAll,
}

impl DomainHops {
    /// How much it needs attention: more is worse.
    pub(super) fn gravity(&self) -> u8 {
        let waits = self.exceptions.iter().any(Exception::is_held_up);
        match (self.first, self.second) {
            (_, Second::NotAll) => 5,
            _ if waits => 4,
            (First::NothingCame, Second::NothingKnown) => 0,
            (First::NotAll, _) => 3,
            (First::NotKnown, _) | (_, Second::NotKnown) => 2,
            (_, Second::NothingKnown) => 1,
            _ => 0,
        }
    }

    /// Whether all is known, and as it should be: every message came encrypted and left encrypted, or did
    /// not come.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.gravity() == 0
    }

    /// The days of which deliveries are known, where that is not all of the time in which mail came.
    #[must_use]
    pub fn known_between(&self) -> Option<(i64, i64)> {
        let ((came_first, came_last), (left_first, left_last)) =
            self.came_between.zip(self.left_between)?;
        let is_covered =
            day_of(left_first) <= day_of(came_first) && day_of(left_last) >= day_of(came_last) - 1;
        (!is_covered).then_some((left_first, left_last))
    }
}

impl Exception {
    /// Whether the encryption of the hop keeps mail waiting, or sent it back.
    #[must_use]
    pub fn is_held_up(&self) -> bool {
        self.reason.is_some_and(DeliveryReason::is_of_tls)
            && (self.what == What::WentBack || self.waits > 0)
    }
}

/// Both hops of a domain under way.
#[derive(Default)]
pub(super) struct Building {
    came: Came,
    left: Option<Box<Left>>,
    came_between: Option<(i64, i64)>,
    left_between: Option<(i64, i64)>,
    of_recipient: bool,
    exceptions: BTreeMap<Place, Fault>,
}

/// What exceptions have in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    what: What,
    reason: Option<DeliveryReason>,
    server: String,
}

#[derive(Default)]
struct Fault {
    recipients: u64,
    left_since: u64,
    settled: u64,
    resumed: u64,
    between: Option<(i64, i64)>,
    words: String,
    /// Of what waits, the last server.
    server: String,
    /// Whether there were others.
    other_servers: bool,
    clients: BTreeSet<String>,
}

impl Building {
    pub fn came(&mut self, row: &Row, encrypted: bool) {
        self.of_recipient |= is_of_recipient(row);
        row.tally.widen(&mut self.came_between);
        let Some(what) = self.came.add(row, encrypted) else { return };
        let place = Place { what, reason: None, server: String::new() };
        let fault = self.exceptions.entry(place).or_default();
        fault.add(row.tally);
        let key = &row.key;
        let client = if key.name.is_empty() { &key.client } else { &key.name };
        if fault.clients.len() < MOST_CLIENTS && !key.is_others() && !client.is_empty() {
            fault.clients.insert(client.clone());
        }
    }

    pub fn left(&mut self, delivery: &Delivery, encrypted: bool) {
        let (key, tally) = (&delivery.key, delivery.tally);
        self.of_recipient = true;
        tally.widen(&mut self.left_between);
        let what = self.left.get_or_insert_default().add(delivery, encrypted);
        // Of what had waited for this reason, some has left, or waits for it no longer.
        let is_over = match key.status {
            DeliveryStatus::Sent | DeliveryStatus::Settled | DeliveryStatus::Resumed => true,
            DeliveryStatus::Deferred | DeliveryStatus::Bounced => false,
        };
        if is_over && key.reason != DeliveryReason::None {
            let place = self.place(What::Waits, Some(key.reason), key);
            let fault = self.exceptions.entry(place).or_default();
            match key.status {
                DeliveryStatus::Sent => fault.left_since += tally.recipients(),
                DeliveryStatus::Settled => fault.settled += tally.recipients(),
                DeliveryStatus::Resumed => fault.resumed += tally.recipients(),
                DeliveryStatus::Deferred | DeliveryStatus::Bounced => {}
            }
        }
        let Some(what) = what else { return };
        let reason = (key.status != DeliveryStatus::Sent).then_some(key.reason);
        let place = self.place(what, reason, key);
        let fault = self.exceptions.entry(place).or_default();
        fault.add(tally);
        fault.other_servers |= !fault.server.is_empty() && fault.server != key.server;
        fault.server.clone_from(&key.server);
        if what == What::LeftWeak {
            fault.words = format!("{}, {}", key.tls_version, key.cipher);
        } else if !key.words.is_empty() {
            fault.words.clone_from(&key.words);
        }
    }

    /// Where an exception of this server is added up; with others, where there are too many. What waits for
    /// one server may leave to another one of the same domain.
    fn place(&self, what: What, reason: Option<DeliveryReason>, key: &DeliveryKey) -> Place {
        let server = if what == What::Waits { String::new() } else { key.server.clone() };
        let place = Place { what, reason, server };
        let is_full = self.exceptions.len() >= MOST_SERVERS;
        if is_full && !self.exceptions.contains_key(&place) {
            return Place { server: OTHERS.into(), ..place };
        }
        place
    }

    /// Whether its mail is recorded; else only that of partners is.
    pub fn is_opted_in(&self) -> bool {
        self.of_recipient
    }

    pub fn finish(self, domain: String, is_whole: bool, read_until: i64) -> DomainHops {
        let mut exceptions: Vec<Exception> = self
            .exceptions
            .into_iter()
            // Of what waited before the first day that is asked for, only that it has left is known.
            .filter_map(|(place, fault)| fault.finish(place, read_until))
            .collect();
        exceptions.sort_by(|one, other| {
            one.what.cmp(&other.what).then(other.recipients.cmp(&one.recipients))
        });
        let mut left = self.left.map(|left| *left);
        if let Some(left) = &mut left {
            left.waits = exceptions.iter().map(|one| one.waits).sum();
        }
        DomainHops {
            first: First::of(&self.came),
            second: Second::of(left.as_ref()),
            domain,
            came: self.came,
            left,
            came_between: self.came_between,
            left_between: self.left_between,
            is_whole,
            exceptions,
        }
    }
}

impl Fault {
    fn add(&mut self, tally: Tally) {
        self.recipients += tally.recipients();
        tally.widen(&mut self.between);
    }

    fn finish(self, place: Place, read_until: i64) -> Option<Exception> {
        let (first, last) = self.between?;
        let Place { what, reason, server } = place;
        // Attempts that repeat those of earlier days are of at least one message.
        let recipients = self.recipients.max(1);
        // What is not tried any more has left by another way, or has gone.
        let is_tried = what == What::Waits && last + TRIED_AGAIN >= read_until;
        let over = (self.left_since + self.settled).saturating_sub(self.resumed);
        Some(Exception {
            what,
            reason,
            words: self.words,
            server: if what == What::Waits { self.server } else { server },
            other_servers: what == What::Waits && self.other_servers,
            clients: self.clients.into_iter().collect(),
            recipients,
            left_since: self.left_since,
            waits: if is_tried { recipients.saturating_sub(over) } else { 0 },
            first,
            last,
            demanded: None,
            encryption_demanded: None,
            encryption_monitored: false,
        })
    }
}

impl First {
    fn of(came: &Came) -> Self {
        match () {
            () if came.unencrypted() > 0 => Self::NotAll,
            () if came.unknown > 0 => Self::NotKnown,
            () if came.encrypted > 0 => Self::AllEncrypted,
            () => Self::NothingCame,
        }
    }
}

impl Second {
    fn of(left: Option<&Left>) -> Self {
        let Some(left) = left else { return Self::NothingKnown };
        match () {
            () if left.unencrypted > 0 => Self::NotAll,
            () if left.unknown > 0 => Self::NotKnown,
            () if left.encrypted + left.verified > 0 => Self::AllEncrypted,
            () if left.local > 0 => Self::Stayed,
            () => Self::NothingLeft,
        }
    }
}
