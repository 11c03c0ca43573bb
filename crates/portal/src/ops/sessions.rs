//! Signing in, and the sessions that come of it. Of a session only the hash of its key is kept.

mod by_identity;

pub use by_identity::begin_by_identity;

use super::accounts::{self, Account};
use super::audit::{self, Action, Subject};
use super::{Actor, OpError, Operator, Role, Via, organisations};
use crate::bind;
use crate::secret::Secret;
use crate::store::{StoreError, Transaction};
use jiff::{Timestamp, ToSpan};
use serde::Serialize;

/// How long a session lasts at most, in hours.
const LONGEST_HOURS: i64 = 12;
/// How long it lasts when nobody uses it, in minutes.
const IDLE_MINUTES: i64 = 120;
/// How long somebody may take for the code, in minutes.
const HALF_MINUTES: i64 = 5;
/// That a session is used is written down at most this often, in minutes.
const NOTED_MINUTES: i64 = 1;

/// What is needed to check a password.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The account.
    pub account: Account,
    /// Its password, hashed.
    pub password: Option<String>,
}

/// What is known of a login; none: there is no such account, or it is disabled.
///
/// # Errors
///
/// Those of the database.
pub fn credentials(
    transaction: &mut Transaction<'_>,
    login: &str,
) -> Result<Option<Credentials>, OpError> {
    let sql = "SELECT id, password FROM account WHERE login = $1 AND disabled IS NULL";
    let Some(row) = transaction.first(sql, bind![accounts::plain_login(login)])? else {
        return Ok(None);
    };
    let id: String = row.get(0)?;
    Ok(Some(Credentials { account: by_id(transaction, &id)?, password: row.get(1)? }))
}

fn by_id(transaction: &mut Transaction<'_>, id: &str) -> Result<Account, OpError> {
    // The database is asked for what the account itself may see.
    accounts::own(transaction, &Actor { account: Some(id.to_owned()), ..nobody() })
}

fn nobody() -> Actor {
    Actor {
        account: None,
        login: String::new(),
        role: Role::Reader,
        organisation: None,
        behalf: None,
        scopes: None,
        confirmed: None,
        via: Via::Page,
        address: String::new(),
    }
}

/// From where somebody signs in.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The address.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// The hash of its key.
    pub hash: String,
    /// Who it is.
    pub actor: Actor,
    /// The account.
    pub account: Account,
    /// Whether the code of the authenticator is still to come: nothing else can be done then.
    pub half: bool,
    /// The name of the organisation that an operator acts on behalf of.
    pub behalf_name: Option<String>,
}

/// The account as it is now, if its password is still the one that was checked: to check it takes a
/// while, and it may have been changed meanwhile.
fn still(transaction: &mut Transaction<'_>, checked: &Credentials) -> Result<Account, OpError> {
    let found = credentials(transaction, &checked.account.login)?.ok_or(OpError::NotFound)?;
    let is_same = found.account.id == checked.account.id && found.password == checked.password;
    if is_same { Ok(found.account) } else { Err(OpError::NotFound) }
}

/// Begins a session, after the password was right: its key, and the account as it is now. With an
/// authenticator, only half of a session.
///
/// # Errors
///
/// [`OpError::NotFound`] where the password was changed since, or the account disabled.
pub fn begin(
    transaction: &mut Transaction<'_>,
    checked: &Credentials,
    origin: &Origin,
    now: Timestamp,
) -> Result<(Secret, Account), OpError> {
    prune(transaction, now)?;
    let account = still(transaction, checked)?;
    let half = account.has_totp;
    if !half {
        note(transaction, &account, origin, Action::SignedIn, None, now)?;
    }
    let new = New { account: &account.id, half, confirmed: now, behalf: None };
    Ok((insert(transaction, new, origin, now)?, account))
}

/// A session that begins.
struct New<'n> {
    account: &'n str,
    /// Whether the code of the authenticator is still to come.
    half: bool,
    /// When somebody last showed who they are.
    confirmed: Timestamp,
    behalf: Option<String>,
}

fn insert(
    transaction: &mut Transaction<'_>,
    new: New<'_>,
    origin: &Origin,
    now: Timestamp,
) -> Result<Secret, OpError> {
    let New { account, half, confirmed, behalf } = new;
    let secret = Secret::new("");
    let ends = if half { now + HALF_MINUTES.minutes() } else { now + LONGEST_HOURS.hours() };
    let agent: String = origin.agent.chars().take(200).collect();
    let sql = "INSERT INTO session (hash, account, half, confirmed, behalf, created, used, ends, address, agent)
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9)";
    let address = &*origin.address;
    let values = bind![secret.hash(), account, half, confirmed, behalf, now, ends, address, agent];
    transaction.execute(sql, values)?;
    if !half {
        let sql = "UPDATE account SET signed_in = $1 WHERE id = $2";
        transaction.execute(sql, bind![now, account])?;
    }
    Ok(secret)
}

