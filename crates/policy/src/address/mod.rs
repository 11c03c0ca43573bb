//! The envelope addresses, read with suspicion.
//!
//! An SMTP client writes the argument of RCPT, and the MTA decides where it goes: by percent
//! hack, bang path, source route, quoting, comments, several addresses in one argument, Unicode
//! folding. Rather than to imitate each MTA's parser, every domain that can be seen is collected,
//! from the argument, from `{rcpt_addr}` (what the MTA understood) and from `{rcpt_host}` (where
//! it routes to), and the strictest entry decides. An address of the plain form `local@domain`
//! has just one domain; in any other each word is taken for a domain that may be the route.

mod syntax;
#[cfg(test)]
mod tests;

use self::syntax::{
    Plain, ends_word, is_error_text, joined, lower_case, plain, strip_brackets, unquoted_chars,
    without_comments,
};
use super::domain::{DomainError, DomainName};
use compact_str::CompactString;
use smallvec::SmallVec;
use std::sync::Arc;
use strum::IntoStaticStr;

/// In a convoluted address, more words than this are not gone through: the address then counts
/// as unreadable, and the strictest terms in force apply.
const MAX_WORDS: usize = 24;

/// Where an address or a domain was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Origin {
    /// The macro `{rcpt_addr}` or `{mail_addr}`: what the MTA understood.
    #[strum(serialize = "rcpt_addr")]
    Macro,
    /// The argument of RCPT or MAIL: what the client wrote.
    Argument,
    /// The macro `{rcpt_host}`: where the MTA routes to.
    #[strum(serialize = "rcpt_host")]
    Host,
}

impl Origin {
    /// The name of the place, as the log and `explain` give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The local part that was seen with a domain, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mailbox {
    /// No local part belongs to the domain.
    None,
    /// The address is plainly this local part at the domain.
    Exact(CompactString),
    /// Each of the address's words may be the local part: entries for these mailboxes count, but they
    /// do not stand in for the domain's own.
    Perhaps(Arc<[CompactString]>),
}

/// A domain, and perhaps mailbox, that the address may lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The local part.
    pub mailbox: Mailbox,
    /// The domain.
    pub domain: DomainName,
    /// Where it was seen.
    pub origin: Origin,
}

/// All that can be seen of a recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    /// Nearly always one.
    seen: SmallVec<[Sighting; 1]>,
    local: bool,
    unreadable: bool,
}

impl Recipient {
    /// Collects what can be seen of a recipient.
    ///
    /// `argument` is the argument of RCPT as the client wrote it, with or without angle brackets;
    /// `rcpt_addr` and `rcpt_host` are the MTA's macros of these names, where it sent them.
    #[must_use]
    pub fn new(argument: &[u8], rcpt_addr: Option<&[u8]>, rcpt_host: Option<&[u8]>) -> Self {
        let mut recipient = Self::default();
        let mut understood = false;
        if let Some(address) = rcpt_addr.filter(|text| !is_error_text(text)) {
            understood = recipient.read(address, Origin::Macro);
        }
        // What the MTA understood usually equals what the client wrote.
        let bare = strip_brackets(argument);
        if rcpt_addr != Some(bare) {
            understood |= recipient.read(bare, Origin::Argument);
        }
        if let Some(host) = rcpt_host {
            recipient.read_host(host);
        }
        recipient.unreadable |= !understood;
        recipient
    }

    /// The domains that the recipient may lead to, in the order in which they were seen.
    #[must_use]
    pub fn seen(&self) -> &[Sighting] {
        &self.seen
    }

