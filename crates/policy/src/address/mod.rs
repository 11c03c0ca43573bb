//! The envelope addresses, read with suspicion.
//!
//! An SMTP client writes the argument of RCPT, and the MTA decides where it goes: by percent
//! hack, bang path, source route, quoting, comments, several addresses in one argument, Unicode
//! folding. Rather than to imitate each MTA's parser, every domain that can be seen is collected,
//! from the argument and from `{rcpt_addr}` (what the MTA understood), and the strictest entry
//! decides. An address of the plain form `local@domain`, quoted or not, has just one domain; in any
//! other each word is taken for a domain that may be the route.
//!
//! `{rcpt_host}` (where the MTA routes to) counts beside an address that is not plain, for it may
//! show a domain that was not found there. Beside a plain one it is the name of a relay host, or of
//! a transport's, and says nothing of the recipient.

mod alike;
mod syntax;
#[cfg(test)]
mod tests;
mod words;

use self::syntax::{Form, Local, form, is_error_text, lower_case, strip_brackets};
use super::domain::{DomainError, DomainName};
use compact_str::CompactString;
use smallvec::SmallVec;
use std::sync::Arc;
use strum::IntoStaticStr;

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

/// Whether the MTA delivers a recipient itself, to mailboxes that all its names share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Own {
    /// Not as far as can be seen.
    #[default]
    No,
    /// Under the domain that was written.
    Named,
    /// It may be so: without a domain, or at an address literal.
    Nameless,
}

/// All that can be seen of a recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipient {
    /// Nearly always one.
    seen: SmallVec<[Sighting; 1]>,
    own: Own,
    unreadable: bool,
}

/// An address and its form.
#[derive(Clone, Debug)]
struct Address<'a> {
    text: Result<&'a str, &'a [u8]>,
    form: Form<'a>,
}

impl<'a> Address<'a> {
    fn new(octets: &'a [u8]) -> Self {
        match str::from_utf8(octets) {
            Ok(text) => Self { text: Ok(text), form: form(text) },
            Err(_) => Self { text: Err(octets), form: Form::Convoluted },
        }
    }

    /// Whether it has a domain at most, and nothing by which it could lead to another one.
    fn is_plain(&self) -> bool {
        match self.form {
            Form::At(Local::Plain(_) | Local::Quoted(_), _)
            | Form::Nameless
            | Form::Literal
            | Form::Nobody => true,
            Form::At(Local::Routing(_), _) | Form::Convoluted => false,
        }
    }

    /// Whether two addresses are the same local part at the same domain, in whatever case and
    /// quotes: then the MTA has rewritten nothing of what the client wrote.
    fn is_same(&self, other: &Self) -> bool {
        let (Form::At(local, domain), Form::At(other_local, other_domain)) =
            (&self.form, &other.form)
        else {
            return false;
        };
        let is_same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        is_same(domain.trim_end_matches('.'), other_domain.trim_end_matches('.'))
            && is_same(local.text(), other_local.text())
    }
}

impl Recipient {
    /// Collects what can be seen of a recipient.
    ///
    /// `argument` is the argument of RCPT as the client wrote it, with or without angle brackets;
    /// `rcpt_addr` and `rcpt_host` are the MTA's macros of these names, where it sent them.
    #[must_use]
    pub fn new(argument: &[u8], rcpt_addr: Option<&[u8]>, rcpt_host: Option<&[u8]>) -> Self {
        let bare = strip_brackets(argument);
        let understood = rcpt_addr.filter(|text| !is_error_text(text));
        let mut recipient = Self::default();
        // What the MTA understood usually equals what the client wrote.
        let (found, is_clear) = match understood {
            Some(understood) if understood == bare => recipient.read_same(&Address::new(bare)),
            _ => recipient.read_both(understood.map(Address::new), &Address::new(bare)),
        };
        if let Some(host) = rcpt_host {
            recipient.read_host(host, is_clear);
        }
        recipient.unreadable |= !found;
        recipient
    }

    /// Reads what the client wrote where the MTA understood just that. Says whether anything was found,
    /// and whether there is no doubt about where it leads.
    fn read_same(&mut self, address: &Address<'_>) -> (bool, bool) {
        let has_domain = matches!(address.form, Form::At(..));
        let found = self.read(address, Origin::Macro, has_domain);
        (found, has_domain || address.form == Form::Literal)
    }

    /// Reads what the MTA understood, if it said so, and what the client wrote.
    fn read_both(
        &mut self,
        understood: Option<Address<'_>>,
        written: &Address<'_>,
    ) -> (bool, bool) {
        let as_written = understood.as_ref().is_some_and(|understood| understood.is_same(written));
        let mut found = false;
        if let Some(address) = &understood {
            found |= self.read(address, Origin::Macro, as_written);
        }
        // Sendmail gives its own recipients without the domain that was written.
        if let (Form::At(Local::Plain(_) | Local::Quoted(_), _), Own::Nameless) =
            (&written.form, self.own)
        {
            self.own = Own::Named;
        }
        found |= self.read(written, Origin::Argument, as_written);
        let all = || understood.iter().chain([written]);
        let has_place = !self.seen.is_empty() || all().any(|address| address.form == Form::Literal);
        (found, as_written || has_place && all().all(Address::is_plain))
    }

