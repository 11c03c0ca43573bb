//! What is wrong with a file, shown with the line itself and a caret.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::{fmt, path::Path, sync::Arc};

/// A place in a file: line and column from 1, and a length in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters are meant.
    pub length: usize,
}

impl Span {
    /// A place.
    #[must_use]
    pub fn new(line: usize, column: usize, length: usize) -> Self {
        Self { line, column, length }
    }
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but something in it may be a mistake.
    Warning,
}

/// What a problem is about, where somebody has to tell it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Anything.
    Any,
    /// Entries of a program's file that give way to the operator's own: he may well mean that.
    GaveWay,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub topic: Topic,
    /// The file.
    pub path: Arc<Path>,
    /// Where in the file; none if the file as a whole is meant.
    pub span: Option<Span>,
    /// The line itself; none if it is longer than is shown.
    pub line: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do; may be empty.
    pub help: String,
}

/// All that is wrong with the file being read, and with the files before it.
#[derive(Clone, Debug)]
pub struct Problems {
    path: Arc<Path>,
    /// Shared with who reads it: it may be large.
    text: Arc<String>,
    /// Where each line of the text begins; made when the first problem is found.
    lines: Vec<usize>,
    found: Vec<Problem>,
    /// Errors and warnings, also those beyond the ones that are kept.
    errors: usize,
    warnings: usize,
    broken: bool,
    refused: bool,
}

/// A warning that was added; none where it was only counted.
#[derive(Debug)]
pub struct Noted(Option<usize>);

/// A longer line, in octets, is not shown: a program has put all into one, and a copy of it for each problem
/// would take more memory than there is.
const LONGEST_SHOWN: usize = 10_000;

/// Of a longer message, in characters, the rest is left out: a key or a name in it can be as long as the file.
const LONGEST_TEXT: usize = 1000;

/// More errors than this, or warnings, are only counted: a file with thousands has one cause.
const SHOWN: usize = 50;

impl Default for Problems {
    fn default() -> Self {
        Self {
            path: Path::new("").into(),
            text: Arc::default(),
            lines: Vec::new(),
            found: Vec::new(),
            errors: 0,
            warnings: 0,
            broken: false,
            refused: false,
        }
    }
}

impl Problems {
    /// Nothing is wrong yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From here on, places are in this file with this text.
    pub fn enter(&mut self, path: &Path, text: Arc<String>) {
        self.path = path.into();
        self.text = text;
        self.lines.clear();
        self.broken = false;
    }

    /// The current file has been read: gives its text up.
    pub fn leave(&mut self) {
        self.text = Arc::default();
        self.lines = Vec::new();
    }

    /// The rest of the current file cannot be read.
    pub fn set_broken(&mut self) {
        self.broken = true;
    }

    /// Whether the rest of the current file could not be read: what is missing may stand there.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// The system did not let a file be read, for a reason that may pass by itself.
    pub fn set_refused(&mut self) {
        self.refused = true;
    }

