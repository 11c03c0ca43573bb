//! The policy that was last in force.

use super::file::{Unusable, What, Why, read};
use config::policy_file::{self, FileHead, Loaded};
use config::yaml::{Problem, Problems};
use jiff::Timestamp;
use policy::Policy;
use std::path::Path;

/// The last good policy, read and found valid.
#[derive(Debug)]
pub struct LastGood {
    /// The policy.
    pub policy: Policy,
    /// What may not be meant in it.
    pub warnings: Problems,
    /// When it came into force.
    pub since: Timestamp,
    /// What those of its files say of themselves that have a head.
    pub heads: Vec<FileHead>,
}

impl LastGood {
    /// The one that was kept in the state directory for this `policy` of the settings.
    ///
    /// # Errors
    ///
    /// Why there is none that can be used.
    pub fn load(state_dir: Option<&Path>, policy: &Path) -> Result<Self, Unusable> {
        let state_dir = state_dir.ok_or(Unusable::NoStateDir)?;
        let (manifest, snapshot) = read(What::Policy, state_dir, policy)?;
        let Loaded { policy, warnings, heads, .. } = policy_file::load_snapshot(policy, &snapshot);
        match policy {
            Ok(policy) => Ok(Self { policy, warnings, since: manifest.since, heads }),
            Err(problems) => {
                let first = problems.first_error().map(Problem::in_one_line).unwrap_or_default();
                let why = Why::Invalid { version: manifest.version, first };
                Err(Unusable::File { what: What::Policy, path: What::Policy.file(state_dir), why })
            }
        }
    }
}
