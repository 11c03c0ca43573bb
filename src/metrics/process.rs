//! The figures that every program has for Prometheus: what the process takes of the machine.
//!
//! Their names and meanings are those of all client libraries of Prometheus, so that dashboards for
//! processes know them: <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::{fmt, fs, time::Duration};

/// What the process takes, read from /proc when Prometheus asks. A figure that cannot be read is left
/// out: none would be wrong.
#[derive(Debug)]
pub(crate) struct ProcessCollector {
    /// Seconds since 1970-01-01, to hundredths. Found out once: were it made anew each time, it would
    /// move as the clock is adjusted, and look like a restart.
    started: Option<f64>,
}

/// Of /proc/self/stat, what is read here (proc(5)).
struct Stat {
    /// Octets.
    virtual_memory: u64,
    /// Octets.
    resident_memory: u64,
    threads: u64,
    /// Since the machine started.
    started: Duration,
}

impl ProcessCollector {
    pub fn new() -> Self {
        Self { started: stat().and_then(|stat| started(stat.started)) }
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let cpu = duration(clock_gettime(ClockId::ProcessCPUTime)).as_secs_f64();
        let counter = ConstCounter::new(cpu);
        let help = "Processor time that the milter has used, in seconds";
        let name = "process_cpu_seconds";
        let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
        counter.encode(metric)?;
        if let Some(started) = self.started {
            let gauge = ConstGauge::new(started);
            let help = "When the milter was started, in seconds since 1970-01-01";
            let name = "process_start_time_seconds";
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        let stat = stat();
        for (name, help, value) in [
            (
                "process_resident_memory_bytes",
                "Memory that the milter holds, in octets",
                stat.as_ref().map(|stat| stat.resident_memory),
            ),
            (
                "process_virtual_memory_bytes",
                "Address space that the milter has, in octets",
                stat.as_ref().map(|stat| stat.virtual_memory),
            ),
            ("process_threads", "Threads of the milter", stat.as_ref().map(|stat| stat.threads)),
            ("process_open_fds", "File descriptors that are open", open_descriptors()),
            (
                "process_max_fds",
                "File descriptors that may be open at a time",
                getrlimit(Resource::Nofile).current,
            ),
        ] {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}

fn stat() -> Option<Stat> {
    parsed(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// Reads a line of /proc/self/stat.
fn parsed(line: &str) -> Option<Stat> {
    // The name of the program stands in parentheses, and may have some of its own.
    let (_, fields) = line.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // Counted as in proc(5), which begins with 1; the state, behind the name, is its third.
    let field = |number: usize| fields.get(number.checked_sub(3)?)?.parse::<u64>().ok();
    let ticks_per_second = rustix::param::clock_ticks_per_second();
    let ticks = field(22)?;
    let nanoseconds = (ticks % ticks_per_second) * 1_000_000_000 / ticks_per_second;
    Some(Stat {
        threads: field(20)?,
        started: Duration::from_secs(ticks / ticks_per_second) + Duration::from_nanos(nanoseconds),
        virtual_memory: field(23)?,
        resident_memory: field(24)? * u64::try_from(rustix::param::page_size()).ok()?,
    })
}

/// A moment since the machine started, in seconds since 1970-01-01, to hundredths. /proc/stat has the
/// start of the machine, but a service that sees only processes (`ProcSubset=pid`) does not have it.
fn started(since_boot: Duration) -> Option<f64> {
    let ago = duration(clock_gettime(ClockId::Boottime)).checked_sub(since_boot)?;
    let moment = Timestamp::now().checked_sub(ago).ok()?;
    Some((moment.as_duration().as_secs_f64() * 100.0).round() / 100.0)
}

/// File descriptors that are open, without the one that counts them.
fn open_descriptors() -> Option<u64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(count).ok()?.checked_sub(1)
}

/// A time of a clock that began at zero.
fn duration(time: Timespec) -> Duration {
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        for name in ["mandatory-tls", "a b", ")", "x) R 1 (y"] {
            let line = format!(
                "7 ({name}) S 1 7 7 0 -1 4194560 1 0 0 0 5 6 0 0 20 0 9 0 250 4096000 17 1 1"
            );
            let stat = parsed(&line).unwrap();
            assert_eq!((stat.threads, stat.virtual_memory), (9, 4_096_000), "{name}");
            assert_eq!(stat.started.as_secs_f64() * 100.0, 250.0, "{name}");
            assert_eq!(stat.resident_memory, 17 * rustix::param::page_size() as u64, "{name}");
        }
    }

    #[test]
    fn a_line_that_is_cut_or_none_gives_nothing() {
        for line in
            ["", "7 (x", "7 (x) S 1 7 7", "7 (x) S a b c d e f g h i j k l m n o p q r s t u v w"]
        {
            assert!(parsed(line).is_none(), "{line}");
        }
    }

    #[test]
    fn the_figures_of_this_process_are_there() {
        let stat = stat().unwrap();
        assert!(stat.threads > 0 && stat.virtual_memory > stat.resident_memory);
        let now = Timestamp::now().as_duration().as_secs_f64();
        let started = ProcessCollector::new().started.unwrap();
        assert!(started <= now && now - started < 600.0, "{started} {now}");
        let open = open_descriptors().unwrap();
        let _file = fs::File::open("/proc/self/stat").unwrap();
        assert!(open >= 3 && getrlimit(Resource::Nofile).current.is_none_or(|most| most > open));
    }
}
