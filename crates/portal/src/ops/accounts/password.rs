//! An account's password: set by its owner, by a one-time link, or from the shell.

use super::{Account, SELECT, by_id, check_other, end_sessions, end_tokens, own, read, write};
use crate::bind;
use crate::ops::audit::Action;
use crate::ops::{Actor, Denied, OpError, Operator, Via};
use crate::secret::Secret;
use crate::store::Transaction;
use jiff::{Timestamp, ToSpan};

/// How long a link to set a password can be used.
pub const LINK_HOURS: i64 = 48;

/// Makes a one-time link by which the password of an account is set. An earlier one ends.
///
/// # Errors
///
/// [`OpError::NotFound`]; [`Denied::Unconfirmed`]; [`Denied::PagesOnly`]; [`Denied::ShellOnly`] for an
/// operator's.
pub fn make_link(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    id: &str,
    now: Timestamp,
) -> Result<Secret, OpError> {
    let account = by_id(transaction, id)?;
    check_other(transaction, operator, &account, now)?;
    new_link(transaction, operator, id, now)
}

pub(super) fn new_link(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    id: &str,
    now: Timestamp,
) -> Result<Secret, OpError> {
    let account = by_id(transaction, id)?;
    let secret = Secret::new("");
    transaction.execute("DELETE FROM link WHERE account = $1", bind![id])?;
    let sql = "INSERT INTO link (hash, account, created, ends) VALUES ($1, $2, $3, $4)";
    transaction.execute(sql, bind![secret.hash(), id, now, now + LINK_HOURS.hours()])?;
    write(transaction, operator.actor(), now, Action::LinkMade, None, Some(&account))?;
    Ok(secret)
}

/// The account that a one-time link is for.
///
/// # Errors
///
/// [`OpError::NotFound`] for one that was used, has ended, or never was.
pub fn of_link(
    transaction: &mut Transaction<'_>,
    link: &Secret,
    now: Timestamp,
) -> Result<Account, OpError> {
    let sql = format!(
        "{SELECT} JOIN link l ON l.account = a.id WHERE l.hash = $1 AND l.ends > $2 AND a.disabled IS NULL"
    );
    let row = transaction.first(&sql, bind![link.hash(), now])?;
    read(&row.ok_or(OpError::NotFound)?)
}

/// Uses a one-time link: sets the password of its account, and ends all its sessions and tokens: whoever
/// needs one does not know who had the account. An authenticator stays: a link is no way around it.
///
/// # Errors
///
/// As [`of_link`].
pub fn use_link(
    transaction: &mut Transaction<'_>,
    link: &Secret,
    password: &str,
    address: &str,
    now: Timestamp,
) -> Result<Account, OpError> {
    let account = of_link(transaction, link, now)?;
    if transaction.execute("DELETE FROM link WHERE hash = $1", bind![link.hash()])? != 1 {
        return Err(OpError::NotFound);
    }
    set_hash(transaction, &account.id, password)?;
    end_tokens(transaction, &account.id, now)?;
    let actor = as_actor(&account, address);
    write(transaction, &actor, now, Action::PasswordSet, None, Some(&account))?;
    Ok(account)
}

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

fn set_hash(transaction: &mut Transaction<'_>, id: &str, password: &str) -> Result<(), OpError> {
    let sql = "UPDATE account SET password = $1, version = version + 1 WHERE id = $2";
    transaction.execute(sql, bind![password, id])?;
    end_sessions(transaction, id)
}

/// Sets the own password, as [`crate::auth::password`] has hashed it. All sessions end, this one too,
/// and the tokens as well where that is asked for.
///
/// # Errors
///
/// [`Denied::Unconfirmed`]; [`Denied::PagesOnly`] for a token.
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

/// Sets the password of an account from the shell. Its sessions and tokens end.
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
    write(transaction, operator.actor(), now, Action::PasswordSet, None, Some(&account))
}

/// How long a password that was given counts for what is dangerous, in minutes.
pub const CONFIRMED_MINUTES: i64 = 10;

/// The own account, if the password was given in this session not long ago.
///
/// # Errors
///
/// [`Denied::Unconfirmed`]; [`Denied::PagesOnly`] for a token.
pub(in crate::ops) fn confirmed(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    now: Timestamp,
) -> Result<Account, OpError> {
    if actor.scopes.is_some() {
        return Err(Denied::PagesOnly.into());
    }
    let since = now - CONFIRMED_MINUTES.minutes();
    if actor.confirmed.is_none_or(|confirmed| confirmed < since) {
        return Err(Denied::Unconfirmed.into());
    }
    own(transaction, actor)
}
