//! A digest as a mail: text and HTML, whole with its headers. It is the caller who sends it.

use super::words::{Count, Words, reason};
use crate::hops::{self, Reader};
use crate::letter::letter;
use crate::readiness;
use crate::text::{self, few, number};
use askama::Template;
use ledger::digest::{Digest, HopNews, PeerNews};
use ledger::handshakes::HandshakeFault;
use ledger::readiness::Readiness;
use ledger::report::date_text;
use ledger::{NULL_SENDER, RecordedReason};
use lettre::Message;
use lettre::address::AddressError;
use lettre::message::header::ContentType;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart};
use policy::Language;

/// The most peers of a kind that are named: mail servers refuse a mail that is too large.
const MOST_PEERS: usize = 100;

#[derive(Template)]
#[template(path = "digest/mail.txt", escape = "none")]
struct Text<'d> {
    words: &'static Words,
    intro: String,
    /// What to tell the postmasters; empty where there is nobody to be told.
    advice: String,
    sections: &'d [Section],
    hops: &'d [HopLine],
    hops_hint: String,
    ready: &'d [ReadyLine],
    ready_hint: String,
}

#[derive(Template)]
#[template(path = "digest/mail.html")]
struct Html<'d> {
    words: &'static Words,
    subject: &'d str,
    entry: &'d str,
    intro: String,
    advice: String,
    sections: &'d [Section],
    hops: &'d [HopLine],
    ready: &'d [ReadyLine],
}

/// A domain that can be enforced.
struct ReadyLine {
    domain: String,
    /// What that rests on.
    because: String,
    because_text: String,
}

/// How mail left, where that was not as it should be.
struct HopLine {
    what: String,
    what_text: String,
    /// What to do about it; empty for nothing.
    advice: String,
    advice_text: String,
}

/// Peers of a kind.
struct Section {
    title: &'static str,
    hint: String,
    hint_text: String,
    peers: Vec<PeerLine>,
    /// How many more there are; empty where all are named.
    more: String,
    /// How much there is of others that the ledger does not tell apart; empty for none.
    others: String,
    others_text: String,
}

struct PeerLine {
    name: String,
    address: String,
    facts: Vec<Fact>,
    resolved: bool,
}

/// What is told of a peer.
struct Fact {
    name: &'static str,
    value: String,
}

impl Fact {
    /// Both as an item of a list.
    fn line(&self) -> String {
        hanging(&format!("{}: {}", self.name, self.value))
    }
}

