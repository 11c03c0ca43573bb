//! Which files a policy includes.

use super::Sources;
use crate::yaml::{Decoder, Node};
use std::path::{Path, PathBuf};

/// Hidden files (an editor's, a half-written one) are included only where a pattern names them.
const OPTIONS: glob::MatchOptions = glob::MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The files that `include` names, sorted within each pattern, each file once.
pub(super) fn files(
    decoder: &mut Decoder<'_>,
    node: &Node<'_>,
    base: &Path,
    sources: &mut Sources,
) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for item in decoder.one_or_more(node) {
        let Some(pattern) = decoder.text(item, "a file to include") else {
            continue;
        };
        let full = base.join(pattern);
        let directory = fixed_part(&full);
        sources.add_directory(&directory);
        if !directory.is_dir() {
            let message = format!("there is no directory {}", directory.display());
            decoder.problems.add(item.spot, message, "create it, or correct the pattern");
            continue;
        }
        let Some(full) = full.to_str() else {
            decoder.problems.add(item.spot, "the path of the policy is not UTF-8", "");
            continue;
        };
        match glob::glob_with(full, OPTIONS) {
            Err(error) => {
                decoder.problems.add(item.spot, format!("this is no file pattern: {error}"), "")
            }
            Ok(paths) => {
                let before = files.len();
                for path in paths {
                    match path {
                        Ok(path) if path.is_dir() || files.contains(&path) => {}
                        Ok(path) => files.push(path),
                        Err(error) => decoder.problems.add(item.spot, format!("{error}"), ""),
                    }
                }
                let named = !pattern.contains(['*', '?', '[']);
                if named && files.len() == before {
                    decoder.problems.add(
                        item.spot,
                        "there is no such file",
                        "create it, or correct the path",
                    );
                }
            }
        }
    }
    files
}

/// The directory before the first part of a path that has a wildcard.
fn fixed_part(pattern: &Path) -> PathBuf {
    let fixed: PathBuf = pattern
        .components()
        .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']))
        .collect();
    if fixed == pattern {
        return pattern.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    }
    fixed
}
