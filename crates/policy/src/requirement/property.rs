//! Properties of cipher suites that a requirement can forbid.

use std::fmt;

use strum::{EnumIter, EnumMessage, EnumString, IntoEnumIterator, IntoStaticStr};

use crate::tls::suite::{Algorithm, Authentication, CipherMode, KeyExchange, Mac, Suite};

/// A property of cipher suites that a requirement can forbid.
///
/// Properties of the key exchange never hold for a suite of TLS 1.3, where the key exchange is
/// no part of the suite. The order is that in which a refusal looks for its reason.
///
/// `to_string` is the name to show, `serialize` gives others that a policy can use, and `message` is
/// what a refusal calls it.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumIter,
    EnumMessage,
    EnumString,
    IntoStaticStr,
)]
#[strum(ascii_case_insensitive)]
pub enum Property {
    /// No encryption at all.
    #[strum(to_string = "NULL", serialize = "eNULL", message = "no encryption")]
    Null,
    /// The stream cipher RC4 (RFC 7465).
    #[strum(to_string = "RC4", serialize = "ARCFOUR", message = "RC4")]
    Rc4,
    /// Weakened for export.
    #[strum(to_string = "EXPORT", serialize = "EXP", message = "export grade")]
    Export,
    /// Single DES.
    #[strum(to_string = "DES", message = "single DES")]
    Des,
    /// The block cipher RC2.
    #[strum(to_string = "RC2", message = "RC2")]
    Rc2,
    /// Nobody proves who they are: DH_anon, ECDH_anon.
    #[strum(
        to_string = "anonymous",
        serialize = "anon",
        serialize = "aNULL",
        message = "anonymous"
    )]
    Anonymous,
    /// Anonymous finite-field Diffie-Hellman, without its elliptic sister.
    #[strum(to_string = "DH-anon", serialize = "ADH", message = "anonymous DH")]
    DhAnon,
    /// Anonymous Diffie-Hellman on elliptic curves.
    #[strum(to_string = "ECDH-anon", serialize = "AECDH", message = "anonymous ECDH")]
    EcdhAnon,
    /// Keys encrypted to the server's RSA key, also with a pre-shared key.
    #[strum(to_string = "static-RSA", serialize = "kRSA", message = "static RSA key exchange")]
    StaticRsa,
    /// Diffie-Hellman with a key from the certificate.
    #[strum(to_string = "static-DH", serialize = "kDH", message = "static DH key exchange")]
    StaticDh,
    /// Elliptic-curve Diffie-Hellman with a key from the certificate.
    #[strum(to_string = "static-ECDH", serialize = "kECDH", message = "static ECDH key exchange")]
    StaticEcdh,
    /// Ephemeral finite-field Diffie-Hellman of TLS 1.2 and before, also with a pre-shared key.
    #[strum(
        to_string = "DHE",
        serialize = "EDH",
        serialize = "kDHE",
        serialize = "kEDH",
        message = "DHE key exchange"
    )]
    Dhe,
    /// Pre-shared keys, alone or with something else.
    #[strum(to_string = "PSK", message = "pre-shared key")]
    Psk,
    /// Secure Remote Password.
    #[strum(to_string = "SRP", message = "SRP key exchange")]
    Srp,
    /// Kerberos.
    #[strum(to_string = "KRB5", serialize = "Kerberos", message = "Kerberos key exchange")]
    Krb5,
    /// Server keys for DSS.
    #[strum(to_string = "DSS", serialize = "aDSS", serialize = "DSA", message = "DSS")]
    Dss,
    /// Triple DES.
    #[strum(to_string = "3DES", serialize = "TripleDES", serialize = "DES3", message = "3DES")]
    TripleDes,
    /// The block cipher IDEA.
    #[strum(to_string = "IDEA", message = "IDEA")]
    Idea,
    /// The block cipher SEED.
    #[strum(to_string = "SEED", message = "SEED")]
    Seed,
    /// The block cipher Camellia.
    #[strum(to_string = "CAMELLIA", message = "Camellia")]
    Camellia,
    /// The block cipher ARIA.
    #[strum(to_string = "ARIA", message = "ARIA")]
    Aria,
    /// The block cipher SM4.
    #[strum(to_string = "SM4", message = "SM4")]
    Sm4,
    /// The Russian ciphers.
    #[strum(to_string = "GOST", message = "GOST")]
    Gost,
    /// ChaCha20-Poly1305.
    #[strum(to_string = "CHACHA20", serialize = "CHACHA20-POLY1305", message = "ChaCha20")]
    ChaCha20,
    /// AES with keys of 128 bits.
    #[strum(to_string = "AES128", serialize = "AES-128", message = "AES-128")]
    Aes128,
    /// AES with keys of 256 bits.
    #[strum(to_string = "AES256", serialize = "AES-256", message = "AES-256")]
    Aes256,
    /// Cipher block chaining.
    #[strum(to_string = "CBC", message = "CBC")]
    Cbc,
    /// Galois/counter mode.
    #[strum(to_string = "GCM", message = "GCM")]
    Gcm,
    /// Counter mode with CBC-MAC, with a tag of 16 or 8 octets.
    #[strum(to_string = "CCM", message = "CCM")]
    Ccm,
    /// Counter mode with CBC-MAC, with a tag of 8 octets.
    #[strum(to_string = "CCM8", serialize = "CCM-8", message = "CCM with a short tag")]
    Ccm8,
    /// Records protected by HMAC-MD5.
    #[strum(to_string = "MD5", message = "MD5")]
    Md5,
    /// Records protected by HMAC-SHA-1.
    #[strum(to_string = "SHA1", serialize = "SHA-1", serialize = "SHA", message = "SHA-1")]
    Sha1,
}

