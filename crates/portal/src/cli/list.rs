//! `mandatory-tls-portal import` and `export`: lists of domains.

use super::{DATA, Failure, Shell};
use crate::app::now;
use crate::ops::domains::bulk::{self, BulkOutcome};
use config::files;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
The first line names the columns; `organisation` and `domain` are needed, and mode, enforce_from,
require, contact and language are left as they are where the list does not have them. Organisations
must be there before; domains are registered.

Example:
  organisation,domain,mode,contact
  Example Ltd,example.org,monitor,tls@example.org";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ImportArgs {
    /// The list; `-` is standard input
    file: PathBuf,
    /// Only tell what would change
    #[arg(long)]
    preview: bool,
}

pub(super) fn import(
    args: &ImportArgs,
    shell: &Shell,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let unreadable = |error: &dyn std::fmt::Display| Failure {
        status: DATA,
        message: format!("error: {} cannot be read: {error}", args.file.display()),
    };
    let octets = if args.file == Path::new("-") {
        let mut octets = Vec::new();
        io::stdin().take(files::MAX_FILE).read_to_end(&mut octets)?;
        octets
    } else {
        files::read_limited(&args.file).map_err(|error| unreadable(&error))?
    };
    let text = String::from_utf8(octets).map_err(|_| unreadable(&"it is not UTF-8"))?;
    let lines = bulk::read(&text)?;
    let run = if args.preview { bulk::preview } else { bulk::import };
    let outcome = run(&shell.store, &shell.operator, &lines, now())?;
    show(&outcome, args.preview, out)?;
    if outcome.problems.is_empty() {
        return Ok(());
    }
    out.flush()?;
    let message =
        "error: nothing was changed, since there are lines that cannot be used".to_owned();
    Err(Failure { status: DATA, message })
}

fn show(outcome: &BulkOutcome, preview: bool, out: &mut impl Write) -> io::Result<()> {
    for problem in &outcome.problems {
        writeln!(out, "line {}: {}", problem.line, problem.message)?;
    }
    if !outcome.problems.is_empty() {
        return Ok(());
    }
    for domain in &outcome.added {
        writeln!(out, "+ {domain}")?;
    }
    for changed in &outcome.changed {
        writeln!(out, "~ {}", changed.domain)?;
        for (field, before, after) in &changed.fields {
            writeln!(out, "    {field}: {} -> {}", before.escape_debug(), after.escape_debug())?;
        }
    }
    let (added, changed) = (outcome.added.len(), outcome.changed.len());
    let same = outcome.same;
    let would = if preview { "would be " } else { "" };
    writeln!(out, "{added} {would}registered, {changed} {would}changed, {same} as they were")
}

pub(super) fn export(shell: &Shell, out: &mut impl Write) -> Result<(), Failure> {
    let text = shell.store.read(|transaction| bulk::export(transaction, shell.operator.actor()))?;
    Ok(write!(out, "{text}")?)
}
