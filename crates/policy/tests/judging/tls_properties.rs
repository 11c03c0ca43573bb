//! Properties of the judging of TLS that hold for whatever an MTA says and a policy asks for.

use policy::requirement::{
    CipherName, Forbidden, Property, Requirement, RequirementBuilder, builtins,
};
use policy::tls::cipher::suites;
use policy::tls::safe_name::SafeName;
use policy::tls::{Encryption, TlsState, Version};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// A condition that a policy can add to a requirement.
#[derive(Clone, Debug)]
enum Condition {
    Version(Version),
    Bits(u16),
    ForwardSecrecy(bool),
    Aead(bool),
    Forbid(Forbidden),
    Allow(Vec<CipherName>),
    Extend(&'static Requirement),
}

impl Condition {
    fn add_to(&self, builder: RequirementBuilder) -> RequirementBuilder {
        match self {
            Self::Version(version) => builder.min_version(*version),
            Self::Bits(bits) => builder.min_bits(*bits),
            Self::ForwardSecrecy(demanded) => builder.forward_secrecy(*demanded),
            Self::Aead(demanded) => builder.aead(*demanded),
            Self::Forbid(item) => builder.forbid([*item]),
            Self::Allow(names) => builder.allow(names.iter().copied()),
            Self::Extend(other) => builder.extends(other),
        }
    }
}

fn cipher_names() -> Vec<CipherName> {
    suites().map(|suite| suite.name.parse().expect("a name of the catalogue")).collect()
}

fn condition() -> impl Strategy<Value = Condition> {
    let names = cipher_names();
    let some = 200..names.len();
    prop_oneof![
        select(Version::ALL.to_vec()).prop_map(Condition::Version),
        (0u16..300).prop_map(Condition::Bits),
        any::<bool>().prop_map(Condition::ForwardSecrecy),
        any::<bool>().prop_map(Condition::Aead),
        select(Property::all().collect::<Vec<_>>())
            .prop_map(|property| Condition::Forbid(Forbidden::Property(property))),
        select(names.clone()).prop_map(|name| Condition::Forbid(Forbidden::Cipher(name))),
        subsequence(names, some).prop_map(Condition::Allow),
        select(builtins().collect::<Vec<_>>()).prop_map(Condition::Extend),
    ]
}

fn conditions() -> impl Strategy<Value = Vec<Condition>> {
    prop::collection::vec(condition(), 0..4)
}

fn build(conditions: &[Condition]) -> Option<Requirement> {
    let start = Requirement::builder("generated");
    conditions.iter().fold(start, |builder, condition| condition.add_to(builder)).build().ok()
}

/// Values as MTAs send them, also such as do not belong together, and such as none sends.
fn macros() -> impl Strategy<Value = [Option<Vec<u8>>; 3]> {
    let versions = [
        "TLSv1.3",
        "TLSv1.2",
        "TLSv1.1",
        "TLSv1",
        "TLSv1.0",
        "SSLv3",
        "SSLv2",
        "TLSv1/SSLv3",
        "TLS1.2",
        "TLSv1_3",
        "TLSv1.4",
        "UNKNOWN",
        "unknown",
        "QUICv1",
        "",
    ];
    let ciphers: Vec<&str> =
        suites().flat_map(|suite| suite.names()).chain(["(NONE)", "", "FOO"]).collect();
    let bits = ["0", "40", "64", "112", "128", "256", "", "abc", "-1"];
    let text = |values: Vec<&'static str>| {
        prop_oneof![
            8 => select(values).prop_map(|value| Some(value.as_bytes().to_vec())),
            1 => Just(None),
            1 => prop::collection::vec(any::<u8>(), 0..100).prop_map(Some),
        ]
    };
    (text(versions.to_vec()), text(ciphers), text(bits.to_vec()))
        .prop_map(|(version, cipher, bits)| [version, cipher, bits])
}

fn read(macros: &[Option<Vec<u8>>; 3]) -> TlsState {
    let [version, cipher, bits] = macros.each_ref().map(Option::as_deref);
    TlsState::from_macros(version, cipher, bits)
}

