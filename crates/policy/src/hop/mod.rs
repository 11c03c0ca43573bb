//! The words of the second hop: next hops, and what is asked of the session to one.

mod demand;
mod matching;
mod next_hop;
mod protocols;
mod session;

pub use demand::{CipherGrade, Deliver, Demand, Level};
pub use matching::{Matching, MatchingError};
pub use next_hop::{NextHop, NextHopError};
pub use protocols::{Protocols, ProtocolsError};
pub use session::{Doubt, HopSession, Lack, Met, Verification};
