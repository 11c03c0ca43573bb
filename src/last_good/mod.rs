//! What was last good: the policy that was last in force, and the settings that the milter last started
//! under.
//!
//! Where files are broken, or cannot be read, when the milter starts (a restart, an upgrade, a reboot), it
//! goes on under what they held when they were last good. That is read by the same loaders as they are, with
//! all their checks, and is used only where it is whole, is this user's own, and was kept for the same file.
//!
//! The policy is kept in the `state_dir` of the settings. The settings cannot be: where they are broken,
//! nobody can read in them where that is. So these lie where the service has its state by what stands outside
//! of them ([`Place`]).

mod file;
mod keeper;
mod policy;
mod settings;

pub use file::{Unusable, What, Why};
pub use keeper::Keeper;
pub use policy::LastGood;
pub use settings::{INSTALLED, LastGoodSettings, Place, is_installed};
