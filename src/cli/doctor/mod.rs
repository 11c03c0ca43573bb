//! `mandatory-tls doctor`: is everything right, and if not, what to do?
//!
//! It asks the status file of the running milter, its sockets, the MTA's configuration and the
//! files. Each look gives answers; nothing is changed.

mod files;
mod mta;
mod service;
mod settings;

use super::eyes::{Eyes, INSTALLED};
use super::{sockets, status};
use crate::last_good::{LastGood, LastGoodSettings, Unusable};
use crate::milter;
use crate::status::Status;
use crate::wording::counted;
use config::policy_file::{self, Loaded};
use config::settings::{Settings, SocketSpec};
use policy::Policy;
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

const AFTER_HELP: &str = "\
Run it as root: it then tries the socket as the MTA's user, and sees maps that are not for everybody.
It changes nothing, and sends no mail.

Exit status, as monitoring knows it: 0 all is right; 1 warnings, or what this user is not let see; 2
errors: mail may pass unjudged, or is put off.";

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The settings
    #[arg(long, value_name = "FILE", default_value = INSTALLED)]
    config: PathBuf,
    /// Connect to a milter's socket and negotiate, as an MTA does; nothing else
    #[arg(long, value_name = "SOCKET", hide = true)]
    probe: Option<SocketSpec>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Health {
    Right,
    /// Nothing is wrong, but this is worth knowing.
    Note,
    /// This user is not let see it.
    Unseen,
    Warning,
    Error,
}

/// The answer of one look.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    health: Health,
    /// What was looked at, in a word.
    subject: &'static str,
    /// How it is.
    message: String,
    /// What to do; empty where there is nothing.
    remedy: String,
}

impl Answer {
    fn right(subject: &'static str, message: impl Into<String>) -> Self {
        Self { health: Health::Right, subject, message: message.into(), remedy: String::new() }
    }

    /// That the system does not let this user look.
    fn unseen(subject: &'static str, message: impl Into<String>) -> Self {
        Self::new(Health::Unseen, subject, message, "run it as root")
    }

    fn new(
        health: Health,
        subject: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { health, subject, message: message.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let health = match self.health {
            Health::Right => "ok",
            Health::Note => "note",
            Health::Unseen => "unseen",
            Health::Warning => "WARNING",
            Health::Error => "ERROR",
        };
        // Lines that follow stand under the first.
        // What a file or another program says in it does not play with the terminal.
        let is_hidden = |c: char| c.is_control() && c != '\n';
        let message = self.message.replace(is_hidden, "\u{fffd}");
        let message = message.trim_end().replace('\n', "\n                    ");
        writeln!(f, "{health:<8} {:<10} {message}", self.subject)?;
        if !self.remedy.is_empty() {
            writeln!(f, "{:>19} {}", "do:", self.remedy)?;
        }
        Ok(())
    }
}

/// What the looks look at.
struct Patient {
    config: PathBuf,
    settings: Settings,
    policy: Loaded,
    /// What a start would go on under where that has errors.
    last_good: Option<Result<LastGood, Unusable>>,
    /// The status of the milter, if it runs and tells.
    status: Option<Status>,
    /// Whether that is hidden from this user.
    is_status_unseen: bool,
}

impl Patient {
    fn valid_policy(&self) -> Option<&Policy> {
        self.policy.policy.as_ref().ok()
    }
}

pub(super) fn run(args: &Args) -> ExitCode {
    if let Some(socket) = &args.probe {
        return probe(socket);
    }
    let answers = match Settings::load(&args.config) {
        Ok(settings) => {
            let eyes = Eyes::of_milter(&args.config, Some(&settings));
            let how = settings::found(&args.config, &eyes);
            examine(settings, &args.config, &eyes, how)
        }
        Err(_) if is_denied(fs::File::open(&args.config).map(drop)) => {
            let message = format!("{} cannot be read by this user", args.config.display());
            vec![Answer::unseen("settings", message)]
        }
        Err(problems) => {
            let eyes = Eyes::of_milter(&args.config, None);
            let kept = || LastGoodSettings::load(&args.config);
            let kept = eyes.look(kept).unwrap_or_else(|_| kept());
            let how = settings::broken(&problems, &kept);
            match kept {
                Ok(kept) => examine(kept.settings, &args.config, &eyes, how),
                Err(_) => vec![how],
            }
        }
    };
    for answer in &answers {
        print!("{answer}");
    }
    let count = |health| answers.iter().filter(|answer| answer.health == health).count();
    let (errors, warnings) = (count(Health::Error), count(Health::Warning));
    let unseen = count(Health::Unseen);
    let all = match (errors + warnings, unseen) {
        (0, 0) => "All is right",
        (0, _) => "What can be seen is right",
        _ => "There is something to do",
    };
    let beside = if unseen > 0 { format!(", {unseen} not seen") } else { String::new() };
    let (errors, warnings) = (counted(errors, "error"), counted(warnings, "warning"));
    println!("\n{all}: {errors}, {warnings}{beside}");
    match answers.iter().map(|answer| answer.health).max() {
        Some(Health::Error) => 2.into(),
        Some(Health::Warning | Health::Unseen) => 1.into(),
        _ => ExitCode::SUCCESS,
    }
}

/// Looks at all that the settings name; `how` is what was found of themselves.
fn examine(settings: Settings, config: &Path, eyes: &Eyes, how: Answer) -> Vec<Answer> {
    let settings = sockets::with_systemd(settings);
    let look = || {
        let policy = policy_file::load(&settings.policy);
        let last_good = || LastGood::load(settings.state_dir.as_deref(), &settings.policy);
        let last_good = policy.policy.is_err().then(last_good);
        (policy, last_good)
    };
    // Where it cannot become the milter's user, its own eyes have to do.
    let (policy, last_good) = eyes.look(look).unwrap_or_else(|_| look());
    let mut answers = vec![how];
    let (status, how) = service::look(&settings);
    let is_status_unseen = how.iter().any(|answer| answer.health == Health::Unseen);
    answers.extend(how);
    answers.extend(status.as_ref().map(settings::in_force).unwrap_or_default());
    let config = config.to_path_buf();
    let patient = Patient { config, settings, policy, last_good, status, is_status_unseen };
    for look in [
        files::policy,
        mta::sockets,
        mta::configuration,
        service::macros,
        service::ledger,
        files::ledgers,
        files::clock,
    ] {
        answers.extend(look(&patient));
    }
    answers
}

/// Whether the system refused because of who asks.
fn is_denied(result: io::Result<()>) -> bool {
    result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// For `doctor` itself, which runs this as the MTA's user.
fn probe(socket: &SocketSpec) -> ExitCode {
    match milter::probe(socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            status::UNAVAILABLE.into()
        }
    }
}
