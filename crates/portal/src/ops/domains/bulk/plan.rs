//! What a list would do, found out before anything is written: what is there is read for all lines at
//! once, then line follows line in memory. So thousands of lines take seconds, on either engine.

use super::{BulkChange, BulkOutcome, BulkProblem, Line, MOST_PROBLEMS};
use crate::bind;
use crate::ops::domains::change::{self, row_of_audit};
use crate::ops::domains::name::{DomainName, shown};
use crate::ops::domains::reading;
use crate::ops::domains::record::{self, DomainRecord};
use crate::ops::domains::register::{self, below, count_change, related, taken, taken_beside};
use crate::ops::offer::{self, Offer};
use crate::ops::{Actor, OpError, Operator, Scope, audit, organisations};
use crate::store::Transaction;
use config::policy_file::WrittenEntry;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What a list would do.
pub(super) struct Plan {
    /// What is told of it.
    pub outcome: BulkOutcome,
    /// What would be written, in the order in which the list names it.
    domains: Vec<Planned>,
}

/// A domain, and what lines up to now have made of it.
struct Planned {
    name: DomainName,
    is_new: bool,
    start: DomainRecord,
    /// After each line that changes something.
    steps: Vec<DomainRecord>,
}

impl Planned {
    fn record(&self) -> &DomainRecord {
        self.steps.last().unwrap_or(&self.start)
    }
}

/// Finds out what a list would do.
///
/// # Errors
///
/// Those of the database. What is wrong with lines is in the outcome.
pub(super) fn plan(
    transaction: &mut Transaction<'_>,
    operator: &Operator,
    lines: &[Line],
    now: Timestamp,
) -> Result<Plan, OpError> {
    operator.actor().needs(Scope::Read)?;
    let names: Vec<_> = lines.iter().map(|line| DomainName::to_register(&line.domain)).collect();
    let mut planning = Planning::new(transaction, operator, lines, &names, now)?;
    for (line, name) in lines.iter().zip(names) {
        if planning.outcome.problems.len() >= MOST_PROBLEMS {
            break;
        }
        if let Err(error) = name.and_then(|name| planning.line(line, name)) {
            planning.problem(line.number, &error, &line.organisation);
        }
    }
    Ok(planning.finish())
}

/// So many entries are given to the reader of policies at a time.
const READ: usize = 1000;

/// A plan that is being made.
struct Planning {
    /// Who does it, on nobody's behalf yet.
    actor: Actor,
    now: Timestamp,
    offer: Offer,
    /// Ids of organisations by name.
    organisations: HashMap<String, String>,
    /// Domains that are there, by name.
    known: HashMap<String, DomainRecord>,
    /// Names that lie below or above another organisation's than the one that is to have them.
    related: HashMap<(DomainName, String), String>,
    outcome: BulkOutcome,
    domains: Vec<Planned>,
    /// Which of these has a name.
    numbers: HashMap<String, usize>,
    /// The new ones by reversed name.
    new: BTreeMap<String, usize>,
    /// Entries that the reader of policies has not seen yet: line, domain, step.
    unread: Vec<(u64, usize, usize)>,
}

impl Planning {
    /// Reads what is there of all that a list names.
    fn new(
        transaction: &mut Transaction<'_>,
        operator: &Operator,
        lines: &[Line],
        names: &[Result<DomainName, OpError>],
        now: Timestamp,
    ) -> Result<Self, OpError> {
        let asked: HashSet<&str> = lines.iter().map(|line| line.organisation.trim()).collect();
        let organisations =
            organisations::ids(transaction, operator, asked.into_iter().map(str::to_owned))?;
        let distinct: HashSet<&str> = names.iter().flatten().map(DomainName::as_str).collect();
        let known = record::named(transaction, distinct)?;
        let known: HashMap<String, DomainRecord> =
            known.into_iter().map(|record| (record.domain.clone(), record)).collect();
        let wanted = lines.iter().zip(names).filter_map(|(line, name)| {
            let name = name.as_ref().ok().filter(|name| !known.contains_key(name.as_str()))?;
            Some((name, &**organisations.get(line.organisation.trim())?))
        });
        let wanted: HashSet<(&DomainName, &str)> = wanted.collect();
        let wanted: Vec<_> = wanted.into_iter().collect();
        let mut others = HashMap::new();
        for (of, error) in related(transaction, &wanted)? {
            others.entry(of).or_insert_with(|| error.to_string());
        }
        Ok(Self {
            actor: operator.actor().clone(),
            now,
            offer: offer::get(transaction)?.offer,
            related: others,
            organisations,
            known,
            outcome: BulkOutcome::default(),
            domains: Vec::new(),
            numbers: HashMap::new(),
            new: BTreeMap::new(),
            unread: Vec::new(),
        })
    }

