//! What the fuzz targets share: naive models of what the product does fast, and checks of what
//! it says to the outside.
//!
//! The models are written from what MTAs do and from the milter protocol, not from the product's
//! code, and are simple enough to be seen to be right. Where a model says that mail may lead to
//! an opted-in domain, the product has to refuse it; the product may refuse more.

pub mod evidence;
pub mod log;
pub mod mta;
pub mod route;
pub mod said;
pub mod second_opinion;
pub mod wire;

use config::policy_file;
use policy::Policy;
use std::{fs, path::PathBuf};

/// A directory of this process for files, in memory where the system has one for that.
///
/// # Panics
///
/// When it cannot be made.
#[must_use]
pub fn directory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let base = std::env::var_os("TMPDIR").map_or(memory, PathBuf::from);
    let base = if base.is_dir() { base } else { std::env::temp_dir() };
    let directory = base.join(format!("mandatory-tls-fuzz-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// A policy that is known to be valid.
///
/// # Panics
///
/// When it is not.
#[must_use]
pub fn policy(text: &str) -> Policy {
    let path = directory().join("fixed.yaml");
    fs::write(&path, text).unwrap();
    let loaded = policy_file::load(&path);
    loaded.policy.unwrap_or_else(|problems| panic!("{problems}"))
}
