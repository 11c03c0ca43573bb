//! `mandatory-tls-portal serve`.

use super::{Failure, Shell};
use crate::app::App;
use crate::serve::{serve_on, sockets};
use config::settings::LogSettings;
use std::{io, sync::Arc};
use tokio::signal::unix::{SignalKind, signal};

pub(super) fn run(shell: Shell) -> Result<(), Failure> {
    let _guard = service::logging::set_up(&LogSettings::default())?;
    let gateway = Arc::new(shell.gateway()?);
    let Shell { settings, store, .. } = shell;
    let sockets = sockets(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .enable_all()
        .build()?;
    // It outlives the runtime: PostgreSQL's client ends its connections by waiting.
    let kept = Arc::clone(&store);
    let done = runtime.block_on(async {
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let stop = async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
        };
        serve_on(App::new(settings, store, gateway), sockets, stop).await
    });
    drop(runtime);
    drop(kept);
    done.map_err(|error: io::Error| error.into())
}
