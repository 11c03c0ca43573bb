//! The files that a policy includes, each a list of entries, or a mapping that has one.
//!
//! Those that give way come last, so that all others are known by then. Of two of them that name the same,
//! the first in the order of `include` stands: an error would stop everybody's changes, and the order is
//! the one thing in it that the operator has written himself.

use super::candidate::View;
use super::duplicates::Duplicates;
use super::entries::{Target, entries};
use super::gave_way::{GaveWay, GaveWayHere};
use super::head::{self, FileHead};
use super::terms::{Defaults, Side};
use super::{beside, sources::Sources};
use crate::document::{self, Document};
use crate::yaml::{Decoder, Node, Problems, Value};
use policy::Policy;
use std::path::{Path, PathBuf};

/// What the included files say of themselves, and what of them is not in force.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub heads: Vec<FileHead>,
    pub gave_way: Vec<GaveWay>,
    /// How many tests the policy has.
    pub tests: usize,
}

/// Reads the files into the policy.
pub(super) fn read(
    files: Vec<PathBuf>,
    (policy, defaults): (&mut Policy, &Defaults),
    duplicates: &mut Duplicates,
    view: &View<'_>,
    problems: &mut Problems,
    sources: &mut Sources,
) -> Told {
    let mut told = Told::default();
    let mut later = Vec::new();
    for path in files {
        sources.add_file(&path);
        match document::parse(&path, view.read(&path), problems) {
            Some(document) if head::gives_way(document.root()) => later.push(document),
            document => {
                let parsed = document.as_ref();
                let target = (&mut *policy, defaults, &mut *duplicates);
                one(&path, parsed, target, None, problems, &mut told);
                beside::warn_of_mount(problems, &path, view);
            }
        }
    }
    let operators = policy.files.len();
    policy.domains.give_way_from(u16::try_from(operators).unwrap_or(u16::MAX));
    for document in later {
        let target = (&mut *policy, defaults, &mut *duplicates);
        let gave_way = Some(GaveWayHere::new(operators));
        one(document.path(), Some(&document), target, gave_way, problems, &mut told);
        beside::warn_of_mount(problems, document.path(), view);
    }
    told
}

/// Reads one file; without a document, it could not be parsed. What gives way is gathered for those that do.
fn one(
    path: &Path,
    document: Option<&Document>,
    (policy, defaults, duplicates): (&mut Policy, &Defaults, &mut Duplicates),
    mut gave_way: Option<GaveWayHere>,
    problems: &mut Problems,
    told: &mut Told,
) {
    let file = u16::try_from(policy.files.len()).unwrap_or(u16::MAX);
    policy.files.push(path.to_path_buf());
    let Some(document) = document else { return };
    document.decode(problems, |decoder, root| {
        let (mut head, list) = parts(decoder, root, path)?;
        let target = Target {
            directory: &mut policy.domains,
            files: &policy.files,
            duplicates,
            gave_way: gave_way.as_mut(),
        };
        let count =
            list.map(|list| entries(decoder, list, defaults, Side::Recipients, target, file));
        let gave_way = gave_way.map(|here| here.finish(decoder.problems)).unwrap_or_default();
        if let Some(head) = &mut head {
            (head.entries, head.gave_way) = (count.unwrap_or_default(), gave_way.len());
        }
        told.heads.extend(head);
        told.gave_way.extend(gave_way);
        Some(())
    });
}

/// The head of a file, if it has one, and the list of its entries.
fn parts<'n>(
    decoder: &mut Decoder<'_>,
    root: Option<Node<'n>>,
    path: &Path,
) -> Option<(Option<FileHead>, Option<Node<'n>>)> {
    let Some(root) = root.filter(|root| !matches!(root.value, Value::Null)) else {
        decoder.problems.add_file("the file is empty", "write `[]` if it names no domain");
        return None;
    };
    if matches!(root.value, Value::Map(_)) {
        let (head, list) = head::read(decoder, root, path.to_path_buf())?;
        return Some((Some(head), list));
    }
    Some((None, Some(root)))
}
