//! Where a Postfix takes mail from other servers: the addresses and ports of its smtpd and postscreen.

use super::facts::{PostfixFacts, Role, Service, address};
use super::submission::is_for_users_only;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// A service of master.cf that takes mail from others than this host's own programs and users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doorway<'a> {
    /// The service.
    pub service: &'a Service,
    /// Where it is to listen, as far as that can be told: each address that is named, and one of each
    /// family where it listens on all.
    pub addresses: Vec<SocketAddr>,
    /// Whether TLS comes first.
    pub wrapped: bool,
    /// Whether a proxy says first who the client is.
    pub proxied: bool,
}

/// All doors. `host` are the addresses of this host.
pub(crate) fn doorways<'a>(facts: &'a PostfixFacts, host: &[IpAddr]) -> Vec<Doorway<'a>> {
    let is_door = |service: &&Service| {
        service.kind == "inet"
            && match service.role() {
                Role::Public | Role::Other => true,
                Role::Submission => !is_for_users_only(&service.parameters),
                Role::Internal => false,
            }
    };
    ["smtpd", "postscreen"]
        .into_iter()
        .flat_map(|program| facts.running(program).filter(is_door))
        .map(|service| Doorway {
            service,
            addresses: addresses(service, facts, host),
            wrapped: service.parameters.is_yes("smtpd_tls_wrappermode"),
            proxied: service
                .parameters
                .get(&format!("{}_upstream_proxy_protocol", service.program))
                == "haproxy",
        })
        .collect()
}

