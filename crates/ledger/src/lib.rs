//! The ledger: who sent to which opted-in domain over what TLS state, by day.
//!
//! ```text
//! milter --judgement--> recorder: added up in memory --a transaction each 1 to 15 s--> sqlite
//! import --line of a log--> postfix_log --recipients, deliveries, handshakes--> intake --> sqlite
//! sqlite --rows of a History--> report, simulation, digest
//! ```
//!
//! - `model`: what a row is. Imports nothing else of the crate.
//! - `recorder`: what the milter holds ([`Ledger`]): it never waits for the file, and nothing that
//!   happens to the file bears on a verdict.
//! - [`hops`]: how mail came and how it left, beside each other.
//! - [`handshakes`]: TLS handshakes that failed, by client.
//! - `sqlite`: the file, and all SQL: [`Store`] writes, [`Reader`] reads.
//! - [`report`], [`readiness`], [`simulation`], [`digest`]: what is made of the rows of a [`History`].
//! - [`postfix_log`]: what a log tells of mail that the milter did not judge, of its delivery, and of
//!   handshakes that failed.
//! - `intake`: that becomes rows, each once ([`Intake`]).
//!
//! A row holds domains and never a local part; how much of a client it holds is for the settings to say.

// Nothing that an MTA or a file holds may end the program.
#![warn(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::todo
)]

pub mod complaint;
mod correspondent;
pub mod digest;
pub mod handshakes;
mod history;
pub mod hops;
mod intake;
mod model;
pub mod partner;
pub mod postfix_log;
pub mod readiness;
mod recorder;
pub mod report;
pub mod simulation;
mod sqlite;
pub mod story;

pub use history::{Domains, History, Selection, Told};
pub use intake::{Fate, FromLine, Intake, Wanted};
pub use model::clients::Clients;
pub use model::day::{DAY, Day, RETRY_TIME, day_of};
pub use model::delivery::{
    Attempt, Delivery, DeliveryKey, DeliveryReason, DeliveryStatus, HopKind, HopTls, Trust,
};
pub use model::followed::{Followed, FollowedCounts};
pub use model::handshake::{Afterwards, Handshake, HandshakeKey};
pub use model::imports::{FromLog, Held, Imported, Print};
pub use model::key::{Key, KeyRef, SenderDomain, SubjectKind};
pub use model::logged_tls::{LoggedTls, TlsFailure};
pub use model::reason::RecordedReason;
pub use model::row::{NULL_SENDER, OTHERS, Row, RowKey, Source};
pub use model::tally::Tally;
pub use recorder::{Envelope, Ledger, LedgerCounts, Recorder};
pub use sqlite::damaged::damaged_beside;
pub use sqlite::error::StoreError;
pub use sqlite::followed::followed_beside;
pub use sqlite::followed_before::FollowedBefore;
pub use sqlite::reader::Reader;
pub use sqlite::store::Store;

#[cfg(test)]
mod fixtures;
