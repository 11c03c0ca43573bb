//! The keys of a policy, from the top.

use super::requirements;
use super::terms::{self, Defaults, LANGUAGES, MODES, ReplyParts, Side};
use super::{Sources, include, read_file, values};
use crate::policy::{Directory, Entry, Language, Mode, Place, Policy, Requirement, Trusted};
use crate::yaml::{Decoder, Fields, Node, Problems, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Separates a mailbox's name from an extension where the policy says nothing.
const RECIPIENT_DELIMITER: &str = "+";

/// Reads the policy at `path` and what it includes.
pub(super) fn read(path: &Path, problems: &mut Problems, sources: &mut Sources) -> Option<Policy> {
    sources.add_file(path);
    let main = read_file(path, problems, |decoder, root| main_file(decoder, root, path, sources))?;
    let Main { mut policy, defaults, includes } = main;
    for include in includes {
        let file = u16::try_from(policy.files.len()).unwrap_or(u16::MAX);
        sources.add_file(&include);
        read_file(&include, problems, |decoder, root| {
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
    root: Option<&Node<'_>>,
    path: &Path,
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
        .map(|node| include::files(decoder, node, base, sources))
        .unwrap_or_default();
    decoder.finish(fields);
    Some(Main { policy, defaults, includes })
}

fn read_defaults(decoder: &mut Decoder<'_>, fields: &mut Fields<'_, '_>) -> Defaults {
    let mut defaults = Defaults {
        mode: Mode::Enforce,
        requirement: baseline(),
        reply: ReplyParts::default(),
        language: Language::default(),
        requirements: BTreeMap::new(),
        faulty: BTreeSet::new(),
    };
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

fn baseline() -> Arc<Requirement> {
    Arc::new(Requirement::builtin("baseline").expect("the baseline is built in").clone())
}

fn read_trusted(decoder: &mut Decoder<'_>, fields: &mut Fields<'_, '_>) -> Trusted {
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

fn read_delimiter(decoder: &mut Decoder<'_>, fields: &mut Fields<'_, '_>) -> String {
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
    fields: &mut Fields<'_, '_>,
    defaults: &Defaults,
) -> Option<Entry> {
    let node = fields.take("local")?;
    let mut inner = decoder.fields(node, "`local`")?;
    let entry = defaults.read_entry(decoder, &mut inner, Side::Recipients);
    decoder.finish(inner);
    Some(entry)
}

/// Where entries go.
struct Target<'t> {
    directory: &'t mut Directory,
    /// The files before the current one, to name the place of a duplicate.
    files: &'t [PathBuf],
}

/// Reads a list of entries. Each is a name, or a mapping with `domain`.
fn entries(
    decoder: &mut Decoder<'_>,
    node: &Node<'_>,
    defaults: &Defaults,
    side: Side,
    target: Target<'_>,
    file: u16,
) {
    let Some(items) = decoder.list(node, "domain entries") else {
        return;
    };
    let Target { directory, files } = target;
    // The entry of all that are just named; only there if one is, because the strictest entry of
    // a directory decides about recipients that cannot be understood.
    let mut of_bare_names = None;
    for item in items {
        let (name, entry) = match &item.value {
            Value::Map(_) => {
                let before = decoder.problems.count();
                let Some(mut fields) = decoder.fields(item, "an entry") else {
                    continue;
                };
                let name = fields.take("domain");
                let entry = defaults.read_entry(decoder, &mut fields, side);
                decoder.finish(fields);
                let Some(name) = name else {
                    // Where `domain` is mistyped, that has been said already.
                    if decoder.problems.count() == before {
                        let help = "add `domain: example.org`";
                        decoder.problems.add(item.spot, "an entry names its domain", help);
                    }
                    continue;
                };
                (name, Some(entry))
            }
            _ => (item, None),
        };
        let Some(pattern) = values::pattern(decoder, name) else {
            continue;
        };
        let number = match entry {
            Some(entry) => directory.add_entry(entry),
            None => *of_bare_names.get_or_insert_with(|| directory.add_entry(defaults.entry(side))),
        };
        let place = Place { file, line: u32::try_from(name.spot.line).unwrap_or(u32::MAX) };
        let shown = pattern.to_string();
        if let Err(earlier) = directory.insert(pattern, number, place) {
            let same = earlier.0.file == file;
            let at = match files.get(usize::from(earlier.0.file)) {
                Some(path) if !same => format!("line {} of {}", earlier.0.line, path.display()),
                _ => format!("line {}", earlier.0.line),
            };
            decoder.problems.add(
                name.spot,
                format!("{shown} is named a second time"),
                format!("it stands in {at} already; keep one of the two"),
            );
        }
    }
}
