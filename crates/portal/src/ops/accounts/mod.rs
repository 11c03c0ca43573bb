//! Accounts: who can sign in. Operators make them; each looks after its own password and authenticator.

mod identity;
mod link;
mod password;
mod totp;

pub use identity::{
    Identity, Proven, Ways, add_identity, identities, join, own_identities, remove_identity,
    remove_own_identity,
};
pub(super) use identity::{by_identity, identity_json};
pub use link::{LINK_HOURS, join_by_link, make_link, of_link, use_link};
pub(super) use password::as_actor;
pub use password::{set_own_password, set_password};
pub(super) use totp::plain_code;
pub use totp::{begin_totp, pending_totp, remove_own_totp, remove_totp, set_totp};

use super::audit::{self, Action, Subject};
use super::{Actor, Denied, OpError, Operator, Role, Via, organisations};
use crate::bind;
use crate::secret::{self, Secret};
use crate::store::{Row, StoreError, Transaction};
use jiff::{Timestamp, ToSpan};
use policy::Language;
use serde::Serialize;

/// An account, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// A mail address or another name, in lower case. It gives no right to anything: a login in
    /// somebody's domain is a name like any other.
    pub login: String,
    /// What it is for.
    pub role: Role,
    /// The id of its organisation; none: an operator.
    pub organisation: Option<String>,
    /// And its name.
    pub organisation_name: Option<String>,
    /// The language of its pages, by its tag.
    pub language: String,
    /// Whether it has a password. With neither that nor an identity it waits for its first link to be used.
    pub has_password: bool,
    /// Whether a sign-in at an OpenID provider is joined to it.
    pub has_identity: bool,
    /// Whether it asks for a code of an authenticator.
    pub has_totp: bool,
    /// Since when it cannot sign in; none: it can.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled: Option<Timestamp>,
    /// When somebody last signed in with it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub signed_in: Option<Timestamp>,
    /// Counts changes, from 1.
    pub version: i64,
}

const SELECT: &str =
    "SELECT a.id, a.login, a.role, a.organisation, o.name, a.language, a.password IS NOT NULL,
     a.totp_secret IS NOT NULL, a.disabled, a.signed_in, a.version,
     EXISTS (SELECT 1 FROM identity i WHERE i.account = a.id)
     FROM account a LEFT JOIN organisation o ON o.id = a.organisation";

fn read(row: &Row) -> Result<Account, OpError> {
    let role: String = row.get(2)?;
    let role = role.parse().map_err(|_| StoreError::Foreign(format!("the role {role}")))?;
    Ok(Account {
        id: row.get(0)?,
        login: row.get(1)?,
        role,
        organisation: row.get(3)?,
        organisation_name: row.get(4)?,
        language: row.get(5)?,
        has_password: row.get(6)?,
        has_totp: row.get(7)?,
        disabled: row.get(8)?,
        signed_in: row.get(9)?,
        version: row.get(10)?,
        has_identity: row.get(11)?,
    })
}

/// All accounts, or those of an organisation.
///
/// # Errors
///
/// Those of the database.
pub fn list(
    transaction: &mut Transaction<'_>,
    _: &Operator,
    organisation: Option<&str>,
) -> Result<Vec<Account>, OpError> {
    let sql = format!("{SELECT} WHERE (a.organisation = $1 OR $1 IS NULL) ORDER BY a.login");
    transaction.query(&sql, bind![organisation])?.iter().map(read).collect()
}

/// One of them.
///
/// # Errors
///
/// [`OpError::NotFound`].
pub fn get(transaction: &mut Transaction<'_>, _: &Operator, id: &str) -> Result<Account, OpError> {
    by_id(transaction, id)
}

/// One's own.
///
/// # Errors
///
/// [`OpError::NotFound`] for whoever has the shell.
pub fn own(transaction: &mut Transaction<'_>, actor: &Actor) -> Result<Account, OpError> {
    by_id(transaction, actor.account.as_deref().ok_or(OpError::NotFound)?)
}

