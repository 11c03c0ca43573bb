//! A change of what was chosen for a domain.

use super::connection::check_tested;
use super::owned::ChangeableDomain;
use super::reading::read;
use super::record::{self, DomainRecord};
use crate::bind;
use crate::ops::audit::{self, Action, Subject};
use crate::ops::error::{Denied, OpError};
use crate::ops::offer::{self, Offer};
use crate::ops::{Actor, Role, Scope};
use crate::store::Transaction;
use config::policy_file::{WrittenDeliver, WrittenEntry, WrittenException};
use jiff::Timestamp;
use policy::{Language, Mode};
use serde::{Deserialize, Deserializer};

/// What is to be different, as a JSON merge patch (RFC 7396): a field that is not there stays, `null`
/// sets it back to what the operator has for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainChange {
    /// The mode.
    #[serde(default, deserialize_with = "word")]
    pub mode: Option<Mode>,
    /// From when it is enforced: a day (`2027-01-31`, in UTC) or a moment (RFC 3339). Only with mode
    /// enforce; before, the domain is in monitor. Another mode sets it back.
    #[serde(default, deserialize_with = "present")]
    pub enforce_from: Option<Option<String>>,
    /// The name of a requirement.
    #[serde(default, deserialize_with = "present")]
    pub require: Option<Option<String>>,
    /// The language of replies and of the digest.
    #[serde(default, deserialize_with = "present_word")]
    pub language: Option<Option<Language>>,
    /// Who gets the digest.
    #[serde(default, deserialize_with = "present")]
    pub contact: Option<Option<String>>,
    /// Whose mail is accepted although the session is not adequate: all exceptions.
    #[serde(default)]
    pub exceptions: Option<Vec<WrittenException>>,
    /// What the hop to the organisation's own server must be.
    #[serde(default, deserialize_with = "present")]
    pub deliver: Option<Option<WrittenDeliver>>,
    /// Of an operator: to set that although no test of the connection has shown that it holds.
    #[serde(default)]
    pub untested: bool,
}

/// A field that is there, also where it is null.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

fn word<'de, T: std::str::FromStr, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(from)?;
    let unknown =
        |_| serde::de::Error::custom(format_args!("`{text}` is none of the words for this"));
    text.parse().map(Some).map_err(unknown)
}

fn present_word<'de, T: std::str::FromStr, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(Some(None)) };
    let unknown =
        |_| serde::de::Error::custom(format_args!("`{text}` is none of the words for this"));
    text.parse().map(|word| Some(Some(word))).map_err(unknown)
}

impl DomainChange {
    /// Whether only mode and start date are asked for.
    fn is_switch(&self) -> bool {
        let Self { require, language, contact, exceptions, deliver, .. } = self;
        require.is_none()
            && language.is_none()
            && contact.is_none()
            && exceptions.is_none()
            && deliver.is_none()
    }

    /// The entry with this change.
    #[must_use]
    pub fn on(&self, entry: &WrittenEntry) -> WrittenEntry {
        let mut entry = entry.clone();
        if let Some(mode) = self.mode {
            entry.mode = Some(mode);
            if mode != Mode::Enforce {
                entry.enforce_from = None;
            }
        }
        let set = |field: &mut Option<String>, change: &Option<Option<String>>| {
            if let Some(text) = change {
                *field = text
                    .as_deref()
                    .map(str::trim)
                    .filter(|text| !text.is_empty())
                    .map(str::to_owned);
            }
        };
        set(&mut entry.enforce_from, &self.enforce_from);
        set(&mut entry.require, &self.require);
        set(&mut entry.contact, &self.contact);
        if let Some(language) = self.language {
            entry.language = language;
        }
        if let Some(exceptions) = &self.exceptions {
            entry.exceptions.clone_from(exceptions);
        }
        if let Some(deliver) = &self.deliver {
            entry.deliver.clone_from(deliver);
        }
        entry
    }
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The domain before.
    pub before: DomainRecord,
    /// The domain as it is now. The same as before, with the same version, where nothing was different.
    pub after: DomainRecord,
}

/// Changes what was chosen for a domain. `version` is what the asker has seen; none: whatever there is.
///
/// # Errors
///
/// [`OpError::Changed`] where somebody else has changed it since; [`OpError::Invalid`];
/// [`Denied::NotOffered`]; [`Denied::Scope`].
pub fn change(
    transaction: &mut Transaction<'_>,
    domain: &ChangeableDomain,
    version: Option<i64>,
    change: &DomainChange,
    now: Timestamp,
) -> Result<Changed, OpError> {
    let owned = domain.domain();
    may(owned.actor(), change)?;
    let before = record::get(transaction, owned)?;
    if version.is_some_and(|version| version != before.version) {
        let current = serde_json::to_value(&before).unwrap_or_default();
        return Err(OpError::Changed { current, version: before.version });
    }
    let offer = offer::get(transaction)?;
    let Some(entry) = wanted(owned.actor(), &offer.offer, &before.entry, change)? else {
        return Ok(Changed { after: before.clone(), before });
    };
    check_new_exceptions(&before.entry, &entry, now)?;
    check(&entry)?;
    check_tested(transaction, owned, &before.entry, &entry, change.untested, now)?;
    set(transaction, before, entry, owned.actor(), now, None)
}

