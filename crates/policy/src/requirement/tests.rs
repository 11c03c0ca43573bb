//! Tests of what requirements take and refuse.

use super::*;
use crate::tls::{Encryption, TlsState, Version, catalogue};
use std::collections::BTreeSet;

/// What an MTA would have said; `-` for a macro that it did not send.
fn session(version: &str, cipher: &str, bits: &str) -> Encryption {
    let [version, cipher, bits] =
        [version, cipher, bits].map(|text| (text != "-").then_some(text.as_bytes()));
    match TlsState::from_macros(version, cipher, bits) {
        TlsState::Encrypted(encryption) => encryption,
        other => panic!("{version:?} {cipher:?}: {other:?}"),
    }
}

fn baseline() -> &'static Requirement {
    Requirement::builtin("baseline").unwrap()
}

/// The code and the clause of a refusal, or `ok`.
fn verdict(requirement: &Requirement, version: &str, cipher: &str, bits: &str) -> String {
    match requirement.check(&session(version, cipher, bits)) {
        Ok(()) => "ok".to_owned(),
        Err(shortfall) => format!("{}: {shortfall}", shortfall.kind().code()),
    }
}

fn own() -> RequirementBuilder {
    Requirement::builder("own")
}

fn forbid(items: &[&str]) -> Vec<Forbidden> {
    items.iter().map(|item| item.parse().unwrap()).collect()
}

fn allow(items: &[&str]) -> Vec<CipherName> {
    items.iter().map(|item| item.parse().unwrap()).collect()
}

