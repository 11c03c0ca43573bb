//! mandatory-tls: a milter that takes mail for opted-in domains only over adequately encrypted
//! sessions.
//!
//! ```text
//! MTA --packets--> milter --TLS state, recipient--> policy::judge
//!                                                        |
//! MTA <-- 450 / continue -- milter <------ verdict ------+
//!                             '--> log line, ledger, metrics
//!
//! policy.yaml --policy_file--> Policy --reload--> judge sees it at the next message
//! ```
//!
//! Below this crate lie [`policy`] (pure: what a domain, a requirement, an exception is, and `judge`),
//! [`config`] (settings and policy file, with every error and its place), [`ledger`] (the record of
//! what was judged, and what is read from it), [`pages`] (what people are shown of the ledger),
//! [`service`](logging) (log, sockets, systemd) and [`milter`] (all that a verdict passes through).
//!
//! - [`socketmap`]: the second hop, Postfix's look-ups, answered from the same policy.
//! - [`metrics`]: what Prometheus is told.
//! - [`follow_log`]: the MTA's log, followed as it is written, by a process of its own.
//! - [`reload`]: watches the policy's files, swaps the policy, says what changed.
//! - [`last_good`]: the policy and the settings that were last good, for a start beside broken files.
//! - [`standing`]: what the milter runs under. [`status`]: how it is.
//! - `visit`: a session that `doctor` or `setup` has with the MTA.
//! - `postfix`: what a Postfix is set to, and what that means.
//! - `unpack`: logs that rotation packed.
//! - `wording`: numbers and times in words, for messages.
//! - [`cli`]: one file a command.
//!
//! Imports run downwards: cli to milter and reload, these to the crates below.

// Nothing that an MTA or a file holds may end the program.
#![warn(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::todo
)]

mod background;
pub mod cli;
mod command;
pub mod follow_log;
pub mod last_good;
pub mod metrics;
mod postfix;
pub mod reload;
pub mod socketmap;
pub mod standing;
mod state_dir;
pub mod status;
mod unpack;
mod visit;
mod wording;

pub use ::milter;
pub use milter::{last_hour, session, trial};
pub use service::{logging, net, systemd};
