//! From YAML's events to a tree with places.

use super::problem::{Problems, Spot};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::{borrow::Cow, collections::HashMap};

/// Deeper nesting than this is refused: no settings need it, and it would exhaust the stack.
const MAX_DEPTH: usize = 20;

/// A document: its values in the order of the file, those within a list or mapping right behind it.
///
/// One piece of memory, because a list of a million domains is a million values.
#[derive(Clone, Debug, Default)]
pub struct Tree<'a> {
    cells: Vec<Cell<'a>>,
}

#[derive(Clone, Debug)]
struct Cell<'a> {
    content: Content<'a>,
    line: u32,
    column: u32,
    length: u32,
}

#[derive(Clone, Debug)]
enum Content<'a> {
    Scalar(Cow<'a, str>),
    Null,
    /// With the number of cells behind this one that are in the list.
    List(usize),
    /// The same for a mapping.
    Map(usize),
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Node<'t> {
    /// The value.
    pub value: Value<'t>,
    /// Its place: for a list or mapping that of its first character.
    pub spot: Spot,
    cells: &'t [Cell<'t>],
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
pub struct Items<'t>(&'t [Cell<'t>]);

/// The keys and values of a mapping.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'t>(Items<'t>);

impl<'a> Tree<'a> {
    /// The value of the document; none if there is nothing.
    #[must_use]
    pub fn root(&self) -> Option<Node<'_>> {
        Items(&self.cells).iter().next()
    }
}

impl<'t> Node<'t> {
    /// The node alone, as a list of one.
    pub(super) fn alone(self) -> Items<'t> {
        Items(self.cells)
    }
}

impl<'t> Items<'t> {
    /// The items, in the order of the file.
    pub fn iter(self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let first = rest.first()?;
            let (cells, after) = rest.split_at_checked(1 + first.content.within())?;
            rest = after;
            Some(Node { value: first.content.value(cells), spot: first.spot(), cells })
        })
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl<'t> Pairs<'t> {
    /// The keys and values, in the order of the file.
    pub fn iter(self) -> impl Iterator<Item = (Node<'t>, Node<'t>)> + use<'t> {
        let mut items = self.0.iter();
        std::iter::from_fn(move || items.next().zip(items.next()))
    }
}

impl Cell<'_> {
    fn spot(&self) -> Spot {
        Spot::new(self.line as usize, self.column as usize, self.length as usize)
    }
}

impl Content<'_> {
    /// How many cells behind this one belong to it.
    fn within(&self) -> usize {
        match self {
            Self::Scalar(_) | Self::Null => 0,
            Self::List(cells) | Self::Map(cells) => *cells,
        }
    }

    /// The value; `cells` are this one's and those that belong to it.
    fn value<'t>(&'t self, cells: &'t [Cell<'t>]) -> Value<'t> {
        let within = Items(cells.get(1..).unwrap_or_default());
        match self {
            Self::Scalar(text) => Value::Scalar(text),
            Self::Null => Value::Null,
            Self::List(_) => Value::List(within),
            Self::Map(_) => Value::Map(Pairs(within)),
        }
    }
}

/// Reads a document. What is wrong goes to `problems`.
///
/// Where the YAML itself is broken, what stands before that place is returned, so that errors in
/// it can be told in the same go.
pub fn parse<'a>(text: &'a str, problems: &mut Problems) -> Tree<'a> {
    let mut builder = Builder { parser: Parser::new_from_str(text), problems, cells: Vec::new() };
    builder.document();
    Tree { cells: builder.cells }
}

struct Builder<'a, 'p> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    problems: &'p mut Problems,
    cells: Vec<Cell<'a>>,
}

/// A value that cannot be read; no cells of it are left.
struct Unreadable;

