//! The built-in requirements: the baseline, and what published standards ask for.
//!
//! Each stands on the baseline, so where a standard would take what the baseline refuses, the
//! baseline wins. What a standard asks for beyond version and cipher is named in `unseen`: no
//! macro of an MTA shows it, so no requirement can hold a session to it.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::builtin_suites::{
    ANSSI, ANSSI_DEGRADED, BSI_FORWARD_SECRECY, BSI_STATIC, MOZILLA_INTERMEDIATE, MOZILLA_MODERN,
    MOZILLA_OLD, NCSC_GOOD, NCSC_PHASE_OUT, NCSC_SUFFICIENT, NIST,
};
use super::check::Requirement;
use super::forbidden::Forbidden;
use super::property::Property;
use crate::tls::version::Version;

static BUILTINS: LazyLock<Vec<Arc<Requirement>>> =
    LazyLock::new(|| DEFINITIONS.iter().map(|one| Arc::new(one.build())).collect());

/// All built-in requirements, the baseline first.
pub fn builtins() -> impl Iterator<Item = &'static Requirement> {
    BUILTINS.iter().map(|requirement| &**requirement)
}

/// The requirement that a policy calls by this name: one of its own, or a built-in one.
#[must_use]
pub fn named<'r>(
    name: &str,
    own: &'r BTreeMap<String, Arc<Requirement>>,
) -> Option<&'r Arc<Requirement>> {
    own.get(name).or_else(|| Requirement::builtin(name))
}

impl Requirement {
    /// A built-in requirement by its name, in lower case.
    #[must_use]
    pub fn builtin(name: &str) -> Option<&'static Arc<Self>> {
        BUILTINS.iter().find(|requirement| requirement.name == name)
    }
}

struct Definition {
    name: &'static str,
    title: &'static str,
    source: &'static str,
    unseen: &'static [&'static str],
    notes: &'static [&'static str],
    min_version: Version,
    min_bits: u16,
    forward_secrecy: bool,
    aead: bool,
    forbid: &'static [Property],
    /// The only suites that are accepted, names separated by spaces; if empty, any suite is.
    allow: &'static [&'static str],
}

impl Definition {
    fn build(&self) -> Requirement {
        let mut builder = Requirement::builder(self.name)
            .title(self.title)
            .documented(self.source, self.unseen, self.notes)
            .min_version(self.min_version)
            .min_bits(self.min_bits)
            .forward_secrecy(self.forward_secrecy)
            .aead(self.aead)
            .forbid(self.forbid.iter().copied().map(Forbidden::Property));
        if !self.allow.is_empty() {
            let names = self.allow.iter().flat_map(|list| list.split_ascii_whitespace());
            builder = builder.allow(names.map(|name| {
                name.parse().expect("the lists are constants, and a test looks each name up")
            }));
        }
        builder.build().expect("the definitions are constants, and a test builds each of them")
    }
}

const GROUPS: &str = "The size of a Diffie-Hellman group and the elliptic curve are not shown.";

const CBC_TAKEN: &str = "CBC ciphers are meant to be used with encrypt-then-MAC (RFC 7366). \
    No macro shows whether they are; they are accepted nevertheless.";

const CBC_REFUSED: &str = "CBC ciphers would be acceptable with encrypt-then-MAC (RFC 7366). No \
    macro shows whether it is used, so they are refused.";

/// What the definitions below have in common with the baseline.
const BASELINE: Definition = Definition {
    name: "baseline",
    title: "Encrypted at all: the least that counts",
    source: "RFC 6176, RFC 7568, RFC 7465; RFC 9325, section 4.1 (NULL, export, 112 bits)",
    unseen: &[],
    notes: &[
        "Takes anonymous ciphers, 3DES, TLS 1.0 and 1.1, which keep others from reading along.",
    ],
    min_version: Version::Tlsv1,
    min_bits: 112,
    forward_secrecy: false,
    aead: false,
    forbid: &[],
    allow: &[],
};

