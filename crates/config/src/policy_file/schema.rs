//! The keys of a policy, from the top.

use super::deliver::{self, DeliverParts};
use super::duplicates::Duplicates;
use super::entries::{Target, entries};
use super::expectations::{self, Test, Tests};
use super::included::{self, Told};
use super::requirements;
use super::terms::{self, Defaults, Side};
use super::{beside, candidate::View, include, sources::Sources, values};
use crate::document;
use crate::yaml::{Decoder, Fields, Node, Problems, Value};
use policy::{Entry, Policy, Trusted};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Separates a mailbox's name from an extension where the policy says nothing.
const RECIPIENT_DELIMITER: &str = "+";

/// Reads the policy at `path` and what it includes.
pub(super) fn read(
    path: &Path,
    view: &View<'_>,
    problems: &mut Problems,
    sources: &mut Sources,
    told: &mut Told,
    hold: Tests,
) -> Option<Policy> {
    sources.add_file(path);
    let mut duplicates = Duplicates::default();
    let document = document::parse(path, view.read(path), problems)?;
    let main = document.decode(problems, |decoder, root| {
        main_file(decoder, root, path, view, sources, &mut duplicates)
    })?;
    beside::warn_of_mount(problems, path, view);
    let Main { mut policy, defaults, includes, tests } = main;
    // The tree of a long list is not kept for a line of a test.
    let text = document.into_text();
    let target = (&mut policy, &defaults);
    *told = included::read(includes, target, &mut duplicates, view, problems, sources);
    duplicates.finish(problems);
    policy.requirements = defaults.requirements;
    policy.domains.shrink_to_fit();
    policy.senders.shrink_to_fit();
    told.tests = tests.len();
    // Of a policy with errors nobody knows what it would say.
    if let Tests::HoldAt(now) = hold
        && problems.is_empty()
    {
        problems.enter(path, text);
        expectations::check(&tests, &policy, now, problems);
        problems.leave();
    }
    Some(policy)
}

/// What the policy's own file says; the files that it includes come after.
struct Main {
    policy: Policy,
    defaults: Defaults,
    includes: Vec<PathBuf>,
    tests: Vec<Test>,
}

fn main_file(
    decoder: &mut Decoder<'_>,
    root: Option<Node<'_>>,
    path: &Path,
    view: &View<'_>,
    sources: &mut Sources,
    duplicates: &mut Duplicates,
) -> Option<Main> {
    let Some(root) = root.filter(|root| !matches!(root.value, Value::Null)) else {
        decoder
            .problems
            .add_file("the policy is empty", "a policy that opts nobody in says so: `domains: []`");
        return None;
    };
    let mut fields = decoder.fields(root, "the policy")?;
    let defaults = read_defaults(decoder, &mut fields);
    let mut policy = Policy {
        trusted: fields.read(decoder, "trusted", read_trusted).unwrap_or_default(),
        recipient_delimiter: fields
            .read(decoder, "recipient_delimiter", read_delimiter)
            .unwrap_or_else(|| RECIPIENT_DELIMITER.into()),
        files: vec![path.to_path_buf()],
        ..Policy::default()
    };
    policy.local =
        fields.read(decoder, "local", |decoder, node| read_local(decoder, node, &defaults));
    for (key, side) in [("domains", Side::Recipients), ("senders", Side::Senders)] {
        let directory = match side {
            Side::Recipients => &mut policy.domains,
            Side::Senders => &mut policy.senders,
        };
        let duplicates = &mut *duplicates;
        let target = Target { directory, files: &policy.files, duplicates, gave_way: None };
        fields.read(decoder, key, |decoder, node| {
            entries(decoder, node, &defaults, side, target, 0);
            Some(())
        });
    }
    let base = path.parent().unwrap_or(Path::new(""));
    if !fields.mentions(&["domains", "senders", "local", "include"]) {
        decoder.problems.add(
            root.span,
            "the policy opts nobody in",
            "add `domains: [example.org]`, or `domains: []` if that is meant",
        );
    }
    let includes = fields.read(decoder, "include", |decoder, node| {
        Some(include::files(decoder, node, base, view, sources))
    });
    let read = |decoder: &mut Decoder<'_>, node| expectations::read(decoder, node, &defaults);
    let tests = fields.read(decoder, "tests", read).unwrap_or_default();
    decoder.finish(fields);
    Some(Main { policy, defaults, includes: includes.unwrap_or_default(), tests })
}

