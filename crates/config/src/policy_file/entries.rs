//! Lists of entries: the names in them, and the terms of each.

use super::duplicates::Duplicates;
use super::gave_way::GaveWayHere;
use super::terms::{Defaults, Side};
use super::{shared, values};
use crate::yaml::{Decoder, Node, Pairs, Value};
use policy::{Directory, Entry, EntryPlace, Pattern, Refused};
use std::{collections::HashMap, path::PathBuf};

/// Where entries go.
pub(super) struct Target<'t> {
    pub directory: &'t mut Directory,
    /// The files before the current one, to name the place of a duplicate.
    pub files: &'t [PathBuf],
    /// The duplicates that do no harm.
    pub duplicates: &'t mut Duplicates,
    /// Where what other files name is left out: the entries that are.
    pub gave_way: Option<&'t mut GaveWayHere>,
}

/// Reads a list of entries, and says how many they are. Each is a name, or a mapping with `domain`.
pub(super) fn entries(
    decoder: &mut Decoder<'_>,
    node: Node<'_>,
    defaults: &Defaults,
    side: Side,
    target: Target<'_>,
    file: u16,
) -> usize {
    let Some(items) = decoder.list(node, "domain entries") else {
        return 0;
    };
    let Target { directory, files, duplicates, mut gave_way } = target;
    let count = items.iter().count();
    directory.reserve(count);
    let mut reader = EntryReader { defaults, side, of_bare_names: None, of_terms: HashMap::new() };
    for item in items.iter() {
        let Some((name, said)) = reader.read(decoder, item) else {
            continue;
        };
        let Some(pattern) = values::pattern(decoder, name) else {
            continue;
        };
        let place = EntryPlace { file, line: u32::try_from(name.span.line).unwrap_or(u32::MAX) };
        if let Some(gave_way) = &mut gave_way
            && let Some(other) = directory.named(&pattern).map(|found| found.place())
            && other.file != file
        {
            gave_way.add(decoder.problems, name.span, pattern, (place, other), files);
            continue;
        }
        let number = reader.number(said, directory);
        if directory.numbered(number).is_some_and(|entry| entry.contact.is_some()) {
            warn_of_contact(decoder, name, &pattern, side);
        }
        shared::check(decoder, name, &pattern, number, directory, (files, place), defaults);
        match directory.insert(&pattern, number, place) {
            Ok(()) => {}
            Err(Refused::Full) => {
                let help = "leave out what a wildcard could say";
                decoder.problems.add(name.span, "the policy names too many domains", help);
            }
            Err(Refused::Duplicate { entry, place: earlier }) => {
                let file = files.get(usize::from(earlier.file)).filter(|_| earlier.file != file);
                let (old, new) = (directory.numbered(entry), directory.numbered(number));
                let terms = old.zip(new);
                duplicates.add(decoder.problems, name.span, &pattern, terms, (file, earlier.line));
            }
        }
    }
    count
}

/// Warns of a contact that gets no digest. The ledger, from which digests are made, has no mailboxes.
fn warn_of_contact(decoder: &mut Decoder<'_>, name: Node<'_>, pattern: &Pattern, side: Side) {
    let (message, help) = match (side, pattern) {
        (Side::Senders, _) => (
            "the `contact` of a partner is told nothing: a digest is about recipient domains",
            "leave it out; who receives the partner's mail can have one, under `domains`".into(),
        ),
        (Side::Recipients, Pattern::Mailbox(_, domain)) => (
            "the `contact` of a single mailbox is told nothing: a digest is about a domain",
            format!("leave it out, or name it in the entry of {domain}"),
        ),
        (Side::Recipients, _) => return,
    };
    decoder.problems.warn(name.span, message, help);
}

/// Entries with the same terms are read once. This many different ones are remembered; a list of a
/// million has a few.
const KINDS: usize = 1000;

/// Reads entries one by one.
struct EntryReader<'n, 'd> {
    defaults: &'d Defaults,
    side: Side,
    /// The entry of all items that are a name only. It is made with the first of them that is taken in,
    /// because the strictest entry of a directory decides about recipients that cannot be understood.
    of_bare_names: Option<u32>,
    /// The entries without errors so far, by their terms.
    of_terms: HashMap<Terms<'n>, u32>,
}

/// Keys and values.
type Terms<'n> = Vec<(&'n str, &'n str)>;

/// What an item says.
enum Said<'n> {
    /// A name only.
    Bare,
    /// The same as one that was taken in.
    Known(u32),
    /// Something new, and its terms, if others may say the same.
    New(Box<Entry>, Option<Terms<'n>>),
}

impl<'n> EntryReader<'n, '_> {
    /// The name in an item, and what it says.
    fn read(&mut self, decoder: &mut Decoder<'_>, item: Node<'n>) -> Option<(Node<'n>, Said<'n>)> {
        let Value::Map(pairs) = item.value else { return Some((item, Said::Bare)) };
        let plain = plain_terms(pairs);
        if let Some((name, terms)) = &plain
            && let Some(number) = self.of_terms.get(terms)
        {
            return Some((*name, Said::Known(*number)));
        }
        let before = decoder.problems.count();
        let mut fields = decoder.fields(item, "an entry")?;
        let name = fields.take("domain");
        let entry = self.defaults.read_entry(decoder, &mut fields, self.side);
        decoder.finish(fields);
        let Some(name) = name else {
            // Where `domain` is mistyped, that has been said already.
            if decoder.problems.count() == before {
                let help = "add `domain: example.org`";
                decoder.problems.add(item.span, "an entry names its domain", help);
            }
            return None;
        };
        let is_good = decoder.problems.count() == before;
        let terms = plain.map(|(_, terms)| terms).filter(|_| is_good);
        Some((name, Said::New(Box::new(entry), terms)))
    }

    /// Takes in what an item says, and gives the number of its entry.
    fn number(&mut self, said: Said<'n>, directory: &mut Directory) -> u32 {
        match said {
            Said::Known(number) => number,
            Said::Bare => *self
                .of_bare_names
                .get_or_insert_with(|| directory.add_entry(self.defaults.entry(self.side))),
            Said::New(entry, terms) => {
                let number = directory.add_entry(*entry);
                if let Some(terms) = terms.filter(|_| self.of_terms.len() < KINDS) {
                    self.of_terms.insert(terms, number);
                }
                number
            }
        }
    }
}

/// The name in an entry all of whose terms are single values, and the terms.
fn plain_terms<'n>(pairs: Pairs<'n>) -> Option<(Node<'n>, Terms<'n>)> {
    let mut name = None;
    let mut terms = Vec::with_capacity(4);
    for (key, value) in pairs.iter() {
        match (key.value, value.value) {
            (Value::Scalar("domain"), Value::Scalar(_)) => name = Some(value),
            (Value::Scalar(key), Value::Scalar(text)) => terms.push((key, text)),
            _ => return None,
        }
    }
    Some((name?, terms))
}
