//! The reason of a row.

use crate::model::logged_tls::TlsFailure;
use policy::ReasonKind;
use serde::{Serialize, Serializer};
use std::cmp::Ordering;

/// A reason as the ledger holds it, where it is a word.
///
/// A later release may have written a reason that this one does not know. It is kept and shown as it
/// stands, counts as no other reason, and is written back unchanged. (A new decision, origin or
/// subject changes what a row means: it needs a new version of the file, which this release does not
/// open.)
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RecordedReason {
    /// One that this release knows.
    Known(ReasonKind),
    /// Plaintext, and more: a log tells that the client had tried TLS, and why that failed.
    TlsFailed(TlsFailure),
    /// None: the verdict depends on what a log does not tell of the session. The mail was let through,
    /// and whether it would have been refused is not known.
    NotJudged,
    /// The word of another release; never one of the known ones: [`RecordedReason::from_word`].
    Other(Box<str>),
}

impl RecordedReason {
    /// The reason of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        if let Ok(kind) = word.parse() {
            return Self::Known(kind);
        }
        match TlsFailure::from_word(word) {
            Some(failure) => Self::TlsFailed(failure),
            None if word == NOT_JUDGED => Self::NotJudged,
            None => Self::Other(word.into()),
        }
    }

    /// The word.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Known(kind) => kind.code(),
            Self::TlsFailed(failure) => failure.word(),
            Self::NotJudged => NOT_JUDGED,
            Self::Other(word) => word,
        }
    }
}

/// In place of a reason.
const NOT_JUDGED: &str = "not-judged";

impl From<ReasonKind> for RecordedReason {
    fn from(kind: ReasonKind) -> Self {
        Self::Known(kind)
    }
}

/// In the order of the words, which is the order that people expect of a list.
impl Ord for RecordedReason {
    fn cmp(&self, other: &Self) -> Ordering {
        self.word().cmp(other.word())
    }
}

impl PartialOrd for RecordedReason {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As the word.
impl Serialize for RecordedReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_of_a_later_release_stays_as_it_is_and_each_known_word_is_its_kind() {
        assert_eq!(RecordedReason::from_word("plaintext"), ReasonKind::Plaintext.into());
        let later = RecordedReason::from_word("post-quantum");
        assert_eq!(later, RecordedReason::Other("post-quantum".into()));
        assert_eq!(later.word(), "post-quantum");
        for word in ["not-judged", "tls-failed:no-shared-cipher"] {
            let reason = RecordedReason::from_word(word);
            assert!(!matches!(reason, RecordedReason::Known(_) | RecordedReason::Other(_)));
            assert_eq!(reason.word(), word);
        }
        assert!(later > ReasonKind::Plaintext.into() && later < ReasonKind::UnknownTls.into());
    }
}
