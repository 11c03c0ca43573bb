//! What the signals ask for: to read the policy again, to stop.

use crate::reload;
use crate::status::Reporter;
use crate::systemd;
use std::{io, sync::Arc, time::Duration};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};

/// Turns SIGHUP into a request to read the policy, and tells systemd when that is done.
pub(super) fn follow_reloads(
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
pub(super) fn follow_stops(stop: watch::Sender<u32>, drain: Duration) -> io::Result<()> {
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