/// Why there is no mail of a digest.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The contact's address is not one that mail can be sent to.
    #[error(transparent)]
    Contact(#[from] AddressError),
    /// A template cannot be filled in.
    #[error(transparent)]
    Template(#[from] askama::Error),
    /// The system has no random numbers for the Message-ID.
    #[error(transparent)]
    Random(#[from] getrandom::Error),
    /// The parts make no mail.
    #[error(transparent)]
    Mail(#[from] lettre::error::Error),
}

/// Makes the mail of a digest, from this address.
///
/// # Errors
///
/// See [`MailError`].
pub fn message(digest: &Digest, from: &Mailbox) -> Result<Message, MailError> {
    let words = Words::of(digest.language);
    let would_refuse_hint = words.would_refuse_hint(digest.enforce_from);
    let mut sections = vec![
        section(digest, words.refused, words.refused_hint, true),
        section(digest, words.would_refuse, &would_refuse_hint, false),
    ];
    sections.retain(|section| !section.peers.is_empty() || !section.others.is_empty());
    let subject = words.subject(digest, count(digest, true), count(digest, false));
    let intro = match () {
        () if !sections.is_empty() => words.intro,
        () if !digest.hops.is_empty() => words.hops_intro,
        () => words.ready_intro,
    };
    let intro = intro.replace("{}", &digest.entry);
    let advice = advice(digest, words);
    let hops: Vec<_> = digest.hops.iter().take(MOST_PEERS).map(|news| hop(news, digest)).collect();
    let ready: Vec<_> =
        digest.ready.iter().take(MOST_PEERS).map(|one| ready(one, digest.language)).collect();
    let text = Text {
        words,
        intro: wrapped(&intro),
        advice: wrapped(&advice),
        sections: &sections,
        hops: &hops,
        hops_hint: wrapped(words.hops_hint),
        ready: &ready,
        ready_hint: wrapped(words.ready_hint),
    };
    let html = Html {
        words,
        subject: &subject,
        entry: &digest.entry,
        intro,
        advice,
        sections: &sections,
        hops: &hops,
        ready: &ready,
    };
    let parts = MultiPart::alternative_plain_html(text.render()?, html.render()?);
    let letters = letters(digest);
    let parts = match letters.is_empty() {
        true => parts,
        false => {
            let mixed = MultiPart::mixed().multipart(parts);
            letters.into_iter().fold(mixed, |mixed, (name, text)| {
                mixed.singlepart(Attachment::new(name).body(text, ContentType::TEXT_PLAIN))
            })
        }
    };
    let domain = from.email.domain();
    Ok(Message::builder()
        .from(from.clone())
        .to(digest.contact.parse()?)
        .subject(&*subject)
        .date_now()
        .message_id(Some(format!("<{}@{domain}>", unique()?)))
        .raw_header(header("Auto-Submitted", "auto-generated".into()))
        .raw_header(header(
            "List-Id",
            format!("<digest.{}.mandatory-tls.{domain}>", list(&digest.entry)),
        ))
        .raw_header(header("X-Auto-Response-Suppress", "All".into()))
        .raw_header(header("Content-Language", words.tag.into()))
        .multipart(parts)?)
}

/// The most letters that go with a mail.
const MOST_LETTERS: usize = 10;

/// A letter to the postmaster of each server that has not come with TLS since, as a file: its name and text.
fn letters(digest: &Digest) -> Vec<(String, String)> {
    let is_open = |news: &&PeerNews| !news.resolved && !news.told && !news.is_others();
    let open = digest.peers.iter().filter(is_open);
    let letters = open.filter_map(|news| {
        let letter = letter(&news.into(), digest.enforce_from, digest.language, Reader::Contact);
        let text = letter.text(digest.language).filter(|_| !letter.to.is_empty())?;
        // The name of a file has nothing of what somebody else might play with.
        let place = if news.host.is_empty() { &news.client } else { &news.host };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        let place: String = place.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
        let words = Words::of(digest.language);
        Some((
            format!("{}-{place}.txt", words.letter),
            format!("{}\n\n{text}", letter.to.join(", ")),
        ))
    });
    letters.take(MOST_LETTERS).collect()
}

/// What to tell postmasters of servers that have no remedy of their own; empty where all have one.
fn advice(digest: &Digest, words: &Words) -> String {
    let with_own = digest.peers.iter().filter(|news| !news.faults.is_empty()).count();
    match with_own {
        0 if !digest.peers.is_empty() => words.advice_text.to_owned(),
        own if own < digest.peers.len() => format!("{}{}", words.advice_else, words.advice_text),
        _ => String::new(),
    }
}

fn hop(news: &HopNews, digest: &Digest) -> HopLine {
    let language = digest.language;
    let what = hops::exception(&news.exception, language, number);
    // An entry may be of many domains.
    let what = if news.domain == digest.entry { what } else { format!("{}: {what}", news.domain) };
    let advice = hops::advice(&news.exception, language, Reader::Contact).unwrap_or_default();
    HopLine { what_text: hanging(&what), what, advice_text: hanging(&advice), advice }
}

fn ready(one: &Readiness, language: Language) -> ReadyLine {
    let because = readiness::because(one, language, number).join(" ");
    ReadyLine { domain: one.domain.clone(), because_text: hanging(&because), because }
}

/// The peers of a digest that were refused, or those that would be.
fn of_kind(digest: &Digest, refused: bool) -> impl Iterator<Item = &PeerNews> {
    digest.peers.iter().filter(move |news| news.refused == refused)
}

/// Of these, the ones that the ledger tells apart.
fn named(digest: &Digest, refused: bool) -> impl Iterator<Item = &PeerNews> {
    of_kind(digest, refused).filter(|news| !news.is_others())
}

fn count(digest: &Digest, refused: bool) -> Count {
    Count {
        named: named(digest, refused).count(),
        others: of_kind(digest, refused).any(PeerNews::is_others),
    }
}

fn section(digest: &Digest, title: &'static str, hint: &str, refused: bool) -> Section {
    let words = Words::of(digest.language);
    let others = of_kind(digest, refused).find(|news| news.is_others());
    let others = others.map(|news| words.others.replace("{count}", &number(news.count)));
    let others = others.unwrap_or_default();
    let more = named(digest, refused).count().saturating_sub(MOST_PEERS);
    Section {
        title,
        hint: hint.into(),
        hint_text: wrapped(hint),
        peers: named(digest, refused).take(MOST_PEERS).map(|news| peer(news, digest)).collect(),
        more: words.more(more),
        others_text: wrapped(&others),
        others,
    }
}

/// An entry as part of a List-Id (RFC 2919), which has the form of a domain.
fn list(entry: &str) -> String {
    entry.replace("*.", "all.").replace('*', "all")
}

fn header(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

/// What no other Message-ID has.
fn unique() -> Result<String, getrandom::Error> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets)?;
    Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}

fn peer(news: &PeerNews, digest: &Digest) -> PeerLine {
    let words = Words::of(digest.language);
    let senders: Vec<String> = news
        .senders
        .iter()
        .map(|sender| if sender == NULL_SENDER { words.nobody.into() } else { sender.clone() })
        .collect();
    let reasons: Vec<_> =
        news.reasons.iter().map(|recorded| reason(recorded, digest.language)).collect();
    let named = !news.host.is_empty();
    let mut facts = vec![Fact { name: words.reason, value: reasons.join(", ") }];
    facts.extend(news.sessions.iter().map(|(version, cipher)| Fact {
        name: words.session,
        // Some MTAs say no version.
        value: if version == "not-said" { cipher.clone() } else { format!("{version}, {cipher}") },
    }));
    if !news.faults.is_empty() {
        let joined = |text: fn(HandshakeFault, &Digest) -> &'static str, between: &str| {
            news.faults.iter().map(|one| text(*one, digest)).collect::<Vec<_>>().join(between)
        };
        let why = joined(|one, digest| hops::fault(one, digest.language), ", ");
        let remedies =
            joined(|one, digest| hops::remedy(one, digest.language, Reader::Contact), " ");
        let is_said = |reason: &RecordedReason| matches!(reason, RecordedReason::TlsFailed(_));
        if !news.reasons.iter().any(is_said) {
            facts.push(Fact { name: words.tls_failed, value: why });
        }
        facts.push(Fact { name: words.what_to_do, value: remedies });
    }
    facts.extend([
        Fact { name: words.senders, value: few(&senders) },
        Fact { name: words.recipients, value: words.recipients(news) },
        Fact { name: words.last, value: date_text(news.last) },
    ]);
    PeerLine {
        name: if named { news.host.clone() } else { news.client.clone() },
        address: if named { news.client.clone() } else { String::new() },
        facts,
        resolved: news.resolved,
    }
}

/// The same as an item of a list: all lines but the first are indented.
fn hanging(text: &str) -> String {
    wrapped(text).replace('\n', "\n  ")
}

/// Broken into lines of at most 76 characters.
fn wrapped(text: &str) -> String {
    text::wrapped(text, 76)
}
