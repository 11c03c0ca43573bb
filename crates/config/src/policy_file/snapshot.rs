//! What the files of a policy held when it was read, octet for octet.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// All files of a policy: enough to read it again, whatever becomes of them on the disk.
///
/// They go by the absolute paths that lead to them from the policy's own file, so a snapshot reads the
/// same only together with the path that it was read by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Snapshot {
    /// Takes a file in.
    pub fn add(&mut self, path: &Path, octets: Vec<u8>) {
        self.files.insert(absolute(path), octets);
    }

    /// Its files and what they hold, in the order of their paths.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.files.iter().map(|(path, octets)| (path.as_path(), octets.as_slice()))
    }

    /// What a file holds.
    pub(super) fn file(&self, path: &Path) -> Option<&[u8]> {
        self.files.get(&absolute(path)).map(Vec::as_slice)
    }

    /// The files in a directory.
    pub(super) fn within(&self, directory: &Path) -> BTreeSet<PathBuf> {
        let directory = absolute(directory);
        self.files.keys().filter(|path| path.parent() == Some(&*directory)).cloned().collect()
    }
}

/// Of a relative path, what it means in the current directory.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::super::{load, load_snapshot, load_to_keep};
    use policy::Policy;
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    fn essence(policy: &Policy) -> (usize, Vec<PathBuf>) {
        (policy.domains.len(), policy.files.clone())
    }

    #[test]
    fn a_snapshot_reads_as_the_files_did_when_they_are_broken_or_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.yaml");
        fs::create_dir(directory.path().join("d")).unwrap();
        let main = "include: [d/*.yaml, one.yaml]\ndomains: [main.example]\n";
        for (name, text) in [
            ("policy.yaml", main),
            ("d/a.yaml", "\u{feff}- a.example\n"),
            ("d/b.yaml", "- b.example # \u{fc}\n"),
            ("d/.hidden.yaml", "- hidden.example\n"),
            ("d/note.txt", "not read"),
            ("one.yaml", "- one.example\n"),
        ] {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let (loaded, snapshot) = load_to_keep(&path);
        let before = essence(&loaded.policy.unwrap());
        assert_eq!(essence(&load(&path).policy.unwrap()), before);
        assert_eq!(before.0, 4);
        assert_eq!(snapshot.files().count(), 4);
        for break_it in [
            |_: &Path| {},
            |directory: &Path| fs::write(directory.join("d/a.yaml"), "- [").unwrap(),
            |directory: &Path| fs::remove_dir_all(directory.join("d")).unwrap(),
            |directory: &Path| fs::remove_file(directory.join("policy.yaml")).unwrap(),
        ]
        .map(|f: fn(&Path)| f)
        {
            break_it(directory.path());
            assert_eq!(essence(&load_snapshot(&path, &snapshot).policy.unwrap()), before);
        }
        assert!(load(&path).policy.is_err());
    }

    #[test]
    fn a_snapshot_reads_the_same_by_a_relative_and_an_absolute_path() {
        let mut snapshot = super::Snapshot::default();
        snapshot.add("policy.yaml".as_ref(), b"include: ['*.list']\n".to_vec());
        snapshot.add("a.list".as_ref(), b"- a.example\n".to_vec());
        for path in ["policy.yaml".into(), std::path::absolute("policy.yaml").unwrap()] {
            let policy = load_snapshot(&path, &snapshot).policy.unwrap();
            assert_eq!(policy.domains.len(), 1);
        }
    }
}
