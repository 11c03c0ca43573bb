//! Identities: sign-ins at OpenID providers that are joined to an account. One is an issuer and a subject, and
//! nothing else: whoever has a mail address at a provider may have chosen it.

use super::{Account, by_id, check_other, confirmed, end_other_sessions};
use crate::bind;
use crate::ops::audit::{self, Action, Subject};
use crate::ops::{Actor, OpError, Operator};
use crate::secret;
use crate::store::{Row, StoreError, Transaction};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

/// Who somebody has shown to be, at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The provider.
    pub issuer: String,
    /// How it calls them.
    pub subject: String,
    /// When they showed it; none: it does not say.
    pub at: Option<Timestamp>,
}

/// An identity of an account's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its id.
    pub id: String,
    /// The provider.
    pub issuer: String,
    /// How it calls them.
    pub subject: String,
    /// When it was joined.
    pub created: Timestamp,
    /// When it last signed in.
    pub used: Option<Timestamp>,
}

/// By what people can sign in at present.
#[derive(Clone, Debug)]
pub struct Ways {
    /// Whether by passwords.
    pub passwords: bool,
    /// By which providers.
    pub issuers: Vec<String>,
}

fn read(row: &Row) -> Result<Identity, StoreError> {
    Ok(Identity {
        id: row.get(0)?,
        issuer: row.get(1)?,
        subject: row.get(2)?,
        created: row.get(3)?,
        used: row.get(4)?,
    })
}

