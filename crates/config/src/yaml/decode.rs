//! From a tree to values, with every error on the way.
//!
//! A function that reads a value returns `None` when it added an error; the reader goes on with the
//! next value, so that all errors of a file are found in one go.

use super::problem::{Problems, Span};
use super::tree::{Items, Node, Value};
use std::{
    borrow::Cow,
    fmt::{self, Display},
};
use strum::IntoEnumIterator;

/// Reads nodes as values and collects what is wrong.
pub struct Decoder<'p> {
    /// What was wrong so far.
    pub problems: &'p mut Problems,
}

/// The fields of a mapping, to be taken one by one.
pub struct Fields<'n> {
    span: Span,
    fields: Vec<(&'n str, Span, Node<'n>)>,
    /// The names of all fields.
    all: Vec<&'n str>,
    known: Vec<&'static str>,
    /// Fields that were asked for and have no value.
    empty: Vec<(&'static str, Span)>,
}

/// An enum each variant of which has a word in the files.
pub trait Word: IntoEnumIterator + Copy + Into<&'static str> {}

impl<T: IntoEnumIterator + Copy + Into<&'static str>> Word for T {}

impl<'p> Decoder<'p> {
    /// A decoder that adds to `problems`.
    pub fn new(problems: &'p mut Problems) -> Self {
        Self { problems }
    }

    /// Adds an error at a node.
    pub fn wrong<T>(
        &mut self,
        node: Node<'_>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.problems.add(node.span, message, help);
        None
    }

    /// A mapping.
    pub fn fields<'n>(&mut self, node: Node<'n>, what: impl Display + Copy) -> Option<Fields<'n>> {
        let Value::Map(map) = node.value else {
            return self.wrong(
                node,
                format!("{what} must be a mapping (`key: value`), not {}", kind(node)),
                "",
            );
        };
        let fields: Vec<_> = map
            .iter()
            .filter_map(|(key, value)| match key.value {
                Value::Scalar(name) => Some((name, key.span, value)),
                _ => None,
            })
            .collect();
        let all = fields.iter().map(|(name, ..)| *name).collect();
        Some(Fields { span: node.span, fields, all, known: Vec::new(), empty: Vec::new() })
    }

    /// A list; one single value counts as a list of one.
    pub fn one_or_more<'n>(&mut self, node: Node<'n>) -> Items<'n> {
        match node.value {
            Value::List(items) => items,
            _ => node.alone(),
        }
    }

    /// A list.
    pub fn list<'n>(&mut self, node: Node<'n>, what: impl Display + Copy) -> Option<Items<'n>> {
        match node.value {
            Value::List(items) => Some(items),
            _ => self.wrong(
                node,
                format!("{what} must be a list, not {}", kind(node)),
                "write each item on a line of its own, after `- `",
            ),
        }
    }

    /// Text.
    pub fn text<'n>(&mut self, node: Node<'n>, what: impl Display + Copy) -> Option<&'n str> {
        match node.value {
            Value::Scalar(text) => Some(text),
            _ => self.wrong(node, format!("{what} must be a single value, not {}", kind(node)), ""),
        }
    }

    /// `true` or `false`.
    pub fn truth(&mut self, node: Node<'_>, what: impl Display + Copy) -> Option<bool> {
        match self.text(node, what)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                let message = format!("{what} must be `true` or `false`");
                self.wrong(node, message, "yes, no, on and off are only words here")
            }
        }
    }

    /// A number from 0 up to `most`.
    pub fn number(&mut self, node: Node<'_>, what: impl Display + Copy, most: u32) -> Option<u32> {
        let number = self.text(node, what)?.parse().ok().filter(|number| *number <= most);
        number.or_else(|| self.wrong(node, format!("{what} must be a number from 0 to {most}"), ""))
    }

    /// A number from 1 up to `most`; `help` is for those who write 0.
    pub fn at_least_one(
        &mut self,
        node: Node<'_>,
        what: impl Display + Copy,
        most: u32,
        help: &str,
    ) -> Option<u32> {
        let number = self.number(node, what, most)?;
        if number == 0 {
            return self.wrong(node, format!("{what} must be at least 1"), help);
        }
        Some(number)
    }

    /// One of the variants of an enum, by its word.
    pub fn choice<T: Word>(&mut self, node: Node<'_>, what: impl Display + Copy) -> Option<T> {
        let text = self.text(node, what)?;
        T::iter().find(|variant| (*variant).into() == text).or_else(|| {
            let words: Vec<&str> = T::iter().map(Into::into).collect();
            let message = format!("{what} must be one of: {}", words.join(", "));
            self.wrong(node, message, did_you_mean(text, words))
        })
    }

    /// Text that a parser turns into a value.
    pub fn parsed<T, E: Display>(
        &mut self,
        node: Node<'_>,
        what: impl Display + Copy,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(self.text(node, what)?) {
            Ok(value) => Some(value),
            Err(error) => self.wrong(node, error.to_string(), ""),
        }
    }

    /// Adds an error for every field that was not asked for, or has no value. To be called when all
    /// were asked for.
    pub fn finish(&mut self, fields: Fields<'_>) {
        for (name, span) in &fields.empty {
            let help = match *name {
                "domains" | "senders" | "exceptions" | "tests" => {
                    format!("write `{name}: []` for none")
                }
                "local" => {
                    "write `local: {}` to judge them by the defaults, or leave it out".into()
                }
                _ => "give it a value, or leave it out".into(),
            };
            self.problems.add(*span, format!("`{name}` has no value"), help);
        }
        for (name, span, _) in &fields.fields {
            let mut help = did_you_mean(name, fields.known.iter().copied());
            if help.is_empty() {
                help = format!("there are: {}", fields.known.join(", "));
            }
            self.problems.add(
                *span,
                format!("there is no key `{}` here", name.escape_debug()),
                help,
            );
        }
    }
}

