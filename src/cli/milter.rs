//! `mandatory-tls milter`: the daemon.

use super::status;
use crate::logging::{self, Log};
use crate::milter::{Context, Listener, serve};
use crate::reload::{self, Reloader};
use crate::settings::{LogTarget, Settings};
use crate::status::Reporter;
use crate::systemd::{self, PassedSocket};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};
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
    let Some(listeners) = listen(&settings, passed) else {
        return status::UNAVAILABLE.into();
    };
    let context = Arc::new(Context {
        policy: reloader.policy(),
        on_unknown_tls: settings.on_unknown_tls,
        log: Log {
            local_parts: settings.log.local_parts,
            facts: settings.log.to == LogTarget::Journald,
        },
        tally: Arc::default(),
    });
    let reporter = Arc::new(Reporter {
        file: settings.status_file,
        started: jiff::Timestamp::now(),
        listening: listeners.iter().map(|listener| listener.address().to_string()).collect(),
        path: settings.policy,
        policy: reloader.policy(),
        state: reloader.state(),
        tally: Arc::clone(&context.tally),
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
) -> std::io::Result<()> {
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
fn follow_stops(stop: watch::Sender<u32>, drain: Duration) -> std::io::Result<()> {
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
