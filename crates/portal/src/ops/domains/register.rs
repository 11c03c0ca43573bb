//! Which domains an organisation has: what operators say.

use super::name::DomainName;
use super::record::{self, DomainRecord, SELECT};
use crate::bind;
use crate::ops::audit::{self, Action, Subject};
use crate::ops::{OpError, Operator, organisations};
use crate::store::{Transaction, Value};
use config::policy_file::WrittenEntry;
use jiff::Timestamp;
use policy::Mode;

/// What became of a domain that was to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// It is the organisation's now.
    New(DomainRecord),
    /// It was the organisation's before.
    Already(DomainRecord),
}

/// Registers a domain for an organisation.
///
/// # Errors
///
/// [`OpError::Taken`] where it, one above it or one below it is another organisation's;
/// [`OpError::Invalid`] for what is no organisation's domain; [`OpError::NotFound`] where there is no
/// such organisation.
pub fn add(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    organisation: &str,
    name: &str,
    now: Timestamp,
) -> Result<Registered, OpError> {
    let organisation = organisations::get(transaction, operator, organisation)?;
    let name = DomainName::to_register(name)?;
    let sql = format!("{SELECT} WHERE d.name = $1");
    if let Some(row) = transaction.first(&sql, bind![name.as_str()])? {
        let record = record::read(&row)?;
        if record.organisation == organisation.id {
            return Ok(Registered::Already(record));
        }
        let message = format!("{name} is registered for {}", record.organisation_name);
        return Err(OpError::Taken(message));
    }
    check_related(transaction, &name, &organisation.id)?;
    let entry = WrittenEntry { domain: name.to_string(), ..WrittenEntry::default() };
    let sql = "INSERT INTO domain (name, reversed, organisation, mode, entry, file_version, created, version)
         VALUES ($1, $2, $3, $4, $5, 0, $6, 1)";
    let text = serde_json::to_string(&entry)
        .map_err(|error| OpError::invalid("", error.to_string(), ""))?;
    transaction.execute(
        sql,
        bind![name.as_str(), name.reversed(), &*organisation.id, Mode::Off.name(), text, now],
    )?;
    let entry_of_audit = audit::Entry {
        action: Action::DomainAdded,
        subject: Subject::Domain(name.as_str()),
        organisation: Some(&organisation.id),
        before: None,
        after: Some(audit::json(&entry)),
        undoes: None,
    };
    audit::write(transaction, operator.actor(), now, entry_of_audit)?;
    let sql = format!("{SELECT} WHERE d.name = $1");
    let row = transaction.first(&sql, bind![name.as_str()])?.ok_or(OpError::NotFound)?;
    Ok(Registered::New(record::read(&row)?))
}

/// Refuses what lies below another organisation's domain, or above it: whoever has `*.example.org`
/// decides for all below, and whoever has `mail.example.org` takes it out of somebody's hands.
fn check_related(
    transaction: &mut Transaction<'_>,
    name: &DomainName,
    organisation: &str,
) -> Result<(), OpError> {
    let above: Vec<Value> = name.and_above().map(Value::from).collect();
    // Three parameters come first.
    let places: Vec<String> = (4..).take(above.len()).map(|number| format!("${number}")).collect();
    let sql = format!(
        "SELECT d.name, o.name FROM domain d JOIN organisation o ON o.id = d.organisation
         WHERE d.organisation <> $1 AND (d.reversed IN ({}) OR d.reversed > $2 AND d.reversed < $3)
         ORDER BY d.name LIMIT 1",
        places.join(", ")
    );
    // In ASCII, the slash follows the dot.
    let below = [format!("{}.", name.reversed()), format!("{}/", name.reversed())];
    let mut parameters: Vec<Value> = vec![organisation.into()];
    parameters.extend(below.map(Value::from));
    parameters.extend(above);
    let Some(row) = transaction.first(&sql, &parameters)? else { return Ok(()) };
    let (other, whose): (String, String) = (row.get(0)?, row.get(1)?);
    Err(OpError::Taken(format!(
        "{name} and {other} lie below each other, and {other} is registered for {whose}"
    )))
}

/// Takes a domain from its organisation; with it goes what was chosen.
///
/// # Errors
///
/// [`OpError::NotFound`].
pub fn remove(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    name: &str,
    now: Timestamp,
) -> Result<DomainRecord, OpError> {
    let name = DomainName::to_find(name).ok_or(OpError::NotFound)?;
    let sql = format!("{SELECT} WHERE d.name = $1");
    let row = transaction.first(&sql, bind![name.as_str()])?.ok_or(OpError::NotFound)?;
    let record = record::read(&row)?;
    transaction.execute("DELETE FROM domain WHERE name = $1", bind![name.as_str()])?;
    count_change(transaction)?;
    let entry = audit::Entry {
        action: Action::DomainRemoved,
        subject: Subject::Domain(&record.domain),
        organisation: Some(&record.organisation),
        before: Some(audit::json(&record.entry)),
        after: None,
        undoes: None,
    };
    audit::write(transaction, operator.actor(), now, entry)?;
    Ok(record)
}

/// Says that the policy's file is to be written anew; the version that it will have then.
pub(super) fn count_change(transaction: &mut Transaction<'_>) -> Result<i64, OpError> {
    let sql = "UPDATE generation SET number = number + 1 WHERE id = 1 RETURNING number";
    Ok(transaction.number(sql, &[])?)
}
