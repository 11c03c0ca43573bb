//! The portal, on both engines.

mod api;
mod engines;
mod file;
mod memory;
mod pages;
mod rights;
mod settings;
mod sign_in;
mod support;
mod turns;
