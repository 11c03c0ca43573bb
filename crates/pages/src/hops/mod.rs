//! What is said of both hops and of failed handshakes, by language: alike in the table, on the page and in
//! mails.

mod exceptions;
mod handshakes;
mod sentence;
#[cfg(test)]
mod tests;

pub use exceptions::{advice, exception};
pub use handshakes::{afterwards, failures, fault, remedy};
pub use sentence::{sentence, to_know_more};

use policy::Language;

/// How numbers are written where the text goes.
pub type Number = fn(u64) -> String;

pub(crate) fn pick(language: Language, [english, german]: [&'static str; 2]) -> &'static str {
    match language {
        Language::English => english,
        Language::German => german,
    }
}

/// Whom a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Whoever runs the gateway, and can change its settings.
    Operator,
    /// The contact of a domain.
    Contact,
}