/// Removes what has ended.
fn prune(transaction: &mut Transaction<'_>, now: Timestamp) -> Result<(), OpError> {
    let idle = now - IDLE_MINUTES.minutes();
    transaction.execute("DELETE FROM session WHERE ends <= $1 OR used <= $2", bind![now, idle])?;
    transaction.execute("DELETE FROM link WHERE ends <= $1", bind![now])?;
    Ok(())
}

fn note(
    transaction: &mut Transaction<'_>,
    account: &Account,
    origin: &Origin,
    action: Action,
    by: Option<serde_json::Value>,
    now: Timestamp,
) -> Result<(), OpError> {
    let actor = accounts::as_actor(account, &origin.address);
    let entry = audit::Entry {
        action,
        subject: Subject::Account { id: &account.id, login: &account.login },
        organisation: account.organisation.as_deref(),
        before: None,
        after: by,
        undoes: None,
    };
    audit::write(transaction, &actor, now, entry)
}

/// Writes down that a password or code of this account was wrong; none: that there is no such account,
/// which takes as long, so that nobody can tell by a clock which logins there are.
///
/// # Errors
///
/// Those of the database.
pub fn failed(
    transaction: &mut Transaction<'_>,
    account: Option<&Account>,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), OpError> {
    let Some(account) = account else {
        // The disk is waited for also where a row stays as it was. Nothing of what was typed is kept:
        // people type passwords there.
        transaction.execute("UPDATE generation SET number = number WHERE id = 1", &[])?;
        return Ok(());
    };
    note(transaction, account, origin, Action::SignInFailed, None, now)
}

/// The session of a key.
///
/// # Errors
///
/// [`OpError::NotFound`] for one that has ended, or never was.
pub fn resolve(
    transaction: &mut Transaction<'_>,
    key: &Secret,
    address: &str,
    now: Timestamp,
) -> Result<Session, OpError> {
    let hash = key.hash();
    let sql = "SELECT s.account, s.half, s.confirmed, s.behalf, o.name FROM session s
         JOIN account a ON a.id = s.account LEFT JOIN organisation o ON o.id = s.behalf
         WHERE s.hash = $1 AND s.ends > $2 AND s.used > $3 AND a.disabled IS NULL";
    let idle = now - IDLE_MINUTES.minutes();
    let row = transaction.first(sql, bind![&*hash, now, idle])?.ok_or(OpError::NotFound)?;
    let id: String = row.get(0)?;
    let account = by_id(transaction, &id)?;
    let confirmed: Timestamp = row.get(2)?;
    let actor = Actor {
        // Only an operator acts for others, also where the account was one when it began to.
        behalf: row.get::<Option<String>>(3)?.filter(|_| account.role == Role::Operator),
        confirmed: Some(confirmed),
        ..accounts::as_actor(&account, address)
    };
    Ok(Session { hash, actor, account, half: row.get(1)?, behalf_name: row.get(4)? })
}

/// Writes down that a session is used, if that was not done within the last minute; whether it was.
///
/// # Errors
///
/// Those of the database.
pub fn is_to_note(
    transaction: &mut Transaction<'_>,
    session: &Session,
    now: Timestamp,
) -> Result<bool, OpError> {
    let sql = "SELECT count(*) FROM session WHERE hash = $1 AND used < $2";
    let stale = now - NOTED_MINUTES.minutes();
    Ok(transaction.number(sql, bind![&*session.hash, stale])? > 0)
}

/// Writes down that a session is used.
///
/// # Errors
///
/// Those of the database.
pub fn note_use(
    transaction: &mut Transaction<'_>,
    session: &Session,
    now: Timestamp,
) -> Result<(), OpError> {
    transaction
        .execute("UPDATE session SET used = $1 WHERE hash = $2", bind![now, &*session.hash])?;
    Ok(())
}

/// The secret of an account's authenticator.
///
/// # Errors
///
/// [`OpError::NotFound`] where it has none.
pub fn totp_secret(transaction: &mut Transaction<'_>, account: &str) -> Result<String, OpError> {
    let sql = "SELECT totp_secret FROM account WHERE id = $1";
    let row = transaction.first(sql, bind![account])?.ok_or(OpError::NotFound)?;
    row.get::<Option<String>>(0)?.ok_or(OpError::NotFound)
}

/// What somebody gave as the second proof.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'p> {
    /// A code of the authenticator that was right, by its time step.
    Step(i64),
    /// Perhaps a recovery code.
    Recovery(&'p str),
}

/// Uses the second proof up. Each step and each recovery code counts once, also where two come at the
/// same moment: one statement compares and sets.
///
/// # Errors
///
/// [`OpError::NotFound`] for what was used before, or is none.
pub fn use_proof(
    transaction: &mut Transaction<'_>,
    account: &str,
    proof: Proof<'_>,
) -> Result<(), OpError> {
    let used = match proof {
        Proof::Step(step) => {
            let sql = "UPDATE account SET totp_step = $1 WHERE id = $2 AND totp_step < $1";
            transaction.execute(sql, bind![step, account])?
        }
        Proof::Recovery(code) => {
            let hash = Secret::shown(&accounts::plain_code(code)).hash();
            let sql = "DELETE FROM recovery_code WHERE hash = $1 AND account = $2";
            transaction.execute(sql, bind![hash, account])?
        }
    };
    if used == 1 { Ok(()) } else { Err(OpError::NotFound) }
}