    /// Whether the system did not let a file be read that it may let be read later, unchanged.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    /// Adds an error at a place in the current file.
    pub fn add(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Severity::Error, Some(span), message.into(), help.into());
    }

    /// Adds an error of the current file as a whole.
    pub fn add_file(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.push(Severity::Error, None, message.into(), help.into());
    }

    /// Adds a warning: something at a place in the current file may be a mistake.
    pub fn warn(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Severity::Warning, Some(span), message.into(), help.into());
    }

    /// Adds a warning about the current file as a whole.
    pub fn warn_file(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.push(Severity::Warning, None, message.into(), help.into());
    }

    /// Adds a warning that more may have to be added to: see [`Self::rewrite`].
    pub fn warn_first(&mut self, topic: Topic, span: Span, message: String, help: String) -> Noted {
        let at = self.push(Severity::Warning, Some(span), message, help);
        if let Some(problem) = at.and_then(|at| self.found.get_mut(at)) {
            problem.topic = topic;
        }
        Noted(at)
    }

    /// Lets a warning speak for others like it, too.
    pub fn rewrite(&mut self, noted: &Noted, message: String, help: String) {
        if let Some(problem) = noted.0.and_then(|at| self.found.get_mut(at)) {
            (problem.message, problem.help) = (message, help);
        }
    }

    fn push(
        &mut self,
        severity: Severity,
        span: Option<Span>,
        message: String,
        help: String,
    ) -> Option<usize> {
        let kept = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *kept += 1;
        if *kept > SHOWN {
            return None;
        }
        let span = span.map(|span| self.within(span));
        let line = span.map(|span| self.line(span.line)).filter(|line| line.len() <= LONGEST_SHOWN);
        let line = line.map(str::to_owned);
        let [message, help] = [message, help].map(|text| shown(&text));
        let (topic, path) = (Topic::Any, self.path.clone());
        self.found.push(Problem { severity, topic, path, span, line, message, help });
        self.found.len().checked_sub(1)
    }

    /// The place, or the end of the file for one that the parser gives behind it.
    fn within(&mut self, span: Span) -> Span {
        self.find_lines();
        if span.line <= self.lines.len() {
            return span;
        }
        let last = self.lines.len();
        Span::new(last, self.line(last).chars().count() + 1, 1)
    }

    /// The place of the character at an octet of the current file.
    pub fn span_at(&mut self, octet: usize) -> Span {
        self.find_lines();
        let line = self.lines.partition_point(|start| *start <= octet);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let before = self.text.get(start..octet).unwrap_or_default();
        Span::new(line, before.chars().count() + 1, 1)
    }

    /// A line of the current file, from 1, without its end.
    pub(super) fn line(&mut self, number: usize) -> &str {
        self.find_lines();
        let start = self.lines.get(number.saturating_sub(1)).copied().unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or_default();
        rest.split(['\n', '\r']).next().unwrap_or_default()
    }

    /// Finds where lines begin. YAML has three ends of a line (YAML 1.2, section 5.4).
    fn find_lines(&mut self) {
        if self.lines.is_empty() {
            let octets = self.text.as_bytes();
            let ends = self
                .text
                .match_indices(['\n', '\r'])
                .filter(|(at, end)| *end == "\n" || octets.get(at + 1) != Some(&b'\n'));
            self.lines = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        }
    }

    /// Whether there is no error.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.errors == 0
    }

    /// The first error, where it is kept.
    #[must_use]
    pub fn first_error(&self) -> Option<&Problem> {
        self.shown().into_iter().find(|problem| problem.severity == Severity::Error)
    }

    /// How many errors there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.errors
    }

    /// That there are more than are shown, where there are.
    pub fn beyond(&self) -> impl Iterator<Item = String> {
        let counts = [(self.errors, "errors"), (self.warnings, "warnings")];
        let beyond = counts.into_iter().filter(|(count, _)| *count > SHOWN);
        beyond.map(|(count, what)| format!("these are the first of {count} {what}"))
    }

    /// The file being read.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The first of them, and of the warnings, in the order of the files and of the lines in each.
    #[must_use]
    pub fn shown(&self) -> Vec<&Problem> {
        let mut files: Vec<&Path> = Vec::new();
        for problem in &self.found {
            if !files.contains(&&*problem.path) {
                files.push(&problem.path);
            }
        }
        let mut shown: Vec<&Problem> = self.found.iter().collect();
        shown.sort_by_key(|problem| {
            (files.iter().position(|path| **path == *problem.path), problem.span)
        });
        shown
    }
}

impl std::error::Error for Problems {}

/// All problems, one after the other, each with its line and a caret.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.shown().iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        self.beyond().try_for_each(|beyond| write!(f, "\n... {beyond}"))
    }
}

impl Problem {
    /// Where and what, without the line itself and the help.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        let path = shown_path(&self.path);
        match self.span {
            Some(span) => format!("{path}:{}:{}: {}", span.line, span.column, self.message),
            None => format!("{path}: {}", self.message),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(span), Some(line)) = (self.span, &self.line) else {
            let word = match self.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            write!(f, "{word}: {}", self.in_one_line())?;
            if !self.help.is_empty() {
                write!(f, "\n  = help: {}", self.help)?;
            }
            return Ok(());
        };
        let path = shown_path(&self.path);
        let line: String = line.chars().map(visible).collect();
        let start = byte_of(&line, span.column.saturating_sub(1));
        let end = byte_of(&line, span.column.saturating_sub(1) + span.length).max(start);
        let snippet = Snippet::source(line.as_str())
            .line_start(span.line)
            .path(path.as_str())
            .annotation(AnnotationKind::Primary.span(start..end));
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = level.primary_title(self.message.as_str()).element(snippet);
        if !self.help.is_empty() {
            group = group.element(Level::HELP.message(self.help.as_str()));
        }
        f.write_str(&Renderer::plain().render(&[group]))
    }
}

/// What a message says: a name from a file in it can hold anything, and be of any length.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST_TEXT).map(visible).collect();
    if text.chars().nth(LONGEST_TEXT).is_some() {
        shown.push_str("...");
    }
    shown
}

/// The name of a file, as it can stand in a line of the log or on a terminal.
#[must_use]
pub fn shown_path(path: &Path) -> String {
    path.display().to_string().chars().map(visible).collect()
}

/// A control character would move the caret, or play with the terminal.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        // Some turn the direction of all that follows, and some end a line for some who read logs.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' => {
            char::REPLACEMENT_CHARACTER
        }
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

fn byte_of(line: &str, character: usize) -> usize {
    line.char_indices().nth(character).map_or(line.len(), |(byte, _)| byte)
}
