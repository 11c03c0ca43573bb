//! What is read from a ledger: reports, simulations, digests.

mod digest;
mod import;
mod report;
mod simulate;
mod support;