/// Makes a whole session of a half one, under another key.
///
/// # Errors
///
/// As [`use_proof`].
pub fn complete(
    transaction: &mut Transaction<'_>,
    session: &Session,
    proof: Proof<'_>,
    origin: &Origin,
    now: Timestamp,
) -> Result<Secret, OpError> {
    use_proof(transaction, &session.account.id, proof)?;
    replace(transaction, session)?;
    note(transaction, &session.account, origin, Action::SignedIn, None, now)?;
    let actor = &session.actor;
    let new = New {
        account: &session.account.id,
        half: false,
        // Who signed in at a provider may have shown it there long ago.
        confirmed: actor.confirmed.unwrap_or(Timestamp::UNIX_EPOCH),
        behalf: actor.behalf.clone(),
    };
    insert(transaction, new, origin, now)
}

/// Goes on under another key, after the password (and the code, where there is an authenticator) was
/// given again.
///
/// # Errors
///
/// [`OpError::NotFound`] where the password that was checked or the session is none any more; as
/// [`use_proof`] with a proof.
pub fn confirm(
    transaction: &mut Transaction<'_>,
    session: &Session,
    checked: &Credentials,
    proof: Option<Proof<'_>>,
    origin: &Origin,
    now: Timestamp,
) -> Result<Secret, OpError> {
    let account = still(transaction, checked)?;
    match proof {
        Some(proof) => use_proof(transaction, &account.id, proof)?,
        None if account.has_totp => return Err(OpError::NotFound),
        None => {}
    }
    replace(transaction, session)?;
    let behalf = session.actor.behalf.clone();
    let new = New { account: &session.account.id, half: false, confirmed: now, behalf };
    insert(transaction, new, origin, now)
}

/// Ends a session that another follows. One that has ended meanwhile has no follower.
fn replace(transaction: &mut Transaction<'_>, session: &Session) -> Result<(), OpError> {
    let sql = "DELETE FROM session WHERE hash = $1";
    let ended = transaction.execute(sql, bind![&*session.hash])?;
    if ended == 1 { Ok(()) } else { Err(OpError::NotFound) }
}

/// Ends a session.
///
/// # Errors
///
/// Those of the database.
pub fn end(transaction: &mut Transaction<'_>, session: &Session) -> Result<(), OpError> {
    transaction.execute("DELETE FROM session WHERE hash = $1", bind![&*session.hash])?;
    Ok(())
}

/// Ends all other sessions of an account.
///
/// # Errors
///
/// Those of the database.
pub fn end_others(transaction: &mut Transaction<'_>, session: &Session) -> Result<u64, OpError> {
    accounts::end_other_sessions(transaction, &session.account.id, &session.hash)
}

/// A session in the list of an account's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionRow {
    /// Whether it is the one that asks.
    pub this: bool,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used, to the minute.
    pub used: Timestamp,
    /// From where it began.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
}

/// The sessions of the own account.
///
/// # Errors
///
/// Those of the database.
pub fn list(
    transaction: &mut Transaction<'_>,
    session: &Session,
) -> Result<Vec<SessionRow>, OpError> {
    let sql =
        "SELECT hash, created, used, address, agent FROM session WHERE account = $1 AND half = 0
         ORDER BY used DESC";
    let rows = transaction.query(sql, bind![&*session.account.id])?;
    let read = |row: &crate::store::Row| -> Result<SessionRow, StoreError> {
        Ok(SessionRow {
            this: row.get::<String>(0)? == session.hash,
            created: row.get(1)?,
            used: row.get(2)?,
            address: row.get(3)?,
            agent: row.get(4)?,
        })
    };
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Begins to act on behalf of an organisation, or ends it.
///
/// # Errors
///
/// [`OpError::NotFound`] where there is no such organisation.
pub fn act_for(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    session: &Session,
    organisation: Option<&str>,
    now: Timestamp,
) -> Result<(), OpError> {
    if let Some(id) = organisation {
        let organisation = organisations::get(transaction, operator, id)?;
        let entry = audit::Entry {
            action: Action::BehalfBegun,
            subject: Subject::Organisation { id: &organisation.id, name: &organisation.name },
            organisation: Some(&organisation.id),
            before: None,
            after: None,
            undoes: None,
        };
        audit::write(transaction, operator.actor(), now, entry)?;
    }
    let sql = "UPDATE session SET behalf = $1 WHERE hash = $2";
    transaction.execute(sql, bind![organisation, &*session.hash])?;
    Ok(())
}
