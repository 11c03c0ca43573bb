//! The milter protocol, and the loop that serves all connections.
//!
//! `packet` reads and writes the packets, [`Conversation`] answers them without any I/O,
//! `connection` feeds it from a socket, `acceptor` accepts connections, `server` is the loop that
//! serves them all and sees to limit, time-outs and drain.
//!
//! The protocol's words come from indymilter: commands, stages of macros, options, replies. Its
//! runtime is not used. indymilter 0.3.0 ends a session when Sendmail gives an IPv6 client as
//! `IPv6:2001:...`, drops the empty batch of macros by which Postfix says that nothing is known
//! any more (so that an earlier `{tls_version}` would speak for a later message), ends for good
//! at the first failed accept, has no drain, and takes two tasks and a channel hop a packet.

mod acceptor;
mod activity;
mod connection;
mod conversation;
mod negotiation;
mod packet;
mod probe;
mod server;

pub use activity::Activity;
pub use conversation::{Answers, Context, Conversation, Next, ProtocolError};
pub use probe::{ANOTHER, probe};
pub use server::{Shutdown, Sockets, serve};
