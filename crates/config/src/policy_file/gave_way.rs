//! Entries that are not in force, since they stand in a file that gives way.

use crate::yaml::{Noted, Problems, Span};
use policy::{EntryPlace, Pattern};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// So many are named in the warning.
const NAMED: usize = 5;

/// An entry that is left out, since its file gives way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GaveWay {
    /// What it names.
    pub pattern: Pattern,
    /// Where it stands.
    pub place: FilePlace,
    /// Where the entry stands that is in force.
    pub other: FilePlace,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// The file, by the path that leads to it from the policy's own.
    pub path: Arc<Path>,
    /// The line, from 1.
    pub line: u32,
}

/// The entries of one file that gave way. One warning speaks for all.
#[derive(Default)]
pub(super) struct GaveWayHere {
    found: Vec<GaveWay>,
    first: Option<Noted>,
    /// Files by their number in the policy, each to be shared by all places in it.
    paths: BTreeMap<u16, Arc<Path>>,
}

impl GaveWayHere {
    /// Takes in that the entry at `span` of the current file gave way, with its own place and that of the
    /// other entry.
    pub(super) fn add(
        &mut self,
        problems: &mut Problems,
        span: Span,
        pattern: Pattern,
        (place, other): (EntryPlace, EntryPlace),
        files: &[PathBuf],
    ) {
        let (place, other) = (self.place(place, files), self.place(other, files));
        if self.first.is_none() {
            let message = format!(
                "{pattern} is left out: this file gives way, and line {} of {} names it, too",
                other.line,
                other.path.display()
            );
            let help =
                "what stands there is in force; right if that is meant, else remove it there";
            self.first = Some(problems.warn_first(span, message, help.into()));
        }
        self.found.push(GaveWay { pattern, place, other });
    }

    fn place(&mut self, EntryPlace { file, line }: EntryPlace, files: &[PathBuf]) -> FilePlace {
        let path = || files.get(usize::from(file)).map_or(Path::new(""), PathBuf::as_path);
        let path = self.paths.entry(file).or_insert_with(|| path().into());
        FilePlace { path: Arc::clone(path), line }
    }

    /// Lets the one warning speak for all, and gives them.
    pub(super) fn finish(self, problems: &mut Problems) -> Vec<GaveWay> {
        let Self { found, first, .. } = self;
        if let Some(first) = first.filter(|_| found.len() > 1) {
            let named: Vec<String> = found
                .iter()
                .take(NAMED)
                .map(|GaveWay { pattern, place, other }| {
                    let (here, there) = (place.line, other.line);
                    format!("{pattern} in line {here} (line {there} of {})", other.path.display())
                })
                .collect();
            let more = if found.len() > NAMED { ", and so on" } else { "" };
            problems.rewrite(
                &first,
                format!(
                    "{} entries are left out: this file gives way, and other files name the same, too",
                    found.len()
                ),
                format!("what stands there is in force: {}{more}", named.join(", ")),
            );
        }
        found
    }
}
