//! The settings: everything that needs a restart.
//!
//! They stand in a file of their own (`milter.yaml`), apart from the policy, which is reloaded
//! while mail flows.

mod ledger;
mod records;

pub use ledger::{ClientDetail, LedgerSettings, RETENTION_DAYS, ROOM, Room};
pub use records::{DigestSettings, MetricsSettings};

use crate::yaml::{Decoder, Fields, Node, Problems, Value};
use crate::{document, files};
use policy::OnUnknownTls;
use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

/// The settings of the milter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether to take the sockets that systemd passes.
    pub systemd: bool,
    /// The sockets to bind and listen on; at least one unless systemd passes some.
    pub listen: Vec<Listen>,
    /// The policy file.
    pub policy: PathBuf,
    /// What to do with mail for opted-in domains when the MTA does not tell of TLS.
    pub on_unknown_tls: OnUnknownTls,
    /// Where the running milter writes how it is, for `doctor`.
    pub status_file: Option<PathBuf>,
    /// Bounds.
    pub limits: Limits,
    /// The log.
    pub log: LogSettings,
    /// Where the program keeps what it writes.
    pub state_dir: Option<PathBuf>,
    /// The ledger; none: nothing is recorded.
    pub ledger: Option<LedgerSettings>,
    /// The endpoint for Prometheus; none: nothing is counted.
    pub metrics: Option<MetricsSettings>,
    /// How digests are sent; none: they are not.
    pub digest: Option<DigestSettings>,
}

/// A socket to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Where.
    pub socket: SocketSpec,
    /// Permissions of a Unix socket (`0660`); none: as the umask has it.
    pub mode: Option<u32>,
    /// The group that owns a Unix socket.
    pub group: Option<String>,
}

/// What `listen` says for the sockets that systemd passes.
const SYSTEMD: &str = "systemd";

/// The address of a socket, in the manner of Postfix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketSpec {
    /// `unix:PATH`
    Unix(PathBuf),
    /// `inet:HOST:PORT`; an IPv6 address stands in brackets.
    Inet(String, u16),
}

/// What is wrong with the address of a socket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SocketError {
    /// Neither `unix:` nor `inet:`.
    #[error(
        "a socket is written as unix:/path/of/socket or inet:127.0.0.1:8893; `systemd` stands for those that systemd passes"
    )]
    Scheme,
    /// A relative or missing path.
    #[error("a Unix socket needs its full path, from `/` on")]
    Path,
    /// No port from 0 to 65535 at the end.
    #[error("a TCP socket needs a port after the last colon, as in inet:127.0.0.1:8893")]
    Port,
    /// `inet:8893@127.0.0.1`.
    #[error(
        "this is Sendmail's way to write it; here the host comes first, as in inet:127.0.0.1:8893"
    )]
    PortAtHost,
    /// No host.
    #[error("a TCP socket needs the address to listen on, as in inet:127.0.0.1:8893")]
    Host,
}

/// Bounds on what the milter takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Milter connections at a time. More wait to be accepted.
    pub connections: u32,
    /// How long open SMTP sessions may go on once the milter has been told to stop.
    pub drain: Duration,
}

/// Where the log goes and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Its form.
    pub format: LogFormat,
    /// Its destination.
    pub to: LogTarget,
    /// The least level that is logged.
    pub level: tracing::Level,
    /// Whether the local parts of addresses are logged.
    pub local_parts: bool,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Where the log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard error.
    Stderr,
    /// systemd's journal, with fields.
    Journald,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 10_000, drain: Duration::from_secs(30) }
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            to: LogTarget::Stderr,
            level: tracing::Level::INFO,
            local_parts: false,
        }
    }
}

impl FromStr for SocketSpec {
    type Err = SocketError;

    fn from_str(text: &str) -> Result<Self, SocketError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') {
                Ok(Self::Unix(path.into()))
            } else {
                Err(SocketError::Path)
            };
        }
        let Some(rest) = text.strip_prefix("inet:") else {
            return Err(SocketError::Scheme);
        };
        if rest.contains('@') {
            return Err(SocketError::PortAtHost);
        }
        let (host, port) = rest.rsplit_once(':').ok_or(if rest.parse::<u16>().is_ok() {
            SocketError::Host
        } else {
            SocketError::Port
        })?;
        let port = port.parse().map_err(|_| SocketError::Port)?;
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(SocketError::Host);
        }
        Ok(Self::Inet(host.to_owned(), port))
    }
}