    fn problem(&mut self, line: u64, error: &OpError, organisation: &str) {
        let message = match error {
            OpError::NotFound => {
                format!("there is no organisation `{}`", organisation.escape_debug())
            }
            error => error.to_string(),
        };
        self.outcome.problems.push(BulkProblem { line, message });
    }

    /// Does what a line says.
    fn line(&mut self, line: &Line, name: DomainName) -> Result<(), OpError> {
        let organisation = self.organisations.get(line.organisation.trim());
        let organisation = organisation.ok_or(OpError::NotFound)?.clone();
        let before = self.numbers.get(name.as_str()).copied();
        let number = match before {
            Some(number) => number,
            None => self.take_in(name, &organisation, line.organisation.trim())?,
        };
        let Some(planned) = self.domains.get_mut(number) else { return Ok(()) };
        let record = planned.record();
        if record.organisation != organisation {
            return Err(taken(record));
        }
        change::may(&self.actor, &line.change)?;
        let actor = Actor { behalf: Some(organisation), ..self.actor.clone() };
        let mut fields = Vec::new();
        if let Some(entry) = change::wanted(&actor, &self.offer, &record.entry, &line.change)? {
            change::check_alone(&entry)?;
            change::text_of(&entry)?;
            fields = audit::differences(&audit::json(&record.entry), &audit::json(&entry));
            if planned.steps.is_empty() {
                self.unread.push((line.number, number, 0));
            } else {
                // No two of those that are read together may have one name.
                reading::read([&entry])?;
            }
            let after = change::after(record, entry, &actor, self.now, record.file_version);
            planned.steps.push(after);
        }
        let is_added = before.is_none() && planned.is_new;
        let changed = BulkChange { domain: planned.start.domain.clone(), fields };
        self.outcome.add(is_added, changed);
        if self.unread.len() >= READ {
            self.read_entries();
        }
        Ok(())
    }

    /// Takes in a domain that the list names for the first time; its number.
    fn take_in(
        &mut self,
        name: DomainName,
        organisation: &str,
        organisation_name: &str,
    ) -> Result<usize, OpError> {
        let number = self.domains.len();
        let known = self.known.remove(name.as_str());
        let is_new = known.is_none();
        let start = match known {
            Some(record) => record,
            None => {
                if let Some(message) = self.related.get(&(name.clone(), organisation.to_owned())) {
                    return Err(OpError::Taken(message.clone()));
                }
                self.check_new(&name, organisation)?;
                self.new.insert(name.reversed().to_owned(), number);
                record_of(&name, organisation, organisation_name)
            }
        };
        self.numbers.insert(name.as_str().to_owned(), number);
        self.domains.push(Planned { name, is_new, start, steps: Vec::new() });
        Ok(number)
    }

    /// Refuses what lies below or above what the list itself has given to another organisation.
    fn check_new(&self, name: &DomainName, organisation: &str) -> Result<(), OpError> {
        let (from, to) = below(name);
        let above = name.and_above().filter_map(|above| self.new.get(above));
        let all = above.chain(self.new.range(from..to).map(|(_, number)| number));
        let others = all.filter_map(|number| self.domains.get(*number));
        let other =
            others.map(|other| &other.start).find(|other| other.organisation != organisation);
        match other {
            Some(other) => Err(taken_beside(name, &other.domain, &other.organisation_name)),
            None => Ok(()),
        }
    }

