//! A digest, as its contact reads it.

mod mail;
mod words;

pub use mail::{MailError, message};
pub use words::reason;