impl fmt::Display for SocketSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Inet(host, port) if host.contains(':') => write!(f, "inet:[{host}]:{port}"),
            Self::Inet(host, port) => write!(f, "inet:{host}:{port}"),
        }
    }
}

impl Settings {
    /// Reads the settings at `path`.
    ///
    /// # Errors
    ///
    /// All that is wrong with the file, with places.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let settings =
            document::read(path, files::read_limited(path), &mut problems, |decoder, root| {
                read(decoder, root, path)
            });
        match settings {
            Some(settings) if problems.is_empty() => Ok(settings),
            _ => Err(problems),
        }
    }
}

fn read(decoder: &mut Decoder<'_>, root: Option<Node<'_>>, path: &Path) -> Option<Settings> {
    let Some(root) = root.filter(|root| !matches!(root.value, Value::Null)) else {
        decoder
            .problems
            .add_file("the settings are empty", "they name at least `listen` and `policy`");
        return None;
    };
    let mut fields = decoder.fields(root, "the settings")?;
    let (systemd, listen) = match fields.take("listen") {
        Some(node) => read_sockets(decoder, node),
        None => missing(decoder, &fields, "listen", "listen: inet:127.0.0.1:8893"),
    };
    let base = path.parent().unwrap_or(Path::new(""));
    let policy = match fields.take("policy") {
        Some(node) => {
            decoder.text(node, "`policy`").map(|text| base.join(text)).unwrap_or_default()
        }
        None => missing(decoder, &fields, "policy", "policy: policy.yaml"),
    };
    let on_unknown_tls = fields
        .take("on_unknown_tls")
        .and_then(|node| {
            let choices = [("defer", OnUnknownTls::Defer), ("pass", OnUnknownTls::Pass)];
            decoder.choice(node, "`on_unknown_tls`", &choices)
        })
        .unwrap_or_default();
    let status_file = fields
        .take("status_file")
        .and_then(|node| decoder.text(node, "`status_file`"))
        .map(|text| base.join(text));
    let limits =
        fields.take("limits").and_then(|node| read_limits(decoder, node)).unwrap_or_default();
    let log = fields.take("log").and_then(|node| read_log(decoder, node)).unwrap_or_default();
    let state_dir = records::state_dir(decoder, &mut fields, base);
    let ledger = records::ledger(decoder, &mut fields, state_dir.as_deref());
    let metrics = fields.take("metrics").and_then(|node| records::read_metrics(decoder, node));
    let digest = fields.take("digest").and_then(|node| records::read_digest(decoder, node));
    decoder.finish(fields);
    Some(Settings {
        systemd,
        listen,
        policy,
        on_unknown_tls,
        status_file,
        limits,
        log,
        state_dir,
        ledger,
        metrics,
        digest,
    })
}

fn missing<T: Default>(
    decoder: &mut Decoder<'_>,
    fields: &Fields<'_>,
    name: &str,
    example: &str,
) -> T {
    if !decoder.problems.is_broken() {
        let message = format!("the settings do not say `{name}`");
        decoder.problems.add(fields.spot(), message, format!("add `{example}`"));
    }
    T::default()
}

/// Whether systemd's sockets are meant, and the others.
fn read_sockets(decoder: &mut Decoder<'_>, node: Node<'_>) -> (bool, Vec<Listen>) {
    let items = decoder.one_or_more(node);
    if items.is_empty() {
        let help = "write, for example, inet:127.0.0.1:8893";
        decoder.problems.add(node.spot, "`listen` names no socket", help);
    }
    let is_systemd =
        |item: &Node<'_>| matches!(&item.value, Value::Scalar(text) if *text == SYSTEMD);
    let (passed, bound): (Vec<_>, Vec<_>) = items.iter().partition(is_systemd);
    let listen = bound.into_iter().filter_map(|item| read_listen(decoder, item)).collect();
    (!passed.is_empty(), listen)
}

