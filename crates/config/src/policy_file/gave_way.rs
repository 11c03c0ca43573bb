//! Entries that are not in force, since they stand in a file that gives way.

use crate::yaml::{Noted, Problems, Span, Topic};
use policy::{EntryPlace, Pattern};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// So many are named in a warning.
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
    /// Whose that one is.
    pub winner: Winner,
}

/// Whose entry is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Winner {
    /// The operator's: it stands in a file that gives way to none.
    Operator,
    /// Another program's: its file gives way as well, and comes first.
    Program,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// The file, by the path that leads to it from the policy's own.
    pub path: Arc<Path>,
    /// The line, from 1.
    pub line: u32,
}

/// The entries of one file that gave way. One warning speaks for all that gave way to the operator, and one for
/// all that gave way to other programs: that is hardly meant.
pub(super) struct GaveWayHere {
    found: Vec<GaveWay>,
    to_operator: Warning,
    to_programs: Warning,
    /// How many files there are that give way to none. They come first.
    operators_files: usize,
    /// Files by their number in the policy, each to be shared by all places in it.
    paths: BTreeMap<u16, Arc<Path>>,
}

/// A warning, and what it speaks for.
#[derive(Default)]
struct Warning {
    first: Option<Noted>,
    count: usize,
    named: Vec<String>,
}

impl GaveWayHere {
    /// Nothing gave way yet, of a policy that has so many files that give way to none.
    pub(super) fn new(operators_files: usize) -> Self {
        Self {
            found: Vec::new(),
            to_operator: Warning::default(),
            to_programs: Warning::default(),
            operators_files,
            paths: BTreeMap::new(),
        }
    }

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
        let is_operators = usize::from(other.file) < self.operators_files;
        let (place, other) = (self.place(place, files), self.place(other, files));
        let (warning, topic, winner) = if is_operators {
            (&mut self.to_operator, Topic::GaveWay, Winner::Operator)
        } else {
            (&mut self.to_programs, Topic::Any, Winner::Program)
        };
        warning.count += 1;
        let (line, there) = (other.line, other.path.display());
        if warning.named.len() < NAMED {
            warning
                .named
                .push(format!("{pattern} in line {} (line {line} of {there})", place.line));
        }
        if warning.first.is_none() {
            let message = format!(
                "{pattern} is left out: this file gives way, and line {line} of {there} names it, too"
            );
            let help =
                "what stands there is in force; right if that is meant, else remove it there";
            warning.first = Some(problems.warn_first(topic, span, message, help.into()));
        }
        self.found.push(GaveWay { pattern, place, other, winner });
    }

    fn place(&mut self, EntryPlace { file, line }: EntryPlace, files: &[PathBuf]) -> FilePlace {
        let path = || files.get(usize::from(file)).map_or(Path::new(""), PathBuf::as_path);
        let path = self.paths.entry(file).or_insert_with(|| path().into());
        FilePlace { path: Arc::clone(path), line }
    }

    /// Lets one warning speak for all, and gives them.
    pub(super) fn finish(self, problems: &mut Problems) -> Vec<GaveWay> {
        for Warning { first, count, named } in [self.to_operator, self.to_programs] {
            let Some(first) = first.filter(|_| count > 1) else { continue };
            let more = if count > named.len() { ", and so on" } else { "" };
            problems.rewrite(
                &first,
                format!("{count} entries are left out: this file gives way, and other files name the same, too"),
                format!("what stands there is in force: {}{more}", named.join(", ")),
            );
        }
        self.found
    }
}
