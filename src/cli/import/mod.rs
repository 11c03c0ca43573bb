//! `mandatory-tls import`: adds to a ledger what the MTA logged and the milter did not judge.

mod gather;

use super::failure::{Failure, ended};
use super::ledger_file::LedgerFile;
use clap::Subcommand;
use config::policy_file;
use config::settings::LedgerSettings;
use gather::{FromLog, Gatherer};
use jiff::{Timestamp, tz::Offset};
use ledger::postfix_log::{Clock, Tallied};
use ledger::{Clients, Store, StoreError};
use pages::text::number;
use policy::{Entry, Mode, Pattern, Policy};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, ErrorKind},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// From the log of a Postfix with smtpd_tls_loglevel = 1
    PostfixLog(LogArgs),
}

const AFTER_HELP: &str = "\
The lines of each smtpd process are joined with those of the messages that came over its
sessions. Postfix must have logged the sessions (smtpd_tls_loglevel = 1 in main.cf). What the
ledger holds already is left out: the time of a host's log that was imported before, also where
files overlap; and on each day the mail of a domain from the moment on when the milter first
judged mail for it. So a log can be imported again after more domains were opted in. Where the
milter runs, its mail of the last 15 seconds may not be in the ledger yet, and would count twice:
take a log that has ended, or whose last mail is a minute old.

The policy in force judges, as in monitor: nothing was refused at that time. Domains that it does
not opt in are recorded as if they were in monitor with the baseline, so that `report` and
`simulate` can tell about them; with --opted-in they are left out. Mail of those whom the policy
trusts (your own networks, authenticated users) is marked as such: look at `trusted` before you
import.

Times such as `Jan 31 23:59:59` do not say their zone: give the one of the host that logged them
with --utc-offset. `date +%:z` prints the present one of this host. It is one offset for the whole
import: daylight-saving time is not looked at. Where the clocks changed in between, times of the
other season are an hour off; import the logs from before and after the change apart, each with
its own offset.

Compressed logs:  zcat /var/log/mail.log.2.gz | mandatory-tls import postfix-log -";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
struct LogArgs {
    /// The logs, the oldest first; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only mail for domains that the policy opts in
    #[arg(long)]
    opted_in: bool,
    /// The zone of times that are logged without one, such as +01:00; needed where there are any
    #[arg(long, value_name = "OFFSET", value_parser = offset, allow_hyphen_values = true)]
    utc_offset: Option<Offset>,
    #[command(flatten)]
    place: LedgerFile,
}

fn offset(text: &str) -> Result<Offset, String> {
    let wrong = || "an offset is written as +01:00 or -05:30".to_owned();
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(wrong()),
    };
    let (hours, minutes) = rest.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str, most: i32| {
        text.parse().ok().filter(|number| (0..=most).contains(number)).ok_or_else(wrong)
    };
    let seconds = number(hours, 14)? * 3600 + number(minutes, 59)? * 60;
    Offset::from_seconds(sign * seconds).map_err(|_| wrong())
}

pub(super) fn run(args: &Args) -> ExitCode {
    let What::PostfixLog(log) = &args.what;
    ended(imported(log))
}

fn imported(args: &LogArgs) -> Result<(), Failure> {
    let settings = args.place.settings()?;
    let mut policy = policy_file::load(&settings.policy)
        .policy
        .map_err(|problems| Failure::config(&problems))?;
    if !args.opted_in {
        monitor_all(&mut policy);
    }
    let ledger = LedgerSettings {
        path: args.place.path()?,
        ..settings.ledger.unwrap_or_else(|| LedgerSettings::in_directory(Path::new("")))
    };
    let failed = |error: StoreError| cannot_write(&ledger.path, &error);
    let mut store = Store::open(&ledger.path, ledger.room).map_err(failed)?;
    let clients = Clients::new(ledger.clients, &ledger.key())
        .map_err(|error| failed(StoreError::Key(error)))?;
    let exclusions = gather::Exclusions {
        imported: store.imported().map_err(failed)?,
        ledger: &store,
        oldest: Timestamp::now().as_second() - i64::from(ledger.retention_days) * ledger::DAY,
    };
    let mut gatherer = Gatherer::new(&policy, settings.on_unknown_tls, &clients, exclusions);
    for path in &args.files {
        read(path, args.utc_offset, &mut gatherer, &failed)?;
        gatherer.end_of_file();
    }
    let tallied = gatherer.tallied();
    if tallied.postfix == 0 {
        return Err(no_postfix(&args.files));
    }
    if tallied.messages > 0 && tallied.tls == 0 {
        return Err(Failure::data(
            "error: Postfix has not logged any TLS session, so that all mail would look unencrypted\n  = help: set `smtpd_tls_loglevel = 1` in main.cf, reload Postfix, and import what is logged from then on",
        ));
    }
    let gathered = gatherer.finish();
    store.import(&gathered.rows, &gathered.parts).map_err(failed)?;
    say(&tallied, &gathered);
    Ok(())
}

