//! The sockets that are listened on.

use crate::yaml::{Decoder, Node, Value};
use std::{fmt, path::PathBuf, str::FromStr};

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

/// What `listen` says for the sockets that systemd passes.
const SYSTEMD: &str = "systemd";

/// Reads `socketmap`: sockets to bind.
pub(super) fn read_bound(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Vec<Listen>> {
    let items = decoder.one_or_more(node);
    if items.is_empty() {
        let help = "write, for example, unix:/var/spool/postfix/mandatory-tls/deliver.sock";
        decoder.problems.add(node.span, "`socketmap` names no socket", help);
    }
    let listen = items.iter().filter_map(|item| {
        if matches!(&item.value, Value::Scalar(text) if *text == SYSTEMD) {
            let message = "a socket of systemd's is taken without being named here";
            return decoder.wrong(
                item,
                message,
                "leave it out, and enable mandatory-tls-deliver.socket",
            );
        }
        Listen::read(decoder, item)
    });
    Some(listen.collect())
}

/// Reads `listen`: whether systemd's sockets are meant, and the others.
pub(super) fn read_all(decoder: &mut Decoder<'_>, node: Node<'_>) -> (bool, Vec<Listen>) {
    let items = decoder.one_or_more(node);
    if items.is_empty() {
        let help = "write, for example, inet:127.0.0.1:8893";
        decoder.problems.add(node.span, "`listen` names no socket", help);
    }
    let is_systemd =
        |item: &Node<'_>| matches!(&item.value, Value::Scalar(text) if *text == SYSTEMD);
    let (passed, bound): (Vec<_>, Vec<_>) = items.iter().partition(is_systemd);
    let listen = bound.into_iter().filter_map(|item| Listen::read(decoder, item)).collect();
    (!passed.is_empty(), listen)
}

impl Listen {
    /// Reads one socket, which stands alone or with what is said of it.
    fn read(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Self> {
        if !matches!(node.value, Value::Map(_)) {
            let socket = SocketSpec::read(decoder, node)?;
            return Some(Self { socket, mode: None, group: None });
        }
        let mut fields = decoder.fields(node, "a socket")?;
        let Some(socket) = fields.take("socket") else {
            return decoder.wrong(
                node,
                "the socket's address is missing",
                "add `socket: unix:/path/of/socket`",
            );
        };
        let socket = SocketSpec::read(decoder, socket);
        let mode = fields.read(decoder, "mode", read_mode);
        let group = fields.text(decoder, "group").map(str::to_owned);
        decoder.finish(fields);
        if matches!(socket, Some(SocketSpec::Inet(..))) && (mode.is_some() || group.is_some()) {
            return decoder.wrong(node, "`mode` and `group` are for Unix sockets", "");
        }
        Some(Self { socket: socket?, mode, group })
    }
}

fn read_mode(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<u32> {
    let text = decoder.text(node, "`mode`")?;
    let mode = u32::from_str_radix(text.trim_start_matches("0o"), 8).ok();
    mode.filter(|mode| *mode <= 0o777).or_else(|| {
        decoder.wrong(node, "`mode` is written in octal", "for owner and group: mode: \"0660\"")
    })
}

impl SocketSpec {
    /// Reads an address.
    pub(super) fn read(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Self> {
        decoder.parsed(node, "a socket", str::parse)
    }
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
