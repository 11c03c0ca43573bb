//! What requirements say of every legal pair of version and suite, against an oracle that reads
//! the tables behind the catalogue and the standards for itself, column by column.
//!
//! Nothing of the catalogue's own file or of the built-in definitions is used here: the tables
//! in `../fixtures/tls` are older than both and were made apart from them.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails where a fixture is not as expected"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use policy::requirement::{Requirement, builtins};
use policy::tls::cipher::{Cipher, suites};
use policy::tls::{Encryption, SeenVersion, TlsState};

/// Our name of a requirement, and that of the table of standards.
const PROFILES: [(&str, &str); 14] = [
    ("rfc9325", "rfc9325-must"),
    ("rfc9325-strict", "rfc9325-should"),
    ("rfc10015", "rfc10015"),
    ("bsi-tr-02102-2", "bsi-tr-02102-2"),
    ("bsi-tr-02102-2-nopfs", "bsi-tr-02102-2-nopfs"),
    ("nist-sp800-52r2", "nist-sp800-52r2"),
    ("ncsc-nl-good", "ncsc-nl-2025-good"),
    ("ncsc-nl-sufficient", "ncsc-nl-2025-sufficient"),
    ("ncsc-nl-phase-out", "ncsc-nl-2025-phaseout"),
    ("mozilla-modern", "mozilla-modern"),
    ("mozilla-intermediate", "mozilla-intermediate-6.0"),
    ("mozilla-old", "mozilla-old-5.8"),
    ("anssi", "anssi-1.2"),
    ("anssi-degraded", "anssi-1.2-degraded"),
];

const VERSIONS: [&str; 6] = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

type Row = HashMap<String, String>;

/// Whether a suite passes in a version.
type Oracle = Box<dyn Fn(&Row, &str) -> bool>;

/// The rows of a CSV file by the names of its columns; quotes as in RFC 4180, on one line.
fn table(text: &str) -> Vec<Row> {
    let mut lines = text.lines().map(|line| {
        let mut fields = vec![String::new()];
        let mut quoted = false;
        for character in line.chars() {
            match character {
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                other => fields.last_mut().unwrap().push(other),
            }
        }
        fields
    });
    let head = lines.next().unwrap();
    lines
        .map(|fields| {
            assert_eq!(fields.len(), head.len());
            head.iter().cloned().zip(fields).collect()
        })
        .collect()
}

fn ciphers() -> Vec<Row> {
    table(include_str!("../fixtures/tls/ciphers.csv"))
}

/// Every legal pair of a suite and a version, with all spellings of the suite.
fn pairs() -> Vec<(Row, &'static str, Vec<String>)> {
    let mut names: HashMap<String, Vec<String>> = HashMap::new();
    for row in table(include_str!("../fixtures/tls/names.csv")) {
        for value in row["iana_values"].split(';') {
            names.entry(value.to_owned()).or_default().push(row["name"].clone());
        }
    }
    let mut pairs = Vec::new();
    for row in ciphers() {
        for version in VERSIONS {
            if row["protocols"].split(';').any(|legal| legal == version) {
                pairs.push((row.clone(), version, names[&row["iana_value"]].clone()));
            }
        }
    }
    pairs
}

/// A profile of the table of standards: its scalars and its lists, as they are written.
#[derive(Default)]
struct Profile {
    scalars: HashMap<String, String>,
    lists: HashMap<String, BTreeSet<String>>,
}

/// Reads as much YAML as the table needs: top-level items, their scalars and lists of scalars.
fn profiles() -> HashMap<String, Profile> {
    let mut profiles: HashMap<String, Profile> = HashMap::new();
    let mut name = String::new();
    let mut key = String::new();
    for line in include_str!("../fixtures/tls/profiles.yaml").lines() {
        let plain = |text: &str| text.trim().trim_matches('\'').to_owned();
        if let Some(item) = line.strip_prefix("- name:") {
            name = plain(item);
            profiles.insert(name.clone(), Profile::default());
        } else if let Some(item) = line.strip_prefix("  - ") {
            let lists = &mut profiles.get_mut(&name).unwrap().lists;
            lists.entry(key.clone()).or_default().insert(plain(item));
        } else if line.starts_with("  ") && !line.starts_with("   ") {
            let (word, value) = line.split_once(':').unwrap();
            key = word.trim().to_owned();
            profiles.get_mut(&name).unwrap().scalars.insert(key.clone(), plain(value));
        }
    }
    profiles
}

fn age(version: &str) -> usize {
    VERSIONS.iter().position(|known| *known == version).unwrap()
}

fn bits(row: &Row) -> u32 {
    row["strength_bits"].parse().unwrap()
}

fn baseline_takes(row: &Row, version: &str) -> bool {
    age(version) >= age("TLSv1")
        && ["null", "rc4", "export", "des"].iter().all(|column| row[*column] == "false")
        && !row["encryption"].starts_with("RC2")
        && bits(row) >= 112
}

