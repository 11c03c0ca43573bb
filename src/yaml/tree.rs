//! From YAML's events to a tree with places.

use super::problem::{Problems, Spot};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::{borrow::Cow, collections::HashMap};

/// Deeper nesting than this is refused: no settings need it, and it would exhaust the stack.
const MAX_DEPTH: usize = 20;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// The value.
    pub value: Value<'a>,
    /// Its place: for a list or mapping that of its first character.
    pub spot: Spot,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Text, number, yes or no: what it is is for the reader of the field to say.
    Scalar(Cow<'a, str>),
    /// An empty value: nothing, `~` or `null`, unquoted.
    Null,
    /// A list.
    List(Vec<Node<'a>>),
    /// A mapping, in the order of the file, without duplicates.
    Map(Vec<(Node<'a>, Node<'a>)>),
}

/// Reads a document. What is wrong goes to `problems`; `None` if there is nothing.
///
/// Where the YAML itself is broken, what stands before that place is returned, so that errors in
/// it can be told in the same go.
pub fn parse<'a>(text: &'a str, problems: &mut Problems) -> Option<Node<'a>> {
    Builder { parser: Parser::new_from_str(text), problems }.document()
}

struct Builder<'a, 'p> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    problems: &'p mut Problems,
}

impl<'a> Builder<'a, '_> {
    fn document(&mut self) -> Option<Node<'a>> {
        let mut root = None;
        loop {
            let Some((event, span)) = self.next() else {
                return root;
            };
            match event {
                Event::StreamEnd => return root,
                Event::DocumentStart(_) if root.is_some() => {
                    let spot = spot(&span);
                    self.problems.add(
                        spot,
                        "a second document starts here",
                        "remove the line `---`",
                    );
                    self.problems.set_broken();
                    return root;
                }
                Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                event => root = Some(self.node(event, &span, 0)?),
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

    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Option<Node<'a>> {
        let spot = spot(span);
        if depth > MAX_DEPTH {
            self.problems.add(spot, "this is nested too deeply", "");
            self.problems.set_broken();
            return None;
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
        let value = match event {
            Event::Scalar(text, style, _, _) => {
                let null = matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                if null && style == ScalarStyle::Plain { Value::Null } else { Value::Scalar(text) }
            }
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            _ => {
                self.problems.add(spot, "an alias (`*name`) is not supported", QUOTE_STAR);
                Value::Null
            }
        };
        Some(Node { value, spot })
    }

    fn list(&mut self, depth: usize) -> Option<Value<'a>> {
        let mut items = Vec::new();
        loop {
            match self.next() {
                None | Some((Event::SequenceEnd, _)) => return Some(Value::List(items)),
                Some((event, span)) => items.extend(self.node(event, &span, depth + 1)),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Option<Value<'a>> {
        let mut fields: Vec<(Node<'a>, Node<'a>)> = Vec::new();
        let mut seen: HashMap<Cow<'a, str>, usize> = HashMap::new();
        loop {
            let key = match self.next() {
                Some((Event::MappingEnd, _)) => return Some(Value::Map(fields)),
                Some((event, span)) => self.node(event, &span, depth + 1),
                None => None,
            };
            let value = self.next().and_then(|(event, span)| self.node(event, &span, depth + 1));
            let (Some(key), Some(value)) = (key, value) else {
                // Half of an entry would only lead to errors that are none.
                return (depth == 0).then_some(Value::Map(fields));
            };
            let Value::Scalar(name) = &key.value else {
                self.problems.add(key.spot, "a key must be a word", "");
                continue;
            };
            if let Some(line) = seen.insert(name.clone(), key.spot.line) {
                let message =
                    format!("the key `{}` stands here a second time", name.escape_debug());
                self.problems.add(
                    key.spot,
                    message,
                    format!("it stands in line {line} already; keep one"),
                );
                continue;
            }
            fields.push((key, value));
        }
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
