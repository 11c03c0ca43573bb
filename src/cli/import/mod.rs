//! `mandatory-tls import`: adds to a ledger what the MTA logged and the milter did not judge.

mod account;
mod counts;
mod gather;
mod read;

use super::failure::{Failure, ended};
use super::ledger_file::LedgerFile;
use super::time_zone::time_zone;
use clap::Subcommand;
use config::policy_file;
use config::settings::LedgerSettings;
use gather::Gatherer;
use jiff::{
    Timestamp,
    tz::{Offset, TimeZone},
};
use ledger::postfix_log::offset;
use ledger::{Clients, FollowedBefore, Intake, Store, StoreError, Wanted};
use policy::{Entry, Mode, Pattern, Policy};
use std::{
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
    /// From the log of a Postfix or a Sendmail
    #[command(visible_alias = "sendmail-log")]
    PostfixLog(LogArgs),
}

const AFTER_HELP: &str = "\
Where there is no file of the log, as on a Debian without rsyslog:

  journalctl -u 'postfix*' -o short-iso | mandatory-tls import postfix-log -

The lines of each smtpd process are joined with those of the messages that came over its
sessions. A session counts as plaintext only where the log has it from `connect from` to
`disconnect from`, and that line counts no STARTTLS. Where it counts one, the session was
encrypted; the version of TLS is known where Postfix logged it (smtpd_tls_loglevel = 1 in
main.cf). Of a session that the log has in part, nothing is known. Each of these is counted, and
no verdict is made up.

Of a Sendmail, the protocol of each message (`proto=ESMTPS`) tells whether it came encrypted, and
`STARTTLS=server` over what (LogLevel 9, the default).

Deliveries to the organisations' own servers are recorded, too: over what they went, where the
log tells it (smtp_tls_loglevel = 1; Sendmail's `STARTTLS=client`; `tls=` from Postfix 3.11 on),
and why mail waits. So are TLS handshakes that failed on the way in, with what the same client
did within four hours. The last of them are still open when the log ends, and count as clients
that stayed away; import the log that goes on, and those that came back are moved.

What the ledger holds already is left out: recipients that were imported before, whatever the log
was named, and on each day the mail of a domain from the moment on when the milter first judged
mail for it. So a log can be imported again after more domains were opted in. Where the milter
runs, its mail of the last 15 seconds may not be in the ledger yet, and would count twice; and a
session that is not over yet is recorded as unknown. Take a log that has ended, or whose last mail
is some minutes old.

The policy in force judges, as in monitor: nothing was refused at that time. Domains that it does
not opt in are recorded as if they were in monitor with the baseline, so that `report` and
`simulate` can tell about them; with --opted-in they are left out. Mail of those whom the policy
trusts (your own networks, authenticated users) is marked as such: look at `trusted` before you
import.

Lines are read as syslog daemons, journalctl (in all forms that have a time) and container engines
write them, also with what docker compose, kubectl and log collectors put before them, and as JSON.
Files that gzip, bzip2, xz or zstd packed are unpacked. Several files are read in the order of
their times, and each has an account of its own.

Times such as `Jan 31 23:59:59` do not say their zone: give the one of the host that logged them
with --time-zone, which knows of daylight-saving time, or with --utc-offset.

Exit status: 0 where recipients were found, also where all of them were imported before; 65 where
a file cannot be read, or nothing came of all of them.";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
struct LogArgs {
    /// The logs, packed or not; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only mail for domains that the policy opts in
    #[arg(long)]
    opted_in: bool,
    #[command(flatten)]
    zone: Zone,
    #[command(flatten)]
    place: LedgerFile,
}

/// The zone of times that do not say theirs.
#[derive(Debug, clap::Args)]
struct Zone {
    /// The zone of times that are logged without one, such as Europe/Zurich; `local` is that of this
    /// host
    #[arg(long, value_name = "ZONE", value_parser = time_zone, conflicts_with = "utc_offset")]
    time_zone: Option<TimeZone>,
    /// The same as a distance from UTC, such as +01:00
    #[arg(long, value_name = "OFFSET", value_parser = utc_offset, allow_hyphen_values = true)]
    utc_offset: Option<Offset>,
}

impl Zone {
    fn is_given(&self) -> bool {
        self.time_zone.is_some() || self.utc_offset.is_some()
    }

    fn zone(&self) -> TimeZone {
        let fixed = || TimeZone::fixed(self.utc_offset.unwrap_or(Offset::UTC));
        self.time_zone.clone().unwrap_or_else(fixed)
    }
}

fn utc_offset(text: &str) -> Result<Offset, String> {
    offset(text).ok_or_else(|| "an offset is written as +01:00 or -05:30".to_owned())
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
    let oldest = Timestamp::now().as_second() - i64::from(ledger.retention_days) * ledger::DAY;
    let mut intake = Intake::new(clients, settings.on_unknown_tls, Wanted::All, oldest);
    if let Some(followed) = FollowedBefore::beside(&ledger.path).map_err(failed)? {
        intake.leave_out(followed);
    }
    let mut gatherer = Gatherer::new(&policy, &store, intake);
    for path in read::in_order(&args.files, &args.zone)? {
        read::read(&path, &args.zone, &mut gatherer, &failed)?;
    }
    let gathered = gatherer.finish().map_err(failed)?;
    if let Some(why) = account::nothing(&gathered.accounts) {
        return Err(Failure::data(why));
    }
    store.import(&gathered.told).map_err(failed)?;
    print!("{}", account::accounts(&gathered.accounts, &gathered.failures));
    if let Some(warnings) = account::warnings(&gathered.accounts) {
        eprintln!("{warnings}");
    }
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

/// Where there is no file of the log.
const JOURNAL: &str =
    "from the journal: journalctl -u 'postfix*' -o short-iso | mandatory-tls import postfix-log -";
