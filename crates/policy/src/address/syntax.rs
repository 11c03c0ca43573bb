//! The syntax of envelope addresses: the plain forms, and what pieces a convoluted one falls into.

use compact_str::CompactString;
use std::net::{Ipv4Addr, Ipv6Addr};

/// An address of a form that every MTA reads alike.
pub(super) enum Plain<'a> {
    /// The empty address.
    Nobody,
    /// No domain, or an address literal.
    Local,
    /// A local part and a domain.
    At(&'a str, &'a str),
}

/// Reads the plain forms; `None` for everything that an MTA might rewrite.
pub(super) fn plain(text: &str) -> Option<Plain<'_>> {
    if text.is_empty() {
        return Some(Plain::Nobody);
    }
    let Some((local, domain)) = text.split_once('@') else {
        return text.chars().all(is_atom).then_some(Plain::Local);
    };
    // Quotes around what needs none change nothing (RFC 5321, section 4.1.2).
    let quoted = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let local = quoted.unwrap_or(local);
    if local.is_empty() || !local.chars().all(is_atom) {
        return None;
    }
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return is_ip(literal).then_some(Plain::Local);
    }
    let of_domain = |c: char| !c.is_ascii() && c.is_alphanumeric() || c == '.' || in_label(c);
    domain.chars().all(of_domain).then_some(Plain::At(local, domain))
}

/// Whether a literal is an IP address (RFC 5321, section 4.1.3). Sendmail takes `[example.com]` for the
/// host of that name.
fn is_ip(literal: &str) -> bool {
    match literal.split_at_checked(5) {
        Some((tag, v6)) if tag.eq_ignore_ascii_case("IPv6:") => v6.parse::<Ipv6Addr>().is_ok(),
        _ => literal.parse::<Ipv4Addr>().is_ok(),
    }
}

/// What stands in a dot-atom (RFC 5321, section 4.1.2; RFC 6531 adds non-ASCII), without `!` and
/// `%`, by which MTAs route.
fn is_atom(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '#' | '$' | '&' | '\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^' | '_')
        || matches!(c, '`' | '{' | '|' | '}' | '~' | '.')
        || (!c.is_ascii() && c.is_alphanumeric())
}

fn in_label(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Where a word of a convoluted address ends. All that may be in a local part or a domain stays
/// together, but for `=`, by which some gateways hide an address, and `+`.
pub(super) fn ends_word(c: char) -> bool {
    c.is_control() || c.is_whitespace() || "@!%:;,<>()[]\"\\|=+".contains(c)
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

/// `<user@example.com>` to `user@example.com`, where that is the only pair of brackets.
pub(super) fn strip_brackets(argument: &[u8]) -> &[u8] {
    let trimmed = argument.trim_ascii();
    trimmed
        .strip_prefix(b"<")
        .and_then(|rest| rest.strip_suffix(b">"))
        .filter(|inner| !inner.iter().any(|octet| matches!(octet, b'<' | b'>')))
        .unwrap_or(trimmed)
}

/// Sendmail puts the refusal of an unknown user into `{rcpt_addr}`: `550 5.1.1 User unknown`.
pub(super) fn is_error_text(text: &[u8]) -> bool {
    matches!(text, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ', ..])
}
