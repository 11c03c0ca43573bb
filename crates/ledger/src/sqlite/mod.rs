//! The ledger's file. Nothing outside knows SQL.

pub mod damaged;
pub mod imports;
pub mod reader;
pub mod schema;
pub mod store;