/// Where a service is to listen: at the host before its port, or else at `inet_interfaces`.
fn addresses(service: &Service, facts: &PostfixFacts, host: &[IpAddr]) -> Vec<SocketAddr> {
    let (own, port) = match service.name.rsplit_once(':') {
        Some((own, port)) => (Some(own), port),
        None => (None, service.name.as_str()),
    };
    let Some(port) = port_number(port) else { return Vec::new() };
    let has = |family: &str| {
        let mut families = facts.main.list("inet_protocols").peekable();
        families.peek().is_none() || families.any(|one| one == "all" || one == family)
    };
    let is_spoken = |ip: &IpAddr| if ip.is_ipv4() { has("ipv4") } else { has("ipv6") };
    let mut found: Vec<IpAddr> = match own.filter(|own| !own.is_empty()) {
        Some(own) => at_name(own, host),
        None => facts.main.list("inet_interfaces").flat_map(|name| at_name(name, host)).collect(),
    };
    found.retain(is_spoken);
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for ip in found {
        let address = SocketAddr::new(ip, port);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

/// An element of `inet_interfaces`.
fn at_name(name: &str, host: &[IpAddr]) -> Vec<IpAddr> {
    match name {
        "all" => at_all(host),
        "loopback-only" => host.iter().filter(|ip| ip.is_loopback()).copied().collect(),
        _ => match address(name) {
            Some(ip) if ip.is_unspecified() => {
                at_all(host).into_iter().filter(|one| one.is_ipv4() == ip.is_ipv4()).collect()
            }
            Some(ip) => vec![ip],
            None => {
                let found = (name, 0).to_socket_addrs().into_iter().flatten();
                found.map(|address| address.ip()).collect()
            }
        },
    }
}

/// One address of each family, which stands for all: the socket is the same. One at which others reach this
/// host, if there is any, since a client on the loopback address may be treated in another way.
fn at_all(host: &[IpAddr]) -> Vec<IpAddr> {
    let of = |is_v4: bool| {
        let mut family: Vec<IpAddr> =
            host.iter().filter(|ip| ip.is_ipv4() == is_v4 && !is_link_local(ip)).copied().collect();
        family.sort_by_key(IpAddr::is_loopback);
        family.first().copied()
    };
    [of(true), of(false)].into_iter().flatten().collect()
}

/// Whether an address means nothing without its interface.
fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// A port by its number or by its name in services(5), with those that mail has whatever that file says.
pub(crate) fn port_number(port: &str) -> Option<u16> {
    match port {
        "smtp" => Some(25),
        "smtps" | "submissions" => Some(465),
        "submission" => Some(587),
        _ => port.parse().ok().or_else(|| {
            let services = std::fs::read_to_string("/etc/services").ok()?;
            services.lines().find_map(|line| in_services(line, port))
        }),
    }
}

/// The port of a line of services(5), if it is of this name: `name port/tcp alias...  # comment`.
fn in_services(line: &str, name: &str) -> Option<u16> {
    let mut words = line.split('#').next()?.split_whitespace();
    let (first, port) = (words.next()?, words.next()?);
    let port = port.strip_suffix("/tcp")?;
    (first == name || words.any(|alias| alias == name)).then(|| port.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postfix::facts::Parameters;

    fn listening(main: &str, services: &[&str]) -> Vec<String> {
        let parameters = Parameters::parse(main);
        let services = services.iter().map(|line| Service::parse(line, &parameters).unwrap());
        let services = services.collect();
        let facts = PostfixFacts { main: parameters, services, ..PostfixFacts::default() };
        let host: Vec<IpAddr> =
            ["127.0.0.1", "192.0.2.1", "198.51.100.7", "::1", "fe80::1", "2001:db8::1"]
                .iter()
                .map(|ip| ip.parse().unwrap())
                .collect();
        let found = doorways(&facts, &host).into_iter().flat_map(|door| door.addresses);
        found.map(|address| address.to_string()).collect()
    }

    const SMTP: &str = "smtp inet n - n - - smtpd";

    #[test]
    fn an_smtpd_listens_where_inet_interfaces_and_its_own_name_say() {
        for (main, service, expected) in [
            ("inet_interfaces = all", SMTP, &["192.0.2.1:25", "[2001:db8::1]:25"][..]),
            ("inet_interfaces = all\ninet_protocols = ipv4", SMTP, &["192.0.2.1:25"]),
            ("inet_interfaces = all\ninet_protocols = ipv6", SMTP, &["[2001:db8::1]:25"]),
            ("inet_interfaces = loopback-only", SMTP, &["127.0.0.1:25", "[::1]:25"]),
            (
                "inet_interfaces = 192.0.2.1, [2001:db8::1]",
                SMTP,
                &["192.0.2.1:25", "[2001:db8::1]:25"],
            ),
            ("inet_interfaces = 198.51.100.7, 198.51.100.7", SMTP, &["198.51.100.7:25"]),
            ("inet_interfaces = all", "192.0.2.9:2525 inet n - n - - smtpd", &["192.0.2.9:2525"]),
            (
                "inet_interfaces = all",
                "[2001:db8::9]:25 inet n - n - - smtpd",
                &["[2001:db8::9]:25"],
            ),
            ("inet_interfaces = 192.0.2.1", "0.0.0.0:25 inet n - n - - smtpd", &["192.0.2.1:25"]),
            ("inet_interfaces = 192.0.2.1", "smtp inet n - n - 1 postscreen", &["192.0.2.1:25"]),
            // Mail of this host's own programs and of users is no door.
            ("inet_interfaces = all", "127.0.0.1:10025 inet n - n - - smtpd", &[]),
            ("inet_interfaces = all", "smtpd pass - - n - - smtpd", &[]),
            ("inet_interfaces = all", "no-such-port inet n - n - - smtpd", &[]),
        ] {
            assert_eq!(listening(main, &[service]), expected, "{main} {service}");
        }
    }

    #[test]
    fn a_port_has_a_number_or_a_name() {
        assert_eq!(port_number("2525"), Some(2525));
        assert_eq!(port_number("smtp"), Some(25));
        assert_eq!(in_services("smtp 25/tcp mail # mail", "mail"), Some(25));
        for line in ["smtp 25/udp mail", "# mail 25/tcp", "", "mail", "mail x/tcp"] {
            assert_eq!(in_services(line, "mail"), None, "{line}");
        }
    }
}
