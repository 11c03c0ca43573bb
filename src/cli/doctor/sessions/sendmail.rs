//! Where a Sendmail takes mail from other servers: `DaemonPortOptions` in sendmail.cf.

use crate::postfix::port_number;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// An address of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Daemon {
    /// Its name.
    pub label: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether TLS comes first.
    pub wrapped: bool,
}

/// All daemons that are not for users (Debian's MSP, port 587).
pub(super) fn daemons(text: &str, host: &[IpAddr]) -> Vec<Daemon> {
    let options: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("O DaemonPortOptions=")).collect();
    // Without any, it listens on port 25 of all addresses.
    let options = if options.is_empty() { vec!["Name=MTA"] } else { options };
    let mut daemons = Vec::new();
    for options in options {
        let value = |name: &str| {
            let mut parts = options.split(',').filter_map(|part| part.split_once('='));
            // Sendmail looks at the first letter.
            let is_named = |key: &str| {
                let letter =
                    |text: &str| text.trim().chars().next().map(|c| c.to_ascii_uppercase());
                letter(key) == letter(name)
            };
            parts.find(|(key, _)| is_named(key)).map(|(_, value)| value.trim())
        };
        let Some(port) = port_number(value("Port").unwrap_or("smtp")) else { continue };
        let modifiers = value("Modifiers").unwrap_or_default();
        // O: it need not come about.
        if matches!(port, 465 | 587) || modifiers.contains('O') {
            continue;
        }
        let is_v6 = value("Family").is_some_and(|family| family.starts_with("inet6"));
        let addresses: Vec<IpAddr> = match value("Addr") {
            None | Some("0.0.0.0" | "::") => one_of(host, is_v6).into_iter().collect(),
            Some(name) => named(name.trim_start_matches("IPv6:"), is_v6),
        };
        let label = value("Name").unwrap_or("MTA");
        let wrapped = modifiers.contains('s');
        daemons.extend(addresses.into_iter().map(|ip| Daemon {
            label: label.to_owned(),
            address: SocketAddr::new(ip, port),
            wrapped,
        }));
    }
    daemons
}

/// One address of a family: one at which others reach this host, if there is any.
fn one_of(host: &[IpAddr], is_v6: bool) -> Option<IpAddr> {
    let is_usable = |ip: &&IpAddr| match ip {
        IpAddr::V4(_) => !is_v6,
        IpAddr::V6(ip) => is_v6 && !ip.is_unicast_link_local(),
    };
    let of_family = || host.iter().filter(is_usable);
    of_family().find(|ip| !ip.is_loopback()).or_else(|| of_family().next()).copied()
}

fn named(name: &str, is_v6: bool) -> Vec<IpAddr> {
    let found = (name, 0).to_socket_addrs().into_iter().flatten();
    found.map(|address| address.ip()).filter(|ip| ip.is_ipv6() == is_v6).collect()
}

/// The server's own name: `$j` where sendmail.cf sets it, else this host's.
pub(super) fn own_name(text: &str) -> String {
    let set = text.lines().find_map(|line| line.strip_prefix("Dj"));
    let set = set.map(str::trim).filter(|name| !name.is_empty() && !name.contains('$'));
    let host = || nix::unistd::gethostname().ok()?.into_string().ok();
    set.map(str::to_owned).or_else(host).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sendmail_listens_where_its_daemons_say() {
        let host: Vec<IpAddr> = ["127.0.0.1", "192.0.2.1", "::1", "2001:db8::1"]
            .iter()
            .map(|ip| ip.parse().unwrap())
            .collect();
        for (text, expected) in [
            ("", &[("MTA", "192.0.2.1:25")][..]),
            ("O DaemonPortOptions=Name=MTA", &[("MTA", "192.0.2.1:25")]),
            (
                "O DaemonPortOptions=Family=inet,  Name=MTA-v4, Port=smtp, Addr=127.0.0.1",
                &[("MTA-v4", "127.0.0.1:25")],
            ),
            (
                "O DaemonPortOptions=Family=inet6, Name=MTA-v6, Port=25, Addr=::1\n\
                 O DaemonPortOptions=Family=inet6, Name=more, P=2525",
                &[("MTA-v6", "[::1]:25"), ("more", "[2001:db8::1]:2525")],
            ),
            ("O DaemonPortOptions=Family=inet, Name=MSP-v4, Port=submission, Addr=127.0.0.1", &[]),
            ("O DaemonPortOptions=Name=off, Port=26, M=O", &[]),
        ] {
            let daemons = daemons(text, &host);
            let found: Vec<(&str, String)> = daemons
                .iter()
                .map(|daemon| (daemon.label.as_str(), daemon.address.to_string()))
                .collect();
            let expected: Vec<(&str, String)> =
                expected.iter().map(|(name, address)| (*name, (*address).to_owned())).collect();
            assert_eq!(found, expected, "{text}");
        }
        let text = "O DaemonPortOptions=Name=SMTPS, Addr=127.0.0.1, Port=2465, M=s";
        assert!(daemons(text, &host).iter().all(|daemon| daemon.wrapped));
        assert_eq!(own_name("Djmx.example.com\n"), "mx.example.com");
        assert!(!own_name("Dj$w.Foo.COM\n").contains('$'));
    }
}
