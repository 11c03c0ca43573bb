//! A TLS state as words of the ledger, and back.

use crate::model::logged_tls::LoggedTls;
use policy::TlsState;
use policy::tls::certificate::Certificate;
use policy::tls::{Contradiction, SeenVersion};

/// In place of version and cipher: plaintext.
const NONE: &str = "none";
/// In place of version and cipher: the MTA did not tell of TLS.
const UNKNOWN: &str = "unknown";
/// In place of a version: a log tells of a TLS session, and neither of its version nor of its cipher.
const ENCRYPTED: &str = "encrypted";
/// In place of a version: a log tells that TLS was tried and failed, and the mail came in plaintext.
const FAILED: &str = "failed";
/// In place of version and cipher: the mail did not leave the host.
pub(crate) const LOCAL: &str = "local";
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

impl From<&LoggedTls> for TlsWords {
    fn from(tls: &LoggedTls) -> Self {
        let (version, cipher) = match tls {
            LoggedTls::Told(state) => return state.into(),
            LoggedTls::Encrypted => (ENCRYPTED, NOT_SAID),
            LoggedTls::Failed(_) => (FAILED, NONE),
            LoggedTls::Unknown => (UNKNOWN, UNKNOWN),
        };
        Self { version: version.into(), cipher: cipher.into(), ..Self::from(&TlsState::Unknown) }
    }
}

/// What is known of a session, as far as it can be told from others by the word for its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plaintext,
    /// Plaintext, after TLS had been tried.
    Failed,
    /// A TLS session that is known only by its version, its cipher or both.
    Session,
    /// A TLS session of which only that is known.
    Encrypted,
    Unknown,
}

/// What kind of session this word for a version stands for.
pub(crate) fn kind(version: &str) -> Kind {
    match version {
        NONE => Kind::Plaintext,
        FAILED => Kind::Failed,
        ENCRYPTED => Kind::Encrypted,
        UNKNOWN => Kind::Unknown,
        _ => Kind::Session,
    }
}

/// The TLS state that such words were made of.
pub(crate) fn from_words(
    version: &str,
    cipher: &str,
    certificate: &str,
    has_zero_bits: bool,
) -> TlsState {
    match kind(version) {
        Kind::Plaintext | Kind::Failed => return TlsState::Plaintext,
        Kind::Encrypted | Kind::Unknown => return TlsState::Unknown,
        Kind::Session => {}
    }
    let version = if version == NOT_SAID { "" } else { version };
    let bits = has_zero_bits.then_some(&b"0"[..]);
    let state = TlsState::from_macros(Some(version.as_bytes()), Some(cipher.as_bytes()), bits);
    state.with_certificate(Certificate::from_record(certificate))
}
