//! The right to a domain, as a type: nothing is done to a domain without one of these, and only the
//! check makes them.

use super::name::DomainName;
use crate::bind;
use crate::ops::audit::Action;
use crate::ops::error::{Denied, OpError};
use crate::ops::{Actor, Role, Scope};
use crate::store::Transaction;
use jiff::Timestamp;

/// A domain that the actor may see.
#[derive(Clone, Debug)]
pub struct OwnedDomain {
    name: DomainName,
    organisation: String,
    since: Option<Timestamp>,
    actor: Actor,
}

impl OwnedDomain {
    /// Looks the domain up and checks whose it is.
    ///
    /// # Errors
    ///
    /// [`OpError::NotFound`] where there is no such domain, or the actor may not see it;
    /// [`Denied::Scope`] for a token without the scope `read`.
    pub fn check(
        transaction: &mut Transaction<'_>,
        actor: &Actor,
        name: &str,
    ) -> Result<Self, OpError> {
        actor.needs(Scope::Read)?;
        let name = DomainName::to_find(name).ok_or(OpError::NotFound)?;
        let sql = "SELECT organisation FROM domain WHERE name = $1";
        let row = transaction.first(sql, bind![name.as_str()])?.ok_or(OpError::NotFound)?;
        let organisation: String = row.get(0)?;
        let may_see = match actor.role {
            Role::Operator => actor.behalf.as_ref().is_none_or(|behalf| *behalf == organisation),
            Role::Administrator | Role::Reader => {
                actor.organisation.as_deref() == Some(&*organisation)
            }
        };
        if !may_see {
            return Err(OpError::NotFound);
        }
        let sql =
            "SELECT max(at) FROM audit WHERE subject = $1 AND action = $2 AND organisation <> $3";
        let removed: &str = Action::DomainRemoved.into();
        let values = bind![name.as_str(), removed, &*organisation];
        let since =
            transaction.first(sql, values)?.and_then(|row| row.get(0).transpose()).transpose()?;
        Ok(Self { name, organisation, since, actor: actor.clone() })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &DomainName {
        &self.name
    }

    /// The id of the organisation whose it is.
    #[must_use]
    pub fn organisation(&self) -> &str {
        &self.organisation
    }

    /// Until when it was another organisation's: what came before is that one's matter.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Who may see it.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Checks that the actor may change it as well.
    ///
    /// # Errors
    ///
    /// [`Denied`]: an account that only reads; an operator who has not said on behalf of whom.
    pub fn to_change(self) -> Result<ChangeableDomain, OpError> {
        match self.actor.role {
            Role::Reader => Err(Denied::ReadOnly.into()),
            Role::Administrator => Ok(ChangeableDomain(self)),
            // Who may not see others' was stopped before.
            Role::Operator if self.actor.behalf.is_some() => Ok(ChangeableDomain(self)),
            Role::Operator => Err(Denied::NoBehalf.into()),
        }
    }
}

/// A domain that the actor may change.
#[derive(Clone, Debug)]
pub struct ChangeableDomain(OwnedDomain);

impl ChangeableDomain {
    /// Looks the domain up and checks the right to it.
    ///
    /// # Errors
    ///
    /// As [`OwnedDomain::check`] and [`OwnedDomain::to_change`].
    pub fn check(
        transaction: &mut Transaction<'_>,
        actor: &Actor,
        name: &str,
    ) -> Result<Self, OpError> {
        OwnedDomain::check(transaction, actor, name)?.to_change()
    }

    /// The domain.
    #[must_use]
    pub fn domain(&self) -> &OwnedDomain {
        &self.0
    }
}
