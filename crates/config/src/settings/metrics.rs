//! The endpoint for Prometheus.

use super::socket::SocketSpec;
use crate::yaml::{Decoder, Node};

/// The most domains that can get a label of their own.
const MOST_DOMAINS: u32 = 10_000;

/// The endpoint for Prometheus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsSettings {
    /// Where it listens: host and port.
    pub listen: (String, u16),
    /// How many domains get a label of their own.
    pub domains: u32,
}

impl MetricsSettings {
    /// Reads `metrics`.
    pub(super) fn read(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Self> {
        let mut fields = decoder.fields(node, "`metrics`")?;
        let listen = fields.take("listen");
        let domains = fields.number(decoder, "domains", MOST_DOMAINS).unwrap_or_default();
        decoder.finish(fields);
        let Some(listen) = listen else {
            let help = "add `listen: inet:127.0.0.1:9893`";
            return decoder.wrong(node, "the address of the metrics is missing", help);
        };
        match SocketSpec::read(decoder, listen)? {
            SocketSpec::Inet(host, port) => Some(Self { listen: (host, port), domains }),
            SocketSpec::Unix(_) => decoder.wrong(
                listen,
                "Prometheus asks over TCP",
                "write, for example, inet:127.0.0.1:9893",
            ),
        }
    }
}
