//! Both hops as figures for Prometheus.
//!
//! They come from the ledger and the log, not from the milter: it has its own endpoint and reads neither. A
//! command that is run each few minutes and writes a file for the textfile collector of node_exporter is how
//! Debian's packages give out such figures (prometheus-node-exporter-collectors). There is no daemon to
//! watch for it, and it does as well where logs are imported and not followed.
//!
//! All are gauges: what the ledger says of the days that were asked for.

use crate::metrics::TextFormat;
use jiff::Timestamp;
use ledger::handshakes::HandshakeFault;
use ledger::hops::{DomainHops, Hops};
use ledger::report::Report;
use ledger::{Afterwards, DeliveryReason};
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder, text};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::fmt;
use std::io::{self, Write};
use strum::IntoEnumIterator;

/// Labels from fixed sets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Labels(Vec<(&'static str, &'static str)>);

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)
    }
}

type Figures = Family<Labels, Gauge>;

pub(super) fn write(out: &mut impl Write, report: &Report, now: Timestamp) -> io::Result<()> {
    let mut all = Registry::default();
    let registry = all.sub_registry_with_prefix("mandatory_tls");
    let hops = &report.hops;
    registry.register("came_recipients", "Recipients, by how their mail came", came(hops));
    registry.register("left_recipients", "Recipients, by how their mail left", left(hops));
    registry.register("waiting_recipients", "Recipients whose mail waits, by why", waiting(hops));
    let help =
        "Clients' TLS handshakes that failed, by what was at fault and what the client did then";
    registry.register("failed_handshakes", help, handshakes(report));
    registry.register("hops_domains", "Domains, by what is known of both hops", domains(hops));
    let demanded = hops
        .domains
        .iter()
        .flat_map(|hops| &hops.exceptions)
        .filter(|one| one.what.is_left_unencrypted() && one.encryption_demanded == Some(true));
    for (name, help, value) in [
        (
            "left_unencrypted_demanded",
            "Recipients whose mail left unencrypted to next hops of which the policy now demands encryption",
            count(demanded.map(|one| one.recipients).sum()),
        ),
        ("report_timestamp_seconds", "When these figures were made", now.as_second()),
        ("report_since_timestamp_seconds", "Since when they count", report.since),
        (
            "deliveries_last_timestamp_seconds",
            "When mail last left, as far as the log was read; 0: nothing is recorded",
            hops.deliveries.map_or(0, |(_, last)| last),
        ),
    ] {
        let gauge: Gauge = Gauge::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    }
    let mut figures = String::new();
    text::encode(&mut figures, &all).map_err(io::Error::other)?;
    out.write_all(TextFormat::Prometheus.written(figures).as_bytes())
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn add(figures: &Figures, labels: &[(&'static str, &'static str)], value: u64) {
    figures.get_or_create(&Labels(labels.to_vec())).inc_by(count(value));
}

fn came(hops: &Hops) -> Figures {
    let figures = Figures::default();
    let sum = |of: fn(&DomainHops) -> u64| hops.domains.iter().map(of).sum();
    for (how, value) in [
        ("encrypted", sum(|hops| hops.came.encrypted)),
        ("not-enforced", sum(|hops| hops.came.not_enforced)),
        ("excepted", sum(|hops| hops.came.excepted)),
        ("trusted", sum(|hops| hops.came.trusted)),
        ("let-through", sum(|hops| hops.came.let_through)),
        ("unknown", sum(|hops| hops.came.unknown)),
        ("refused", sum(|hops| hops.came.refused)),
    ] {
        add(&figures, &[("how", how)], value);
    }
    figures
}

fn left(hops: &Hops) -> Figures {
    let figures = Figures::default();
    let lefts = || hops.domains.iter().filter_map(|hops| hops.left.as_ref());
    for (how, value) in [
        ("verified", lefts().map(|left| left.verified).sum()),
        ("encrypted", lefts().map(|left| left.encrypted).sum()),
        ("unencrypted", lefts().map(|left| left.unencrypted).sum()),
        ("local", lefts().map(|left| left.local).sum()),
        ("unknown", lefts().map(|left| left.unknown).sum()),
        ("went-back", lefts().map(|left| left.went_back).sum()),
    ] {
        add(&figures, &[("how", how)], value);
    }
    figures
}

fn waiting(hops: &Hops) -> Figures {
    let figures = Figures::default();
    // Each is there before the first, so that an alert can ask for it.
    for reason in DeliveryReason::iter().filter(|reason| *reason != DeliveryReason::None) {
        add(&figures, &[("reason", reason.code())], 0);
    }
    for one in hops.domains.iter().flat_map(|hops| &hops.exceptions) {
        if let Some(reason) = one.reason.filter(|_| one.waits > 0) {
            add(&figures, &[("reason", reason.code())], one.waits);
        }
    }
    figures
}

fn handshakes(report: &Report) -> Figures {
    let figures = Figures::default();
    for fault in HandshakeFault::iter() {
        for then in Afterwards::iter() {
            add(&figures, &[("fault", fault.code()), ("afterwards", then.code())], 0);
        }
    }
    for client in &report.handshakes {
        for failure in &client.failures {
            let labels = [("fault", failure.fault.code()), ("afterwards", client.then.code())];
            add(&figures, &labels, failure.attempts);
        }
    }
    figures
}

fn domains(hops: &Hops) -> Figures {
    let figures = Figures::default();
    for state in ["clean", "exceptions", "not-known"] {
        add(&figures, &[("state", state)], 0);
    }
    for one in &hops.domains {
        let is_known = one.exceptions.iter().any(|exception| !exception.what.is_unknown());
        let state = match (one.is_clean(), is_known) {
            (true, _) => "clean",
            (false, true) => "exceptions",
            (false, false) => "not-known",
        };
        add(&figures, &[("state", state)], 1);
    }
    figures
}
