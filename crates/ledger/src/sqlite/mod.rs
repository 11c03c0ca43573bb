//! The ledger's file. Nothing outside knows SQL.

mod columns;
pub mod damaged;
pub mod error;
pub mod followed;
pub mod followed_before;
mod imports;
pub mod reader;
mod retention;
mod schema;
pub mod store;
mod told;

#[cfg(test)]
mod hop_tests;
#[cfg(test)]
mod tests;
