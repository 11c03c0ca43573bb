//! What the log of an MTA tells of the encryption of a session: less than the MTA itself does.

use policy::TlsState;
use std::fmt;

/// What a log tells of a session.
///
/// A log has gaps, and says only what it was set to say. So plaintext has to be proved by it, as
/// much as encryption has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoggedTls {
    /// As good as told by the MTA itself: a TLS session with its version and cipher, or none from
    /// the session's beginning to its end.
    Told(TlsState),
    /// A TLS session. Neither its version nor its cipher was logged.
    Encrypted,
    /// No TLS session; but the client had tried one, and failed.
    Failed(TlsFailure),
    /// Nothing: the log misses the beginning or the end of the session, or lines in between.
    Unknown,
}

impl LoggedTls {
    /// What a judge may go by.
    #[must_use]
    pub fn state(&self) -> &TlsState {
        match self {
            Self::Told(state) => state,
            Self::Failed(_) => &TlsState::Plaintext,
            Self::Encrypted | Self::Unknown => &TlsState::Unknown,
        }
    }
}

/// Why the TLS handshake of a client failed, as a word of the ledger: `tls-failed:no-shared-cipher`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsFailure(Box<str>);

/// How all such words begin.
const PREFIX: &str = "tls-failed:";
/// Longest cause, in octets. OpenSSL's own are shorter.
const LONGEST: usize = 64;

impl TlsFailure {
    /// The failure of this cause, in the words of the TLS library: `no shared cipher`. Letters and
    /// digits are kept.
    #[must_use]
    pub fn new(cause: &str) -> Self {
        let mut word = PREFIX.to_owned();
        for part in cause.split(|character: char| !character.is_ascii_alphanumeric()) {
            if part.is_empty() || word.len() + part.len() > PREFIX.len() + LONGEST {
                continue;
            }
            if word.len() > PREFIX.len() {
                word.push('-');
            }
            word.push_str(&part.to_ascii_lowercase());
        }
        if word.len() == PREFIX.len() {
            word.push_str("cause-not-logged");
        }
        Self(word.into())
    }

    /// The failure of a word of the ledger.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        word.strip_prefix(PREFIX).map(Self::new)
    }

    /// The failure that stands in the ledger as this word.
    pub(crate) fn of_word(word: &str) -> Self {
        Self::new(word.strip_prefix(PREFIX).unwrap_or(word))
    }

    /// The word in the ledger.
    #[must_use]
    pub fn word(&self) -> &str {
        &self.0
    }
}

/// The cause in words: `no shared cipher`.
impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = self.0.strip_prefix(PREFIX).unwrap_or_default();
        f.pad(&cause.replace('-', " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_a_word_of_bounded_length_and_reads_in_the_words_of_the_library() {
        for (cause, word, words) in [
            ("no shared cipher", "tls-failed:no-shared-cipher", "no shared cipher"),
            (
                "tlsv1 alert unknown ca",
                "tls-failed:tlsv1-alert-unknown-ca",
                "tlsv1 alert unknown ca",
            ),
            ("  <b>\x1b[1m odd\n", "tls-failed:b-1m-odd", "b 1m odd"),
            ("", "tls-failed:cause-not-logged", "cause not logged"),
            ("é", "tls-failed:cause-not-logged", "cause not logged"),
        ] {
            let failure = TlsFailure::new(cause);
            assert_eq!((failure.word(), &*failure.to_string()), (word, words));
            assert_eq!(TlsFailure::from_word(word), Some(failure));
        }
        assert!(TlsFailure::new(&"long ".repeat(1000)).word().len() < 100);
        assert_eq!(TlsFailure::from_word("plaintext"), None);
    }
}