fn read_listen(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Listen> {
    if !matches!(node.value, Value::Map(_)) {
        let socket = decoder.parsed(node, "a socket", str::parse)?;
        return Some(Listen { socket, mode: None, group: None });
    }
    let mut fields = decoder.fields(node, "a socket")?;
    let Some(socket_node) = fields.take("socket") else {
        return decoder.wrong(
            node,
            "the socket's address is missing",
            "add `socket: unix:/path/of/socket`",
        );
    };
    let socket = decoder.parsed(socket_node, "a socket", str::parse);
    let mode = fields.take("mode").and_then(|node| {
        let text = decoder.text(node, "`mode`")?;
        let mode = u32::from_str_radix(text.trim_start_matches("0o"), 8)
            .ok()
            .filter(|mode| *mode <= 0o777);
        mode.or_else(|| {
            decoder.wrong(node, "`mode` is written in octal", "for owner and group: mode: \"0660\"")
        })
    });
    let group =
        fields.take("group").and_then(|node| decoder.text(node, "`group`")).map(str::to_owned);
    decoder.finish(fields);
    if matches!(socket, Some(SocketSpec::Inet(..))) && (mode.is_some() || group.is_some()) {
        return decoder.wrong(node, "`mode` and `group` are for Unix sockets", "");
    }
    Some(Listen { socket: socket?, mode, group })
}

fn read_limits(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Limits> {
    let mut fields = decoder.fields(node, "`limits`")?;
    let mut limits = Limits::default();
    if let Some(node) = fields.take("connections")
        && let Some(number) = decoder.number(node, "`connections`", 1_000_000)
    {
        limits.connections = number;
        if number == 0 {
            decoder.problems.add(node.spot, "`connections` must be at least 1", "");
        }
    }
    if let Some(node) = fields.take("drain_seconds")
        && let Some(seconds) = decoder.number(node, "`drain_seconds`", 3600)
    {
        limits.drain = Duration::from_secs(seconds.into());
    }
    decoder.finish(fields);
    Some(limits)
}

fn read_log(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<LogSettings> {
    let mut fields = decoder.fields(node, "`log`")?;
    let mut log = LogSettings::default();
    if let Some(node) = fields.take("format") {
        let choices = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        log.format = decoder.choice(node, "`format`", &choices).unwrap_or(log.format);
    }
    if let Some(node) = fields.take("to") {
        let choices = [("stderr", LogTarget::Stderr), ("journald", LogTarget::Journald)];
        log.to = decoder.choice(node, "`to`", &choices).unwrap_or(log.to);
    }
    if let Some(node) = fields.take("level") {
        let choices = [
            ("error", tracing::Level::ERROR),
            ("warn", tracing::Level::WARN),
            ("info", tracing::Level::INFO),
            ("debug", tracing::Level::DEBUG),
        ];
        log.level = decoder.choice(node, "`level`", &choices).unwrap_or(log.level);
    }
    if let Some(node) = fields.take("local_parts") {
        log.local_parts = decoder.truth(node, "`local_parts`").unwrap_or(false);
    }
    decoder.finish(fields);
    Some(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_written_as_postfix_has_them() {
        for (text, shown) in [
            ("unix:/run/m.sock", "unix:/run/m.sock"),
            ("inet:127.0.0.1:8893", "inet:127.0.0.1:8893"),
            ("inet:localhost:0", "inet:localhost:0"),
            ("inet:[::1]:8893", "inet:[::1]:8893"),
        ] {
            assert_eq!(text.parse::<SocketSpec>().unwrap().to_string(), shown);
        }
        for (text, error) in [
            ("/run/m.sock", SocketError::Scheme),
            ("unix:m.sock", SocketError::Path),
            ("inet:127.0.0.1", SocketError::Port),
            ("inet:127.0.0.1:smtp", SocketError::Port),
            ("inet:8893", SocketError::Host),
            ("inet::8893", SocketError::Host),
            ("inet:8893@127.0.0.1", SocketError::PortAtHost),
        ] {
            assert_eq!(text.parse::<SocketSpec>(), Err(error), "{text}");
        }
    }
}
