//! `mandatory-tls ready`: whether domains can be enforced, who stands in the way, and when it could begin.

mod output;

pub(super) use output::answers;

use super::entry_name::{EntryName, deciding};
use super::failure::Failure;
use super::ledger_file::{LedgerFile, cannot_read};
use super::since::since;
use clap::ValueEnum;
use config::policy_file;
use jiff::Timestamp;
use ledger::partner::{Part, Partner, PartnerError};
use ledger::readiness::{Inquiry, Readiness, State, WINDOW, readiness, sort};
use ledger::{Day, Domains, Reader, day_of};
use policy::{Entry, Language, Mode, Pattern, Policy, Schedule};
use std::process::ExitCode;

const AFTER_HELP: &str = "\
All mail that came for a domain is judged by the policy in force, as it would be if the domain was enforced. \
Those who would be refused are added up by who runs their servers: the registered domain of their names, or \
their network. The answers:

  not yet              some stand in the way: they would be refused, and are likely to come again
  not enough evidence  nobody stands in the way, but too little is known: mail came on fewer than 8 of 14 days
                       (or in less than 56 days in all), everything is known from a log only, of more than
                       1 recipient in 20 it is not known how they came, or the ledger has not gone on for 4 days
  ready                nobody stands in the way
  enforced             it is enforced already; shown is who is refused

In the way stands nobody who has come with TLS since; who has not come for 35 days, and three times as long as is \
usual for it; and nobody of whom nothing shows that its mail would be missed: it came on one day only, did not try \
again, never came with TLS, and has no name, or gave nobody or the domain itself as its sender. Who is looked at, \
and missed by nobody, can be left out with --without.

The day that is proposed leaves each of them the time to write twice: two weeks at least, 60 days at most, on a \
Tuesday, Wednesday or Thursday, and not about the turn of the year. A domain that is not opted in is judged as the \
entry above it, or the baseline, asks.

Exit status: 0 all are ready or enforced; 1 some are not yet ready; 2 of none that is so, but of some too little is \
known; 64, 69 and 78 as for every command.

Examples:
  mandatory-tls ready
  mandatory-tls ready example.org --without 198.51.100.0/24
  mandatory-tls ready '*.example.org' --format json";

/// Arguments of `ready`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Only these domains, or with `*.example.org` those below one; else all that the policy judges and that got mail
    domains: Vec<EntryName>,
    /// Without these: the address, network, name or domain of servers whose mail nobody would miss
    #[arg(long, value_name = "PEER", value_parser = peer)]
    without: Vec<Partner>,
    /// Since when: 90d, 12w or 2027-01-31 [default: 90d]
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Day>,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// How many domains a table has at most; 0: all
    #[arg(long, value_name = "NUMBER", default_value_t = 25)]
    limit: usize,
    #[command(flatten)]
    place: LedgerFile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal
    Table,
    /// A JSON object
    Json,
    /// Comma-separated values, with a heading
    Csv,
}

pub(super) fn peer(text: &str) -> Result<Partner, PartnerError> {
    Partner::peer(text)
}

/// Some are not yet ready.
const NOT_YET: u8 = 1;
/// Of some, too little is known.
const NOT_ENOUGH: u8 = 2;

pub(super) fn run(args: &Args) -> ExitCode {
    match answered(args) {
        Ok(status) => status.into(),
        Err(failure) => failure.ended(),
    }
}

fn answered(args: &Args) -> Result<u8, Failure> {
    let settings = args.place.settings()?;
    let policy = policy_file::load(&settings.policy)
        .policy
        .map_err(|problems| Failure::config(&problems))?;
    let policy = with_all(policy, args)?;
    let ledger: Reader = args.place.open()?;
    let path = args.place.path()?;
    let now = Timestamp::now();
    let since = args.since.unwrap_or_else(|| day_of(now.as_second()) - WINDOW);
    let history = Part::without(&ledger, &args.without);
    let on_unknown_tls = settings.on_unknown_tls;
    let ask = |domains| {
        let inquiry = Inquiry { policy: &policy, on_unknown_tls, now, since, domains };
        readiness(&history, &inquiry).map_err(|error| cannot_read(&path, &error))
    };
    let mut answers: Vec<Readiness> = Vec::new();
    if args.domains.is_empty() {
        answers = ask(Domains::All)?;
    }
    for name in &args.domains {
        answers.extend(ask(Domains::from(&name.0))?);
    }
    sort(&mut answers);
    answers.dedup_by(|one, other| one.domain == other.domain);
    let limit = if args.limit == 0 { usize::MAX } else { args.limit };
    match args.format {
        Format::Table => output::table(&answers, limit)?,
        Format::Json => output::json(&answers)?,
        Format::Csv => output::csv(&answers)?,
    }
    let has = |state| answers.iter().any(|one| one.state == state);
    Ok(match () {
        () if has(State::NotYet) => NOT_YET,
        () if has(State::NotEnough) || answers.is_empty() => NOT_ENOUGH,
        () => 0,
    })
}

/// The policy, with those that were asked for by name in monitor at least.
fn with_all(mut policy: Policy, args: &Args) -> Result<Policy, Failure> {
    for EntryName(name) in &args.domains {
        if let Pattern::Mailbox(_, domain) = name {
            return Err(Failure::usage(format!(
                "error: the ledger holds no local parts: nothing is known of {name} alone\n  = help: ask about its domain, {domain}"
            )));
        }
        let entry = deciding(&policy, name);
        if entry.is_some_and(|entry| entry.schedule != Schedule::Always(Mode::Off)) {
            continue;
        }
        let entry = entry.cloned().unwrap_or_else(|| Entry::bare(Mode::Monitor));
        let schedule = Schedule::Always(Mode::Monitor);
        policy.domains.replace(name, Entry { schedule, ..entry });
    }
    Ok(policy)
}

/// What a table says is in English.
const LANGUAGE: Language = Language::English;