/// Judges domains of which the policy says nothing as in monitor, by the baseline.
fn monitor_all(policy: &mut Policy) {
    if policy.domains.get("*").is_none() {
        policy.domains.replace(&Pattern::Every, Entry::bare(Mode::Monitor));
    }
}

fn cannot_write(path: &Path, error: &StoreError) -> Failure {
    let help = match error.remedy() {
        "" => String::new(),
        remedy => format!("\n  = help: {remedy}"),
    };
    Failure::unavailable(format!(
        "error: the ledger {} cannot be written: {error}{help}",
        path.display()
    ))
}

/// Longer lines are cut: Postfix breaks its own at 2000 octets.
const LONGEST: u64 = 64 * 1024;

fn read(
    path: &Path,
    offset: Option<Offset>,
    gatherer: &mut Gatherer<'_>,
    ledger_failed: &impl Fn(StoreError) -> Failure,
) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        let help = match error.kind() {
            ErrorKind::NotFound => format!("\n  = help: {JOURNAL}"),
            _ => String::new(),
        };
        Failure::data(format!("error: {} cannot be read: {error}{help}", path.display()))
    };
    let (mut log, written) = open(path).map_err(failed)?;
    packed(path, log.fill_buf().map_err(failed)?)?;
    let clock = Clock::new(offset.unwrap_or(Offset::UTC), written);
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        if io::Read::take(&mut log, LONGEST).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(());
        }
        number += 1;
        gatherer.line(String::from_utf8_lossy(&line).trim_end(), &clock).map_err(ledger_failed)?;
        if offset.is_none() && gatherer.tallied().without_zone > 0 {
            return Err(without_zone(path, number));
        }
    }
}

/// A log, and when it was last written.
fn open(path: &Path) -> io::Result<(Box<dyn BufRead>, Timestamp)> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin().lock()), Timestamp::now()));
    }
    let file = File::open(path)?;
    let written = file.metadata()?.modified()?;
    let written = Timestamp::try_from(written).unwrap_or_else(|_| Timestamp::now());
    Ok((Box::new(BufReader::new(file)), written))
}

/// Taken for another zone, mail from about when the milter began would be counted twice or left
/// out.
fn without_zone(path: &Path, line: u64) -> Failure {
    Failure::data(format!(
        "error: {}, line {line}: the time does not say its zone, and nothing was imported\n  = help: give the zone of the host that logged it with `--utc-offset`, such as `--utc-offset +01:00`; `date +%:z` prints that of this host; see `import postfix-log --help` about daylight-saving time",
        path.display()
    ))
}

/// The log of another program, or one that is still empty.
fn no_postfix(files: &[PathBuf]) -> Failure {
    let named: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
    Failure::data(format!(
        "error: there is no line of a Postfix in {}\n  = help: name the log that Postfix writes to (`postconf maillog_file`, or that of syslog); {JOURNAL}",
        named.join(", ")
    ))
}

/// Where there is no file of the log.
const JOURNAL: &str = "from the journal: journalctl --facility=mail -o short-iso | mandatory-tls import postfix-log -";

/// gzip, bzip2, xz and zstd: how their files begin, and what unpacks them.
const PACKED: [(&[u8], &str); 4] = [
    (b"\x1f\x8b", "zcat"),
    (b"BZh", "bzcat"),
    (b"\xfd7zXZ\0", "xzcat"),
    (b"\x28\xb5\x2f\xfd", "zstdcat"),
];

/// A log as log rotation packs it.
fn packed(path: &Path, first: &[u8]) -> Result<(), Failure> {
    let Some((_, unpack)) = PACKED.iter().find(|(magic, _)| first.starts_with(magic)) else {
        return Ok(());
    };
    let path = path.display();
    Err(Failure::data(format!(
        "error: {path} is compressed\n  = help: {unpack} {path} | mandatory-tls import postfix-log -"
    )))
}

/// What became of the log.
fn say(tallied: &Tallied, gathered: &FromLog) {
    println!(
        "{} lines, {} of Postfix; {} messages over SMTP, {} TLS sessions",
        number(tallied.lines),
        number(tallied.postfix),
        number(tallied.messages),
        number(tallied.tls)
    );
    let recorded: u64 = gathered.rows.values().map(|tally| tally.count).sum();
    println!("{:>12}  recipients recorded", number(recorded));
    for (count, what) in [
        (gathered.known, "recipients left out: imported before, or judged by the milter itself"),
        (
            gathered.not_opted_in,
            "recipients left out: their domain is not opted in, or switched off",
        ),
        (gathered.too_old, "recipients left out: older than the ledger keeps"),
        (tallied.without_connection, "messages not joined: their connection began before the log"),
        (tallied.without_message, "recipients not joined: their message began before the log"),
    ] {
        if count > 0 {
            println!("{:>12}  {what}", number(count));
        }
    }
}
