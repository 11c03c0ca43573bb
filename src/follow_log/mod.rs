//! The log, followed as it is written: what the milter cannot see, counted once, whatever happens to the log
//! and to whoever follows it.
//!
//! ```text
//! file, its rotated ones -.
//! journalctl --follow ----+-> feed: lines, each once -> reader of the ledger -> rows --.
//!                         place ------------------------------------------------------+-> one transaction
//! ```
//!
//! **Counted once.** Where it stands in the log goes into the ledger in the transaction with what was counted
//! up to there. So whoever kills the program finds both, or neither.
//!
//! **Sessions under way.** A line can mean something only beside lines of before: a delivery beside the TLS
//! session of its process. What the reader remembers is not kept. A start reads the last hours of the log
//! again, up to the place, and counts nothing of that: the reader then knows what it knew.
//!
//! **Places** are told by what stands there, not by names and inodes: rotation renames, copies and packs.
//!
//! - `lines`, `open_file`, `files`, `file_log`: a log in files.
//! - `journal`: a log in the journal.
//! - `feed`: lines of either, each to be counted or only to be known.
//! - `follower`: the loop: reads, has it judged, writes. One thread; one more, where journalctl is read.

mod feed;
mod file_log;
mod files;
mod follower;
mod journal;
mod lines;
mod open_file;
mod place;
mod policy_in_force;
mod stop;

pub use feed::Log;
pub use follower::{FollowError, Follower, Orders};

/// Where a line ends.
#[derive(Clone, Copy, Debug)]
enum End<'l> {
    /// So many octets from the beginning of its file.
    At(u64),
    /// With an entry of the journal: its cursor, and when it was taken in, in microseconds since 1970-01-01.
    Entry(&'l str, u64),
}

/// Takes lines of a log, and where each one ends.
type Each<'e> = dyn FnMut(&str, End<'_>) + 'e;

/// What came of an attempt to read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Progress {
    /// There may be more.
    Read,
    /// There is no more for now.
    CaughtUp,
    /// The place is gone with its file; the oldest file that was written to since comes next.
    Lost,
}

#[cfg(test)]
mod tests;
