//! The running milter, without an MTA.

mod protocol;
mod reload;
mod service;
mod support;
