//! Who runs a sending server: many servers of one provider are one correspondent.

use crate::model::row::OTHERS;
use ipnet::IpNet;
use std::net::IpAddr;

/// Who runs a server, as far as its name or else its address tells: the domain of the name that somebody has
/// registered (`mail-17.out.provider.example` is of `provider.example`), or the network. A hash of an address,
/// and [`OTHERS`], stay as they are.
///
/// Names below a suffix under which many register (`compute.amazonaws.com`) are of as many.
pub(crate) fn runs(client: &str, name: &str) -> String {
    registered(name).map_or_else(|| network(client), str::to_owned)
}

/// The part of a name that somebody has registered; none of a name that is a public suffix itself.
pub(crate) fn registered(name: &str) -> Option<&str> {
    let domain = psl::domain(name.as_bytes())?;
    let start = name.len().checked_sub(domain.as_bytes().len())?;
    name.get(start..)
}

/// The network of an address, as large as one site has as a rule.
fn network(client: &str) -> String {
    let Ok(address) = client.parse::<IpAddr>() else { return client.to_owned() };
    let length = if address.is_ipv4() { 24 } else { 48 };
    IpNet::new(address, length).map_or_else(|_| client.to_owned(), |net| net.trunc().to_string())
}

/// Whether the ledger holds a single address: of a network or a hash it holds no name either.
pub(crate) fn is_single(client: &str) -> bool {
    client != OTHERS && client.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_one_provider_are_one_and_those_of_its_customers_are_many() {
        for (client, name, whose) in [
            ("192.0.2.1", "mail-17.out.provider.example", "provider.example"),
            ("192.0.2.2", "provider.example", "provider.example"),
            ("192.0.2.3", "mx.firm.co.uk", "firm.co.uk"),
            ("192.0.2.4", "a.b.outbound.protection.outlook.com", "outlook.com"),
            (
                "192.0.2.5",
                "ec2-1.eu-central-1.compute.amazonaws.com",
                "ec2-1.eu-central-1.compute.amazonaws.com",
            ),
            ("192.0.2.6", "co.uk", "192.0.2.0/24"),
            ("192.0.2.7", "", "192.0.2.0/24"),
            ("2001:db8:1:2::3", "", "2001:db8:1::/48"),
            ("192.0.2.0/24", "", "192.0.2.0/24"),
            ("hash:0123456789abcdef", "", "hash:0123456789abcdef"),
            (OTHERS, "", OTHERS),
            ("", "", ""),
        ] {
            assert_eq!(runs(client, name), whose, "{client} {name}");
        }
    }
}
