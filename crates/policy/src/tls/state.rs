//! What is known of the encryption of one SMTP session, read from the macros of an MTA.
//!
//! # What the macros mean
//!
//! * `{tls_version}` and `{cipher}` both absent or empty: plaintext. Whether the MTA was able to
//!   tell is for the caller to find out; this module never yields [`TlsState::Unknown`].
//! * `(NONE)` is OpenSSL's word for "no cipher": plaintext, whatever the other macros say.
//! * A cipher that encrypts nothing (`NULL-SHA256`) or that is not in the catalogue is a TLS
//!   session all the same, for the log and the reply to name; no requirement takes it.
//!
//! # Versions that are not said
//!
//! The version may be absent, or `UNKNOWN` (Sendmail, where its library gave none), or
//! `TLSv1/SSLv3` (Sendmail before 8.15.1 with OpenSSL before 1.1, for anything from SSL 3 to
//! TLS 1.2). Then the suite narrows it down: one that exists in a single version settles it,
//! another leaves a range, all of which has to satisfy the requirement. `AES256-SHA` without a
//! version is therefore refused: it could be SSL 3. Two choices are on the side of caution:
//!
//! * The range is that of what software does, not of what specifications say. ECDHE suites
//!   were negotiated in SSL 3 by OpenSSL 1.0.
//! * A version that is said but not understood (`DTLSv1.2`, `QUICv1`, anything else) is not
//!   filled in from the suite. No MTA sends it, so nothing is known about who did.
//!
//! # Contradictions
//!
//! The macros are witnesses of one session. When they exclude each other, something between
//! the session and the milter is broken or made up, and no requirement is satisfied:
//!
//! * `{cipher_bits}` of 0 with a cipher that encrypts. Any other number is ignored: it depends
//!   on the version of the library (`RC4-SHA` has 128 or 80 bits, `ECDHE-ECDSA-AES256-CCM8` 256
//!   or 64, 3DES 168 or 112), so strength is judged by the catalogue.
//! * A suite that no software negotiates in that version, as `TLS_AES_128_GCM_SHA256` in
//!   TLS 1.2 or `AES256-SHA` in TLS 1.3. For a version newer than all known, the suites of
//!   TLS 1.3 are possible.
//!
//! One case only looks like a contradiction: Sendmail before 8.15.1 with OpenSSL 1.1 says `SSLv3` of a
//! TLS 1.2 session with an old suite, because it gives the oldest version of the suite. Nothing
//! tells it from a true SSL 3 session, so it is taken for one and refused.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::certificate::Certificate;
use super::cipher::Cipher;
use super::encryption::{Encryption, SeenVersion};
use super::version::Version;

/// What is known of the encryption of an SMTP session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsState {
    /// No TLS.
    Plaintext,
    /// A TLS session. Whether it encrypts, and well enough, is for a requirement to say.
    Encrypted(Encryption),
    /// The MTA was not able to tell. Not plaintext, and not fine either.
    Unknown,
}

impl TlsState {
    /// Reads the values of `{tls_version}`, `{cipher}` and `{cipher_bits}`; `None` is a macro
    /// that the MTA did not send.
    ///
    /// Never yields [`TlsState::Unknown`]: the caller knows whether the MTA heeded the list of
    /// macros it was asked for.
    #[must_use]
    pub fn from_macros(
        tls_version: Option<&[u8]>,
        cipher: Option<&[u8]>,
        cipher_bits: Option<&[u8]>,
    ) -> Self {
        let cipher = cipher.unwrap_or_default();
        let bits = cipher_bits.and_then(number);
        if cipher.eq_ignore_ascii_case(b"(NONE)") {
            return Self::Plaintext;
        }
        let said = Said::read(tls_version.unwrap_or_default());
        // Bits alone are a trace of TLS, too.
        if said == Said::Nothing && cipher.is_empty() && bits.unwrap_or(0) == 0 {
            return Self::Plaintext;
        }
        let cipher = Cipher::from_name(cipher);
        let version = said.narrowed_by(&cipher);
        let cipher = match version {
            SeenVersion::Known(version) => cipher.in_version(version),
            SeenVersion::Between { oldest, .. } if oldest > Version::Sslv2 => {
                cipher.in_version(oldest)
            }
            SeenVersion::Between { .. } | SeenVersion::Unknown => cipher,
        };
        Self::Encrypted(Encryption { version, cipher, bits, certificate: None })
    }

    /// The same state with the client certificate that the MTA has verified; only an encrypted
    /// session has one.
    #[must_use]
    pub fn with_certificate(self, certificate: Option<Certificate>) -> Self {
        match self {
            Self::Encrypted(encryption) => {
                Self::Encrypted(encryption.with_certificate(certificate))
            }
            other => other,
        }
    }

