//! The addresses of this host.

use nix::ifaddrs::getifaddrs;
use std::net::IpAddr;

/// All of them, on all interfaces; none where the system does not tell.
#[must_use]
pub fn own_addresses() -> Vec<IpAddr> {
    let interfaces = getifaddrs().into_iter().flatten();
    interfaces
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::from(address.ip())))
        })
        .collect()
}
