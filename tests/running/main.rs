//! The running milter, without an MTA.

mod faults;
mod ledger;
mod metrics;
mod protocol;
mod reload;
mod service;
mod support;
