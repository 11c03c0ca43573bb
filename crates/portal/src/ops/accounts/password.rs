//! An account's password: set by its owner or from the shell.

use super::identity::end_identities;
use super::{Account, by_id, confirmed, end_sessions, end_tokens, write};
use crate::bind;
use crate::ops::audit::Action;
use crate::ops::{Actor, OpError, Operator, Via};
use crate::store::Transaction;
use jiff::Timestamp;

/// Whoever has just shown to be this account, before there is a session.
pub(in crate::ops) fn as_actor(account: &Account, address: &str) -> Actor {
    Actor {
        account: Some(account.id.clone()),
        login: account.login.clone(),
        role: account.role,
        organisation: account.organisation.clone(),
        behalf: None,
        scopes: None,
        confirmed: None,
        via: Via::Page,
        address: address.to_owned(),
    }
}

pub(super) fn set_hash(
    transaction: &mut Transaction<'_>,
    id: &str,
    password: &str,
) -> Result<(), OpError> {
    let sql = "UPDATE account SET password = $1, version = version + 1 WHERE id = $2";
    transaction.execute(sql, bind![password, id])?;
    end_sessions(transaction, id)
}

/// Sets the own password, as [`crate::auth::password`] has hashed it. All sessions end, this one too,
/// and the tokens as well where that is asked for.
///
/// # Errors
///
/// [`Denied::Unconfirmed`](crate::ops::Denied); `Denied::PagesOnly` for a token.
pub fn set_own_password(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    password: &str,
    tokens_too: bool,
    now: Timestamp,
) -> Result<(), OpError> {
    let account = confirmed(transaction, actor, now)?;
    set_hash(transaction, &account.id, password)?;
    if tokens_too {
        end_tokens(transaction, &account.id, now)?;
    }
    write(transaction, actor, now, Action::PasswordSet, None, Some(&account))
}

/// Sets the password of an account from the shell. Its sessions, tokens and joined identities end.
///
/// # Errors
///
/// [`OpError::NotFound`].
pub fn set_password(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    id: &str,
    password: &str,
    now: Timestamp,
) -> Result<(), OpError> {
    let account = by_id(transaction, id)?;
    set_hash(transaction, id, password)?;
    end_tokens(transaction, id, now)?;
    end_identities(transaction, operator.actor(), &account, now)?;
    write(transaction, operator.actor(), now, Action::PasswordSet, None, Some(&account))
}
