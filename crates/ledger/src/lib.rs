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

mod batch;
mod damaged;
pub mod digest;
mod imports;
pub mod postfix_log;
mod privacy;
mod reader;
mod record;
mod recorder;
pub mod report;
mod retention;
mod row;
mod schema;
pub mod simulation;
mod store;
mod writer;

pub use damaged::damaged_beside;
pub use imports::{Held, Imported};
pub use privacy::Clients;
pub use reader::{Reader, Selection};
pub use record::{DAY, Day, Found, From, Key, Record, day_of};
pub use recorder::{Counts, Ledger, Recorder};
pub use retention::Pruned;
pub use row::{Facts, NULL_SENDER, OTHERS, Row, RowKey, Source, Tally};
pub use store::{Store, StoreError};

#[cfg(test)]
mod tests;
