//! What several tests need: a policy from text.

use mandatory_tls::policy::Policy;
use mandatory_tls::policy_file;
use std::{fs, path::Path};

/// Reads a policy that is given as text.
#[must_use]
pub fn policy(text: &str) -> Policy {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    fs::write(&path, text).unwrap();
    policy_file::load(&path)
        .policy
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// Writes files into a directory.
pub fn write(directory: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}
