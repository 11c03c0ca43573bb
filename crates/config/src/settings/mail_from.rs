//! Who a mail is from: an address, with or without a name.

use email_address::EmailAddress;
use std::{fmt, str::FromStr};

/// Who a mail is from, as a header field has it (RFC 5322, section 3.4): `Name <address>`,
/// `"Name" <address>`, `<address>` or just the address. Comments and lists of addresses are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFrom {
    /// The name, without quotes.
    pub name: Option<String>,
    /// What stands before the `@`.
    pub local_part: String,
    /// What stands behind it.
    pub domain: String,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailFromError {
    /// Not of any of the forms.
    #[error("it is neither an address nor a name with an address in <>")]
    Form,
    /// What stands before the `@`.
    #[error("the part before the @ is not valid")]
    LocalPart,
    /// What stands behind it.
    #[error("the domain is not valid")]
    Domain,
}

impl FromStr for MailFrom {
    type Err = MailFromError;

    fn from_str(text: &str) -> Result<Self, MailFromError> {
        let text = text.trim_start();
        let (name, (local_part, domain), rest) =
            named(text).or_else(|| bare(text)).ok_or(MailFromError::Form)?;
        if !rest.trim_start().is_empty() {
            return Err(MailFromError::Form);
        }
        if !EmailAddress::is_valid_local_part(&local_part) {
            return Err(MailFromError::LocalPart);
        }
        if !is_domain(domain) {
            return Err(MailFromError::Domain);
        }
        Ok(Self { name, local_part, domain: domain.to_owned() })
    }
}

fn is_domain(text: &str) -> bool {
    EmailAddress::is_valid_domain(text)
        || idna::domain_to_ascii(text).is_ok_and(|text| EmailAddress::is_valid_domain(&text))
}

impl fmt::Display for MailFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, local_part, domain } = self;
        match name {
            Some(name) => write!(f, "{name} <{local_part}@{domain}>"),
            None => write!(f, "{local_part}@{domain}"),
        }
    }
}

// What stands at the beginning of a text, and the rest.
type Address<'t> = (String, &'t str);
type Parts<'t> = (Option<String>, Address<'t>, &'t str);

/// `Name <address>` or `<address>`.
fn named(text: &str) -> Option<Parts<'_>> {
    let (name, rest) = phrase(text).map_or((None, text), |(name, rest)| (Some(name), rest));
    let (address, rest) = address(skip_blanks(rest).strip_prefix('<')?)?;
    Some((name, address, skip_blanks(rest.strip_prefix('>')?)))
}

/// The address alone.
fn bare(text: &str) -> Option<Parts<'_>> {
    let (address, rest) = address(text)?;
    Some((None, address, rest))
}

fn address(text: &str) -> Option<(Address<'_>, &str)> {
    let (local_part, rest) = match dot_atom(text) {
        Some((atom, rest)) => (atom.to_owned(), rest),
        None => quoted(text)?,
    };
    let (domain, rest) = dot_atom(rest.strip_prefix('@')?)?;
    Some(((local_part, domain), rest))
}

/// Words and dots; blanks between them become one.
fn phrase(text: &str) -> Option<(String, &str)> {
    let (mut phrase, mut rest) = word(text)?;
    loop {
        let behind = skip_blanks(rest);
        let dot = || Some((".".to_owned(), behind.strip_prefix('.')?));
        let Some((word, after)) = word(behind).or_else(dot) else {
            return Some((phrase, rest));
        };
        if behind.len() < rest.len() {
            phrase.push(' ');
        }
        phrase.push_str(&word);
        rest = after;
    }
}

fn word(text: &str) -> Option<(String, &str)> {
    quoted(text).or_else(|| atom(text).map(|(atom, rest)| (atom.to_owned(), rest)))
}

/// A quoted string, without quotes and backslashes.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut content = String::new();
    loop {
        let behind = skip_blanks(rest);
        if let Some(after) = behind.strip_prefix('"') {
            return Some((content, after));
        }
        // The first of several blanks counts.
        content.extend(rest.chars().next().filter(|_| behind.len() < rest.len()));
        let mut chars = behind.chars();
        let c = match chars.next()? {
            '\\' => chars.next().filter(|c| c.is_ascii() && !matches!(c, '\0' | '\r' | '\n'))?,
            c => Some(c).filter(|c| !matches!(c, '\0' | '\r' | '\n'))?,
        };
        content.push(c);
        rest = chars.as_str();
    }
}

/// Atoms with dots between them.
fn dot_atom(text: &str) -> Option<(&str, &str)> {
    let text = skip_blanks(text);
    let (_, mut rest) = atom(text)?;
    while let Some((_, after)) = rest.strip_prefix('.').and_then(atom_here) {
        rest = after;
    }
    text.split_at_checked(text.len() - rest.len())
}

fn atom(text: &str) -> Option<(&str, &str)> {
    atom_here(skip_blanks(text))
}

fn atom_here(text: &str) -> Option<(&str, &str)> {
    let in_atom =
        |c: char| c.is_ascii_alphanumeric() || !c.is_ascii() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let end = text.find(|c| !in_atom(c)).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(atom, _)| !atom.is_empty())
}

fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}
