//! Lists of domains as CSV: thousands at once, with a preview of what would change.
//!
//! Columns are found by their headings; `domain` and `organisation` are needed, the others are left as
//! they are where the list does not have them:
//!
//! ```csv
//! organisation,domain,mode,enforce_from,require,contact,language
//! Example Ltd,example.org,monitor,,,tls@example.org,en
//! ```

mod plan;

use super::change::DomainChange;
use super::list;
use crate::ops::{Actor, OpError, Operator};
use crate::store::{Store, Transaction};
use jiff::Timestamp;
use pages::text::{plain_cell, safe_cell};
use serde::Serialize;

/// The headings, in the order of an export.
const HEADINGS: [&str; 9] = [
    "organisation",
    "domain",
    "mode",
    "enforce_from",
    "require",
    "contact",
    "language",
    "switched",
    "switched_by",
];

/// The most lines of a list.
const MOST: usize = 100_000;

/// A line of a list, as it was read.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its number in the file, from 1; the headings are 1.
    number: u64,
    organisation: String,
    domain: String,
    change: DomainChange,
}

/// What a list would change, or has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct BulkOutcome {
    /// Domains that are new.
    pub added: Vec<String>,
    /// Domains that are changed.
    pub changed: Vec<BulkChange>,
    /// How many stay as they are.
    pub same: u64,
    /// What is wrong with lines; where there is anything, nothing is done.
    pub problems: Vec<BulkProblem>,
}

/// A domain that is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct BulkChange {
    /// Which.
    pub domain: String,
    /// Its fields that change: name, before, after.
    pub fields: Vec<(String, String, String)>,
}

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct BulkProblem {
    /// Its number, from 1; the headings are 1.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

/// More problems than this are not told.
const MOST_PROBLEMS: usize = 50;

/// Reads a list.
///
/// # Errors
///
/// [`OpError::Invalid`], with all that is wrong with its form.
pub fn read(text: &str) -> Result<Vec<Line>, OpError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Spreadsheets of half of Europe write semicolons.
    let heading = text.lines().next().unwrap_or_default();
    let delimiter = if heading.contains(';') && !heading.contains(',') { b';' } else { b',' };
    let mut csv = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let unreadable = |error: csv::Error| OpError::invalid("list", error.to_string(), "");
    let headings = csv.headers().map_err(unreadable)?.clone();
    for heading in &headings {
        if !HEADINGS.contains(&heading) {
            let message = format!("there is no column `{}`", heading.escape_debug());
            return Err(OpError::invalid(
                "list",
                message,
                format!("there are: {}", HEADINGS.join(", ")),
            ));
        }
    }
    for needed in ["organisation", "domain"] {
        if !headings.iter().any(|heading| heading == needed) {
            let message = format!("the first line has no column `{needed}`");
            return Err(OpError::invalid("list", message, "the first line names the columns"));
        }
    }
    let mut lines = Vec::new();
    for record in csv.records() {
        let record = record.map_err(unreadable)?;
        if lines.len() >= MOST {
            let message = format!("a list has at most {MOST} lines");
            return Err(OpError::invalid("list", message, "cut it into several"));
        }
        let number = record.position().map_or(0, csv::Position::line);
        let field = |name: &str| {
            let column = headings.iter().position(|heading| heading == name);
            column.and_then(|column| record.get(column)).map(plain_cell)
        };
        let word = |name: &str| field(name).filter(|text| !text.is_empty());
        let wrong = |name: &str, text: &str, words: &str| {
            OpError::invalid(
                "list",
                format!("line {number}: `{}` is no {name}", text.escape_debug()),
                format!("there are: {words}"),
            )
        };
        let mode = match word("mode") {
            Some(text) => {
                Some(text.parse().map_err(|_| wrong("mode", &text, "off, monitor, enforce"))?)
            }
            None => None,
        };
        let language = match field("language") {
            Some(text) if text.is_empty() => Some(None),
            Some(text) => Some(Some(text.parse().map_err(|_| wrong("language", &text, "en, de"))?)),
            None => None,
        };
        let set = |name: &str| field(name).map(|text| Some(text).filter(|text| !text.is_empty()));
        lines.push(Line {
            number,
            organisation: field("organisation").unwrap_or_default(),
            domain: field("domain").unwrap_or_default(),
            change: DomainChange {
                mode,
                enforce_from: set("enforce_from"),
                require: set("require"),
                contact: set("contact"),
                language,
                ..DomainChange::default()
            },
        });
    }
    Ok(lines)
}

/// What a list would change. Nothing is written, and nobody waits for it.
///
/// # Errors
///
/// Those of the database.
pub fn preview(
    store: &Store,
    operator: &Operator,
    lines: &[Line],
    now: Timestamp,
) -> Result<BulkOutcome, OpError> {
    store.read(|transaction| Ok(plan::plan(transaction, operator, lines, now)?.outcome))
}

/// Does what a list says: all of it, or nothing where anything is wrong. Organisations must be there;
/// domains are made.
///
/// # Errors
///
/// Those of the database.
pub fn import(
    store: &Store,
    operator: &Operator,
    lines: &[Line],
    now: Timestamp,
) -> Result<BulkOutcome, OpError> {
    store.write_much(|transaction| {
        let plan = plan::plan(transaction, operator, lines, now)?;
        if plan.outcome.problems.is_empty() {
            plan.write(transaction, operator, now)
        } else {
            Ok(plan.outcome)
        }
    })
}

impl BulkOutcome {
    /// Takes in what a line has done to a domain.
    fn add(&mut self, is_added: bool, changed: BulkChange) {
        match (is_added, changed.fields.is_empty()) {
            (true, _) => self.added.push(changed.domain),
            (false, false) => self.changed.push(changed),
            (false, true) => self.same += 1,
        }
    }
}

/// All domains that the actor may see, as CSV that can be read in again.
///
/// # Errors
///
/// Those of the database.
pub fn export(transaction: &mut Transaction<'_>, actor: &Actor) -> Result<String, OpError> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| OpError::Unavailable(error.to_string());
    csv.write_record(HEADINGS).map_err(failed)?;
    list::each(transaction, actor, |record| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let entry = &record.entry;
        let language = entry.language.map(<&str>::from).unwrap_or_default();
        let mode = entry.mode.map(policy::Mode::name).unwrap_or_default();
        let switched = record.switched.map(|at| at.to_string()).unwrap_or_default();
        let row = [
            record.organisation_name.clone(),
            record.domain.clone(),
            mode.to_owned(),
            text(&entry.enforce_from),
            text(&entry.require),
            text(&entry.contact),
            language.to_owned(),
            switched,
            text(&record.switched_by),
        ];
        csv.write_record(row.iter().map(|cell| safe_cell(cell.to_string()))).map_err(failed)
    })?;
    let octets = csv.into_inner().map_err(|error| OpError::Unavailable(error.to_string()))?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}
