//! The milter: what the MTA talks to, from its packets to the answer.
//!
//! ```text
//! MTA --packets--> protocol --facts--> session --TLS state, recipient--> policy::judge
//!                                                                            |
//! MTA <-- 450 / continue -- protocol <--------------- verdict ---------------+
//!                               '--> log line, ledger, metrics
//! ```
//!
//! - `protocol`: the milter protocol, and the loop that serves all connections ([`serve`]).
//! - [`session`]: the facts of one SMTP session, taken from macros.
//! - [`trial`]: how the milter knows a session that `doctor` or `setup` has with the MTA.
//! - [`metrics`]: what is counted. [`last_hour`]: whether any mail is encrypted.
//! - `log`: the line of a judged RCPT.
//!
//! All that a verdict passes through is in here or in the crates below. Nothing of reload, status or the
//! commands is.

// Nothing that an MTA or a file holds may end the program.
#![warn(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::todo
)]

pub mod last_hour;
mod log;
pub mod metrics;
mod protocol;
pub mod session;
pub mod trial;

pub use log::Log;
pub use protocol::{
    ANOTHER, Activity, Answers, Context, Conversation, Next, ProtocolError, Shutdown, Sockets,
    probe, serve,
};
