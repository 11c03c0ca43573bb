//! YAML with places: what the policy and the settings are written in.
//!
//! A file becomes a [`Tree`] of [`Node`]s that know where they stand, so that every error can name
//! line and column and show the line itself. Deserialisers in the manner of serde stop at the
//! first error and forget the places; here all errors of a file are collected.
//!
//! Read is the part of YAML that people write in configuration files: mappings, lists, scalars,
//! block text. Anchors, aliases, tags, merge keys and several documents in a file are refused.

mod decode;
mod parse;
mod problem;
mod tree;

pub use decode::{Decoder, Fields, Word};
pub use parse::parse;
pub use problem::{Noted, Problem, Problems, Severity, Span, Topic, shown_path};
pub use tree::{Items, Node, Pairs, Tree, Value};
