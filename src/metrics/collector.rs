//! Figures that others keep, read when Prometheus asks.

use crate::last_hour::LastHour;
use crate::reload::PolicyState;
use crate::standing::Standing;
use crate::status::Checkup;
use arc_swap::ArcSwap;
use config::status::Keeping;
use jiff::Timestamp;
use ledger::LedgerCounts;
use policy::Policy;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::{fmt, path::PathBuf, sync::Arc};
use tokio::sync::watch::Receiver;

/// How the policy and the settings in force are, the ledger, and the MTA's own TLS.
#[derive(Debug)]
pub struct StateCollector {
    /// The policy in force.
    pub policy: Arc<ArcSwap<Policy>>,
    /// How it stands to its files.
    pub state: Receiver<PolicyState>,
    /// The settings in force, and their sockets.
    pub standing: Receiver<Standing>,
    /// What the ledger counts of itself.
    pub ledger: Arc<LedgerCounts>,
    /// Whether mail is encrypted.
    pub last_hour: Arc<LastHour>,
    /// Where `doctor` keeps what it found, if the settings have a place for it.
    pub checkup: Option<PathBuf>,
}

impl Collector for StateCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.encode_policy(&mut encoder)?;
        self.encode_settings(&mut encoder)?;
        self.encode_ledger(&mut encoder)?;
        self.encode_checkup(&mut encoder)?;
        let nothing_encrypted = self.last_hour.so_far(Timestamp::now()).nothing_encrypted();
        encode_gauge(
            &mut encoder,
            "nothing_encrypted",
            "Whether there was enough mail in the last hour to tell, and none of it came over TLS",
            nothing_encrypted.into(),
        )
    }
}

impl StateCollector {
    fn encode_policy(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let policy = self.policy.load();
        let state = self.state.borrow().clone();
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
                state.rejected.is_some().into(),
            ),
            (
                "policy_last_good",
                "Whether the milter has started under the last good policy and still is, since it cannot use \
                 the files",
                state.last_good.into(),
            ),
            (
                "policy_keeping_failing",
                "Whether the policy in force cannot be kept as the last good one",
                (state.keeping == Keeping::Failing).into(),
            ),
        ] {
            encode_gauge(encoder, name, help, value)?;
        }
        for (name, help, value) in [
            ("policy_reloads", "Policies put in force since the start", state.reloads),
            (
                "policy_reload_failures",
                "Policies that had errors and were not put in force",
                state.failures,
            ),
            (
                "policy_keeping_failures",
                "How often the policy in force could not be kept as the last good one",
                state.keeping_failures,
            ),
        ] {
            encode_counter(encoder, name, help, value)?;
        }
        Ok(())
    }

    fn encode_settings(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Standing { settings, missing, .. } = self.standing.borrow().clone();
        for (name, help, value) in [
            (
                "settings_last_good",
                "Whether the milter has started under the last good settings, since it could not use the file",
                settings.last_good.is_some().into(),
            ),
            (
                "settings_keeping_failing",
                "Whether the settings in force cannot be kept as the last good ones",
                (settings.keeping == Keeping::Failing).into(),
            ),
            (
                "sockets_missing",
                "Sockets of the settings that the milter cannot listen on",
                count(missing.len()),
            ),
        ] {
            encode_gauge(encoder, name, help, value)?;
        }
        Ok(())
    }

    fn encode_ledger(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Recipients that are added up and wait to be written";
        encode_gauge(encoder, "ledger_queue", help, count(self.ledger.queued()))?;
        let help = "Whether the ledger cannot be written";
        encode_gauge(encoder, "ledger_failing", help, self.ledger.is_failing().into())?;
        let help = "Recipients written to the ledger";
        encode_counter(encoder, "ledger_recorded", help, self.ledger.written())?;
        let help = "Recipients that could not be recorded";
        encode_counter(encoder, "ledger_lost", help, self.ledger.lost())
    }

    /// What `doctor` found, if it has looked: the file is small, and this is not the thread that judges.
    fn encode_checkup(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(found) = self.checkup.as_deref().and_then(|path| Checkup::read(path).ok()) else {
            return Ok(());
        };
        for (name, help, value) in [
            ("doctor_errors", "Errors that doctor found when it last looked", count(found.errors)),
            ("doctor_warnings", "Warnings of the same look", count(found.warnings)),
            ("doctor_timestamp_seconds", "When that was", found.at.as_second()),
        ] {
            encode_gauge(encoder, name, help, value)?;
        }
        Ok(())
    }
}

fn encode_gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: i64,
) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
    gauge.encode(metric)
}

fn encode_counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> fmt::Result {
    let counter = ConstCounter::new(value);
    let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
    counter.encode(metric)
}

/// As a gauge holds it.
fn count<N: TryInto<i64>>(count: N) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
