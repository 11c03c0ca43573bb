//! `mandatory-tls milter`: the daemon.

use super::status;
use crate::ledger::{Ledger, Recorder};
use crate::logging::{self, Log};
use crate::metrics::{self, Metrics};
use crate::milter::{Context, Listener, serve};
use crate::reload::{self, Reloader};
use crate::settings::{LogTarget, MetricsSettings, Settings, SocketSpec};
use crate::status::Reporter;
use crate::systemd::{self, PassedSocket};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{
    env, io,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};

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
    if let Err(error) = fix_mmap_threshold() {
        // Not worth more: memory is all that it costs.
        eprintln!("warning: the program cannot start itself with {MMAP_THRESHOLD}: {error}");
    }
    let settings = match Settings::load(&args.config) {
        Ok(settings) => settings,
        Err(problems) => {
            eprintln!("{problems}");
            return status::CONFIG.into();
        }
    };
    let _guard = match logging::set_up(&settings.log) {
        Ok(guard) => guard,
        Err(error) => {
            eprintln!("error: the log cannot be set up: {error}");
            return status::UNAVAILABLE.into();
        }
    };
    let passed = match systemd::passed_sockets() {
        Ok(passed) => passed,
        Err(error) => {
            tracing::error!(%error, "cannot use the sockets that systemd passes");
            return status::UNAVAILABLE.into();
        }
    };
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

async fn daemon(settings: Settings, reloader: Reloader, passed: Vec<PassedSocket>) -> ExitCode {
    let records = match Records::start(&settings, &reloader).await {
        Ok(records) => records,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return status::UNAVAILABLE.into();
        }
    };
    // Last, so that whoever waits for a socket finds all else in place.
    let Some(listeners) = listen(&settings, passed) else {
        return status::UNAVAILABLE.into();
    };
    let ledger = settings.ledger.is_some().then(|| records.ledger.counts());
    let context = Arc::new(Context {
        policy: reloader.policy(),
        on_unknown_tls: settings.on_unknown_tls,
        log: Log {
            local_parts: settings.log.local_parts,
            facts: settings.log.to == LogTarget::Journald,
        },
        tally: Arc::default(),
        ledger: records.ledger,
        metrics: records.metrics,
    });
    let reporter = Arc::new(Reporter {
        file: settings.status_file,
        started: jiff::Timestamp::now(),
        listening: listeners.iter().map(|listener| listener.address().to_string()).collect(),
        path: settings.policy,
        policy: reloader.policy(),
        state: reloader.state(),
        tally: Arc::clone(&context.tally),
        ledger,
    });
    let (reload, requests) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(0);
    let started = follow_reloads(reload, Arc::clone(&reporter))
        .and_then(|()| follow_stops(stop, settings.limits.drain))
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
    if let Some(recorder) = records.recorder {
        recorder.finish();
    }
    let cut_off = match served {
        Ok(cut_off) => cut_off,
        Err(error) => {
            tracing::error!(%error, "cannot go on");
            return status::UNAVAILABLE.into();
        }
    };
    if cut_off > 0 {
        tracing::warn!(
            "stopped; connections cut off: {cut_off}; the MTA applies its default action to them"
        );
    } else {
        tracing::info!("stopped");
    }
    ExitCode::SUCCESS
}

/// What is kept and counted of verdicts.
struct Records {
    ledger: Ledger,
    recorder: Option<Recorder>,
    metrics: Option<Arc<Metrics>>,
}

impl Records {
    /// Starts what the settings ask for.
    async fn start(settings: &Settings, reloader: &Reloader) -> io::Result<Self> {
        let (ledger, recorder) = start_ledger(settings)?;
        let Some(wanted) = &settings.metrics else {
            return Ok(Self { ledger, recorder, metrics: None });
        };
        let domains = usize::try_from(wanted.domains).unwrap_or(usize::MAX);
        let (policy, state) = (reloader.policy(), reloader.state());
        let metrics = Arc::new(Metrics::new(domains, policy, state, ledger.counts()));
        offer(wanted, Arc::clone(&metrics)).await;
        Ok(Self { ledger, recorder, metrics: Some(metrics) })
    }
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
    tokio::spawn(metrics::serve(listener, metrics));
}

/// Starts the ledger, if the settings have one.
fn start_ledger(settings: &Settings) -> io::Result<(Ledger, Option<Recorder>)> {
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

/// The sockets that the settings ask for; none, and the reason in the log, if one is not to be had.
fn listen(settings: &Settings, passed: Vec<PassedSocket>) -> Option<Vec<Listener>> {
    let mut listeners = Vec::new();
    if settings.systemd && passed.is_empty() {
        tracing::error!(
            "`listen: systemd` is set, but systemd passes no socket: start the service through \
             systemctl, with mandatory-tls.socket; without systemd, name a socket under `listen`"
        );
        return None;
    }
    for socket in passed {
        let listener = Listener::passed(socket);
        match listener {
            Ok(listener) if settings.systemd => {
                tracing::info!("listening on {} (from systemd)", listener.address());
                listeners.push(listener);
            }
            Ok(listener) => tracing::warn!(
                "systemd passes {}, which `listen` does not ask for: an MTA that connects there \
                 gets no answer; add `systemd` to `listen`, or disable the socket unit",
                listener.address()
            ),
            Err(error) => {
                tracing::error!(%error, "cannot use a socket that systemd passes");
                return None;
            }
        }
    }
    for listen in &settings.listen {
        match Listener::bind(listen) {
            Ok(listener) => {
                tracing::info!("listening on {}", listener.address());
                listeners.push(listener);
            }
            Err(error) => {
                tracing::error!("{error}");
                return None;
            }
        }
    }
    Some(listeners)
}

/// Turns SIGHUP into a request to read the policy, and tells systemd when that is done.
fn follow_reloads(
    reload: mpsc::Sender<reload::Request>,
    reporter: Arc<Reporter>,
) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            systemd::reloading();
            let (request, done) = oneshot::channel();
            // Errors mean that the reload has ended with the milter.
            let _ = reload.send(request).await;
            let _ = done.await;
            systemd::ready(&reporter.line());
        }
    });
    Ok(())
}

/// Turns SIGTERM and SIGINT into requests to stop.
fn follow_stops(stop: watch::Sender<u32>, drain: Duration) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            stop.send_modify(|asked| *asked += 1);
            if *stop.borrow() == 1 {
                tracing::info!(
                    "stopping: no more connections are accepted, those under way may end within {} seconds; a second signal cuts them off",
                    drain.as_secs()
                );
            }
        }
    });
    Ok(())
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

/// glibc's setting for the size from which on memory is taken from the system piece by piece.
const MMAP_THRESHOLD: &str = "MALLOC_MMAP_THRESHOLD_";

/// Starts the program again, in the same process, with [`MMAP_THRESHOLD`] set if it is not.
///
/// Left to itself, glibc raises the threshold to the size of the largest piece that was given back
/// (mallopt(3)), and then keeps the memory of old policies: after some reloads of a million
/// domains the process takes five times what the policy does. Of the ways to set it the environment
/// is the one without unsafe code; other allocators that were tried keep more.
fn fix_mmap_threshold() -> io::Result<()> {
    if cfg!(not(target_env = "gnu")) || env::var_os(MMAP_THRESHOLD).is_some() {
        return Ok(());
    }
    let mut arguments = env::args_os();
    let mut command = Command::new(env::current_exe()?);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    Err(command.args(arguments).env(MMAP_THRESHOLD, "1048576").exec())
}
