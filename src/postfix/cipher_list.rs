//! Lists of ciphers as OpenSSL reads them (openssl-ciphers(1)), as far as they name what suites are made of.

use policy::tls::Version;
use policy::tls::cipher::{Algorithm, Authentication, CipherMode, KeyExchange, Mac, Suite, suites};

/// Whether a list, as `tls_high_cipherlist` has one, holds a suite. A word that is not known may well name it.
pub(super) fn holds(list: &str, suite: &Suite) -> bool {
    let mut is_in = list.trim().is_empty();
    for element in list.split([':', ',', ' ', ';']).filter(|element| !element.is_empty()) {
        if let Some(killed) = element.strip_prefix('!') {
            if is_left_out(killed, suite) {
                return false;
            }
        } else if let Some(taken) = element.strip_prefix('-') {
            is_in &= !is_left_out(taken, suite);
        } else if !element.starts_with(['+', '@']) {
            is_in |= matches(element, suite) != Some(false);
        }
    }
    is_in
}

/// Whether an element that leaves suites out (`kRSA`, `EECDH+AESGCM`, the name of a suite) plainly leaves this one
/// out.
pub(super) fn is_left_out(element: &str, suite: &Suite) -> bool {
    matches(element, suite) == Some(true)
}

/// Whether a suite has all that an element names; nothing where a word is not known.
fn matches(element: &str, suite: &Suite) -> Option<bool> {
    let mut all = true;
    for word in element.split('+') {
        all &= has(word, suite)?;
    }
    Some(all)
}

fn has(word: &str, suite: &Suite) -> Option<bool> {
    use Algorithm::{
        Aes128, Aes256, Aria128, Aria256, Camellia128, Camellia256, ChaCha20, Null, Rc4, TripleDes,
    };
    use KeyExchange::{DhAnon, Dhe, EcdhAnon, Ecdhe, Rsa};
    if suite.names().any(|name| name == word) {
        return Some(true);
    }
    let key = |some: &[KeyExchange]| some.contains(&suite.key_exchange);
    let algorithm = |some: &[Algorithm]| some.contains(&suite.algorithm);
    let proof = |one: Authentication| suite.authentication == one;
    let is_aes = algorithm(&[Aes128, Aes256]);
    Some(match word {
        "ALL" | "COMPLEMENTOFALL" => (word == "ALL") != suite.is_null(),
        "DEFAULT" => !suite.is_null() && !suite.is_anonymous(),
        "HIGH" => !suite.is_null() && suite.strength_bits >= 128 && !algorithm(&[Rc4]),
        "MEDIUM" => algorithm(&[Rc4, TripleDes]),
        "LOW" | "EXPORT" | "EXP" => false,
        "aNULL" => suite.is_anonymous(),
        "eNULL" | "NULL" => algorithm(&[Null]),
        "kRSA" | "RSA" => key(&[Rsa]),
        "aRSA" => proof(Authentication::Rsa),
        "aECDSA" | "ECDSA" => proof(Authentication::Ecdsa),
        "aDSS" | "DSS" => proof(Authentication::Dss),
        "kDHE" | "kEDH" | "DH" => key(&[Dhe, DhAnon]),
        "DHE" | "EDH" => key(&[Dhe]),
        "ADH" => key(&[DhAnon]),
        "kECDHE" | "kEECDH" | "ECDH" => key(&[Ecdhe, EcdhAnon]),
        "ECDHE" | "EECDH" => key(&[Ecdhe]),
        "AECDH" => key(&[EcdhAnon]),
        "TLSv1.2" => suite.first == Version::Tlsv1_2,
        "TLSv1.0" | "TLSv1" | "SSLv3" => suite.first < Version::Tlsv1_2,
        "AES" => is_aes,
        "AES128" => algorithm(&[Aes128]),
        "AES256" => algorithm(&[Aes256]),
        "AESGCM" => is_aes && suite.mode == CipherMode::Gcm,
        "AESCCM" => is_aes && matches!(suite.mode, CipherMode::Ccm | CipherMode::Ccm8),
        "AESCCM8" => is_aes && suite.mode == CipherMode::Ccm8,
        "CHACHA20" => algorithm(&[ChaCha20]),
        "CAMELLIA" => algorithm(&[Camellia128, Camellia256]),
        "CAMELLIA128" => algorithm(&[Camellia128]),
        "CAMELLIA256" => algorithm(&[Camellia256]),
        "ARIA" | "ARIAGCM" => algorithm(&[Aria128, Aria256]),
        "ARIA128" => algorithm(&[Aria128]),
        "ARIA256" => algorithm(&[Aria256]),
        "3DES" => algorithm(&[TripleDes]),
        "RC4" => algorithm(&[Rc4]),
        "DES" | "RC2" | "IDEA" | "SEED" => false,
        "MD5" => suite.mac == Mac::Md5,
        "SHA" | "SHA1" => suite.mac == Mac::Sha1,
        "SHA256" => suite.mac == Mac::Sha256,
        "SHA384" => suite.mac == Mac::Sha384,
        // The name of another suite, or nothing that is known here.
        _ => return suites().any(|suite| suite.names().any(|name| name == word)).then_some(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(name: &str) -> &'static Suite {
        suites().find(|suite| suite.name == name).unwrap_or_else(|| panic!("{name}"))
    }

    /// Seen on Postfix 3.7.11 with OpenSSL 3.0: which suite is agreed upon where something is left out.
    #[test]
    fn elements_name_what_suites_are_made_of() {
        for (element, name, expected) in [
            ("ECDHE", "ECDHE-RSA-AES256-GCM-SHA384", true),
            ("ECDHE", "AECDH-AES256-SHA", false),
            ("kEECDH", "AECDH-AES256-SHA", true),
            ("EECDH+AESGCM", "ECDHE-RSA-AES256-GCM-SHA384", true),
            ("EECDH+AESGCM", "ECDHE-RSA-CHACHA20-POLY1305", false),
            ("SHA384", "ECDHE-RSA-AES256-GCM-SHA384", false),
            ("SHA384", "ECDHE-RSA-AES256-SHA384", true),
            ("aRSA", "ADH-AES256-GCM-SHA384", false),
            ("TLSv1.2", "ECDHE-RSA-AES256-SHA", false),
            ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", true),
            ("AES256", "ECDHE-RSA-CHACHA20-POLY1305", false),
            ("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384", true),
            ("nonsense", "ECDHE-RSA-AES256-GCM-SHA384", false),
            ("HIGH", "AES256-SHA", true),
        ] {
            assert_eq!(is_left_out(element, suite(name)), expected, "{element} {name}");
        }
    }

    #[test]
    fn a_list_is_read_from_its_beginning() {
        let high = "aNULL:-aNULL:HIGH:@STRENGTH";
        for (list, name, expected) in [
            (high, "ECDHE-RSA-AES256-GCM-SHA384", true),
            (high, "ADH-AES256-GCM-SHA384", true),
            ("HIGH:!aNULL", "ADH-AES256-GCM-SHA384", false),
            ("AES128-SHA", "AES128-SHA", true),
            ("AES128-SHA", "ECDHE-RSA-AES256-GCM-SHA384", false),
            ("ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256", "AES128-SHA", false),
            ("!kRSA:ALL", "AES128-SHA", false),
            ("PROFILE=SYSTEM", "AES128-SHA", true),
            ("", "AES128-SHA", true),
        ] {
            assert_eq!(holds(list, suite(name)), expected, "{list} {name}");
        }
    }
}
