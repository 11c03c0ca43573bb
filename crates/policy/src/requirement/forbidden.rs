//! What a requirement can forbid: properties of ciphers, and single ciphers by name.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::suggest::{DidYouMean, nearest};
use crate::tls::catalogue;
use crate::tls::safe_name::SafeName;
use crate::tls::suite::{Algorithm, Authentication, KeyExchange, Mac, Mode, Suite};
use crate::tls::version::Version;

/// A property of cipher suites that a requirement can forbid.
///
/// Properties of the key exchange never hold for a suite of TLS 1.3, where the key exchange is
/// no part of the suite. The order is that in which a refusal looks for its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    /// No encryption at all.
    Null,
    /// The stream cipher RC4 (RFC 7465).
    Rc4,
    /// Weakened for export.
    Export,
    /// Single DES.
    Des,
    /// The block cipher RC2.
    Rc2,
    /// Nobody proves who they are: DH_anon, ECDH_anon.
    Anonymous,
    /// Anonymous finite-field Diffie-Hellman, without its elliptic sister.
    DhAnon,
    /// Anonymous Diffie-Hellman on elliptic curves.
    EcdhAnon,
    /// Keys encrypted to the server's RSA key, also with a pre-shared key.
    StaticRsa,
    /// Diffie-Hellman with a key from the certificate.
    StaticDh,
    /// The same on elliptic curves.
    StaticEcdh,
    /// Ephemeral finite-field Diffie-Hellman of TLS 1.2 and before, also with a pre-shared key.
    Dhe,
    /// Pre-shared keys, alone or with something else.
    Psk,
    /// Secure Remote Password.
    Srp,
    /// Kerberos.
    Krb5,
    /// Server keys for DSS.
    Dss,
    /// Triple DES.
    TripleDes,
    /// The block cipher IDEA.
    Idea,
    /// The block cipher SEED.
    Seed,
    /// The block cipher Camellia.
    Camellia,
    /// The block cipher ARIA.
    Aria,
    /// The block cipher SM4.
    Sm4,
    /// The Russian ciphers.
    Gost,
    /// ChaCha20-Poly1305.
    ChaCha20,
    /// AES with keys of 128 bits.
    Aes128,
    /// AES with keys of 256 bits.
    Aes256,
    /// Cipher block chaining.
    Cbc,
    /// Galois/counter mode.
    Gcm,
    /// Counter mode with CBC-MAC, with a tag of 16 or 8 octets.
    Ccm,
    /// The same with a tag of 8 octets.
    Ccm8,
    /// Records protected by HMAC-MD5.
    Md5,
    /// Records protected by HMAC-SHA-1.
    Sha1,
}

/// How each property is written in a policy (the first name is the one to show), and what a
/// refusal calls it.
const PROPERTIES: &[(Property, &[&str], &str)] = &[
    (Property::Null, &["NULL", "eNULL"], "no encryption"),
    (Property::Rc4, &["RC4", "ARCFOUR"], "RC4"),
    (Property::Export, &["EXPORT", "EXP"], "export grade"),
    (Property::Des, &["DES"], "single DES"),
    (Property::Rc2, &["RC2"], "RC2"),
    (Property::Anonymous, &["anonymous", "anon", "aNULL"], "anonymous"),
    (Property::DhAnon, &["DH-anon", "ADH"], "anonymous DH"),
    (Property::EcdhAnon, &["ECDH-anon", "AECDH"], "anonymous ECDH"),
    (Property::StaticRsa, &["static-RSA", "kRSA"], "static RSA key exchange"),
    (Property::StaticDh, &["static-DH", "kDH"], "static DH key exchange"),
    (Property::StaticEcdh, &["static-ECDH", "kECDH"], "static ECDH key exchange"),
    (Property::Dhe, &["DHE", "EDH", "kDHE", "kEDH"], "DHE key exchange"),
    (Property::Psk, &["PSK"], "pre-shared key"),
    (Property::Srp, &["SRP"], "SRP key exchange"),
    (Property::Krb5, &["KRB5", "Kerberos"], "Kerberos key exchange"),
    (Property::Dss, &["DSS", "aDSS", "DSA"], "DSS"),
    (Property::TripleDes, &["3DES", "TripleDES", "DES3"], "3DES"),
    (Property::Idea, &["IDEA"], "IDEA"),
    (Property::Seed, &["SEED"], "SEED"),
    (Property::Camellia, &["CAMELLIA"], "Camellia"),
    (Property::Aria, &["ARIA"], "ARIA"),
    (Property::Sm4, &["SM4"], "SM4"),
    (Property::Gost, &["GOST"], "GOST"),
    (Property::ChaCha20, &["CHACHA20", "CHACHA20-POLY1305"], "ChaCha20"),
    (Property::Aes128, &["AES128", "AES-128"], "AES-128"),
    (Property::Aes256, &["AES256", "AES-256"], "AES-256"),
    (Property::Cbc, &["CBC"], "CBC"),
    (Property::Gcm, &["GCM"], "GCM"),
    (Property::Ccm, &["CCM"], "CCM"),
    (Property::Ccm8, &["CCM8", "CCM-8"], "CCM with a short tag"),
    (Property::Md5, &["MD5"], "MD5"),
    (Property::Sha1, &["SHA1", "SHA-1", "SHA"], "SHA-1"),
];

