//! A letter to the postmaster of servers whose mail is not encrypted as it should be, ready to be forwarded: what
//! the servers did, what is needed, how to test it. Nothing in it is of this gateway alone.
//!
//! Where the fault may be ours, that is said to us first.

mod words;

use crate::hops::{Reader, pick};
use crate::text::{number, visible, wrapped};
use ledger::complaint::{Cause, Complained, Complaint};
use ledger::report::moment_text;
use policy::Language;
use std::collections::BTreeSet;
use words::{did, first_to_us, is_for_postmaster, needed};

/// A letter, and what to know before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// To whom: addresses of postmasters, those who run the servers first; none where nobody is known.
    pub to: Vec<String>,
    /// What we should know or do before it is sent, a sentence or two each.
    pub first: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The text, in lines of at most 72 characters; none where its postmaster cannot mend anything.
    pub body: Option<String>,
}

/// The most servers, domains and addressees that are named.
const MOST_SERVERS: usize = 10;
const MOST: usize = 3;

/// Writes the letter. `from` is the moment from which on such mail is refused, where that is set and to come, in
/// seconds since 1970-01-01; `reader` is who sends it.
#[must_use]
pub fn letter(
    complaint: &Complaint,
    from: Option<i64>,
    language: Language,
    reader: Reader,
) -> Letter {
    let causes = complaint.causes();
    let domain = named(&complaint.domains, language);
    let pick = |words| pick(language, words);
    let subject = pick(["Encryption of your mail to {}", "Verschlüsselung Ihrer E-Mails an {}"]);
    let is_worth = causes.iter().any(|cause| is_for_postmaster(*cause));
    Letter {
        to: to(complaint),
        first: first(complaint, &causes, language, reader),
        subject: subject.replace("{}", &domain),
        body: is_worth.then(|| body(complaint, &causes, (&domain, from), language)),
    }
}

/// What to tell us before.
fn first(
    complaint: &Complaint,
    causes: &BTreeSet<Cause>,
    language: Language,
    reader: Reader,
) -> Vec<String> {
    let mut first: Vec<String> = causes
        .iter()
        .filter_map(|cause| first_to_us(*cause, language, reader))
        .map(str::to_owned)
        .collect();
    if complaint.is_own {
        first.push(pick(language, words::OWN).into());
    }
    if complaint.servers.iter().any(|server| server.client.starts_with("hash:")) {
        first.push(pick(language, words::HASHED).into());
    }
    first
}

/// Postmasters of those who run the servers, and of the senders.
fn to(complaint: &Complaint) -> Vec<String> {
    let run_by = complaint.run_by().into_iter().map(str::to_owned);
    let senders = complaint.senders.iter().cloned();
    let mut to: Vec<String> = Vec::new();
    for domain in run_by.take(MOST).chain(senders.take(MOST)) {
        let address = visible(&format!("postmaster@{domain}"));
        if !to.contains(&address) {
            to.push(address);
        }
    }
    to
}

fn named(domains: &BTreeSet<String>, language: Language) -> String {
    let shown: Vec<String> = domains.iter().take(MOST).map(|name| visible(name)).collect();
    let others =
        if domains.len() > MOST { pick(language, [" and others", " und weitere"]) } else { "" };
    format!("{}{others}", shown.join(", "))
}

fn body(
    complaint: &Complaint,
    causes: &BTreeSet<Cause>,
    (domain, from): (&str, Option<i64>),
    language: Language,
) -> String {
    let words = words::of(language);
    let when = match (from, complaint.refused) {
        (Some(from), _) => words.from.replace("{date}", &moment_text(from)),
        (None, true) => words.refused.to_owned(),
        (None, false) => words.soon.to_owned(),
    };
    let mut parts = vec![
        words.greeting.to_owned(),
        wrapped(&format!("{} {when}", words.intro).replace("{}", domain), WIDTH),
        words.seen.to_owned(),
    ];
    let servers = complaint.servers.iter().take(MOST_SERVERS);
    parts.extend(servers.map(|one| server(one, complaint, language)));
    let more = complaint.servers.len().saturating_sub(MOST_SERVERS) as u64;
    if more > 0 {
        parts.push(words.more.of(more));
    }
    parts.push(words.needed.to_owned());
    let mut advice: Vec<&str> = Vec::new();
    for text in causes.iter().filter_map(|cause| needed(*cause, language)) {
        if !advice.contains(&text) {
            advice.push(text);
        }
    }
    // A setting stands in a line of its own.
    let line =
        |line: &str| if line.starts_with(' ') { line.to_owned() } else { wrapped(line, WIDTH) };
    let lines = |text: &str| text.split('\n').map(line).collect::<Vec<_>>();
    parts.extend(advice.into_iter().map(|text| lines(text).join("\n")));
    parts.push(wrapped(words.exceptions, WIDTH));
    parts.push(words.test.to_owned());
    parts.extend(words.how.iter().map(|text| {
        // A command stands in a line of its own.
        let text = text.replace("{}", complaint.domains.first().map_or("", String::as_str));
        if text.starts_with(' ') { text } else { wrapped(&text, WIDTH) }
    }));
    parts.push(words.closing.to_owned());
    parts.join("\n\n") + "\n"
}

/// The longest line: a mail quotes it unbroken.
const WIDTH: usize = 72;

/// A server, and what it did, as an item.
fn server(server: &Complained, complaint: &Complaint, language: Language) -> String {
    let words = words::of(language);
    let name = match (&*server.host, &*server.client) {
        ("", client) if client.starts_with("hash:") => words.unnamed.to_owned(),
        ("", client) => client.to_owned(),
        (host, client) => format!("{host} [{client}]"),
    };
    let recipients = words.recipients.written(server.recipients, number);
    let attempts = if server.attempts > server.recipients {
        words.attempts.replace("{}", &number(server.attempts))
    } else {
        String::new()
    };
    let (first, last) = (moment(server.first), moment(server.last));
    let times = if first == last {
        words.once.replace("{at}", &first)
    } else {
        words.span.replace("{first}", &first).replace("{last}", &last)
    };
    // Names come from outside.
    let mut lines = vec![visible(&name), format!("{recipients}{attempts}, {times}")];
    if !complaint.senders.is_empty() {
        let senders: Vec<String> = complaint.senders.iter().cloned().collect();
        lines.push(format!("{}: {}", words.senders, visible(&crate::text::few(&senders))));
    }
    lines.extend(server.causes.iter().filter_map(|cause| did(*cause, language)).map(str::to_owned));
    lines.extend(server.sessions.iter().map(|(version, cipher)| match &**version {
        "not-said" => visible(&format!("TLS: {cipher}")),
        version => visible(&format!("TLS: {version}, {cipher}")),
    }));
    let indented = lines.iter().enumerate().map(|(place, line)| {
        let indent = if place == 0 { "  " } else { "    " };
        let text = wrapped(line, WIDTH - indent.len());
        let hanging = text.replace('\n', &format!("\n{indent}  "));
        format!("{indent}{hanging}")
    });
    indented.collect::<Vec<_>>().join("\n")
}

/// A moment to the minute: what finds a line in a log.
fn moment(seconds: i64) -> String {
    moment_text(seconds).trim_end_matches(" UTC").to_owned()
}

impl Letter {
    /// The letter as a text: subject, and what is below it. None where there is nothing to write.
    #[must_use]
    pub fn text(&self, language: Language) -> Option<String> {
        let subject = pick(language, ["Subject", "Betreff"]);
        self.body.as_ref().map(|body| format!("{subject}: {}\n\n{body}", self.subject))
    }
}

#[cfg(test)]
mod tests;
