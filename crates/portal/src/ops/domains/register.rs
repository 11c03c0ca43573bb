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
    organisations::check(transaction, operator, organisation)?;
    let name = DomainName::to_register(name)?;
    let sql = format!("{SELECT} WHERE d.name = $1");
    if let Some(row) = transaction.first(&sql, bind![name.as_str()])? {
        let record = record::read(&row)?;
        if record.organisation == organisation {
            return Ok(Registered::Already(record));
        }
        return Err(taken(&record));
    }
    if let Some(taken) = related(transaction, &[(&name, organisation)])?.into_iter().next() {
        return Err(taken.1);
    }
    let entry = WrittenEntry { domain: name.to_string(), ..WrittenEntry::default() };
    let sql = "INSERT INTO domain (name, reversed, organisation, mode, entry, file_version, created, version)
         VALUES ($1, $2, $3, $4, $5, 0, $6, 1)";
    let text = serde_json::to_string(&entry)
        .map_err(|error| OpError::invalid("", error.to_string(), ""))?;
    transaction.execute(
        sql,
        bind![name.as_str(), name.reversed(), organisation, Mode::Off.name(), text, now],
    )?;
    let entry_of_audit = row_of_audit(name.as_str(), organisation, &entry);
    audit::write(transaction, operator.actor(), now, entry_of_audit)?;
    let sql = format!("{SELECT} WHERE d.name = $1");
    let row = transaction.first(&sql, bind![name.as_str()])?.ok_or(OpError::NotFound)?;
    Ok(Registered::New(record::read(&row)?))
}

/// The row of the audit log about a new domain.
pub(super) fn row_of_audit<'r>(
    name: &'r str,
    organisation: &'r str,
    entry: &WrittenEntry,
) -> audit::Entry<'r> {
    audit::Entry {
        action: Action::DomainAdded,
        subject: Subject::Domain(name),
        organisation: Some(organisation),
        before: None,
        after: Some(audit::json(entry)),
        undoes: None,
    }
}

/// That a domain is another organisation's.
pub(super) fn taken(record: &DomainRecord) -> OpError {
    OpError::Taken(format!("{} is registered for {}", record.domain, record.organisation_name))
}

/// That a domain lies below another organisation's, or above it.
pub(super) fn taken_beside(name: &DomainName, other: &str, whose: &str) -> OpError {
    OpError::Taken(format!(
        "{name} and {other} lie below each other, and {other} is registered for {whose}"
    ))
}

/// A name and the organisation that was to have it, with why it cannot.
pub(super) type Refused = ((DomainName, String), OpError);

/// So many domains are asked about at a time.
const AT_A_TIME: usize = 50;

/// What lies below another organisation's domain, or above it: whoever has `*.example.org` decides for
/// all below, and whoever has `mail.example.org` takes it out of somebody's hands. `wanted` are names,
/// each with the organisation that is to have it.
pub(super) fn related(
    transaction: &mut Transaction<'_>,
    wanted: &[(&DomainName, &str)],
) -> Result<Vec<Refused>, OpError> {
    let mut found = Vec::new();
    for some in wanted.chunks(AT_A_TIME) {
        let mut values: Vec<Value> = Vec::new();
        let mut place = |value: Value| {
            values.push(value);
            format!("${}", values.len())
        };
        let mut conditions = Vec::new();
        for (name, organisation) in some {
            let organisation = place((*organisation).into());
            let above: Vec<String> = name.and_above().map(|above| place(above.into())).collect();
            let (from, to) = below(name);
            let (from, to) = (place(from.into()), place(to.into()));
            conditions.push(format!(
                "d.reversed IN ({}) AND d.organisation <> {organisation}
                 OR d.reversed > {from} AND d.reversed < {to} AND d.organisation <> {organisation}",
                above.join(", ")
            ));
        }
        let sql = format!(
            "SELECT d.name, d.reversed, d.organisation, o.name FROM domain d
             JOIN organisation o ON o.id = d.organisation WHERE {} ORDER BY d.name",
            conditions.join(" OR ")
        );
        for row in transaction.query(&sql, &values)? {
            let (other, reversed): (String, String) = (row.get(0)?, row.get(1)?);
            let (its, whose): (String, String) = (row.get(2)?, row.get(3)?);
            for (name, organisation) in some {
                if its != *organisation && are_related(name, &reversed) {
                    let of = ((*name).clone(), (*organisation).to_owned());
                    found.push((of, taken_beside(name, &other, &whose)));
                }
            }
        }
    }
    Ok(found)
}

/// Between which two texts the reversed names of what lies below a domain are.
pub(super) fn below(name: &DomainName) -> (String, String) {
    // In ASCII, the slash follows the dot.
    (format!("{}.", name.reversed()), format!("{}/", name.reversed()))
}

/// Whether a domain is the one with this reversed name, or lies below or above it.
fn are_related(name: &DomainName, reversed: &str) -> bool {
    let (from, to) = below(name);
    from.as_str() < reversed && reversed < to.as_str()
        || name.and_above().any(|above| above == reversed)
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
