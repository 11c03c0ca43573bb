//! Domains: which there are, what their organisations have chosen, and who may see and choose.

pub mod bulk;
mod change;
mod connection;
mod list;
mod name;
mod owned;
mod reading;
mod record;
mod register;
mod undo;

pub use change::{Changed, DomainChange, change};
pub(crate) use change::{is_everybody, is_over};
pub use connection::{
    COUNTS_FOR, Gap, LEVELS, LevelResult, Tested, gap, keep_test, last_test, may_test,
};
pub use list::{DomainList, DomainQuery, DomainSummary, ModeCounts, PAGE, list};
pub use name::{DomainName, shown};
pub use owned::{ChangeableDomain, OwnedDomain};
pub(crate) use reading::field_of;
pub use record::{DomainRecord, get};
pub use register::{Registered, add, remove};
pub use undo::undo;
