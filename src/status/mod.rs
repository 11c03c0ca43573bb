//! How the running milter is: in a line for systemd, and in a file for `doctor` and monitoring.
//!
//! The milter rewrites the file at most once a second, under another name first, so that readers
//! always find a whole one. It is no socket: whoever reads it cannot hold the milter up.

mod checkup;
mod claim;
mod line;
mod reporter;

pub use checkup::Checkup;
pub use claim::StatusFile;
pub use reporter::Reporter;
