//! What an smtpd offers of TLS, as far as its configuration tells, against what the policy asks for.
//!
//! Where no session that is offered satisfies a requirement, every sender is refused, whatever it does. Judged is
//! generously: a suite counts as offered unless it is plainly left out.

use super::Given;
use super::cipher_list::{holds, is_left_out};
use super::diagnosis::{Diagnosis, Gravity};
use super::facts::{Parameters, Service};
use config::finding::FindingId;
use policy::requirement::Shortfall;
use policy::tls::cipher::{Algorithm, KeyExchange, Suite, suites};
use policy::tls::{Encryption, Version};
use policy::{Entry, Mode, Requirement};
use std::collections::BTreeMap;

/// How many domains are shown.
const SHOWN: usize = 5;
/// The grades of ciphers that there are.
const GRADES: [&str; 5] = ["export", "low", "medium", "high", "null"];

/// The parameters that hold for all sessions, and where TLS is mandatory.
struct Names {
    protocols: &'static str,
    ciphers: &'static str,
    excluded: &'static [&'static str],
}

const OPPORTUNISTIC: Names = Names {
    protocols: "smtpd_tls_protocols",
    ciphers: "smtpd_tls_ciphers",
    excluded: &["smtpd_tls_exclude_ciphers"],
};
const MANDATORY: Names = Names {
    protocols: "smtpd_tls_mandatory_protocols",
    ciphers: "smtpd_tls_mandatory_ciphers",
    excluded: &["smtpd_tls_exclude_ciphers", "smtpd_tls_mandatory_exclude_ciphers"],
};

/// Looks at an smtpd that offers STARTTLS.
pub(super) fn check(given: &Given<'_>, service: &Service, found: &mut Vec<Diagnosis>) {
    let parameters = &service.parameters;
    if !parameters.offer_tls() {
        return;
    }
    let is_mandatory = parameters.get("smtpd_tls_security_level").eq_ignore_ascii_case("encrypt")
        || (parameters.get("smtpd_tls_security_level").is_empty()
            && parameters.is_yes("smtpd_enforce_tls"));
    let names = if is_mandatory { &MANDATORY } else { &OPPORTUNISTIC };
    if let Some(diagnosis) = misspelt(given, service, names) {
        found.push(diagnosis);
        return;
    }
    let Some(offered) = Offered::of(parameters, names) else { return };
    let mut wanting: BTreeMap<&str, Wanting<'_>> = BTreeMap::new();
    let policy = given.policy;
    let local = policy.local.iter().map(|entry| ("local", entry));
    for (pattern, entry) in policy.domains.iter().chain(policy.senders.iter()).chain(local) {
        if strictest(entry) == Mode::Off || offered.satisfies(&entry.requirement) {
            continue;
        }
        let requirement = &*entry.requirement;
        let of_it = wanting.entry(requirement.name()).or_insert_with(|| Wanting {
            requirement,
            mode: Mode::Off,
            patterns: Vec::new(),
        });
        of_it.mode = of_it.mode.max(strictest(entry));
        of_it.patterns.push(pattern);
    }
    for wanting in wanting.values() {
        found.push(wanting.diagnosis(given, service, names, &offered));
    }
}

/// The mode that comes in the end.
fn strictest(entry: &Entry) -> Mode {
    entry.schedule.mode_at(jiff::Timestamp::MAX)
}

/// A requirement that nothing satisfies, and who asks for it.
struct Wanting<'a> {
    requirement: &'a Requirement,
    mode: Mode,
    patterns: Vec<&'a str>,
}

impl Wanting<'_> {
    fn diagnosis(
        &self,
        given: &Given<'_>,
        service: &Service,
        names: &Names,
        offered: &Offered,
    ) -> Diagnosis {
        let required = self.requirement.min_version();
        let newest = offered.versions.iter().max();
        let too_old = newest.is_none_or(|newest| *newest < required);
        let parameter = if too_old { names.protocols } else { cipher_parameter(service, names) };
        let what = if too_old { "versions of TLS" } else { "ciphers" };
        let (gravity, effect) = match self.mode {
            Mode::Enforce => (Gravity::Error, "refused"),
            _ => (Gravity::Warning, "reported as one that would be refused"),
        };
        let mut details: Vec<String> =
            self.patterns.iter().take(SHOWN).map(|pattern| (*pattern).to_owned()).collect();
        if self.patterns.len() > SHOWN {
            details.push(format!("and {} more", self.patterns.len() - SHOWN));
        }
        let remedy = if too_old {
            format!(
                "let Postfix offer {} (`{} = >=TLSv1.2`), or ask for less",
                required.name(),
                names.protocols
            )
        } else {
            format!("take out of {parameter} what the requirement needs, or ask for less")
        };
        Diagnosis::new(
            FindingId::RequirementNotOffered,
            gravity,
            given.facts.place(Some(service), parameter),
            format!(
                "{} offers no {what} that satisfy the requirement `{}`: every sender to these domains is \
                 {effect}, whatever it does",
                service.label(),
                self.requirement.name()
            ),
            remedy,
        )
        .with(details)
    }
}

