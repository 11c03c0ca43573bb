//! `mandatory-tls doctor`: is everything right, and if not, what to do?
//!
//! It asks the status file of the running milter, its sockets, the MTA's configuration and the
//! files, and has sessions with the MTA as senders have them. Each look gives answers; nothing is changed.

mod files;
mod follow_log;
mod metrics;
mod mta;
mod next_hops;
mod service;
mod sessions;
mod settings;

use super::eyes::{Eyes, INSTALLED};
use super::{look_up, sockets, status};
use crate::last_good::{LastGood, LastGoodSettings, Unusable};
use crate::milter;
use crate::status::Checkup;
use crate::wording::{counted, harmless};
use config::finding::{Acceptance, Accepted, FindingId};
use config::policy_file::{self, Loaded};
use config::settings::{Settings, SocketSpec};
use config::status::Status;
use jiff::Timestamp;
use policy::Policy;
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

const AFTER_HELP: &str = "\
Run it as root: it then tries the socket as the MTA's user, and sees maps that are not for everybody. \
It changes nothing, and sends no mail: in sessions with the MTA, over TLS and in plaintext, it names \
postmaster as a recipient, and the milter knows that it is a trial.

Exit status, as monitoring knows it: 0 all is right; 1 warnings, or what this user is not let see; 2 \
errors: mail may pass unjudged, or is put off.";

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The settings
    #[arg(long, value_name = "FILE", default_value = INSTALLED)]
    config: PathBuf,
    /// Look into the Postfix whose configuration lies in DIR alone; without it, into all instances
    #[arg(long, value_name = "DIR")]
    postfix: Option<PathBuf>,
    /// Live with a finding by this name: list it, and do not count it; ID:WHAT for one service or parameter
    /// (port-not-asked:589/inet). Also `accept` in the settings
    #[arg(long, value_name = "ID")]
    accept: Vec<Acceptance>,
    /// Also leave what was found beside the status file, for the metrics
    #[arg(long)]
    record: bool,
    /// Connect to a milter's socket and negotiate, as an MTA does; nothing else
    #[arg(long, value_name = "SOCKET", hide = true)]
    probe: Option<SocketSpec>,
    /// Look up next hops as smtp(8) does; nothing else
    #[arg(long, value_name = "TASK", hide = true)]
    look_up: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Health {
    Right,
    /// Nothing is wrong, but this is worth knowing.
    Note,
    /// It is known, and somebody lives with it.
    Accepted,
    /// This user is not let see it.
    Unseen,
    Warning,
    Error,
}

/// The answer of one look.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    /// Which finding it is; none where all is right.
    finding: Option<FindingId>,
    health: Health,
    /// The service or parameter that it bears on, as one accepts it; empty: nothing in particular.
    about: String,
    /// What was looked at, in a word.
    subject: &'static str,
    /// How it is.
    message: String,
    /// What to do; empty where there is nothing.
    remedy: String,
}

impl Answer {
    fn right(subject: &'static str, message: impl Into<String>) -> Self {
        Self {
            finding: None,
            health: Health::Right,
            about: String::new(),
            subject,
            message: message.into(),
            remedy: String::new(),
        }
    }

    /// That the system does not let this user look.
    fn unseen(subject: &'static str, message: impl Into<String>) -> Self {
        Self::new(FindingId::NotSeen, Health::Unseen, subject, message, "run it as root")
    }

