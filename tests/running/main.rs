//! The running milter, without an MTA.

mod ledger;
mod protocol;
mod reload;
mod support;
