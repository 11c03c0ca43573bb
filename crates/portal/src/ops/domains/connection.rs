//! Tests of the connection to a domain's own server: the last one is kept, and a delivery level is set only
//! where it holds.

use super::owned::{ChangeableDomain, OwnedDomain};
use super::reading::read_alone;
use super::record;
use crate::bind;
use crate::connection::words;
use crate::connection::{Findings, Holds, holds};
use crate::ops::audit::{self, Action, Subject};
use crate::ops::error::{Denied, OpError};
use crate::ops::{Actor, Role, Scope, offer};
use crate::store::{StoreError, Transaction};
use config::policy_file::WrittenEntry;
use jiff::{SignedDuration, Timestamp};
use policy::Language;
use policy::hop::{Demand, Level};
use serde::Serialize;
use serde_json::json;

/// For how long a test counts.
pub const COUNTS_FOR: SignedDuration = SignedDuration::from_hours(1);

/// The levels that there is a choice of, from the laxest to the strictest.
pub const LEVELS: [Level; 4] = [Level::Encrypt, Level::Verify, Level::DaneOnly, Level::Secure];

/// The last test of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// When.
    pub at: Timestamp,
    /// Who asked for it.
    pub by: String,
    /// What was found.
    pub findings: Findings,
    /// The next hops that the portal's entry named then.
    next_hops: Vec<String>,
}

/// Whether a level would hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LevelResult {
    /// The level, in Postfix's word.
    pub level: String,
    /// `yes`, `no`, or `not-known`.
    #[schema(value_type = HoldsWord)]
    pub holds: &'static str,
    /// The same in words.
    pub text: String,
}

/// Whether a level would hold, in a word.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it describes a word")]
#[schema(rename_all = "kebab-case")]
enum HoldsWord {
    /// It would.
    Yes,
    /// Mail would wait.
    No,
    /// The test cannot tell.
    NotKnown,
}

impl Tested {
    /// Whether it still counts.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        now.duration_since(self.at).abs() <= COUNTS_FOR
    }

    /// What it means for each level, in English.
    #[must_use]
    pub fn levels(&self, now: Timestamp) -> Vec<LevelResult> {
        let result = |level: Level| {
            let holds = holds(&Demand::of_level(level), &self.findings, now);
            LevelResult {
                level: level.name().into(),
                holds: match holds {
                    Holds::Yes => "yes",
                    Holds::No(_) => "no",
                    Holds::NotKnown(_) => "not-known",
                },
                text: words::holds(Language::English, holds),
            }
        };
        LEVELS.into_iter().map(result).collect()
    }
}

/// The last test of a domain; none: there was none.
///
/// # Errors
///
/// Those of the database.
pub fn last_test(
    transaction: &mut Transaction<'_>,
    domain: &OwnedDomain,
) -> Result<Option<Tested>, OpError> {
    let sql = "SELECT at, actor, next_hops, findings FROM connection_test WHERE domain = $1";
    let Some(row) = transaction.first(sql, bind![domain.name().as_str()])? else {
        return Ok(None);
    };
    let (next_hops, findings): (String, String) = (row.get(2)?, row.get(3)?);
    let foreign = |error| StoreError::Foreign(format!("a test that cannot be read: {error}"));
    Ok(Some(Tested {
        at: row.get(0)?,
        by: row.get(1)?,
        next_hops: serde_json::from_str(&next_hops).map_err(foreign)?,
        findings: serde_json::from_str(&findings).map_err(foreign)?,
    }))
}

/// Whether the actor may have a domain's connection tested: it is on offer, or an operator acts.
///
/// # Errors
///
/// [`Denied::Scope`], [`Denied::NotOffered`].
pub fn may_test(
    transaction: &mut Transaction<'_>,
    domain: &ChangeableDomain,
) -> Result<(), OpError> {
    let actor = domain.domain().actor();
    actor.needs(Scope::Manage)?;
    let is_offered = actor.role == Role::Operator || offer::get(transaction)?.offer.deliver;
    if is_offered { Ok(()) } else { Err(Denied::NotOffered.into()) }
}

/// Keeps what a test has found, in the place of the one before. `tested` is the domain as it was then.
///
/// # Errors
///
/// [`OpError::NotFound`] where the domain has gone to somebody else meanwhile.
pub fn keep_test(
    transaction: &mut Transaction<'_>,
    domain: &ChangeableDomain,
    tested: &WrittenEntry,
    findings: &Findings,
    now: Timestamp,
) -> Result<Tested, OpError> {
    let owned = domain.domain();
    let record = record::get(transaction, owned)?;
    let next_hops = next_hops(tested).to_vec();
    let test =
        Tested { at: now, by: owned.actor().login.clone(), findings: findings.clone(), next_hops };
    let hops = audit::json(&test.next_hops).to_string();
    let found = audit::json(&test.findings).to_string();
    let sql = "INSERT INTO connection_test (domain, at, actor, next_hops, findings)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (domain) DO UPDATE SET at = excluded.at, actor = excluded.actor,
         next_hops = excluded.next_hops, findings = excluded.findings";
    transaction.execute(sql, bind![&*record.domain, now, &*test.by, hops, found])?;
    let tried: Vec<_> = test.findings.hops.iter().map(|hop| &hop.next_hop).collect();
    let held = test.levels(now).into_iter().filter(|level| level.holds == "yes");
    let held: Vec<String> = held.map(|level| level.level).collect();
    let entry = audit::Entry {
        action: Action::ConnectionTested,
        subject: Subject::Domain(&record.domain),
        organisation: Some(&record.organisation),
        before: None,
        after: Some(json!({ "next_hops": tried, "would_hold": held })),
        undoes: None,
    };
    audit::write(transaction, owned.actor(), now, entry)?;
    Ok(test)
}

