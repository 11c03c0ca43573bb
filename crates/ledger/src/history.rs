//! What reports, simulations and digests read: the one way in to what was recorded, wherever it lies.

use crate::model::day::Day;
use crate::model::delivery::Delivery;
use crate::model::handshake::Handshake;
use crate::model::row::Row;
use policy::{DomainName, Pattern};
use std::collections::HashSet;

/// Which rows are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The first day.
    pub since: Day,
    /// Of which recipient domains.
    pub domains: Domains,
}

/// Recipient domains, as the name of an entry has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Domains {
    /// All, and recipients without one.
    #[default]
    All,
    /// This one.
    One(DomainName),
    /// All that are below this one, not itself.
    Below(DomainName),
}

/// What an entry of this name is about. The ledger holds no local parts: of a mailbox, it is all mail
/// for its domain.
impl From<&Pattern> for Domains {
    fn from(pattern: &Pattern) -> Self {
        match pattern {
            Pattern::Mailbox(_, domain) | Pattern::Domain(domain) => Self::One(domain.clone()),
            Pattern::Below(domain) => Self::Below(domain.clone()),
            Pattern::Every => Self::All,
        }
    }
}

/// What the contact of an entry was told of: clients, and whether they were refused.
pub type Told = HashSet<(String, bool)>;

/// What was recorded. The ledger's file is one ([`crate::Reader`]); another kind of storage only has
/// to offer this for all that is made of a ledger.
pub trait History {
    /// Why it cannot be read.
    type Error;

    /// Hands every row of mail that is wanted to `each`, in the order of days and domains.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn each(&self, selection: &Selection, each: impl FnMut(Row)) -> Result<(), Self::Error>;

    /// Hands every row of deliveries that is wanted to `each`, in the order of days and domains.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn deliveries(
        &self,
        selection: &Selection,
        each: impl FnMut(Delivery),
    ) -> Result<(), Self::Error>;

    /// Recipients whose mail has left this host since a day, of all domains.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn delivered(&self, since: Day) -> Result<u64, Self::Error> {
        let mut delivered = 0;
        self.deliveries(&Selection { since, ..Selection::default() }, |delivery| {
            if delivery.has_left() {
                delivered += delivery.tally.recipients();
            }
        })?;
        Ok(delivered)
    }

    /// Hands every row of failed handshakes that is wanted to `each`, in the order of days and domains.
    /// Of all domains, there come both those that count each handshake once and those of the domains
    /// that clients then wrote to: [`HandshakeKey::is_of_no_domain`].
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    ///
    /// [`HandshakeKey::is_of_no_domain`]: crate::HandshakeKey::is_of_no_domain
    fn handshakes(
        &self,
        selection: &Selection,
        each: impl FnMut(Handshake),
    ) -> Result<(), Self::Error>;

    /// How many rows of mail are wanted.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn count(&self, selection: &Selection) -> Result<u64, Self::Error>;

    /// How many recipients could not be recorded.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn lost(&self, since: Day) -> Result<u64, Self::Error>;

    /// The first and the last moment that it tells of, in seconds since 1970-01-01; none where there
    /// are no rows.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn span(&self) -> Result<Option<(i64, i64)>, Self::Error>;

    /// What the contact of an entry was told of.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn told(&self, entry: &str) -> Result<Told, Self::Error>;
}
