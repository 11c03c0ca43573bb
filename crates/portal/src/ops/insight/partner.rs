//! One partner's story: the report on the mail of one server, or of one sender domain.

use super::gateway::Gateway;
use super::since;
use crate::ops::OpError;
use crate::ops::domains::OwnedDomain;
use jiff::Timestamp;
use ledger::report::{By, Query, Report};
use ledger::{Day, Delivery, Handshake, History, Reader, Row, Selection, StoreError, Told};

/// What the ledger has of one partner.
struct Of<'r> {
    reader: &'r Reader,
    /// An address or a name of a server, or a domain of senders; in lower case.
    partner: &'r str,
}

impl Of<'_> {
    fn is(&self, row: &Row) -> bool {
        let key = &row.key;
        [&key.client, &key.name, &key.sender].into_iter().any(|name| *name == self.partner)
    }
}

impl History for Of<'_> {
    type Error = StoreError;

    fn each(&self, selection: &Selection, mut each: impl FnMut(Row)) -> Result<(), StoreError> {
        self.reader.each(selection, |row| {
            if self.is(&row) {
                each(row)
            }
        })
    }

    fn deliveries(&self, _: &Selection, _: impl FnMut(Delivery)) -> Result<(), StoreError> {
        Ok(())
    }

    fn handshakes(&self, _: &Selection, _: impl FnMut(Handshake)) -> Result<(), StoreError> {
        Ok(())
    }

    fn count(&self, selection: &Selection) -> Result<u64, StoreError> {
        self.reader.count(selection)
    }

    fn lost(&self, _: Day) -> Result<u64, StoreError> {
        // That is about all partners.
        Ok(0)
    }

    fn span(&self) -> Result<Option<(i64, i64)>, StoreError> {
        self.reader.span()
    }

    fn told(&self, _: &str) -> Result<Told, StoreError> {
        Ok(Told::default())
    }
}

/// The report on a domain, of the mail of one partner alone; none where nothing came from there. By
/// peer, if it is a sender domain, else by sender.
///
/// # Errors
///
/// [`OpError::Unavailable`] where there is no ledger, or it cannot be read.
pub fn partner(
    gateway: &Gateway,
    domain: &OwnedDomain,
    partner: &str,
    days: u32,
    now: Timestamp,
) -> Result<Option<Report>, OpError> {
    let ledger = gateway.ledger()?;
    let partner = partner.trim().trim_end_matches('.').to_lowercase();
    let of = Of { reader: &ledger, partner: &partner };
    let query = Query {
        since: since(domain, days, now),
        of: Some(domain.name().pattern()),
        by: By::Peer,
        verdict: None,
    };
    let report = Report::new(&of, &query).map_err(|error| gateway.unreadable(&error))?;
    Ok((report.totals.judged > 0).then_some(report))
}
