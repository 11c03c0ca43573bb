//! The catalogue of cipher suites, read from `ciphers.csv`, which is compiled in and names its
//! sources.
//!
//! It is read once, when the first name is looked up. A look-up is one in a table of the names as they
//! stand in the data, so it allocates nothing.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

use super::suite::Suite;
use super::version::Version;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    Catalogue::read(include_str!("ciphers.csv"))
        .expect("ciphers.csv is compiled in, and a test reads all of it")
});

/// All suites.
pub fn suites() -> impl Iterator<Item = &'static Suite> {
    CATALOGUE.suites.iter()
}

/// All names of all suites, for suggestions.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CATALOGUE.names.iter().map(|(name, ..)| *name)
}

/// The suite of a name, in either case; and the second one of that name, which is not of SSL 2.
pub(crate) fn find(name: &[u8]) -> Option<(&'static Suite, Option<&'static Suite>)> {
    CATALOGUE.find(name)
}

/// The suite at a place in the catalogue.
pub(crate) fn suite_at(index: u16) -> Option<&'static Suite> {
    CATALOGUE.suites.get(usize::from(index))
}

struct Catalogue {
    suites: Vec<Suite>,
    /// Every name with its suite, and the second suite of that name; sorted without regard to
    /// case.
    names: Vec<(&'static str, u16, Option<u16>)>,
    /// Where in `names` each of them is.
    places: HashTable<u16>,
    hasher: DefaultHashBuilder,
}

impl Catalogue {
    fn read(data: &'static str) -> Option<Self> {
        let lines = data.lines().filter(|line| !line.starts_with('#')).skip(1);
        let suites = lines
            .enumerate()
            .map(|(index, line)| read_suite(index, line))
            .collect::<Option<Vec<_>>>()?;
        let mut all: Vec<(&'static str, u16)> =
            suites.iter().flat_map(|suite| suite.names().map(|name| (name, suite.index))).collect();
        // Stable: of two suites with one name, that of SSL 2 comes first, as in the data.
        all.sort_by(|(a, _), (b, _)| without_case(a.as_bytes(), b.as_bytes()));
        let mut names: Vec<(&'static str, u16, Option<u16>)> = Vec::with_capacity(all.len());
        for (name, index) in all {
            match names.last_mut() {
                Some((last, _, second)) if last.eq_ignore_ascii_case(name) => {
                    if second.replace(index).is_some() {
                        return None;
                    }
                }
                _ => names.push((name, index, None)),
            }
        }
        let hasher = DefaultHashBuilder::default();
        let mut places = HashTable::with_capacity(names.len());
        for (place, (name, ..)) in (0..).zip(&names) {
            let rehash = |_: &u16| 0; // There is room for all.
            places.insert_unique(hash_without_case(&hasher, name.as_bytes()), place, rehash);
        }
        Some(Self { suites, names, places, hasher })
    }

    fn find(&'static self, name: &[u8]) -> Option<(&'static Suite, Option<&'static Suite>)> {
        let known = |place: &u16| self.names.get(usize::from(*place));
        let is_it = |place: &u16| {
            known(place).is_some_and(|(known, ..)| known.as_bytes().eq_ignore_ascii_case(name))
        };
        let place = self.places.find(hash_without_case(&self.hasher, name), is_it)?;
        let (_, first, second) = *known(place)?;
        let suite = |index: u16| self.suites.get(usize::from(index));
        Some((suite(first)?, second.and_then(suite)))
    }
}

/// The same for names that differ in case alone.
fn hash_without_case(hasher: &DefaultHashBuilder, name: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    for part in name.chunks(8) {
        let mut word = [0; 8];
        for (place, octet) in word.iter_mut().zip(part) {
            *place = octet.to_ascii_lowercase();
        }
        hasher.write_u64(u64::from_le_bytes(word));
    }
    hasher.finish()
}

fn without_case(a: &[u8], b: &[u8]) -> Ordering {
    a.iter().map(u8::to_ascii_lowercase).cmp(b.iter().map(u8::to_ascii_lowercase))
}

fn read_suite(index: usize, line: &'static str) -> Option<Suite> {
    let mut fields = line.split(',');
    let mut next = || fields.next();
    let suite = Suite {
        name: next()?,
        iana_name: next().map(|name| (!name.is_empty()).then_some(name))?,
        first: Version::from_name(next()?.as_bytes())?,
        last: Version::from_name(next()?.as_bytes())?,
        key_exchange: next()?.parse().ok()?,
        authentication: next()?.parse().ok()?,
        algorithm: next()?.parse().ok()?,
        mode: next()?.parse().ok()?,
        mac: next()?.parse().ok()?,
        strength_bits: next()?.parse().ok()?,
        export: next()? == "export",
        spellings: next()?,
        index: u16::try_from(index).ok()?,
    };
    next().is_none().then_some(suite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::suite::{Algorithm, CipherMode, Mac};

    /// The name that tells most, in one spelling.
    fn iana_like(suite: &Suite) -> String {
        suite.iana_name.unwrap_or(suite.name).replace('-', "_").to_uppercase()
    }

    #[test]
    fn the_catalogue_holds_every_suite_and_every_name() {
        assert_eq!(suites().count(), 430);
        assert_eq!(names().count(), 1278);
        for suite in suites() {
            assert!(suite.first <= suite.last, "{}", suite.name);
            for name in suite.names() {
                let (first, second) = find(name.as_bytes()).unwrap();
                assert!(first == suite || second == Some(suite), "{name}");
            }
        }
    }

    #[test]
    fn names_are_found_in_either_case_and_never_in_part() {
        for name in names() {
            let found = find(name.as_bytes());
            assert!(found.is_some());
            assert_eq!(find(name.to_lowercase().as_bytes()), found);
            assert_eq!(find(name.to_uppercase().as_bytes()), found);
            assert_eq!(find(format!("{name}\0").as_bytes()), None);
            assert_eq!(find(format!(" {name}").as_bytes()), None);
        }
        assert_eq!(find(b""), None);
    }

    #[test]
    fn four_names_mean_one_suite_in_ssl_2_and_another_one_later() {
        let twice: Vec<_> = CATALOGUE
            .names
            .iter()
            .filter_map(|(name, first, second)| Some((*name, *first, (*second)?)))
            .map(|(name, first, second)| {
                assert_eq!(suite_at(first).unwrap().last, Version::Sslv2);
                assert_eq!(suite_at(second).unwrap().first, Version::Sslv3);
                name
            })
            .collect();
        assert_eq!(twice, ["EXP-RC2-CBC-MD5", "EXP-RC4-MD5", "NULL-MD5", "RC4-MD5"]);
    }

    #[test]
    fn a_name_is_found_as_a_walk_through_all_suites_finds_it() {
        let naive = |name: &str| {
            suites().find(|suite| suite.names().any(|known| known.eq_ignore_ascii_case(name)))
        };
        for name in ["RC4-md5", "tls13_aes_128_gcm_sha256", "AES128-SHA", "AES128-SH", "X", "~"] {
            assert_eq!(find(name.as_bytes()).map(|(suite, _)| suite), naive(name), "{name}");
        }
    }

    #[test]
    fn what_a_suite_is_can_be_read_in_its_name() {
        for suite in suites() {
            let name = iana_like(suite);
            let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
            // TLS_SHA256_SHA256 authenticates and does not encrypt (RFC 9150).
            let null = has(&["NULL"]) || name.starts_with("TLS_SHA");
            assert_eq!(suite.is_null(), null, "{name}");
            assert_eq!(suite.strength_bits == 0, null, "{name}");
            assert_eq!(suite.algorithm == Algorithm::Rc4, has(&["RC4"]), "{name}");
            assert_eq!(suite.algorithm == Algorithm::Rc2, has(&["RC2"]), "{name}");
            assert_eq!(suite.export, has(&["EXP"]), "{name}");
            let triple = has(&["3DES", "DES_192", "DES_CBC3"]);
            assert_eq!(suite.algorithm == Algorithm::TripleDes, triple, "{name}");
            assert_eq!(suite.algorithm == Algorithm::Des, has(&["DES"]) && !triple, "{name}");
            let aead = has(&["GCM", "CCM", "POLY1305", "MGM", "AEGIS"]);
            assert_eq!(suite.is_aead(), aead, "{name}");
            assert_eq!(suite.mode == CipherMode::Cbc, has(&["CBC"]) && !null, "{name}");
            let anonymous = has(&["_ANON_", "AECDH", "SSL_CK_NULL"]) && !has(&["NULL_WITH_MD5"])
                || name == "TLS_NULL_WITH_NULL_NULL";
            assert_eq!(suite.is_anonymous(), anonymous, "{name}");
            assert_eq!(suite.mac == Mac::Md5, has(&["MD5"]), "{name}");
        }
    }

    #[test]
    fn forward_secrecy_can_be_read_in_the_name_of_a_suite() {
        for suite in suites() {
            let name = iana_like(suite);
            let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
            let ephemeral = has(&["DHE_", "_DHE", "_ANON_", "AECDH", "CECPQ1", "ECCPWD", "IBSDH"]);
            let tls13 = suite.first == Version::Tlsv1_3;
            assert_eq!(suite.forward_secrecy(), ephemeral || tls13, "{name}");
        }
    }

    #[test]
    fn no_suite_is_stronger_than_its_name_says() {
        for suite in suites() {
            let name = iana_like(suite);
            for (part, bits) in [("_128", 128), ("_40_", 40), ("DES40", 40), ("_56_", 56)] {
                if name.contains(part) {
                    assert!(suite.strength_bits <= bits, "{name}");
                }
            }
            if suite.export {
                assert!(suite.strength_bits <= 56, "{name}");
            }
        }
    }
}
