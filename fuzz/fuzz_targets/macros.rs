//! The macros of TLS: what was not encrypted, or cannot be understood, satisfies no requirement.
//!
//! Input: a batch of macros as it goes over the wire, names and values each ended by NUL.

#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use mandatory_tls::session::{Macros, Stage};
use mandatory_tls_fuzz::{policy, said, wire};
use policy::requirement::builtins;
use policy::tls::certificate::{Certificate, CertificateNames};
use policy::{
    Case, Client, Decision, OnUnknownTls, Policy, Recipient, Requirement, Sender, TlsState, judge,
};
use std::{collections::BTreeSet, sync::LazyLock};

/// Every cipher name that there is, in upper case, from a list that the product does not read.
static NAMES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    include_str!("../../crates/policy/tests/fixtures/tls/names.csv")
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .map(str::to_uppercase)
        .collect()
});

/// Pairs of requirements of which the second one builds on the first one.
static RAISED: LazyLock<Vec<(&Requirement, Requirement)>> = LazyLock::new(|| {
    let raised = |base: &'static Requirement| {
        let builder = || Requirement::builder("raised").extends(base);
        [
            builder().min_version("TLSv1.2".parse().unwrap()),
            builder().min_bits(128),
            builder().forward_secrecy(true),
            builder().aead(true),
            builder().forbid(["3DES".parse().unwrap(), "anonymous".parse().unwrap()]),
            builder().allow(["AES256-SHA".parse().unwrap()]),
            builder().client_certificate(partner()),
        ]
        .into_iter()
        .filter_map(move |builder| Some((base, builder.build().ok()?)))
    };
    builtins().flat_map(raised).collect()
});

/// The baseline, with a certificate of this name.
const PARTNER: &str = "mx.partner.example";
static CERTIFIED: LazyLock<Requirement> = LazyLock::new(|| {
    Requirement::builder("certified").client_certificate(partner()).build().unwrap()
});

fn partner() -> CertificateNames {
    CertificateNames { subject: Some(PARTNER.to_owned()), issuer: None }
}

static POLICY: LazyLock<Policy> = LazyLock::new(|| policy("domains: [example.com]\n"));

/// A macro as it was read, which is the one in the batch.
fn checked<'v>(
    pairs: &[(Vec<u8>, Vec<u8>)],
    name: &str,
    read: Option<&'v [u8]>,
) -> Option<&'v [u8]> {
    let found = pairs.iter().find(|(key, _)| key == name.as_bytes());
    assert_eq!(read, found.map(|(_, value)| &**value), "{name}");
    read
}

fuzz_target!(|batch: &[u8]| {
    let mut macros = Macros::default();
    macros.replace(Stage::Rcpt, batch);
    let pairs = wire::pairs(batch);
    let known = macros.read(Stage::Rcpt);
    let version = checked(&pairs, "tls_version", known.tls_version);
    let cipher = checked(&pairs, "cipher", known.cipher);
    let bits = checked(&pairs, "cipher_bits", known.cipher_bits);
    let subject = checked(&pairs, "cert_subject", known.cert_subject);
    let issuer = checked(&pairs, "cert_issuer", known.cert_issuer);
    let verify = checked(&pairs, "verify", known.verify);
    let state = TlsState::from_macros(version, cipher, bits)
        .with_certificate(Certificate::from_macros(subject, issuer, verify));
    check_display(&state);
    assert_eq!(state == TlsState::Plaintext, is_plaintext(version, cipher, bits));
    check_judged(&TlsState::Unknown);
    let accepted = check_judged(&state);
    let is_partner = is_accepted(&state, &CERTIFIED);
    assert_eq!(is_partner, accepted && is_vouched_for(subject, verify), "{state}");
    if accepted {
        let (version, cipher) = (text(version), text(cipher));
        assert!(is_modern_version(&version), "{state}");
        assert!(NAMES.contains(&cipher), "{state}");
        assert!(!is_weak_by_name(&cipher), "{state}");
        assert!(!says_zero(bits), "{state}");
    }
});

/// A value in upper case; empty if it is not there.
fn text(value: Option<&[u8]>) -> String {
    String::from_utf8_lossy(value.unwrap_or_default()).to_uppercase()
}

fn is_plaintext(version: Option<&[u8]>, cipher: Option<&[u8]>, bits: Option<&[u8]>) -> bool {
    let is_number = |value: &[u8]| !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let said_bits = bits.is_some_and(|bits| is_number(bits) && !says_zero(Some(bits)));
    text(cipher) == "(NONE)" || text(version).is_empty() && text(cipher).is_empty() && !said_bits
}

fn says_zero(bits: Option<&[u8]>) -> bool {
    bits.is_some_and(|bits| !bits.is_empty() && bits.iter().all(|octet| *octet == b'0'))
}

