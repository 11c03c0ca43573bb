//! `mandatory-tls follow-log`: records what the milter cannot see, from the log as it is written.

use super::eyes::INSTALLED;
use super::failure::{Failure, ended};
use super::time_zone::time_zone;
use crate::background::step_back;
use crate::follow_log::{FollowError, Follower, Log, Orders};
use crate::logging;
use config::settings::Settings;
use jiff::tz::TimeZone;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime},
};

const AFTER_HELP: &str = "\
Records deliveries to opted-in domains (the next hop, TLS or not, what became of each) and TLS \
handshakes that failed on the way in. What comes in is recorded by the milter itself; mail of before is \
added by `import`.

It writes into a file of its own, /var/lib/mandatory-tls-follow-log/hops.sqlite, which all commands read \
with the ledger: beside the directory of the ledger, whatever that is. How far it has read is written in the same step as what it counted: a kill at any moment loses nothing and counts \
nothing twice. The first start begins with what is logged from then on. Rotation is followed, also of \
several times while it did not run, as long as the files are there, packed or not; a file that is cut to \
nothing and not copied is read on from its beginning. A start reads the last five hours again, to know \
what is under way.

Without --file and --journal: /var/log/mail.log or /var/log/maillog, where that was written to within a \
week; else the journal. Of the journal, what is logged as mail is read, and what Postfix's units write.

The package brings the service, which is not switched on:

  systemctl enable --now mandatory-tls-follow-log

Exit status: 0 after SIGTERM or SIGINT; 69 where the log cannot be read or nothing can be written; 78 \
errors in the settings. Errors in the policy are waited for.";

/// Where syslog daemons put what is logged as mail.
const FILES: [&str; 2] = ["/var/log/mail.log", "/var/log/maillog"];
/// A file that nobody has written to for so long is one of before.
const OLD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Arguments of `follow-log`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The settings, which say where policy and ledger are
    #[arg(long, value_name = "FILE", default_value = INSTALLED)]
    config: PathBuf,
    /// The file that the MTA's log is written to
    #[arg(long, value_name = "FILE", conflicts_with = "journal")]
    file: Option<PathBuf>,
    /// Read the journal, with journalctl
    #[arg(long)]
    journal: bool,
    /// The zone of times that are logged without one, such as Europe/Zurich; `local` is that of this
    /// host
    #[arg(long, value_name = "ZONE", value_parser = time_zone, default_value = "local")]
    time_zone: TimeZone,
}

pub(super) fn run(args: &Args) -> ExitCode {
    ended(follow(args))
}

fn follow(args: &Args) -> Result<(), Failure> {
    let settings = Settings::load(&args.config).map_err(|problems| Failure::config(&problems))?;
    let Some(ledger) = settings.ledger else {
        return Err(Failure::found_elsewhere(format!(
            "error: {} keeps no ledger, and there is nothing to write beside\n  = help: set `state_dir: /var/lib/mandatory-tls` there",
            args.config.display()
        )));
    };
    let log = match (&args.file, args.journal) {
        // The place is found again whatever directory the next start is in.
        (Some(file), _) => Log::File(std::path::absolute(file)?),
        (None, true) => Log::Journal,
        (None, false) => usual_log(&FILES.map(Path::new), SystemTime::now()),
    };
    let _guard = logging::set_up(&settings.log)?;
    step_back();
    let orders = Orders {
        log,
        zone: args.time_zone.clone(),
        policy: settings.policy,
        on_unknown_tls: settings.on_unknown_tls,
        ledger,
    };
    Follower::start(orders).and_then(Follower::run).map_err(|error| failure(&error))
}

/// The first of these files that is in use; else the journal.
fn usual_log(files: &[&Path], now: SystemTime) -> Log {
    let is_in_use = |path: &&&Path| {
        let written = fs::metadata(path).and_then(|metadata| metadata.modified());
        written.is_ok_and(|written| now.duration_since(written).unwrap_or_default() < OLD)
    };
    files.iter().find(is_in_use).map_or(Log::Journal, |path| Log::File(path.to_path_buf()))
}

fn failure(error: &FollowError) -> Failure {
    let help = match error {
        FollowError::Log(_, cause) | FollowError::System(cause) => match cause.kind() {
            io::ErrorKind::PermissionDenied => {
                "\n  = help: run it as a user of the groups that may read the log: adm, systemd-journal"
            }
            _ => "",
        },
        FollowError::Store(..) | FollowError::Another(_) => "",
    };
    Failure::unavailable(format!("error: {error}{help}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_in_use_is_found_and_else_the_journal_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let (debian, other) = (directory.path().join("mail.log"), directory.path().join("maillog"));
        let now = SystemTime::now();
        let found = || usual_log(&[&debian, &other], now);
        assert_eq!(found(), Log::Journal);
        fs::write(&other, "").unwrap();
        assert_eq!(found(), Log::File(other.clone()));
        fs::write(&debian, "").unwrap();
        assert_eq!(found(), Log::File(debian.clone()));
        let file = fs::File::options().write(true).open(&debian).unwrap();
        file.set_modified(now - OLD).unwrap();
        assert_eq!(found(), Log::File(other));
    }
}