    /// The TLS version as the log and replies give it: `TLSv1.3`, `none`, `unknown`.
    #[must_use]
    pub fn version(&self) -> Cow<'static, str> {
        match self {
            Self::Plaintext => "none".into(),
            Self::Encrypted(encryption) => encryption.version.name(),
            Self::Unknown => "unknown".into(),
        }
    }

    /// The cipher suite as the log and replies give it: its name, `none`, `unknown`.
    #[must_use]
    pub fn cipher(&self) -> &str {
        match self {
            Self::Plaintext => "none",
            Self::Encrypted(encryption) => encryption.cipher.name(),
            Self::Unknown => "unknown",
        }
    }
}

/// `plaintext`, `unknown`, or version and cipher.
impl fmt::Display for TlsState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plaintext => f.pad("plaintext"),
            Self::Encrypted(encryption) => encryption.fmt(f),
            Self::Unknown => f.pad("unknown"),
        }
    }
}

/// What can differ without end, so that no tables get crowded in one place; the version and the
/// suites of the catalogue are few.
impl Hash for TlsState {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self::Encrypted(encryption) = self else {
            return state.write_u8(u8::from(*self == Self::Plaintext));
        };
        encryption.bits.hash(state);
        encryption.certificate.hash(state);
        match &encryption.cipher {
            Cipher::Unlisted(name) => name.hash(state),
            cipher => state.write_u8(u8::from(*cipher == Cipher::Missing)),
        }
    }
}

/// What `{tls_version}` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    /// Absent or empty.
    Nothing,
    /// That it is not known.
    NotKnown,
    /// From SSL 3 to TLS 1.2.
    UpToTls12,
    Version(Version),
    /// Something that no MTA says.
    Foreign,
}

impl Said {
    fn read(value: &[u8]) -> Self {
        if value.is_empty() {
            Self::Nothing
        } else if value.eq_ignore_ascii_case(b"UNKNOWN") {
            Self::NotKnown
        } else if value.eq_ignore_ascii_case(b"TLSv1/SSLv3") {
            Self::UpToTls12
        } else {
            Version::from_name(value).map_or(Self::Foreign, Self::Version)
        }
    }

    fn narrowed_by(self, cipher: &Cipher) -> SeenVersion {
        let (oldest, newest) = match self {
            Self::Version(version) => return SeenVersion::Known(version),
            Self::Foreign => return SeenVersion::Unknown,
            Self::Nothing | Self::NotKnown => (Version::Sslv2, Version::Tlsv1_3),
            Self::UpToTls12 => (Version::Sslv3, Version::Tlsv1_2),
        };
        // Of two suites with one name, the range from the older to the newer one.
        let first = cipher.suites().map(|suite| suite.first).min();
        let last = cipher.suites().map(|suite| suite.last).max();
        let (Some(first), Some(last)) = (first, last) else {
            return SeenVersion::Unknown;
        };
        let (oldest, newest) = (oldest.max(first), newest.min(last));
        match oldest.cmp(&newest) {
            Ordering::Less => SeenVersion::Between { oldest, newest },
            Ordering::Equal => SeenVersion::Known(oldest),
            // `TLSv1/SSLv3` with a suite of TLS 1.3, which those libraries do not have.
            Ordering::Greater => SeenVersion::Unknown,
        }
    }
}

