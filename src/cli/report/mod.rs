//! `mandatory-tls report`: what the ledger says, as a table, for other programs, or to be mailed
//! and printed.

mod beside;
mod hops;
mod letter;
mod prometheus;
mod story;
mod table;

use super::entry_name::EntryName;
use super::failure::{Failure, ended};
use super::ledger_file::{LedgerFile, cannot_read};
use super::ready::peer;
use super::since::since;
use beside::Beside;
use clap::ValueEnum;
use jiff::Timestamp;
use ledger::partner::{Partner, PartnerError};
use ledger::report::{By, Query, Report};
use ledger::{Day, Reader};
use policy::{Decision, DomainError, DomainName, Language, Pattern};
use std::{
    io::{self, Write},
    process::ExitCode,
};

const AFTER_HELP: &str = "\
Counted are recipients in mail for opted-in domains: one message to three recipients counts three \
times, and each once however often it is tried. Attempts are counted apart. A milter sees no message \
that it refuses, so attempts of the same peer for the same sender, recipient and size of message are \
taken for one, where no more than 12 hours lie between them and 5 days since the first. Mail of trusted \
clients is left out. Encrypted means that the session satisfies the baseline.

What became of a peer that was refused, up to the last mail that the ledger tells of:

  resolved       it has come with TLS since for the same senders, and nothing of these was refused
                 since; where both had come in turns, not for 5 days
  still failing  it goes on, the last time not more than a day ago (or in mode monitor, 5 days)
  not back yet   it has not come again yet; servers try for 5 days
  not back       it has not come again for 5 days; shown is when it was last seen
  other server   the same, but another server has since come with TLS for the same sender domain
  quiet          it was let through in mode monitor, and has not come for 5 days

Both hops: how mail for each domain came, and how it left. The MTA's log tells how it left, and which TLS \
handshakes failed: `follow-log` or `import` reads it, and until then it is not known. Verified is a server \
whose certificate is the one that the policy demanded.

Days are days in UTC.

Examples:
  mandatory-tls report
  mandatory-tls report example.org --since 30d --by sender
  mandatory-tls report '*.example.org'
  mandatory-tls report example.org --since 30d --format html > report.html
  mandatory-tls report example.org --since 90d --peer mail.partner.example
  mandatory-tls report example.org --since 90d --letter mail.partner.example --language de
  mandatory-tls report --since 1d --format prometheus";

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Only mail for this domain, or with `*.example.org` for those below one; of a mailbox, all mail for
    /// its domain
    domain: Option<EntryName>,
    /// Since when: 7d, 4w or 2027-01-31
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = since)]
    since: Day,
    /// Only mail of these servers: an address, a network, a name, or a domain with all names below it
    #[arg(long, value_name = "PEER", value_parser = peer)]
    peer: Option<Partner>,
    /// Only mail in the name of this domain, whoever brings it
    #[arg(long, value_name = "DOMAIN", conflicts_with = "peer", value_parser = sender)]
    sender: Option<Partner>,
    /// In place of a report, a letter to the postmaster of these servers, or of this sender domain: what they did,
    /// what is needed, how to test it
    #[arg(long, value_name = "PEER", conflicts_with_all = ["peer", "sender", "by", "verdict", "format"], value_parser = either)]
    letter: Option<Partner>,
    /// What to group by
    #[arg(long, value_enum, default_value_t = ByArg::Peer)]
    by: ByArg,
    /// Only groups with such a verdict
    #[arg(long, value_enum)]
    verdict: Option<VerdictArg>,
    /// The form of the report
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// How many lines there are at most; 0: all [default: 25 in a table, 10000 on a page]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// The language of a page or a letter; else it is that of the domain's entry in the policy
    #[arg(long, value_enum)]
    language: Option<LanguageArg>,
    #[command(flatten)]
    place: LedgerFile,
}

