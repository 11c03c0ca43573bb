//! Domains: which there are, what their organisations have chosen, and who may see and choose.

pub mod bulk;
mod change;
mod list;
mod name;
mod owned;
mod record;
mod register;
mod undo;

pub use change::{Changed, DomainChange, change};
pub(crate) use change::{field_of, is_everybody, is_over};
pub use list::{DomainList, DomainQuery, DomainSummary, ModeCounts, PAGE, list};
pub use name::{DomainName, shown};
pub use owned::{ChangeableDomain, OwnedDomain};
pub use record::{DomainRecord, get};
pub use register::{Registered, add, remove};
pub use undo::undo;
