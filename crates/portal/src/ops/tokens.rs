//! Tokens of the API: an account's right, or a part of it, for a program. They are shown once.

use super::accounts;
use super::audit::{self, Action, Subject};
use super::{Actor, Denied, OpError, Operator, Role, Scope, Via, organisations};
use crate::bind;
use crate::secret::{self, Secret};
use crate::store::{Row, StoreError, Transaction};
use jiff::{Timestamp, ToSpan};
use serde::Serialize;

/// A token, without itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// What it is for, in the words of who made it.
    pub name: String,
    /// The login of its account.
    pub login: String,
    /// What it may be used for, within what its account may.
    pub scopes: Vec<Scope>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub ends: Timestamp,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub used: Option<Timestamp>,
    /// Since when it is revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked: Option<Timestamp>,
}

impl Token {
    /// Whether it can be used at this time.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && now < self.ends
    }
}

const SELECT: &str = "SELECT t.id, t.name, a.login, t.scopes, t.created, t.ends, t.used, t.revoked
     FROM token t JOIN account a ON a.id = t.account";

/// How every token begins, so that programs that look for leaked secrets know it.
pub const PREFIX: &str = "mtls_";

/// The most days that a token can last.
pub const LONGEST_DAYS: i64 = 366;

fn scopes(words: &str) -> Vec<Scope> {
    words.split(' ').filter_map(|word| word.parse().ok()).collect()
}

fn read(row: &Row) -> Result<Token, StoreError> {
    Ok(Token {
        id: row.get(0)?,
        name: row.get(1)?,
        login: row.get(2)?,
        scopes: scopes(&row.get::<String>(3)?),
        created: row.get(4)?,
        ends: row.get(5)?,
        used: row.get(6)?,
        revoked: row.get(7)?,
    })
}

/// What a new token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// How many days it lasts, from 1 to [`LONGEST_DAYS`].
    pub days: i64,
}

/// Makes a token of the own account, after the password was given again. It is shown now and never
/// again.
///
/// # Errors
///
/// [`Denied::Unconfirmed`]; [`Denied::PagesOnly`] for a token, which makes no others;
/// [`OpError::Invalid`]; [`Denied::OperatorOnly`].
pub fn add(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    new: &NewToken,
    now: Timestamp,
) -> Result<(Token, Secret), OpError> {
    let account = accounts::confirmed(transaction, actor, now)?;
    insert(transaction, actor, &account, new, now)
}

/// Makes a token of an account, from the shell.
///
/// # Errors
///
/// As [`add`]; [`OpError::NotFound`].
pub fn add_for(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    login: &str,
    new: &NewToken,
    now: Timestamp,
) -> Result<(Token, Secret), OpError> {
    if operator.actor().via != Via::Shell {
        return Err(Denied::PagesOnly.into());
    }
    let account = accounts::find(transaction, operator, login)?;
    insert(transaction, operator.actor(), &account, new, now)
}

fn insert(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    account: &accounts::Account,
    new: &NewToken,
    now: Timestamp,
) -> Result<(Token, Secret), OpError> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        let help = "write 1 to 100 characters: which program it is for";
        return Err(OpError::invalid("name", "a token has a name", help));
    }
    if !(1..=LONGEST_DAYS).contains(&new.days) {
        let message = format!("a token lasts 1 to {LONGEST_DAYS} days");
        return Err(OpError::invalid("days", message, ""));
    }
    if new.scopes.is_empty() {
        return Err(OpError::invalid("scopes", "choose at least one scope", "`read` only looks"));
    }
    let may = |scope: &Scope| match scope {
        Scope::Read => true,
        Scope::Switch | Scope::Manage => account.role != Role::Reader,
        Scope::Operator => account.role == Role::Operator,
    };
    if !new.scopes.iter().all(may) {
        let help = "choose scopes that the account has itself";
        return Err(OpError::invalid("scopes", "a token gives no more than its account has", help));
    }
    let mut scopes = new.scopes.clone();
    // Whoever changes something sees what comes of it.
    scopes.push(Scope::Read);
    scopes.sort();
    scopes.dedup();
    let words: Vec<&str> = scopes.iter().map(Into::into).collect();
    let (id, secret) = (secret::id(), Secret::new(PREFIX));
    let ends = now + (new.days * 24).hours();
    let sql = "INSERT INTO token (id, hash, account, name, scopes, created, ends)
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = bind![&*id, secret.hash(), &*account.id, name, words.join(" "), now, ends];
    transaction.execute(sql, values)?;
    let token = by_id(transaction, &id)?;
    write(transaction, actor, account, now, Action::TokenAdded, None, Some(&token))?;
    Ok((token, secret))
}

