//! The domains that an actor may see.

use super::record::{self, DomainRecord, SELECT};
use crate::ops::{Actor, OpError, Operator, Scope};
use crate::store::{Conditions, Transaction};
use jiff::Timestamp;
use policy::Mode;
use serde::Serialize;

/// How many domains a page of the list has.
pub const PAGE: i64 = 50;

/// What is asked for. Whose domains these can be is not in it: the actor decides that.
#[derive(Clone, Debug, Default)]
pub struct DomainQuery {
    /// Only names that have this text in them.
    pub search: Option<String>,
    /// Only those in this mode.
    pub mode: Option<Mode>,
    /// Of an operator: only those of this organisation.
    pub organisation: Option<String>,
    /// Names that follow this one.
    pub after: Option<String>,
    /// At most so many; at most 1000.
    pub limit: Option<i64>,
}

/// A part of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DomainList {
    /// In the order of their names.
    pub domains: Vec<DomainSummary>,
    /// How many of all there are in which mode, without `search`, `mode` and `after`.
    pub counts: ModeCounts,
    /// The `after` of the next part; none: there is none.
    pub next: Option<String>,
}

/// How many domains there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ModeCounts {
    /// In mode off, or never switched.
    pub off: i64,
    /// In monitor.
    pub monitor: i64,
    /// In enforce, perhaps from a date on.
    pub enforce: i64,
}

impl ModeCounts {
    /// All.
    #[must_use]
    pub fn all(self) -> i64 {
        self.off + self.monitor + self.enforce
    }
}

/// A domain in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DomainSummary {
    /// `example.org` or `*.example.org`.
    pub domain: String,
    /// The same in U-labels.
    pub shown: String,
    /// The organisation's id.
    pub organisation: String,
    /// And its name.
    pub organisation_name: String,
    /// The mode.
    #[schema(value_type = crate::schema::ModeWord)]
    #[serde(serialize_with = "mode_word")]
    pub mode: Mode,
    /// From when it is enforced, where that is a date.
    pub enforce_from: Option<String>,
    /// When the mode was last chosen; none: never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub switched: Option<Timestamp>,
    /// By whom.
    pub switched_by: Option<String>,
}

fn mode_word<S: serde::Serializer>(mode: &Mode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(mode.name())
}

/// The domains that the actor may see.
///
/// # Errors
///
/// [`crate::ops::Denied`] for a token without the scope `read`.
pub fn list(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    query: &DomainQuery,
) -> Result<DomainList, OpError> {
    let organisation = whose(actor, query)?;
    let counts = count(transaction, organisation.as_deref())?;
    let (records, next) = part(transaction, organisation, query)?;
    let domains = records.into_iter().map(|record| DomainSummary {
        mode: record.mode(),
        domain: record.domain,
        shown: record.shown,
        organisation: record.organisation,
        organisation_name: record.organisation_name,
        enforce_from: record.entry.enforce_from,
        switched: record.switched,
        switched_by: record.switched_by,
    });
    Ok(DomainList { domains: domains.collect(), counts, next })
}

/// The organisation whose domains an actor sees; none: an operator sees all.
fn whose(actor: &Actor, query: &DomainQuery) -> Result<Option<String>, OpError> {
    actor.needs(Scope::Read)?;
    // An organisation is its own; an operator chooses, within what he acts for.
    match actor.acting_for() {
        Some(organisation) => Ok(Some(organisation.to_owned())),
        None => {
            Operator::check(actor)?;
            Ok(query.organisation.clone())
        }
    }
}

/// All domains that the actor may see, in the order of their names, one after the other.
pub(super) fn each(
    transaction: &mut Transaction<'_>,
    actor: &Actor,
    mut each: impl FnMut(DomainRecord) -> Result<(), OpError>,
) -> Result<(), OpError> {
    let mut query = DomainQuery { limit: Some(1000), ..DomainQuery::default() };
    let organisation = whose(actor, &query)?;
    loop {
        let (records, next) = part(transaction, organisation.clone(), &query)?;
        records.into_iter().try_for_each(&mut each)?;
        if next.is_none() {
            return Ok(());
        }
        query.after = next;
    }
}

/// A part of the domains of an organisation, or of all, and where the next one begins.
fn part(
    transaction: &mut Transaction<'_>,
    organisation: Option<String>,
    query: &DomainQuery,
) -> Result<(Vec<DomainRecord>, Option<String>), OpError> {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, 1000);
    let conditions = Conditions::default()
        .and("d.organisation = $", organisation)
        .and("d.mode = $", query.mode.map(Mode::name))
        .and("d.name > $", query.after.clone())
        .and("d.name LIKE $ ESCAPE '!'", query.search.as_deref().map(like));
    let found = conditions.sql().to_owned();
    let (values, limited) = conditions.limited(limit + 1);
    let sql = format!("{SELECT} WHERE {found} ORDER BY d.name {limited}");
    let rows = transaction.query(&sql, &values)?;
    let mut records: Vec<DomainRecord> = rows.iter().map(record::read).collect::<Result<_, _>>()?;
    let more = records.len() as i64 > limit;
    records.truncate(usize::try_from(limit).unwrap_or_default());
    let next = records.last().filter(|_| more).map(|last| last.domain.clone());
    Ok((records, next))
}

/// Text that is somewhere in a name, for LIKE. U-labels are looked for as A-labels where they are whole.
fn like(text: &str) -> String {
    let text = text.trim().to_lowercase();
    let text = idna::domain_to_ascii(&text).unwrap_or(text);
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn count(
    transaction: &mut Transaction<'_>,
    organisation: Option<&str>,
) -> Result<ModeCounts, OpError> {
    let conditions = Conditions::default().and("organisation = $", organisation);
    let sql = format!("SELECT mode, count(*) FROM domain WHERE {} GROUP BY mode", conditions.sql());
    let mut counts = ModeCounts::default();
    for row in transaction.query(&sql, conditions.values())? {
        let (mode, number): (String, i64) = (row.get(0)?, row.get(1)?);
        match mode.parse() {
            Ok(Mode::Monitor) => counts.monitor += number,
            Ok(Mode::Enforce) => counts.enforce += number,
            Ok(Mode::Off) | Err(_) => counts.off += number,
        }
    }
    Ok(counts)
}