fn next_hops(entry: &WrittenEntry) -> &[String] {
    entry.deliver.as_ref().map_or(&[], |deliver| &deliver.nexthop)
}

/// Refuses a level that no test of the last hour has shown to hold. Whatever is no stricter than before can be
/// set without. An operator who says so sets it all the same, and the audit log has that.
///
/// # Errors
///
/// [`OpError::Untested`], [`Denied::OperatorOnly`].
pub(super) fn check_tested(
    transaction: &mut Transaction<'_>,
    domain: &OwnedDomain,
    before: &WrittenEntry,
    entry: &WrittenEntry,
    untested: bool,
    now: Timestamp,
) -> Result<(), OpError> {
    let actor = domain.actor();
    if untested && actor.role != Role::Operator {
        return Err(Denied::OperatorOnly.into());
    }
    if before.deliver == entry.deliver {
        return Ok(());
    }
    let Some(gap) = gap(transaction, domain, before, entry, now)? else { return Ok(()) };
    let level = entry.deliver.as_ref().and_then(|deliver| deliver.level).map_or("", Level::name);
    let why = gap.text(level);
    if !untested {
        return Err(OpError::Untested(why));
    }
    note_untested(transaction, actor, domain, level, &why, now)
}

fn note_untested(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    domain: &OwnedDomain,
    level: &str,
    why: &str,
    now: Timestamp,
) -> Result<(), OpError> {
    let entry = audit::Entry {
        action: Action::LevelUntested,
        subject: Subject::Domain(domain.name().as_str()),
        organisation: Some(domain.organisation()),
        before: None,
        after: Some(json!({ "level": level, "although": why })),
        undoes: None,
    };
    audit::write(transaction, actor, now, entry)
}

/// What an entry demands itself, whatever the defaults are.
fn demanded(entry: &WrittenEntry) -> Option<Demand> {
    entry.deliver.as_ref()?;
    read_alone(entry).ok().flatten()?.deliver.map(|deliver| deliver.demand.clone())
}

/// Whether what is demanded would be met wherever it was met before.
fn is_no_stricter(demand: &Demand, before: Option<&Demand>) -> bool {
    // What is demanded of the certificate is another thing at each level: the strictest may hold where a laxer
    // one does not.
    let asks_no_certificate = matches!(demand.level, Level::None | Level::May | Level::Encrypt);
    let is_within = |before: &Demand| {
        before == demand
            || (asks_no_certificate
                && before.with(demand) == *before
                && !before.contradicts(demand))
    };
    matches!(demand.level, Level::None | Level::May) || before.is_some_and(is_within)
}

/// What is missing for a level to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// There was no test.
    NoTest,
    /// The last one does not count any more.
    OldTest,
    /// It was of other next hops.
    OtherHops,
    /// It has shown that mail would wait, or has not shown that it would not.
    Fails(Holds),
}

impl Gap {
    fn text(self, level: &str) -> String {
        match self {
            Self::NoTest => format!(
                "the connection to the domain's own server was not tested: test it, then set `{level}`"
            ),
            Self::OldTest => "the connection was tested more than an hour ago: test it anew".into(),
            Self::OtherHops => {
                "the next hops are others than when the connection was tested: test it anew".into()
            }
            Self::Fails(holds) => {
                let what = words::holds(Language::English, holds);
                format!("`{level}` did not pass the test of the connection. {what}")
            }
        }
    }
}

/// What is missing for the `deliver` of an entry to be set; none: nothing.
///
/// # Errors
///
/// Those of the database.
pub fn gap(
    transaction: &mut Transaction<'_>,
    domain: &OwnedDomain,
    before: &WrittenEntry,
    entry: &WrittenEntry,
    now: Timestamp,
) -> Result<Option<Gap>, OpError> {
    let Some(demand) = demanded(entry) else { return Ok(None) };
    if is_no_stricter(&demand, demanded(before).as_ref()) {
        return Ok(None);
    }
    let Some(test) = last_test(transaction, domain)? else { return Ok(Some(Gap::NoTest)) };
    if test.next_hops != next_hops(entry) {
        return Ok(Some(Gap::OtherHops));
    }
    if !test.counts(now) {
        return Ok(Some(Gap::OldTest));
    }
    let holds = holds(&demand, &test.findings, now);
    Ok((holds != Holds::Yes).then_some(Gap::Fails(holds)))
}