impl<'a> Builder<'a, '_> {
    fn document(&mut self) {
        while let Some((event, span)) = self.next() {
            match event {
                Event::StreamEnd => return,
                Event::DocumentStart(_) if !self.cells.is_empty() => {
                    let spot = spot(&span);
                    self.problems.add(
                        spot,
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
                    if self.node(event, &span, 0).is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// The next event; none after the end and after the first place where the YAML is broken.
    fn next(&mut self) -> Option<(Event<'a>, Span)> {
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
                let spot = Spot::new(marker.line(), column, 1);
                self.problems.add(spot, message, help);
                self.problems.set_broken();
                None
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<(), Unreadable> {
        let spot = spot(span);
        if depth > MAX_DEPTH {
            self.problems.add(spot, "this is nested too deeply", "");
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
                spot,
                "anchors (`&name`) and tags (`!name`) are not supported",
                "write the value itself, in quotes if it begins with `&` or `!`",
            );
        }
        match event {
            Event::Scalar(text, style, _, _) => {
                let null = matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let null = null && style == ScalarStyle::Plain;
                self.push(if null { Content::Null } else { Content::Scalar(text) }, spot);
                Ok(())
            }
            Event::SequenceStart(..) => {
                self.collection(spot, Content::List, |builder| builder.list(depth))
            }
            Event::MappingStart(..) => {
                self.collection(spot, Content::Map, |builder| builder.map(depth))
            }
            _ => {
                self.problems.add(spot, "an alias (`*name`) is not supported", QUOTE_STAR);
                self.push(Content::Null, spot);
                Ok(())
            }
        }
    }

    fn push(&mut self, content: Content<'a>, spot: Spot) {
        let [line, column, length] = [spot.line, spot.column, spot.length]
            .map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        self.cells.push(Cell { content, line, column, length });
    }

    /// A list or mapping, the cells in which are pushed by `fill`.
    fn collection(
        &mut self,
        spot: Spot,
        content: fn(usize) -> Content<'a>,
        fill: impl FnOnce(&mut Self) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let start = self.cells.len();
        self.push(content(0), spot);
        let filled = fill(self);
        if filled.is_err() {
            self.cells.truncate(start);
        }
        let within = self.cells.len().saturating_sub(start + 1);
        if let Some(cell) = self.cells.get_mut(start) {
            cell.content = content(within);
        }
        filled
    }

    fn list(&mut self, depth: usize) -> Result<(), Unreadable> {
        loop {
            match self.next() {
                None | Some((Event::SequenceEnd, _)) => return Ok(()),
                // An item that cannot be read is left out.
                Some((event, span)) => drop(self.node(event, &span, depth + 1)),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<(), Unreadable> {
        let mut seen: HashMap<Cow<'a, str>, usize> = HashMap::new();
        loop {
            let key = self.cells.len();
            let read = match self.next() {
                Some((Event::MappingEnd, _)) => return Ok(()),
                Some((event, span)) => self.node(event, &span, depth + 1),
                None => Err(Unreadable),
            };
            let read = read.and_then(|()| {
                let (event, span) = self.next().ok_or(Unreadable)?;
                self.node(event, &span, depth + 1)
            });
            if read.is_err() {
                self.cells.truncate(key);
                // Half of an entry would only lead to errors that are none.
                return if depth == 0 { Ok(()) } else { Err(Unreadable) };
            }
            if !self.is_new(key, &mut seen) {
                self.cells.truncate(key);
            }
        }
    }

    /// Whether the key in this cell can be one, and was not in the mapping before.
    fn is_new(&mut self, key: usize, seen: &mut HashMap<Cow<'a, str>, usize>) -> bool {
        let Some(cell) = self.cells.get(key) else { return false };
        let spot = cell.spot();
        let Content::Scalar(name) = &cell.content else {
            self.problems.add(spot, "a key must be a word", "");
            return false;
        };
        let Some(line) = seen.insert(name.clone(), spot.line) else { return true };
        let message = format!("the key `{}` stands here a second time", name.escape_debug());
        self.problems.add(spot, message, format!("it stands in line {line} already; keep one"));
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

fn spot(span: &Span) -> Spot {
    let same_line = span.start.line() == span.end.line();
    let length = if same_line { span.end.col().saturating_sub(span.start.col()) } else { 1 };
    Spot::new(span.start.line(), span.start.col() + 1, length.max(1))
}
