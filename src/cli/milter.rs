//! `mandatory-tls milter`: the daemon.

use super::status;
use crate::ledger::{Ledger, Recorder};
use crate::logging::{self, Log};
use crate::metrics::{self, Metrics};
use crate::milter::{Context, Listener, serve};
use crate::reload::Reloader;
use crate::settings::{MetricsSettings, Settings, SocketSpec};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{path::PathBuf, process::ExitCode, sync::Arc};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

const AFTER_HELP: &str = "\
Signals: SIGHUP reads the policy again at once (changes are seen without it, too). SIGTERM and
SIGINT stop: no more connections are accepted, SMTP sessions that are under way may go on for
limits.drain_seconds; a second one stops at once.

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
    let settings = match Settings::load(&args.config) {
        Ok(settings) => settings,
        Err(problems) => {
            eprintln!("{problems}");
            return status::CONFIG.into();
        }
    };
    if let Err(error) = logging::set_up(&settings.log) {
        eprintln!("error: the log cannot be set up: {error}");
        return status::UNAVAILABLE.into();
    }
    // A fault inside ends one connection; it belongs into the log like everything else.
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
    raise_descriptor_limit(settings.limits.connections);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return status::UNAVAILABLE.into();
        }
    };
    let code = runtime.block_on(daemon(settings, reloader));
    // Connections that outlived the drain are cut off.
    runtime.shutdown_background();
    code
}

async fn daemon(settings: Settings, reloader: Reloader) -> ExitCode {
    let (reload, requests) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(0);
    if let Err(error) = follow_signals(reload, stop) {
        tracing::error!(%error, "cannot take signals");
        return status::UNAVAILABLE.into();
    }
    let mut listeners = Vec::new();
    for listen in &settings.listen {
        match Listener::bind(listen).await {
            Ok(listener) => {
                tracing::info!("listening on {}", listener.address());
                listeners.push(listener);
            }
            Err(error) => {
                tracing::error!("{error}");
                return status::UNAVAILABLE.into();
            }
        }
    }
    let (ledger, recorder) = match start_ledger(&settings) {
        Ok((ledger, recorder)) => (ledger, recorder),
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return status::UNAVAILABLE.into();
        }
    };
    let metrics = match &settings.metrics {
        Some(wanted) => {
            let domains = usize::try_from(wanted.domains).unwrap_or(usize::MAX);
            let (policy, status) = (reloader.policy(), reloader.status());
            let metrics = Arc::new(Metrics::new(domains, policy, status, ledger.counts()));
            offer(wanted, Arc::clone(&metrics)).await;
            Some(metrics)
        }
        None => None,
    };
    let context = Arc::new(Context {
        policy: reloader.policy(),
        on_unknown_tls: settings.on_unknown_tls,
        log: Log { local_parts: settings.log.local_parts },
        ledger,
        metrics,
    });
    if let Err(error) = reloader.follow(requests) {
        tracing::error!(%error, "cannot start");
        return status::UNAVAILABLE.into();
    }
    let cut_off = serve(listeners, context, settings.limits, stopped).await;
    if let Some(recorder) = recorder {
        recorder.finish();
    }
    if cut_off > 0 {
        tracing::warn!(
            "stopped; connections cut off: {cut_off}; the MTA applies its default action to them"
        );
    } else {
        tracing::info!("stopped");
    }
    ExitCode::SUCCESS
}

/// Answers Prometheus. An address that is taken stops no mail: the log says so.
async fn offer(wanted: &MetricsSettings, metrics: Arc<Metrics>) {
    let (host, port) = &wanted.listen;
    let address = SocketSpec::Inet(host.clone(), *port);
    let listener = match TcpListener::bind((host.as_str(), *port)).await {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "no metrics: cannot listen on {address}");
            return;
        }
    };
    let port = listener.local_addr().map_or(*port, |address| address.port());
    tracing::info!("metrics on http://{host}:{port}/metrics");
    tokio::spawn(async move {
        if let Err(error) = metrics::serve(listener, metrics).await {
            tracing::error!(%error, "no more metrics");
        }
    });
}

/// Starts the ledger, if the settings have one.
fn start_ledger(settings: &Settings) -> std::io::Result<(Ledger, Option<Recorder>)> {
    let Some(ledger) = &settings.ledger else {
        let why = if settings.state_dir.is_some() {
            "it is switched off"
        } else {
            "`state_dir` is not set"
        };
        tracing::info!("no ledger is kept: {why}");
        return Ok((Ledger::off(), None));
    };
    tracing::info!("the ledger is {}", ledger.path.display());
    let (ledger, recorder) = Ledger::start(ledger.clone())?;
    Ok((ledger, Some(recorder)))
}

/// Turns signals into messages.
fn follow_signals(reload: mpsc::Sender<()>, stop: watch::Sender<u32>) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = hangup.recv() => {
                    // A request that is waiting already will do.
                    let _ = reload.try_send(());
                }
                _ = terminate.recv() => stop_now(&stop),
                _ = interrupt.recv() => stop_now(&stop),
            }
        }
    });
    Ok(())
}

fn stop_now(stop: &watch::Sender<u32>) {
    stop.send_modify(|asked| *asked += 1);
    if *stop.borrow() == 1 {
        tracing::info!(
            "stopping: no more connections are accepted, those under way may end; a second signal cuts them off"
        );
    }
}

/// Each connection takes a file descriptor, and the usual limit (1024) is below what `limits`
/// allows: takes all that the system grants.
fn raise_descriptor_limit(connections: u32) {
    // Besides the connections, for files and the runtime.
    const OTHERS: u64 = 64;
    let wanted = u64::from(connections) + OTHERS;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let limit = soft.max(wanted.min(hard));
    if limit > soft && setrlimit(Resource::RLIMIT_NOFILE, limit, hard).is_err() {
        tracing::warn!("cannot raise the limit on file descriptors from {soft} to {limit}");
    } else if limit < wanted {
        tracing::warn!(
            "`limits.connections` is {connections}, but the system grants {limit} file descriptors (ulimit -n)"
        );
    }
}
