//! One-time links: by which a password is set, or an identity joined, by whoever has no other way in.

use super::identity::{Proven, end_identities, insert};
use super::password::{as_actor, set_hash};
use super::{Account, SELECT, by_id, check_other, end_sessions, end_tokens, read, write};
use crate::bind;
use crate::ops::audit::Action;
use crate::ops::{Actor, OpError, Operator};
use crate::secret::Secret;
use crate::store::Transaction;
use jiff::{Timestamp, ToSpan};

/// How long a link can be used.
pub const LINK_HOURS: i64 = 48;

/// Makes a one-time link by which an account is opened anew. An earlier one ends.
///
/// # Errors
///
/// [`OpError::NotFound`]; [`Denied`](crate::ops::Denied): `Unconfirmed`, `PagesOnly`, `ShellOnly` for an
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

/// Uses a one-time link: sets the password of its account, which is then the one way in.
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
    let (account, actor) = open_anew(transaction, link, address, now)?;
    set_hash(transaction, &account.id, password)?;
    write(transaction, &actor, now, Action::PasswordSet, None, Some(&account))?;
    Ok(account)
}

/// Uses a one-time link up, and ends all ways into its account: sessions, tokens, the password, joined
/// identities. Whoever needs a link does not know who had the account. An authenticator stays: a link is no way
/// around it.
fn open_anew(
    transaction: &mut Transaction<'_>,
    link: &Secret,
    address: &str,
    now: Timestamp,
) -> Result<(Account, Actor), OpError> {
    let account = of_link(transaction, link, now)?;
    if transaction.execute("DELETE FROM link WHERE hash = $1", bind![link.hash()])? != 1 {
        return Err(OpError::NotFound);
    }
    let actor = as_actor(&account, address);
    let sql = "UPDATE account SET password = NULL, version = version + 1 WHERE id = $1";
    transaction.execute(sql, bind![&*account.id])?;
    end_sessions(transaction, &account.id)?;
    end_tokens(transaction, &account.id, now)?;
    end_identities(transaction, &actor, &account, now)?;
    Ok((account, actor))
}

/// Uses a one-time link: joins an identity to its account, which is then the one way in.
///
/// # Errors
///
/// [`OpError::NotFound`] for a link that was used, has ended, or never was; [`OpError::Taken`].
pub fn join_by_link(
    transaction: &mut Transaction<'_>,
    link: &Secret,
    proven: &Proven,
    address: &str,
    now: Timestamp,
) -> Result<(), OpError> {
    let (account, actor) = open_anew(transaction, link, address, now)?;
    insert(transaction, &actor, &account, (&proven.issuer, &proven.subject), now)
}
