//! What people are shown of the ledger: the report's page, the digest's words and mail.
//!
//! Values go in (a report, a digest), text comes out. Nothing here reads the ledger's file or sends a
//! mail, so that commands and web pages can show the same.

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
pub mod hops;
pub mod letter;
pub mod readiness;
pub mod report;
pub mod story;
pub mod text;
pub mod trend;
