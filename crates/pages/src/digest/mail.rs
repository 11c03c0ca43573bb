//! A digest as a mail: text and HTML, whole with its headers. It is the caller who sends it.

use super::words::{Count, Words, reason};
use crate::text::{few, number};
use askama::Template;
use ledger::NULL_SENDER;
use ledger::digest::{Digest, PeerNews};
use ledger::report::date_text;
use lettre::Message;
use lettre::address::AddressError;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

/// The most peers of a kind that are named: mail servers refuse a mail that is too large.
const MOST_PEERS: usize = 100;

#[derive(Template)]
#[template(path = "digest/mail.txt", escape = "none")]
struct Text<'d> {
    words: &'static Words,
    intro: String,
    advice: String,
    sections: &'d [Section],
}

#[derive(Template)]
#[template(path = "digest/mail.html")]
struct Html<'d> {
    words: &'static Words,
    subject: &'d str,
    entry: &'d str,
    intro: String,
    sections: &'d [Section],
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
    let subject = words.subject(&digest.entry, count(digest, true), count(digest, false));
    let intro = words.intro.replace("{}", &digest.entry);
    let advice = wrapped(words.advice_text);
    let text = Text { words, intro: wrapped(&intro), advice, sections: &sections };
    let html = Html { words, subject: &subject, entry: &digest.entry, intro, sections: &sections };
    let parts = MultiPart::alternative_plain_html(text.render()?, html.render()?);
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

/// Broken into lines of at most 76 characters.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 76;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        if let Some(line) = lines.last_mut() {
            if line.is_empty() || line.chars().count() + 1 + word.chars().count() <= WIDTH {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            } else {
                lines.push(word.to_owned());
            }
        }
    }
    lines.join("\n")
}
