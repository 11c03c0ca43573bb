//! Versions of TLS that are newer than this program: what the requirements make of them.
//!
//! No document behind a built-in requirement speaks of one. Each asks for a version at least, and a
//! newer one is at least that: a sender must not be refused for being ahead. What such a version
//! encrypts with has to be a suite of TLS 1.3 all the same, for nothing is known of others.

use policy::requirement::builtins;
use policy::tls::Version;
use policy::tls::cipher::suites;
use policy::{Requirement, TlsState};

const NEWER: [&str; 4] = ["TLSv1.4", "TLSv1.9", "TLSv2", "TLS2.1"];

fn takes(requirement: &Requirement, version: &str, cipher: &str) -> bool {
    match TlsState::from_macros(Some(version.as_bytes()), Some(cipher.as_bytes()), None) {
        TlsState::Encrypted(session) => requirement.check(&session).is_ok(),
        TlsState::Plaintext | TlsState::Unknown => false,
    }
}

#[test]
fn every_requirement_takes_a_newer_version_with_the_suites_that_it_takes_in_tls_1_3() {
    for requirement in builtins() {
        let mut taken = 0;
        for suite in suites() {
            let in_1_3 = takes(requirement, "TLSv1.3", suite.name);
            for version in NEWER {
                let name = requirement.name();
                assert_eq!(
                    takes(requirement, version, suite.name),
                    in_1_3,
                    "{name} {version} {suite:?}"
                );
                taken += usize::from(in_1_3);
            }
        }
        assert!(taken > 0, "{}", requirement.name());
    }
}

#[test]
fn no_requirement_takes_a_newer_version_with_an_older_suite_or_with_one_that_nobody_knows() {
    let older =
        suites().filter(|suite| !suite.possible_in(Version::Tlsv1_3)).map(|suite| suite.name);
    for cipher in older.chain(["TLS_AEGIS_512_SHA512", "TLS_AES_512_GCM_SHA512", ""]) {
        for requirement in builtins() {
            for version in NEWER {
                assert!(
                    !takes(requirement, version, cipher),
                    "{} {version} {cipher}",
                    requirement.name()
                );
            }
        }
    }
}

#[test]
fn a_policy_cannot_ask_for_a_version_that_does_not_exist() {
    for version in NEWER {
        assert!(version.parse::<Version>().is_err(), "{version}");
    }
}
