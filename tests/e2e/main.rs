//! End to end: the milter's binary in front of a real Postfix and a real Sendmail. Run by `tests/run`.
#![cfg(test)]

mod certificates;
mod differential;
mod doctor;
mod failures;
mod follow_log;
mod hops_in_logs;
mod ledger;
mod log;
mod policy;
mod postfix_sessions;
mod postfix_settings;
mod postfix_tls;
mod recipients;
mod reload;
mod second_hop;
mod sendmail;
mod setup_deliver;
mod support;
