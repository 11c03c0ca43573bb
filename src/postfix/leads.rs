//! Whether an address in smtpd_milters leads to one of the milter's sockets, and how Postfix would name them.

use super::facts::{PostfixFacts, Role, Service, address, is_loopback};
use config::settings::{Settings, SocketSpec};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

/// Where an address in smtpd_milters leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leads {
    /// To one of our sockets.
    Here,
    /// It means one, but a chroot (or none) is in the way.
    Astray,
    /// To our port, on what may be another host.
    Perhaps,
    /// To another milter.
    Elsewhere,
}

/// Whether an address in smtpd_milters leads to one of our sockets. `INET:` and the like are taken for what was
/// meant; that Postfix cannot use them is told elsewhere.
pub(super) fn leads(entry: &str, socket: &SocketSpec, chroot: bool, facts: &PostfixFacts) -> Leads {
    let (kind, rest) = entry.split_once(':').unwrap_or(("", entry));
    match socket {
        SocketSpec::Inet(host, port) if kind.eq_ignore_ascii_case("inet") => {
            // Postfix takes a missing host for localhost.
            let (their_host, their_port) = rest.rsplit_once(':').unwrap_or(("", rest));
            let their_host = if their_host.is_empty() { "localhost" } else { their_host };
            if their_port.parse() != Ok(*port) {
                Leads::Elsewhere
            } else if same_host(their_host, host) {
                Leads::Here
            } else {
                Leads::Perhaps
            }
        }
        SocketSpec::Unix(path)
            if kind.eq_ignore_ascii_case("unix") || kind.eq_ignore_ascii_case("local") =>
        {
            let queue = queue_directory(facts);
            let below_queue = queue.join(rest.trim_start_matches('/'));
            let outside =
                if rest.starts_with('/') { PathBuf::from(rest) } else { below_queue.clone() };
            let (real, other) =
                if chroot { (below_queue, outside) } else { (outside, below_queue) };
            if same_path(&real, path) {
                Leads::Here
            } else if same_path(&other, path) {
                Leads::Astray
            } else {
                Leads::Elsewhere
            }
        }
        _ => Leads::Elsewhere,
    }
}

pub(super) fn queue_directory(facts: &PostfixFacts) -> PathBuf {
    PathBuf::from(facts.main.get("queue_directory"))
}

/// Whether two names mean the same host, as far as can be told.
pub(super) fn same_host(theirs: &str, ours: &str) -> bool {
    let any = address(ours).is_some_and(|ip| ip.is_unspecified());
    match (address(theirs), address(ours)) {
        (Some(theirs), Some(ours)) if !any => theirs == ours,
        // `localhost` is 127.0.0.1, ::1, or both: Postfix tries each.
        (_, Some(_)) => any || (is_loopback(theirs) && is_loopback(ours)),
        _ => theirs.eq_ignore_ascii_case(ours) || (is_loopback(theirs) && is_loopback(ours)),
    }
}

/// /var/run leads to /run on all systems of today.
pub(super) fn same_path(one: &Path, other: &Path) -> bool {
    let plain = |path: &Path| match path.strip_prefix("/var/run") {
        Ok(rest) => Path::new("/run").join(rest),
        Err(_) => path.to_owned(),
    };
    plain(one) == plain(other)
}

/// The smtpd that take other servers' mail.
pub(crate) fn public_smtpd(facts: &PostfixFacts) -> impl Iterator<Item = &Service> {
    facts.running("smtpd").filter(|service| service.role() == Role::Public)
}

/// Where the first of them is reached from this host, also through postscreen.
pub(crate) fn smtp_address(facts: &PostfixFacts) -> SocketAddr {
    let listening = ["smtpd", "postscreen"].into_iter().flat_map(|program| facts.running(program));
    let public =
        listening.filter(|service| service.kind == "inet" && service.role() == Role::Public);
    let host = public.map(|service| service.name.rsplit_once(':').map(|(host, _)| host)).next();
    let interfaces = facts.main.list("inet_interfaces");
    let ip = host.flatten().into_iter().chain(interfaces).find_map(address);
    let ip = ip.filter(|ip| !ip.is_unspecified());
    SocketAddr::from((ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), 25))
}

