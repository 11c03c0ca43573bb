//! Where in a log: told by what stands there, so that it is found again under whatever name rotation has put
//! it, renamed, copied or packed.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// So many octets at the beginning of a file, and before a place in it, make sure that it is the one: lines
/// begin with their times.
pub(super) const SEEN: usize = 1024;

/// A place in a log, behind a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Place {
    /// In a file.
    File(FilePlace),
    /// In the journal.
    Journal(JournalPlace),
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FilePlace {
    /// Octets from the beginning of the file, unpacked.
    pub offset: u64,
    /// What stands at its beginning.
    pub head: Seen,
    /// What stands before the place.
    pub tail: Seen,
    /// When the file was last written to, as far as it was read, in seconds since 1970-01-01. If the file is
    /// gone, what was written since is in those that are newer.
    pub written: i64,
}

impl FilePlace {
    /// Before the first line of a log that is to be followed from this time on.
    pub fn before_all(written: i64) -> Self {
        Self { offset: 0, head: Seen::of(&[]), tail: Seen::of(&[]), written }
    }

    /// Whether it can be told in which file it is.
    pub fn is_in_a_file(&self) -> bool {
        self.offset > 0
    }
}

/// A place in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JournalPlace {
    /// The cursor of the last entry.
    pub cursor: String,
    /// When journald took it in, in microseconds since 1970-01-01.
    pub taken: u64,
}

/// Octets that were read, without what they say: a log names people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// How many.
    pub length: usize,
    /// Their hash (SHA-256, the first half).
    pub hash: String,
}

impl Seen {
    /// These octets.
    pub fn of(octets: &[u8]) -> Self {
        let digest = Sha256::digest(octets);
        let hash = digest.iter().take(16).map(|octet| format!("{octet:02x}")).collect();
        Self { length: octets.len(), hash }
    }
}
