//! What the encryption of a session must satisfy.
//!
//! Every requirement includes the [baseline](self#baseline): it is the floor under whatever a
//! policy asks for, and what a policy adds can only refuse more. So a requirement that builds
//! on another is never laxer than that one, and no combination of settings lets a session
//! through that is not encrypted.
//!
//! # Baseline
//!
//! No SSL 2 (RFC 6176) and no SSL 3 (RFC 7568); no RC4 (RFC 7465); no cipher that encrypts
//! nothing or was weakened for export, no single DES, no RC2; nothing below 112 bits. Anonymous
//! ciphers pass: nobody can read along, and without MTA-STS or DANE an SMTP client does not
//! check certificates anyway.
//!
//! A cipher or a version that is not known satisfies nothing, except that a version need not be
//! known where all versions of the cipher would do.

mod builder;
mod builtin;
mod builtin_suites;
mod check;
pub mod forbidden;
mod property;
pub mod shortfall;

pub use builder::{RequirementBuilder, Unsatisfiable};
pub use builtin::{builtins, named};
pub use check::Requirement;
pub use forbidden::{CipherName, Forbidden, UnknownCipherName, UnknownForbidden};
pub use property::Property;
pub use shortfall::Shortfall;

#[cfg(test)]
mod tests;