/// The parameter to look at where ciphers are wanting.
fn cipher_parameter(service: &Service, names: &Names) -> &'static str {
    let is_set = |name: &&&str| !service.parameters.get(name).is_empty();
    names.excluded.iter().find(is_set).copied().unwrap_or(names.ciphers)
}

/// A word that Postfix does not know in what it must read before it offers TLS.
fn misspelt(given: &Given<'_>, service: &Service, names: &Names) -> Option<Diagnosis> {
    let parameters = &service.parameters;
    let wrong = |parameter: &str, word: &str, remedy: &str| {
        Diagnosis::new(
            FindingId::TlsProtocolsMisspelt,
            if given.policy.domains.is_empty() { Gravity::Warning } else { Gravity::Error },
            given.facts.place(Some(service), parameter),
            format!(
                "Postfix cannot read `{word}`, and switches TLS off: {} answers 454 to STARTTLS, and all mail \
                 for opted-in domains is refused there",
                service.label()
            ),
            remedy,
        )
    };
    if let Err(word) = versions(parameters.get(names.protocols)) {
        let remedy = "write versions as in `>=TLSv1.2`, or `!TLSv1, !TLSv1.1`";
        return Some(wrong(names.protocols, word, remedy));
    }
    let grade = parameters.get(names.ciphers);
    let known = grade.is_empty() || GRADES.iter().any(|known| known.eq_ignore_ascii_case(grade));
    (!known).then(|| wrong(names.ciphers, grade, "there are: medium, high (and low, export, null)"))
}

/// The versions and suites that an smtpd may agree to.
struct Offered {
    versions: Vec<Version>,
    suites: Vec<&'static Suite>,
}

impl Offered {
    /// Nothing where that cannot be told.
    fn of(parameters: &Parameters, names: &Names) -> Option<Self> {
        let versions = versions(parameters.get(names.protocols)).ok()?;
        if versions.is_empty() {
            return Some(Self { versions, suites: Vec::new() });
        }
        let grade = parameters.get(names.ciphers).to_ascii_lowercase();
        let list = parameters.get(&format!("tls_{grade}_cipherlist"));
        let is_null = grade == "null";
        let excluded: Vec<&str> =
            names.excluded.iter().flat_map(|name| parameters.list(name)).collect();
        let spoken = || suites().filter(|suite| is_spoken(suite));
        let mut suites: Vec<&Suite> = spoken()
            .filter(|suite| suite.key_exchange != KeyExchange::Tls13 && suite.is_null() == is_null)
            .filter(|suite| holds(list, suite))
            .filter(|suite| !excluded.iter().any(|element| is_left_out(element, suite)))
            .collect();
        // The suites of TLS 1.3 are not in the list. But where nothing is left of it, OpenSSL takes no session.
        if !suites.is_empty() {
            suites.extend(spoken().filter(|suite| suite.key_exchange == KeyExchange::Tls13));
        }
        Some(Self { versions, suites })
    }

    /// Whether some session can satisfy a requirement; client certificates are another matter.
    fn satisfies(&self, requirement: &Requirement) -> bool {
        self.suites.iter().any(|suite| {
            let mut possible = self.versions.iter().filter(|version| suite.possible_in(**version));
            possible.any(|version| {
                let session = Encryption::new(*version, suite);
                matches!(
                    requirement.check(&session),
                    Ok(()) | Err(Shortfall::ClientCertificate { .. })
                )
            })
        })
    }
}

/// Whether OpenSSL, as it is built today (without 3DES and RC4), speaks a suite with an ordinary certificate.
fn is_spoken(suite: &Suite) -> bool {
    let key_exchange = matches!(
        suite.key_exchange,
        KeyExchange::Rsa
            | KeyExchange::Dhe
            | KeyExchange::Ecdhe
            | KeyExchange::DhAnon
            | KeyExchange::EcdhAnon
            | KeyExchange::Tls13
    );
    let algorithm = matches!(
        suite.algorithm,
        Algorithm::Null
            | Algorithm::Aes128
            | Algorithm::Aes256
            | Algorithm::Camellia128
            | Algorithm::Camellia256
            | Algorithm::Aria128
            | Algorithm::Aria256
            | Algorithm::ChaCha20
    );
    key_exchange && algorithm && !suite.export
}

