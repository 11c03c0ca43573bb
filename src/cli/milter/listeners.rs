//! The sockets that MTAs connect to.

use crate::net::Listener;
use config::settings::Settings;

/// The sockets that the settings ask for. If one cannot be had: none, and the log says why.
pub(super) fn listen(settings: &Settings, passed: Vec<Listener>) -> Option<Vec<Listener>> {
    let mut listeners = Vec::new();
    if settings.systemd && passed.is_empty() {
        tracing::error!(
            "`listen: systemd` is set, but systemd passes no socket: start the service through \
             systemctl, with mandatory-tls.socket; without systemd, name a socket under `listen`"
        );
        return None;
    }
    for listener in passed {
        if settings.systemd {
            tracing::info!("listening on {} (from systemd)", listener.address());
            listeners.push(listener);
        } else {
            tracing::warn!(
                "systemd passes {}, which `listen` does not ask for: an MTA that connects there \
                 gets no answer; add `systemd` to `listen`, or disable the socket unit",
                listener.address()
            );
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
