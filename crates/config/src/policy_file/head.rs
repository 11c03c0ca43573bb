//! What an included file says of itself: by whom it is written, and whether it gives way.
//!
//! A policy is all or nothing, so a program and an operator who both name a domain would stop each other.
//! A file that gives way does not: where an entry of it names what another file names, that one is in force.

use crate::yaml::{Decoder, Node, Value};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The head of an included file that is a mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHead {
    /// The file, by the path that leads to it from the policy's own; absolute in the status of a milter.
    pub path: PathBuf,
    /// Whether its entries give way to those of other files.
    pub gives_way: bool,
    /// The program that writes it.
    pub written_by: Option<String>,
    /// Which state of the program's data it holds: the program counts.
    pub version: Option<u64>,
    /// How many entries it has.
    pub entries: usize,
    /// How many of them are not in force, since they give way ([`super::GaveWay`]).
    pub gave_way: usize,
}

/// The longest name of a program, in octets.
const LONGEST_NAME: usize = 100;

/// Whether a file gives way. It is asked before the file is decoded, since those that do come last.
pub(super) fn gives_way(root: Option<Node<'_>>) -> bool {
    let Some(Value::Map(pairs)) = root.map(|root| root.value) else { return false };
    pairs.iter().any(|(key, value)| {
        matches!((key.value, value.value), (Value::Scalar("gives_way"), Value::Scalar("true")))
    })
}

/// Reads the head, and gives the list of entries with it. None of the list: that is an error, and was said.
pub(super) fn read<'n>(
    decoder: &mut Decoder<'_>,
    root: Node<'n>,
    path: PathBuf,
) -> Option<(FileHead, Option<Node<'n>>)> {
    let before = decoder.problems.count();
    let mut fields = decoder.fields(root, "a file of entries")?;
    let head = FileHead {
        path,
        gives_way: fields.truth(decoder, "gives_way").unwrap_or_default(),
        written_by: fields.read(decoder, "written_by", program),
        version: fields.read(decoder, "version", version),
        ..FileHead::default()
    };
    let domains = fields.take("domains");
    let is_said = fields.mentions(&["domains"]);
    let span = fields.span();
    decoder.finish(fields);
    if !is_said && decoder.problems.count() == before && !decoder.problems.is_broken() {
        let help = "add `domains: [example.org]`, or `domains: []` if it names none";
        decoder.problems.add(span, "the file has no `domains`", help);
    }
    Some((head, domains))
}

fn program(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<String> {
    let name = decoder.text(node, "`written_by`")?;
    let is_name = !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_graphic());
    if !is_name || name.len() > LONGEST_NAME {
        return decoder.wrong(
            node,
            "`written_by` is the name of a program: at most 100 ASCII characters without blanks",
            "write, for example, mandatory-tls-portal",
        );
    }
    Some(name.to_owned())
}

fn version(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<u64> {
    let text = decoder.text(node, "`version`")?;
    text.parse().ok().or_else(|| {
        let message = format!("`version` must be a number from 0 to {}", u64::MAX);
        decoder.wrong(
            node,
            message,
            "it counts the states of the data of the program that writes it",
        )
    })
}
