//! `mandatory-tls simulate`: what another policy would have meant.

mod hops;
mod output;

use super::entry_name::{EntryName, deciding};
use super::failure::{Failure, ended};
use super::ledger_file::{LedgerFile, cannot_read};
use super::progress::Progress;
use super::since::since;
use clap::ValueEnum;
use config::policy_file;
use jiff::Timestamp;
use ledger::readiness::{Inquiry, WINDOW, readiness};
use ledger::simulation::{Simulation, Trial, simulate};
use ledger::{Day, Domains, History, Reader, Selection, day_of};
use policy::hop::{Deliver, Demand, Level};
use policy::{Entry, Mode, Pattern, Policy, Schedule};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};
use strum::IntoEnumIterator;

const AFTER_HELP: &str = "\
Every recipient in the ledger is judged twice, by the policy in force (which the settings name) \
and by the other one, with the same code as in the milter; shown is each change of a verdict. Both \
judge as of now, or as of --at. A message that was refused and tried again counts once (`report --help` \
says how). The ledger holds only mail for domains that were opted in: to learn about \
others, have them in mode monitor for a while, or import the MTA's logs. It holds no local parts: \
entries for single mailboxes are not looked at. Where it holds no single addresses (`clients` in the \
settings), mail of trusted clients is counted, and not judged.

Of the second hop, where deliveries are recorded (`follow-log`, `import`), each session in which mail has \
left is held against what would be demanded of its next hop. Would wait: it was not encrypted, its version \
is too old, or its certificate is not trusted. Not known: what is demanded was not logged, since it was \
not demanded then, such as the names in a certificate. Next hops are those that the policies name.

Examples:
  mandatory-tls simulate --policy new-policy.yaml --since 30d
  mandatory-tls simulate --domain example.org --mode enforce --require rfc9325
  mandatory-tls simulate --domain example.org --deliver encrypt";

/// Arguments of `simulate`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    #[command(flatten)]
    what: What,
    /// With --domain: in this mode
    #[arg(long, value_enum, requires = "domain", conflicts_with = "policy", default_value_t = ModeArg::Enforce)]
    mode: ModeArg,
    /// With --domain: with this requirement, in place of its own
    #[arg(long, value_name = "NAME", requires = "domain", conflicts_with = "policy")]
    require: Option<String>,
    /// With --domain: with this level of the hop to its own server, in Postfix's words
    #[arg(long, value_name = "LEVEL", requires = "domain", conflicts_with = "policy", value_parser = level)]
    deliver: Option<Level>,
    /// Since when: 7d, 4w or 2027-01-31
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = since)]
    since: Day,
    /// The time of the judgements, as 2027-01-01 or 2027-01-01T08:00:00+01:00; without it, now
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// How many lines a table has at most; 0: all
    #[arg(long, value_name = "NUMBER", default_value_t = 25)]
    limit: usize,
    /// Show on the terminal how far it is
    #[arg(long)]
    progress: bool,
    #[command(flatten)]
    place: LedgerFile,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Try this policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Try the policy in force with another mode or requirement for this domain, or with
    /// `*.example.org` for those below one
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<EntryName>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModeArg {
    /// Not judged
    Off,
    /// Judged, never refused
    Monitor,
    /// Refused where it is not adequate
    Enforce,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal
    Table,
    /// A JSON object
    Json,
    /// Comma-separated values: the peers, with a heading
    Csv,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    policy_file::moment(text)
        .ok_or_else(|| "a time is written as 2027-01-01 or 2027-01-01T08:00:00+01:00".into())
}

/// A level that needs nothing besides.
fn level(text: &str) -> Result<Level, String> {
    let takes = |level: &Level| *level != Level::Fingerprint;
    text.parse().ok().filter(takes).ok_or_else(|| {
        let names: Vec<_> = Level::iter().filter(takes).map(Level::name).collect();
        format!("possible are {}; others need a policy, --policy", names.join(", "))
    })
}

pub(super) fn run(args: &Args) -> ExitCode {
    ended(tried(args))
}

