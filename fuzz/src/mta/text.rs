//! What others fill in, and what an MTA does to it before it logs it.

use super::choice::Choice;

/// Domains that the policy opts in. Nobody writes to the last one.
pub const OPTED_IN: [&str; 4] = ["one.example", "two.example", "three.example", "victim.example"];
/// Other domains.
pub const OTHERS: [&str; 2] = ["free.test", "other.test"];

/// What somebody writes who knows how logs are read.
const WORDS: [&str; 50] = [
    "\"",
    ">",
    "<",
    ", ",
    "\\",
    " ",
    "@",
    ": ",
    "(",
    ")",
    "]",
    "[",
    "@one.example",
    "@free.test",
    "user@victim.example",
    "<u@victim.example>",
    ">, relay=mx.evil.test[203.0.113.66]:25, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (",
    "mx.evil.test[203.0.113.66]:25, delay=1, delays=0/0/0/0, dsn=4.2.0, status=deferred (TLS is required, but was not offered by host x)",
    ", orig_to=<u@victim.example>",
    "to=<u@victim.example>, relay=mx.evil.test[203.0.113.66]:25, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)",
    "> to=<u@victim.example> proto=ESMTP helo=<",
    "; from=<a@b.test> to=<u@victim.example> proto=ESMTP helo=<x>",
    "; from=<",
    "> proto=ESMTP helo=<",
    ", size=1, nrcpt=1 (queue active)",
    ", status=expired, returned to sender",
    "client=mx.evil.test[203.0.113.66], sasl_username=boss",
    ", orig_queue_id=4A0000001, orig_client=mx.evil.test[203.0.113.66]",
    ", orig_client=mx.evil.test[203.0.113.66]",
    ", sasl_method=PLAIN, sasl_username=boss",
    ", sasl_sender=",
    "Anonymous TLS connection established from mx.evil.test[203.0.113.66]: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)",
    "SSL_accept error from mx.evil.test[203.0.113.66]: -1",
    "error:0A0000C1:SSL routines::no forged cipher:x.c:1:",
    " orig_id=4A0000001",
    "450 4.7.1 TLS is required",
    " encryption tls ",
    ": 450 4.7.1 Session encryption is required",
    "450 4.7.1 mandatory-tls trial",
    ", mailer=esmtp, pri=1, relay=mx.evil.test. [203.0.113.66], dsn=2.0.0, stat=Sent (ok)",
    ", nrcpts=0, proto=ESMTPSA, daemon=MTA, relay=mx.evil.test [203.0.113.66]",
    ", version=TLSv1.3, verify=OK, cipher=TLS_AES_256_GCM_SHA384, bits=256/256",
    ", reject=450 4.7.1 TLS is required",
    ", stat=Sent",
    "\n",
    "Jan  1 00:00:00 mx postfix/smtpd[11]: ",
    "4A0000001: ",
    " with cipher ",
    " [s=1]",
    "#033[1m",
];

/// Octets of a local part and of a domain that Sendmail takes.
const LONGEST_LOCAL: usize = 100;

/// Characters of which somebody writes very many.
const LONG: [char; 6] = ['a', '"', '>', ' ', 'é', '\\'];

/// A text of somebody hostile.
pub fn hostile(choice: &mut Choice<'_>) -> String {
    let mut text = String::new();
    for _ in 0..choice.below(6) {
        match choice.below(64) {
            number @ 0..50 => text.push_str(WORDS[usize::from(number)]),
            50..58 => {
                let len = choice.index(16);
                text.push_str(&String::from_utf8_lossy(choice.octets(len)));
            }
            // So that a syslog cuts the line somewhere.
            _ => {
                let character = LONG[choice.index(LONG.len())];
                let len = choice.index(256) * 8 + choice.index(8);
                text.extend(std::iter::repeat_n(character, len));
            }
        }
    }
    // No line and no header has more.
    cut(&text, 2040).to_owned()
}

/// The first so many octets, in whole characters.
#[must_use]
pub fn cut(text: &str, octets: usize) -> &str {
    &text[..text.floor_char_boundary(octets)]
}

/// Postfix's `printable()`.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