#[test]
fn the_baseline_says_what_is_wrong_in_one_clause() {
    for (version, cipher, bits, expected) in [
        ("TLSv1.3", "TLS_AES_256_GCM_SHA384", "256", "ok"),
        ("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "-", "ok"),
        ("TLSv1", "AES128-SHA", "128", "ok"),
        ("TLSv1.2", "DES-CBC3-SHA", "112", "ok"),
        ("TLSv1.2", "ADH-AES256-GCM-SHA384", "256", "ok"),
        ("TLSv1.2", "ECDHE-ECDSA-AES256-CCM8", "64", "ok"),
        ("-", "ECDHE-RSA-AES256-GCM-SHA384", "256", "ok"),
        ("TLSv1.4", "TLS_AES_256_GCM_SHA384", "256", "ok"),
        // Of unknown version, but it is TLS 1.0 or newer.
        ("UNKNOWN", "PSK-AES128-CBC-SHA256", "-", "ok"),
        (
            "SSLv3",
            "DHE-RSA-AES256-SHA",
            "256",
            "protocol-version: SSLv3 is not accepted, TLSv1 or newer is required",
        ),
        ("TLSv1", "RC4-SHA", "80", "cipher: cipher RC4-SHA is not accepted (RC4)"),
        ("-", "RC4-MD5", "128", "cipher: cipher RC4-MD5 is not accepted (RC4)"),
        ("TLSv1.2", "EXP-RC4-MD5", "40", "cipher: cipher EXP-RC4-MD5 is not accepted (RC4)"),
        (
            "TLSv1.2",
            "EXP-DES-CBC-SHA",
            "40",
            "cipher: cipher EXP-DES-CBC-SHA is not accepted (export grade)",
        ),
        ("TLSv1", "DES-CBC-SHA", "56", "cipher: cipher DES-CBC-SHA is not accepted (single DES)"),
        (
            "TLSv1",
            "TLS_RSA_WITH_RC2_CBC_MD5",
            "128",
            "cipher: cipher TLS_RSA_WITH_RC2_CBC_MD5 is not accepted (RC2)",
        ),
        (
            "TLSv1",
            "TLS_FORTEZZA_KEA_WITH_FORTEZZA_CBC_SHA",
            "80",
            "key-length: cipher TLS_FORTEZZA_KEA_WITH_FORTEZZA_CBC_SHA has 80 bits, 112 are \
             required",
        ),
        ("TLSv1.2", "NULL-SHA256", "0", "null-cipher: cipher NULL-SHA256 does not encrypt"),
        ("TLSv1.2", "NULL-SHA256", "256", "null-cipher: cipher NULL-SHA256 does not encrypt"),
        ("TLSv1.2", "FOO-BAR", "128", "unknown-cipher: cipher FOO-BAR is not known"),
        ("TLSv1.3", "-", "256", "unknown-cipher: the cipher is not known"),
        (
            "UNKNOWN",
            "AES256-SHA",
            "256",
            "unknown-version: the TLS version is not known, TLSv1 or newer is required",
        ),
        (
            "QUICv1",
            "TLS_AES_128_GCM_SHA256",
            "128",
            "unknown-version: the TLS version is not known, TLSv1 or newer is required",
        ),
        ("TLSv1.2", "AES256-SHA", "0", "contradiction: cipher AES256-SHA is reported with 0 bits"),
        (
            "TLSv1.2",
            "TLS_AES_128_GCM_SHA256",
            "128",
            "contradiction: cipher TLS_AES_128_GCM_SHA256 cannot occur in TLSv1.2",
        ),
    ] {
        assert_eq!(verdict(baseline(), version, cipher, bits), expected);
    }
}

#[test]
fn a_null_cipher_is_not_encryption() {
    for suite in catalogue::suites().filter(|suite| suite.is_null()) {
        for requirement in builtins() {
            assert!(requirement.check(&Encryption::new(suite.last, suite)).is_err());
        }
    }
}

#[test]
fn what_is_not_known_satisfies_nothing() {
    for requirement in builtins() {
        for (version, cipher) in [
            ("-", "AES128-SHA"),
            ("UNKNOWN", "ECDHE-RSA-AES128-SHA"),
            ("TLSv1/SSLv3", "ECDHE-RSA-AES128-SHA"),
            ("DTLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384"),
            ("TLSv1.3", "TLS_AES_1024_GCM_SHA512"),
            ("TLSv1.3", "-"),
            ("TLSv9", "-"),
        ] {
            assert_ne!(verdict(requirement, version, cipher, "256"), "ok");
        }
    }
}

#[test]
fn an_own_requirement_adds_to_the_baseline() {
    let modern = own()
        .min_version(Version::Tlsv1_2)
        .min_bits(128)
        .forward_secrecy(true)
        .aead(true)
        .build()
        .unwrap();
    for (version, cipher, expected) in [
        ("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "ok"),
        ("TLSv1.3", "TLS_AES_128_CCM_8_SHA256", "ok"),
        (
            "TLSv1.1",
            "ECDHE-RSA-AES128-SHA",
            "protocol-version: TLSv1.1 is not accepted, TLSv1.2 or newer is required",
        ),
        (
            "TLSv1.2",
            "AES128-GCM-SHA256",
            "forward-secrecy: cipher AES128-GCM-SHA256 has no forward secrecy",
        ),
        (
            "TLSv1.2",
            "ECDHE-RSA-AES128-SHA",
            "aead: cipher ECDHE-RSA-AES128-SHA has no authenticated encryption (AEAD)",
        ),
        ("TLSv1.2", "RC4-SHA", "cipher: cipher RC4-SHA is not accepted (RC4)"),
        ("TLSv1.2", "NULL-SHA", "null-cipher: cipher NULL-SHA does not encrypt"),
    ] {
        assert_eq!(verdict(&modern, version, cipher, "-"), expected);
    }
    let strong = own().min_bits(128).build().unwrap();
    assert_eq!(
        verdict(&strong, "TLSv1.2", "DES-CBC3-SHA", "168"),
        "key-length: cipher DES-CBC3-SHA has 112 bits, 128 are required"
    );
}

#[test]
fn an_own_requirement_cannot_take_from_the_baseline() {
    let lax = own()
        .min_version(Version::Sslv2)
        .min_bits(0)
        .forward_secrecy(false)
        .allow(allow(&["RC4-SHA", "NULL-SHA", "AES128-SHA", "EXP-RC4-MD5"]))
        .build()
        .unwrap();
    assert_eq!(lax.min_version(), Version::Tlsv1);
    assert_eq!(lax.min_bits(), 112);
    let in_vain: Vec<_> = lax.allowed_in_vain().map(|suite| suite.name).collect();
    assert_eq!(in_vain, ["EXP-RC4-MD5", "NULL-SHA", "EXP-RC4-MD5", "RC4-SHA"]);
    assert_eq!(verdict(&lax, "TLSv1", "AES128-SHA", "-"), "ok");
    for (version, cipher) in
        [("SSLv3", "AES128-SHA"), ("TLSv1", "RC4-SHA"), ("TLSv1", "NULL-SHA"), ("SSLv2", "RC4-MD5")]
    {
        assert_ne!(verdict(&lax, version, cipher, "-"), "ok");
    }
}

#[test]
fn ciphers_are_forbidden_by_property_and_by_name() {
    let own = own()
        .forbid(forbid(&["3des", "static_rsa", "dhe", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"]))
        .build()
        .unwrap();
    for (cipher, expected) in [
        ("ECDHE-RSA-AES256-SHA", "ok"),
        ("DES-CBC3-SHA", "cipher: cipher DES-CBC3-SHA is not accepted (static RSA key exchange)"),
        ("ECDHE-RSA-DES-CBC3-SHA", "cipher: cipher ECDHE-RSA-DES-CBC3-SHA is not accepted (3DES)"),
        (
            "DHE-RSA-AES128-SHA",
            "cipher: cipher DHE-RSA-AES128-SHA is not accepted (DHE key exchange)",
        ),
        (
            "ECDHE-RSA-AES128-SHA",
            "cipher-not-allowed: cipher ECDHE-RSA-AES128-SHA is not among those accepted",
        ),
    ] {
        assert_eq!(verdict(&own, "TLSv1.2", cipher, "-"), expected);
    }
    assert_eq!(verdict(&own, "TLSv1.3", "TLS_AES_128_GCM_SHA256", "-"), "ok");
}

#[test]
fn only_what_is_allowed_passes_a_list() {
    let own = own().allow(allow(&["AES128-SHA", "TLS_AES_128_GCM_SHA256"])).build().unwrap();
    assert_eq!(verdict(&own, "TLSv1.2", "TLS_RSA_WITH_AES_128_CBC_SHA", "-"), "ok");
    assert_eq!(verdict(&own, "TLSv1.3", "TLS13_AES_128_GCM_SHA256", "-"), "ok");
    assert_eq!(
        verdict(&own, "TLSv1.3", "TLS_AES_256_GCM_SHA384", "-"),
        "cipher-not-allowed: cipher TLS_AES_256_GCM_SHA384 is not among those accepted"
    );
}

#[test]
fn a_requirement_that_extends_another_is_never_laxer() {
    let bsi = Requirement::builtin("bsi-tr-02102-2").unwrap();
    let own = own()
        .min_version(Version::Tlsv1)
        .extends(bsi)
        .allow(allow(&["ECDHE-RSA-AES128-SHA256", "AES128-SHA", "TLS_AES_128_GCM_SHA256"]))
        .build()
        .unwrap();
    assert_eq!(own.min_version(), Version::Tlsv1_2);
    assert!(own.forward_secrecy());
    let allowed: Vec<_> = own.allowed_suites().unwrap().map(|suite| suite.name).collect();
    assert_eq!(allowed, ["TLS_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-SHA256"]);
    assert_eq!(own.unseen().count(), bsi.unseen().count());
    assert_eq!(own.name(), "own");
}

#[test]
fn what_a_requirement_forbids_stays_forbidden_in_what_extends_it() {
    let partner = Requirement::builder("partner")
        .forbid(forbid(&["ECDHE-RSA-AES128-SHA", "CAMELLIA"]))
        .build()
        .unwrap();
    let own = own().extends(&partner).build().unwrap();
    for cipher in ["ECDHE-RSA-AES128-SHA", "CAMELLIA128-SHA"] {
        let refusal = verdict(&partner, "TLSv1.2", cipher, "-");
        assert_ne!(refusal, "ok");
        assert_eq!(verdict(&own, "TLSv1.2", cipher, "-"), refusal);
    }
}

#[test]
fn a_requirement_that_nobody_could_satisfy_is_refused() {
    let mozilla = Requirement::builtin("mozilla-modern").unwrap();
    for builder in [
        own().allow([]),
        own().allow(allow(&["RC4-SHA", "NULL-SHA"])),
        own().min_bits(257),
        own().min_version(Version::Tlsv1_3).allow(allow(&["AES128-SHA"])),
        own().extends(mozilla).allow(allow(&["ECDHE-RSA-AES128-GCM-SHA256"])),
        own().min_version(Version::Newer { major: 1, minor: 4 }),
    ] {
        assert_eq!(builder.build(), Err(Unsatisfiable));
    }
}

#[test]
fn every_refusal_is_one_short_clause_of_plain_ascii() {
    let requirements: Vec<_> = builtins().collect();
    let hostile = format!("\r\n250 %{{x}}{}", "\u{202e}".repeat(100));
    let mut sessions: Vec<_> = catalogue::suites()
        .flat_map(|suite| Version::ALL.map(|version| Encryption::new(version, suite)))
        .collect();
    sessions.push(session("TLSv1.3", &hostile, "256"));
    sessions.push(session(&hostile, "AES128-SHA", "-"));
    let mut codes = BTreeSet::new();
    for session in &sessions {
        for shortfall in requirements.iter().filter_map(|all| all.check(session).err()) {
            let clause = shortfall.to_string();
            assert!(clause.len() < 200, "{clause}");
            assert!(clause.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{clause}");
            assert!(!clause.contains('%'), "{clause}");
            codes.insert(shortfall.kind().code());
        }
    }
    assert_eq!(codes.len(), 10, "{codes:?}");
}
