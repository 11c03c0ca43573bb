//! The words of an address that is not plain: which of them may be domains, and which mailboxes.

use super::syntax::{ends_word, joined, lower_case, unquoted_chars, without_comments};
use crate::domain::DomainName;
use compact_str::CompactString;
use std::sync::Arc;

/// In a convoluted address, more words than this are not gone through: the address then counts
/// as unreadable, and the strictest terms in force apply.
pub(super) const MAX_WORDS: usize = 24;

/// What the words of an address may be.
pub(super) struct Words {
    /// Each word that may be a domain, by each of its readings.
    pub(super) domains: Vec<DomainName>,
    /// Each word once, in lower case: a mailbox at any of the domains.
    pub(super) words: Arc<[CompactString]>,
    /// Whether there are more than are gone through.
    pub(super) too_many: bool,
    /// Whether it cannot be known from the words where the address leads.
    pub(super) is_unclear: bool,
    /// Whether it may have no domain, or an address literal for one.
    pub(super) may_be_nameless: bool,
}

/// Takes a convoluted address apart. There are few words and domains, and the pairs of them are not
/// made up: whoever writes such addresses is not to take more time than others.
pub(super) fn words(text: &str) -> Words {
    let mut is_unclear = text.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER);
    let unquoted = without_quotes(text);
    let others = Readings::of(&unquoted);
    let domain_part = text.rsplit_once('@').map_or("", |(_, domain)| domain);
    let mut words = Vec::new();
    let mut domains = Vec::new();
    let mut too_many = false;
    for word in [text].into_iter().chain(others.texts()).flat_map(split) {
        if words.contains(&word) {
            continue;
        }
        if words.len() == MAX_WORDS {
            too_many = true;
            break;
        }
        words.push(word);
        match DomainName::readings(word) {
            Ok((first, second)) => domains.extend(second.into_iter().chain([first])),
            // No domain name, as the local part of an address may be. But where a domain
            // would stand, and where it looks like one, it is not known where it leads.
            Err(_) => {
                is_unclear |= !word.is_ascii()
                    || word.contains('.')
                    || split(domain_part).any(|of_domain| of_domain == word);
            }
        }
    }
    // Of entries that are equally strict, the first one is named: that of the domain where it is written,
    // then names with a dot, which words of a local part rarely have.
    let own = DomainName::readings(domain_part.trim_end_matches(['.', '>']));
    let is_own = |domain: &DomainName| {
        own.as_ref().is_ok_and(|(first, second)| domain == first || second.as_ref() == Some(domain))
    };
    domains.sort_by_key(|domain| (!is_own(domain), !domain.as_str().contains('.')));
    // What is in quotes may belong to the local part: `"user@example.com"` has no domain.
    let has_no_sign = !unquoted_chars(text).any(|c| matches!(c, '@' | '!'));
    Words {
        // `<@>`: nothing in it could be judged.
        is_unclear: is_unclear || domains.is_empty() && !has_no_sign,
        domains,
        words: lower_cases(words),
        too_many,
        may_be_nameless: has_no_sign || text.contains('['),
    }
}

/// What mailboxes a local part may mean that needs its quotes: itself, and each of its words.
pub(super) fn mailboxes(local: &str) -> Arc<[CompactString]> {
    let unquoted = without_quotes(local);
    let readings = Readings::of(&unquoted);
    lower_cases([local].into_iter().chain(readings.texts().flat_map(split)))
}

fn without_quotes(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '"' | '\\')).collect()
}

/// A text as MTAs and gateways may read it.
struct Readings<'t> {
    text: &'t str,
    /// Without blanks and comments.
    tight: String,
    /// With a dot for blanks and comments, as Sendmail has it (`BlankSub`).
    dotted: String,
    /// With a dot for blanks alone.
    with_comments: String,
}

impl<'t> Readings<'t> {
    fn of(text: &'t str) -> Self {
        let uncommented = without_comments(text);
        Self {
            text,
            tight: joined(&uncommented, ""),
            dotted: joined(&uncommented, "."),
            with_comments: joined(text, "."),
        }
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        [self.text, &self.tight, &self.dotted, &self.with_comments].into_iter()
    }
}

/// The words of a text, without dots around them.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(ends_word).map(|word| word.trim_matches('.')).filter(|word| !word.is_empty())
}

/// Each word once, in lower case.
fn lower_cases<'w>(words: impl IntoIterator<Item = &'w str>) -> Arc<[CompactString]> {
    let mut lower = Vec::new();
    for word in words.into_iter().map(lower_case) {
        if !lower.contains(&word) {
            lower.push(word);
        }
    }
    lower.into()
}