    /// The same recipient, of which the MTA says that it delivers it itself.
    #[must_use]
    pub fn delivered_here(mut self) -> Self {
        if self.own == Own::No {
            self.own = Own::Named;
        }
        self
    }

    /// The domains that the recipient may lead to, in the order in which they were seen.
    #[must_use]
    pub fn seen(&self) -> &[Sighting] {
        &self.seen
    }

    /// Whether the recipient may be the MTA's own by how it is written: without a domain, or at an
    /// address literal.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.own == Own::Nameless
    }

    /// Whether the MTA delivers the recipient itself under the domain that was written: to
    /// mailboxes that its other names share.
    #[must_use]
    pub fn is_delivered_here(&self) -> bool {
        self.own == Own::Named
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

    /// Reads one address; says whether anything was found in it. `as_written`: the MTA took the
    /// address as the client wrote it, so that there is no doubt about its domain.
    fn read(&mut self, address: &Address<'_>, origin: Origin, as_written: bool) -> bool {
        match (&address.form, address.text) {
            (Form::Nobody, _) => return false,
            (Form::Nameless | Form::Literal, _) => self.own = Own::Nameless,
            (Form::At(Local::Plain(local), domain), _) => {
                self.read_plain(Mailbox::Exact(lower_case(local)), domain, origin);
            }
            (Form::At(Local::Quoted(local), domain), _) => {
                self.read_plain(Mailbox::Perhaps(words::mailboxes(local)), domain, origin);
            }
            (Form::At(Local::Routing(_), domain), Ok(text)) => {
                let has_domain = DomainName::parse(domain.trim_end_matches('.')).is_ok();
                self.read_words(text, origin, as_written && has_domain);
            }
            (Form::Convoluted, Ok(text)) => self.read_words(text, origin, false),
            (_, Err(octets)) => {
                self.unreadable = true;
                self.read_words(&String::from_utf8_lossy(octets), origin, false);
            }
        }
        true
    }

    fn read_plain(&mut self, mailbox: Mailbox, domain: &str, origin: Origin) {
        match DomainName::readings(domain.trim_end_matches('.')) {
            Ok((first, second)) => {
                for domain in second.into_iter().chain([first]) {
                    self.push(Sighting { mailbox: mailbox.clone(), domain, origin });
                }
            }
            // `user@` and `user@.`: some MTAs take it for their own user.
            Err(DomainError::Empty) => self.own = Own::Nameless,
            Err(_) => self.unreadable = true,
        }
    }

    /// Every word of a convoluted address counts as a domain, and every pair of words as a mailbox.
    ///
    /// `as_written`: it is known where it leads, for the MTA took it as the client wrote it. Its words
    /// count all the same.
    fn read_words(&mut self, text: &str, origin: Origin, as_written: bool) {
        let words = words::words(text);
        self.unreadable |= words.too_many || words.is_unclear && !as_written;
        if words.may_be_nameless && !as_written {
            self.own = Own::Nameless;
        }
        for domain in words.domains {
            // A domain has a dot in nearly every case; without one it may still be a name that the
            // MTA routes, so it is kept, but no pairs are made of it.
            let mailbox = match domain.as_str().contains('.') {
                true => Mailbox::Perhaps(Arc::clone(&words.words)),
                false => Mailbox::None,
            };
            self.push(Sighting { mailbox, domain, origin });
        }
    }

    /// Where the MTA routes to, if it names a domain that was not seen in the address. A relay
    /// host in brackets (`[smarthost.example.net]:587`) names none.
    ///
    /// Where the address is clear, only another spelling of its domain counts: Postfix routes
    /// `faß.example` as it is, and says `fass.example` in `{rcpt_addr}`.
    fn read_host(&mut self, host: &[u8], is_clear: bool) {
        let Ok(text) = str::from_utf8(host) else {
            self.unreadable |= !is_clear;
            return;
        };
        let name = text.trim_end_matches('.');
        // As a rule it is the address's own. Two names in ASCII are no spellings of one.
        if self.seen.iter().any(|seen| seen.domain.as_str() == name) || is_clear && name.is_ascii()
        {
            return;
        }
        let Ok((first, second)) = DomainName::readings(name) else { return };
        let is_seen = |name: &DomainName| self.seen.iter().any(|seen| seen.domain == *name);
        if is_clear && !is_seen(&first) && !second.as_ref().is_some_and(is_seen) {
            return;
        }
        for domain in second.into_iter().chain([first]) {
            if !self.seen.iter().any(|seen| seen.domain == domain) {
                self.push(Sighting { mailbox: Mailbox::None, domain, origin: Origin::Host });
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
                if self.0.own == Own::No && !self.0.unreadable =>
            {
                Some(domain)
            }
            _ => None,
        }
    }
}
