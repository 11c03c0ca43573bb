//! From YAML's events to a tree with places.

use super::problem::{Problems, Span};
use hashbrown::{DefaultHashBuilder, HashTable, hash_table};
use saphyr_parser::{Event, Parser, ScalarStyle, Span as ParserSpan};
use std::hash::BuildHasher;

/// Deeper nesting than this is refused: no settings need it, and it would exhaust the stack.
const MAX_DEPTH: usize = 20;

/// A document: its values in the order of the file, those within a list or mapping right behind it.
///
/// Two pieces of memory, because a list of a million domains is a million values.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    cells: Vec<Cell>,
    /// The texts of all scalars, one after the other.
    text: String,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    content: Content,
    line: u32,
    column: u32,
    length: u32,
}

#[derive(Clone, Copy, Debug)]
enum Content {
    /// Where the text begins, and its length in octets.
    Scalar(u32, u32),
    Null,
    /// With the number of cells behind this one that are in the list.
    List(u32),
    /// The same for a mapping.
    Map(u32),
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Node<'t> {
    /// The value.
    pub value: Value<'t>,
    /// Its place: for a list or mapping that of its first character.
    pub span: Span,
    alone: Items<'t>,
}

/// What a node holds.
#[derive(Clone, Copy, Debug)]
pub enum Value<'t> {
    /// Text, number, yes or no: what it is is for the reader of the field to say.
    Scalar(&'t str),
    /// An empty value: nothing, `~` or `null`, unquoted.
    Null,
    /// A list.
    List(Items<'t>),
    /// A mapping, in the order of the file, without duplicates.
    Map(Pairs<'t>),
}

/// The items of a list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Items<'t> {
    cells: &'t [Cell],
    text: &'t str,
}

/// The keys and values of a mapping.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'t>(Items<'t>);

impl Tree {
    /// The value of the document; none if there is nothing.
    #[must_use]
    pub fn root(&self) -> Option<Node<'_>> {
        Items { cells: &self.cells, text: &self.text }.iter().next()
    }
}

impl<'t> Node<'t> {
    /// The node alone, as a list of one.
    pub(super) fn alone(self) -> Items<'t> {
        self.alone
    }
}

impl<'t> Items<'t> {
    /// The items, in the order of the file.
    pub fn iter(self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let Self { cells: mut rest, text } = self;
        std::iter::from_fn(move || {
            let first = rest.first()?;
            let (cells, after) = rest.split_at_checked(1 + first.content.within())?;
            rest = after;
            let within = Items { cells: cells.get(1..).unwrap_or_default(), text };
            let value = match first.content {
                Content::Scalar(start, length) => Value::Scalar(slice(text, start, length)),
                Content::Null => Value::Null,
                Content::List(_) => Value::List(within),
                Content::Map(_) => Value::Map(Pairs(within)),
            };
            Some(Node { value, span: first.span(), alone: Items { cells, text } })
        })
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.cells.is_empty()
    }
}

impl<'t> Pairs<'t> {
    /// The keys and values, in the order of the file.
    pub fn iter(self) -> impl Iterator<Item = (Node<'t>, Node<'t>)> + use<'t> {
        let mut items = self.0.iter();
        std::iter::from_fn(move || items.next().zip(items.next()))
    }
}

impl Cell {
    fn span(&self) -> Span {
        Span::new(self.line as usize, self.column as usize, self.length as usize)
    }

    /// Its text, if it is a scalar.
    fn text(self, text: &str) -> Option<&str> {
        match self.content {
            Content::Scalar(start, length) => Some(slice(text, start, length)),
            Content::Null | Content::List(_) | Content::Map(_) => None,
        }
    }
}

impl Content {
    /// How many cells behind this one belong to it.
    fn within(self) -> usize {
        match self {
            Self::Scalar(..) | Self::Null => 0,
            Self::List(cells) | Self::Map(cells) => cells as usize,
        }
    }
}

fn slice(text: &str, start: u32, length: u32) -> &str {
    let start = start as usize;
    text.get(start..start + length as usize).unwrap_or_default()
}

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
                let line = self.problems.line(marker.line());
                // In a line with a directive (`%`) the parser counts octets.
                let column = marker.col().min(line.chars().count()) + 1;
                let (message, help) = explain(error.info(), line);
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
fn explain(info: &str, line: &str) -> (String, String) {
    let value = line.trim_start_matches([' ', '-']);
    let help = if value.starts_with('*')
        || value.contains(": *")
        || value.contains("[*")
        || value.contains(", *")
    {
        QUOTE_STAR
    } else if line.trim_start_matches(' ').starts_with('\t') {
        "YAML is indented with blanks, not with tabs"
    } else if value.starts_with(['@', '`', '%']) {
        "a value that begins with this character must be in quotes"
    } else {
        ""
    };
    (format!("this is not valid YAML: {info}"), help.to_owned())
}

fn span_of(extent: &ParserSpan) -> Span {
    let same_line = extent.start.line() == extent.end.line();
    let length = if same_line { extent.end.col().saturating_sub(extent.start.col()) } else { 1 };
    Span::new(extent.start.line(), extent.start.col() + 1, length.max(1))
}
