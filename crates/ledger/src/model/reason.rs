//! The reason of a row.

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
    /// The word of another release; never one of the known ones: [`RecordedReason::from_word`].
    Other(Box<str>),
}

impl RecordedReason {
    /// The reason of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        word.parse().map_or_else(|_| Self::Other(word.into()), Self::Known)
    }

    /// The word.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Known(kind) => kind.code(),
            Self::Other(word) => word,
        }
    }
}

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
        assert!(later > ReasonKind::Plaintext.into() && later < ReasonKind::UnknownTls.into());
    }
}
