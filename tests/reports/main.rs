//! What is read from a ledger: reports, simulations, digests.

mod import;
mod report;
mod simulate;
mod support;