/// Whether a token may ask for a change like this.
pub(super) fn may(actor: &Actor, change: &DomainChange) -> Result<(), OpError> {
    actor.needs(if change.is_switch() { Scope::Switch } else { Scope::Manage })?;
    if change.mode.is_some() || change.enforce_from.is_some() {
        actor.needs(Scope::Switch)?;
    }
    Ok(())
}

/// The entry that a change makes, if the actor may choose that; none: it is as before. Whether the policy
/// would take it is for [`check`] to say.
pub(super) fn wanted(
    actor: &Actor,
    offer: &Offer,
    before: &WrittenEntry,
    change: &DomainChange,
) -> Result<Option<WrittenEntry>, OpError> {
    let mut entry = change.on(before);
    keep_next_hops(actor, before, &mut entry);
    if entry == *before {
        return Ok(None);
    }
    check_offer(offer, before, &entry)?;
    check_next_hops(actor, before, &entry)?;
    Ok(Some(entry))
}

/// Whether what is new is on offer. What was there before the offer became smaller can stay.
pub(super) fn check_offer(
    offer: &Offer,
    before: &WrittenEntry,
    entry: &WrittenEntry,
) -> Result<(), OpError> {
    let asked = |differs: bool, offered: bool| !differs || offered;
    let all = asked(before.mode != entry.mode, entry.mode.is_none_or(|mode| offer.has_mode(mode)))
        && asked(
            before.require != entry.require,
            entry.require.as_ref().is_none_or(|name| offer.requirements.contains(name)),
        )
        && asked(
            before.exceptions != entry.exceptions,
            offer.exceptions || entry.exceptions.is_empty(),
        )
        && asked(before.deliver != entry.deliver, offer.deliver || entry.deliver.is_none());
    if all { Ok(()) } else { Err(Denied::NotOffered.into()) }
}

fn next_hops(entry: &WrittenEntry) -> &[String] {
    entry.deliver.as_ref().map_or(&[], |deliver| &deliver.nexthop)
}

/// Leaves the next hops as they are where an organisation says nothing of them. They go with all that is
/// demanded.
fn keep_next_hops(actor: &Actor, before: &WrittenEntry, entry: &mut WrittenEntry) {
    if let Some(deliver) = &mut entry.deliver
        && actor.role != Role::Operator
        && deliver.nexthop.is_empty()
    {
        deliver.nexthop = next_hops(before).to_vec();
    }
}

/// Refuses next hops that an organisation names: by them it would say what is asked of the mail of
/// others that goes the same way. Only an operator knows whose they are.
pub(super) fn check_next_hops(
    actor: &Actor,
    before: &WrittenEntry,
    entry: &WrittenEntry,
) -> Result<(), OpError> {
    let named = next_hops(entry);
    if actor.role == Role::Operator || named.is_empty() || next_hops(before) == named {
        return Ok(());
    }
    let message = "only whoever runs the gateway says which next hops are a domain's";
    Err(OpError::invalid("deliver", message, "leave `nexthop` out: those that there are stay"))
}

/// Refuses exceptions that nobody means: without a reason, over before they begin, or for everybody.
fn check_new_exceptions(
    before: &WrittenEntry,
    entry: &WrittenEntry,
    now: Timestamp,
) -> Result<(), OpError> {
    let invalid = |message: String, help: &str| Err(OpError::invalid("exceptions", message, help));
    for one in entry.exceptions.iter().filter(|one| !before.exceptions.contains(one)) {
        if one.reason.trim().is_empty() {
            return invalid("an exception has a reason".into(), "say why, for who reads it later");
        }
        if let Some(until) = one.until.as_ref().filter(|until| is_over(until, now)) {
            return invalid(
                format!("{until} is over"),
                "name a day that is still to come, or none",
            );
        }
        if let Some(all) = one.client.iter().find(|client| is_everybody(client)) {
            return invalid(format!("{all} is everybody"), "choose mode monitor for that");
        }
    }
    Ok(())
}

/// Whether the last day of an exception, or its last moment, has passed. What is neither is not for here.
pub(crate) fn is_over(until: &str, now: Timestamp) -> bool {
    let today = jiff::tz::Offset::UTC.to_datetime(now).date();
    match until.parse::<jiff::civil::Date>() {
        Ok(day) => day < today,
        Err(_) => until.parse::<Timestamp>().is_ok_and(|moment| moment <= now),
    }
}

/// Whether a network has all addresses in it.
pub(crate) fn is_everybody(network: &str) -> bool {
    network.parse::<ipnet::IpNet>().is_ok_and(|network| network.prefix_len() == 0)
}

