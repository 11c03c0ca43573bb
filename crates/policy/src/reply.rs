//! The SMTP answer to a refused RCPT: from a template in the policy to lines on the wire.
//!
//! A malformed reply makes Postfix answer 451 to all that follows and Sendmail refuse for good,
//! so what a template may hold is checked when the policy loads, and what is filled in cannot
//! break it: values are printable ASCII, long lines are folded, `%` is doubled for the MTA.

use super::language::Language;
use std::fmt::{self, Write};

/// The longest line of a reply, in octets, with code and line end (RFC 5321, section 4.5.3.1.5).
const MAX_LINE: usize = 512;
/// `450 4.7.1 ` before each line and CR LF after it.
const LINE_OVERHEAD: usize = 12;
/// Sendmail puts the recipient, of up to 256 octets and 6 more, before the first line.
const RECIPIENT: usize = 262;
/// The longest text of a line.
const TEXT_PER_LINE: usize = MAX_LINE - LINE_OVERHEAD;
/// The longest text of the first line.
const TEXT_OF_FIRST: usize = TEXT_PER_LINE - RECIPIENT;
/// The most lines that a template may have.
const MAX_LINES: usize = 10;
/// The longest template, in octets.
const MAX_TEXT: usize = 2000;
/// The longest URL, in octets.
const MAX_URL: usize = 300;

/// What a text may hold in braces.
pub const PLACEHOLDERS: [&str; 7] =
    ["domain", "reason", "remedy", "url", "client", "tls_version", "cipher"];

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
    Placeholder(&'static str),
}

/// Why a reply cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// A code that is no refusal of one recipient.
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
    /// Not an address that a reader could open.
    #[error(
        "a URL starts with https://, http:// or mailto: and has at most {MAX_URL} characters, without blanks"
    )]
    Url,
}

