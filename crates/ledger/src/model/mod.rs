//! What the ledger's rows are: keys, tallies, days, and how much of a client they hold.

pub mod clients;
pub mod key;
pub mod row;