/// How the smtpd that takes other servers' mail would name our socket; `None` where it cannot reach
/// any, or there is no such smtpd.
pub(crate) fn address_for_public(facts: &PostfixFacts, settings: &Settings) -> Option<String> {
    let smtpd = public_smtpd(facts).next()?;
    address_for(facts, settings, smtpd.chroot)
}

/// Whether an address in smtpd_milters leads to one of our sockets, chrooted or not.
pub(crate) fn is_ours(entry: &str, facts: &PostfixFacts, settings: &Settings) -> bool {
    settings.listen.iter().any(|listen| {
        [true, false]
            .iter()
            .any(|chroot| leads(entry, &listen.socket, *chroot, facts) == Leads::Here)
    })
}

/// How this service would name our socket; `None` where it cannot be reached from a chroot.
pub(crate) fn address_for(
    facts: &PostfixFacts,
    settings: &Settings,
    chroot: bool,
) -> Option<String> {
    let queue = queue_directory(facts);
    settings.listen.iter().find_map(|listen| match &listen.socket {
        SocketSpec::Unix(path) => match path.strip_prefix(&queue) {
            Ok(below) => Some(format!("unix:{}", below.display())),
            Err(_) if chroot => None,
            Err(_) => Some(listen.socket.to_string()),
        },
        SocketSpec::Inet(host, port) => Some(match address(host) {
            Some(ip) if ip.is_unspecified() => format!("inet:localhost:{port}"),
            _ => listen.socket.to_string(),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postfix::facts::Parameters;

    #[test]
    fn an_address_in_smtpd_milters_leads_to_our_socket_or_not() {
        let facts = PostfixFacts {
            main: Parameters::parse("queue_directory = /var/spool/postfix"),
            ..PostfixFacts::default()
        };
        let below = "unix:/var/spool/postfix/m/s";
        for (entry, socket, chroot, expected) in [
            ("inet:127.0.0.1:8893", "inet:127.0.0.1:8893", true, Leads::Here),
            ("inet:localhost:8893", "inet:127.0.0.1:8893", false, Leads::Here),
            ("inet:localhost:8893", "inet:[::1]:8893", false, Leads::Here),
            ("inet:8893", "inet:127.0.0.1:8893", false, Leads::Here),
            ("inet:[::1]:8893", "inet:127.0.0.1:8893", false, Leads::Perhaps),
            ("inet:mx.example.com:8893", "inet:127.0.0.1:8893", false, Leads::Perhaps),
            ("inet:mx.example.com:8893", "inet:0.0.0.0:8893", false, Leads::Here),
            ("inet:mx.example.com:8893", "inet:MX.example.com:8893", false, Leads::Here),
            ("local:m/s", below, true, Leads::Here),
            ("local:/run/m/s", "unix:/run/m/s", true, Leads::Astray),
            ("INET:127.0.0.1:8893", "inet:127.0.0.1:8893", false, Leads::Here),
            ("inet:127.0.0.1:8894", "inet:127.0.0.1:8893", false, Leads::Elsewhere),
            ("unix:/run/m/s", "inet:127.0.0.1:8893", false, Leads::Elsewhere),
            ("unix:/run/m/s", "unix:/run/m/s", false, Leads::Here),
            ("unix:/var/run/m/s", "unix:/run/m/s", false, Leads::Here),
            ("unix:/run/m/s", "unix:/run/m/s", true, Leads::Astray),
            ("unix:m/s", below, true, Leads::Here),
            ("unix:m/s", below, false, Leads::Here),
            ("unix:/m/s", below, true, Leads::Here),
            ("unix:/m/s", below, false, Leads::Astray),
            (below, below, false, Leads::Here),
            (below, below, true, Leads::Astray),
            ("unix:other", below, true, Leads::Elsewhere),
            ("nonsense", below, true, Leads::Elsewhere),
        ] {
            let socket = socket.parse().unwrap();
            assert_eq!(
                leads(entry, &socket, chroot, &facts),
                expected,
                "{entry} {socket} {chroot}"
            );
        }
    }
}
