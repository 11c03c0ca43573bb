//! Names from outside, made safe to show.

use std::fmt;

/// A name from outside, fit for a log line, an SMTP reply and a table.
///
/// Letters, digits and `-_.:/+()` stand for themselves, every other octet as `\xNN`; what is
/// longer than 64 characters then ends in `...`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SafeName(Box<str>);

impl SafeName {
    const LONGEST: usize = 64;

    /// Escapes and truncates a name.
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        use fmt::Write as _;

        const ELLIPSIS: &str = "...";
        let mut text = String::with_capacity(Self::LONGEST);
        // The length after which no more than the ellipsis fits.
        let mut keep = 0;
        for byte in name {
            if byte.is_ascii_alphanumeric() || b"-_.:/+()".contains(byte) {
                text.push(char::from(*byte));
            } else {
                write!(text, "\\x{byte:02x}").expect("a String takes what is written to it");
            }
            if text.len() > Self::LONGEST {
                text.truncate(keep);
                text.push_str(ELLIPSIS);
                break;
            }
            if text.len() <= Self::LONGEST - ELLIPSIS.len() {
                keep = text.len();
            }
        }
        Self(text.into_boxed_str())
    }

    /// The escaped text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