impl<'n> Fields<'n> {
    /// Where the mapping begins.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// The value of a field, if it is there. Each field is asked for once. A field without a value
    /// is an error: an empty condition must not look like none.
    pub fn take(&mut self, name: &'static str) -> Option<Node<'n>> {
        self.known.push(name);
        let position = self.fields.iter().position(|(field, ..)| *field == name)?;
        let (_, span, node) = self.fields.swap_remove(position);
        if matches!(node.value, Value::Null) {
            self.empty.push((name, span));
            return None;
        }
        Some(node)
    }

    /// Reads a field with `read`, if it is there.
    pub fn read<T>(
        &mut self,
        decoder: &mut Decoder<'_>,
        name: &'static str,
        read: impl FnOnce(&mut Decoder<'_>, Node<'n>) -> Option<T>,
    ) -> Option<T> {
        let node = self.take(name)?;
        read(decoder, node)
    }

    /// Reads a field that is text.
    pub fn text(&mut self, decoder: &mut Decoder<'_>, name: &'static str) -> Option<&'n str> {
        self.read(decoder, name, |decoder, node| decoder.text(node, Key(name)))
    }

    /// Reads a field that is `true` or `false`.
    pub fn truth(&mut self, decoder: &mut Decoder<'_>, name: &'static str) -> Option<bool> {
        self.read(decoder, name, |decoder, node| decoder.truth(node, Key(name)))
    }

    /// Reads a field that is a number from 0 up to `most`.
    pub fn number(
        &mut self,
        decoder: &mut Decoder<'_>,
        name: &'static str,
        most: u32,
    ) -> Option<u32> {
        self.read(decoder, name, |decoder, node| decoder.number(node, Key(name), most))
    }

    /// Reads a field that is one of the variants of an enum, by its word.
    pub fn choice<T: Word>(&mut self, decoder: &mut Decoder<'_>, name: &'static str) -> Option<T> {
        self.read(decoder, name, |decoder, node| decoder.choice(node, Key(name)))
    }

    /// Whether one of these fields is or was there, with or without a value.
    #[must_use]
    pub fn mentions(&self, names: &[&str]) -> bool {
        self.all.iter().any(|field| names.contains(field))
    }

    /// All fields, whatever their names; none is left.
    pub fn take_all(&mut self) -> Vec<(&'n str, Span, Node<'n>)> {
        std::mem::take(&mut self.fields)
    }
}

/// A field as messages name it.
#[derive(Clone, Copy)]
struct Key(&'static str);

impl Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

/// What a node is, in words.
fn kind(node: Node<'_>) -> Cow<'static, str> {
    match node.value {
        Value::Scalar(text) => {
            let start: String = text.chars().take(20).collect();
            format!("the value `{}`", start.escape_debug()).into()
        }
        Value::Null => "empty".into(),
        Value::List(_) => "a list".into(),
        Value::Map(_) => "a mapping".into(),
    }
}

/// "did you mean ...?", if one of the words is near.
#[must_use]
fn did_you_mean<'w>(text: &str, words: impl IntoIterator<Item = &'w str>) -> String {
    policy::nearest(text, words).map(|word| format!("did you mean `{word}`?")).unwrap_or_default()
}
