//! The portal, on both engines.

mod api;
mod engines;
mod file;
mod pages;
mod rights;
mod settings;
mod sign_in;
mod support;
