//! `mandatory-tls milter`: the daemon.

mod listeners;
mod next_hops;
mod observers;
mod process;
mod signals;
mod start;

use super::status;
use crate::last_good::{Keeper, Place, What};
use crate::logging;
use crate::milter::{Activity, Context, Log, serve};
use crate::net::{Listener, Waiting, passed_by_systemd};
use crate::standing::Standing;
use crate::status::{Reporter, StatusFile};
use crate::systemd;
use crate::trial::TrialKey;
use config::settings::{LogTarget, Settings};
use config::status::Keeping;
use observers::Observers;
use start::{NotStarted, Start};
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use tokio::sync::{mpsc, watch};

const AFTER_HELP: &str = "\
Signals: SIGHUP reads the policy again at once (changes are seen without it, too). SIGTERM and \
SIGINT stop: no more connections are accepted, SMTP sessions that are under way may go on for \
limits.drain_seconds (30 unless it is set); a second one stops at once.

A policy with errors changes nothing: the one in force stays. So does it over a restart: what was last in \
force is kept in state_dir, and the milter starts under it until the files are mended. So it is with the \
settings, which are kept in $STATE_DIRECTORY (the installed ones: /var/lib/mandatory-tls); mended, they are \
in force after another restart. Only where nothing was kept, it does not start (exit status 78). Sockets \
that cannot be had are tried again as long as there is another one to serve.

The MTA: smtpd_milters = inet:127.0.0.1:8893 (Postfix, main.cf), or
INPUT_MAIL_FILTER(`mandatory-tls', `S=inet:8893@127.0.0.1, F=T') (Sendmail, sendmail.mc).";

/// Arguments of `milter`.
#[derive(Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The settings, such as /etc/mandatory-tls/milter.yaml
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Args {
    /// The arguments of the whole program, where they are `milter --config FILE` and nothing else: as in a unit,
    /// and as the milter starts itself again.
    ///
    /// They mean the same to clap. But to know all commands with all their help takes a megabyte of the
    /// program, which would lie in the milter's memory for as long as it runs.
    pub(super) fn plain(arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let arguments: Vec<OsString> = arguments.skip(1).take(4).collect();
        let [command, option, file] = arguments.as_slice() else { return None };
        // A value that is empty, or looks like an option, is an error that clap explains.
        let is_value = !file.is_empty() && !file.as_encoded_bytes().starts_with(b"-");
        (command == "milter" && option == "--config" && is_value)
            .then(|| Self { config: file.into() })
    }
}

pub(super) fn run(args: &Args) -> ExitCode {
    if let Err(error) = process::fix_mmap_threshold(&args.config) {
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
                waiting.turn_away(|| failure.has_changed());
            }
            failure.status.into()
        }
    }
}

fn start(
    config: &Path,
    passed: io::Result<Vec<Listener>>,
    waiting: &mut Option<Waiting>,
) -> Result<ExitCode, NotStarted> {
    // What is logged at the very end is written when this goes.
    let mut log = None;
    let found = passed
        .map_err(|error| {
            let why = format!("cannot use the sockets that systemd passes: {error}");
            eprintln!("error: {why}");
            NotStarted::unavailable(why)
        })
        .and_then(|passed| Ok((start::find(config, &passed, &mut log)?, passed)));
    let (found, passed) = found.inspect_err(|failed| {
        if log.is_some() {
            tracing::error!("the milter does not start: {}", failed.why);
        }
    })?;
    // A panic ends one connection; it belongs into the log like everything else.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("internal error: {}", panic.to_string().escape_debug());
    }));
    process::raise_descriptor_limit(
        found.settings.limits.connections,
        next_hops::connections(&found.settings, &passed),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(cannot_start)?;
    let code = runtime.block_on(daemon(found, passed, waiting));
    // Connections that outlived the drain are cut off.
    runtime.shutdown_background();
    code
}

fn cannot_start(error: io::Error) -> NotStarted {
    tracing::error!(%error, "cannot start");
    NotStarted::unavailable(error)
}

async fn daemon(
    found: Start,
    passed: Vec<Listener>,
    waiting: &mut Option<Waiting>,
) -> Result<ExitCode, NotStarted> {
    let Start { settings, state, contents, mut sockets, reloader } = found;
    let (for_next_hops, passed) = next_hops::split(passed);
    let activity = Arc::<Activity>::default();
    let standing = watch::Sender::new(Standing { settings: state, ..Standing::default() });
    let observers =
        Observers::start(&settings, &reloader, activity.last_hour(), standing.subscribe())
            .map_err(cannot_start)?;
    let trial_key = TrialKey::new().map_err(cannot_start)?;
    // Where it cannot listen, Postfix puts off what goes to these next hops; what comes in is judged all the same.
    if let Some(look_ups) = next_hops::Sockets::of(&settings, for_next_hops) {
        look_ups.serve(reloader.policy(), observers.metrics.as_ref());
    }
    // The sockets come last, so that whoever waits for one finds all else in place.
    sockets.take(&settings, passed);
    // What is in force from what was kept is kept already.
    let kept = contents.and_then(|contents| Some((keep_settings(&settings, &standing)?, contents)));
    let settings_keeper = kept.as_ref().map(|(keeper, _)| Arc::clone(keeper));
    let sockets = sockets.serve(&standing, move || {
        if let Some((keeper, contents)) = kept {
            keeper.keep(contents, jiff::Timestamp::now());
        }
    });
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
        standing: standing.subscribe(),
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
    let served = serve(sockets, context, settings.limits, stopped).await;
    reports.abort();
    let _ = reports.await;
    reporter.remove_file();
    if let Some(recorder) = observers.recorder {
        recorder.finish();
    }
    for keeper in keeper.into_iter().chain(settings_keeper) {
        keeper.finish();
    }
    Ok(ended(served))
}

/// What keeps the settings in force for a start beside a broken file; none where they are not to be kept.
fn keep_settings(settings: &Settings, standing: &watch::Sender<Standing>) -> Option<Arc<Keeper>> {
    let path = standing.borrow().settings.path.clone();
    let place = Place::of(&path);
    let Some(directory) = place.as_ref().and_then(|place| place.to_keep(settings)) else {
        if let Some(place) = place {
            place.forget();
        }
        if settings.state_dir.is_some() {
            tracing::info!(
                "the settings are not kept, and a start beside broken ones fails: nothing names the directory \
                 for them (STATE_DIRECTORY)"
            );
        }
        return None;
    };
    standing.send_modify(|standing| standing.settings.keeping = Keeping::Pending);
    let tell = {
        let standing = standing.clone();
        move |keeping| standing.send_modify(|standing| standing.settings.keeping = keeping)
    };
    Keeper::start(What::Settings, directory.into(), path, tell)
        .inspect_err(|error| tracing::error!(%error, "the settings are not kept"))
        .ok()
        .map(Arc::new)
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
