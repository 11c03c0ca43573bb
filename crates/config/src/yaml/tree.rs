//! A document as a tree with places.

use super::problem::Span;

/// A document: its values in the order of the file, those within a list or mapping right behind it.
///
/// Two pieces of memory, because a list of a million domains is a million values.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub(super) cells: Vec<Cell>,
    /// The texts of all scalars, one after the other.
    pub(super) text: String,
}

/// A value, without the values in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub content: Content,
    pub line: u32,
    pub column: u32,
    pub length: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
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
    pub(super) fn span(&self) -> Span {
        Span::new(self.line as usize, self.column as usize, self.length as usize)
    }

    /// Its text, if it is a scalar.
    pub(super) fn text(self, text: &str) -> Option<&str> {
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
