//! What the tests of several modules begin with.

use crate::history::{Domains, History, Selection, Told};
use crate::model::clients::Clients;
use crate::model::day::{DAY, Day};
use crate::model::delivery::Delivery;
use crate::model::handshake::Handshake;
use crate::model::key::{Key, SenderDomain, SubjectKind};
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
    let domain = &*row.key.domain;
    let is_of_domains = match &selection.domains {
        Domains::All => true,
        Domains::One(wanted) => domain == wanted.as_str(),
        Domains::Below(parent) => domain.ends_with(&format!(".{parent}")),
    };
    row.key.day >= selection.since && is_of_domains
}
