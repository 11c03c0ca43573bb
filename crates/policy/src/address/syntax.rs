//! The syntax of envelope addresses: the plain forms, and what pieces a convoluted one falls into.

use super::alike::is_like_a_sign;
use compact_str::CompactString;
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest quoted local part, in octets, that is read as one. RFC 5321, section 4.5.3.1.1, has 64;
/// addresses of X.400 are longer.
const LONGEST_QUOTED: usize = 128;

/// The form of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form<'a> {
    /// The empty address.
    Nobody,
    /// A local part alone.
    Nameless,
    /// A local part at an address literal.
    Literal,
    /// A local part and a domain, and nothing else.
    At(Local<'a>, &'a str),
    /// Everything else: what an MTA might rewrite.
    Convoluted,
}

/// The local part of an address, as RFC 5321, section 4.1.2, and RFC 6531 have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Local<'a> {
    /// A dot-atom, or what could be one without its quotes, which then change nothing.
    Plain(Cow<'a, str>),
    /// What stands in quotes and needs them. Nothing in it is a sign by which MTAs route.
    Quoted(Cow<'a, str>),
    /// Legal, with a sign in it by which some MTA routes: `%`, `!`, or `@` in quotes.
    Routing(Cow<'a, str>),
}

impl Local<'_> {
    /// The local part as it is without quotes.
    pub(super) fn text(&self) -> &str {
        let (Self::Plain(text) | Self::Quoted(text) | Self::Routing(text)) = self;
        text
    }
}

/// Reads the form of an address.
pub(super) fn form(text: &str) -> Form<'_> {
    if text.is_empty() {
        return Form::Nobody;
    }
    let (local, domain) = match quoted_string(text) {
        Some((content, rest)) => match rest.strip_prefix('@') {
            Some(domain) => (in_quotes(content), domain),
            None => return Form::Convoluted,
        },
        None => match text.split_once('@') {
            Some((local, domain)) => (unquoted(local), domain),
            None if is_dot_atom(text) => return Form::Nameless,
            None => return Form::Convoluted,
        },
    };
    let Some(local) = local else {
        return Form::Convoluted;
    };
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let is_literal = is_ip(literal) && !matches!(local, Local::Routing(_));
        return if is_literal { Form::Literal } else { Form::Convoluted };
    }
    if is_domain(domain) { Form::At(local, domain) } else { Form::Convoluted }
}

/// A local part without quotes; none where it is no dot-atom.
fn unquoted(local: &str) -> Option<Local<'_>> {
    if local.is_empty() {
        return None;
    }
    if is_dot_atom(local) {
        return Some(Local::Plain(local.into()));
    }
    // By RFC 6531 an atom may have whatever is not ASCII, and so blanks that no keyboard has.
    let is_like_a_blank = |c: char| !c.is_ascii() && c.is_whitespace();
    let is_legal =
        |c| is_atom(c) || matches!(c, '!' | '%') || is_like_a_sign(c) || is_like_a_blank(c);
    local.chars().all(is_legal).then(|| Local::Routing(local.into()))
}

/// What stands in quotes, with its backslashes; none where it could be taken for something else.
fn in_quotes(content: &str) -> Option<Local<'_>> {
    if content.is_empty() || content.len() > LONGEST_QUOTED {
        return None;
    }
    let content = match content.contains('\\') {
        true => Cow::Owned(without_backslashes(content)),
        false => Cow::Borrowed(content),
    };
    Some(if is_dot_atom(&content) {
        Local::Plain(content)
    } else if content.chars().any(|c| matches!(c, '@' | '!' | '%') || is_like_a_sign(c)) {
        Local::Routing(content)
    } else {
        Local::Quoted(content)
    })
}

