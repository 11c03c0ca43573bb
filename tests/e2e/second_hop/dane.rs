//! `dane-only`: mail leaves where signed TLSA records name the server's certificate, and else waits.

use super::Hops;
use crate::support::{Postfix, Resolver, Zone, cache};
use openssl::hash::{MessageDigest, hash};
use openssl::x509::X509;

/// The records of a server, with these TLSA records at its port.
fn records(target: &Postfix, tlsa: &str) -> String {
    let port = Hops::port(target);
    let mut records =
        "dane.example. 1 IN MX 10 mx.dane.example.\nmx.dane.example. 1 IN A 127.0.0.1\n".to_owned();
    for line in tlsa.lines() {
        records.push_str(&format!("_{port}._tcp.mx.dane.example. 1 IN TLSA {line}\n"));
    }
    records
}

/// The TLSA record of the server's key.
fn of_its_key() -> String {
    let pem =
        std::fs::read(cache().join("tls/server.crt")).expect("the certificate of all servers");
    let certificate = X509::from_pem(&pem).expect("a certificate");
    let key = certificate.public_key().and_then(|key| key.public_key_to_der()).expect("its key");
    let digest = hash(MessageDigest::sha256(), &key).expect("a digest");
    format!("3 1 1 {}", digest.iter().map(|octet| format!("{octet:02x}")).collect::<String>())
}

const OF_ANOTHER: &str = "3 1 1 0000000000000000000000000000000000000000000000000000000000000000";

fn policy(level: &str, next_hop: &str) -> String {
    format!(
        "domains: [{{ domain: dane.example, deliver: {{ level: {level}, nexthop: '{next_hop}' }} }}]"
    )
}

#[test]
fn mail_leaves_where_signed_records_name_the_servers_key_and_else_waits_until_they_do() {
    let mut resolver = Resolver::start("");
    // By the server's name, and by the domain whose MX record has it.
    for (next_hop, unsigned) in [
        ("[mx.dane.example]:PORT", "no TLSA records found"),
        ("dane.example:PORT", "non DNSSEC destination"),
    ] {
        let mut hops = Hops::start_with(
            |options, target| {
                let next_hop = next_hop.replace("PORT", &Hops::port(target).to_string());
                let transport =
                    format!("transport_maps = inline:{{ {{ dane.example = hop:{next_hop} }} }}");
                options.resolver(&resolver).main(&transport)
            },
            |_, _| "domains: []".into(),
        );
        let port = Hops::port(&hops.target).to_string();
        hops.milter.change_policy(&policy("dane-only", &next_hop.replace("PORT", &port)));
        let right = of_its_key();
        for (tlsa, zone, reason) in [
            (OF_ANOTHER, Zone::Signed, "Server certificate not verified"),
            ("", Zone::Signed, "no TLSA records found"),
            (&right, Zone::Forged, "TLSA lookup error"),
            (&right, Zone::Unsigned, unsigned),
        ] {
            resolver.serve(&records(&hops.target, tlsa), zone);
            // What it has found before, smtp(8) remembers for a moment.
            hops.gateway.reload();
            let subject = format!("{zone:?} {}, {reason}", tlsa.len());
            hops.send("dane.example", &subject);
            hops.wait_for_deferred("dane.example", reason);
            assert!(hops.target.sink().deliveries().iter().all(|one| one.subject() != subject));
            // Mended, it leaves.
            resolver.serve(&records(&hops.target, &format!("{OF_ANOTHER}\n{right}")), Zone::Signed);
            hops.gateway.retry_until_delivered();
            hops.target.sink().wait_for_subject(&subject);
        }
        let log = hops.gateway.log();
        let of_target = |line: &str| line.contains("TLS connection established to mx.dane.example");
        let sessions = log.matching(of_target);
        let verified = log.matching(|line| of_target(line) && line.contains("Verified TLS"));
        assert!(verified.len() >= 4 && !sessions.is_empty(), "{sessions:?}");
    }
}