fn of(transaction: &mut Transaction<'_>, account: &str) -> Result<Vec<Identity>, OpError> {
    let sql = "SELECT id, issuer, subject, created, used FROM identity WHERE account = $1 ORDER BY created, id";
    let rows = transaction.query(sql, bind![account])?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Those of the own account.
///
/// # Errors
///
/// [`OpError::NotFound`] for whoever has the shell.
pub fn own_identities(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
) -> Result<Vec<Identity>, OpError> {
    of(transaction, actor.account.as_deref().ok_or(OpError::NotFound)?)
}

/// Those of an account.
///
/// # Errors
///
/// Those of the database.
pub fn identities(
    transaction: &mut Transaction<'_>,
    _: &Operator,
    account: &str,
) -> Result<Vec<Identity>, OpError> {
    of(transaction, account)
}

/// The account of an identity, which is noted to sign in now.
pub(in crate::ops) fn by_identity(
    transaction: &mut Transaction<'_>,
    proven: &Proven,
    now: Timestamp,
) -> Result<Account, OpError> {
    let sql = "SELECT account FROM identity WHERE issuer = $1 AND subject = $2";
    let row = transaction.first(sql, bind![&*proven.issuer, &*proven.subject])?;
    let account: String = row.ok_or(OpError::NotFound)?.get(0)?;
    let sql = "UPDATE identity SET used = $1 WHERE issuer = $2 AND subject = $3";
    transaction.execute(sql, bind![now, &*proven.issuer, &*proven.subject])?;
    by_id(transaction, &account)
}

/// An identity as the log keeps it.
pub(in crate::ops) fn identity_json(issuer: &str, subject: &str) -> Json {
    json!({ "issuer": issuer, "subject": subject })
}

pub(super) fn insert(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    account: &Account,
    (issuer, subject): (&str, &str),
    now: Timestamp,
) -> Result<(), OpError> {
    let sql =
        "INSERT INTO identity (id, account, issuer, subject, created) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (issuer, subject) DO NOTHING";
    let values = bind![secret::id(), &*account.id, issuer, subject, now];
    if transaction.execute(sql, values)? == 0 {
        // Whose it is, is not for everybody to know.
        return Err(OpError::Taken("this sign-in is joined to an account already".into()));
    }
    let after = Some(identity_json(issuer, subject));
    note(transaction, actor, account, Action::IdentityJoined, [None, after], now)
}

fn note(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    account: &Account,
    action: Action,
    [before, after]: [Option<Json>; 2],
    now: Timestamp,
) -> Result<(), OpError> {
    let entry = audit::Entry {
        action,
        subject: Subject::Account { id: &account.id, login: &account.login },
        organisation: account.organisation.as_deref(),
        before,
        after,
        undoes: None,
    };
    audit::write(transaction, actor, now, entry)
}

/// Joins an identity to the own account; the session must be confirmed.
///
/// # Errors
///
/// [`OpError::Taken`]; [`Denied::Unconfirmed`](crate::ops::Denied); `Denied::PagesOnly`.
pub fn join(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    proven: &Proven,
    now: Timestamp,
) -> Result<(), OpError> {
    let account = confirmed(transaction, actor, now)?;
    insert(transaction, actor, &account, (&proven.issuer, &proven.subject), now)
}

/// Joins an identity that an operator knows.
///
/// # Errors
///
/// [`OpError::NotFound`]; [`OpError::Taken`]; [`OpError::Invalid`]; as for one-time links.
pub fn add_identity(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    account: &str,
    (issuer, subject): (&str, &str),
    now: Timestamp,
) -> Result<(), OpError> {
    let account = by_id(transaction, account)?;
    check_other(transaction, operator, &account, now)?;
    if subject.is_empty() || subject.chars().any(char::is_control) {
        let help = "it is what the provider calls `sub`, often a UUID";
        return Err(OpError::invalid("subject", "this is no subject", help));
    }
    insert(transaction, operator.actor(), &account, (issuer, subject), now)
}

fn delete(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    account: &Account,
    identity: &Identity,
    now: Timestamp,
) -> Result<(), OpError> {
    transaction.execute("DELETE FROM identity WHERE id = $1", bind![&*identity.id])?;
    let before = Some(identity_json(&identity.issuer, &identity.subject));
    note(transaction, actor, account, Action::IdentityRemoved, [before, None], now)
}

/// Takes an identity from the own account, whose other sessions end (`session`: the hash of the key of the one
/// that goes on). The last way in stays.
///
/// # Errors
///
/// [`OpError::NotFound`]; [`OpError::Invalid`] for the last way in; `Denied::Unconfirmed`; `Denied::PagesOnly`.
pub fn remove_own_identity(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    session: &str,
    id: &str,
    ways: &Ways,
    now: Timestamp,
) -> Result<(), OpError> {
    let account = confirmed(transaction, actor, now)?;
    let all = of(transaction, &account.id)?;
    let identity = all.iter().find(|identity| identity.id == id).ok_or(OpError::NotFound)?;
    let is_another = |other: &Identity| other.id != id && ways.issuers.contains(&other.issuer);
    let is_last = !(account.has_password && ways.passwords || all.iter().any(is_another));
    if is_last {
        let help = "set a password or join another sign-in first";
        return Err(OpError::invalid("", "this is the last way into the account", help));
    }
    delete(transaction, actor, &account, identity, now)?;
    end_other_sessions(transaction, &account.id, session)?;
    Ok(())
}

/// Takes an identity from another's account, whose sessions end.
///
/// # Errors
///
/// [`OpError::NotFound`]; as for one-time links.
pub fn remove_identity(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    account: &str,
    id: &str,
    now: Timestamp,
) -> Result<(), OpError> {
    let account = by_id(transaction, account)?;
    check_other(transaction, operator, &account, now)?;
    let all = of(transaction, &account.id)?;
    let identity = all.iter().find(|identity| identity.id == id).ok_or(OpError::NotFound)?;
    delete(transaction, operator.actor(), &account, identity, now)?;
    // A link that was made for them to come back by goes on.
    end_other_sessions(transaction, &account.id, "")?;
    Ok(())
}

/// Takes all identities from an account.
pub(super) fn end_identities(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    account: &Account,
    now: Timestamp,
) -> Result<(), OpError> {
    for identity in of(transaction, &account.id)? {
        delete(transaction, actor, account, &identity, now)?;
    }
    Ok(())
}
