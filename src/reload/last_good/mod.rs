//! The last good policy: what was last in force, kept under `state_dir`.
//!
//! Where the files of a policy are broken, or cannot be read, when the milter starts (a restart, an
//! upgrade, a reboot), it goes on under what they held when they were last in force. That is read by the
//! same loader as they are, with all its checks, and is used only where it is whole, is this user's own,
//! and was kept for the same `policy`.

mod file;
mod keeper;

pub use file::{LastGood, Unusable};
pub use keeper::Keeper;