    /// Has the reader of policies read what it has not seen yet: all at once, and where something is wrong,
    /// one by one to say what.
    fn read_entries(&mut self) {
        let unread = std::mem::take(&mut self.unread);
        let entry = |(_, number, step): &(u64, usize, usize)| -> Option<&WrittenEntry> {
            Some(&self.domains.get(*number)?.steps.get(*step)?.entry)
        };
        if reading::read(unread.iter().filter_map(entry)).is_ok() {
            return;
        }
        let wrong: Vec<(u64, OpError)> = unread
            .iter()
            .filter_map(|one| Some((one.0, reading::read([entry(one)?]).err()?)))
            .take(MOST_PROBLEMS)
            .collect();
        for (line, error) in wrong {
            self.problem(line, &error, "");
        }
    }

    fn finish(mut self) -> Plan {
        self.read_entries();
        let problems = &mut self.outcome.problems;
        problems.sort_by_key(|problem| problem.line);
        problems.truncate(MOST_PROBLEMS);
        Plan { outcome: self.outcome, domains: self.domains }
    }
}

fn record_of(name: &DomainName, organisation: &str, organisation_name: &str) -> DomainRecord {
    DomainRecord {
        domain: name.to_string(),
        shown: shown(name.as_str()),
        organisation: organisation.into(),
        organisation_name: organisation_name.into(),
        entry: WrittenEntry { domain: name.to_string(), ..WrittenEntry::default() },
        switched: None,
        switched_by: None,
        version: 1,
        file_version: 0,
    }
}

/// So many domains are written at a time.
const WRITTEN: usize = 1000;

impl Plan {
    /// Writes all of it: each domain once, however many lines it has, and a row of the audit log for each
    /// change. For the policy's file it is one change.
    pub(super) fn write(
        self,
        transaction: &mut Transaction<'_>,
        operator: &Operator,
        now: Timestamp,
    ) -> Result<BulkOutcome, OpError> {
        let is_changed = self.domains.iter().any(|planned| !planned.steps.is_empty());
        let version = if is_changed { count_change(transaction)? } else { 0 };
        let written = |planned: &&Planned| planned.is_new || !planned.steps.is_empty();
        let all: Vec<&Planned> = self.domains.iter().filter(written).collect();
        for some in all.chunks(WRITTEN) {
            let (mut domains, mut rows) = (Vec::new(), Vec::new());
            for planned in some {
                let Planned { name, is_new, start, steps } = planned;
                if *is_new {
                    let entry =
                        register::row_of_audit(&start.domain, &start.organisation, &start.entry);
                    rows.push(audit::row(operator.actor(), now, entry));
                }
                for (before, after) in std::iter::once(start).chain(steps).zip(steps) {
                    rows.push(audit::row(operator.actor(), now, row_of_audit(before, after, None)));
                }
                let record = planned.record();
                domains.push(
                    bind![
                        name.as_str(),
                        name.reversed(),
                        &*record.organisation,
                        record.mode().name(),
                        change::text_of(&record.entry)?,
                        record.switched,
                        record.switched_by.clone(),
                        if steps.is_empty() { record.file_version } else { version },
                        now,
                        record.version
                    ]
                    .to_vec(),
                );
            }
            let sql = "INSERT INTO domain (name, reversed, organisation, mode, entry, switched, switched_by,
                 file_version, created, version) VALUES {rows}
                 ON CONFLICT (name) DO UPDATE SET mode = excluded.mode, entry = excluded.entry,
                 switched = excluded.switched, switched_by = excluded.switched_by,
                 file_version = excluded.file_version, version = excluded.version";
            transaction.execute_many(sql, domains)?;
            audit::write_all(transaction, rows)?;
        }
        Ok(self.outcome)
    }
}
