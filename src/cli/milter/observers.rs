//! Who is told of each verdict besides the MTA and the log: the ledger and the metrics, as far as the
//! settings ask for them.

use crate::cli::ledger_file;
use crate::last_hour::LastHour;
use crate::metrics::{self, Metrics, ProcessCollector, StateCollector};
use crate::net::bind_tcp;
use crate::reload::Reloader;
use crate::standing::Standing;
use crate::status::Checkup;
use config::settings::{MetricsSettings, Settings, SocketSpec};
use ledger::{Ledger, Recorder};
use std::{io, sync::Arc};
use tokio::{net::TcpListener, sync::watch};

/// The ledger and the metrics.
pub(super) struct Observers {
    pub(super) ledger: Ledger,
    pub(super) recorder: Option<Recorder>,
    pub(super) metrics: Option<Arc<Metrics>>,
}

impl Observers {
    /// Starts what the settings ask for.
    pub(super) fn start(
        settings: &Settings,
        reloader: &Reloader,
        last_hour: Arc<LastHour>,
        standing: watch::Receiver<Standing>,
    ) -> io::Result<Self> {
        let (ledger, recorder) = start_ledger(settings)?;
        let Some(wanted) = &settings.metrics else {
            return Ok(Self { ledger, recorder, metrics: None });
        };
        let domains = usize::try_from(wanted.domains).unwrap_or(usize::MAX);
        let (policy, state) = (reloader.policy(), reloader.state());
        let state = StateCollector {
            policy,
            state,
            standing,
            ledger: ledger.counts(),
            last_hour,
            checkup: settings.status_file.as_deref().map(Checkup::beside),
        };
        let metrics = Arc::new(Metrics::new(domains, ProcessCollector::new(), state));
        offer(wanted, Arc::clone(&metrics));
        Ok(Self { ledger, recorder, metrics: Some(metrics) })
    }
}

/// Answers Prometheus. An address that is taken stops no mail: the log says so.
fn offer(wanted: &MetricsSettings, metrics: Arc<Metrics>) {
    let (host, port) = &wanted.listen;
    let listener = match bind_tcp(host, *port).and_then(TcpListener::from_std) {
        Ok(listener) => listener,
        Err(error) => {
            let address = SocketSpec::Inet(host.clone(), *port);
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
        if let Some(left) = ledger_file::left_behind(settings) {
            tracing::warn!("{}: {}", left.what, left.remedy);
        }
        return Ok((Ledger::off(), None));
    };
    tracing::info!("the ledger is {}", ledger.path.display());
    let (ledger, recorder) = Ledger::start(ledger.clone())?;
    Ok((ledger, Some(recorder)))
}
