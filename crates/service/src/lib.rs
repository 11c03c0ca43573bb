//! What every program needs that runs as a service, whatever it serves.
//!
//! - [`logging`]: the log: its forms, and the thread that writes it.
//! - [`net`]: sockets to listen on, bound here or passed by systemd.
//! - [`systemd`]: what it is told.

// Nothing that an MTA or a file holds may end the program.
#![warn(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::todo
)]

pub mod logging;
pub mod net;
pub mod systemd;