fn tried(args: &Args) -> Result<(), Failure> {
    let settings = args.place.settings()?;
    let old = load(&settings.policy)?;
    let new = match (&args.what.policy, &args.what.domain) {
        (Some(path), _) => load(path)?,
        (None, Some(name)) => with_entry(&old, &name.0, args)?,
        (None, None) => return Err(Failure::usage("error: name --policy or --domain")),
    };
    let ledger = args.place.open()?;
    let domains = args.what.domain.as_ref().map(|name| Domains::from(&name.0)).unwrap_or_default();
    let selection = Selection { since: args.since, domains };
    let now = args.at.unwrap_or_else(Timestamp::now);
    let trial = Trial { old: &old, new: &new, now, on_unknown_tls: settings.on_unknown_tls };
    let simulation = judged(&ledger, &selection, trial, args.progress)
        .map_err(|error| cannot_read(&args.place.path().unwrap_or_default(), &error))?;
    let answers = match &args.what.domain {
        Some(name) if args.mode == ModeArg::Enforce => {
            let policy = monitored(&new, &name.0);
            let on_unknown_tls = settings.on_unknown_tls;
            let Selection { since, domains } = selection;
            // The evidence is of the time that it takes, whatever a table is about.
            let since = since.min(day_of(now.as_second()) - WINDOW);
            let inquiry = Inquiry { policy: &policy, on_unknown_tls, now, since, domains };
            readiness(&ledger, &inquiry)
                .map_err(|error| cannot_read(&args.place.path().unwrap_or_default(), &error))?
        }
        _ => Vec::new(),
    };
    let limit = if args.limit == 0 { usize::MAX } else { args.limit };
    match args.format {
        Format::Table => {
            output::table(&simulation, args.since, &settings.policy, limit)?;
            output::readiness(&answers, limit)?;
        }
        Format::Json => output::json(&simulation, &answers)?,
        Format::Csv => output::csv(&simulation)?,
    }
    Ok(())
}

fn load(path: &Path) -> Result<Policy, Failure> {
    policy_file::load(path).policy.map_err(|problems| Failure::config(&problems))
}

fn judged(
    ledger: &Reader,
    selection: &Selection,
    trial: Trial<'_>,
    progress: bool,
) -> Result<Simulation, ledger::StoreError> {
    let mut progress = match progress {
        true => Progress::of(ledger.count(selection)?),
        false => Progress::hidden(),
    };
    simulate(ledger, selection, trial, || progress.step())
}

/// The same in monitor: whether it can be enforced is asked before it is.
fn monitored(policy: &Policy, name: &Pattern) -> Policy {
    let mut policy = policy.clone();
    if let Some(entry) = deciding(&policy, name).cloned() {
        let schedule = Schedule::Always(Mode::Monitor);
        policy.domains.replace(name, Entry { schedule, ..entry });
    }
    policy
}

/// The policy in force with another entry of this name.
fn with_entry(policy: &Policy, name: &Pattern, args: &Args) -> Result<Policy, Failure> {
    if let Pattern::Mailbox(_, domain) = name {
        return Err(Failure::usage(format!(
            "error: the ledger holds no local parts: nothing is known of {name} alone\n  = help: try its domain, --domain {domain}"
        )));
    }
    let mut entry = deciding(policy, name).cloned().unwrap_or_else(|| Entry::bare(Mode::Enforce));
    entry.schedule = Schedule::Always(match args.mode {
        ModeArg::Off => Mode::Off,
        ModeArg::Monitor => Mode::Monitor,
        ModeArg::Enforce => Mode::Enforce,
    });
    if let Some(name) = &args.require {
        entry.requirement = policy.requirement(name).cloned().ok_or_else(|| {
            let name = name.escape_debug();
            Failure::usage(format!(
                "error: there is no requirement `{name}`\n  = help: `mandatory-tls requirements` lists them"
            ))
        })?;
    }
    if let Some(level) = args.deliver {
        let old = entry.deliver.take().map(|deliver| (*deliver).clone());
        let Deliver { demand, next_hops } = old
            .unwrap_or_else(|| Deliver { demand: Demand::of_level(level), next_hops: Vec::new() });
        let demand = Demand { level, matching: Vec::new(), ..demand };
        entry.deliver = Some(Deliver { demand, next_hops }.into());
    }
    let mut policy = policy.clone();
    policy.domains.replace(name, entry);
    Ok(policy)
}
