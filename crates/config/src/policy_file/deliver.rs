//! `deliver`: what the hop to an organisation's own server must be.
//!
//! smtp(8) puts mail off for an attribute that has no place, and delivers in the clear for a level that is laxer
//! than it looks. So what contradicts itself is an error here, and what is laxer than it looks a warning.

use crate::yaml::{Decoder, Fields, Node, Span, Value};
use policy::hop::{CipherGrade, Deliver, Demand, Level, Matching, NextHop, Protocols};
use std::net::IpAddr;

/// What a `deliver` says. Each part is inherited by itself.
#[derive(Clone, Default)]
pub(super) struct DeliverParts {
    level: Option<Level>,
    matching: Vec<Matching>,
    protocols: Option<Protocols>,
    ciphers: Option<CipherGrade>,
    servername: Option<String>,
    next_hops: Vec<NextHop>,
}

impl DeliverParts {
    /// What that means; none where nothing is said.
    pub(super) fn deliver(&self) -> Option<Deliver> {
        let Self { level, matching, protocols, ciphers, servername, next_hops } = self.clone();
        let demand = Demand { level: level?, matching, protocols, ciphers, servername };
        Some(Deliver { demand, next_hops })
    }
}

/// Reads `deliver`: a mapping, or a level alone. What it does not say is inherited.
pub(super) fn read(
    decoder: &mut Decoder<'_>,
    node: Node<'_>,
    inherited: &DeliverParts,
) -> Option<DeliverParts> {
    let mut parts = inherited.clone();
    if let Value::Scalar(_) = node.value {
        set_level(&mut parts, decoder.choice(node, "`deliver`, where it is a level alone,")?);
        check_level(decoder, node.span, &parts, inherited);
        return Some(parts);
    }
    let before = decoder.problems.count();
    let mut fields = decoder.fields(node, "`deliver`")?;
    let mut level_span = node.span;
    let level = fields.read(decoder, "level", |decoder, node| {
        level_span = node.span;
        decoder.choice(node, "`level`")
    });
    if let Some(level) = level {
        set_level(&mut parts, level);
    }
    read_match(decoder, &mut fields, &mut parts);
    read_protocols(decoder, &mut fields, &mut parts);
    let ciphers = fields.read(decoder, "ciphers", |decoder, node| {
        has_place(decoder, node, "ciphers", &parts, parts.level != Some(Level::None));
        read_ciphers(decoder, node)
    });
    parts.ciphers = ciphers.or(parts.ciphers);
    let servername = fields.read(decoder, "servername", |decoder, node| {
        let place = parts.level.is_none_or(Level::takes_servername);
        has_place(decoder, node, "servername", &parts, place);
        read_servername(decoder, node)
    });
    parts.servername = servername.or(parts.servername);
    if let Some(next_hops) = fields.read(decoder, "nexthop", read_next_hops) {
        parts.next_hops = next_hops;
    }
    decoder.finish(fields);
    if parts.level.is_none() && decoder.problems.count() == before {
        let message = "`deliver` does not say its `level`, and neither do the defaults";
        decoder.problems.add(node.span, message, "add `level: encrypt`");
    }
    check_level(decoder, level_span, &parts, inherited);
    Some(parts)
}

/// Another level leaves nothing of an inherited `match` that is of another kind.
fn set_level(parts: &mut DeliverParts, level: Level) {
    let is_kind = |level: Level| (level.takes_match(), level == Level::Fingerprint);
    if parts.level.is_some_and(|old| is_kind(old) != is_kind(level)) {
        parts.matching.clear();
    }
    if level == Level::None {
        *parts = DeliverParts {
            next_hops: std::mem::take(&mut parts.next_hops),
            ..DeliverParts::default()
        };
    }
    parts.level = Some(level);
}

