//! What is read from a ledger: reports, simulations, digests.

mod digest;
mod digest_hops;
mod hops;
mod import;
mod logs;
mod page;
mod ready;
mod report;
mod simulate;
mod support;
