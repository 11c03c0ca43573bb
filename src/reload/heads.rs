//! Which versions of the files that programs write are in force.

use config::policy_file::FileHead;
use config::status::FileInForce;
use config::yaml::shown_path;
use jiff::Timestamp;

/// With the paths by which other processes find the files.
pub(super) fn absolute(heads: Vec<FileHead>) -> Vec<FileHead> {
    let absolute = |head: FileHead| {
        let path = std::path::absolute(&head.path).unwrap_or_else(|_| head.path.clone());
        FileHead { path, ..head }
    };
    heads.into_iter().map(absolute).collect()
}

/// The files of a policy that comes into force now. A version that was in force before has been since then.
pub(super) fn in_force(
    heads: Vec<FileHead>,
    before: &[FileInForce],
    now: Timestamp,
) -> Vec<FileInForce> {
    let since = |head: &FileHead| {
        let same = before.iter().find(|old| old.head.path == head.path)?;
        (head.version.is_some() && same.head.version == head.version).then_some(same.since)
    };
    let heads = absolute(heads).into_iter();
    heads.map(|head| FileInForce { since: since(&head).unwrap_or(now), head }).collect()
}

/// Which versions there are, to stand behind the name of the policy.
pub(super) fn versions(files: &[FileInForce]) -> String {
    let version = |FileInForce { head, .. }: &FileInForce| {
        Some(format!("; {}: version {}", shown_path(&head.path), head.version?))
    };
    files.iter().filter_map(version).collect()
}

/// Which versions changed, to stand behind what else did.
pub(super) fn changes(before: &[FileInForce], now: &[FileInForce]) -> String {
    let version = |file: &FileInForce| file.head.version.map(|version| version.to_string());
    let mut text = String::new();
    for file in now {
        let old = before.iter().find(|old| old.head.path == file.head.path).and_then(version);
        let new = version(file);
        if old == new {
            continue;
        }
        let [old, new] = [old, new].map(|version| version.unwrap_or_else(|| "none".into()));
        text.push_str(&format!("; {}: version {old} -> {new}", shown_path(&file.head.path)));
    }
    text
}
