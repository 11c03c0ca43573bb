//! The policy's own requirements.

use super::values;
use crate::yaml::{Decoder, Fields, Node, Span, Value};
use policy::requirement::{Requirement, RequirementBuilder, named};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    str::FromStr,
    sync::Arc,
};

/// How many own requirements may build on each other in a row.
const MAX_CHAIN: usize = 20;

/// One requirement as it stands in the file.
struct Raw<'n> {
    name: &'n str,
    span: Span,
    node: Node<'n>,
}

/// Requirements by name, and the names of those that have errors.
type Own = (BTreeMap<String, Arc<Requirement>>, BTreeSet<String>);

/// Reads `requirements`: a mapping of names to conditions. They may build on built-in ones and on
/// each other (`extends`), in any order.
pub(super) fn read(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Own> {
    let mut fields = decoder.fields(node, "`requirements`")?;
    let raw: Vec<Raw<'_>> =
        fields.take_all().into_iter().map(|(name, span, node)| Raw { name, span, node }).collect();
    let names: Vec<String> = raw.iter().map(|one| one.name.to_owned()).collect();
    let mut done = BTreeMap::new();
    let mut waiting: Vec<Raw<'_>> = Vec::new();
    for one in raw {
        if check_name(decoder, &one) {
            waiting.push(one);
        }
    }
    for _ in 0..MAX_CHAIN {
        let ready =
            |one: &Raw<'_>| base_name(one.node).is_none_or(|base| named(base, &done).is_some());
        let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|one| ready(one));
        waiting = later;
        if now.is_empty() {
            break;
        }
        for one in now {
            if let Some(requirement) = one_requirement(decoder, &one, &done) {
                done.insert(one.name.to_owned(), Arc::new(requirement));
            }
        }
    }
    for one in waiting {
        let base = base_name(one.node).unwrap_or_default();
        decoder.problems.add(
            one.span,
            format!("`{}` builds on `{}`, which is not there", one.name, base.escape_debug()),
            "`extends` names a built-in requirement or another one of this file, not in a circle",
        );
        // For its other errors.
        let _ = one_requirement(decoder, &one, &done);
    }
    let faulty = names.into_iter().filter(|name| !done.contains_key(name)).collect();
    Some((done, faulty))
}

fn check_name(decoder: &mut Decoder<'_>, one: &Raw<'_>) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if one.name.is_empty() || one.name.len() > 64 || !one.name.chars().all(plain) {
        decoder.problems.add(
            one.span,
            "a requirement's name is made of letters, digits, `-`, `_` and `.`",
            "",
        );
        return false;
    }
    if Requirement::builtin(one.name).is_some() {
        let help = format!("choose another name; to add to it, write `extends: {}`", one.name);
        decoder.problems.add(one.span, format!("`{}` is a built-in requirement", one.name), help);
        return false;
    }
    true
}

/// What `extends` names, before the mapping is read.
fn base_name<'n>(node: Node<'n>) -> Option<&'n str> {
    let Value::Map(fields) = node.value else {
        return None;
    };
    fields.iter().find_map(|(key, value)| match (key.value, value.value) {
        (Value::Scalar("extends"), Value::Scalar(base)) => Some(base),
        _ => None,
    })
}

fn one_requirement(
    decoder: &mut Decoder<'_>,
    one: &Raw<'_>,
    done: &BTreeMap<String, Arc<Requirement>>,
) -> Option<Requirement> {
    let errors_before = decoder.problems.count();
    let mut fields = decoder.fields(one.node, "a requirement")?;
    let mut builder = Requirement::builder(one.name.to_owned());
    if let Some(base) = fields.text(decoder, "extends").and_then(|base| named(base, done)) {
        builder = builder.extends(base);
    }
    builder = strengths(decoder, &mut fields, builder);
    builder = ciphers(decoder, &mut fields, builder);
    if let Some(names) = fields.read(decoder, "client_certificate", values::certificate) {
        builder = builder.client_certificate(names);
    }
    decoder.finish(fields);
    if decoder.problems.count() > errors_before {
        return None;
    }
    let requirement = builder
        .build()
        .map_err(|error| decoder.problems.add(one.span, error.to_string(), ""))
        .ok()?;
    let in_vain: Vec<&str> = requirement.allowed_in_vain().map(|suite| suite.name).collect();
    if !in_vain.is_empty() {
        let message = format!("allowed, but refused by another condition: {}", in_vain.join(", "));
        decoder.problems.warn(one.span, message, "");
    }
    Some(requirement)
}

/// The conditions that ask for a least strength.
fn strengths(
    decoder: &mut Decoder<'_>,
    fields: &mut Fields<'_>,
    mut builder: RequirementBuilder,
) -> RequirementBuilder {
    let version = fields.read(decoder, "min_version", |decoder, node| {
        decoder.parsed(node, "`min_version`", str::parse)
    });
    if let Some(version) = version {
        builder = builder.min_version(version);
    }
    if let Some(bits) = fields.number(decoder, "min_bits", 256) {
        builder = builder.min_bits(u16::try_from(bits).unwrap_or(u16::MAX));
    }
    if let Some(demanded) = fields.truth(decoder, "forward_secrecy") {
        builder = builder.forward_secrecy(demanded);
    }
    if let Some(demanded) = fields.truth(decoder, "aead") {
        builder = builder.aead(demanded);
    }
    builder
}

/// The conditions that name ciphers.
fn ciphers(
    decoder: &mut Decoder<'_>,
    fields: &mut Fields<'_>,
    mut builder: RequirementBuilder,
) -> RequirementBuilder {
    let forbidden = fields.read(decoder, "forbid", |decoder, node| {
        Some(words(decoder, node, "a property or cipher to forbid"))
    });
    if let Some(forbidden) = forbidden {
        builder = builder.forbid(forbidden);
    }
    let allowed = fields.read(decoder, "allow", |decoder, node| {
        if decoder.one_or_more(node).is_empty() {
            decoder.problems.add(node.span, "an empty `allow` lets no cipher pass", "leave it out");
        }
        Some(words(decoder, node, "a cipher to allow"))
    });
    if let Some(allowed) = allowed {
        builder = builder.allow(allowed);
    }
    builder
}

/// A list of words, each of which a parser turns into a value.
fn words<T>(decoder: &mut Decoder<'_>, node: Node<'_>, what: &str) -> Vec<T>
where
    T: FromStr<Err: Display>,
{
    let items = decoder.one_or_more(node);
    items.iter().filter_map(|item| decoder.parsed(item, what, str::parse)).collect()
}