const DEFINITIONS: &[Definition] = &[
    BASELINE,
    Definition {
        name: "rfc9325",
        title: "BCP 195, what it says with MUST",
        source: "RFC 9325, sections 3.1.1 (versions) and 4.1 (NULL, RC4, export, 112 bits)",
        unseen: &[GROUPS],
        notes: &[
            "3DES counts as 112 bits and is taken; anonymous ciphers are not named anywhere in \
             the document.",
            "Section 5.2 leaves opportunistic encryption out of scope.",
        ],
        min_version: Version::Tlsv1_2,
        ..BASELINE
    },
    Definition {
        name: "rfc9325-strict",
        title: "BCP 195, what it says with MUST and SHOULD",
        source: "RFC 9325, sections 3.1.1, 4.1 and 4.2",
        unseen: &[CBC_REFUSED, GROUPS],
        notes: &[
            "Anonymous ciphers are refused by our reading: section 5.1 counts authentication among \
             the goals.",
        ],
        min_version: Version::Tlsv1_2,
        min_bits: 128,
        forward_secrecy: true,
        aead: true,
        forbid: &[
            Property::Anonymous,
            Property::StaticRsa,
            Property::StaticDh,
            Property::StaticEcdh,
            Property::Dhe,
        ],
        ..BASELINE
    },
    Definition {
        name: "rfc10015",
        title: "Obsolete key exchange in TLS 1.2, on top of rfc9325",
        source: "RFC 10015, sections 2 to 4; RFC 9325 as above",
        unseen: &[GROUPS],
        notes: &["Static ECDH and anonymous ECDH are only SHOULD NOT there, and are taken."],
        min_version: Version::Tlsv1_2,
        forbid: &[Property::DhAnon, Property::StaticRsa, Property::StaticDh, Property::Dhe],
        ..BASELINE
    },
    Definition {
        name: "bsi-tr-02102-2",
        title: "BSI TR-02102-2, with forward secrecy",
        source: "BSI TR-02102-2 v2025-01, sections 3.2, 3.3.1.1 and 3.3.1.3 (tables 2, 4), 3.4.4",
        unseen: &[CBC_TAKEN, GROUPS],
        notes: &[
            "ChaCha20 and CCM with a short tag are not on the list. DHE and DSS are recommended \
             until 2029 only.",
        ],
        min_version: Version::Tlsv1_2,
        min_bits: 120,
        forward_secrecy: true,
        allow: &[BSI_FORWARD_SECRECY],
        ..BASELINE
    },
    Definition {
        name: "bsi-tr-02102-2-nopfs",
        title: "BSI TR-02102-2, also what it recommends without forward secrecy until 2026",
        source: "BSI TR-02102-2 v2025-01, as above and section 3.3.1.2 (table 3), table 4",
        unseen: &[CBC_TAKEN, GROUPS],
        notes: &[
            "RSA key transport is on no list. Static DH, static ECDH and RSA-PSK end with 2026.",
        ],
        min_version: Version::Tlsv1_2,
        min_bits: 120,
        allow: &[BSI_FORWARD_SECRECY, BSI_STATIC],
        ..BASELINE
    },
    Definition {
        name: "nist-sp800-52r2",
        title: "NIST SP 800-52 Rev. 2, government-only servers",
        source: "NIST SP 800-52 Rev. 2, sections 3.1 (versions) and 3.3.1 (ciphers)",
        unseen: &[GROUPS],
        notes: &[
            "ChaCha20 is not on the list, not even in TLS 1.3. RSA key transport (appendix D) and \
             pre-shared keys are left out here.",
        ],
        min_version: Version::Tlsv1_2,
        allow: &[NIST],
        ..BASELINE
    },
    Definition {
        name: "ncsc-nl-good",
        title: "NCSC-NL, good",
        source: "NCSC-NL, IT security guidelines for TLS 2025-05, section 3.3, appendix B",
        unseen: &[GROUPS],
        notes: &["AES-128 is only sufficient."],
        min_version: Version::Tlsv1_3,
        min_bits: 256,
        forward_secrecy: true,
        aead: true,
        allow: &[NCSC_GOOD],
        ..BASELINE
    },
    Definition {
        name: "ncsc-nl-sufficient",
        title: "NCSC-NL, sufficient or better",
        source: "NCSC-NL, IT security guidelines for TLS 2025-05, section 3.3, appendix B",
        unseen: &[GROUPS],
        notes: &[],
        min_version: Version::Tlsv1_2,
        min_bits: 128,
        forward_secrecy: true,
        aead: true,
        allow: &[NCSC_GOOD, NCSC_SUFFICIENT],
        ..BASELINE
    },
    Definition {
        name: "ncsc-nl-phase-out",
        title: "NCSC-NL, phase out or better",
        source: "NCSC-NL, IT security guidelines for TLS 2025-05, section 3.3, appendix B",
        unseen: &[GROUPS],
        notes: &["TLS 1.0 and 1.1, RSA key transport, 3DES and SHA-1 are insufficient since 2025."],
        min_version: Version::Tlsv1_2,
        min_bits: 128,
        forward_secrecy: true,
        allow: &[NCSC_GOOD, NCSC_SUFFICIENT, NCSC_PHASE_OUT],
        ..BASELINE
    },
    Definition {
        name: "mozilla-modern",
        title: "Mozilla Server Side TLS, modern",
        source: "Mozilla Server Side TLS 6.0 (the same in 5.7 and 5.8)",
        unseen: &[GROUPS],
        notes: &[],
        min_version: Version::Tlsv1_3,
        min_bits: 128,
        forward_secrecy: true,
        aead: true,
        allow: &[MOZILLA_MODERN],
        ..BASELINE
    },
    Definition {
        name: "mozilla-intermediate",
        title: "Mozilla Server Side TLS, intermediate",
        source: "Mozilla Server Side TLS 6.0 (the same in 5.8)",
        unseen: &[GROUPS],
        notes: &["DHE was dropped in 5.8."],
        min_version: Version::Tlsv1_2,
        min_bits: 128,
        forward_secrecy: true,
        aead: true,
        allow: &[MOZILLA_MODERN, MOZILLA_INTERMEDIATE],
        ..BASELINE
    },
    Definition {
        name: "mozilla-old",
        title: "Mozilla Server Side TLS, old",
        source: "Mozilla Server Side TLS 5.8 (6.0 has no such level)",
        unseen: &[GROUPS],
        notes: &[],
        allow: &[MOZILLA_MODERN, MOZILLA_INTERMEDIATE, MOZILLA_OLD],
        ..BASELINE
    },
    Definition {
        name: "anssi",
        title: "ANSSI, recommended ciphers",
        source: "ANSSI SDE-NT-35 v1.2 (2020-03-26), R3, R4, R6 to R11, annex A.1",
        unseen: &[GROUPS],
        notes: &[],
        min_version: Version::Tlsv1_2,
        min_bits: 128,
        forward_secrecy: true,
        aead: true,
        allow: &[ANSSI],
        ..BASELINE
    },
    Definition {
        name: "anssi-degraded",
        title: "ANSSI, recommended and degraded ciphers",
        source: "ANSSI SDE-NT-35 v1.2 (2020-03-26), also R8-, R9-, R10-, annex A.2",
        unseen: &[CBC_TAKEN, GROUPS],
        notes: &["Pre-shared keys are left out here."],
        min_version: Version::Tlsv1_2,
        min_bits: 128,
        forward_secrecy: true,
        allow: &[ANSSI, ANSSI_DEGRADED],
        ..BASELINE
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_requirement_is_found_by_its_name_and_names_its_source() {
        let names: Vec<_> = builtins().map(Requirement::name).collect();
        assert_eq!(
            names,
            [
                "baseline",
                "rfc9325",
                "rfc9325-strict",
                "rfc10015",
                "bsi-tr-02102-2",
                "bsi-tr-02102-2-nopfs",
                "nist-sp800-52r2",
                "ncsc-nl-good",
                "ncsc-nl-sufficient",
                "ncsc-nl-phase-out",
                "mozilla-modern",
                "mozilla-intermediate",
                "mozilla-old",
                "anssi",
                "anssi-degraded",
            ]
        );
        for requirement in builtins() {
            assert_eq!(&**Requirement::builtin(requirement.name()).unwrap(), requirement);
            assert!(!requirement.title().is_empty() && !requirement.source().is_empty());
        }
        assert_eq!(Requirement::builtin("BASELINE"), None);
        assert_eq!(Requirement::builtin(""), None);
    }

    #[test]
    fn whatever_a_standard_lists_it_takes() {
        for requirement in builtins() {
            let in_vain: Vec<_> = requirement.allowed_in_vain().map(|suite| suite.name).collect();
            assert!(in_vain.is_empty(), "{}: {in_vain:?}", requirement.name());
        }
    }

    #[test]
    fn a_requirement_that_would_need_more_than_the_macros_show_says_so() {
        for requirement in builtins().skip(1) {
            assert!(requirement.unseen().any(|sentence| sentence == GROUPS));
            let lists_cbc = requirement
                .allowed_suites()
                .is_some_and(|mut suites| suites.any(|suite| Property::Cbc.holds_for(suite)));
            // NIST and Mozilla do not tie CBC to encrypt-then-MAC.
            if lists_cbc && requirement.name().starts_with("bsi") {
                assert!(requirement.unseen().any(|sentence| sentence == CBC_TAKEN));
            }
        }
    }
}