/// Printable ASCII, and nothing that means something in a log line, a reply or a table.
fn is_safe(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+()\\".contains(&byte))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn raising_a_requirement_never_admits_more(
        some in conditions(),
        more in conditions(),
        macros in macros(),
    ) {
        let (Some(lower), Some(upper)) = (build(&some), build(&[some, more].concat())) else {
            return Ok(());
        };
        if let TlsState::Encrypted(session) = read(&macros) {
            prop_assert!(upper.check(&session).is_err() || lower.check(&session).is_ok());
        }
    }

    #[test]
    fn what_extends_two_requirements_takes_what_both_take(
        one in conditions(),
        other in conditions(),
        macros in macros(),
    ) {
        let (Some(one), Some(other)) = (build(&one), build(&other)) else { return Ok(()) };
        let both = Requirement::builder("both").extends(&one).extends(&other).build();
        if let TlsState::Encrypted(session) = read(&macros) {
            let taken = both.is_ok_and(|both| both.check(&session).is_ok());
            let each = one.check(&session).is_ok() && other.check(&session).is_ok();
            prop_assert_eq!(taken, each);
        }
    }

    #[test]
    fn the_order_of_conditions_does_not_matter(
        some in conditions(),
        macros in macros(),
    ) {
        let reversed: Vec<_> = some.iter().rev().cloned().collect();
        let (one, other) = (build(&some), build(&reversed));
        prop_assert_eq!(one.is_some(), other.is_some());
        if let (Some(one), Some(other), TlsState::Encrypted(session)) = (one, other, read(&macros)) {
            prop_assert_eq!(one.check(&session), other.check(&session));
        }
    }

    #[test]
    fn no_requirement_takes_what_is_not_encrypted_or_not_known(
        some in conditions(),
        macros in macros(),
    ) {
        let (Some(requirement), TlsState::Encrypted(session)) = (build(&some), read(&macros)) else {
            return Ok(());
        };
        if requirement.check(&session).is_ok() {
            prop_assert!(session.contradiction().is_none());
            prop_assert!(session.bits() != Some(0));
            prop_assert!(session.cipher().suites().count() > 0);
            for suite in session.cipher().suites() {
                prop_assert!(suite.strength_bits >= 112 && !suite.export);
                prop_assert!(suite.last >= Version::Tlsv1);
                prop_assert!(!suite.name.contains("RC4") && !suite.name.contains("NULL"));
            }
        }
    }

    #[test]
    fn bits_never_turn_a_refusal_into_an_acceptance(
        macros in macros(),
        bits in ".{0,20}",
    ) {
        let [version, cipher, _] = &macros;
        let without = read(&[version.clone(), cipher.clone(), None]);
        let with = read(&[version.clone(), cipher.clone(), Some(bits.into_bytes())]);
        for requirement in builtins() {
            let takes = |state: &TlsState| {
                matches!(state, TlsState::Encrypted(session) if requirement.check(session).is_ok())
            };
            prop_assert!(takes(&without) || !takes(&with));
        }
    }

    #[test]
    fn whatever_an_mta_says_is_shown_in_safe_ascii(
        version in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
        cipher in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
        bits in prop::option::of(prop::collection::vec(any::<u8>(), 0..30)),
    ) {
        let state = read(&[version, cipher, bits]);
        prop_assert!(state != TlsState::Unknown);
        if let TlsState::Encrypted(session) = &state {
            let (version, cipher) = (session.version().to_string(), session.cipher().to_string());
            prop_assert!(is_safe(&version) && version.len() <= 10, "{version}");
            prop_assert!(is_safe(&cipher) && cipher.len() <= 64, "{cipher}");
            prop_assert_eq!(state.to_string(), format!("{version} {cipher}"));
            for shortfall in builtins().filter_map(|all| all.check(session).err()) {
                let clause = shortfall.to_string();
                prop_assert!(clause.len() < 200);
                prop_assert!(clause.bytes().all(|byte| matches!(byte, b' '..=b'~')));
                prop_assert!(!clause.contains('%'));
            }
        }
    }

}

proptest! {
    // Each case compares with every name of the catalogue.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn errors_of_a_policy_are_short_lines_of_plain_ascii(text in ".{0,200}") {
        let version = text.parse::<Version>().err().map(|error| error.to_string());
        let cipher = text.parse::<CipherName>().err().map(|error| error.to_string());
        let forbidden = text.parse::<Forbidden>().err().map(|error| error.to_string());
        for error in [version, cipher, forbidden].into_iter().flatten() {
            prop_assert!(error.len() < 500);
            prop_assert!(error.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{error}");
        }
        prop_assert!(SafeName::new(text.as_bytes()).as_str().len() <= 64);
    }
}

#[test]
fn whatever_passes_a_standard_passes_the_baseline() {
    let baseline = Requirement::builtin("baseline").expect("it is built in");
    for suite in suites() {
        for session in Version::ALL.map(|version| Encryption::new(version, suite)) {
            for requirement in builtins() {
                assert!(requirement.check(&session).is_err() || baseline.check(&session).is_ok());
            }
        }
    }
}

#[test]
fn the_levels_of_one_publisher_hold_each_other() {
    let ladders: [&[&str]; 5] = [
        &["ncsc-nl-good", "ncsc-nl-sufficient", "ncsc-nl-phase-out", "rfc9325", "baseline"],
        &["mozilla-modern", "mozilla-intermediate", "mozilla-old", "baseline"],
        &["rfc9325-strict", "rfc10015", "rfc9325"],
        &["bsi-tr-02102-2", "bsi-tr-02102-2-nopfs", "rfc9325"],
        &["anssi", "anssi-degraded", "rfc9325"],
    ];
    for pair in ladders.iter().flat_map(|ladder| ladder.windows(2)) {
        let [upper, lower] = pair else { unreachable!("windows of two") };
        let [upper, lower] = [upper, lower].map(|name| Requirement::builtin(name).expect(name));
        for suite in suites() {
            for session in Version::ALL.map(|version| Encryption::new(version, suite)) {
                let holds = upper.check(&session).is_err() || lower.check(&session).is_ok();
                assert!(holds, "{} {} {session}", upper.name(), lower.name());
            }
        }
    }
}
