//! `mandatory-tls-portal audit`.

use super::{Failure, Shell};
use crate::ops::audit::{self, AuditQuery, AuditRow};
use crate::ops::{OpError, organisations};
use clap::ValueEnum;
use config::policy_file;
use jiff::Timestamp;
use std::io::Write;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only rows about this domain, account, organisation or token
    #[arg(long)]
    subject: Option<String>,
    /// Only what this login did
    #[arg(long)]
    actor: Option<String>,
    /// Only matters of this organisation, by name
    #[arg(long)]
    organisation: Option<String>,
    /// From this day or moment on
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// At most so many rows
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
    limit: i64,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal
    Table,
    /// A JSON object a line
    Json,
    /// Comma-separated values, with a heading
    Csv,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    policy_file::moment(text)
        .ok_or_else(|| "a time is written as 2027-01-01 or 2027-01-01T08:00:00+01:00".into())
}

pub(super) fn run(args: Args, shell: &Shell, out: &mut impl Write) -> Result<(), Failure> {
    let rows = rows(&args, shell)?;
    match args.format {
        Format::Csv => write!(out, "{}", audit::to_csv(&rows)?)?,
        Format::Json => {
            for row in &rows {
                writeln!(out, "{}", audit::json(row))?;
            }
        }
        Format::Table => {
            for row in &rows {
                let action: &str = row.action.into();
                let via: &str = row.via.into();
                let subject = row.subject_name.escape_debug();
                let actor = row.actor.escape_debug();
                write!(out, "{:>6}  {:.0}  {actor} ({via}", row.id, row.at)?;
                if !row.address.is_empty() {
                    write!(out, ", {}", row.address)?;
                }
                if let Some(behalf) = &row.behalf {
                    write!(out, ", for {}", behalf.escape_debug())?;
                }
                writeln!(out, ")  {action}  {subject}")?;
                for (field, before, after) in row.differences() {
                    let (before, after) = (before.escape_debug(), after.escape_debug());
                    writeln!(out, "        {field}: {before} -> {after}")?;
                }
            }
        }
    }
    Ok(())
}

fn rows(args: &Args, shell: &Shell) -> Result<Vec<AuditRow>, Failure> {
    let mut query = AuditQuery {
        subject: args.subject.clone(),
        actor: args.actor.clone(),
        since: args.since,
        ..AuditQuery::default()
    };
    Ok(shell.store.read(|transaction| {
        if let Some(name) = &args.organisation {
            let found = organisations::find(transaction, &shell.operator, name)?;
            query.organisation = Some(found.id);
        }
        let mut rows = Vec::new();
        loop {
            let rest = args.limit - i64::try_from(rows.len()).unwrap_or(i64::MAX);
            query.limit = Some(rest.min(10_000));
            let part = audit::search(transaction, shell.operator.actor(), &query)?;
            rows.extend(part.rows);
            query.before = part.next;
            if part.next.is_none() || rest <= 10_000 {
                return Ok::<_, OpError>(rows);
            }
        }
    })?)
}
