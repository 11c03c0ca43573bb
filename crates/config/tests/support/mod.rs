//! What the tests of policies share.

use config::policy_file::Loaded;
use policy::{Directory, DomainName, Entry, Policy};
use std::{fs, path::Path};

/// Writes files into a directory.
pub fn write(directory: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// The entries by what they name.
pub fn entries(directory: &Directory) -> Vec<(&str, &Entry)> {
    let mut entries: Vec<_> = directory.iter().collect();
    entries.sort_by_key(|(pattern, _)| *pattern);
    entries
}

/// Asserts that both are the same policy, or the same problems.
pub fn assert_same(one: &Loaded, other: &Loaded) {
    assert_eq!(one.warnings.to_string(), other.warnings.to_string());
    match (&one.policy, &other.policy) {
        (Ok(one), Ok(other)) => {
            assert_eq!(entries(&one.domains), entries(&other.domains));
            assert_eq!(entries(&one.senders), entries(&other.senders));
            for (name, _) in entries(&one.domains) {
                if let Ok(name) = DomainName::parse(name) {
                    let place =
                        |policy: &Policy| policy.domains.find_domain(&name).unwrap().place();
                    assert_eq!(place(one), place(other));
                }
            }
            assert_eq!(one.files, other.files);
            assert_eq!(one.local, other.local);
            assert_eq!(one.requirements, other.requirements);
        }
        (one, other) => {
            let text = |policy: &Result<_, config::yaml::Problems>| {
                policy.as_ref().err().map(ToString::to_string)
            };
            assert_eq!(text(one), text(other));
        }
    }
}
