//! Odd macro values, a line of the fixture each: what state they mean, and what becomes of them.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails where a fixture is not as expected"
)]

use policy::requirement::Requirement;
use policy::tls::cipher::Cipher;
use policy::tls::{SeenVersion, TlsState};

/// The fields of a line of CSV; quotes as in RFC 4180, without quotes within quotes.
fn fields(line: &str) -> Vec<String> {
    line.split('"').enumerate().fold(vec![String::new()], |mut fields, (part, text)| {
        let mut pieces = text.split(if part % 2 == 0 { ',' } else { '\0' });
        fields.last_mut().unwrap().push_str(pieces.next().unwrap());
        fields.extend(pieces.map(str::to_owned));
        fields
    })
}

/// What the fixture calls the reason of a refusal, as our codes and clauses say it.
fn says(reason: &str, code: &str, clause: &str) -> bool {
    match reason {
        "version" => code == "protocol-version",
        "not-listed" => code == "unknown-cipher",
        "null" => code == "null-cipher",
        "rc4" => clause.ends_with("(RC4)"),
        "export" => clause.ends_with("(export grade)"),
        "anonymous" => clause.ends_with("(anonymous)"),
        "dhe" => clause.ends_with("(DHE key exchange)"),
        "static_rsa" => clause.ends_with("(static RSA key exchange)"),
        "" => true,
        other => panic!("{other}"),
    }
}

/// Compares a verdict with `accept`, `reject`, `reject:REASON` or `indeterminate`.
fn compare(id: &str, requirement: &str, state: &TlsState, expected: &str) {
    let requirement = Requirement::builtin(requirement).unwrap();
    let verdict = match state {
        TlsState::Encrypted(session) => requirement.check(session),
        TlsState::Plaintext => {
            assert!(expected.starts_with("reject") || expected.starts_with("(no verdict"), "{id}");
            return;
        }
        TlsState::Unknown => panic!("{id}: macros never mean this"),
    };
    if expected == "accept" {
        assert_eq!(verdict, Ok(()), "{id}");
    } else {
        let shortfall = verdict.expect_err(id);
        let reason = expected.split_once(':').map_or("", |(_, reason)| reason);
        let reason = if expected.starts_with("reject:") { reason } else { "" };
        assert!(says(reason, shortfall.kind().code(), &shortfall.to_string()), "{id}: {shortfall}");
    }
}

#[test]
fn every_odd_macro_value_means_what_it_should() {
    let mut lines = include_str!("../fixtures/tls/edge_cases.csv").lines();
    let head = fields(lines.next().unwrap());
    let mut rows = 0;
    for line in lines {
        let row = fields(line);
        assert_eq!(row.len(), head.len(), "{line}");
        let column = |name: &str| {
            let place = head.iter().position(|column| column == name).unwrap();
            row[place].as_str()
        };
        let value =
            |name: &str| Some(column(name)).filter(|text| *text != "<absent>").map(str::as_bytes);
        let id = column("id");
        let state =
            TlsState::from_macros(value("tls_version"), value("cipher"), value("cipher_bits"));
        let (version, cipher) = (column("normalised_version"), column("normalised_cipher"));
        match (column("encrypted"), &state) {
            ("no" | "not yet", TlsState::Plaintext) => assert_eq!(cipher, "", "{id}"),
            // A session that does not encrypt: no requirement takes it.
            ("no", TlsState::Encrypted(session)) => {
                assert!(session.cipher().suites().all(|suite| suite.is_null()), "{id}");
                assert_eq!(session.cipher().to_string(), cipher, "{id}");
                assert_eq!(session.version().to_string(), version, "{id}");
            }
            ("yes", TlsState::Encrypted(session)) => {
                assert_eq!(session.cipher().to_string(), cipher, "{id}");
                let shown = session.version().to_string();
                assert_eq!(if shown == "unknown" { "?" } else { &shown }, version, "{id}");
            }
            ("unknown", TlsState::Encrypted(session)) => {
                let unknown = session.version() == SeenVersion::Unknown
                    || matches!(session.cipher(), Cipher::Unlisted(_) | Cipher::Missing);
                assert!(unknown, "{id}: {session}");
            }
            (expected, state) => panic!("{id}: {expected}, but {state:?}"),
        }
        compare(id, "rfc9325-strict", &state, column("verdict_rfc9325_should"));
        // The rule of 2017 let ciphers through that encrypt badly or not at all; the baseline
        // does not. In all else they agree.
        let verdict = column("verdict_service_2017");
        let hardened = if verdict.starts_with("accept by the letter") { "reject" } else { verdict };
        compare(id, "baseline", &state, hardened);
        rows += 1;
    }
    assert_eq!(rows, 42);
}
