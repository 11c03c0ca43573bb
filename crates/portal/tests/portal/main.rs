//! The portal, on both engines.

mod api;
mod connection;
mod doors;
mod engines;
mod file;
mod lists;
mod looking;
mod memory;
mod oidc;
mod own_server;
mod pages;
mod rights;
mod settings;
mod sign_in;
mod support;
mod turns;
