//! The keys of a policy, from the top.

use super::entries::{Target, entries};
use super::requirements;
use super::terms::{self, Defaults, LANGUAGES, MODES, Side};
use super::{Sources, candidate::View, include, values};
use crate::document;
use crate::yaml::{Decoder, Fields, Node, Problems, Value};
use policy::{Entry, Policy, Trusted};
use std::path::{Path, PathBuf};

/// Separates a mailbox's name from an extension where the policy says nothing.
const RECIPIENT_DELIMITER: &str = "+";

/// Reads the policy at `path` and what it includes.
pub(super) fn read(
    path: &Path,
    view: &View<'_>,
    problems: &mut Problems,
    sources: &mut Sources,
) -> Option<Policy> {
    sources.add_file(path);
    let main = document::read(path, view.read(path), problems, |decoder, root| {
        main_file(decoder, root, path, view, sources)
    })?;
    let Main { mut policy, defaults, includes } = main;
    for include in includes {
        let file = u16::try_from(policy.files.len()).unwrap_or(u16::MAX);
        sources.add_file(&include);
        document::read(&include, view.read(&include), problems, |decoder, root| {
            let Some(root) = root.filter(|root| !matches!(root.value, Value::Null)) else {
                decoder.problems.add_file("the file is empty", "write `[]` if it names no domain");
                return None;
            };
            let target = Target { directory: &mut policy.domains, files: &policy.files };
            entries(decoder, root, &defaults, Side::Recipients, target, file);
            Some(())
        });
        policy.files.push(include);
    }
    policy.requirements = defaults.requirements;
    policy.domains.shrink_to_fit();
    policy.senders.shrink_to_fit();
    Some(policy)
}

/// What the policy's own file says; the files that it includes come after.
struct Main {
    policy: Policy,
    defaults: Defaults,
    includes: Vec<PathBuf>,
}

fn main_file(
    decoder: &mut Decoder<'_>,
    root: Option<Node<'_>>,
    path: &Path,
    view: &View<'_>,
    sources: &mut Sources,
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
        trusted: read_trusted(decoder, &mut fields),
        recipient_delimiter: read_delimiter(decoder, &mut fields),
        files: vec![path.to_path_buf()],
        ..Policy::default()
    };
    policy.local = read_local(decoder, &mut fields, &defaults);
    for (key, side) in [("domains", Side::Recipients), ("senders", Side::Senders)] {
        let Some(node) = fields.take(key) else {
            continue;
        };
        let directory = match side {
            Side::Recipients => &mut policy.domains,
            Side::Senders => &mut policy.senders,
        };
        let target = Target { directory, files: &policy.files };
        entries(decoder, node, &defaults, side, target, 0);
    }
    let base = path.parent().unwrap_or(Path::new(""));
    if !fields.mentions(&["domains", "senders", "local", "include"]) {
        decoder.problems.add(
            root.spot,
            "the policy opts nobody in",
            "add `domains: [example.org]`, or `domains: []` if that is meant",
        );
    }
    let includes = fields
        .take("include")
        .map(|node| include::files(decoder, node, base, view, sources))
        .unwrap_or_default();
    decoder.finish(fields);
    Some(Main { policy, defaults, includes })
}

fn read_defaults(decoder: &mut Decoder<'_>, fields: &mut Fields<'_>) -> Defaults {
    let mut defaults = Defaults::new();
    if let Some(node) = fields.take("requirements") {
        (defaults.requirements, defaults.faulty) = requirements::read(decoder, node);
    }
    let Some(node) = fields.take("defaults") else {
        return defaults;
    };
    let Some(mut inner) = decoder.fields(node, "`defaults`") else {
        return defaults;
    };
    if let Some(mode) = inner.take("mode").and_then(|node| decoder.choice(node, "mode", &MODES)) {
        defaults.mode = mode;
    }
    if let Some(node) = inner.take("require")
        && let Some(requirement) = defaults.requirement(decoder, node)
    {
        defaults.requirement = requirement;
    }
    if let Some(node) = inner.take("language")
        && let Some(language) = decoder.choice(node, "`language`", &LANGUAGES)
    {
        defaults.language = language;
    }
    if let Some(node) = inner.take("reply")
        && let Some(parts) = terms::read_reply(decoder, node, &defaults.reply)
        && terms::checked(decoder, node.spot, &parts, Side::Recipients, defaults.language).is_some()
    {
        defaults.reply = parts;
    }
    decoder.finish(inner);
    defaults
}

fn read_trusted(decoder: &mut Decoder<'_>, fields: &mut Fields<'_>) -> Trusted {
    let mut trusted = Trusted::default();
    let Some(node) = fields.take("trusted") else {
        return trusted;
    };
    let Some(mut inner) = decoder.fields(node, "`trusted`") else {
        return trusted;
    };
    if let Some(node) = inner.take("clients") {
        trusted.clients = values::networks(decoder, node);
        if trusted.clients.iter().any(|network| network.prefix_len() == 0) {
            decoder.problems.warn(
                node.spot,
                "every client there is is trusted: nothing is judged",
                "",
            );
        }
    }
    if let Some(node) = inner.take("authenticated") {
        trusted.authenticated = decoder.truth(node, "`authenticated`").unwrap_or(false);
    }
    decoder.finish(inner);
    trusted
}

fn read_delimiter(decoder: &mut Decoder<'_>, fields: &mut Fields<'_>) -> String {
    let Some(node) = fields.take("recipient_delimiter") else {
        return RECIPIENT_DELIMITER.into();
    };
    let text = decoder.text(node, "`recipient_delimiter`").unwrap_or_default();
    if !text.chars().all(|c| c.is_ascii_punctuation() && c != '@') {
        decoder.problems.add(
            node.spot,
            "`recipient_delimiter` is made of characters such as + or -",
            "",
        );
    }
    text.to_owned()
}

fn read_local(
    decoder: &mut Decoder<'_>,
    fields: &mut Fields<'_>,
    defaults: &Defaults,
) -> Option<Entry> {
    let node = fields.take("local")?;
    let mut inner = decoder.fields(node, "`local`")?;
    let entry = defaults.read_entry(decoder, &mut inner, Side::Recipients);
    decoder.finish(inner);
    if entry.contact.is_some() {
        let message = "the `contact` of `local` is told nothing: a digest is about a domain";
        decoder.problems.warn(node.spot, message, "leave it out");
    }
    Some(entry)
}
