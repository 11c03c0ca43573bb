//! The files that an administrator writes: settings and policy.
//!
//! - [`finding`]: what is found in them and around them, by words that stay the same.
//! - [`files`]: read without any wait, replaced whole.
//! - [`policy_file`]: YAML to [`policy::Policy`], with every error and its place.
//! - [`settings`]: what needs a restart.
//! - [`status`]: how a running milter is, in the file that it writes.
//! - [`yaml`]: the reader below both.
//!
//! What is read here is data: nothing in here knows the milter, the ledger's database or the network.

// Nothing that an MTA or a file holds may end the program.
#![warn(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::todo
)]

mod document;
pub mod files;
pub mod finding;
pub mod policy_file;
pub mod settings;
pub mod status;
pub mod yaml;

pub use settings::{ClientDetail, LedgerSettings, Room, Settings};
