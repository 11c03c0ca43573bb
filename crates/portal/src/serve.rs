//! The running portal: sockets, pages, the task that writes the policy's file.

use crate::app::App;
use crate::{api, file, security, web};
use axum::Router;
use axum::serve;
use config::settings::PortalSettings;
use service::net::{Listener, ListeningSocket, passed_by_systemd};
use service::systemd;
use std::future::Future;
use std::io;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The sockets to serve on. To be called before there are threads.
///
/// # Errors
///
/// When one cannot be had.
pub fn sockets(settings: &PortalSettings) -> io::Result<Vec<Listener>> {
    let mut sockets = if settings.systemd { passed_by_systemd()? } else { Vec::new() };
    if settings.systemd && sockets.is_empty() {
        return Err(io::Error::other(
            "`listen: systemd` waits for a socket of systemd's, and systemd passed none",
        ));
    }
    for listen in &settings.listen {
        sockets.push(Listener::bind(listen).map_err(io::Error::other)?);
    }
    Ok(sockets)
}

/// Pages and API as one service.
pub fn router(app: &App) -> Router {
    security::around(web::router(app).merge(api::router()), app).with_state(app.clone())
}

/// Serves until it is told to stop; requests under way are answered first.
///
/// # Errors
///
/// When a socket fails.
pub async fn serve_on(
    app: App,
    sockets: Vec<Listener>,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let router = router(&app);
    let (stopping, told) = watch::channel(false);
    let mut tasks: JoinSet<io::Result<()>> = JoinSet::new();
    let mut addresses = Vec::new();
    for socket in sockets {
        let (address, socket) = socket.into_parts();
        tracing::info!("listening on {}", address.spec());
        let mut told = told.clone();
        let stopped = async move {
            let _ = told.wait_for(|stop| *stop).await;
        };
        let router = router.clone();
        match socket {
            ListeningSocket::Tcp(socket) => {
                let socket = TcpListener::from_std(socket)?;
                tasks.spawn(
                    async move { serve(socket, router).with_graceful_shutdown(stopped).await },
                );
            }
            ListeningSocket::Unix(socket) => {
                let socket = UnixListener::from_std(socket)?;
                tasks.spawn(
                    async move { serve(socket, router).with_graceful_shutdown(stopped).await },
                );
            }
        }
        addresses.push(address);
    }
    let writer = tokio::spawn(file::keep(app));
    systemd::ready("serving");
    stop.await;
    systemd::stopping(std::time::Duration::from_secs(5));
    stopping.send_replace(true);
    writer.abort();
    while let Some(done) = tasks.join_next().await {
        done.map_err(io::Error::other)??;
    }
    Ok(())
}