    /// Whether the recipient may be the MTA's own: without a domain, or at an address literal.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.local
    }

    /// Whether a part of the recipient cannot be understood.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.unreadable
    }

    /// The first domain that was seen: for the log, where no entry decided.
    #[must_use]
    pub fn domain(&self) -> Option<&DomainName> {
        self.seen.first().map(|seen| &seen.domain)
    }

    /// Reads one address; says whether anything was found in it.
    fn read(&mut self, address: &[u8], origin: Origin) -> bool {
        let Ok(text) = str::from_utf8(address) else {
            self.unreadable = true;
            self.read_words(&String::from_utf8_lossy(address), origin);
            return true;
        };
        match plain(text) {
            Some(Plain::Nobody) => false,
            Some(Plain::Local) => {
                self.local = true;
                true
            }
            Some(Plain::At(local, domain)) => {
                self.read_plain(local, domain, origin);
                true
            }
            None => {
                self.read_words(text, origin);
                true
            }
        }
    }

    fn read_plain(&mut self, local: &str, domain: &str, origin: Origin) {
        match DomainName::readings(domain.trim_end_matches('.')) {
            Ok((first, second)) => {
                let mailbox = Mailbox::Exact(lower_case(local));
                for domain in second.into_iter().chain([first]) {
                    self.push(Sighting { mailbox: mailbox.clone(), domain, origin });
                }
            }
            // `user@` and `user@.`: some MTAs take it for their own user.
            Err(DomainError::Empty) => self.local = true,
            Err(_) => self.unreadable = true,
        }
    }

    /// Every word of a convoluted address counts as a domain, and every pair of words as a
    /// mailbox. The number of words is limited, and the pairs are not built here, so that such an
    /// address takes hardly more time than others.
    fn read_words(&mut self, text: &str, origin: Origin) {
        if text.contains('[') {
            self.local = true;
        }
        if text.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
            self.unreadable = true;
        }
        let (words, domains) = self.words_and_domains(text);
        // What is in quotes may belong to the local part: `"user@example.com"` has no domain.
        if !unquoted_chars(text).any(|c| matches!(c, '@' | '!')) {
            self.local = true;
        } else if domains.is_empty() {
            // `<@>`: nothing in it could be judged.
            self.unreadable = true;
        }
        // A domain has a dot in nearly every case; without one it may still be a name that the
        // MTA routes, so it is kept, but no pairs are made of it.
        for domain in domains {
            let mailbox = match domain.as_str().contains('.') {
                true => Mailbox::Perhaps(Arc::clone(&words)),
                false => Mailbox::None,
            };
            self.push(Sighting { mailbox, domain, origin });
        }
    }

    /// The words of a convoluted address, in lower case, and those that are domains.
    fn words_and_domains(&mut self, text: &str) -> (Arc<[CompactString]>, Vec<DomainName>) {
        // As it stands, without quotes, without all that a parser might drop, and with a dot for
        // blanks and comments, as Sendmail has it (`BlankSub`).
        let unquoted: String = text.chars().filter(|c| !matches!(c, '"' | '\\')).collect();
        let uncommented = without_comments(&unquoted);
        let readings = [
            text,
            &unquoted,
            &joined(&uncommented, ""),
            &joined(&uncommented, "."),
            &joined(&unquoted, "."),
        ];
        let domain_part = text.rsplit_once('@').map(|(_, domain)| domain);
        let mut words = Vec::new();
        let mut domains = Vec::new();
        for word in readings.into_iter().flat_map(|text| text.split(ends_word)) {
            let word = word.trim_matches('.');
            if word.is_empty() || words.contains(&word) {
                continue;
            }
            if words.len() == MAX_WORDS {
                self.unreadable = true;
                break;
            }
            words.push(word);
            match DomainName::readings(word) {
                Ok((first, second)) => domains.extend(second.into_iter().chain([first])),
                // No domain name, as the local part of an address may be. But where a domain
                // would stand, and where it looks like one, it is not known where it leads.
                Err(_) => {
                    self.unreadable |= !word.is_ascii()
                        || word.contains('.')
                        || domain_part.is_some_and(|domain| domain.contains(word));
                }
            }
        }
        let mut lower_words = Vec::with_capacity(words.len());
        for word in words.into_iter().map(lower_case) {
            if !lower_words.contains(&word) {
                lower_words.push(word);
            }
        }
        (lower_words.into(), domains)
    }

    /// Where the MTA routes to, if it names a domain that was not seen in the address. A relay
    /// host in brackets (`[smarthost.example.net]:587`) names none.
    fn read_host(&mut self, host: &[u8]) {
        let Ok(text) = str::from_utf8(host) else {
            self.unreadable = true;
            return;
        };
        let name = text.trim_end_matches('.');
        // As a rule it is the address's own.
        if self.seen.iter().any(|seen| seen.domain.as_str() == name) {
            return;
        }
        if let Ok((first, second)) = DomainName::readings(name) {
            for domain in second.into_iter().chain([first]) {
                if !self.seen.iter().any(|seen| seen.domain == domain) {
                    self.push(Sighting { mailbox: Mailbox::None, domain, origin: Origin::Host });
                }
            }
        }
    }

    fn push(&mut self, new: Sighting) {
        if !self.seen.iter().any(|old| old.domain == new.domain && old.mailbox == new.mailbox) {
            self.seen.push(new);
        }
    }
}

/// The envelope sender: who the client says it is. Anybody can write anything here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender(Recipient);

impl Sender {
    /// Collects what can be seen of a sender; `<>` has no domain.
    ///
    /// `argument` is the argument of MAIL, `mail_addr` the macro of that name.
    #[must_use]
    pub fn new(argument: &[u8], mail_addr: Option<&[u8]>) -> Self {
        if strip_brackets(argument).is_empty() {
            return Self::default();
        }
        Self(Recipient::new(argument, mail_addr, None))
    }

    /// Every domain and mailbox that the sender may be: for what must be strict.
    #[must_use]
    pub fn seen(&self) -> &[Sighting] {
        self.0.seen()
    }

    /// Whether it is the null sender (`<>`), from which bounces come.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.0 == Recipient::default()
    }

    /// The sender's domain where all that was seen is one plain address: for what is lenient
    /// (exceptions), and for the log.
    #[must_use]
    pub fn domain(&self) -> Option<&DomainName> {
        match self.0.seen() {
            [Sighting { mailbox: Mailbox::Exact(_), domain, .. }]
                if !self.0.local && !self.0.unreadable =>
            {
                Some(domain)
            }
            _ => None,
        }
    }
}
