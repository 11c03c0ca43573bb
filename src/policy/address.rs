//! The envelope addresses, read with suspicion.
//!
//! An SMTP client writes the argument of RCPT, and the MTA decides where it goes: by percent
//! hack, bang path, source route, quoting, comments, several addresses in one argument, Unicode
//! folding. Rather than to imitate each MTA's parser, every domain that can be seen is collected,
//! from the argument, from `{rcpt_addr}` (what the MTA understood) and from `{rcpt_host}` (where
//! it routes to), and the strictest entry decides. An address of the plain form `local@domain`
//! has just one domain; in any other each word is taken for a domain that may be the route.

use super::domain::{DomainError, DomainName};
use std::net::{Ipv4Addr, Ipv6Addr};

/// In a convoluted address, more words than this are not gone through: the address then counts
/// as unreadable, and the strictest terms in force apply.
const MAX_WORDS: usize = 24;

/// Where an address or a domain was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The macro `{rcpt_addr}` or `{mail_addr}`: what the MTA understood.
    Macro,
    /// The argument of RCPT or MAIL: what the client wrote.
    Argument,
    /// The macro `{rcpt_host}`: where the MTA routes to.
    Host,
}

impl Origin {
    /// The name of the place, as the log and `explain` give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Macro => "rcpt_addr",
            Self::Argument => "argument",
            Self::Host => "rcpt_host",
        }
    }
}

/// The local part that was seen with a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mailbox {
    /// No local part belongs to the domain.
    None,
    /// The address is plainly this local part (lower case) at the domain.
    Exact(Box<str>),
    /// The word (lower case) may be the local part: an entry for this mailbox counts, but it
    /// does not stand in for the domain's own.
    Perhaps(Box<str>),
}

/// A domain, and perhaps mailbox, that the address may lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
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
    seen: Vec<Seen>,
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
    pub fn seen(&self) -> &[Seen] {
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
                let mailbox = Mailbox::Exact(local.to_lowercase().into());
                for domain in second.into_iter().chain([first]) {
                    self.push(Seen { mailbox: mailbox.clone(), domain, origin });
                }
            }
            // `user@` and `user@.`: some MTAs take it for their own user.
            Err(DomainError::Empty) => self.local = true,
            Err(_) => self.unreadable = true,
        }
    }

    /// Every word of a convoluted address counts as a domain, and every pair of words as a
    /// mailbox.
    fn read_words(&mut self, text: &str, origin: Origin) {
        if text.contains('[') {
            self.local = true;
        }
        if text.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
            self.unreadable = true;
        }
        // As it stands, without quotes, without all that a parser might drop, and with a dot for
        // blanks, as Sendmail has it (`BlankSub`).
        let unquoted: String = text.chars().filter(|c| !matches!(c, '"' | '\\')).collect();
        let stripped = without_comments(&unquoted);
        let dotted = unquoted.split_ascii_whitespace().collect::<Vec<_>>().join(".");
        let domain_part = text.rsplit_once('@').map(|(_, domain)| domain);
        let mut words = Vec::new();
        let mut domains = Vec::new();
        for word in
            [text, &unquoted, &stripped, &dotted].into_iter().flat_map(|text| text.split(ends_word))
        {
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
            if domain.as_str().contains('.') {
                for word in &words {
                    let mailbox = Mailbox::Perhaps(word.to_lowercase().into());
                    self.push(Seen { mailbox, domain: domain.clone(), origin });
                }
            }
            self.push(Seen { mailbox: Mailbox::None, domain, origin });
        }
    }

    /// Where the MTA routes to, if it names a domain that was not seen in the address. A relay
    /// host in brackets (`[smarthost.example.net]:587`) names none.
    fn read_host(&mut self, host: &[u8]) {
        let Ok(text) = str::from_utf8(host) else {
            self.unreadable = true;
            return;
        };
        let name = text.trim_end_matches('.');
        if let Ok((first, second)) = DomainName::readings(name) {
            for domain in second.into_iter().chain([first]) {
                if !self.seen.iter().any(|seen| seen.domain == domain) {
                    self.push(Seen { mailbox: Mailbox::None, domain, origin: Origin::Host });
                }
            }
        }
    }

    fn push(&mut self, new: Seen) {
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
    pub fn seen(&self) -> &[Seen] {
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
            [only] if !self.0.local && !self.0.unreadable => Some(&only.domain),
            _ => None,
        }
    }
}