fn read_defaults(decoder: &mut Decoder<'_>, fields: &mut Fields<'_>) -> Defaults {
    let mut defaults = Defaults::new();
    if let Some(own) = fields.read(decoder, "requirements", requirements::read) {
        (defaults.requirements, defaults.faulty) = own;
    }
    fields.read(decoder, "defaults", |decoder, node| {
        let mut inner = decoder.fields(node, "`defaults`")?;
        if let Some(mode) = inner.read(decoder, "mode", terms::read_mode) {
            defaults.mode = mode;
        }
        let requirement = |decoder: &mut Decoder<'_>, node| defaults.requirement(decoder, node);
        if let Some(requirement) = inner.read(decoder, "require", requirement) {
            defaults.requirement = requirement;
        }
        if let Some(language) = inner.choice(decoder, "language") {
            defaults.language = language;
        }
        let reply = inner.read(decoder, "reply", |decoder, node| {
            let parts = terms::read_reply(decoder, node, &defaults.reply)?;
            let (side, language) = (Side::Recipients, defaults.language);
            terms::checked(decoder, node.span, &parts, side, language).map(|_| parts)
        });
        if let Some(reply) = reply {
            defaults.reply = reply;
        }
        let delivering = |decoder: &mut Decoder<'_>, node| {
            deliver::read(decoder, node, &DeliverParts::default())
        };
        if let Some(parts) = inner.read(decoder, "deliver", delivering) {
            defaults.shared_deliver = parts.deliver().map(Arc::new);
            defaults.deliver = parts;
        }
        decoder.finish(inner);
        Some(())
    });
    defaults
}

fn read_trusted(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Trusted> {
    let mut fields = decoder.fields(node, "`trusted`")?;
    let clients = fields.read(decoder, "clients", |decoder, node| {
        let clients = values::networks(decoder, node);
        if clients.iter().any(|network| network.prefix_len() == 0) {
            decoder.problems.warn(node.span, "every client is trusted, so nothing is judged", "");
        }
        Some(clients)
    });
    let trusted = Trusted {
        clients: clients.unwrap_or_default(),
        authenticated: fields.truth(decoder, "authenticated").unwrap_or_default(),
    };
    decoder.finish(fields);
    Some(trusted)
}

fn read_delimiter(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<String> {
    let text = decoder.text(node, "`recipient_delimiter`").unwrap_or_default();
    if !text.chars().all(|c| c.is_ascii_punctuation() && c != '@') {
        decoder.problems.add(
            node.span,
            "`recipient_delimiter` is made of characters such as + or -",
            "",
        );
    }
    Some(text.to_owned())
}

fn read_local(decoder: &mut Decoder<'_>, node: Node<'_>, defaults: &Defaults) -> Option<Entry> {
    let mut inner = decoder.fields(node, "`local`")?;
    let mut entry = defaults.read_entry(decoder, &mut inner, Side::Recipients);
    if inner.mentions(&["deliver"]) {
        let message = "the MTA delivers these recipients itself: there is no hop to another server";
        decoder.problems.add(node.span, message, "leave `deliver` out of `local`");
    }
    entry.deliver = None;
    decoder.finish(inner);
    if entry.contact.is_some() {
        let message = "the `contact` of `local` is told nothing: a digest is about a domain";
        decoder.problems.warn(node.span, message, "leave it out");
    }
    Some(entry)
}
