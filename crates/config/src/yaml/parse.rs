//! From YAML's events to a tree.

use super::problem::{Problems, Span};
use super::tree::{Cell, Content, Tree};
use hashbrown::{DefaultHashBuilder, HashTable, hash_table};
use saphyr_parser::{Event, Parser, ScalarStyle, Span as ParserSpan};
use std::hash::BuildHasher;

/// Deeper nesting than this is refused: no settings need it, and it would exhaust the stack.
const MAX_DEPTH: usize = 20;

/// No file that is read has more octets, nor values.
fn number(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

/// Reads a document. What is wrong goes to `problems`.
///
/// Where the YAML itself is broken, what stands before that place is returned, so that errors in
/// it can be told in the same go.
pub fn parse(text: &str, problems: &mut Problems) -> Tree {
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        problems,
        tree: Tree::default(),
        hasher: DefaultHashBuilder::default(),
    };
    builder.document();
    builder.tree
}

struct Builder<'a, 'p> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    problems: &'p mut Problems,
    tree: Tree,
    hasher: DefaultHashBuilder,
}

/// A value that cannot be read; no cells of it are left.
struct Unreadable;

impl<'a> Builder<'a, '_> {
    fn document(&mut self) {
        while let Some((event, extent)) = self.next() {
            match event {
                Event::StreamEnd => return,
                Event::DocumentStart(_) if !self.tree.cells.is_empty() => {
                    let span = span_of(&extent);
                    self.problems.add(
                        span,
                        "a second document starts here",
                        "remove the line `---`",
                    );
                    self.problems.set_broken();
                    return;
                }
                Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                event => {
                    if self.node(event, &extent, 0).is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// The next event; none after the end and after the first place where the YAML is broken.
    fn next(&mut self) -> Option<(Event<'a>, ParserSpan)> {
        if self.problems.is_broken() {
            return None;
        }
        match self.parser.next_event()? {
            Ok(next) => Some(next),
            Err(error) => {
                let marker = error.marker();
                let before = self.problems.line(marker.line().saturating_sub(1)).to_owned();
                let next = self.problems.line(marker.line() + 1).to_owned();
                let line = self.problems.line(marker.line());
                // In a line with a directive (`%`) the parser counts octets.
                let column = marker.col().min(line.chars().count()) + 1;
                let (message, help) = explain(error.info(), line, [&before, &next]);
                let span = Span::new(marker.line(), column, 1);
                self.problems.add(span, message, help);
                self.problems.set_broken();
                None
            }
        }
    }

    fn node(
        &mut self,
        event: Event<'a>,
        extent: &ParserSpan,
        depth: usize,
    ) -> Result<(), Unreadable> {
        let span = span_of(extent);
        if depth > MAX_DEPTH {
            self.problems.add(span, "this is nested too deeply", "");
            self.problems.set_broken();
            return Err(Unreadable);
        }
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                (*anchor, tag.is_some())
            }
            _ => (0, false),
        };
        if anchor != 0 || tag {
            self.problems.add(
                span,
                "anchors (`&name`) and tags (`!name`) are not supported",
                "write the value itself, in quotes if it begins with `&` or `!`",
            );
        }
        match event {
            Event::Scalar(text, style, _, _) => {
                let null = matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                if null && style == ScalarStyle::Plain {
                    self.push(Content::Null, span);
                } else {
                    let start = number(self.tree.text.len());
                    self.tree.text.push_str(&text);
                    self.push(Content::Scalar(start, number(text.len())), span);
                }
                Ok(())
            }
            Event::SequenceStart(..) => {
                self.collection(span, Content::List, |builder| builder.list(depth))
            }
            Event::MappingStart(..) => {
                self.collection(span, Content::Map, |builder| builder.map(depth))
            }
            _ => {
                self.problems.add(span, "an alias (`*name`) is not supported", QUOTE_STAR);
                self.push(Content::Null, span);
                Ok(())
            }
        }
    }

    fn push(&mut self, content: Content, span: Span) {
        let [line, column, length] = [span.line, span.column, span.length].map(number);
        self.tree.cells.push(Cell { content, line, column, length });
    }

    /// A list or mapping, the cells in which are pushed by `fill`.
    fn collection(
        &mut self,
        span: Span,
        content: fn(u32) -> Content,
        fill: impl FnOnce(&mut Self) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let start = self.tree.cells.len();
        self.push(content(0), span);
        let filled = fill(self);
        if filled.is_err() {
            self.tree.cells.truncate(start);
        }
        let within = number(self.tree.cells.len().saturating_sub(start + 1));
        if let Some(cell) = self.tree.cells.get_mut(start) {
            cell.content = content(within);
        }
        filled
    }

    fn list(&mut self, depth: usize) -> Result<(), Unreadable> {
        loop {
            match self.next() {
                None | Some((Event::SequenceEnd, _)) => return Ok(()),
                // An item that cannot be read is left out.
                Some((event, extent)) => drop(self.node(event, &extent, depth + 1)),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<(), Unreadable> {
        // The cells of its keys.
        let mut keys = HashTable::new();
        loop {
            let key = self.tree.cells.len();
            let read = match self.next() {
                Some((Event::MappingEnd, _)) => return Ok(()),
                Some((event, extent)) => self.node(event, &extent, depth + 1),
                None => Err(Unreadable),
            };
            let read = read.and_then(|()| {
                let (event, extent) = self.next().ok_or(Unreadable)?;
                self.node(event, &extent, depth + 1)
            });
            if read.is_err() {
                self.tree.cells.truncate(key);
                // Half of an entry would only lead to false errors.
                return if depth == 0 { Ok(()) } else { Err(Unreadable) };
            }
            if !self.is_new(key, &mut keys) {
                self.tree.cells.truncate(key);
            }
        }
    }

    /// Whether the key in this cell can be one, and was not in the mapping before.
    fn is_new(&mut self, key: usize, keys: &mut HashTable<usize>) -> bool {
        let Tree { cells, text } = &self.tree;
        let Some(cell) = cells.get(key) else { return false };
        let Some(name) = cell.text(text) else {
            self.problems.add(cell.span(), "a key must be a word", "");
            return false;
        };
        let name_of = |key: &usize| cells.get(*key).and_then(|cell| cell.text(text));
        let hash = |name: Option<&str>| self.hasher.hash_one(name);
        let earlier = match keys.entry(
            hash(Some(name)),
            |old| name_of(old) == Some(name),
            |old| hash(name_of(old)),
        ) {
            hash_table::Entry::Vacant(free) => {
                free.insert(key);
                return true;
            }
            hash_table::Entry::Occupied(old) => cells.get(*old.get()).map_or(0, |cell| cell.line),
        };
        let message = format!("the key `{}` stands here a second time", name.escape_debug());
        let help = format!("it stands in line {earlier} already; keep one");
        self.problems.add(cell.span(), message, help);
        false
    }
}

const QUOTE_STAR: &str = "a value that begins with `*` must be in quotes: \"*.example.org\"";

/// The parser's words, and what to do about the mistakes that people make.
fn explain(info: &str, line: &str, [before, next]: [&str; 2]) -> (String, String) {
    let value = line.trim_start_matches([' ', '-']);
    let help = if value.starts_with('*')
        || value.contains(": *")
        || value.contains("[*")
        || value.contains(", *")
    {
        QUOTE_STAR
    } else if is_indented_with_tabs(line)
        // The parser names the line before it where a value could go on.
        || (info.contains("tab") && is_indented_with_tabs(next))
    {
        "YAML is indented with blanks, not with tabs"
    } else if value.starts_with(['@', '`', '%']) {
        "a value that begins with this character must be in quotes"
    } else if before.trim_end().ends_with("[]") && line.trim_start().starts_with('-') {
        "take the `[]` in the line before away: it stands for an empty list"
    } else {
        ""
    };
    (format!("this is not valid YAML: {info}"), help.to_owned())
}

fn is_indented_with_tabs(line: &str) -> bool {
    line.trim_start_matches(' ').starts_with('\t')
}

fn span_of(extent: &ParserSpan) -> Span {
    let same_line = extent.start.line() == extent.end.line();
    let length = if same_line { extent.end.col().saturating_sub(extent.start.col()) } else { 1 };
    Span::new(extent.start.line(), extent.start.col() + 1, length.max(1))
}
