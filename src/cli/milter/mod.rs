//! `mandatory-tls milter`: the daemon.

mod listeners;
mod observers;
mod process;
mod signals;

use super::status;
use crate::logging::{self, Log};
use crate::milter::{Context, serve};
use crate::net::{Listener, passed_by_systemd};
use crate::reload::Reloader;
use crate::status::Reporter;
use crate::systemd;
use config::settings::{LogTarget, Settings};
use observers::Observers;
use std::{io, path::PathBuf, process::ExitCode, sync::Arc};
use tokio::sync::{mpsc, watch};

const AFTER_HELP: &str = "\
Signals: SIGHUP reads the policy again at once (changes are seen without it, too). SIGTERM and
SIGINT stop: no more connections are accepted, SMTP sessions that are under way may go on for
limits.drain_seconds (30 unless it is set); a second one stops at once.

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
    let settings = match Settings::load(&args.config) {
        Ok(settings) => settings,
        Err(problems) => {
            eprintln!("{problems}");
            return status::CONFIG.into();
        }
    };
    // While there is one thread: this changes the environment.
    let passed = passed_by_systemd();
    let _guard = match logging::set_up(&settings.log) {
        Ok(guard) => guard,
        Err(error) => {
            eprintln!("error: the log cannot be set up: {error}");
            return status::UNAVAILABLE.into();
        }
    };
    let passed = match passed {
        Ok(passed) => passed,
        Err(error) => {
            tracing::error!(%error, "cannot use the sockets that systemd passes");
            return status::UNAVAILABLE.into();
        }
    };
    // A panic ends one connection; it belongs into the log like everything else.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("internal error: {}", panic.to_string().escape_debug());
    }));
    let reloader = match Reloader::start(&settings.policy, settings.log.local_parts) {
        Ok(reloader) => reloader,
        Err(problems) => {
            tracing::error!(
                errors = problems.count(),
                "the policy has errors, the milter does not start"
            );
            logging::problems(&problems);
            return status::CONFIG.into();
        }
    };
    process::raise_descriptor_limit(settings.limits.connections);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return status::UNAVAILABLE.into();
        }
    };
    let code = runtime.block_on(daemon(settings, reloader, passed));
    // Connections that outlived the drain are cut off.
    runtime.shutdown_background();
    code
}

async fn daemon(settings: Settings, reloader: Reloader, passed: Vec<Listener>) -> ExitCode {
    let observers = match Observers::start(&settings, &reloader) {
        Ok(observers) => observers,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return status::UNAVAILABLE.into();
        }
    };
    // Last, so that whoever waits for a socket finds all else in place.
    let Some(listeners) = listeners::listen(&settings, passed) else {
        return status::UNAVAILABLE.into();
    };
    let ledger = settings.ledger.is_some().then(|| observers.ledger.counts());
    let context = Arc::new(Context {
        policy: reloader.policy(),
        on_unknown_tls: settings.on_unknown_tls,
        log: Log {
            local_parts: settings.log.local_parts,
            facts: settings.log.to == LogTarget::Journald,
        },
        activity: Arc::default(),
        ledger: observers.ledger,
        metrics: observers.metrics,
    });
    let reporter = Arc::new(Reporter {
        file: settings.status_file,
        started: jiff::Timestamp::now(),
        listening: listeners.iter().map(|listener| listener.address().to_string()).collect(),
        path: settings.policy,
        policy: reloader.policy(),
        state: reloader.state(),
        activity: Arc::clone(&context.activity),
        ledger,
    });
    let (reload, requests) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(0);
    let started = signals::follow_reloads(reload, Arc::clone(&reporter))
        .and_then(|()| signals::follow_stops(stop, settings.limits.drain))
        .and_then(|()| reloader.follow(requests));
    if let Err(error) = started {
        tracing::error!(%error, "cannot start");
        return status::UNAVAILABLE.into();
    }
    systemd::ready(&reporter.line());
    let reports = tokio::spawn(Arc::clone(&reporter).run());
    let served = serve(listeners, context, settings.limits, stopped).await;
    reports.abort();
    let _ = reports.await;
    reporter.remove_file();
    if let Some(recorder) = observers.recorder {
        recorder.finish();
    }
    ended(served)
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
