//! An account's authenticator, and its recovery codes.

use super::{Account, by_id, check_other, confirmed, end_other_sessions, write};
use crate::bind;
use crate::ops::audit::Action;
use crate::ops::{Actor, OpError, Operator};
use crate::secret::{self, Secret};
use crate::store::Transaction;
use jiff::Timestamp;

/// Begins to set up an authenticator: a secret (Base32) that is shown and not yet asked for.
///
/// # Errors
///
/// [`Denied::Unconfirmed`](crate::ops::Denied::Unconfirmed); [`Denied::PagesOnly`](crate::ops::Denied::PagesOnly).
pub fn begin_totp(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    secret: &str,
    now: Timestamp,
) -> Result<Account, OpError> {
    let account = confirmed(transaction, actor, now)?;
    let sql = "UPDATE account SET totp_pending = $1 WHERE id = $2";
    transaction.execute(sql, bind![secret, &*account.id])?;
    Ok(account)
}

/// The secret of an authenticator that is being set up.
///
/// # Errors
///
/// [`OpError::NotFound`] where none is.
pub fn pending_totp(transaction: &mut Transaction<'_>, actor: &Actor) -> Result<String, OpError> {
    let sql = "SELECT totp_pending FROM account WHERE id = $1";
    let row = transaction.first(sql, bind![actor.account.clone()])?.ok_or(OpError::NotFound)?;
    row.get::<Option<String>>(0)?.ok_or(OpError::NotFound)
}

/// How many recovery codes an account gets.
const RECOVERY_CODES: usize = 10;

/// Ends the setting up of an authenticator: `step` is the time step of the first code, which was
/// right for this secret; `session` is the hash of the key of the session that goes on. All others end:
/// they were begun without it. Gives recovery codes, each of which can be used once in place of a code.
///
/// # Errors
///
/// [`Denied::Unconfirmed`](crate::ops::Denied::Unconfirmed); [`OpError::NotFound`] where none is being set
/// up, or another one by now.
pub fn set_totp(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    session: &str,
    secret: &str,
    step: i64,
    now: Timestamp,
) -> Result<Vec<String>, OpError> {
    let account = confirmed(transaction, actor, now)?;
    let sql = "UPDATE account SET totp_secret = $1, totp_pending = NULL, totp_step = $2, version = version + 1
         WHERE id = $3 AND totp_pending = $1";
    if transaction.execute(sql, bind![secret, step, &*account.id])? != 1 {
        return Err(OpError::NotFound);
    }
    end_other_sessions(transaction, &account.id, session)?;
    transaction.execute("DELETE FROM recovery_code WHERE account = $1", bind![&*account.id])?;
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let code = recovery_code();
        let sql = "INSERT INTO recovery_code (hash, account) VALUES ($1, $2)";
        transaction.execute(sql, bind![Secret::shown(&plain_code(&code)).hash(), &*account.id])?;
        codes.push(code);
    }
    let after = by_id(transaction, &account.id)?;
    write(transaction, actor, now, Action::TotpSet, Some(&account), Some(&after))?;
    Ok(codes)
}

/// A code of 80 random bits, in groups that can be copied by hand.
fn recovery_code() -> String {
    let digits = secret::hexadecimal(&secret::random::<10>());
    let groups: Vec<&str> =
        (0..5).filter_map(|group| digits.get(group * 4..group * 4 + 4)).collect();
    groups.join("-")
}

/// A code as it is compared: without what people put between its parts.
pub(in crate::ops) fn plain_code(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric()).collect::<String>().to_ascii_lowercase()
}

/// Takes the authenticator from the own account.
///
/// # Errors
///
/// [`Denied::Unconfirmed`](crate::ops::Denied::Unconfirmed); [`Denied::PagesOnly`](crate::ops::Denied::PagesOnly).
pub fn remove_own_totp(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), OpError> {
    let account = confirmed(transaction, actor, now)?;
    remove_totp_of(transaction, actor, &account, now)
}

/// Takes the authenticator from an account whose owner has lost it.
///
/// # Errors
///
/// [`OpError::NotFound`]; [`Denied::Unconfirmed`](crate::ops::Denied::Unconfirmed);
/// [`Denied::PagesOnly`](crate::ops::Denied::PagesOnly);
/// [`Denied::ShellOnly`](crate::ops::Denied::ShellOnly) for an operator's.
pub fn remove_totp(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    id: &str,
    now: Timestamp,
) -> Result<(), OpError> {
    let account = by_id(transaction, id)?;
    check_other(transaction, operator, &account, now)?;
    remove_totp_of(transaction, operator.actor(), &account, now)
}

fn remove_totp_of(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    account: &Account,
    now: Timestamp,
) -> Result<(), OpError> {
    let sql = "UPDATE account SET totp_secret = NULL, totp_pending = NULL, version = version + 1 WHERE id = $1";
    transaction.execute(sql, bind![&*account.id])?;
    transaction.execute("DELETE FROM recovery_code WHERE account = $1", bind![&*account.id])?;
    let after = by_id(transaction, &account.id)?;
    write(transaction, actor, now, Action::TotpRemoved, Some(account), Some(&after))
}
