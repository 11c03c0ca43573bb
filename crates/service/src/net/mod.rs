//! Sockets to listen on, for whoever serves something on them.
//!
//! [`Listener`] binds what the settings ask for, and [`passed_by_systemd`] takes what systemd has bound.
//! Both give sockets of the standard library that do not block, so that the milter's loop can have them
//! as well as tokio. Accepting is left to who listens; [`Waiting`] is for connections that nobody serves.
//! [`own_addresses`] are where this host can be reached.

mod listener;
mod own;
mod passed;
mod waiting;

pub use listener::{BindError, BoundAddress, Listener, ListeningSocket, bind_tcp, obstacle};
pub use own::own_addresses;
pub use passed::passed_by_systemd;
pub use waiting::Waiting;

#[cfg(test)]
mod tests;