    fn new(
        finding: FindingId,
        health: Health,
        subject: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            finding: Some(finding),
            health,
            about: String::new(),
            subject,
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// Names the service or parameter that it bears on.
    fn about(self, what: &str) -> Self {
        Self { about: what.to_owned(), ..self }
    }

    /// The same, if it is not accepted; else that it is, which nothing is to be done about.
    fn unless(self, accepted: &Accepted) -> Self {
        match self.finding {
            Some(id) if accepted.holds(id, &self.about) => {
                Self { health: Health::Accepted, remedy: String::new(), ..self }
            }
            _ => self,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let health = match self.health {
            Health::Right => "ok",
            Health::Note => "note",
            Health::Accepted => "accepted",
            Health::Unseen => "unseen",
            Health::Warning => "WARNING",
            Health::Error => "ERROR",
        };
        // Lines that follow stand under the first.
        // What a file or another program says in it does not play with the terminal.
        let message = harmless(&self.message);
        let name = self.finding.map(|id| format!(" [{id}]")).unwrap_or_default();
        let (first, rest) = message.split_once('\n').unwrap_or((&message, ""));
        let message = format!("{first}{name}\n{rest}");
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
    /// Where the configuration of the only Postfix that is meant lies.
    postfix: Option<PathBuf>,
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
    if let Some(task) = &args.look_up {
        return do_look_up(task);
    }
    let answers = match Settings::load(&args.config) {
        Ok(settings) => {
            let accepted = settings.accept.with(&args.accept);
            let eyes = Eyes::of_milter(&args.config, Some(&settings));
            let how = settings::found(&args.config, &eyes);
            let answers = examine(settings, args, &eyes, how).into_iter();
            answers.map(|answer| answer.unless(&accepted)).collect()
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
                Ok(kept) => examine(kept.settings, args, &eyes, how),
                Err(_) => vec![how],
            }
        }
    };
    for answer in &answers {
        print!("{answer}");
    }
    if args.record {
        record(&args.config, &answers);
    }
    let count = |health| answers.iter().filter(|answer| answer.health == health).count();
    let (errors, warnings) = (count(Health::Error), count(Health::Warning));
    let unseen = count(Health::Unseen);
    let all = match (errors + warnings, unseen) {
        (0, 0) => "All is right",
        (0, _) => "What can be seen is right",
        _ => "There is something to do",
    };
    let beside: String = [(count(Health::Accepted), "accepted"), (unseen, "not seen")]
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!(", {number} {what}"))
        .collect();
    let (errors, warnings) = (counted(errors, "error"), counted(warnings, "warning"));
    println!("\n{all}: {errors}, {warnings}{beside}");
    match answers.iter().map(|answer| answer.health).max() {
        Some(Health::Error) => 2.into(),
        Some(Health::Warning | Health::Unseen) => 1.into(),
        _ => ExitCode::SUCCESS,
    }
}

/// Looks at all that the settings name; `how` is what was found of themselves.
fn examine(settings: Settings, args: &Args, eyes: &Eyes, how: Answer) -> Vec<Answer> {
    let config = &args.config;
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
    let (config, postfix) = (config.clone(), args.postfix.clone());
    let patient =
        Patient { config, postfix, settings, policy, last_good, status, is_status_unseen };
    for look in [
        files::policy,
        mta::sockets,
        mta::configuration,
        next_hops::look,
        sessions::sessions,
        service::macros,
        service::encryption,
        metrics::endpoint,
        service::ledger,
        follow_log::follow_log,
        files::ledgers,
        files::clock,
    ] {
        answers.extend(look(&patient));
    }
    answers
}

/// Keeps what was found for the metrics.
fn record(config: &Path, answers: &[Answer]) {
    let file = Settings::load(config).ok().and_then(|settings| settings.status_file);
    let Some(path) = file.as_deref().map(Checkup::beside) else {
        eprintln!("warning: nothing is recorded: the settings name no `status_file`");
        return;
    };
    let of = |health| answers.iter().filter(move |answer| answer.health == health);
    let count = |health| u64::try_from(of(health).count()).unwrap_or(u64::MAX);
    let mut findings: Vec<String> = of(Health::Error)
        .chain(of(Health::Warning))
        .filter_map(|answer| Some(answer.finding?.to_string()))
        .collect();
    findings.dedup();
    let (errors, warnings) = (count(Health::Error), count(Health::Warning));
    let checkup = Checkup { at: Timestamp::now(), errors, warnings, findings };
    if let Err(error) = checkup.write(&path) {
        eprintln!("warning: {} cannot be written: {error}", path.display());
    }
}

/// Whether the system refused because of who asks.
fn is_denied(result: io::Result<()>) -> bool {
    result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// The same, for look-ups of next hops.
fn do_look_up(task: &str) -> ExitCode {
    let outcome = serde_json::from_str(task).map(|task: look_up::Task| task.perform());
    match outcome.and_then(|outcome| serde_json::to_string(&outcome)) {
        Ok(outcome) => {
            println!("{outcome}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            status::USAGE.into()
        }
    }
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
