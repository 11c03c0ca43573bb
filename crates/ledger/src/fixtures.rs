//! What the tests of several modules begin with.

use crate::history::{Domains, History, Selection, Told};
use crate::model::clients::Clients;
use crate::model::day::{DAY, Day};
use crate::model::delivery::{Delivery, DeliveryKey};
use crate::model::handshake::{Afterwards, Handshake, HandshakeKey};
use crate::model::key::{Key, SenderDomain, SubjectKind};
use crate::model::logged_tls::TlsFailure;
use crate::model::row::{Row, RowKey, Source};
use crate::model::tally::Tally;
use policy::{Decision, DomainName, ReasonKind, TlsState};
use std::convert::Infallible;

pub const TODAY: Day = 20_780;

pub fn domain(name: &str) -> DomainName {
    DomainName::parse(name).unwrap()
}

/// A session as an MTA tells of it.
pub fn tls(version: &str, cipher: &str, bits: &str) -> TlsState {
    TlsState::from_macros(Some(version.as_bytes()), Some(cipher.as_bytes()), Some(bits.as_bytes()))
}

/// A refused recipient of this client.
pub fn key(client: &str) -> Key {
    Key {
        day: TODAY,
        domain: Some(domain("example.com")),
        found: SubjectKind::Recipient,
        client: client.parse().ok(),
        name: Some(domain("mail.example.net")),
        sender: SenderDomain::Of(domain("example.net")),
        tls: TlsState::Plaintext,
        authenticated: false,
        local_submission: false,
        verdict: Decision::Refuse,
        reason: ReasonKind::Plaintext,
    }
}

/// The row of such recipients.
pub fn row(key: &Key, count: u64) -> Row {
    let first = i64::from(key.day) * DAY + 10;
    let key = RowKey::new(key, Source::Milter, &Clients::Full);
    Row { key, tally: Tally { count, repeats: Some(0), first, last: first + 5 } }
}

/// Rows of mail in memory: nothing was lost, and nobody was told of any.
impl History for Vec<Row> {
    type Error = Infallible;

    fn each(&self, selection: &Selection, each: impl FnMut(Row)) -> Result<(), Infallible> {
        let mut rows: Vec<_> = self.iter().filter(|row| is_wanted(row, selection)).collect();
        rows.sort_by_key(|row| (row.key.day, &row.key.domain));
        rows.into_iter().cloned().for_each(each);
        Ok(())
    }

    fn deliveries(&self, _: &Selection, _: impl FnMut(Delivery)) -> Result<(), Infallible> {
        Ok(())
    }

    fn handshakes(&self, _: &Selection, _: impl FnMut(Handshake)) -> Result<(), Infallible> {
        Ok(())
    }

    fn count(&self, selection: &Selection) -> Result<u64, Infallible> {
        Ok(self.iter().filter(|row| is_wanted(row, selection)).count() as u64)
    }

    fn lost(&self, _: Day) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn span(&self) -> Result<Option<(i64, i64)>, Infallible> {
        let first = self.iter().map(|row| row.tally.first).min();
        Ok(first.zip(self.iter().map(|row| row.tally.last).max()))
    }

    fn told(&self, _: &str) -> Result<Told, Infallible> {
        Ok(Told::new())
    }
}

fn is_wanted(row: &Row, selection: &Selection) -> bool {
    is_of(row.key.day, &row.key.domain, selection)
}

fn is_of(day: Day, domain: &str, selection: &Selection) -> bool {
    let is_of_domains = match &selection.domains {
        Domains::All => true,
        Domains::One(wanted) => domain == wanted.as_str(),
        Domains::Below(parent) => domain.ends_with(&format!(".{parent}")),
    };
    day >= selection.since && is_of_domains
}

/// All kinds of rows in memory.
#[derive(Default)]
pub struct Recorded {
    pub rows: Vec<Row>,
    pub deliveries: Vec<Delivery>,
    pub handshakes: Vec<Handshake>,
}

impl History for Recorded {
    type Error = Infallible;

    fn each(&self, selection: &Selection, each: impl FnMut(Row)) -> Result<(), Infallible> {
        self.rows.each(selection, each)
    }

    fn deliveries(
        &self,
        selection: &Selection,
        each: impl FnMut(Delivery),
    ) -> Result<(), Infallible> {
        let wanted = |one: &&Delivery| is_of(one.key.day, &one.key.domain, selection);
        self.deliveries.iter().filter(wanted).cloned().for_each(each);
        Ok(())
    }

    fn handshakes(
        &self,
        selection: &Selection,
        each: impl FnMut(Handshake),
    ) -> Result<(), Infallible> {
        let wanted = |one: &&Handshake| is_of(one.key.day, &one.key.domain, selection);
        self.handshakes.iter().filter(wanted).cloned().for_each(each);
        Ok(())
    }

    fn count(&self, selection: &Selection) -> Result<u64, Infallible> {
        self.rows.count(selection)
    }

    fn lost(&self, since: Day) -> Result<u64, Infallible> {
        self.rows.lost(since)
    }

    fn span(&self) -> Result<Option<(i64, i64)>, Infallible> {
        self.rows.span()
    }

    fn told(&self, entry: &str) -> Result<Told, Infallible> {
        self.rows.told(entry)
    }
}

/// A delivery of a message to `recipient@example.com`, so many seconds after the beginning of today, as
/// `TLSv1.3 verified sent none`.
pub fn delivery(at: i64, server: &str, words: &str, count: u64) -> Delivery {
    let words: Vec<&str> = words.split(' ').collect();
    let [version, trust, status, reason] = *words else { panic!("{words:?}") };
    let cipher = match version {
        "TLSv1.3" => "TLS_AES_256_GCM_SHA384",
        "TLSv1" => "RC4-SHA",
        "encrypted" => "not-said",
        "failed" => "none",
        version => version,
    };
    let key = DeliveryKey {
        day: TODAY,
        domain: "example.com".into(),
        server: server.into(),
        address: "192.0.2.25".into(),
        level: String::new(),
        tls_version: version.into(),
        cipher: cipher.into(),
        trust: trust.parse().unwrap(),
        status: status.parse().unwrap(),
        reason: reason.parse().unwrap(),
        words: String::new(),
    };
    let at = i64::from(TODAY) * DAY + at;
    Delivery { key, tally: Tally { count, repeats: Some(0), first: at, last: at } }
}

/// So many failed handshakes of a client, which then wrote to this domain or to none, so many seconds after
/// the beginning of today.
pub fn handshake(
    at: i64,
    (client, domain): (&str, &str),
    cause: &str,
    afterwards: Afterwards,
    count: u64,
) -> Handshake {
    let key = HandshakeKey {
        day: TODAY,
        domain: domain.into(),
        client: client.into(),
        name: "mail.example.net".into(),
        failure: TlsFailure::new(cause),
        afterwards,
    };
    let at = i64::from(TODAY) * DAY + at;
    Handshake { key, tally: Tally { count, repeats: Some(0), first: at, last: at } }
}