fn by_id(transaction: &mut Transaction<'_>, id: &str) -> Result<Token, OpError> {
    let row = transaction.first(&format!("{SELECT} WHERE t.id = $1"), bind![id])?;
    Ok(read(&row.ok_or(OpError::NotFound)?)?)
}

fn write(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    account: &accounts::Account,
    now: Timestamp,
    action: Action,
    before: Option<&Token>,
    after: Option<&Token>,
) -> Result<(), OpError> {
    let Some(token) = after.or(before) else { return Ok(()) };
    let entry = audit::Entry {
        action,
        subject: Subject::Token { id: &token.id, name: &token.name },
        organisation: account.organisation.as_deref(),
        before: before.map(audit::json),
        after: after.map(audit::json),
        undoes: None,
    };
    audit::write(transaction, actor, now, entry)
}

/// The tokens of the own account; of whoever has the shell, and of an operator who asks for `all`, all.
///
/// # Errors
///
/// [`Denied::OperatorOnly`] for all.
pub fn list(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    all: bool,
) -> Result<Vec<Token>, OpError> {
    let account = if all {
        Operator::check(actor)?;
        None
    } else {
        Some(actor.account.clone().ok_or(OpError::NotFound)?)
    };
    let sql =
        format!("{SELECT} WHERE (t.account = $1 OR $1 IS NULL) ORDER BY t.created DESC, t.id");
    let rows = transaction.query(&sql, bind![account])?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Revokes a token of the own account; an operator can revoke any. `with` is the id of the token by which
/// it is asked for: it can revoke itself, and others only with the scope to manage.
///
/// # Errors
///
/// [`OpError::NotFound`] where there is none, or it is somebody else's; [`Denied::Scope`].
pub fn revoke(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    with: Option<&str>,
    id: &str,
    now: Timestamp,
) -> Result<Token, OpError> {
    let row = transaction.first("SELECT account FROM token WHERE id = $1", bind![id])?;
    let owner: String = row.ok_or(OpError::NotFound)?.get(0)?;
    if actor.account.as_ref() != Some(&owner) && !actor.is_operator() {
        return Err(OpError::NotFound);
    }
    if with != Some(id) && !actor.is_operator() {
        actor.needs(Scope::Manage)?;
    }
    let before = by_id(transaction, id)?;
    let owner = accounts::own(transaction, &Actor { account: Some(owner), ..actor.clone() })?;
    let sql = "UPDATE token SET revoked = $1 WHERE id = $2 AND revoked IS NULL";
    if transaction.execute(sql, bind![now, id])? == 0 {
        return Ok(before);
    }
    let after = by_id(transaction, id)?;
    write(transaction, actor, &owner, now, Action::TokenRevoked, Some(&before), Some(&after))?;
    Ok(after)
}

/// Who a token is, for whom it acts. The id is that of the token.
///
/// # Errors
///
/// [`OpError::NotFound`] for one that has ended, was revoked or never was, or whose account cannot
/// sign in; also where it names an organisation (`behalf`) that its account may not act for.
pub fn resolve(
    transaction: &mut Transaction<'_>,
    token: &Secret,
    behalf: Option<&str>,
    address: &str,
    now: Timestamp,
) -> Result<(String, Actor), OpError> {
    let sql = "SELECT t.id, t.account, t.scopes FROM token t JOIN account a ON a.id = t.account
         WHERE t.hash = $1 AND t.ends > $2 AND t.revoked IS NULL AND a.disabled IS NULL";
    let row = transaction.first(sql, bind![token.hash(), now])?.ok_or(OpError::NotFound)?;
    let (id, account, words): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let nobody = Actor {
        account: Some(account),
        login: String::new(),
        role: Role::Reader,
        organisation: None,
        behalf: None,
        scopes: Some(scopes(&words)),
        confirmed: None,
        via: Via::Api,
        address: address.to_owned(),
    };
    let account = accounts::own(transaction, &nobody)?;
    let mut actor = Actor {
        login: account.login,
        role: account.role,
        organisation: account.organisation,
        ..nobody
    };
    if let Some(organisation) = behalf {
        let operator = Operator::check(&actor)?;
        actor.behalf = Some(organisations::get(transaction, &operator, organisation)?.id);
    }
    Ok((id, actor))
}

/// Writes down that a token is used, if that was not done within the last minute.
///
/// # Errors
///
/// Those of the database.
pub fn note_use(
    transaction: &mut Transaction<'_>,
    id: &str,
    now: Timestamp,
) -> Result<(), OpError> {
    let sql = "UPDATE token SET used = $1 WHERE id = $2 AND (used IS NULL OR used < $3)";
    transaction.execute(sql, bind![now, id, now - 1.minute()])?;
    Ok(())
}