/// The versions of a list of protocols (`>=TLSv1.2`, `!SSLv3`, `TLSv1.2 TLSv1.3`).
///
/// # Errors
///
/// The word that Postfix does not know: it then switches TLS off.
fn versions(list: &str) -> Result<Vec<Version>, &str> {
    let (mut floor, mut ceiling) = (None, None);
    let (mut included, mut excluded) = (Vec::new(), Vec::new());
    let words = list.split([',', ':', ' ', '\t', '\r', '\n']).filter(|word| !word.is_empty());
    for word in words {
        if let Some(bound) = word.strip_prefix(">=") {
            floor = bound_version(bound).ok_or(word)?;
        } else if let Some(bound) = word.strip_prefix("<=") {
            ceiling = bound_version(bound).ok_or(word)?;
        } else if let Some(name) = word.strip_prefix('!') {
            excluded.push(version(name).ok_or(word)?);
        } else {
            included.push(version(word).ok_or(word)?);
        }
    }
    let is_offered = |version: &Version| {
        floor.is_none_or(|floor| *version >= floor)
            && ceiling.is_none_or(|ceiling| *version <= ceiling)
            && (included.is_empty() || included.contains(version))
            && !excluded.contains(version)
    };
    // No OpenSSL of today has SSL 2.
    Ok(Version::ALL.into_iter().skip(1).filter(is_offered).collect())
}

/// The names of versions that Postfix knows.
fn version(name: &str) -> Option<Version> {
    let known = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
    let place = known.iter().position(|known| known.eq_ignore_ascii_case(name))?;
    Version::ALL.get(place).copied()
}

/// A bound: a name, or a number as OpenSSL has it (`0x0303`); none where there is no bound.
fn bound_version(text: &str) -> Option<Option<Version>> {
    if text.is_empty() {
        return Some(None);
    }
    if let Some(version) = version(text) {
        return Some(Some(version));
    }
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    Some(match u16::from_str_radix(digits, 16).ok()? {
        0 => None,
        0x0002 => Some(Version::Sslv2),
        0x0300 => Some(Version::Sslv3),
        0x0301 => Some(Version::Tlsv1),
        0x0302 => Some(Version::Tlsv1_1),
        0x0303 => Some(Version::Tlsv1_2),
        _ => Some(Version::Tlsv1_3),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Postfix 3.7.11 offered with each.
    #[test]
    fn a_list_of_protocols_is_read_as_postfix_reads_it() {
        let newest =
            |list| versions(list).map(|all| all.last().map(|version| version.name().into_owned()));
        for (list, expected) in [
            (">=TLSv1.2, <=TLSv1.2", Ok(Some("TLSv1.2"))),
            (">= TLSv1.2", Ok(Some("TLSv1.2"))),
            ("tlsv1.2", Ok(Some("TLSv1.2"))),
            ("TLSv1.2:TLSv1.3", Ok(Some("TLSv1.3"))),
            ("!TLSv1.3", Ok(Some("TLSv1.2"))),
            ("!TLSv1.2 !TLSv1.3", Ok(Some("TLSv1.1"))),
            ("TLSv12", Err("TLSv12")),
            (">=TLSv1.4", Err(">=TLSv1.4")),
            (">=0304", Ok(Some("TLSv1.3"))),
            (">=0x0304", Ok(Some("TLSv1.3"))),
            ("! TLSv1.3", Err("!")),
            ("all", Err("all")),
            ("!SSLv2,!SSLv3,!TLSv1,!TLSv1.1,TLSv1.2", Ok(Some("TLSv1.2"))),
            (">=TLSv1.3, <=TLSv1.2", Ok(None)),
            ("!SSLv2 SSLv3", Ok(Some("SSLv3"))),
            ("-TLSv1", Err("-TLSv1")),
            (">=", Ok(Some("TLSv1.3"))),
            ("", Ok(Some("TLSv1.3"))),
            ("!TLSv1.3, TLSv1.3", Ok(None)),
        ] {
            let expected = expected.map(|version: Option<&str>| version.map(str::to_owned));
            assert_eq!(newest(list), expected, "{list}");
        }
    }
}
