//! The load: the MTA's side of the milter protocol, on one thread and many connections.
//!
//! It negotiates, leaves out the events that the milter does not want, waits for no answer that
//! the milter will not give, sends the macros that the milter asked for and batches its packets as
//! Postfix does. It knows the right answer to each RCPT and counts the wrong ones.

mod driver;
mod protocol;
mod session;

pub use driver::{Driver, End, Plan, Tally};
pub use protocol::is_served;
