//! A TLS state as words of the ledger, and back.

use policy::TlsState;
use policy::tls::certificate::Certificate;
use policy::tls::{Contradiction, SeenVersion};

/// In place of version and cipher: plaintext.
const NONE: &str = "none";
/// In place of version and cipher: the MTA did not tell of TLS.
const UNKNOWN: &str = "unknown";
/// In place of a version that the MTA did not say, though it said the cipher.
const NOT_SAID: &str = "not-said";
/// In place of a version that does not exist.
const FOREIGN: &str = "foreign";

/// What the ledger holds of a TLS state.
#[derive(Debug)]
pub(crate) struct TlsWords {
    pub version: String,
    pub cipher: String,
    /// Empty without one.
    pub certificate: String,
    /// Whether the MTA said of the cipher that it has no bits.
    pub has_zero_bits: bool,
}

impl From<&TlsState> for TlsWords {
    fn from(tls: &TlsState) -> Self {
        let TlsState::Encrypted(encryption) = tls else {
            let word = if *tls == TlsState::Plaintext { NONE } else { UNKNOWN };
            return Self {
                version: word.into(),
                cipher: word.into(),
                certificate: String::new(),
                has_zero_bits: false,
            };
        };
        let certificate = encryption.certificate().map(Certificate::to_record);
        Self {
            version: match encryption.version() {
                SeenVersion::Known(version) => version.to_string(),
                SeenVersion::Between { .. } => NOT_SAID.into(),
                SeenVersion::Unknown => FOREIGN.into(),
            },
            cipher: encryption.cipher().to_string(),
            certificate: certificate.unwrap_or_default(),
            has_zero_bits: encryption.contradiction() == Some(Contradiction::ZeroBits),
        }
    }
}

/// The TLS state that such words were made of.
pub(crate) fn from_words(
    version: &str,
    cipher: &str,
    certificate: &str,
    has_zero_bits: bool,
) -> TlsState {
    let version = match version {
        NONE => return TlsState::Plaintext,
        UNKNOWN => return TlsState::Unknown,
        NOT_SAID => "",
        FOREIGN => FOREIGN,
        version => version,
    };
    let bits = has_zero_bits.then_some(&b"0"[..]);
    let state = TlsState::from_macros(Some(version.as_bytes()), Some(cipher.as_bytes()), bits);
    state.with_certificate(Certificate::from_record(certificate))
}
