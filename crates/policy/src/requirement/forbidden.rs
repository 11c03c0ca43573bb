//! What a requirement can forbid: properties of ciphers, and single ciphers by name.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::property::Property;
use crate::suggest::{DidYouMean, nearest};
use crate::tls::catalogue;
use crate::tls::safe_name::SafeName;
use crate::tls::suite::Suite;
use crate::tls::version::Version;

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
        let nearest =
            nearest(text, Property::all().flat_map(Property::tokens).chain(catalogue::names()));
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