/// What stands in quotes at the beginning of a text, with its backslashes, and what comes behind them
/// (RFC 5321, section 4.1.2, Quoted-string). Controls cannot stand there.
fn quoted_string(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            _ if c.is_control() => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some((inside.get(..at)?, inside.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

/// A text with what each backslash makes literal.
fn without_backslashes(text: &str) -> String {
    let mut escaped = false;
    let is_kept = |c: &char| {
        escaped = *c == '\\' && !escaped;
        !escaped
    };
    text.chars().filter(is_kept).collect()
}

/// Whether a literal is an IP address (RFC 5321, section 4.1.3). Sendmail takes `[example.com]` for the
/// host of that name.
fn is_ip(literal: &str) -> bool {
    match literal.split_at_checked(5) {
        Some((tag, v6)) if tag.eq_ignore_ascii_case("IPv6:") => v6.parse::<Ipv6Addr>().is_ok(),
        _ => literal.parse::<Ipv4Addr>().is_ok(),
    }
}

/// Whether a text is made of what stands in a dot-atom. As a rule it is ASCII.
fn is_dot_atom(text: &str) -> bool {
    text.bytes().all(is_ascii_atom) || text.chars().all(is_atom)
}

/// Whether a text is made of what can stand in a domain, in whatever script.
fn is_domain(text: &str) -> bool {
    let in_ascii = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    let in_another = |c: char| match u8::try_from(c) {
        Ok(octet) if c.is_ascii() => in_ascii(octet),
        _ => !c.is_control() && !c.is_whitespace(),
    };
    text.bytes().all(in_ascii) || text.chars().all(in_another)
}

/// What stands in a dot-atom (RFC 5321, section 4.1.2; RFC 6531 adds non-ASCII), without `!` and
/// `%`, by which MTAs route.
fn is_atom(c: char) -> bool {
    match u8::try_from(c) {
        Ok(octet) if c.is_ascii() => is_ascii_atom(octet),
        _ => !c.is_control() && !c.is_whitespace() && !is_like_a_sign(c),
    }
}

fn is_ascii_atom(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(octet, b'#' | b'$' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?')
        || matches!(octet, b'^' | b'_' | b'`' | b'{' | b'|' | b'}' | b'~' | b'.')
}

/// Where a word of a convoluted address ends. All that may be in a local part or a domain stays
/// together, but for `=`, by which some gateways hide an address, and `+`.
pub(super) fn ends_word(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || "@!%:;,<>()[]\"\\|=+".contains(c)
        || !c.is_ascii() && is_like_a_sign(c)
}

/// What of a text is neither in quotes nor behind a backslash.
pub(super) fn unquoted_chars(text: &str) -> impl Iterator<Item = char> {
    let (mut quoted, mut escaped) = (false, false);
    text.chars().filter(move |c| {
        let plain = !quoted && !escaped;
        quoted ^= *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        plain
    })
}

/// A text with a blank for each comment (in parentheses, RFC 5322, section 3.2.2).
pub(super) fn without_comments(text: &str) -> String {
    let mut depth = 0_usize;
    text.chars()
        .filter_map(|c| {
            let outside = depth == 0;
            match c {
                '(' => depth += 1,
                ')' if !outside => depth -= 1,
                _ => return outside.then_some(c),
            }
            outside.then_some(' ')
        })
        .collect()
}

/// A text with `joint` for each run of blanks inside it.
pub(super) fn joined(text: &str, joint: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(joint)
}

/// A local part or word in lower case.
pub(super) fn lower_case(text: &str) -> CompactString {
    if !text.is_ascii() {
        return text.to_lowercase().into();
    }
    let mut lower = CompactString::new(text);
    lower.make_ascii_lowercase();
    lower
}

/// `<user@example.com>` to `user@example.com`, where that is the only pair of brackets outside of a
/// quoted local part.
pub(super) fn strip_brackets(argument: &[u8]) -> &[u8] {
    let trimmed = argument.trim_ascii();
    let Some(inner) = trimmed.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")) else {
        return trimmed;
    };
    let is_bracket = |octet: &u8| matches!(octet, b'<' | b'>');
    if !inner.iter().any(is_bracket) {
        return inner;
    }
    let behind_quotes = str::from_utf8(inner).ok().and_then(quoted_string);
    match behind_quotes {
        Some((_, rest)) if !rest.bytes().any(|octet| is_bracket(&octet)) => inner,
        _ => trimmed,
    }
}

/// Sendmail puts the refusal of an unknown user into `{rcpt_addr}`: `550 5.1.1 User unknown`.
pub(super) fn is_error_text(text: &[u8]) -> bool {
    matches!(text, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ', ..])
}
