//! What is read from a ledger: reports, simulations, digests.

mod report;
mod simulate;
mod support;
