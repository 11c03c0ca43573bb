//! Whether sessions to a next hop would have been what a policy demands: tables.

use super::deliver::read;
use policy::hop::{Demand, HopSession, Level, Met, Verification};
use policy::{DomainName, TlsState, next_hop_of};

/// A demand as a policy writes it, by the product's own reader.
fn demand(terms: &str) -> Demand {
    let policy = read(&format!("domains: [{{ domain: a.test, deliver: {terms} }}]"));
    let (_, entry) = policy.domains.iter().next().unwrap();
    entry.deliver.as_ref().unwrap().demand.clone()
}

/// The answer in words; the session as `TLSv1.3 TLS_AES_256_GCM_SHA384 Trusted`, `plaintext`, `unknown`,
/// `encrypted Untrusted`.
fn met(demand: &Demand, session: &str, under: Option<&Demand>) -> String {
    let words: Vec<&str> = session.split(' ').collect();
    let verification = words.last().and_then(|word| word.parse::<Verification>().ok());
    let state = match *words {
        [version, cipher, ..] if version != "encrypted" => {
            TlsState::from_macros(Some(version.as_bytes()), Some(cipher.as_bytes()), None)
        }
        _ => TlsState::Unknown,
    };
    let encryption = match &state {
        TlsState::Encrypted(encryption) => Some(encryption),
        TlsState::Plaintext | TlsState::Unknown => None,
    };
    let session = match *words {
        ["plaintext"] => HopSession::Plaintext,
        ["unknown"] => HopSession::Unknown,
        _ => HopSession::Encrypted { encryption, verification, under },
    };
    match demand.is_met_by(session) {
        Met::Yes => "yes".into(),
        Met::Unknown(doubt) => format!("unknown: {}", doubt.code()),
        Met::No(lack) => format!("no: {}", lack.code()),
    }
}

const NEW: &str = "TLSv1.3 TLS_AES_256_GCM_SHA384";
const OLD: &str = "TLSv1 AES128-SHA";

#[test]
fn a_session_meets_a_demand_or_not_or_it_is_said_what_is_not_known() {
    let trusted = &format!("{NEW} Trusted");
    let untrusted = &format!("{NEW} Untrusted");
    let anonymous = "TLSv1.2 ADH-AES256-GCM-SHA384 Anonymous";
    let old = &format!("{OLD} Untrusted");
    for (terms, session, expected) in [
        // Where mail may leave in the clear, it would have left.
        ("none", "plaintext", "yes"),
        ("none", "unknown", "yes"),
        ("may", "plaintext", "yes"),
        ("may", "unknown", "yes"),
        ("may", old, "yes"),
        // Encryption, whatever the certificate.
        ("encrypt", "plaintext", "no: plaintext"),
        ("encrypt", "unknown", "unknown: session"),
        ("encrypt", "encrypted", "yes"),
        ("encrypt", anonymous, "yes"),
        ("encrypt", untrusted, "yes"),
        ("encrypt", old, "yes"),
        // Client and server take the newest version that both have.
        ("{ level: encrypt, min_version: TLSv1.2 }", old, "no: version"),
        ("{ level: encrypt, min_version: TLSv1.2 }", untrusted, "yes"),
        ("{ level: encrypt, min_version: TLSv1.2 }", "encrypted", "unknown: version"),
        ("{ level: encrypt, min_version: TLSv1.2 }", "plaintext", "no: plaintext"),
        ("{ level: encrypt, protocols: '!TLSv1.3' }", untrusted, "unknown: version"),
        ("{ level: encrypt, protocols: '!TLSv1' }", old, "no: version"),
        (
            "{ level: encrypt, min_version: TLSv1 }",
            "TLSv1.4 TLS_AES_256_GCM_SHA384 Untrusted",
            "yes",
        ),
        // Another cipher might have been found.
        ("{ level: encrypt, ciphers: high }", untrusted, "yes"),
        ("{ level: encrypt, ciphers: high }", "TLSv1 RC4-SHA Untrusted", "unknown: cipher"),
        ("{ level: encrypt, ciphers: high }", "TLSv1.2 DES-CBC3-SHA Untrusted", "unknown: cipher"),
        ("{ level: encrypt, ciphers: high }", "TLSv1.2 UNHEARD-OF Untrusted", "unknown: cipher"),
        ("{ level: encrypt, ciphers: high }", "encrypted", "unknown: cipher"),
        ("{ level: encrypt, ciphers: medium }", "TLSv1 RC4-SHA Untrusted", "yes"),
        // Certificates.
        ("verify", "plaintext", "no: plaintext"),
        ("verify", untrusted, "no: certificate"),
        ("secure", untrusted, "no: certificate"),
        ("secure", anonymous, "unknown: certificate"),
        ("secure", "encrypted", "unknown: certificate"),
        ("secure", trusted, "unknown: name"),
        ("secure", &format!("{NEW} Verified"), "unknown: name"),
        ("secure", "unknown", "unknown: session"),
        // The worst that is known decides.
        ("{ level: secure, min_version: TLSv1.2 }", &format!("{OLD} Trusted"), "no: version"),
        ("{ level: secure, ciphers: high }", "TLSv1 RC4-SHA Untrusted", "no: certificate"),
        // What only DNS, or only the certificate, could tell.
        ("dane", "plaintext", "unknown: tlsa"),
        ("dane", trusted, "unknown: tlsa"),
        ("dane-only", "plaintext", "no: plaintext"),
        ("dane-only", trusted, "unknown: tlsa"),
        (
            "{ level: fingerprint, match: 0011223344556677889900112233445566778899 }",
            trusted,
            "unknown: certificate",
        ),
        (
            "{ level: fingerprint, match: 0011223344556677889900112233445566778899 }",
            "plaintext",
            "no: plaintext",
        ),
    ] {
        assert_eq!(met(&demand(terms), session, None), expected, "{terms}: {session}");
    }
}