impl Property {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        PROPERTIES.iter().map(|(property, ..)| *property)
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
            Self::Cbc => mode == Mode::Cbc,
            Self::Gcm => mode == Mode::Gcm,
            Self::Ccm => matches!(mode, Mode::Ccm | Mode::Ccm8),
            Self::Ccm8 => mode == Mode::Ccm8,
            Self::Md5 => suite.mac == Mac::Md5,
            Self::Sha1 => suite.mac == Mac::Sha1,
        }
    }

    /// How a refusal calls it: `single DES`, `static RSA key exchange`.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.row().map_or("", |(.., description)| description)
    }

    fn row(self) -> Option<&'static (Self, &'static [&'static str], &'static str)> {
        PROPERTIES.iter().find(|(property, ..)| *property == self)
    }

    fn from_token(text: &str) -> Option<Self> {
        PROPERTIES
            .iter()
            .find(|(_, tokens, _)| tokens.iter().any(|token| same_token(token, text)))
            .map(|(property, ..)| *property)
    }
}

/// As a policy writes it: `3DES`, `static-RSA`.
impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.row().and_then(|(_, tokens, _)| tokens.first()).copied().unwrap_or(""))
    }
}

/// In either case; `static_rsa` is `static-RSA`.
fn same_token(token: &str, text: &str) -> bool {
    let folded = |byte: u8| {
        if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() }
    };
    token.bytes().map(folded).eq(text.bytes().map(folded))
}

/// A cipher named in a policy: one suite, or the two of one OpenSSL name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CipherName {
    first: &'static Suite,
    second: Option<&'static Suite>,
}

impl CipherName {
    /// The suites that it names.
    pub fn suites(self) -> impl Iterator<Item = &'static Suite> {
        [self.first].into_iter().chain(self.second)
    }
}

impl fmt::Display for CipherName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.first.name)
    }
}

/// A cipher in a policy that is not in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is no known cipher{}", DidYouMean(*.nearest))]
pub struct UnknownCipherName {
    text: SafeName,
    nearest: Option<&'static str>,
}

impl FromStr for CipherName {
    type Err = UnknownCipherName;

    /// Any name of the catalogue, in either case.
    fn from_str(text: &str) -> Result<Self, UnknownCipherName> {
        catalogue::find(text.as_bytes()).map(|(first, second)| Self { first, second }).ok_or_else(
            || UnknownCipherName {
                text: SafeName::new(text.as_bytes()),
                nearest: nearest(text, catalogue::names()),
            },
        )
    }
}

/// An item of `forbid`: a property or a cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// Every suite that has the property.
    Property(Property),
    /// This cipher.
    Cipher(CipherName),
}

/// An item of `forbid` that is neither a property nor a cipher.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnknownForbidden {
    /// It names a version of TLS.
    #[error("`{0}` is a version of TLS; the versions that are accepted are set by min_version")]
    Version(SafeName),
    /// It names nothing.
    #[error(
        "`{text}` is no known cipher and no property of ciphers{}; properties are {}",
        DidYouMean(*.nearest),
        Tokens
    )]
    Nothing {
        /// What was written.
        text: SafeName,
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
}

