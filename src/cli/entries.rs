//! `mandatory-tls entries`: who is opted in, to what, and where that stands.

use super::eyes::INSTALLED;
use super::failure::{Failure, ended};
use super::which_policy;
use clap::ValueEnum;
use config::yaml::shown_path;
use jiff::Timestamp;
use pages::text::safe_cell;
use policy::{DomainName, Entry, EntryPlace, Mode, Policy, Schedule};
use serde::Serialize;
use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};
use strum::IntoStaticStr;

const AFTER_HELP: &str = "\
Which entry decides where several could is told by `mandatory-tls explain`.

Examples:
  mandatory-tls entries
  mandatory-tls entries --domain example.org
  mandatory-tls entries --format csv >entries.csv";

/// Arguments of `entries`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The settings, which name the policy
    #[arg(long, value_name = "FILE", default_value = INSTALLED, conflicts_with = "policy")]
    config: PathBuf,
    /// List this policy, in place of that of the settings
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Only what names this domain, mailboxes in it or what is below it, and wildcards that it is below
    #[arg(long, value_name = "DOMAIN", value_parser = DomainName::parse)]
    domain: Option<DomainName>,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// A JSON array of objects
    Json,
    /// Comma-separated values
    Csv,
}

/// The part of the policy that an entry stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
enum List {
    Domains,
    Senders,
    Local,
}

/// An entry as it is listed.
#[derive(Debug, Serialize)]
struct Listed<'p> {
    list: List,
    /// What it names.
    name: &'p str,
    /// The mode now.
    #[serde(serialize_with = "as_word")]
    mode: Mode,
    /// When it enforces from, or has since, where that is said.
    enforce_from: Option<Timestamp>,
    /// The requirement's name.
    require: &'p str,
    /// How many exceptions it has.
    exceptions: usize,
    contact: Option<&'p str>,
    file: &'p Path,
    /// None of `local`, of which there is one.
    line: Option<u32>,
}

fn as_word<S: serde::Serializer>(mode: &Mode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(mode.name())
}

impl<'p> Listed<'p> {
    fn new(
        list: List,
        name: &'p str,
        entry: &'p Entry,
        place: EntryPlace,
        (policy, now): (&'p Policy, Timestamp),
    ) -> Self {
        let file = policy.files.get(usize::from(place.file));
        Self {
            list,
            name,
            mode: entry.schedule.mode_at(now),
            enforce_from: match entry.schedule {
                Schedule::EnforceFrom(start) => Some(start),
                Schedule::Always(_) => None,
            },
            require: entry.requirement.name(),
            exceptions: entry.exceptions.len(),
            contact: entry.contact.as_deref(),
            file: file.map(PathBuf::as_path).unwrap_or(Path::new("")),
            line: (place.line > 0).then_some(place.line),
        }
    }

    /// The mode in words, with its date.
    fn mode_text(&self) -> String {
        match (self.enforce_from, self.mode) {
            (None, mode) => mode.to_string(),
            (Some(start), Mode::Enforce) => format!("enforce since {start}"),
            (Some(start), mode) => format!("{mode}, enforce from {start}"),
        }
    }

    fn place_text(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", shown_path(self.file)),
            None => shown_path(self.file),
        }
    }
}

pub(super) fn run(args: &Args) -> ExitCode {
    ended(list(args))
}

fn list(args: &Args) -> Result<(), Failure> {
    let policy = which_policy::read(args.policy.as_ref(), &args.config)
        .map_err(|problems| Failure::config(&problems))?;
    let at = (&policy, Timestamp::now());
    let entries = || {
        let local = policy.local.as_ref().filter(|_| args.domain.is_none());
        let local =
            local.map(|entry| Listed::new(List::Local, "local", entry, EntryPlace::default(), at));
        let lists = [(List::Domains, &policy.domains), (List::Senders, &policy.senders)];
        let named = lists.into_iter().flat_map(move |(list, directory)| {
            directory
                .all()
                .filter(|found| concerns(found.pattern, args.domain.as_ref()))
                .map(move |found| Listed::new(list, found.pattern, found.entry, found.place(), at))
        });
        local.into_iter().chain(named)
    };
    let mut out = BufWriter::new(io::stdout().lock());
    match args.format {
        Format::Text => text(&mut out, entries),
        Format::Json => json(&mut out, entries()),
        Format::Csv => csv(&mut out, entries()),
    }?;
    Ok(out.flush()?)
}

/// Whether an entry of this name has to do with a domain.
fn concerns(pattern: &str, domain: Option<&DomainName>) -> bool {
    let Some(domain) = domain else { return true };
    let is_below = |name: &str, parent: &str| {
        name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'))
    };
    if pattern == "*" {
        return true;
    }
    let name = pattern.rsplit_once('@').map_or(pattern, |(_, name)| name);
    let above = pattern.strip_prefix("*.");
    name == domain.as_str()
        || is_below(name, domain.as_str())
        || above.is_some_and(|parent| is_below(domain.as_str(), parent))
}

/// Lines for people: each column is as wide as its widest cell, however wide the terminal is, so that
/// grep and awk find an entry in one line.
fn text<'p, I: Iterator<Item = Listed<'p>>>(
    out: &mut impl Write,
    entries: impl Fn() -> I,
) -> io::Result<()> {
    let cells = |entry: &Listed<'_>| {
        let list: &'static str = entry.list.into();
        let exceptions = match entry.exceptions {
            0 => "-".to_owned(),
            count => count.to_string(),
        };
        [
            list.to_owned(),
            entry.name.to_owned(),
            entry.mode_text(),
            entry.require.to_owned(),
            exceptions,
        ]
    };
    let heads = ["list", "name", "mode", "require", "exceptions"];
    let mut widths = heads.map(str::len);
    for entry in entries() {
        for (width, cell) in widths.iter_mut().zip(cells(&entry)) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut row = |cells: [String; 5], place: &str| {
        for (cell, width) in cells.iter().zip(widths) {
            write!(out, "{cell:width$}  ")?;
        }
        writeln!(out, "{place}")
    };
    row(heads.map(str::to_owned), "where")?;
    entries().try_for_each(|entry| row(cells(&entry), &entry.place_text()))
}

/// One object a line, as each is found: a list can have a million.
fn json<'p>(out: &mut impl Write, entries: impl Iterator<Item = Listed<'p>>) -> io::Result<()> {
    write!(out, "[")?;
    for (number, entry) in entries.enumerate() {
        write!(out, "{}", if number == 0 { "\n" } else { ",\n" })?;
        serde_json::to_writer(&mut *out, &entry)?;
    }
    writeln!(out, "\n]")
}

fn csv<'p>(out: &mut impl Write, entries: impl Iterator<Item = Listed<'p>>) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record([
        "list",
        "name",
        "mode",
        "enforce_from",
        "require",
        "exceptions",
        "contact",
        "file",
        "line",
    ])?;
    for entry in entries {
        csv.write_record([
            entry.list.into(),
            &*safe_cell(entry.name.to_owned()),
            entry.mode.name(),
            &entry.enforce_from.map(|start| start.to_string()).unwrap_or_default(),
            entry.require,
            &entry.exceptions.to_string(),
            &safe_cell(entry.contact.unwrap_or_default().to_owned()),
            &entry.file.display().to_string(),
            &entry.line.map(|line| line.to_string()).unwrap_or_default(),
        ])?;
    }
    csv.flush()
}