/// Not said, or at least TLS 1.0, in one of the spellings that there are.
fn is_modern_version(version: &str) -> bool {
    if matches!(version, "" | "UNKNOWN" | "TLSV1/SSLV3") {
        return true;
    }
    let Some(number) = version.strip_prefix("TLS") else {
        return false;
    };
    let number: Vec<char> = number.trim_start_matches('V').chars().collect();
    let is_number = match number[..] {
        [major] => major.is_ascii_digit(),
        [major, '.' | '_', minor] => major.is_ascii_digit() && minor.is_ascii_digit(),
        _ => false,
    };
    is_number && number[0] != '0'
}

/// Whether a name that there is tells that the cipher is broken or none at all.
fn is_weak_by_name(cipher: &str) -> bool {
    let parts: Vec<&str> = cipher.split(['-', '_']).collect();
    let des = parts.contains(&"DES") && !cipher.contains("3DES") && !cipher.contains("EDE");
    let triple =
        cipher.contains("DES-CBC3") || cipher.contains("DES_192") || cipher.contains("DES_64");
    parts.iter().any(|part| part.starts_with("RC4") || part.starts_with("RC2"))
        || parts.contains(&"NULL")
        || parts.iter().any(|part| part.starts_with("EXP"))
        || des && !triple
}

/// Whether the MTA says that it has verified the partner's certificate: Postfix gives a bare name,
/// Sendmail a distinguished one, with blanks and the like as `+20`, and `{verify}`.
fn is_vouched_for(subject: Option<&[u8]>, verify: Option<&[u8]>) -> bool {
    let subject = String::from_utf8_lossy(subject.unwrap_or_default());
    match verify {
        None => subject.eq_ignore_ascii_case(PARTNER),
        Some(b"OK") => {
            let name = without_xtext(&subject);
            let names: Vec<&str> = name.split("/CN=").skip(1).collect();
            matches!(names[..], [only] if only.split('/').next().unwrap().eq_ignore_ascii_case(PARTNER))
        }
        Some(_) => false,
    }
}

/// Puts every octet in place of its `+` and two digits.
fn without_xtext(text: &str) -> String {
    let octets = text.as_bytes();
    let digit = |at: usize| octets.get(at).and_then(|octet| char::from(*octet).to_digit(16));
    let mut plain = Vec::new();
    let mut at = 0;
    while at < octets.len() {
        match (octets[at], digit(at + 1), digit(at + 2)) {
            (b'+', Some(high), Some(low)) => {
                plain.push(u8::try_from(high * 16 + low).unwrap());
                at += 3;
            }
            (octet, ..) => {
                plain.push(octet);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn check_display(state: &TlsState) {
    let shown = state.to_string();
    assert!(shown.chars().all(said::is_printable), "{shown:?}");
    for word in [state.version().to_string(), state.cipher().to_string()] {
        let fit = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '%' | '{' | '}');
        assert!(!word.is_empty() && word.len() <= 64, "{word:?}");
        assert!(word.chars().all(fit), "{word:?}");
    }
    if let TlsState::Encrypted(session) = state {
        let words = format!("{} {}", session.version(), session.cipher());
        assert_eq!(shown, words);
        assert_eq!(shown.split(' ').count(), 2);
    }
}

/// Judges by every built-in requirement; says whether the baseline takes the session.
fn check_judged(state: &TlsState) -> bool {
    let baseline = is_accepted(state, Requirement::builtin("baseline").unwrap());
    for requirement in builtins() {
        let accepted = is_accepted(state, requirement);
        assert!(baseline || !accepted, "{} {state}", requirement.name());
    }
    for (base, raised) in &*RAISED {
        let may = is_taken(state, base);
        assert!(may || !is_taken(state, raised), "{} {state}", base.name());
    }
    baseline
}

fn is_taken(state: &TlsState, requirement: &Requirement) -> bool {
    match state {
        TlsState::Encrypted(session) => requirement.check(session).is_ok(),
        TlsState::Plaintext | TlsState::Unknown => false,
    }
}

/// Judges a recipient, and checks all that is said of the verdict.
fn is_accepted(state: &TlsState, requirement: &Requirement) -> bool {
    let case = Case {
        tls: state,
        client: Client::default(),
        sender: &Sender::default(),
        recipient: &Recipient::new(b"<user@example.com>", None, None),
        now: Timestamp::UNIX_EPOCH,
        on_unknown_tls: OnUnknownTls::Defer,
        require: Some(requirement),
    };
    let verdict = judge(&POLICY, &case);
    let accepted = verdict.decision() == Decision::Accept;
    assert_eq!(accepted, is_taken(state, requirement), "{state}");
    if let TlsState::Encrypted(session) = state
        && let Err(shortfall) = requirement.check(session)
    {
        let clause = shortfall.to_string();
        assert!(clause.len() < 200 && !clause.contains('%'), "{clause:?}");
        assert!(clause.chars().all(said::is_printable), "{clause:?}");
        let code = shortfall.kind().code();
        assert!(code.bytes().all(|octet| octet == b'-' || octet.is_ascii_lowercase()));
    }
    match verdict.reply(&case) {
        Some(reply) => said::check_reply(&reply.to_milter()),
        None => assert!(accepted),
    }
    accepted
}