#[test]
fn what_was_verified_counts_where_the_same_certificate_is_demanded() {
    let verified = &format!("{NEW} Verified");
    for (under, terms, session, expected) in [
        ("secure", "{ level: secure, min_version: TLSv1.2 }", verified, "yes"),
        ("secure", "{ level: secure, match: mx.a.test }", verified, "unknown: name"),
        ("secure", "verify", verified, "unknown: name"),
        ("secure", "secure", &format!("{NEW} Trusted"), "unknown: name"),
        ("{ level: secure, servername: nexthop }", "secure", verified, "unknown: name"),
        ("dane-only", "dane-only", verified, "yes"),
        ("dane-only", "{ level: dane-only, min_version: TLSv1.3 }", verified, "yes"),
        ("encrypt", "secure", verified, "unknown: name"),
        (
            "secure",
            "{ level: secure, min_version: TLSv1.2 }",
            &format!("{OLD} Verified"),
            "no: version",
        ),
    ] {
        let found = met(&demand(terms), session, Some(&demand(under)));
        assert_eq!(found, expected, "{under} to {terms}: {session}");
    }
}

#[test]
fn every_level_has_an_answer_for_every_session_and_what_is_stricter_is_not_met_more_easily() {
    use strum::IntoEnumIterator;
    for session in ["plaintext", "unknown", "encrypted", &format!("{NEW} Untrusted")] {
        for level in Level::iter() {
            let found = met(&Demand::of_level(level), session, None);
            assert!(level.always_encrypts() || !found.starts_with("no"), "{level} {session}");
            assert!(!level.always_encrypts() || session != "plaintext" || found == "no: plaintext");
        }
    }
}

#[test]
fn mail_went_by_the_next_hop_that_the_policy_names_for_that_host_else_by_the_domain() {
    let policy = read(
        "domains:
- plain.test
- { domain: one.test, deliver: { level: encrypt, nexthop: '[mx.one.test]:26' } }
- { domain: two.test, deliver: { level: encrypt, nexthop: ['[mx.two.test]', '[mx.two.test]:587', '[192.0.2.1]'] } }
- { domain: dns.test, deliver: { level: encrypt, nexthop: ['[gw.dns.test]', hoster.test] } }
- { domain: '*.wild.test', deliver: { level: encrypt, nexthop: '[mx.wild.test]:smtp' } }
",
    );
    for (domain, host, port, expected) in [
        ("plain.test", "mx.plain.test", Some(25), "plain.test"),
        ("nobody.test", "mx.nobody.test", None, "nobody.test"),
        ("one.test", "mx.one.test", Some(26), "[mx.one.test]:26"),
        ("one.test", "MX.one.test", None, "[mx.one.test]:26"),
        ("one.test", "elsewhere.test", Some(25), "one.test"),
        ("two.test", "mx.two.test", Some(25), "[mx.two.test]"),
        ("two.test", "mx.two.test", Some(587), "[mx.two.test]:587"),
        ("two.test", "mx.two.test", None, "[mx.two.test]"),
        ("two.test", "192.0.2.1", Some(25), "[192.0.2.1]"),
        ("dns.test", "gw.dns.test", Some(25), "[gw.dns.test]"),
        ("dns.test", "mx3.hoster.test", Some(25), "hoster.test"),
        ("a.wild.test", "mx.wild.test", Some(25), "[mx.wild.test]:smtp"),
    ] {
        let domain = DomainName::parse(domain).unwrap();
        let hop = next_hop_of(&policy, &domain, host, port);
        assert_eq!(hop.to_string(), expected, "{domain} {host} {port:?}");
    }
}