/// The number that the digits write; one that is too large becomes the largest, which is not 0.
fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = |sum: u32, digit: &u8| {
        sum.saturating_mul(10).saturating_add(u32::from(digit.wrapping_sub(b'0')))
    };
    Some(digits.iter().fold(0, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::cipher;
    use crate::tls::encryption::Contradiction;

    fn state(version: &str, cipher: &str, bits: &str) -> TlsState {
        TlsState::from_macros(
            Some(version.as_bytes()),
            Some(cipher.as_bytes()),
            Some(bits.as_bytes()),
        )
    }

    fn session(version: &str, cipher: &str, bits: &str) -> Encryption {
        match state(version, cipher, bits) {
            TlsState::Encrypted(encryption) => encryption,
            other => panic!("{version} {cipher} {bits}: {other:?}"),
        }
    }

    #[test]
    fn nothing_said_is_plaintext() {
        assert_eq!(TlsState::from_macros(None, None, None), TlsState::Plaintext);
        assert_eq!(state("", "", ""), TlsState::Plaintext);
        assert_eq!(state("", "", "0"), TlsState::Plaintext);
        assert_eq!(state("", "", "no number"), TlsState::Plaintext);
    }

    #[test]
    fn no_cipher_is_plaintext_whatever_else_is_said() {
        for version in ["", "UNKNOWN", "TLSv1.3", "QUICv1"] {
            assert_eq!(state(version, "(NONE)", "0"), TlsState::Plaintext);
            assert_eq!(state(version, "(none)", "256"), TlsState::Plaintext);
        }
    }

    #[test]
    fn a_trace_of_tls_is_not_plaintext_and_not_a_known_cipher() {
        for (version, cipher, bits, shown) in [
            ("TLSv1.3", "", "", "TLSv1.3 unknown"),
            ("", "", "256", "unknown unknown"),
            ("UNKNOWN", "", "0", "unknown unknown"),
            ("unknown", "unknown", "", "unknown unknown"),
            ("TLSv1.3", " ", "", "TLSv1.3 \\x20"),
            (" ", "", "", "unknown unknown"),
        ] {
            assert_eq!(state(version, cipher, bits).to_string(), shown);
        }
    }

    #[test]
    fn a_suite_of_one_version_tells_a_version_that_is_not_said() {
        for (version, cipher, shown) in [
            ("", "ECDHE-RSA-AES256-GCM-SHA384", "TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384"),
            ("UNKNOWN", "ECDHE-RSA-AES256-GCM-SHA384", "TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384"),
            ("TLSv1/SSLv3", "AES128-GCM-SHA256", "TLSv1.2 AES128-GCM-SHA256"),
            ("", "TLS_AES_128_GCM_SHA256", "TLSv1.3 TLS_AES_128_GCM_SHA256"),
            ("", "DES-CBC3-MD5", "SSLv2 DES-CBC3-MD5"),
            ("", "AES256-SHA", "unknown AES256-SHA"),
            ("TLSv1/SSLv3", "AES256-SHA", "unknown AES256-SHA"),
            // Those libraries have no TLS 1.3.
            ("TLSv1/SSLv3", "TLS_AES_128_GCM_SHA256", "unknown TLS_AES_128_GCM_SHA256"),
        ] {
            assert_eq!(state(version, cipher, "").to_string(), shown, "{version} {cipher}");
        }
    }

    #[test]
    fn a_version_that_is_not_understood_is_not_filled_in() {
        for version in ["DTLSv1.2", "QUICv1", "TLSv12", "TLSv1.2 ", "\u{221a}"] {
            let session = session(version, "ECDHE-RSA-AES256-GCM-SHA384", "256");
            assert_eq!(session.version(), SeenVersion::Unknown);
        }
    }

    #[test]
    fn an_unknown_version_leaves_the_range_of_what_software_does() {
        let between = |version: &str, cipher: &str| session(version, cipher, "").version();
        let range = |oldest, newest| SeenVersion::Between { oldest, newest };
        assert_eq!(between("", "AES256-SHA"), range(Version::Sslv3, Version::Tlsv1_2));
        // By its specification not in SSL 3, but OpenSSL 1.0 did it.
        assert_eq!(between("", "ECDHE-RSA-AES256-SHA"), range(Version::Sslv3, Version::Tlsv1_2));
        assert_eq!(between("", "PSK-AES128-CBC-SHA256"), range(Version::Tlsv1, Version::Tlsv1_2));
        assert_eq!(between("", "RC4-MD5"), range(Version::Sslv2, Version::Tlsv1_2));
        assert_eq!(between("TLSv1/SSLv3", "RC4-MD5"), range(Version::Sslv3, Version::Tlsv1_2));
        assert_eq!(session("TLSv1/SSLv3", "RC4-MD5", "").cipher().suites().count(), 1);
    }

    #[test]
    fn zero_bits_contradict_a_cipher_that_encrypts() {
        for bits in ["0", "00", "000000000000000000"] {
            let session = session("TLSv1.2", "AES256-SHA", bits);
            assert_eq!(session.contradiction(), Some(Contradiction::ZeroBits));
        }
        for bits in ["", "abc", "-0", "+0", " 0", "0 ", "0x0", "1", "40", "99999999999999999999"] {
            assert_eq!(session("TLSv1.2", "AES256-SHA", bits).contradiction(), None, "{bits}");
        }
        assert_eq!(session("TLSv1.2", "NULL-SHA256", "0").contradiction(), None);
        assert_eq!(session("TLSv1.2", "FOO", "0").contradiction(), None);
    }

    #[test]
    fn a_suite_contradicts_a_version_without_it() {
        for (version, cipher, contradicts) in [
            ("TLSv1.2", "TLS_AES_128_GCM_SHA256", true),
            ("SSLv3", "TLS_AES_128_GCM_SHA256", true),
            ("TLSv1.3", "AES256-SHA", true),
            ("TLSv1.3", "ECDHE-RSA-AES256-GCM-SHA384", true),
            ("TLSv1.1", "ECDHE-RSA-AES256-GCM-SHA384", true),
            ("TLSv1.4", "ECDHE-RSA-AES256-GCM-SHA384", true),
            ("TLSv1.4", "TLS_AES_128_GCM_SHA256", false),
            ("SSLv3", "ECDHE-RSA-AES256-SHA", false),
            ("TLSv1.2", "IDEA-CBC-SHA", false),
            ("SSLv2", "RC4-MD5", false),
            ("TLSv1.2", "RC4-MD5", false),
        ] {
            let session = session(version, cipher, "");
            assert_eq!(session.contradiction().is_some(), contradicts, "{version} {cipher}");
        }
    }

    #[test]
    fn what_is_logged_of_a_session_is_read_back_as_the_same() {
        for suite in cipher::suites() {
            for version in Version::ALL.into_iter().filter(|version| suite.possible_in(*version)) {
                let shown = Encryption::new(version, suite);
                let read = session(&version.to_string(), &shown.cipher().to_string(), "");
                assert_eq!(read, shown);
            }
        }
    }
}
