//! The sockets on which Postfix looks up next hops.

use crate::metrics::Metrics;
use crate::net::Listener;
use crate::socketmap::{CONNECTIONS, Context, Server};
use arc_swap::ArcSwap;
use config::settings::Settings;
use policy::Policy;
use std::{io, sync::Arc};

/// What systemd calls the socket of look-ups (`FileDescriptorName=` of mandatory-tls-deliver.socket).
const NAME: &str = "socketmap";

/// Those of the sockets that systemd passes which are for look-ups, and the others.
pub(super) fn split(passed: Vec<Listener>) -> (Vec<Listener>, Vec<Listener>) {
    passed.into_iter().partition(|listener| listener.name() == NAME)
}

/// How many connections there may be for look-ups.
pub(super) fn connections(settings: &Settings, passed: &[Listener]) -> u64 {
    let for_look_ups = passed.iter().filter(|listener| listener.name() == NAME).count();
    let sockets = for_look_ups + settings.socketmap.len();
    u64::try_from(sockets * CONNECTIONS).unwrap_or(u64::MAX)
}

/// Sockets that are bound, and not served yet.
pub(super) struct Sockets(Vec<Server>);

impl Sockets {
    /// Those that systemd has passed, and those that the settings ask for. If one cannot be had: none, and the
    /// log says why.
    pub(super) fn of(settings: &Settings, passed: Vec<Listener>) -> Option<Self> {
        let mut listeners = passed;
        for listen in &settings.socketmap {
            match Listener::bind(listen) {
                Ok(listener) => listeners.push(listener),
                Err(error) => {
                    tracing::error!("look-ups of next hops: {error}");
                    return None;
                }
            }
        }
        let served = listeners.into_iter().map(|listener| {
            tracing::info!("look-ups of next hops on {}", listener.address());
            Server::new(listener)
        });
        served
            .collect::<io::Result<_>>()
            .inspect_err(|error| tracing::error!(%error, "look-ups of next hops"))
            .ok()
            .map(Self)
    }

    /// Answers from here on.
    pub(super) fn serve(self, policy: Arc<ArcSwap<Policy>>, metrics: Option<&Arc<Metrics>>) {
        let context = Context { policy, metrics: metrics.cloned() };
        for server in self.0 {
            tokio::spawn(server.run(context.clone()));
        }
    }
}
