//! A report, and the words that all its forms share.

mod page;
mod words;

pub use page::page;
pub use words::{name_of, notes, outcome_text, share_text};
