//! What is answered to one request (socketmap_table(5)).
//!
//! NOTFOUND means to Postfix that nothing is demanded, and mail may leave in the clear. So it is answered
//! only where the policy says nothing of a next hop. Whatever is not understood is TEMP: the mail waits.

use super::netstring::{self, Request};
use jiff::Timestamp;
use policy::hop::NextHop;
use policy::{Policy, deliver};
use std::io::Write;
use strum::IntoStaticStr;

/// What an answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Kind {
    /// Something is demanded of the session.
    Demanded,
    /// Nothing is, but would be, if all were enforced that is in monitor.
    Monitored,
    /// Nothing is.
    NotFound,
    /// It could not be answered: the mail waits.
    Fault,
}

/// Answers a request. `to` gets the reply's netstring; what is returned is for log and figures.
pub fn answer(policy: &Policy, request: Request<'_>, now: Timestamp, to: &mut Vec<u8>) -> Kind {
    let next_hop = match read(request) {
        Ok(next_hop) => next_hop,
        Err(why) => {
            netstring::write(to, &[b"TEMP ", why.as_bytes()]);
            let request = match request {
                Request::Whole(octets) => String::from_utf8_lossy(octets),
                Request::TooLong => "".into(),
            };
            let shown: String = request.chars().take(SHOWN).collect();
            tracing::debug!("look-up of a next hop: {why}: {}", shown.escape_debug());
            return Kind::Fault;
        }
    };
    let delivery = deliver(policy, &next_hop, now);
    if let Some(would) = &delivery.would_demand {
        tracing::info!("next hop {next_hop}: would be held to: {would}");
    }
    let Some(demand) = delivery.demand else {
        netstring::write(to, &[b"NOTFOUND "]);
        tracing::debug!("next hop {next_hop}: nothing is demanded");
        return if delivery.would_demand.is_some() { Kind::Monitored } else { Kind::NotFound };
    };
    let mut result = Vec::with_capacity(64);
    // Memory takes all that is written to it.
    let _ = write!(result, "{demand}");
    netstring::write(to, &[b"OK ", &result]);
    tracing::debug!("next hop {next_hop}: {demand}");
    Kind::Demanded
}

/// So much of a request that is not understood is logged, in characters.
const SHOWN: usize = 200;

/// The next hop in a request: the name of the map, which is not looked at, a blank, the key.
fn read(request: Request<'_>) -> Result<NextHop, &'static str> {
    let Request::Whole(octets) = request else { return Err("the request is too long") };
    let text = str::from_utf8(octets).map_err(|_| "the request is no text")?;
    let (_, key) = text.split_once(' ').ok_or("the request has no key")?;
    key.parse().map_err(|_| "the key is not a next hop")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_what_the_policy_says_nothing_of_is_not_found_and_faults_are_temporary() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.yaml");
        let yaml = "domains:\n- { domain: a.example, deliver: { level: secure, ciphers: high, nexthop: '[mx.a.example]:25' } }\n- { domain: b.example, mode: monitor, deliver: encrypt }\n- c.example\n";
        fs::write(&path, yaml).unwrap();
        let policy = config::policy_file::load(&path).policy.unwrap();
        let long = format!("QUERY {}", "a.".repeat(3000));
        for (request, expected, kind) in [
            ("QUERY a.example", "22:OK secure ciphers=high", Kind::Demanded),
            ("QUERY [MX.A.example]:25", "OK secure ciphers=high", Kind::Demanded),
            ("other A.EXAMPLE", "OK secure ciphers=high", Kind::Demanded),
            ("QUERY b.example", "9:NOTFOUND ,", Kind::Monitored),
            ("QUERY c.example", "9:NOTFOUND ,", Kind::NotFound),
            ("QUERY [mx.a.example]", "9:NOTFOUND ,", Kind::NotFound),
            ("QUERY .example", "9:NOTFOUND ,", Kind::NotFound),
            ("QUERY /run/lmtp", "9:NOTFOUND ,", Kind::NotFound),
            ("", "TEMP the request has no key", Kind::Fault),
            ("QUERY", "TEMP the request has no key", Kind::Fault),
            ("QUERY ", "TEMP the key is not a next hop", Kind::Fault),
            ("QUERY  a.example", "TEMP the key is not a next hop", Kind::Fault),
            ("QUERY a.example\n", "TEMP the key is not a next hop", Kind::Fault),
            ("QUERY [a.example", "TEMP the key is not a next hop", Kind::Fault),
            (long.as_str(), "TEMP the key is not a next hop", Kind::Fault),
        ] {
            let mut to = Vec::new();
            let request = Request::Whole(request.as_bytes());
            assert_eq!(answer(&policy, request, Timestamp::UNIX_EPOCH, &mut to), kind);
            let text = String::from_utf8(to).unwrap();
            assert!(text.contains(expected), "{text}");
        }
        for request in [Request::Whole(b"QUERY \xff.example"), Request::TooLong] {
            let mut to = Vec::new();
            assert_eq!(answer(&policy, request, Timestamp::UNIX_EPOCH, &mut to), Kind::Fault);
            assert!(to.windows(5).any(|five| five == b"TEMP "));
        }
    }
}
