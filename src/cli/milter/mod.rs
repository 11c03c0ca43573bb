//! `mandatory-tls milter`: the daemon.

mod listeners;
mod observers;
mod process;
mod signals;

use super::status;
use crate::logging::{self, Log};
use crate::milter::{Activity, Context, serve};
use crate::net::{Listener, Waiting, passed_by_systemd};
use crate::reload::{NoPolicy, Reloader};
use crate::status::{Reporter, StatusFile};
use crate::systemd;
use crate::trial::TrialKey;
use config::policy_file::Sources;
use config::settings::{LogTarget, Settings};
use config::yaml::{Problem, Problems};
use observers::Observers;
use std::{
    fmt::Display,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use tokio::sync::{mpsc, watch};

const AFTER_HELP: &str = "\
Signals: SIGHUP reads the policy again at once (changes are seen without it, too). SIGTERM and
SIGINT stop: no more connections are accepted, SMTP sessions that are under way may go on for
limits.drain_seconds (30 unless it is set); a second one stops at once.

A policy with errors changes nothing: the one in force stays. So does it over a restart: what was last in
force is kept in state_dir, and the milter starts under it until the files are mended. Only where there
is none, it does not start (exit status 78).

The MTA: smtpd_milters = inet:127.0.0.1:8893 (Postfix, main.cf), or
INPUT_MAIL_FILTER(`mandatory-tls', `S=inet:8893@127.0.0.1, F=T') (Sendmail, sendmail.mc).";

/// Arguments of `milter`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The settings, such as /etc/mandatory-tls/milter.yaml
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> ExitCode {
    if let Err(error) = process::fix_mmap_threshold() {
        // Not worth more: memory is all that it costs.
        eprintln!(
            "warning: the program cannot start itself with {}: {error}",
            process::MMAP_THRESHOLD
        );
    }
    // While there is one thread: this changes the environment.
    let passed = passed_by_systemd();
    let mut waiting = passed.as_deref().ok().and_then(|passed| Waiting::at(passed).ok());
    match start(&args.config, passed, &mut waiting) {
        Ok(code) => code,
        Err(failure) => {
            systemd::status(&format!("PROBLEM: the milter cannot start: {}", failure.why));
            if let Some(waiting) = waiting {
                waiting.turn_away(|| failure.files != failure.files.look_again());
            }
            failure.status.into()
        }
    }
}

/// Why the milter does not start. The log has it already.
struct NotStarted {
    status: u8,
    /// In one line.
    why: String,
    /// Where a change may mend it.
    files: Sources,
}

impl NotStarted {
    /// Something that the system refused.
    fn unavailable(error: impl Display) -> Self {
        let why = error.to_string();
        Self { status: status::UNAVAILABLE, why, files: Sources::default() }
    }

    /// Files that have errors.
    fn config(problems: &Problems, files: Sources) -> Self {
        let first = problems.first_error().map(Problem::in_one_line);
        Self { status: status::CONFIG, why: first.unwrap_or_default(), files }
    }
}

fn start(
    config: &Path,
    passed: io::Result<Vec<Listener>>,
    waiting: &mut Option<Waiting>,
) -> Result<ExitCode, NotStarted> {
    let files = Sources::of_file(config);
    let settings = Settings::load(config).map_err(|problems| {
        eprintln!("{problems}");
        NotStarted::config(&problems, files)
    })?;
    let _guard = logging::set_up(&settings.log).map_err(|error| {
        eprintln!("error: the log cannot be set up: {error}");
        NotStarted::unavailable(error)
    })?;
    let passed = passed.map_err(|error| {
        tracing::error!(%error, "cannot use the sockets that systemd passes");
        NotStarted::unavailable(error)
    })?;
    // A panic ends one connection; it belongs into the log like everything else.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("internal error: {}", panic.to_string().escape_debug());
    }));
    let reloader = first_policy(&settings)?;
    process::raise_descriptor_limit(settings.limits.connections);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(cannot_start)?;
    let code = runtime.block_on(daemon(settings, reloader, passed, waiting));
    // Connections that outlived the drain are cut off.
    runtime.shutdown_background();
    code
}

/// The policy to start under.
fn first_policy(settings: &Settings) -> Result<Reloader, NotStarted> {
    let state_dir = settings.state_dir.as_deref();
    let start = Reloader::start(&settings.policy, state_dir, settings.log.local_parts);
    start.map_err(|no_policy| {
        let NoPolicy { problems, files, last_good } = *no_policy;
        tracing::error!(
            errors = problems.count(),
            "the policy has errors, the milter does not start: {last_good}"
        );
        logging::problems(&problems);
        NotStarted::config(&problems, files)
    })
}

fn cannot_start(error: io::Error) -> NotStarted {
    tracing::error!(%error, "cannot start");
    NotStarted::unavailable(error)
}

async fn daemon(
    settings: Settings,
    reloader: Reloader,
    passed: Vec<Listener>,
    waiting: &mut Option<Waiting>,
) -> Result<ExitCode, NotStarted> {
    let activity = Arc::<Activity>::default();
    let observers =
        Observers::start(&settings, &reloader, activity.last_hour()).map_err(cannot_start)?;
    let trial_key = TrialKey::new().map_err(cannot_start)?;
    // Last, so that whoever waits for a socket finds all else in place.
    let listeners = listeners::listen(&settings, passed).ok_or_else(|| {
        NotStarted::unavailable("it cannot listen as `listen` in the settings wants, see the log")
    })?;
    let ledger = settings.ledger.is_some().then(|| observers.ledger.counts());
    let context = Arc::new(Context {
        policy: reloader.policy(),
        on_unknown_tls: settings.on_unknown_tls,
        log: Log {
            local_parts: settings.log.local_parts,
            facts: settings.log.to == LogTarget::Journald,
        },
        activity,
        ledger: observers.ledger,
        metrics: observers.metrics,
        trial_key: trial_key.clone(),
    });
    let reporter = Arc::new(Reporter {
        file: settings.status_file.map(StatusFile::at),
        started: jiff::Timestamp::now(),
        listening: listeners.iter().map(|listener| listener.address().to_string()).collect(),
        path: settings.policy,
        policy: reloader.policy(),
        state: reloader.state(),
        activity: Arc::clone(&context.activity),
        trial_key,
        ledger,
    });
    let keeper = reloader.keeper();
    let (reload, requests) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(0);
    signals::follow_reloads(reload, Arc::clone(&reporter))
        .and_then(|()| signals::follow_stops(stop, settings.limits.drain))
        .and_then(|()| reloader.follow(requests))
        .map_err(cannot_start)?;
    *waiting = None;
    logging::leave_terminal();
    systemd::ready(&reporter.line());
    let reports = tokio::spawn(Arc::clone(&reporter).run());
    let served = serve(listeners, context, settings.limits, stopped).await;
    reports.abort();
    let _ = reports.await;
    reporter.remove_file();
    if let Some(recorder) = observers.recorder {
        recorder.finish();
    }
    if let Some(keeper) = keeper {
        keeper.finish();
    }
    Ok(ended(served))
}

/// Says how it ended: `served` is how many connections were cut off.
fn ended(served: io::Result<usize>) -> ExitCode {
    match served {
        Ok(0) => tracing::info!("stopped"),
        Ok(cut_off) => tracing::warn!(
            "stopped; connections cut off: {cut_off}; the MTA applies its default action to them"
        ),
        Err(error) => {
            tracing::error!(%error, "cannot go on");
            return status::UNAVAILABLE.into();
        }
    }
    ExitCode::SUCCESS
}