/// Whether a word of a profile's `forbid` hits a suite: a column of the table, or a key exchange.
fn hit_by(row: &Row, word: &str) -> bool {
    if let Some(column) = row.get(word) {
        return column == "true";
    }
    let exchange = match word {
        "static_rsa" => ["RSA", "RSA_EXPORT"],
        "rsa_psk" => ["RSA_PSK", ""],
        "static_dh" => ["DH", ""],
        "static_ecdh" => ["ECDH", ""],
        "dhe" => ["DHE", ""],
        "dhe_psk" => ["DHE_PSK", ""],
        "dh_anon" => ["DH_anon", ""],
        other => panic!("{other}"),
    };
    exchange.contains(&row["key_exchange"].as_str())
}

fn profile_takes(profile: &Profile, row: &Row, version: &str) -> bool {
    let scalar = |key: &str| profile.scalars[key].as_str();
    let list = |key: &str| profile.lists.get(key).into_iter().flatten();
    let listed = scalar("allow_ciphers") == "null"
        || list("allow_ciphers").any(|name| *name == row["openssl_name"])
        || list("allow_ciphers_iana_only").any(|name| *name == row["iana_name"]);
    age(version) >= age(scalar("min_version"))
        && bits(row) >= scalar("min_bits").parse().unwrap()
        && (scalar("require_forward_secrecy") == "false" || row["forward_secrecy"] == "true")
        && (scalar("require_aead") == "false" || row["aead"] == "true")
        && list("forbid").all(|word| !hit_by(row, word))
        && listed
}

/// Each requirement, with what the oracle takes.
fn oracles() -> Vec<(&'static Requirement, Oracle)> {
    let mut all = profiles();
    let profiles: HashMap<_, _> =
        PROFILES.map(|(ours, theirs)| (ours, all.remove(theirs).unwrap())).into();
    let mut profiles = profiles;
    builtins()
        .map(|requirement| {
            let profile = profiles.remove(requirement.name());
            assert!(profile.is_some() || requirement.name() == "baseline");
            let takes = move |row: &Row, version: &str| {
                baseline_takes(row, version)
                    && profile.as_ref().is_none_or(|profile| profile_takes(profile, row, version))
            };
            (requirement, Box::new(takes) as Box<dyn Fn(&Row, &str) -> bool>)
        })
        .collect()
}

fn state(version: Option<&str>, cipher: Option<&str>, bits: Option<&str>) -> TlsState {
    TlsState::from_macros(
        version.map(str::as_bytes),
        cipher.map(str::as_bytes),
        bits.map(str::as_bytes),
    )
}

fn session(version: Option<&str>, cipher: &str, bits: Option<&str>) -> Encryption {
    match state(version, Some(cipher), bits) {
        TlsState::Encrypted(encryption) => encryption,
        other => panic!("{version:?} {cipher}: {other:?}"),
    }
}

fn takes(requirement: &Requirement, session: &Encryption) -> bool {
    requirement.check(session).is_ok()
}

#[test]
fn every_requirement_judges_every_legal_pair_in_every_spelling_as_the_oracle_does() {
    let pairs = pairs();
    let oracles = oracles();
    assert_eq!(pairs.len(), 771);
    assert_eq!(oracles.len(), PROFILES.len() + 1);
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    for (row, version, names) in &pairs {
        // Every figure that some version of a library reports.
        let mut seen: Vec<Option<&str>> = row["cipher_bits_seen"].split('|').map(Some).collect();
        seen.push(None);
        for (requirement, oracle) in &oracles {
            let expected = oracle(row, version);
            *taken.entry(requirement.name()).or_default() += usize::from(expected);
            for name in names {
                for bits in &seen {
                    assert_eq!(
                        takes(requirement, &session(Some(version), name, *bits)),
                        expected,
                        "{} {version} {name} {bits:?}",
                        requirement.name()
                    );
                }
            }
        }
    }
    // So that an oracle that takes nothing, or everything, is noticed.
    let expected = [
        ("baseline", 412),
        ("rfc9325", 218),
        ("rfc9325-strict", 24),
        ("rfc10015", 101),
        ("bsi-tr-02102-2", 31),
        ("bsi-tr-02102-2-nopfs", 51),
        ("nist-sp800-52r2", 60),
        ("ncsc-nl-good", 2),
        ("ncsc-nl-sufficient", 12),
        ("ncsc-nl-phase-out", 35),
        ("mozilla-modern", 3),
        ("mozilla-intermediate", 9),
        ("mozilla-old", 38),
        ("anssi", 12),
        ("anssi-degraded", 34),
    ];
    assert_eq!(taken, expected.into());
}

/// The suites by their OpenSSL name; four names have two.
fn by_name() -> BTreeMap<String, Vec<Row>> {
    let mut by_name: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in ciphers() {
        by_name.entry(row["openssl_name"].clone()).or_default().push(row);
    }
    by_name
}

#[test]
fn a_suite_in_a_version_without_it_passes_nothing() {
    let mut illegal = 0;
    for (name, rows) in by_name() {
        let legal = |version: &str| {
            rows.iter().any(|row| row["protocols"].split(';').any(|legal| legal == version))
        };
        for version in VERSIONS.into_iter().filter(|version| !legal(version)) {
            illegal += 1;
            let session = session(Some(version), &name, None);
            assert!(session.contradiction().is_some(), "{version} {name}");
            assert!(builtins().all(|requirement| !takes(requirement, &session)));
        }
    }
    assert_eq!(illegal, 6 * 301 - 771);
}

