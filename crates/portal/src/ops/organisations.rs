//! Organisations: who stands behind domains.

use super::audit::{self, Action, Subject};
use super::{OpError, Operator};
use crate::store::{Row, StoreError, Transaction, Value};
use crate::{bind, secret};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::HashMap;

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Organisation {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many domains it has.
    pub domains: i64,
    /// How many accounts.
    pub accounts: i64,
    /// Since when it is here.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// Counts changes, from 1.
    pub version: i64,
}

const SELECT: &str = "SELECT o.id, o.name,
     (SELECT count(*) FROM domain d WHERE d.organisation = o.id),
     (SELECT count(*) FROM account a WHERE a.organisation = o.id), o.created, o.version FROM organisation o";

fn read(row: &Row) -> Result<Organisation, OpError> {
    Ok(Organisation {
        id: row.get(0)?,
        name: row.get(1)?,
        domains: row.get(2)?,
        accounts: row.get(3)?,
        created: row.get(4)?,
        version: row.get(5)?,
    })
}

/// All organisations, by name.
///
/// # Errors
///
/// Those of the database.
pub fn list(transaction: &mut Transaction<'_>, _: &Operator) -> Result<Vec<Organisation>, OpError> {
    let rows = transaction.query(&format!("{SELECT} ORDER BY o.name"), &[])?;
    rows.iter().map(read).collect()
}

/// Those that have a text in their names, by name, and no more than so many. Capitals make no difference.
///
/// # Errors
///
/// Those of the database.
pub fn found(
    transaction: &mut Transaction<'_>,
    _: &Operator,
    text: &str,
    most: usize,
) -> Result<Vec<Organisation>, OpError> {
    let wanted = text.trim().to_lowercase();
    // To count what each of them has takes long where there are thousands: so of the wanted ones only.
    let rows = transaction.query("SELECT id, name FROM organisation ORDER BY name", &[])?;
    let mut ids = Vec::new();
    for row in rows {
        let (id, name): (String, String) = (row.get(0)?, row.get(1)?);
        if ids.len() < most && name.to_lowercase().contains(&wanted) {
            ids.push(Value::from(id));
        }
    }
    let sql = format!("{SELECT} WHERE o.id IN ({{values}}) ORDER BY o.name");
    transaction.query_many(&sql, ids)?.iter().map(read).collect()
}

/// One of them.
///
/// # Errors
///
/// [`OpError::NotFound`].
pub fn get(
    transaction: &mut Transaction<'_>,
    _: &Operator,
    id: &str,
) -> Result<Organisation, OpError> {
    let row = transaction.first(&format!("{SELECT} WHERE o.id = $1"), bind![id])?;
    read(&row.ok_or(OpError::NotFound)?)
}

/// That there is one of this id.
///
/// # Errors
///
/// [`OpError::NotFound`].
pub(super) fn check(
    transaction: &mut Transaction<'_>,
    _: &Operator,
    id: &str,
) -> Result<(), OpError> {
    let found = transaction.first("SELECT id FROM organisation WHERE id = $1", bind![id])?;
    if found.is_some() { Ok(()) } else { Err(OpError::NotFound) }
}

/// One of them, by its name.
///
/// # Errors
///
/// [`OpError::NotFound`].
pub fn find(
    transaction: &mut Transaction<'_>,
    _: &Operator,
    name: &str,
) -> Result<Organisation, OpError> {
    let row = transaction.first(&format!("{SELECT} WHERE o.name = $1"), bind![name.trim()])?;
    read(&row.ok_or(OpError::NotFound)?)
}

/// The id of each organisation that has one of these names.
///
/// # Errors
///
/// Those of the database.
pub(super) fn ids(
    transaction: &mut Transaction<'_>,
    _: &Operator,
    names: impl IntoIterator<Item = String>,
) -> Result<HashMap<String, String>, OpError> {
    let sql = "SELECT name, id FROM organisation WHERE name IN ({values})";
    let rows = transaction.query_many(sql, names.into_iter().map(Into::into))?;
    Ok(rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect::<Result<_, StoreError>>()?)
}

/// The longest name, in characters.
const LONGEST_NAME: usize = 100;

fn checked_name(name: &str) -> Result<&str, OpError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control)
    {
        let help = "write 1 to 100 characters on one line";
        return Err(OpError::invalid("name", "this is no name for an organisation", help));
    }
    Ok(name)
}

/// Makes an organisation.
///
/// # Errors
///
/// [`OpError::Taken`] where there is one of this name.
pub fn add(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    name: &str,
    now: Timestamp,
) -> Result<Organisation, OpError> {
    let name = checked_name(name)?;
    let id = secret::id();
    let sql = "INSERT INTO organisation (id, name, created, version) VALUES ($1, $2, $3, 1)
         ON CONFLICT (name) DO NOTHING";
    if transaction.execute(sql, bind![&*id, name, now])? == 0 {
        return Err(OpError::Taken(format!("there is an organisation `{name}` already")));
    }
    let entry = audit::Entry {
        action: Action::OrganisationAdded,
        subject: Subject::Organisation { id: &id, name },
        organisation: Some(&id),
        before: None,
        after: Some(serde_json::json!({ "name": name })),
        undoes: None,
    };
    audit::write(transaction, operator.actor(), now, entry)?;
    get(transaction, operator, &id)
}

/// Gives an organisation another name.
///
/// # Errors
///
/// [`OpError::NotFound`]; [`OpError::Changed`]; [`OpError::Taken`].
pub fn rename(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    id: &str,
    version: Option<i64>,
    name: &str,
    now: Timestamp,
) -> Result<Organisation, OpError> {
    let name = checked_name(name)?;
    let before = get(transaction, operator, id)?;
    if version.is_some_and(|version| version != before.version) {
        return Err(OpError::Changed { current: audit::json(&before), version: before.version });
    }
    let sql = "SELECT count(*) FROM organisation WHERE name = $1 AND id <> $2";
    if transaction.number(sql, bind![name, id])? > 0 {
        return Err(OpError::Taken(format!("there is an organisation `{name}` already")));
    }
    let sql = "UPDATE organisation SET name = $1, version = version + 1 WHERE id = $2";
    transaction.execute(sql, bind![name, id])?;
    let entry = audit::Entry {
        action: Action::OrganisationRenamed,
        subject: Subject::Organisation { id, name },
        organisation: Some(id),
        before: Some(serde_json::json!({ "name": before.name })),
        after: Some(serde_json::json!({ "name": name })),
        undoes: None,
    };
    audit::write(transaction, operator.actor(), now, entry)?;
    get(transaction, operator, id)
}

/// Removes an organisation that has neither domains nor accounts.
///
/// # Errors
///
/// [`OpError::NotFound`]; [`OpError::Taken`] where it still has some.
pub fn remove(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    id: &str,
    now: Timestamp,
) -> Result<(), OpError> {
    let before = get(transaction, operator, id)?;
    if before.domains > 0 || before.accounts > 0 {
        return Err(OpError::Taken(format!(
            "{} still has domains or accounts: remove these first",
            before.name
        )));
    }
    transaction.execute("UPDATE session SET behalf = NULL WHERE behalf = $1", bind![id])?;
    transaction.execute("DELETE FROM organisation WHERE id = $1", bind![id])?;
    let entry = audit::Entry {
        action: Action::OrganisationRemoved,
        subject: Subject::Organisation { id, name: &before.name },
        organisation: Some(id),
        before: Some(serde_json::json!({ "name": before.name })),
        after: None,
        undoes: None,
    };
    audit::write(transaction, operator.actor(), now, entry)
}
