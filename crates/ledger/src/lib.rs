//! The ledger: who sent to which opted-in domain over what TLS state, by day.
//!
//! ```text
//! milter --judgement--> batch, added up in memory --a transaction each 1 to 15 s--> SQLite
//! ```
//!
//! [`Ledger`] is what the milter holds: it never waits for the file, and nothing that happens to the
//! file bears on a verdict. [`Reader`] is what reports are made from. A row holds domains and never a
//! local part; how much of a client it holds is for the settings to say.

// Nothing that an MTA or a file holds may end the program.
#![warn(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::todo
)]

pub mod digest;
mod model;
pub mod postfix_log;
mod recorder;
pub mod report;
pub mod simulation;
mod sqlite;

pub use model::clients::Clients;
pub use model::key::{DAY, Day, Found, From, Key, Record, day_of};
pub use model::row::{Facts, NULL_SENDER, OTHERS, Row, RowKey, Source, Tally};
pub use recorder::retention::Pruned;
pub use recorder::{Counts, Ledger, Recorder};
pub use sqlite::damaged::damaged_beside;
pub use sqlite::imports::{Held, Imported};
pub use sqlite::reader::{Reader, Selection};
pub use sqlite::store::{Store, StoreError};

#[cfg(test)]
mod tests;
