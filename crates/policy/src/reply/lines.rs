//! The lines of a reply: short enough for every MTA, and as SMTP and the milter protocol write them.

use std::fmt::{self, Write};

/// The longest line of a reply, in octets, with code and line end (RFC 5321, section 4.5.3.1.5).
pub(super) const MAX_LINE: usize = 512;
/// `450 4.7.1 ` before each line and CR LF after it.
const LINE_OVERHEAD: usize = 12;
/// Sendmail puts the recipient, of up to 256 octets and 6 more, before the first line.
const RECIPIENT: usize = 262;
/// The longest text of a line.
pub(super) const TEXT_PER_LINE: usize = MAX_LINE - LINE_OVERHEAD;
/// The longest text of the first line.
pub(super) const TEXT_OF_FIRST: usize = TEXT_PER_LINE - RECIPIENT;

/// An SMTP reply to RCPT, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub(super) code: u16,
    pub(super) lines: Vec<String>,
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

/// Octets of a text once each `%` is doubled.
pub(super) fn doubled_len(text: &str) -> usize {
    text.len() + memchr::memchr_iter(b'%', text.as_bytes()).count()
}

/// Whether words follow each other with one blank between, and none before or after.
fn is_evenly_spaced(text: &str) -> bool {
    let is_doubled = memchr::memmem::find(text.as_bytes(), b"  ").is_some();
    !is_doubled && !text.starts_with(' ') && !text.ends_with(' ')
}

/// Breaks a line at blanks so that each part fits once its `%` are doubled, and appends the parts
/// to `lines`.
pub(super) fn fold(line: &str, lines: &mut Vec<String>) {
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
