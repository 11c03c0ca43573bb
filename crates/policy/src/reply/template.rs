//! A reply as the policy describes it: checked once, filled in for each refusal.

use super::lines::{Reply, TEXT_PER_LINE, doubled_len, fold};
use super::placeholder::Placeholder;
use crate::language::Language;

/// The most lines that a template may have.
const MAX_LINES: usize = 10;
/// The longest template, in octets.
const MAX_TEXT: usize = 2000;
/// The longest URL, in octets.
const MAX_URL: usize = 300;
/// The longest value of any other placeholder, in octets; what is longer is cut.
const MAX_VALUE: usize = TEXT_PER_LINE / 2;

/// A reply as the policy describes it; valid by construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTemplate {
    code: u16,
    lines: Vec<Vec<Piece>>,
    url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(Placeholder),
}

/// Why a reply cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// A code that does not refuse just one recipient.
    #[error(
        "a refused recipient is answered with a code from 450 to 459 or 550 to 559: 450 keeps the \
         message in the sender's queue, 550 returns it at once"
    )]
    Code,
    /// A character that an SMTP reply cannot hold.
    #[error("`{}` cannot stand in an SMTP reply, which is plain ASCII", .0.escape_debug())]
    Character(char),
    /// `{` without `}`, or the other way round.
    #[error("a `{{` or `}}` stands alone; placeholders are written as in `{{domain}}`")]
    Brace,
    /// A placeholder that does not exist.
    #[error("there is no placeholder `{{{0}}}`; there are {list}", list = placeholders())]
    Placeholder(String),
    /// Nothing in the text.
    #[error("the text is empty")]
    Empty,
    /// An empty line in the text, which some clients take for the end.
    #[error("the text has an empty line")]
    EmptyLine,
    /// Too many lines or octets.
    #[error("the text is too long: at most {MAX_LINES} lines and {MAX_TEXT} characters")]
    TooLong,
    /// A word that does not fit into a line.
    #[error("the text has a word of over {TEXT_PER_LINE} characters, more than a line holds")]
    LongWord,
    /// `{url}` in the text, and no URL.
    #[error("the text has `{{url}}`, but no `url` is given")]
    NoUrl,
    /// Something that a reader could not open as a link.
    #[error(
        "a URL starts with https://, http:// or mailto: and has at most {MAX_URL} characters, without blanks"
    )]
    Url,
}

fn placeholders() -> String {
    Placeholder::NAMES.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ")
}

/// Whether a code refuses one recipient and nothing else: 45x or 55x (RFC 5321, section 4.2.1).
/// 421 would end the session, and with it the mail of others.
#[must_use]
pub fn is_refusal(code: u16) -> bool {
    matches!(code / 10, 45 | 55)
}

/// Checks a URL for a reply.
///
/// # Errors
///
/// [`ReplyError::Url`], or [`ReplyError::Character`] for what is not printable ASCII.
pub fn check_url(url: &str) -> Result<(), ReplyError> {
    if let Some(odd) = url.chars().find(|c| !c.is_ascii_graphic()) {
        return Err(if odd == ' ' { ReplyError::Url } else { ReplyError::Character(odd) });
    }
    let known = ["https://", "http://", "mailto:"].iter().any(|scheme| url.starts_with(scheme));
    if known && url.len() <= MAX_URL { Ok(()) } else { Err(ReplyError::Url) }
}

impl ReplyTemplate {
    /// Whether a sender is told not to try again (5xx).
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.code >= 500
    }

    /// Makes a template of a code, a text of one or several lines, and a URL.
    ///
    /// Where a URL is given and the text does not say `{url}`, it is put at the end.
    ///
    /// # Errors
    ///
    /// When a reply made from it could be malformed; see [`ReplyError`].
    pub fn new(code: u16, text: &str, url: Option<&str>) -> Result<Self, ReplyError> {
        if !is_refusal(code) {
            return Err(ReplyError::Code);
        }
        if let Some(url) = url {
            check_url(url)?;
        }
        let text = text.trim_end_matches('\n');
        if text.trim().is_empty() {
            return Err(ReplyError::Empty);
        }
        if text.len() > MAX_TEXT || text.lines().count() > MAX_LINES {
            return Err(ReplyError::TooLong);
        }
        let mut lines = text.lines().map(parse_line).collect::<Result<Vec<_>, _>>()?;
        let mentions_url =
            lines.iter().flatten().any(|piece| *piece == Piece::Placeholder(Placeholder::Url));
        match (url, lines.last_mut()) {
            (Some(_), Some(last)) if !mentions_url => {
                last.extend([Piece::Text(" ".into()), Piece::Placeholder(Placeholder::Url)]);
            }
            (None, _) if mentions_url && !is_default(text) => return Err(ReplyError::NoUrl),
            _ => {}
        }
        Ok(Self { code, lines, url: url.map(str::to_owned) })
    }

    /// The SMTP code.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The URL, where one is given.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// Fills the template in. `value` gives the value of a placeholder; that of `{url}` is
    /// [`Self::url`].
    pub fn fill<V: AsRef<str>>(&self, value: impl Fn(Placeholder) -> V) -> Reply {
        let mut lines = Vec::with_capacity(1);
        let mut line = String::with_capacity(TEXT_PER_LINE / 2);
        for pieces in &self.lines {
            line.clear();
            for piece in pieces {
                match piece {
                    Piece::Text(text) => line.push_str(text),
                    Piece::Placeholder(one) => {
                        let longest = if *one == Placeholder::Url { MAX_URL } else { MAX_VALUE };
                        push_printable(&mut line, value(*one).as_ref(), longest);
                    }
                }
            }
            fold(&line, &mut lines);
        }
        Reply { code: self.code, lines }
    }
}

/// The built-in texts name the URL if there is one.
fn is_default(text: &str) -> bool {
    Language::TEXTS.contains(&text)
}

fn parse_line(line: &str) -> Result<Vec<Piece>, ReplyError> {
    if let Some(odd) = line.chars().find(|c| !(c.is_ascii_graphic() || *c == ' ')) {
        return Err(ReplyError::Character(odd));
    }
    if line.trim().is_empty() {
        return Err(ReplyError::EmptyLine);
    }
    if line.split(' ').any(|word| doubled_len(word) > TEXT_PER_LINE) {
        return Err(ReplyError::LongWord);
    }
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some((text, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or(ReplyError::Brace)?;
        let placeholder = name.parse().map_err(|_| ReplyError::Placeholder(name.to_owned()))?;
        pieces.extend([literal(text)?, Piece::Placeholder(placeholder)]);
        rest = after;
    }
    pieces.push(literal(rest)?);
    Ok(pieces)
}

fn literal(text: &str) -> Result<Piece, ReplyError> {
    if text.contains('}') { Err(ReplyError::Brace) } else { Ok(Piece::Text(text.to_owned())) }
}

/// Appends a value: whatever it is, it stays printable ASCII and short enough for a line.
fn push_printable(line: &mut String, value: &str, longest: usize) {
    if value.len() <= longest && value.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return line.push_str(value);
    }
    let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    line.extend(value.chars().map(printable).take(longest));
}
