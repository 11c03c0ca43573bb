//! What the milter counts, for Prometheus.
//!
//! Labels come from fixed sets: verdicts, reasons, modes, TLS versions. Domains become labels only
//! where the settings ask for it, and then so many and no more.

mod endpoint;

pub use endpoint::serve;

use crate::reload::State;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use ledger::Counts;
use policy::tls::{SeenVersion, Version};
use policy::{Case, Decision, DomainName, Mode, Policy, TlsState, Verdict};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, RwLock},
};
use tokio::sync::watch::Receiver;

/// Bounds of the histogram of latencies, in seconds: a judgement takes some microseconds.
const LATENCIES: [f64; 10] =
    [0.000_002, 0.000_005, 0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_5, 0.002, 0.01, 0.1];

/// The label of all domains for which there is no label of their own.
const OTHER: &str = "other";

/// What became of a recipient.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Judged {
    verdict: &'static str,
    reason: &'static str,
    mode: &'static str,
    tls_version: &'static str,
}

/// What became of a recipient of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDomain {
    domain: String,
    verdict: &'static str,
}

/// All that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    judged: Family<Judged, Counter>,
    latency: Histogram,
    without_macros: Counter,
    connections: Gauge,
    domains: Option<Domains>,
}

/// The domains that have a label of their own.
#[derive(Debug)]
struct Domains {
    most: usize,
    known: RwLock<HashSet<DomainName>>,
    judged: Family<OfDomain, Counter>,
}

/// A connection that is open, as long as this lives.
#[derive(Debug)]
pub struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Counters at zero. `domains` is how many domains get a label of their own.
    #[must_use]
    pub fn new(
        domains: usize,
        policy: Arc<ArcSwap<Policy>>,
        state: Receiver<State>,
        ledger: Arc<Counts>,
    ) -> Self {
        let mut registry = Registry::with_prefix("mandatory_tls");
        let judged: Family<Judged, Counter> = Family::default();
        registry.register("recipients", "Recipients judged", judged.clone());
        for refusal in usual_refusals() {
            // What is not there before the first refusal, Prometheus does not see it increase.
            drop(judged.get_or_create(&refusal));
        }
        let latency = Histogram::new(LATENCIES);
        let help = "Time from the RCPT to its verdict";
        registry.register("judge_seconds", help, latency.clone());
        let without_macros = Counter::default();
        let help = "Recipients for which the MTA did not send the TLS macros that it was asked for";
        registry.register("without_macros", help, without_macros.clone());
        let connections = Gauge::default();
        registry.register("connections", "Milter connections that are open", connections.clone());
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "The release that runs", Info::new(version));
        registry.register_collector(Box::new(Outside { policy, state, ledger }));
        let domains = (domains > 0).then(|| {
            let judged = Family::default();
            let help = "Recipients judged, by domain";
            registry.register("domain_recipients", help, judged.clone());
            Domains { most: domains, known: RwLock::default(), judged }
        });
        Self { registry, judged, latency, without_macros, connections, domains }
    }

    /// Counts a verdict.
    pub fn judged(&self, case: &Case<'_>, verdict: &Verdict<'_>) {
        let decision = verdict.decision();
        let finding = verdict.finding.as_ref();
        let labels = Judged {
            verdict: decision.code(),
            reason: verdict.reason().kind().code(),
            mode: finding.map_or("none", |finding| finding.mode.name()),
            tls_version: version(case.tls),
        };
        self.judged.get_or_create(&labels).inc();
        if *case.tls == TlsState::Unknown {
            self.without_macros.inc();
        }
        let taken = Timestamp::now().duration_since(case.now).as_secs_f64();
        // The clock may have been set meanwhile.
        if taken >= 0.0 {
            self.latency.observe(taken);
        }
        if let Some(domains) = &self.domains
            && let Some(domain) = finding.and_then(|finding| finding.subject.domain())
        {
            domains.count(domain, decision);
        }
    }

    /// Counts a connection as open as long as what is returned lives.
    #[must_use]
    pub fn connected(&self) -> Open {
        self.connections.inc();
        Open(self.connections.clone())
    }

    /// All figures, in the text format of OpenMetrics.
    ///
    /// # Errors
    ///
    /// None that is known: text is made in memory.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Domains {
    fn count(&self, domain: &DomainName, verdict: Decision) {
        let known = self.known.read().is_ok_and(|known| known.contains(domain));
        let own = known
            || self.known.write().is_ok_and(|mut known| {
                let room = known.len() < self.most;
                if room {
                    known.insert(domain.clone());
                }
                room || known.contains(domain)
            });
        let domain = if own { domain.to_string() } else { OTHER.to_owned() };
        self.judged.get_or_create(&OfDomain { domain, verdict: verdict.code() }).inc();
    }
}

/// The refusals that come in numbers: without TLS, with a version that is too old, and those due to
/// an MTA that does not tell.
fn usual_refusals() -> impl Iterator<Item = Judged> {
    [
        ("plaintext", "none"),
        ("unknown-tls", "unknown"),
        ("protocol-version", "SSLv3"),
        ("protocol-version", "TLSv1"),
        ("protocol-version", "TLSv1.1"),
    ]
    .into_iter()
    .map(|(reason, tls_version)| Judged {
        verdict: Decision::Refuse.code(),
        reason,
        mode: Mode::Enforce.name(),
        tls_version,
    })
}

fn version(tls: &TlsState) -> &'static str {
    let encryption = match tls {
        TlsState::Plaintext => return "none",
        TlsState::Unknown => return "unknown",
        TlsState::Encrypted(encryption) => encryption,
    };
    match encryption.version() {
        SeenVersion::Known(version) => match version {
            Version::Sslv2 => "SSLv2",
            Version::Sslv3 => "SSLv3",
            Version::Tlsv1 => "TLSv1",
            Version::Tlsv1_1 => "TLSv1.1",
            Version::Tlsv1_2 => "TLSv1.2",
            Version::Tlsv1_3 => "TLSv1.3",
            Version::Newer { .. } => "newer",
        },
        SeenVersion::Between { .. } | SeenVersion::Unknown => "unknown",
    }
}

/// Figures that others keep, read when they are asked for.
#[derive(Debug)]
struct Outside {
    policy: Arc<ArcSwap<Policy>>,
    state: Receiver<State>,
    ledger: Arc<Counts>,
}

impl Collector for Outside {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let policy = self.policy.load();
        let state = self.state.borrow().clone();
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        for (name, help, value) in [
            ("policy_domains", "Domains that are opted in", count(policy.domains.len())),
            ("policy_senders", "Partners", count(policy.senders.len())),
            (
                "policy_loaded_timestamp_seconds",
                "When the policy in force was loaded",
                state.since.as_second(),
            ),
            (
                "policy_broken",
                "Whether the policy's files have errors, so that an older policy is in force",
                state.problem.is_some().into(),
            ),
            (
                "ledger_queue",
                "Recipients that are added up and wait to be written",
                i64::try_from(self.ledger.queued()).unwrap_or(i64::MAX),
            ),
            (
                "ledger_failing",
                "Whether the ledger cannot be written",
                self.ledger.is_failing().into(),
            ),
        ] {
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        for (name, help, value) in [
            ("policy_reloads", "Policies put in force since the start", state.reloads),
            (
                "policy_reload_failures",
                "Policies that had errors and were not put in force",
                state.failures,
            ),
            ("ledger_recorded", "Recipients written to the ledger", self.ledger.written()),
            ("ledger_lost", "Recipients that could not be recorded", self.ledger.lost()),
        ] {
            let counter = ConstCounter::new(value);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        Ok(())
    }
}
