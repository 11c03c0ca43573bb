//! Lines for Sendmail's access map (cf/README, "STARTTLS").
//!
//! Sendmail asks by recipient, not by next hop, and less can be said: a least number of bits, that the
//! certificate must be one of a known authority, and its common name. `TLS_Rcpt:example.org` also holds
//! for what is below example.org.

use super::Map;
use jiff::Timestamp;
use policy::Policy;
use policy::hop::{Demand, Level, NextHop};
use std::{io, io::Write};

/// The least bits of a cipher: what the baseline takes.
const BITS: u16 = 112;

pub(super) fn map(policy: &Policy, now: Timestamp) -> io::Result<Map> {
    let mut map = Map::default();
    writeln!(map.lines, "# Made by `mandatory-tls export sendmail-access`: changes will be lost.")?;
    for matched in policy.domains.all() {
        let Some(deliver) = matched.entry.deliver_at(now) else { continue };
        let demand = &deliver.demand;
        let says_more = demand.protocols.is_some() || demand.ciphers.is_some();
        let is_exact = match demand.level {
            Level::None | Level::May | Level::Encrypt => true,
            Level::Verify | Level::Secure => common_name(demand).is_some(),
            Level::Dane | Level::DaneOnly | Level::Fingerprint => false,
        };
        if says_more {
            map.remarks
                .add("Sendmail cannot be told of versions and ciphers here", matched.pattern);
        }
        if !is_exact {
            let what = "Sendmail only asks for a certificate that it can verify";
            map.remarks.add(what, matched.pattern);
        }
        // The empty tag is what holds for whoever is not named.
        let name = match matched.pattern.strip_prefix("*") {
            Some(parent) => parent.strip_prefix('.').unwrap_or_default(),
            None => matched.pattern,
        };
        match demand.level {
            Level::None => {
                for host in deliver.next_hops.iter().filter(|hop| matches!(hop, NextHop::Host(_))) {
                    writeln!(map.lines, "Try_TLS:{}\tNO", host.host())?;
                }
            }
            Level::May | Level::Dane => {}
            Level::Encrypt => writeln!(map.lines, "TLS_Rcpt:{name}\tTEMP+ENCR:{BITS}")?,
            Level::Verify | Level::DaneOnly | Level::Secure | Level::Fingerprint => {
                write!(map.lines, "TLS_Rcpt:{name}\tTEMP+VERIFY:{BITS}")?;
                if let Some(name) = common_name(demand) {
                    write!(map.lines, "+CN:{name}")?;
                }
                writeln!(map.lines)?;
            }
        }
    }
    Ok(map)
}

/// The one name that the certificate must have.
fn common_name(demand: &Demand) -> Option<&str> {
    match demand.matching.as_slice() {
        [one] if demand.level != Level::Fingerprint => {
            Some(one.as_str()).filter(|name| name.contains('.') && !name.starts_with('.'))
        }
        _ => None,
    }
}
