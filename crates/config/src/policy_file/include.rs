//! Which files a policy includes.

use super::{candidate::View, sources::Sources};
use crate::yaml::{Decoder, Node};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

/// Hidden files (an editor's, a half-written one) are included only where a pattern names them.
const OPTIONS: glob::MatchOptions = glob::MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// What stands for other characters in a pattern.
const WILDCARDS: [char; 3] = ['*', '?', '['];

/// The files that `include` names, sorted within each pattern, each file once.
pub(super) fn files(
    decoder: &mut Decoder<'_>,
    node: Node<'_>,
    base: &Path,
    view: &View<'_>,
    sources: &mut Sources,
) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for item in decoder.one_or_more(node).iter() {
        let Some(pattern) = decoder.text(item, "a file to include") else { continue };
        let found = one_pattern(decoder, item, base, pattern, view, sources);
        files.extend(found.into_iter().filter(|path| seen.insert(path.clone())));
    }
    files
}

fn one_pattern(
    decoder: &mut Decoder<'_>,
    item: Node<'_>,
    base: &Path,
    pattern: &str,
    view: &View<'_>,
    sources: &mut Sources,
) -> Vec<PathBuf> {
    let full = base.join(pattern);
    let (Some(directory), Some(name)) =
        (full.parent(), full.file_name().and_then(|name| name.to_str()))
    else {
        decoder.problems.add(
            item.span,
            "this names no file",
            "write, for example, domains.d/*.yaml",
        );
        return Vec::new();
    };
    let directories = Path::new(pattern).parent();
    if directories.is_some_and(|path| path.to_string_lossy().contains(WILDCARDS)) {
        let message = "a wildcard can only stand in the last part of a path";
        decoder.problems.add(item.span, message, "include each directory by a pattern of its own");
        return Vec::new();
    }
    if !name.contains(WILDCARDS) {
        // What the system does not let be seen is told when it is read.
        if !view.is_file(&full) && !view.is_hidden(&full) {
            let message = format!("there is no file {}", full.display());
            decoder.problems.add(item.span, message, "create it, or correct the path");
        }
        // Watched, so that its appearance is seen.
        sources.add_file(&full);
        return vec![full];
    }
    matching_files(decoder, item, directory, name, view, sources)
}

/// The files of a directory whose names match a pattern.
fn matching_files(
    decoder: &mut Decoder<'_>,
    item: Node<'_>,
    directory: &Path,
    pattern: &str,
    view: &View<'_>,
    sources: &mut Sources,
) -> Vec<PathBuf> {
    let pattern = match glob::Pattern::new(pattern) {
        Ok(pattern) => pattern,
        Err(error) => {
            decoder.problems.add(item.span, format!("this is no file pattern: {error}"), "");
            return Vec::new();
        }
    };
    // A file that is named without a directory is in the current one.
    let here = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    match view.names(here, sources) {
        Ok(names) => {
            let matching = |name: &&OsStr| pattern.matches_with(&name.to_string_lossy(), OPTIONS);
            let files: Vec<PathBuf> = names
                .iter()
                .filter_map(|path| path.file_name())
                .filter(matching)
                .map(|name| directory.join(name))
                .filter(|path| !view.is_directory(path))
                .collect();
            // A directory without any is a place for files that are still to come.
            let hidden = |path: &PathBuf| {
                path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
            };
            if files.is_empty() && !names.iter().all(hidden) {
                let help = "right if files are still to come; else correct the pattern";
                decoder.problems.warn(item.span, "no file matches this pattern", help);
            }
            files
        }
        Err(error) => {
            let message = format!("the directory {} cannot be read: {error}", directory.display());
            let help = match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    "let the user that the milter runs as read it, and go through those above it"
                }
                _ => "create it, or correct the pattern",
            };
            decoder.problems.add(item.span, message, help);
            Vec::new()
        }
    }
}