/// Adds an error for a key that has no place at the level.
fn has_place(
    decoder: &mut Decoder<'_>,
    node: Node<'_>,
    key: &str,
    parts: &DeliverParts,
    has: bool,
) {
    let Some(level) = parts.level.filter(|_| !has) else { return };
    let (message, help) = match level {
        Level::None => (
            format!("`{key}` has no place at level none: there is no TLS"),
            "write another `level`, or leave it out",
        ),
        Level::Dane | Level::DaneOnly if key == "servername" => (
            format!("`{key}` has no place at level {level}: TLSA records say the name"),
            "leave it out",
        ),
        _ => (
            format!("`{key}` has no place at level {level}: no certificate is looked at there"),
            "write `level: secure`, or leave it out",
        ),
    };
    decoder.problems.add(node.span, message, help);
}

fn read_match(decoder: &mut Decoder<'_>, fields: &mut Fields<'_>, parts: &mut DeliverParts) {
    let level = parts.level;
    let matching = fields.read(decoder, "match", |decoder, node| {
        if let Some(level @ (Level::Dane | Level::DaneOnly)) = level {
            let message = format!("`match` has no place at level {level}: TLSA records say it");
            return decoder.wrong(node, message, "leave it out, or write `level: secure`");
        }
        has_place(decoder, node, "match", parts, level.is_none_or(Level::takes_match));
        let items = decoder.one_or_more(node);
        if items.is_empty() {
            return decoder.wrong(node, "`match` names nothing", "leave it out, or add a name");
        }
        let one = |text: &str| match level {
            Some(Level::Fingerprint) => Matching::fingerprint(text),
            _ => Matching::name(text),
        };
        let items = items.iter().filter_map(|item| {
            let text = decoder.text(item, "an item of `match`")?;
            match one(text) {
                Ok(matching) => Some(matching),
                Err(error) => {
                    let message = format!("`{}` cannot be matched: {error}", text.escape_debug());
                    decoder.wrong(item, message, help_for_match(level, text))
                }
            }
        });
        let mut matching: Vec<Matching> = Vec::new();
        for item in items {
            if !matching.contains(&item) {
                matching.push(item);
            }
        }
        Some(matching)
    });
    if let Some(matching) = matching {
        parts.matching = matching;
    }
}

fn help_for_match(level: Option<Level>, text: &str) -> &'static str {
    match level {
        Some(Level::Fingerprint) => {
            "it is what `openssl x509 -noout -fingerprint -sha256` prints behind the `=`"
        }
        _ if text.starts_with("*.") => "for all names below one, write `.example.org`",
        _ if text.contains([':', '|', ',']) => "write several as a list: [a.example, b.example]",
        _ => "write nexthop, dot-nexthop, mx.example.org, or .example.org for all below it",
    }
}

fn read_protocols(decoder: &mut Decoder<'_>, fields: &mut Fields<'_>, parts: &mut DeliverParts) {
    let place = parts.level != Some(Level::None);
    let protocols = fields.take("protocols");
    let min_version = fields.take("min_version");
    if let (Some(_), Some(version)) = (protocols, min_version) {
        let message = "`min_version` and `protocols` say the same in two ways";
        decoder.problems.add(version.span, message, "keep one of the two");
    }
    for (key, node) in [("protocols", protocols), ("min_version", min_version)] {
        let Some(node) = node else { continue };
        has_place(decoder, node, key, parts, place);
        let read = if key == "protocols" {
            let words: Vec<&str> = decoder
                .one_or_more(node)
                .iter()
                .filter_map(|item| decoder.text(item, "`protocols`"))
                .collect();
            let parsed = words.join(" ").parse::<Protocols>().map_err(|error| error.to_string());
            parsed.map_or_else(|error| decoder.wrong(node, error, ""), Some)
        } else {
            let version = decoder.parsed(node, "`min_version`", str::parse);
            version.and_then(|version| {
                let protocols = Protocols::at_least(version);
                let message = "Postfix has no name for this version";
                protocols.or_else(|| decoder.wrong(node, message, "write TLSv1.2 or TLSv1.3"))
            })
        };
        parts.protocols = read.or(parts.protocols);
    }
}

