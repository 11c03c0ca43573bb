//! What the milter counts, and how: counters, a histogram, gauges.
//!
//! Labels come from fixed sets: verdicts, reasons, modes, TLS versions. Domains become labels only
//! where the settings ask for it, and only as many as they say.

mod labels;

use self::labels::{DomainLabels, NextHopLabels, RecipientLabels};
use jiff::Timestamp;
use policy::{Case, Decision, DomainName, TlsState, Verdict};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::{collections::HashSet, fmt, sync::RwLock};

/// Bounds of the histogram of latencies, in seconds: a judgement takes some microseconds.
const LATENCIES: [f64; 10] =
    [0.000_002, 0.000_005, 0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_5, 0.002, 0.01, 0.1];

/// The label of all domains for which there is no label of their own.
const OTHER: &str = "other";

/// All that is counted.
#[derive(Debug)]
pub struct Metrics {
    all: Registry,
    judged: Family<RecipientLabels, Counter>,
    latency: Histogram,
    without_macros: Counter,
    connections: Gauge,
    domains: Option<Domains>,
    next_hops: Family<NextHopLabels, Counter>,
}

/// The domains that have a label of their own.
#[derive(Debug)]
struct Domains {
    most: usize,
    labelled: RwLock<HashSet<DomainName>>,
    judged: Family<DomainLabels, Counter>,
}

/// A connection that is open, as long as this lives.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Counters at zero. `domains` is how many domains get a label of their own; `process` and `state` have
    /// the figures that others keep, of the process and of the milter.
    #[must_use]
    pub fn new(domains: usize, process: impl Collector, state: impl Collector) -> Self {
        let mut all = Registry::default();
        all.register_collector(Box::new(process));
        let registry = all.sub_registry_with_prefix("mandatory_tls");
        let judged: Family<RecipientLabels, Counter> = Family::default();
        registry.register("recipients", "Recipients judged", judged.clone());
        for refusal in RecipientLabels::usual_refusals() {
            // Prometheus sees no increase in a counter that is not there before its first refusal.
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
        registry.register_collector(Box::new(state));
        let domains = (domains > 0).then(|| {
            let judged = Family::default();
            let help = "Recipients judged, by domain";
            registry.register("domain_recipients", help, judged.clone());
            Domains { most: domains, labelled: RwLock::default(), judged }
        });
        let next_hops = Family::default();
        let help = "Look-ups of next hops by Postfix, by what was answered";
        registry.register("next_hop_lookups", help, next_hops.clone());
        Self { all, judged, latency, without_macros, connections, domains, next_hops }
    }

    /// Counts a verdict.
    pub fn judged(&self, case: &Case<'_>, verdict: &Verdict<'_>) {
        self.judged.get_or_create(&RecipientLabels::new(case.tls, verdict)).inc();
        if *case.tls == TlsState::Unknown {
            self.without_macros.inc();
        }
        let taken = Timestamp::now().duration_since(case.now).as_secs_f64();
        // The clock may have been set meanwhile.
        if taken >= 0.0 {
            self.latency.observe(taken);
        }
        if let Some(domains) = &self.domains
            && let Some(domain) =
                verdict.finding.as_ref().and_then(|finding| finding.subject.domain())
        {
            domains.count(domain, verdict.decision());
        }
    }

    /// Counts an answer for a next hop, by its word.
    pub fn next_hop(&self, answer: &'static str) {
        self.next_hops.get_or_create(&NextHopLabels { answer }).inc();
    }

    /// Counts a connection as open as long as what is returned lives.
    #[must_use]
    pub fn connected(&self) -> OpenConnection {
        self.connections.inc();
        OpenConnection(self.connections.clone())
    }

    /// All figures, in the text format of OpenMetrics.
    ///
    /// # Errors
    ///
    /// None that is known: text is made in memory.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.all)?;
        Ok(text)
    }
}

impl Domains {
    fn count(&self, domain: &DomainName, decision: Decision) {
        let is_labelled = self.labelled.read().is_ok_and(|labelled| labelled.contains(domain));
        let own = is_labelled
            || self.labelled.write().is_ok_and(|mut labelled| {
                let has_room = labelled.len() < self.most;
                if has_room {
                    labelled.insert(domain.clone());
                }
                has_room || labelled.contains(domain)
            });
        let domain = if own { domain.to_string() } else { OTHER.to_owned() };
        self.judged.get_or_create(&DomainLabels { domain, decision }).inc();
    }
}
