//! Which files a policy includes.

use super::{beside, candidate::View, sources::Sources};
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
    let mut near = Vec::new();
    for item in decoder.one_or_more(node).iter() {
        let Some(pattern) = decoder.text(item, "a file to include") else { continue };
        let found = one_pattern(decoder, item, base, pattern, view, sources);
        near.push((item, found.near));
        files.extend(found.files.into_iter().filter(|path| seen.insert(path.clone())));
    }
    for (item, mut near) in near {
        // One that another pattern matches is read; one that is near to several is told of once.
        near.retain(|path| seen.insert(path.clone()));
        warn_of_near(decoder, item, &near);
    }
    files
}

/// What a pattern finds.
#[derive(Default)]
struct Found {
    /// What it matches.
    files: Vec<PathBuf>,
    /// What it was probably meant to match.
    near: Vec<PathBuf>,
}

/// Warns of files that are probably thought to be read.
fn warn_of_near(decoder: &mut Decoder<'_>, item: Node<'_>, near: &[PathBuf]) {
    let names: Vec<_> =
        near.iter().filter_map(|path| path.file_name()).map(OsStr::to_string_lossy).collect();
    let message = match names.as_slice() {
        [] => return,
        [name] => format!("{name} is not read: it does not match this pattern"),
        names => {
            let more = if names.len() > NAMED { ", and so on" } else { "" };
            let first =
                names.iter().take(NAMED).map(AsRef::as_ref).collect::<Vec<&str>>().join(", ");
            let count = names.len();
            format!("{count} files look as if they were included, and are not read: {first}{more}")
        }
    };
    decoder.problems.warn(
        item.span,
        message,
        "rename it as the pattern wants it, or add a pattern",
    );
}

/// So many files are named in a warning.
const NAMED: usize = 5;

fn one_pattern(
    decoder: &mut Decoder<'_>,
    item: Node<'_>,
    base: &Path,
    pattern: &str,
    view: &View<'_>,
    sources: &mut Sources,
) -> Found {
    let full = base.join(pattern);
    let (Some(directory), Some(name)) =
        (full.parent(), full.file_name().and_then(|name| name.to_str()))
    else {
        decoder.problems.add(
            item.span,
            "this names no file",
            "write, for example, domains.d/*.yaml",
        );
        return Found::default();
    };
    let directories = Path::new(pattern).parent();
    if directories.is_some_and(|path| path.to_string_lossy().contains(WILDCARDS)) {
        let message = "a wildcard can only stand in the last part of a path";
        decoder.problems.add(item.span, message, "include each directory by a pattern of its own");
        return Found::default();
    }
    if !name.contains(WILDCARDS) {
        // What the system does not let be seen is told when it is read.
        if !view.is_file(&full) && !view.is_hidden(&full) {
            let message = format!("there is no file {}", full.display());
            decoder.problems.add(item.span, message, "create it, or correct the path");
        }
        // Watched, so that its appearance is seen.
        sources.add_file(&full);
        return Found { files: vec![full], near: Vec::new() };
    }
    let in_own_place = directory == base;
    matching_files(decoder, item, (directory, in_own_place), name, view, sources)
}

/// The files of a directory whose names match a pattern.
fn matching_files(
    decoder: &mut Decoder<'_>,
    item: Node<'_>,
    // Beside the policy itself lie files that are no lists.
    (directory, in_own_place): (&Path, bool),
    pattern: &str,
    view: &View<'_>,
    sources: &mut Sources,
) -> Found {
    let pattern = match glob::Pattern::new(pattern) {
        Ok(pattern) => pattern,
        Err(error) => {
            decoder.problems.add(item.span, format!("this is no file pattern: {error}"), "");
            return Found::default();
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
            let near: Vec<PathBuf> = names
                .iter()
                .filter(|path| !hidden(path) && !view.is_directory(path))
                .filter_map(|path| path.file_name())
                .filter(|name| {
                    !in_own_place && beside::is_near(&pattern, &name.to_string_lossy(), OPTIONS)
                })
                .map(|name| directory.join(name))
                .filter(|path| !files.contains(path))
                .collect();
            // One that is named as a list would be.
            for path in names.iter().filter(|path| view.is_directory(path)) {
                if let Some(name) = path.file_name().filter(matching) {
                    let message =
                        format!("{} is not read: it is a directory", name.to_string_lossy());
                    let help =
                        "put a file in its place, or include what it holds by a pattern of its own";
                    decoder.problems.warn(item.span, message, help);
                }
            }
            if files.is_empty() && near.is_empty() && !names.iter().all(hidden) {
                let help = "right if files are still to come; else correct the pattern";
                decoder.problems.warn(item.span, "no file matches this pattern", help);
            }
            Found { files, near }
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
            Found::default()
        }
    }
}
