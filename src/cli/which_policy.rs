//! The policy that a command is about.

use config::policy_file;
use config::settings::Settings;
use config::yaml::Problems;
use policy::Policy;
use std::path::{Path, PathBuf};

/// Reads the policy that is named, or else that of the settings.
pub(super) fn read(named: Option<&PathBuf>, config: &Path) -> Result<Policy, Problems> {
    policy_file::load(&path(named, config)?).policy
}

/// Where it lies.
pub(super) fn path(named: Option<&PathBuf>, config: &Path) -> Result<PathBuf, Problems> {
    match named {
        Some(path) => Ok(path.clone()),
        None => Ok(Settings::load(config)?.policy),
    }
}
