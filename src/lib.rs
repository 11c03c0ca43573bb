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
//! - [`policy`]: the pure heart. What a domain, a requirement, an exception is, and `judge`.
//! - [`policy_file`]: YAML to policy, with every error and its place.
//! - [`settings`]: what needs a restart. [`yaml`]: the reader below both.
//! - [`session`]: the facts of one SMTP session, taken from macros.
//! - [`milter`]: the protocol, the sockets.
//! - [`ledger`]: the record of what was judged, and what is read from it.
//! - [`metrics`]: what is counted, for Prometheus.
//! - [`reload`]: watches the policy's files, swaps the policy, says what changed.
//! - [`logging`]: the log, and the line of a verdict.
//! - [`systemd`]: sockets that it passes, what it is told. [`status`]: how the running milter is.
//! - [`cli`]: one file a command.
//!
//! Imports run downwards: cli to milter, ledger and reload, these to session and policy_file, these to
//! policy, which imports nothing of the crate.

// Nothing that an MTA or a file holds may end the program.
#![warn(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::todo
)]

pub mod cli;
pub mod ledger;
pub mod logging;
pub mod metrics;
pub mod milter;
pub mod policy;
pub mod policy_file;
pub mod reload;
pub mod session;
pub mod settings;
pub mod status;
pub mod systemd;
pub mod yaml;