/// The most lines where nothing else is said. A page folds away what is too much to read.
const TABLE_LINES: usize = 25;
const PAGE_LINES: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ByArg {
    /// The sending server
    Peer,
    /// Who runs the sending servers: the registered domain of their names, or their network
    Correspondent,
    /// The sender's domain
    Sender,
    /// The recipient's domain
    Domain,
    /// The TLS version
    Version,
    /// The cipher suite
    Cipher,
    /// The day
    Day,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum VerdictArg {
    /// Refused
    Refused,
    /// Let through in mode monitor
    WouldRefuse,
    /// Let through
    Accepted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a terminal
    Table,
    /// A JSON object
    Json,
    /// Comma-separated values, with a heading
    Csv,
    /// One self-contained page, to be mailed or printed
    Html,
    /// Both hops as figures for Prometheus, for a file that node_exporter reads
    Prometheus,
}

/// The language of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LanguageArg {
    /// English
    En,
    /// German
    De,
}

fn either(text: &str) -> Result<Partner, PartnerError> {
    Partner::either(text)
}

fn sender(text: &str) -> Result<Partner, DomainError> {
    DomainName::parse(text).map(Partner::sender)
}

pub(super) fn run(args: &Args) -> ExitCode {
    ended(report(args))
}

fn report(args: &Args) -> Result<(), Failure> {
    let ledger: Reader = args.place.open()?;
    let by = match args.by {
        ByArg::Peer => By::Peer,
        ByArg::Correspondent => By::Correspondent,
        ByArg::Sender => By::Sender,
        ByArg::Domain => By::Domain,
        ByArg::Version => By::Version,
        ByArg::Cipher => By::Cipher,
        ByArg::Day => By::Day,
    };
    let verdict = args.verdict.map(|verdict| match verdict {
        VerdictArg::Refused => Decision::Refuse,
        VerdictArg::WouldRefuse => Decision::WouldRefuse,
        VerdictArg::Accepted => Decision::Accept,
    });
    let of = args.domain.as_ref().map(|name| name.0.clone());
    if let Some(Pattern::Mailbox(_, domain)) = &of {
        eprintln!(
            "The ledger holds no local parts: this is all mail for {domain} that was recorded."
        );
    }
    let query = Query { since: args.since, of, by, verdict };
    let failed = |error| cannot_read(&args.place.path().unwrap_or_default(), &error);
    let beside = Beside::new(&args.place);
    if let Some(partner) = &args.letter {
        let language = language(args, &beside);
        let found = letter::of(&ledger, &query, partner, (&beside, language)).map_err(failed)?;
        let Some(found) = found else {
            eprintln!("Nothing of {partner} was or would be refused in this time.");
            return Ok(());
        };
        let mut out = io::stdout().lock();
        letter::write(&mut out, &found, language)?;
        return Ok(out.flush()?);
    }
    if let Some(partner) = args.peer.as_ref().or(args.sender.as_ref()) {
        let report = Report::of_partner(&ledger, &query, partner).map_err(failed)?;
        return write(args, &report, by, &beside);
    }
    let mut report = Report::new(&ledger, &query).map_err(failed)?;
    beside.compare(&mut report);
    beside.answer(&mut report, query.of.as_ref(), &ledger).map_err(failed)?;
    Beside::trend(&mut report, &query, &ledger).map_err(failed)?;
    write(args, &report, by, &beside)
}

/// The language that was asked for, or that of the entry.
fn language(args: &Args, beside: &Beside<'_>) -> Language {
    match args.language {
        Some(LanguageArg::En) => Language::English,
        Some(LanguageArg::De) => Language::German,
        None => beside.language(args.domain.as_ref().map(|name| &name.0)),
    }
}

/// In the form that was asked for.
fn write(args: &Args, report: &Report, by: By, beside: &Beside<'_>) -> Result<(), Failure> {
    let limit = |usual| match args.limit {
        None => usual,
        Some(0) => usize::MAX,
        Some(limit) => limit,
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.format {
        Format::Table => table::write(&mut out, report, by, limit(TABLE_LINES))?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, report).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Format::Csv => pages::report::write_csv(&mut out, report, by)?,
        Format::Prometheus => prometheus::write(&mut out, report, Timestamp::now())?,
        Format::Html => {
            let language = language(args, beside);
            let page = pages::report::page(report, by, limit(PAGE_LINES), language)
                .map_err(io::Error::other)?;
            out.write_all(page.as_bytes())?;
        }
    }
    Ok(out.flush()?)
}