/// An address of a form that every MTA reads alike.
enum Plain<'a> {
    /// The empty address.
    Nobody,
    /// No domain, or an address literal.
    Local,
    /// A local part and a domain.
    At(&'a str, &'a str),
}

/// Reads the plain forms; `None` for everything that an MTA might rewrite.
fn plain(text: &str) -> Option<Plain<'_>> {
    if text.is_empty() {
        return Some(Plain::Nobody);
    }
    let Some((local, domain)) = text.split_once('@') else {
        return text.chars().all(is_atom).then_some(Plain::Local);
    };
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
        || "#$&'*+-/=?^_`{|}~.".contains(c)
        || (!c.is_ascii() && c.is_alphanumeric())
}

fn in_label(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Where a word of a convoluted address ends. All that may be in a local part or a domain stays
/// together, but for `=`, by which some gateways hide an address, and `+`.
fn ends_word(c: char) -> bool {
    c.is_control() || c.is_whitespace() || "@!%:;,<>()[]\"\\|=+".contains(c)
}

/// What of a text is neither in quotes nor behind a backslash.
fn unquoted_chars(text: &str) -> impl Iterator<Item = char> {
    let (mut quoted, mut escaped) = (false, false);
    text.chars().filter(move |c| {
        let plain = !quoted && !escaped;
        quoted ^= *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        plain
    })
}

/// A text without comments (in parentheses, RFC 5322, section 3.2.2) and blanks.
fn without_comments(text: &str) -> String {
    let mut depth = 0_usize;
    text.chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' if depth > 0 => {
                    depth -= 1;
                    return false;
                }
                _ => {}
            }
            depth == 0 && !c.is_whitespace()
        })
        .collect()
}

/// `<user@example.com>` to `user@example.com`, where that is the only pair of brackets.
fn strip_brackets(argument: &[u8]) -> &[u8] {
    let trimmed = argument.trim_ascii();
    trimmed
        .strip_prefix(b"<")
        .and_then(|rest| rest.strip_suffix(b">"))
        .filter(|inner| !inner.iter().any(|octet| matches!(octet, b'<' | b'>')))
        .unwrap_or(trimmed)
}