impl Property {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// Whether a suite has it.
    #[must_use]
    pub fn holds_for(self, suite: &Suite) -> bool {
        use KeyExchange as Kx;
        let (kx, algorithm, mode) = (suite.key_exchange, suite.algorithm, suite.mode);
        match self {
            Self::Null => suite.is_null(),
            Self::Rc4 => algorithm == Algorithm::Rc4,
            Self::Export => suite.export,
            Self::Des => algorithm == Algorithm::Des,
            Self::Rc2 => algorithm == Algorithm::Rc2,
            Self::Anonymous => suite.is_anonymous(),
            Self::DhAnon => kx == Kx::DhAnon,
            Self::EcdhAnon => kx == Kx::EcdhAnon,
            Self::StaticRsa => matches!(kx, Kx::Rsa | Kx::RsaPsk),
            Self::StaticDh => kx == Kx::Dh,
            Self::StaticEcdh => kx == Kx::Ecdh,
            Self::Dhe => matches!(kx, Kx::Dhe | Kx::DhePsk),
            Self::Psk => matches!(kx, Kx::Psk | Kx::RsaPsk | Kx::DhePsk | Kx::EcdhePsk),
            Self::Srp => kx == Kx::Srp,
            Self::Krb5 => kx == Kx::Krb5,
            Self::Dss => suite.authentication == Authentication::Dss,
            Self::TripleDes => algorithm == Algorithm::TripleDes,
            Self::Idea => algorithm == Algorithm::Idea,
            Self::Seed => algorithm == Algorithm::Seed,
            Self::Camellia => {
                matches!(algorithm, Algorithm::Camellia128 | Algorithm::Camellia256)
            }
            Self::Aria => matches!(algorithm, Algorithm::Aria128 | Algorithm::Aria256),
            Self::Sm4 => algorithm == Algorithm::Sm4,
            Self::Gost => {
                kx == Kx::Gost
                    || matches!(
                        algorithm,
                        Algorithm::Gost28147 | Algorithm::Kuznyechik | Algorithm::Magma
                    )
            }
            Self::ChaCha20 => algorithm == Algorithm::ChaCha20,
            Self::Aes128 => algorithm == Algorithm::Aes128,
            Self::Aes256 => algorithm == Algorithm::Aes256,
            Self::Cbc => mode == CipherMode::Cbc,
            Self::Gcm => mode == CipherMode::Gcm,
            Self::Ccm => matches!(mode, CipherMode::Ccm | CipherMode::Ccm8),
            Self::Ccm8 => mode == CipherMode::Ccm8,
            Self::Md5 => suite.mac == Mac::Md5,
            Self::Sha1 => suite.mac == Mac::Sha1,
        }
    }

    /// How a refusal calls it: `single DES`, `static RSA key exchange`.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.get_message().unwrap_or_default()
    }

    /// The property that a policy calls by this name, in either case; `static_rsa` is `static-RSA`.
    pub(super) fn from_token(text: &str) -> Option<Self> {
        text.replace('_', "-").parse().ok()
    }

    /// The names that a policy can use, the one to show first.
    pub(super) fn tokens(self) -> impl Iterator<Item = &'static str> {
        let shown: &str = self.into();
        let others = self.get_serializations().iter().copied().filter(move |token| *token != shown);
        [shown].into_iter().chain(others)
    }
}

/// As a policy writes it: `3DES`, `static-RSA`.
impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::catalogue;
    use crate::tls::version::Version;

    fn property(text: &str) -> Property {
        Property::from_token(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn every_property_has_a_name_that_is_read_back() {
        for expected in Property::all() {
            assert!(!expected.description().is_empty());
            assert_eq!(property(&expected.to_string()), expected);
            assert_eq!(expected.tokens().next(), Some(expected.into()));
            for token in expected.tokens() {
                assert_eq!(property(&token.to_uppercase().replace('-', "_")), expected);
                assert_eq!(property(&token.to_lowercase()), expected);
            }
        }
    }

    #[test]
    fn a_property_is_never_taken_for_another() {
        let mut tokens: Vec<String> =
            Property::all().flat_map(Property::tokens).map(str::to_lowercase).collect();
        let all = tokens.len();
        tokens.sort();
        tokens.dedup();
        assert_eq!(tokens.len(), all);
    }
    #[test]
    fn every_property_holds_for_some_suite_and_not_for_all() {
        for property in Property::all() {
            let holds = catalogue::suites().filter(|suite| property.holds_for(suite)).count();
            assert!(holds > 0 && holds < catalogue::suites().count(), "{property}");
        }
    }
    #[test]
    fn what_is_said_of_key_exchange_before_tls_13_does_not_touch_tls_13() {
        use Property as P;
        let key_exchange = [
            P::Anonymous,
            P::DhAnon,
            P::EcdhAnon,
            P::StaticRsa,
            P::StaticDh,
            P::StaticEcdh,
            P::Dhe,
            P::Psk,
            P::Srp,
            P::Krb5,
            P::Dss,
        ];
        for suite in catalogue::suites().filter(|suite| suite.first == Version::Tlsv1_3) {
            for property in key_exchange {
                assert!(!property.holds_for(suite), "{property} {}", suite.name);
            }
        }
    }
}