/// One of them, by its login.
///
/// # Errors
///
/// [`OpError::NotFound`].
pub fn find(
    transaction: &mut Transaction<'_>,
    _: &Operator,
    login: &str,
) -> Result<Account, OpError> {
    let sql = format!("{SELECT} WHERE a.login = $1");
    let row = transaction.first(&sql, bind![plain_login(login)])?;
    read(&row.ok_or(OpError::NotFound)?)
}

fn by_id(transaction: &mut Transaction<'_>, id: &str) -> Result<Account, OpError> {
    let row = transaction.first(&format!("{SELECT} WHERE a.id = $1"), bind![id])?;
    read(&row.ok_or(OpError::NotFound)?)
}

/// The greatest length of a login, in characters.
pub const LONGEST_LOGIN: usize = 200;

/// A login as it is compared.
pub(super) fn plain_login(login: &str) -> String {
    login.trim().to_lowercase()
}

/// What a new account is to be.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// A mail address or another name.
    pub login: String,
    /// What it is for.
    pub role: Role,
    /// The id of its organisation; none for operators.
    pub organisation: Option<String>,
    /// The language of its pages.
    pub language: Language,
}

/// Makes an account, and the secret of a one-time link by which its password is set.
///
/// # Errors
///
/// [`OpError::Taken`]; [`OpError::Invalid`]; [`OpError::NotFound`] for the organisation.
pub fn add(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    new: &NewAccount,
    now: Timestamp,
) -> Result<(Account, Secret), OpError> {
    let login = plain_login(&new.login);
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || "<>\"'\\".contains(c);
    if login.is_empty() || login.chars().count() > LONGEST_LOGIN || login.chars().any(is_odd) {
        let help = "write a mail address, or another name without blanks";
        return Err(OpError::invalid("login", "this is no name to sign in with", help));
    }
    check_role(new.role, new.organisation.as_deref())?;
    if new.role == Role::Operator {
        from_shell(operator)?;
    }
    if let Some(organisation) = &new.organisation {
        organisations::get(transaction, operator, organisation)?;
    }
    let (id, role): (_, &str) = (secret::id(), new.role.into());
    let language: &str = new.language.into();
    let sql =
        "INSERT INTO account (id, login, role, organisation, language, totp_step, created, version)
         VALUES ($1, $2, $3, $4, $5, 0, $6, 1) ON CONFLICT (login) DO NOTHING";
    let values = bind![&*id, &*login, role, new.organisation.clone(), language, now];
    if transaction.execute(sql, values)? == 0 {
        return Err(OpError::Taken(format!("there is an account `{login}` already")));
    }
    let account = by_id(transaction, &id)?;
    write(transaction, operator.actor(), now, Action::AccountAdded, None, Some(&account))?;
    let link = link::new_link(transaction, operator, &id, now)?;
    Ok((account, link))
}

fn check_role(role: Role, organisation: Option<&str>) -> Result<(), OpError> {
    match (role, organisation) {
        (Role::Operator, None) | (Role::Administrator | Role::Reader, Some(_)) => Ok(()),
        (Role::Operator, Some(_)) => Err(OpError::invalid(
            "organisation",
            "an operator belongs to no organisation",
            "leave the organisation out, or choose another role",
        )),
        (Role::Administrator | Role::Reader, None) => Err(OpError::invalid(
            "organisation",
            "an account of this role belongs to an organisation",
            "name the organisation",
        )),
    }
}

/// Writes a row about an account. What is kept of it has no secrets.
fn write(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    now: Timestamp,
    action: Action,
    before: Option<&Account>,
    after: Option<&Account>,
) -> Result<(), OpError> {
    let Some(account) = after.or(before) else { return Ok(()) };
    let entry = audit::Entry {
        action,
        subject: Subject::Account { id: &account.id, login: &account.login },
        organisation: account.organisation.as_deref(),
        before: before.map(audit::json),
        after: after.map(audit::json),
        undoes: None,
    };
    audit::write(transaction, actor, now, entry)
}

/// What is to be different.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccountChange {
    /// The role, within the organisation or as an operator.
    pub role: Option<Role>,
    /// The language of its pages.
    pub language: Option<Language>,
    /// Whether it cannot sign in.
    pub disabled: Option<bool>,
}

