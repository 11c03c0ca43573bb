//! What was imported from logs, and what is there already, so that nothing is counted twice.

use crate::model::day::{DAY, Day};
use crate::model::delivery::{DeliveryKey, DeliveryStatus};
use crate::model::handshake::HandshakeKey;
use crate::model::key::SenderDomain;
use crate::model::row::{OTHERS, RowKey, sender_text};
use crate::model::tally::Tally;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

/// The part of a host's log that is in the ledger, as earlier releases took note of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The host.
    pub host: String,
    /// The first moment, in seconds since 1970-01-01.
    pub first: i64,
    /// The last.
    pub last: i64,
}

/// What was told by a log, as rows of the ledger, for [`crate::Store::import`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FromLog {
    /// Mail that came, and that the milter did not judge.
    pub mail: HashMap<RowKey, Tally>,
    /// Deliveries to servers of organisations.
    pub deliveries: HashMap<DeliveryKey, Tally>,
    /// Handshakes that failed.
    pub handshakes: HashMap<HandshakeKey, Tally>,
    /// Handshakes that stand in the ledger as those of clients that stayed away, and did not.
    pub returned: HashMap<HandshakeKey, Tally>,
    /// By what all of these are known again.
    pub prints: Vec<Print>,
}

impl FromLog {
    /// Adds what was told further on.
    pub fn add(&mut self, more: Self) {
        fn rows<K: Eq + Hash>(rows: &mut HashMap<K, Tally>, more: HashMap<K, Tally>) {
            more.into_iter().for_each(|(key, tally)| count(rows, key, tally));
        }
        let Self { mail, deliveries, handshakes, returned, prints } = more;
        rows(&mut self.mail, mail);
        rows(&mut self.deliveries, deliveries);
        rows(&mut self.handshakes, handshakes);
        rows(&mut self.returned, returned);
        self.prints.extend(prints);
    }
}

/// Adds to the row with this key, be it there or not.
pub(crate) fn count<K: Eq + Hash>(rows: &mut HashMap<K, Tally>, key: K, tally: Tally) {
    rows.entry(key).and_modify(|known| known.add(tally)).or_insert(tally);
}

/// One recipient, delivery or handshake that was imported, by which it is known again: in another copy of the log, under
/// another name of the host, and with a time that another daemon took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Print {
    /// When it came, in seconds since 1970-01-01.
    pub at: i64,
    /// A hash of queue id, process and recipient or the like, of which nobody can tell them who does not know them.
    pub hash: u64,
}

impl Print {
    /// By how many seconds the times of one message differ: syslog takes them, or journald does.
    pub const NEAR: i64 = 2;

    /// That of a recipient of the message that a process of smtpd gave this queue id.
    #[must_use]
    pub fn new(at: i64, id: &str, process: u32, recipient: &str) -> Self {
        Self::of(at, &[id.as_bytes(), &process.to_be_bytes(), recipient.as_bytes()])
    }

    /// That of an attempt to deliver to a recipient.
    pub(crate) fn of_delivery(
        at: i64,
        id: &str,
        process: u32,
        recipient: &str,
        status: DeliveryStatus,
    ) -> Self {
        let status = status.code().as_bytes();
        let (process, recipient) = (process.to_be_bytes(), recipient.as_bytes());
        Self::of(at, &[b"delivery ", status, b" ", id.as_bytes(), &process, recipient])
    }

    /// That of a handshake that failed with a process, the `nth` of its kind at that time, for a
    /// domain that the client then wrote to or for none.
    pub(crate) fn of_handshake(
        at: i64,
        process: u32,
        client: Option<IpAddr>,
        nth: u32,
        key: &HandshakeKey,
    ) -> Self {
        let client = client.map(|address| address.to_string()).unwrap_or_default();
        let words = format!(
            "handshake {process} {client} {nth} {} {} {}",
            key.failure.word(),
            key.afterwards.code(),
            key.domain
        );
        Self::of(at, &[words.as_bytes()])
    }

    fn of(at: i64, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part);
        }
        let octets = hash.finalize();
        let first = octets.iter().take(8).fold(0, |sum: u64, octet| sum << 8 | u64::from(*octet));
        Self { at, hash: first }
    }

    /// Octets of a print in the ledger: the second of the day and the hash, each the greatest part first.
    const LENGTH: usize = 12;

    pub(crate) fn packed(self) -> [u8; Self::LENGTH] {
        let second = u32::try_from(self.at.rem_euclid(DAY)).unwrap_or_default();
        let ([a, b, c, d], [e, f, g, h, i, j, k, l]) =
            (second.to_be_bytes(), self.hash.to_be_bytes());
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }

    /// The prints of a day.
    pub(crate) fn unpacked(day: Day, octets: &[u8]) -> impl Iterator<Item = Self> + '_ {
        octets.chunks_exact(Self::LENGTH).map(move |print| {
            let number = print.iter().fold(0, |sum: u128, octet| sum << 8 | u128::from(*octet));
            let second = i64::try_from(number >> 64).unwrap_or_default();
            let hash = u64::try_from(number & u128::from(u64::MAX)).unwrap_or_default();
            Self { at: i64::from(day) * DAY + second, hash }
        })
    }

    /// The same recipient at all times that may be given for its message.
    pub fn near(self) -> impl Iterator<Item = Self> {
        (self.at - Self::NEAR..=self.at + Self::NEAR).map(move |at| Self { at, ..self })
    }
}

/// What the ledger holds of a domain on a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// When the milter first judged mail for the domain, in seconds since 1970-01-01.
    pub(crate) judged: Option<i64>,
    /// The same by sender domain, for mail that was judged only because its sender is a partner.
    pub(crate) judged_of: HashMap<String, i64>,
    /// Whether there is something from a log.
    pub logged: bool,
}

impl Held {
    /// Whether mail from a sender that was delivered at this time is in the ledger because the
    /// milter judged it.
    #[must_use]
    pub fn was_judged(&self, sender: &SenderDomain, at: i64) -> bool {
        [self.judged.as_ref(), self.judged_of.get(sender_text(sender)), self.judged_of.get(OTHERS)]
            .into_iter()
            .flatten()
            .any(|first| at >= *first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::day::day_of;

    #[test]
    fn a_print_is_the_same_when_it_is_read_again() {
        for at in [0, 86_399, 1_795_205_890, -1] {
            let print = Print::new(at, "4dBrAb1cD2zEf", 17, "user@example.com");
            let twice = [print.packed(), print.packed()].concat();
            let again: Vec<_> = Print::unpacked(day_of(at), &twice).collect();
            assert_eq!(again, [print, print], "{at}");
        }
    }
}
