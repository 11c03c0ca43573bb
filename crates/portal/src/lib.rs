//! The portal: organisations switch mandatory TLS for their domains themselves.
//!
//! A program of its own, apart from the mail path: all that it can do to the milter is to put a
//! checked file where the policy includes it.
//!
//! ```text
//! browser --web--+
//! program --api--+--> ops --> store            (SQLite or PostgreSQL)
//! shell ---cli---+     |        '--> file ---> portal.yaml --include--> the milter's policy
//!                      '--> insight <--------- policy, ledger, status of the milter
//! ```
//!
//! - [`store`]: the database, and its form.
//! - [`ops`]: what can be done, and by whom; the rights are types.
//! - [`auth`], [`flow`]: passwords, codes, signing in.
//! - [`mod@file`]: the policy's file, written from the database.
//! - [`detail`]: a domain with all that its page and the API tell of it.
//! - [`cli`]: the commands.
//! - [`web`]: pages; [`api`]: the API. They call `ops` and `flow` only.

// Nothing that a browser or a file holds may end the program.
#![warn(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::todo
)]

pub mod api;
mod app;
pub mod auth;
pub mod cli;
mod connect;
pub mod connection;
pub mod detail;
pub mod file;
pub mod flow;
pub mod ops;
mod schema;
mod secret;
mod security;
mod serve;
pub mod store;
mod under_test;
pub mod web;

pub use app::{App, now};
pub use secret::Secret;
pub use serve::{router, serve_on, sockets};