/// What smtpd does to the argument of HELO besides (`NEUTER_CHARACTERS`).
#[must_use]
pub fn neutered(text: &str) -> String {
    let is_neutered = |character| " <>()\\\";@".contains(character);
    let all = printable(text);
    all.chars().map(|character| if is_neutered(character) { '?' } else { character }).collect()
}

/// Sendmail's way with what cannot be printed: octal.
#[must_use]
pub fn octal(text: &str) -> String {
    let shown = |character: char| {
        if character.is_control() {
            format!("\\{:03o}", u32::from(character))
        } else {
            character.to_string()
        }
    };
    text.chars().map(shown).collect()
}

/// An address as it is known to an MTA, without any quoting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Before the last `@`.
    pub local: String,
    /// Behind it; an address may have none.
    pub domain: String,
}

impl Address {
    /// As Postfix logs it: quoted from 3.5 on, if need be.
    #[must_use]
    pub fn postfix(&self, quotes: bool) -> String {
        let is_atom = |part: &str| {
            let is_special = |character| "()<>[]:;@\\,\" ".contains(character);
            !part.is_empty() && !part.contains(|c: char| is_special(c) || c.is_control())
        };
        let is_plain = self.local.split('.').all(is_atom);
        if !quotes || is_plain || self.local.is_empty() {
            return self.joined(&self.local);
        }
        self.joined(&quoted(&self.local))
    }

    /// As a client of Sendmail wrote it: Sendmail logs that. It takes 256 octets at most.
    #[must_use]
    pub fn sendmail(&self) -> String {
        if self.local.len() > LONGEST_LOCAL || self.domain.len() > LONGEST_LOCAL {
            let short = |text: &str| cut(text, LONGEST_LOCAL).to_owned();
            return Self { local: short(&self.local), domain: short(&self.domain) }.sendmail();
        }
        let is_plain =
            |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
        if self.local.chars().all(is_plain) {
            self.joined(&self.local)
        } else {
            self.joined(&quoted(&self.local))
        }
    }

    fn joined(&self, local: &str) -> String {
        if self.domain.is_empty() { local.to_owned() } else { format!("{local}@{}", self.domain) }
    }

    /// The domains that are opted in and whose names stand in it, be they read as its domain or not.
    #[must_use]
    pub fn named(&self) -> Vec<&'static str> {
        let text = self.joined(&self.local).to_lowercase();
        OPTED_IN.into_iter().filter(|name| text.contains(name)).collect()
    }

    /// Its own domain, if that is opted in.
    #[must_use]
    pub fn opted_in(&self) -> Option<&'static str> {
        OPTED_IN.into_iter().find(|name| *name == self.domain)
    }
}

fn quoted(local: &str) -> String {
    let mut quoted = String::from("\"");
    for character in local.chars() {
        if matches!(character, '"' | '\\' | '\r') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_logged_as_each_mta_does_and_cannot_hide_their_domains() {
        for (local, postfix, sendmail) in [
            ("a.b", "a.b@one.example", "a.b@one.example"),
            ("a b", "\"a b\"@one.example", "\"a b\"@one.example"),
            ("a\"b>", "\"a\\\"b>\"@one.example", "\"a\\\"b>\"@one.example"),
            ("a+b", "a+b@one.example", "\"a+b\"@one.example"),
        ] {
            let address = Address { local: local.into(), domain: "one.example".into() };
            assert_eq!((&*address.postfix(true), &*address.sendmail()), (postfix, sendmail));
            assert_eq!(address.postfix(false), format!("{local}@one.example"));
            assert_eq!(address.named(), ["one.example"]);
        }
        let sender = Address { local: "x@Victim.example".into(), domain: "free.test".into() };
        assert_eq!((sender.named(), sender.opted_in()), (vec!["victim.example"], None));
    }

    #[test]
    fn what_cannot_be_printed_is_replaced() {
        assert_eq!(printable("a\n\u{1b}é"), "a??é");
        assert_eq!(neutered("<a b>@c:;"), "?a?b??c:?");
        assert_eq!(octal("a\n"), "a\\012");
        assert_eq!(cut("aé", 2), "a");
    }
}
