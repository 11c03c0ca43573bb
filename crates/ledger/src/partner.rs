//! One of those who write: what the ledger has of it alone, or of all but it.

use crate::history::{History, Selection, Told};
use crate::model::day::Day;
use crate::model::delivery::Delivery;
use crate::model::handshake::Handshake;
use crate::model::row::Row;
use ipnet::IpNet;
use policy::DomainName;
use std::fmt;
use std::net::IpAddr;

/// Somebody who writes, as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partner {
    /// Its servers, by address.
    network: Option<IpNet>,
    /// A client as the ledger has it: the hash of an address.
    client: Option<String>,
    /// Its servers, by name: this one, and all below it.
    host: Option<DomainName>,
    /// Whose mail it brings.
    sender: Option<DomainName>,
}

impl fmt::Display for Partner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, client, host, sender } = self;
        match (network, client, host.as_ref().or(sender.as_ref())) {
            (Some(network), ..) if network.prefix_len() == network.max_prefix_len() => {
                write!(f, "{}", network.addr())
            }
            (Some(network), ..) => write!(f, "{network}"),
            (_, Some(client), _) => f.write_str(client),
            (_, _, Some(domain)) => write!(f, "{domain}"),
            (None, None, None) => Ok(()),
        }
    }
}

/// Why a text names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a server is named by its address (192.0.2.17), its network (192.0.2.0/24), its name or the domain of its name"
)]
pub struct PartnerError;

impl Partner {
    const NOBODY: Self = Self { network: None, client: None, host: None, sender: None };

    /// Servers: an address, a network, a name, a domain with all names below it, a hash of an address.
    ///
    /// # Errors
    ///
    /// When the text is none of these.
    pub fn peer(text: &str) -> Result<Self, PartnerError> {
        let text = text.trim();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self { network: Some(IpNet::from(address)), ..Self::NOBODY });
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self { network: Some(network.trunc()), ..Self::NOBODY });
        }
        if text.starts_with("hash:") {
            return Ok(Self { client: Some(text.to_lowercase()), ..Self::NOBODY });
        }
        // What was meant as an address is no name.
        let last = text.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        let is_number = last.parse::<u32>().is_ok();
        let host = DomainName::parse(text).ok().filter(|_| !is_number);
        host.map(|host| Self { host: Some(host), ..Self::NOBODY }).ok_or(PartnerError)
    }

    /// Those who send in the name of this domain.
    #[must_use]
    pub fn sender(domain: DomainName) -> Self {
        Self { sender: Some(domain), ..Self::NOBODY }
    }

    /// Servers, or those who send in the name of a domain.
    ///
    /// # Errors
    ///
    /// As for [`Self::peer`].
    pub fn either(text: &str) -> Result<Self, PartnerError> {
        let peer = Self::peer(text)?;
        Ok(Self { sender: peer.host.clone(), ..peer })
    }

    /// Whether a row is of it.
    #[must_use]
    pub fn is_of(&self, row: &Row) -> bool {
        self.is_server(&row.key.client, &row.key.name)
            || self.sender.as_ref().is_some_and(|domain| row.key.sender == domain.as_str())
    }

    /// Whether a server is of it.
    #[must_use]
    pub fn is_server(&self, client: &str, name: &str) -> bool {
        let is_in = |network: &IpNet| match client.parse::<IpAddr>() {
            Ok(address) => network.contains(&address.to_canonical()),
            // The ledger may hold networks in place of addresses.
            Err(_) => client
                .parse::<IpNet>()
                .is_ok_and(|net| network.contains(&net) || net.contains(network)),
        };
        let is_below = |host: &DomainName| {
            let above = name.strip_suffix(host.as_str());
            above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
        };
        self.network.as_ref().is_some_and(is_in)
            || self.client.as_deref() == Some(client)
            || self.host.as_ref().is_some_and(is_below)
    }
}

/// What was recorded, without the mail of some, or with that of one alone. Deliveries are of nobody who writes.
#[derive(Debug)]
pub struct Part<'h, H> {
    history: &'h H,
    of: Option<&'h Partner>,
    without: &'h [Partner],
}

impl<'h, H: History> Part<'h, H> {
    /// Of one alone.
    pub fn of(history: &'h H, partner: &'h Partner) -> Self {
        Self { history, of: Some(partner), without: &[] }
    }

    /// Of all but these.
    pub fn without(history: &'h H, without: &'h [Partner]) -> Self {
        Self { history, of: None, without }
    }

    fn has(&self, is: impl Fn(&Partner) -> bool) -> bool {
        self.of.is_none_or(&is) && !self.without.iter().any(is)
    }
}

impl<H: History> History for Part<'_, H> {
    type Error = H::Error;

    fn each(&self, selection: &Selection, mut each: impl FnMut(Row)) -> Result<(), H::Error> {
        self.history.each(selection, |row| {
            if self.has(|partner| partner.is_of(&row)) {
                each(row);
            }
        })
    }

    fn deliveries(&self, _: &Selection, _: impl FnMut(Delivery)) -> Result<(), H::Error> {
        Ok(())
    }

    fn handshakes(
        &self,
        selection: &Selection,
        mut each: impl FnMut(Handshake),
    ) -> Result<(), H::Error> {
        self.history.handshakes(selection, |handshake| {
            let key = &handshake.key;
            if self.has(|partner| partner.is_server(&key.client, &key.name)) {
                each(handshake);
            }
        })
    }

    fn count(&self, selection: &Selection) -> Result<u64, H::Error> {
        self.history.count(selection)
    }

    fn lost(&self, since: Day) -> Result<u64, H::Error> {
        // What could not be recorded is of nobody who is known.
        if self.of.is_some() { Ok(0) } else { self.history.lost(since) }
    }

    fn span(&self) -> Result<Option<(i64, i64)>, H::Error> {
        self.history.span()
    }

    fn told(&self, entry: &str) -> Result<Told, H::Error> {
        self.history.told(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_address_network_name_or_domain_and_nothing_else_is_it() {
        for (text, client, name, is_it) in [
            ("192.0.2.17", "192.0.2.17", "", true),
            ("192.0.2.17", "192.0.2.1", "", false),
            ("192.0.2.99/24", "192.0.2.17", "mx.a.example", true),
            ("192.0.2.0/24", "192.0.3.17", "", false),
            ("192.0.2.17", "192.0.2.0/24", "", true),
            ("192.0.0.0/16", "192.0.2.0/24", "", true),
            ("2001:DB8::/32", "2001:db8::1", "", true),
            ("192.0.2.17", "::ffff:192.0.2.17", "", true),
            ("mx.A.example.", "192.0.2.17", "mx.a.example", true),
            ("a.example", "192.0.2.17", "mx.a.example", true),
            ("a.example", "192.0.2.17", "mx.ba.example", false),
            ("a.example", "192.0.2.17", "", false),
            ("hash:0123456789ABCDEF", "hash:0123456789abcdef", "", true),
        ] {
            let partner = Partner::peer(text).unwrap();
            assert_eq!(partner.is_server(client, name), is_it, "{text} {client} {name}");
        }
        for text in
            ["", "192.0.2.300", "192.0.2", "192.0.2.0/33", "a b", "*.a.example", "me@a.example"]
        {
            assert_eq!(Partner::peer(text), Err(PartnerError), "{text}");
        }
    }
}
