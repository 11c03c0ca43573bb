//! What the ledger's rows are: keys, tallies, days, and how much of a client they hold.
//!
//! Nothing here reads or writes a file, but for the key that stands in for client addresses.

pub mod baseline;
pub mod case;
pub mod clients;
pub mod clock;
pub mod day;
pub mod delivery;
pub mod followed;
pub mod handshake;
pub mod imports;
pub mod key;
pub mod logged_tls;
pub mod reason;
pub mod row;
pub mod tally;
pub mod tls;
