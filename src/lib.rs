//! mandatory-tls: a milter that takes mail for opted-in domains only over adequately encrypted
//! sessions.
//!
//! ```text
//! MTA --milter protocol--> milter --facts--> session --TLS state, recipient--> policy::judge
//!                                                                                   |
//! MTA <-- 450 / continue -- milter <------------------- verdict --------------------+
//!                                      '--> log line, ledger, metrics
//!
//! policy.yaml --policy_file--> Policy --reload--> judge sees it at the next message
//! ```
//!
//! Below this crate lie [`policy`] (pure: what a domain, a requirement, an exception is, and `judge`),
//! [`config`] (settings and policy file, with every error and its place), [`ledger`] (the record of
//! what was judged, and what is read from it) and [`pages`] (what people are shown of the ledger).
//!
//! - [`session`]: the facts of one SMTP session, taken from macros.
//! - [`milter`]: the protocol, and the loop that serves MTAs.
//! - [`socketmap`]: the second hop, Postfix's look-ups, answered from the same policy.
//! - [`net`]: sockets to listen on, bound here or passed by systemd.
//! - [`metrics`]: what is counted, for Prometheus.
//! - [`reload`]: watches the policy's files, swaps the policy, says what changed.
//! - [`last_good`]: the policy and the settings that were last good, for a start beside broken files.
//! - [`standing`]: what the milter runs under.
//! - [`logging`]: the log, and the line of a verdict.
//! - [`last_hour`]: whether any mail is encrypted.
//! - [`systemd`]: what it is told. [`status`]: how the running milter is.
//! - [`trial`]: how the milter knows a session that `doctor` has with the MTA. `smtp`: that session.
//! - `postfix`: what a Postfix is set to, and what that means.
//! - `wording`: numbers and times in words, for messages.
//! - [`cli`]: one file a command.
//!
//! Imports run downwards: cli to milter and reload, these to session, that to the crates below.

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
pub mod last_good;
pub mod last_hour;
pub mod logging;
pub mod metrics;
pub mod milter;
pub mod net;
mod postfix;
pub mod reload;
pub mod session;
mod smtp;
pub mod socketmap;
pub mod standing;
mod state_dir;
pub mod status;
pub mod systemd;
pub mod trial;
mod wording;