fn read_ciphers(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<CipherGrade> {
    let text = decoder.text(node, "`ciphers`")?;
    match text {
        "low" | "export" => decoder.wrong(
            node,
            format!("ciphers of the grade {text} are broken"),
            "write `medium` or `high`; Postfix takes it for medium from 3.8 on",
        ),
        "null" => decoder.wrong(node, "a null cipher encrypts nothing", "write `medium` or `high`"),
        _ => decoder.choice(node, "`ciphers`"),
    }
}

fn read_servername(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<String> {
    let text = decoder.text(node, "`servername`")?;
    match Matching::name(text) {
        Ok(name) if !matches!(name.as_str(), "dot-nexthop") && !text.starts_with('.') => {
            Some(name.as_str().to_owned())
        }
        _ => {
            let message = format!("`{}` is no name of a server", text.escape_debug());
            decoder.wrong(node, message, "write hostname, nexthop, or a name: mx.example.org")
        }
    }
}

fn read_next_hops(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Vec<NextHop>> {
    let items = decoder.one_or_more(node);
    if items.is_empty() {
        return decoder.wrong(node, "`nexthop` names none", "leave it out, or add one");
    }
    let mut next_hops = Vec::new();
    for item in items.iter() {
        let Some(next_hop) = read_next_hop(decoder, item) else { continue };
        if !next_hops.contains(&next_hop) {
            next_hops.push(next_hop);
        }
    }
    Some(next_hops)
}

pub(super) fn read_next_hop(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<NextHop> {
    let text = decoder.text(node, "a next hop")?;
    let wrong = |decoder: &mut Decoder<'_>, why: &str, help: &str| {
        let message = format!("`{}` is not a next hop: {why}", text.escape_debug());
        decoder.wrong(node, message, help)
    };
    let forms = "write it as transport_maps or relayhost has it: \"[mx.example.org]:25\", \
         \"[mx.example.org]\" or mx.example.org";
    if text.parse::<IpAddr>().is_ok() {
        let help = format!("write \"[{text}]\", as Postfix has it");
        return wrong(decoder, "an address stands in brackets", &help);
    }
    match text.parse() {
        Ok(NextHop::Below(_)) => {
            let help = "entries of a wildcard (\"*.example.org\") speak of all domains below";
            wrong(decoder, "it begins with a dot", help)
        }
        Ok(NextHop::Socket) => {
            wrong(decoder, "a Unix socket is no hop over a network", "leave it out")
        }
        Ok(next_hop) => Some(next_hop),
        Err(error) => wrong(decoder, &error.to_string(), forms),
    }
}

/// What is laxer than it looks, and what cannot come about.
fn check_level(
    decoder: &mut Decoder<'_>,
    span: Span,
    parts: &DeliverParts,
    inherited: &DeliverParts,
) {
    let Some(level) = parts.level else { return };
    if level == Level::Fingerprint && parts.matching.is_empty() {
        let message = "level fingerprint without `match`: Postfix would put all mail off";
        decoder.problems.add(
            span,
            message,
            "add `match: [\"4F:1B:...\"]`, the digest of the certificate",
        );
    }
    let by_dns = parts.matching.iter().any(|one| one.as_str() == "hostname");
    let (message, help) = match level {
        Level::None => {
            ("level none: this mail always leaves in the clear", "write `level: encrypt`")
        }
        Level::May => (
            "level may: this mail leaves in the clear where the server offers no TLS",
            "write `level: encrypt`",
        ),
        Level::Dane => (
            "level dane: without TLSA records it is as good as may, and mail leaves in the clear",
            "write `level: dane-only`, where there are such records, or `level: encrypt`",
        ),
        Level::Verify if parts.matching.is_empty() || by_dns => (
            "the name that DNS gives for the server is matched, and who forges DNS gives another one",
            "write `level: secure`",
        ),
        Level::Secure if by_dns => (
            "`hostname` is the name that DNS gives for the server, and who forges DNS gives another one",
            "match nexthop, dot-nexthop or a name",
        ),
        _ => ("", ""),
    };
    if !message.is_empty() {
        decoder.problems.warn(span, message, help);
    } else if let Some(default) = inherited.level.filter(|default| *default > level) {
        let message = format!("level {level} asks for less than the defaults do ({default})");
        decoder.problems.warn(span, message, "right if this server cannot do better");
    }
}
