//! A change of what was chosen, taken back from the audit log.

use super::change::{self, Changed, check};
use super::connection::check_tested;
use super::owned::ChangeableDomain;
use super::record;
use crate::ops::audit::{self, AuditRow};
use crate::ops::offer;
use crate::ops::{Actor, OpError, Role, Scope};
use crate::store::Transaction;
use config::policy_file::WrittenEntry;
use jiff::Timestamp;

/// Sets a domain back to how it was before the change of a row: a new change, with a row of its own.
///
/// # Errors
///
/// [`OpError::NotFound`] for a row or domain that is not the actor's; [`OpError::Changed`] where the
/// domain has been changed since; [`OpError::Invalid`] where the row is about something else;
/// [`Denied::NotOffered`](crate::ops::Denied::NotOffered) where an organisation may not choose that any more.
pub fn undo(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    row: i64,
    now: Timestamp,
) -> Result<Changed, OpError> {
    let row = audit::get(transaction, actor, row)?;
    if !row.is_undoable() {
        let help = "do the contrary by hand";
        return Err(OpError::invalid("", "a change of this kind is not undone from here", help));
    }
    let domain = ChangeableDomain::check(transaction, actor, &row.subject)?;
    actor.needs(Scope::Switch)?;
    actor.needs(Scope::Manage)?;
    let current = record::get(transaction, domain.domain())?;
    let (before, after) = entries(&row)?;
    if current.entry != after {
        let version = current.version;
        return Err(OpError::Changed { current: audit::json(&current), version });
    }
    if actor.role != Role::Operator {
        // What is not on offer any more does not come back by a way round.
        change::check_offer(&offer::get(transaction)?.offer, &current.entry, &before)?;
    }
    change::check_next_hops(actor, &current.entry, &before)?;
    check(&before)?;
    let is_operator = actor.role == Role::Operator;
    check_tested(transaction, domain.domain(), &current.entry, &before, is_operator, now)?;
    change::set(transaction, current, before, actor, now, Some(row.id))
}

fn entries(row: &AuditRow) -> Result<(WrittenEntry, WrittenEntry), OpError> {
    let entry = |json: &Option<serde_json::Value>| {
        let json = json.clone().unwrap_or_default();
        serde_json::from_value(json).map_err(|_| {
            OpError::invalid("", "this row does not hold an entry that can be read", "")
        })
    };
    Ok((entry(&row.before)?, entry(&row.after)?))
}