fn placeholders() -> String {
    PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(", ")
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
        let mentions_url = lines.iter().flatten().any(|piece| *piece == Piece::Placeholder("url"));
        match (url, lines.last_mut()) {
            (Some(_), Some(last)) if !mentions_url => {
                last.extend([Piece::Text(" ".into()), Piece::Placeholder("url")]);
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

    /// Fills the template in. `value` gives the value of a placeholder (`url` is known here).
    pub fn fill<V: AsRef<str>>(&self, value: impl Fn(&'static str) -> V) -> Reply {
        let mut lines = Vec::with_capacity(1);
        let mut line = String::with_capacity(TEXT_PER_LINE / 2);
        for pieces in &self.lines {
            line.clear();
            for piece in pieces {
                match piece {
                    Piece::Text(text) => line.push_str(text),
                    Piece::Placeholder("url") => line.push_str(self.url().unwrap_or_default()),
                    Piece::Placeholder(name) => push_printable(&mut line, value(name).as_ref()),
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
        let known = PLACEHOLDERS
            .into_iter()
            .find(|known| *known == name)
            .ok_or_else(|| ReplyError::Placeholder(name.to_owned()))?;
        pieces.extend([literal(text)?, Piece::Placeholder(known)]);
        rest = after;
    }
    pieces.push(literal(rest)?);
    Ok(pieces)
}

fn literal(text: &str) -> Result<Piece, ReplyError> {
    if text.contains('}') { Err(ReplyError::Brace) } else { Ok(Piece::Text(text.to_owned())) }
}

/// Appends a value: whatever it is, it stays printable ASCII and short enough for a line.
fn push_printable(line: &mut String, value: &str) {
    const MOST: usize = TEXT_PER_LINE / 2;
    if value.len() <= MOST && value.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return line.push_str(value);
    }
    let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    line.extend(value.chars().map(printable).take(MOST));
}

/// Octets of a text once each `%` is doubled.
fn doubled_len(text: &str) -> usize {
    text.len() + memchr::memchr_iter(b'%', text.as_bytes()).count()
}

/// Whether words follow each other with one blank between, and none before or after.
fn is_evenly_spaced(text: &str) -> bool {
    let is_doubled = memchr::memmem::find(text.as_bytes(), b"  ").is_some();
    !is_doubled && !text.starts_with(' ') && !text.ends_with(' ')
}

/// Breaks a line at blanks so that each part fits once its `%` are doubled, and appends the parts
/// to `lines`.
fn fold(line: &str, lines: &mut Vec<String>) {
    let line = line.trim_end_matches(' ');
    let room = if lines.is_empty() { TEXT_OF_FIRST } else { TEXT_PER_LINE };
    // Nearly every line fits as it is.
    if doubled_len(line) <= room && is_evenly_spaced(line) {
        return lines.push(line.to_owned());
    }
    let mut part = String::with_capacity(line.len());
    let mut used = 0;
    let words = line.split(' ').filter(|word| !word.is_empty());
    for word in words.flat_map(chop) {
        let length = doubled_len(word);
        let room = if lines.is_empty() { TEXT_OF_FIRST } else { TEXT_PER_LINE };
        if used > 0 && used + 1 + length > room {
            lines.push(std::mem::take(&mut part));
            used = 0;
        }
        if used > 0 {
            part.push(' ');
            used += 1;
        }
        part.push_str(word);
        used += length;
    }
    lines.push(part);
}

/// A word that is longer than a line (made of placeholders without blanks), in pieces.
fn chop(word: &str) -> impl Iterator<Item = &str> {
    let long = doubled_len(word) > TEXT_PER_LINE;
    let size = if long { TEXT_PER_LINE / 2 } else { word.len() };
    let mut rest = word;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at_checked(size).unwrap_or((rest, ""));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// An SMTP reply to RCPT, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    /// The reply as the milter protocol takes it: lines joined by CR LF, `%` doubled, because
    /// Postfix and Sendmail take the text for a format.
    #[must_use]
    pub fn to_milter(&self) -> String {
        let length: usize = self.lines.iter().map(|line| LINE_OVERHEAD + doubled_len(line)).sum();
        let mut wire = String::with_capacity(length);
        for (number, line) in self.lines.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = write!(wire, "{}", self.start(number));
            for (number, part) in line.split('%').enumerate() {
                wire.push_str(if number > 0 { "%%" } else { "" });
                wire.push_str(part);
            }
            wire.push_str(if self.is_last(number) { "" } else { "\r\n" });
        }
        wire
    }

    fn is_last(&self, number: usize) -> bool {
        number + 1 == self.lines.len()
    }

    /// What stands before a line: code, separator, and enhanced status code (RFC 3463): delivery
    /// not authorised, in the class of the code.
    fn start(&self, number: usize) -> impl fmt::Display {
        struct Start(u16, char);
        impl fmt::Display for Start {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}{}.7.1 ", self.0, self.1, self.0 / 100)
            }
        }
        Start(self.code, if self.is_last(number) { ' ' } else { '-' })
    }
}

/// The reply as the SMTP client sees it, lines joined by a line feed.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, line) in self.lines.iter().enumerate() {
            let end = if self.is_last(number) { "" } else { "\n" };
            write!(f, "{}{line}{end}", self.start(number))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = Language::English.text_for_recipient();

    fn fill(text: &str, value: &str) -> Reply {
        ReplyTemplate::new(450, text, None).unwrap().fill(|_| value.to_owned())
    }

    #[test]
    fn a_reply_says_what_its_template_says() {
        let template = ReplyTemplate::new(450, TEXT, Some("https://example.org/tls")).unwrap();
        let reply = template.fill(|name| format!("<{name}>"));
        assert_eq!(
            reply.to_string(),
            "450 4.7.1 Mail for <domain> is accepted only over an adequately encrypted connection: \
             <reason>. <remedy> https://example.org/tls"
        );
        assert_eq!(fill("a\nb", "").to_string(), "450-4.7.1 a\n450 4.7.1 b");
        let hard = ReplyTemplate::new(550, "No.", None).unwrap().fill(|_| String::new());
        assert_eq!(hard.to_string(), "550 5.7.1 No.");
    }

    #[test]
    fn the_url_comes_last_where_the_text_does_not_place_it() {
        let template = ReplyTemplate::new(450, "No TLS.", Some("https://a.test")).unwrap();
        assert_eq!(
            template.fill(|_| String::new()).to_string(),
            "450 4.7.1 No TLS. https://a.test"
        );
    }

    #[test]
    fn a_percent_sign_reaches_the_mta_doubled() {
        assert_eq!(fill("100% {domain}", "50%s").to_milter(), "450 4.7.1 100%% 50%%s");
    }

    #[test]
    fn the_first_line_leaves_room_for_the_recipient_that_sendmail_puts_before_it() {
        let domain = format!("{}.example", "a.".repeat(100));
        let wire = fill(TEXT, &domain).to_milter();
        let first = wire.split("\r\n").next().unwrap();
        assert!(first.len() + 262 + 2 <= MAX_LINE, "{} octets", first.len());
        assert!(fill(TEXT, "example.com").lines.len() == 1);
    }

    #[test]
    fn no_value_can_break_a_reply() {
        for value in
            ["\r\n250 ok", "a\0b", "ü", "%", &"%".repeat(3000), &"x".repeat(3000), "\u{1b}[31m"]
        {
            let wire = fill("A {domain} b {reason}{cipher}{client}", value).to_milter();
            for line in wire.split("\r\n") {
                assert!(line.len() + 2 <= MAX_LINE, "{} octets", line.len());
                assert!(line.starts_with("450 4.7.1 ") || line.starts_with("450-4.7.1 "), "{line}");
                assert!(line.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{line:?}");
            }
            assert!(wire.rsplit("\r\n").next().unwrap().starts_with("450 "));
        }
    }

    #[test]
    fn a_line_is_broken_only_where_it_must_be_and_loses_no_word() {
        let check = |words: &str| {
            let reply = fill("{domain}{reason}", words);
            let filled = words.chars().take(TEXT_PER_LINE / 2).collect::<String>().repeat(2);
            let written: Vec<&str> = reply.lines.iter().flat_map(|line| line.split(' ')).collect();
            assert_eq!(written, filled.split_whitespace().collect::<Vec<_>>());
            for (number, line) in reply.lines.iter().enumerate() {
                let room = if number == 0 { TEXT_OF_FIRST } else { TEXT_PER_LINE };
                assert!(doubled_len(line) <= room, "{words}: {line}");
                let next = reply.lines.get(number + 1).and_then(|next| next.split(' ').next());
                let fits = |next| doubled_len(line) + 1 + doubled_len(next) <= room;
                assert!(!next.is_some_and(fits), "{words}: {line}, {next:?}");
            }
        };
        for length in 1..=TEXT_OF_FIRST / 2 {
            let (letters, percents) = ("x".repeat(length), "%".repeat(length));
            check(&format!("{percents} {letters}"));
            check(&format!(" a  b {letters} {percents}  c "));
        }
    }

    #[test]
    fn what_could_be_malformed_is_refused() {
        let error = |code, text: &str, url| ReplyTemplate::new(code, text, url).unwrap_err();
        for code in [0, 200, 250, 354, 400, 421, 449, 460, 500, 521, 560, 600] {
            assert_eq!(error(code, "x", None), ReplyError::Code, "{code}");
        }
        assert_eq!(error(450, "Grüezi", None), ReplyError::Character('ü'));
        assert_eq!(error(450, "a\rb", None), ReplyError::Character('\r'));
        assert_eq!(error(450, "a\tb", None), ReplyError::Character('\t'));
        assert_eq!(error(450, "a {domain", None), ReplyError::Brace);
        assert_eq!(error(450, "a } b", None), ReplyError::Brace);
        assert_eq!(error(450, "a {dommain}", None), ReplyError::Placeholder("dommain".into()));
        assert_eq!(error(450, " \n", None), ReplyError::Empty);
        assert_eq!(error(450, "a\n\nb", None), ReplyError::EmptyLine);
        let (many_lines, long_word) = ("a\n".repeat(11), "a".repeat(600));
        assert_eq!(error(450, &many_lines, None), ReplyError::TooLong);
        assert_eq!(error(450, &long_word, None), ReplyError::LongWord);
        assert_eq!(error(450, "see {url}", None), ReplyError::NoUrl);
        assert_eq!(error(450, "x", Some("example.org")), ReplyError::Url);
        assert_eq!(error(450, "x", Some("https://a b")), ReplyError::Url);
    }
}
