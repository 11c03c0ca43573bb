//! A report, and the words that all its forms share.

mod csv;
mod page;
mod words;

pub use csv::write_csv;
pub use page::{SCRIPT, STYLE, labels, page, part};
pub use words::{name_of, notes, outcome_text, share_in, share_text};
