//! The policy that a command is about.

use config::policy_file;
use config::settings::Settings;
use config::yaml::Problems;
use policy::Policy;
use std::path::{Path, PathBuf};

/// Reads the policy that is named, or else that of the settings.
pub(super) fn read(named: Option<&PathBuf>, config: &Path) -> Result<Policy, Problems> {
    let path = match named {
        Some(path) => path.clone(),
        None => Settings::load(config)?.policy,
    };
    policy_file::load(&path).policy
}