/// Whether the policy would take an entry.
pub(super) fn check(entry: &WrittenEntry) -> Result<(), OpError> {
    check_alone(entry)?;
    read([entry]).map(|_| ())
}

/// What of an entry needs no reader of policies.
pub(super) fn check_alone(entry: &WrittenEntry) -> Result<(), OpError> {
    if entry.enforce_from.is_some() && entry.mode != Some(Mode::Enforce) {
        let help = "choose enforce with a date: before it, the domain is in monitor";
        return Err(OpError::invalid("enforce_from", "a start date is for mode enforce", help));
    }
    check_size(entry)
}

/// The most exceptions of a domain.
const MOST_EXCEPTIONS: usize = 100;
/// The most networks in all of them together.
const MOST_NETWORKS: usize = 100;
/// The greatest length of a reason, in characters.
const LONGEST_REASON: usize = 200;

/// Refuses what would make the file of all slow to read: it is read anew with each change of anybody's.
fn check_size(entry: &WrittenEntry) -> Result<(), OpError> {
    let too_many = |message: String| {
        let help = "name networks, not single addresses, and take out what is over";
        Err(OpError::invalid("exceptions", message, help))
    };
    let exceptions = &entry.exceptions;
    if exceptions.len() > MOST_EXCEPTIONS {
        return too_many(format!("a domain has at most {MOST_EXCEPTIONS} exceptions"));
    }
    if exceptions.iter().map(|one| one.client.len()).sum::<usize>() > MOST_NETWORKS {
        return too_many(format!(
            "the exceptions of a domain name at most {MOST_NETWORKS} networks"
        ));
    }
    if exceptions.iter().any(|one| one.reason.chars().count() > LONGEST_REASON) {
        let message = format!("a reason has at most {LONGEST_REASON} characters");
        return Err(OpError::invalid("exceptions", message, "say it shorter"));
    }
    Ok(())
}

/// The most that an entry may take, in octets: one organisation's must not make the file of all too large
/// to be read.
const LARGEST: usize = 16 * 1024;

/// A domain with another entry, as the file of this version first has it.
pub(super) fn after(
    before: &DomainRecord,
    entry: WrittenEntry,
    actor: &Actor,
    now: Timestamp,
    file_version: i64,
) -> DomainRecord {
    let (switched, switched_by) = if switches(&before.entry, &entry) {
        (Some(now), Some(actor.login.clone()))
    } else {
        (before.switched, before.switched_by.clone())
    };
    let version = before.version + 1;
    DomainRecord { entry, switched, switched_by, version, file_version, ..before.clone() }
}

/// Whether a change is one of mode or start date.
fn switches(before: &WrittenEntry, after: &WrittenEntry) -> bool {
    (after.mode, &after.enforce_from) != (before.mode, &before.enforce_from)
}

/// An entry as the database keeps it.
pub(super) fn text_of(entry: &WrittenEntry) -> Result<String, OpError> {
    let text = serde_json::to_string(entry)
        .map_err(|error| OpError::invalid("", error.to_string(), ""))?;
    if text.len() > LARGEST {
        let message = format!("all that is chosen for a domain takes at most {LARGEST} octets");
        return Err(OpError::invalid("exceptions", message, "name networks, not single addresses"));
    }
    Ok(text)
}

/// The row of the audit log about a change.
pub(super) fn row_of_audit<'r>(
    before: &DomainRecord,
    after: &'r DomainRecord,
    undoes: Option<i64>,
) -> audit::Entry<'r> {
    let is_switch = switches(&before.entry, &after.entry);
    audit::Entry {
        action: if is_switch { Action::DomainSwitched } else { Action::DomainChanged },
        subject: Subject::Domain(&after.domain),
        organisation: Some(&after.organisation),
        before: Some(audit::json(&before.entry)),
        after: Some(audit::json(&after.entry)),
        undoes,
    }
}

/// Writes an entry down, with its row in the audit log.
pub(crate) fn set(
    transaction: &mut Transaction<'_>,
    before: DomainRecord,
    entry: WrittenEntry,
    actor: &Actor,
    now: Timestamp,
    undoes: Option<i64>,
) -> Result<Changed, OpError> {
    let text = text_of(&entry)?;
    let file_version = super::register::count_change(transaction)?;
    let after = after(&before, entry, actor, now, file_version);
    let sql =
        "UPDATE domain SET mode = $1, entry = $2, switched = $3, switched_by = $4, version = $5,
         file_version = $6 WHERE name = $7 AND organisation = $8 AND version = $9";
    let changed = transaction.execute(
        sql,
        bind![
            after.mode().name(),
            text,
            after.switched,
            after.switched_by.clone(),
            after.version,
            file_version,
            &*after.domain,
            &*after.organisation,
            before.version
        ],
    )?;
    if changed == 0 {
        return Err(OpError::NotFound);
    }
    audit::write(transaction, actor, now, row_of_audit(&before, &after, undoes))?;
    Ok(Changed { before, after })
}