/// Sendmail puts the refusal of an unknown user into `{rcpt_addr}`: `550 5.1.1 User unknown`.
fn is_error_text(text: &[u8]) -> bool {
    matches!(text, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains(recipient: &Recipient) -> Vec<&str> {
        let mut names: Vec<&str> = recipient.seen.iter().map(|seen| seen.domain.as_str()).collect();
        names.dedup();
        names
    }

    fn argument(text: &str) -> Recipient {
        Recipient::new(text.as_bytes(), None, None)
    }

    #[test]
    fn a_plain_address_has_one_domain_and_its_mailbox() {
        for text in [
            "<User@Example.COM>",
            "user@example.com",
            "<user@example.com.>",
            " <user@example.com> ",
        ] {
            let recipient = argument(text);
            assert_eq!(
                recipient.seen,
                [Seen {
                    mailbox: Mailbox::Exact("user".into()),
                    domain: DomainName::parse("example.com").unwrap(),
                    origin: Origin::Argument,
                }],
                "{text}"
            );
            assert!(!recipient.local && !recipient.unreadable, "{text}");
        }
    }

    #[test]
    fn every_domain_of_a_convoluted_address_is_seen() {
        for text in [
            "<@relay.test,@other.test:user@example.com>",
            "<user%example.com@local.test>",
            "<example.com!user>",
            "<example.com!user@local.test>",
            "<\"user@example.com\">",
            "<\"user@example.com\"@local.test>",
            "<user@example.com>,<two@free.test>",
            "<a@free.test><user@example.com>",
            "<a@free.test>(c)<user@example.com>",
            "user<two@example.com>@free.test",
            "<user(comment)@example.com>",
            "<user@(comment)example.com>",
            "<user @example.com>",
            "<user@example.com\t>",
            "<user@exam\"\"ple.com>",
            "<user@exam\\ple.com>",
            "<a@b@example.com>",
            "<user@example.com:25>",
            "<user=example.com@local.test%x>",
            "<user@exa(comment)mple.com>",
            "<user@example .com>",
            "<user@[example.com]>",
            "<user@example com>",
            "<user@[EXAMPLE.COM.]>",
        ] {
            assert!(
                domains(&argument(text)).contains(&"example.com"),
                "{text}: {:?}",
                argument(text)
            );
        }
    }

    #[test]
    fn what_the_mta_understood_counts_beside_what_the_client_wrote() {
        let recipient = Recipient::new(
            b"<user%example.com@relay.test>",
            Some(b"user@example.com"),
            Some(b"example.com."),
        );
        assert!(domains(&recipient).contains(&"example.com"));
        assert!(domains(&recipient).contains(&"relay.test"));
        assert_eq!(recipient.seen.first().map(|seen| seen.origin), Some(Origin::Macro));
    }

    #[test]
    fn a_mailbox_is_found_inside_a_convoluted_address() {
        for text in [
            "<\"boss\"@example.com>",
            "<\\boss@example.com>",
            "<\"bo\"\"ss\"@example.com>",
            "<@a.test:boss@example.com>",
        ] {
            let found = argument(text).seen.iter().any(|seen| {
                seen.domain.as_str() == "example.com"
                    && seen.mailbox == Mailbox::Perhaps("boss".into())
            });
            assert!(found, "{text}: {:?}", argument(text));
        }
    }

    #[test]
    fn recipients_without_a_domain_and_literals_are_the_mtas_own() {
        for text in
            ["<postmaster>", "postmaster", "<user@[192.0.2.1]>", "<user@[IPv6:::1]>", "<user@>"]
        {
            let recipient = argument(text);
            assert!(recipient.local && !recipient.unreadable, "{text}: {recipient:?}");
        }
    }

    #[test]
    fn a_recipient_whose_at_sign_is_quoted_may_be_the_mtas_own() {
        for text in [
            "<\"user@example.com\">",
            "<\"user@example com\">",
            "<user\\@example.com>",
            "<\"\\\"user@example.com\">",
            "<\"example.com!user\">",
        ] {
            assert!(argument(text).local, "{text}");
        }
        for text in
            ["<\"user\"@example.com>", "<\"a\\\"b\"@example.com>", "<\"user\\\\\"@example.com>"]
        {
            assert!(!argument(text).local, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_unreadable() {
        for text in [
            &b"<user@b\xfccher.example>"[..],
            b"<>",
            b"",
            b"<user@exam\0ple.com>",
            b"<user@a..b>",
            b"<us\rer@example.com>",
            b"<user@foo#bar.example.com>",
            b"<user@x/example.com>",
            b"<user@example.com&x>",
            b"<foo#bar.example.com!user>",
            b"<@>",
        ] {
            assert!(Recipient::new(text, None, None).unreadable, "{text:?}");
        }
        let crowd = ["<a@b.test>"; 3].join(",")
            + &(0..40).map(|n| format!(",<u@d{n}.test>")).collect::<String>();
        assert!(argument(&crowd).unreadable);
    }

    #[test]
    fn an_error_text_in_rcpt_addr_is_no_address() {
        let recipient =
            Recipient::new(b"<user@example.com>", Some(b"550 5.1.1 User unknown"), None);
        assert_eq!(domains(&recipient), ["example.com"]);
        assert!(!recipient.unreadable);
    }

    #[test]
    fn the_host_counts_where_it_names_another_domain() {
        let seen = |host: &[u8]| {
            let recipient =
                Recipient::new(b"<user@example.com>", Some(b"user@example.com"), Some(host));
            recipient.seen.iter().map(|seen| seen.domain.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(seen(b"example.com."), ["example.com"]);
        assert_eq!(seen(b"[smarthost.example.net]:587"), ["example.com"]);
        assert_eq!(seen(b"mx.example.net"), ["example.com", "mx.example.net"]);
        assert_eq!(
            seen("fa\u{df}.example".as_bytes()),
            ["example.com", "fass.example", "xn--fa-hia.example"]
        );
    }

    #[test]
    fn the_null_sender_has_no_domain_and_a_convoluted_one_is_not_trusted() {
        assert_eq!(Sender::new(b"<>", Some(b"")).seen(), []);
        assert_eq!(
            Sender::new(b"<a@B.test>", Some(b"a@B.test")).domain().map(DomainName::as_str),
            Some("b.test")
        );
        let convoluted = Sender::new(b"<a%b.test@c.test>", None);
        assert_eq!(convoluted.domain(), None);
        assert!(convoluted.seen().iter().any(|seen| seen.domain.as_str() == "b.test"));
    }
}