impl FromStr for Forbidden {
    type Err = UnknownForbidden;

    fn from_str(text: &str) -> Result<Self, UnknownForbidden> {
        if let Some(property) = Property::from_token(text) {
            return Ok(Self::Property(property));
        }
        if let Ok(cipher) = text.parse() {
            return Ok(Self::Cipher(cipher));
        }
        let safe = SafeName::new(text.as_bytes());
        if Version::from_name(text.as_bytes()).is_some() {
            return Err(UnknownForbidden::Version(safe));
        }
        let tokens = PROPERTIES.iter().flat_map(|(_, tokens, _)| tokens.iter().copied());
        let nearest = nearest(text, tokens.chain(catalogue::names()));
        Err(UnknownForbidden::Nothing { text: safe, nearest })
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Property(property) => property.fmt(f),
            Self::Cipher(cipher) => cipher.fmt(f),
        }
    }
}

/// The properties as a policy writes them, with commas.
struct Tokens;

impl fmt::Display for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, property) in Property::all().enumerate() {
            write!(f, "{}{property}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property(text: &str) -> Property {
        match text.parse() {
            Ok(Forbidden::Property(property)) => property,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn every_property_has_a_name_that_is_read_back() {
        assert_eq!(Property::all().count(), PROPERTIES.len());
        for (expected, tokens, description) in PROPERTIES {
            assert!(!description.is_empty());
            assert_eq!(property(&expected.to_string()), *expected);
            for token in *tokens {
                assert_eq!(property(&token.to_uppercase().replace('-', "_")), *expected);
                assert_eq!(property(&token.to_lowercase()), *expected);
            }
        }
    }

    #[test]
    fn a_property_is_never_taken_for_another() {
        let mut tokens: Vec<String> = PROPERTIES
            .iter()
            .flat_map(|(_, tokens, _)| tokens.iter().map(|token| token.to_lowercase()))
            .collect();
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

    #[test]
    fn a_cipher_is_forbidden_by_any_of_its_names() {
        let by_openssl: CipherName = "ECDHE-RSA-AES128-SHA".parse().unwrap();
        let by_iana: CipherName = "tls_ecdhe_rsa_with_aes_128_cbc_sha".parse().unwrap();
        assert_eq!(by_openssl, by_iana);
        assert_eq!("ecdhe-rsa-aes128-sha".parse(), Ok(Forbidden::Cipher(by_openssl)));
        assert_eq!(by_iana.to_string(), "ECDHE-RSA-AES128-SHA");
    }

    #[test]
    fn a_name_of_two_suites_forbids_both() {
        let cipher: CipherName = "RC4-MD5".parse().unwrap();
        assert_eq!(cipher.suites().count(), 2);
    }

    #[test]
    fn a_typo_is_answered_with_the_nearest_name() {
        let message = |text: &str| text.parse::<Forbidden>().unwrap_err().to_string();
        assert_eq!(
            message("RC5").split(';').next(),
            Some("`RC5` is no known cipher and no property of ciphers (did you mean `RC4`?)")
        );
        assert!(message("RC5").ends_with("; properties are NULL, RC4, EXPORT, DES, RC2, anonymous, \
            DH-anon, ECDH-anon, static-RSA, static-DH, static-ECDH, DHE, PSK, SRP, KRB5, DSS, 3DES, \
            IDEA, SEED, CAMELLIA, ARIA, SM4, GOST, CHACHA20, AES128, AES256, CBC, GCM, CCM, CCM8, \
            MD5, SHA1"));
        assert!(message("static-RAS").contains("(did you mean `static-RSA`?)"));
        assert!(message("ECDHE-RSA-AES128-SH").contains("(did you mean `ECDHE-RSA-AES128-SHA`?)"));
        assert!(!message("everything bad").contains("did you mean"));
        assert_eq!(
            message("TLSv1.0"),
            "`TLSv1.0` is a version of TLS; the versions that are accepted are set by min_version"
        );
        assert_eq!(
            "AES256-GMC-SHA384".parse::<CipherName>().unwrap_err().to_string(),
            "`AES256-GMC-SHA384` is no known cipher (did you mean `AES256-GCM-SHA384`?)"
        );
        assert_eq!("".parse::<CipherName>().unwrap_err().to_string(), "`` is no known cipher");
    }
}
