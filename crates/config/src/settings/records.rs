//! The settings of what is recorded and counted: the state directory, the ledger, the metrics.

use super::SocketSpec;
use super::ledger::{ClientDetail, LedgerSettings};
use crate::yaml::{Decoder, Fields, Node, Value};
use lettre::message::Mailbox;
use std::path::{Path, PathBuf};

/// The longest time that the ledger can be told to keep.
const MOST_DAYS: u32 = 3660;

/// At most so many domains get a label of their own.
const MOST_DOMAINS: u32 = 10_000;

/// The endpoint for Prometheus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsSettings {
    /// Where it listens: host and port.
    pub listen: (String, u16),
    /// How many domains get a label of their own.
    pub domains: u32,
}

/// Where sendmail(1) lies.
const SENDMAIL: &str = "/usr/sbin/sendmail";

/// How digests are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestSettings {
    /// Who they are from: a mail address, with or without a name.
    pub from: String,
    /// By SMTP to this host and port; none: by sendmail(1).
    pub smtp: Option<SocketSpec>,
    /// The program to send with.
    pub sendmail: PathBuf,
}

/// Reads `digest`.
pub(super) fn read_digest(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<DigestSettings> {
    let mut fields = decoder.fields(node, "`digest`")?;
    let from_node = fields.take("from");
    let smtp = fields.take("smtp").and_then(|node| {
        match decoder.parsed(node, "a socket", str::parse)? {
            socket @ SocketSpec::Inet(..) => Some(socket),
            SocketSpec::Unix(_) => {
                decoder.wrong(node, "SMTP goes over TCP", "write, for example, inet:127.0.0.1:25")
            }
        }
    });
    let sendmail = fields
        .take("sendmail")
        .and_then(|node| decoder.text(node, "`sendmail`"))
        .map_or_else(|| SENDMAIL.into(), PathBuf::from);
    decoder.finish(fields);
    let Some(from_node) = from_node else {
        let help = "add `from: postmaster@example.org`";
        return decoder.wrong(node, "a digest says who it is from", help);
    };
    let from = decoder.text(from_node, "`from`")?.to_owned();
    if let Err(error) = from.parse::<Mailbox>() {
        let message = format!("`{}` is not a mail address: {error}", from.escape_debug());
        return decoder.wrong(
            from_node,
            message,
            "write postmaster@example.org, or Name <address>",
        );
    }
    Some(DigestSettings { from, smtp, sendmail })
}

/// Reads `metrics`.
pub(super) fn read_metrics(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<MetricsSettings> {
    let mut fields = decoder.fields(node, "`metrics`")?;
    let listen = fields.take("listen");
    let domains = fields
        .take("domains")
        .and_then(|node| decoder.number(node, "`domains`", MOST_DOMAINS))
        .unwrap_or_default();
    decoder.finish(fields);
    let Some(listen) = listen else {
        let help = "add `listen: inet:127.0.0.1:9893`";
        return decoder.wrong(node, "the address of the metrics is missing", help);
    };
    match decoder.parsed(listen, "a socket", str::parse)? {
        SocketSpec::Inet(host, port) => Some(MetricsSettings { listen: (host, port), domains }),
        SocketSpec::Unix(_) => decoder.wrong(
            listen,
            "Prometheus asks over TCP",
            "write, for example, inet:127.0.0.1:9893",
        ),
    }
}

/// Reads `state_dir`.
pub(super) fn state_dir(
    decoder: &mut Decoder<'_>,
    fields: &mut Fields<'_>,
    base: &Path,
) -> Option<PathBuf> {
    let node = fields.take("state_dir")?;
    Some(base.join(decoder.text(node, "`state_dir`")?))
}

/// Reads `ledger`: there is one wherever there is a state directory, unless it says `off`.
pub(super) fn ledger(
    decoder: &mut Decoder<'_>,
    fields: &mut Fields<'_>,
    state_dir: Option<&Path>,
) -> Option<LedgerSettings> {
    let usual = state_dir.map(LedgerSettings::in_directory);
    let Some(node) = fields.take("ledger") else {
        return usual;
    };
    if matches!(node.value, Value::Scalar("off")) {
        return None;
    }
    if !matches!(node.value, Value::Map(_)) {
        return decoder.wrong(
            node,
            "`ledger` is either `off` or a mapping (`retention_days: 90`)",
            "leave it out for the usual ledger",
        );
    }
    let settings = read(
        decoder,
        node,
        usual.clone().unwrap_or_else(|| LedgerSettings::in_directory(Path::new(""))),
    );
    if usual.is_none() && !fields.mentions(&["state_dir"]) {
        decoder.problems.add(
            node.spot,
            "the ledger has no place",
            "add `state_dir: /var/lib/mandatory-tls`",
        );
    }
    settings
}

fn read(
    decoder: &mut Decoder<'_>,
    node: Node<'_>,
    mut settings: LedgerSettings,
) -> Option<LedgerSettings> {
    let mut fields = decoder.fields(node, "`ledger`")?;
    let mut at_least_one = |name, most, target: &mut u32| {
        if let Some(node) = fields.take(name)
            && let Some(number) = decoder.number(node, &format!("`{name}`"), most)
        {
            *target = number;
            if number == 0 {
                let help = "write `ledger: off` to record nothing";
                decoder.problems.add(node.spot, format!("`{name}` must be at least 1"), help);
            }
        }
    };
    at_least_one("retention_days", MOST_DAYS, &mut settings.retention_days);
    at_least_one("rows_per_domain_and_day", 10_000_000, &mut settings.room.domain);
    at_least_one("rows_per_day", 100_000_000, &mut settings.room.day);
    if let Some(node) = fields.take("clients") {
        let choices = [
            ("full", ClientDetail::Full),
            ("network", ClientDetail::Network),
            ("hashed", ClientDetail::Hashed),
        ];
        settings.clients = decoder.choice(node, "`clients`", &choices).unwrap_or(settings.clients);
    }
    decoder.finish(fields);
    Some(settings)
}
