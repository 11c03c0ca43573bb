//! What can be done: the one layer that pages, API and shell call, so that they cannot differ.
//!
//! An operation is a plain function over a [`Transaction`](crate::store::Transaction). Who asks comes
//! in as an [`Actor`], and the right to do it as a type that only a check can make:
//!
//! - [`domains::OwnedDomain`]: a domain that the actor may see;
//!   [`domains::ChangeableDomain`]: one that the actor may change;
//! - [`Operator`]: an actor who is one.
//!
//! What is not there and what is somebody else's is the same [`OpError::NotFound`]. Every change is
//! written down in the audit log by the operation itself.

pub mod accounts;
mod actor;
pub mod audit;
pub mod domains;
mod error;
pub mod insight;
pub mod offer;
pub mod organisations;
pub mod sessions;
pub mod tokens;
mod words;

pub use actor::{Actor, Operator};
pub use error::{Denied, Invalid, OpError};
pub use words::{Role, Scope, Via};
