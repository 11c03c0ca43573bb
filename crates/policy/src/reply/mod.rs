//! The SMTP answer to a refused RCPT: from a template in the policy to lines on the wire.
//!
//! A malformed reply makes Postfix answer 451 to all that follows and Sendmail refuse for good,
//! so what a template may hold is checked when the policy loads, and what is filled in cannot
//! break it: values are printable ASCII, long lines are folded, `%` is doubled for the MTA.

mod lines;
mod placeholder;
mod template;

pub use lines::Reply;
pub use placeholder::Placeholder;
pub use template::{ReplyError, ReplyTemplate, check_url, is_refusal};

#[cfg(test)]
mod tests;
