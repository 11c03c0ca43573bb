//! Who asks, and what they may.

use super::error::{Denied, OpError};
use super::words::{Role, Scope, Via};
use jiff::Timestamp;

/// Who asks.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The account; none: whoever has the shell.
    pub account: Option<String>,
    /// Its name for the audit log: the login; of the shell, the user of the system.
    pub login: String,
    /// What the account is for.
    pub role: Role,
    /// Its organisation; none: an operator.
    pub organisation: Option<String>,
    /// The organisation that an operator acts on behalf of.
    pub behalf: Option<String>,
    /// Of a token: what it may be used for. None: all that the account may.
    pub scopes: Option<Vec<Scope>>,
    /// When the password was last given in this session; none: not, as with tokens.
    pub confirmed: Option<Timestamp>,
    /// By what.
    pub via: Via,
    /// From where: an address, or empty for the shell.
    pub address: String,
}

impl Actor {
    /// Whether this is an operator, and may act as one.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.role == Role::Operator && self.has(Scope::Operator)
    }

    /// The organisation whose domains are meant, where it is one: the own, or that acted for.
    #[must_use]
    pub fn acting_for(&self) -> Option<&str> {
        self.organisation.as_deref().or(self.behalf.as_deref())
    }

    /// Whether a token has a scope.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&scope))
    }

    /// Refuses a token without a scope.
    ///
    /// # Errors
    ///
    /// [`Denied::Scope`].
    pub fn needs(&self, scope: Scope) -> Result<(), OpError> {
        if self.has(scope) { Ok(()) } else { Err(Denied::Scope(scope).into()) }
    }
}

/// An actor who is an operator.
#[derive(Clone, Debug)]
pub struct Operator(Actor);

impl Operator {
    /// Checks it.
    ///
    /// # Errors
    ///
    /// [`Denied::OperatorOnly`], or [`Denied::Scope`] for an operator's token.
    pub fn check(actor: &Actor) -> Result<Self, OpError> {
        if actor.role != Role::Operator {
            return Err(Denied::OperatorOnly.into());
        }
        actor.needs(Scope::Operator)?;
        Ok(Self(actor.clone()))
    }

    /// Who it is.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.0
    }
}
