//! The sockets that MTAs connect to.
//!
//! One that cannot be had (its directory or its group is gone, its address is not there yet) does not keep
//! the milter from serving the others: that would put all mail off. It is tried again until it can be had.

use crate::milter;
use crate::net::Listener;
use crate::standing::Standing;
use config::settings::{Listen, Settings};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How often a socket is tried again that could not be had.
const RETRY: Duration = Duration::from_secs(5);

/// A socket of the settings that could not be had, and why.
type Missing = (Listen, String);

/// The sockets that the settings ask for.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    pub(super) bound: Vec<Listener>,
    /// Those that systemd has bound.
    passed: Vec<Listener>,
    missing: Vec<Missing>,
    /// `listen: systemd` is set, and systemd passes none.
    without_systemd: bool,
}

const WITHOUT_SYSTEMD: &str = "`listen: systemd` is set, but systemd passes no socket: start the service through \
     systemctl, with mandatory-tls.socket; without systemd, name a socket under `listen`";

impl Sockets {
    /// Binds what the settings ask for, but for what systemd has `passed`.
    pub(super) fn bind(settings: &Settings, passed: &[Listener]) -> Self {
        let (bound, missing) = try_all(settings.listen.clone());
        Self {
            bound,
            missing,
            passed: Vec::new(),
            without_systemd: settings.systemd && passed.is_empty(),
        }
    }

    /// Takes what systemd has passed, if the settings ask for it.
    pub(super) fn take(&mut self, settings: &Settings, passed: Vec<Listener>) {
        for listener in passed {
            if settings.systemd {
                self.passed.push(listener);
            } else {
                tracing::warn!(
                    "systemd passes {}, which `listen` does not ask for: an MTA that connects there \
                     gets no answer; add `systemd` to `listen`, or disable the socket unit",
                    listener.address()
                );
            }
        }
    }

    /// Why sockets could not be had, each in a line.
    pub(super) fn missing(&self) -> Vec<String> {
        let systemd = self.without_systemd.then(|| WITHOUT_SYSTEMD.to_owned());
        systemd.into_iter().chain(self.missing.iter().map(|(_, why)| why.clone())).collect()
    }

    /// What the milter serves, now and as soon as it can be had; to be called on the runtime. The last one
    /// that was missing makes `complete` be called.
    pub(super) fn serve(
        self,
        standing: &watch::Sender<Standing>,
        complete: impl FnOnce() + Send + 'static,
    ) -> milter::Sockets {
        let passed = self.passed.iter().map(|listener| (listener, " (from systemd)"));
        for (listener, whose) in passed.chain(self.bound.iter().map(|listener| (listener, ""))) {
            let address = listener.address().to_string();
            tracing::info!("listening on {address}{whose}");
            standing.send_modify(|standing| standing.listening.push(address));
        }
        let missing = self.missing();
        standing.send_modify(|standing| standing.missing = missing);
        let (send, late) = mpsc::unbounded_channel();
        let most_late = self.missing.len();
        if most_late > 0 {
            let complete = (!self.without_systemd).then_some(complete);
            tokio::spawn(try_again(self.missing, send, standing.clone(), complete));
        } else if !self.without_systemd {
            complete();
        }
        let bound = self.passed.into_iter().chain(self.bound).collect();
        milter::Sockets { bound, late, most_late }
    }
}

fn try_all(wanted: Vec<Listen>) -> (Vec<Listener>, Vec<Missing>) {
    let mut bound = Vec::new();
    let mut missing = Vec::new();
    for listen in wanted {
        match Listener::bind(&listen) {
            Ok(listener) => bound.push(listener),
            Err(error) => missing.push((listen, error.to_string())),
        }
    }
    (bound, missing)
}

async fn try_again(
    mut missing: Vec<Missing>,
    late: mpsc::UnboundedSender<Listener>,
    standing: watch::Sender<Standing>,
    complete: Option<impl FnOnce()>,
) {
    while !missing.is_empty() {
        tokio::time::sleep(RETRY).await;
        let wanted = missing.into_iter().map(|(listen, _)| listen).collect();
        // A host name may take its time.
        let Ok((bound, still)) = tokio::task::spawn_blocking(|| try_all(wanted)).await else {
            return;
        };
        missing = still;
        for listener in bound {
            let address = listener.address().to_string();
            tracing::info!("listening on {address}, which could not be had before");
            standing.send_modify(|standing| standing.listening.push(address));
            if late.send(listener).is_err() {
                return;
            }
        }
        let why = missing.iter().map(|(_, why)| why.clone());
        let systemd = |line: &&String| *line == WITHOUT_SYSTEMD;
        standing.send_modify(|standing| {
            let systemd = standing.missing.iter().find(systemd).cloned();
            standing.missing = systemd.into_iter().chain(why).collect();
        });
    }
    if let Some(complete) = complete {
        complete();
    }
}