#[test]
fn without_a_version_a_suite_passes_if_it_does_in_all_its_versions() {
    let oracles = oracles();
    let mut passed = 0;
    for (name, rows) in by_name() {
        for (requirement, oracle) in &oracles {
            let expected = rows
                .iter()
                .all(|row| row["protocols"].split(';').all(|version| oracle(row, version)));
            passed += usize::from(expected);
            for version in [None, Some(""), Some("UNKNOWN"), Some("unknown")] {
                let session = session(version, &name, None);
                assert_eq!(takes(requirement, &session), expected, "{} {name}", requirement.name());
            }
        }
    }
    // Those of one version, and for the baseline those that begin with TLS 1.0.
    assert!(passed > 300, "{passed}");
}

#[test]
fn suites_that_openssl_never_had_are_judged_by_the_lists_and_by_their_names() {
    let profiles = profiles();
    let rows = table(include_str!("../fixtures/tls/ciphers_other.csv"));
    assert_eq!(rows.len(), 125);
    for row in rows {
        let name = row["iana_name"].as_str();
        let Cipher::Suite(suite) = Cipher::from_name(name.as_bytes()) else {
            panic!("{name}");
        };
        let best = Encryption::new(suite.last, suite);
        let weak = ["NULL", "_RC2_", "_DES_", "FORTEZZA", "SSL_CK_"];
        let weak = weak.iter().any(|word| name.contains(word));
        assert_eq!(takes(Requirement::builtin("baseline").unwrap(), &best), !weak, "{name}");
        for (ours, theirs) in PROFILES {
            let profile = &profiles[theirs];
            if profile.scalars["allow_ciphers"] != "null" {
                let list = profile.lists.get("allow_ciphers_iana_only");
                let listed = list.is_some_and(|list| list.contains(name));
                let requirement = Requirement::builtin(ours).unwrap();
                assert_eq!(takes(requirement, &best), listed, "{ours} {name}");
            }
        }
    }
}

#[test]
fn every_name_of_every_library_leads_to_its_suite() {
    let mut by_value: HashMap<String, Row> = HashMap::new();
    for row in ciphers() {
        by_value.insert(row["iana_value"].clone(), row);
    }
    let names = table(include_str!("../fixtures/tls/names.csv"));
    assert_eq!(names.len(), 1490);
    for row in names {
        let cipher = Cipher::from_name(row["name"].as_bytes());
        let found: BTreeSet<_> =
            cipher.suites().map(|suite| (suite.name, suite.iana_name.unwrap_or(""))).collect();
        // Numbers of an expired draft that OpenSSL 0.9.8 used for suites which have others now.
        let known: Vec<&Row> =
            row["iana_values"].split(';').filter_map(|value| by_value.get(value)).collect();
        if known.is_empty() {
            assert_eq!(row["namespace"], "openssl-0.9.8-draft-code");
            assert_eq!(found.len(), 1);
        }
        for suite in known {
            let pair = (suite["openssl_name"].as_str(), suite["iana_name"].as_str());
            assert!(found.contains(&pair), "{}: {found:?}", row["name"]);
        }
    }
    for row in table(include_str!("../fixtures/tls/ciphers_other.csv")) {
        for name in [&row["iana_name"], &row["gnutls_name"]] {
            if !name.is_empty() {
                let cipher = Cipher::from_name(name.as_bytes());
                assert!(cipher.suites().any(|suite| suite.name == row["iana_name"]), "{name}");
            }
        }
    }
    assert_eq!(suites().count(), 305 + 125);
}

#[test]
fn every_recorded_handshake_is_understood_and_judged_by_its_suite() {
    let rows = table(include_str!("../fixtures/tls/handshakes.csv"));
    assert_eq!(rows.len(), 805);
    let oracles = oracles();
    let ciphers = ciphers();
    for handshake in &rows {
        let (version, name) = (handshake["tls_version"].as_str(), handshake["cipher"].as_str());
        let session = session(Some(version), name, Some(&handshake["cipher_bits"]));
        assert!(matches!(session.version(), SeenVersion::Known(_)));
        assert_eq!(session.version().to_string(), version);
        assert_eq!(session.contradiction(), None, "{version} {name}");
        let row = ciphers
            .iter()
            .find(|row| {
                let aliases = row["openssl_aliases"].split(';');
                let known = row["openssl_name"] == name || aliases.into_iter().any(|a| a == name);
                known && row["protocols"].split(';').any(|legal| legal == version)
            })
            .unwrap_or_else(|| panic!("{version} {name}"));
        assert_eq!(session.cipher().to_string(), row["openssl_name"]);
        let iana: Vec<_> = session.cipher().suites().map(|suite| suite.iana_name).collect();
        assert_eq!(iana, [Some(row["iana_name"].as_str()).filter(|name| !name.is_empty())]);
        for (requirement, oracle) in &oracles {
            assert_eq!(takes(requirement, &session), oracle(row, version), "{version} {name}");
        }
    }
}