/// Changes an account. Its sessions and tokens end where it is disabled.
///
/// # Errors
///
/// [`OpError::NotFound`]; [`OpError::Changed`]; [`OpError::Invalid`], also for an operator who would
/// lock himself out.
pub fn change(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    id: &str,
    version: Option<i64>,
    change: AccountChange,
    now: Timestamp,
) -> Result<Account, OpError> {
    let before = by_id(transaction, id)?;
    if version.is_some_and(|version| version != before.version) {
        return Err(OpError::Changed { current: audit::json(&before), version: before.version });
    }
    if operator.actor().account.as_deref() == Some(id)
        && (change.disabled == Some(true) || change.role.is_some())
    {
        let help = "another operator can do it";
        return Err(OpError::invalid("", "nobody takes the rights from the own account", help));
    }
    if before.role == Role::Operator && change.disabled == Some(false) {
        from_shell(operator)?;
    }
    let role = change.role.unwrap_or(before.role);
    check_role(role, before.organisation.as_deref())?;
    let disabled = match change.disabled {
        None => before.disabled,
        Some(false) => None,
        Some(true) => before.disabled.or(Some(now)),
    };
    let language =
        change.language.map_or(before.language.clone(), |language| <&str>::from(language).into());
    let role: &str = role.into();
    let sql = "UPDATE account SET role = $1, language = $2, disabled = $3, version = version + 1 WHERE id = $4";
    transaction.execute(sql, bind![role, language, disabled, id])?;
    if disabled.is_some() {
        end_sessions(transaction, id)?;
        end_tokens(transaction, id, now)?;
    }
    let after = by_id(transaction, id)?;
    write(transaction, operator.actor(), now, Action::AccountChanged, Some(&before), Some(&after))?;
    Ok(after)
}

/// Ends all other sessions of an account than the one whose key has this hash; how many.
pub(in crate::ops) fn end_other_sessions(
    transaction: &mut Transaction<'_>,
    id: &str,
    session: &str,
) -> Result<u64, OpError> {
    let sql = "DELETE FROM session WHERE account = $1 AND hash <> $2";
    Ok(transaction.execute(sql, bind![id, session])?)
}

/// Ends all tokens of an account.
fn end_tokens(transaction: &mut Transaction<'_>, id: &str, now: Timestamp) -> Result<(), OpError> {
    let sql = "UPDATE token SET revoked = $1 WHERE account = $2 AND revoked IS NULL";
    transaction.execute(sql, bind![now, id])?;
    Ok(())
}

/// Refuses what makes an operator where it does not come from the shell: else a token that was found
/// would be a way to whole accounts, which outlive it.
fn from_shell(operator: &Operator) -> Result<(), OpError> {
    match operator.actor().via {
        Via::Shell => Ok(()),
        Via::Page | Via::Api => Err(Denied::ShellOnly.into()),
    }
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

/// Whether somebody may open another's account anew: from the shell any, else with the password given
/// not long ago, and no operator's.
fn check_other(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    account: &Account,
    now: Timestamp,
) -> Result<(), OpError> {
    if operator.actor().via == Via::Shell {
        return Ok(());
    }
    confirmed(transaction, operator.actor(), now)?;
    if account.role == Role::Operator { Err(Denied::ShellOnly.into()) } else { Ok(()) }
}

/// Ends all sessions and links of an account.
fn end_sessions(transaction: &mut Transaction<'_>, id: &str) -> Result<(), OpError> {
    transaction.execute("DELETE FROM session WHERE account = $1", bind![id])?;
    transaction.execute("DELETE FROM link WHERE account = $1", bind![id])?;
    Ok(())
}

/// Changes the language of the own pages.
///
/// # Errors
///
/// Those of the database.
pub fn set_language(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    language: Language,
) -> Result<(), OpError> {
    let language: &str = language.into();
    let sql = "UPDATE account SET language = $1 WHERE id = $2";
    transaction.execute(sql, bind![language, actor.account.clone()])?;
    Ok(())
}
