//! What is wrong with a file, shown with the line itself and a caret.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// A place in a file: line and column from 1, and a length in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters are meant.
    pub length: usize,
}

impl Spot {
    /// A place.
    #[must_use]
    pub fn new(line: usize, column: usize, length: usize) -> Self {
        Self { line, column, length }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// Where in the file; none if the file as a whole is meant.
    pub spot: Option<Spot>,
    /// The line itself.
    pub line: String,
    /// What is wrong.
    pub message: String,
    /// What to do; may be empty.
    pub help: String,
}

/// All that is wrong with the file being read, and with the files before it.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    path: PathBuf,
    text: String,
    found: Vec<Problem>,
    broken: bool,
}

/// More problems than this are only counted: a file with thousands has one cause.
const SHOWN: usize = 50;

impl Problems {
    /// Nothing is wrong yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From here on, places are in this file with this text.
    pub fn enter(&mut self, path: &Path, text: &str) {
        path.clone_into(&mut self.path);
        text.clone_into(&mut self.text);
        self.broken = false;
    }

    /// Takes note that the rest of the current file cannot be read.
    pub fn set_broken(&mut self) {
        self.broken = true;
    }

    /// Whether the rest of the current file could not be read: what is missing may stand there.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Takes note of a problem at a place in the current file.
    pub fn add(&mut self, spot: Spot, message: impl Into<String>, help: impl Into<String>) {
        let line = self.text.lines().nth(spot.line.saturating_sub(1)).unwrap_or("").to_owned();
        self.push(Some(spot), line, message.into(), help.into());
    }

    /// Takes note of a problem with the current file as a whole.
    pub fn add_file(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.push(None, String::new(), message.into(), help.into());
    }

    fn push(&mut self, spot: Option<Spot>, line: String, message: String, help: String) {
        self.found.push(Problem { path: self.path.clone(), spot, line, message, help });
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// All of them, in the order of the files and of the lines in each.
    #[must_use]
    pub fn all(&self) -> Vec<&Problem> {
        let mut files: Vec<&PathBuf> = Vec::new();
        for problem in &self.found {
            if !files.contains(&&problem.path) {
                files.push(&problem.path);
            }
        }
        let mut all: Vec<&Problem> = self.found.iter().collect();
        all.sort_by_key(|problem| {
            (files.iter().position(|path| **path == problem.path), problem.spot)
        });
        all
    }
}

impl std::error::Error for Problems {}

/// All problems, one after the other, each with its line and a caret.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.all();
        for (number, problem) in all.iter().take(SHOWN).enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        if all.len() > SHOWN {
            write!(f, "\n... and {} more errors", all.len() - SHOWN)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display().to_string();
        let Some(spot) = self.spot else {
            write!(f, "error: {path}: {}", self.message)?;
            if !self.help.is_empty() {
                write!(f, "\n  = help: {}", self.help)?;
            }
            return Ok(());
        };
        let line: String = self.line.chars().map(visible).collect();
        let start = byte_of(&line, spot.column.saturating_sub(1));
        let end = byte_of(&line, spot.column.saturating_sub(1) + spot.length).max(start);
        let snippet = Snippet::source(line.as_str())
            .line_start(spot.line)
            .path(path.as_str())
            .annotation(AnnotationKind::Primary.span(start..end));
        let mut group = Level::ERROR.primary_title(self.message.as_str()).element(snippet);
        if !self.help.is_empty() {
            group = group.element(Level::HELP.message(self.help.as_str()));
        }
        f.write_str(&Renderer::plain().render(&[group]))
    }
}

/// A control character would move the caret, or play with the terminal.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

fn byte_of(line: &str, character: usize) -> usize {
    line.char_indices().nth(character).map_or(line.len(), |(byte, _)| byte)
}
