//! What others wrote, for pages: mail can fill nearly every field that they show.

use askama::filters::HtmlSafe;
use pages::text::visible;
use std::fmt;

/// How many characters are shown of a text.
const MOST: usize = 300;

/// A text from outside: a server's name, a sender, a reason, an account's name. On a page it stands
/// in an element of its own, so that it turns the direction of nothing around it, and characters that
/// cannot be seen are written out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown(String);

impl Shown {
    /// Makes it fit to be seen.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut shown = visible(&text.chars().take(MOST + 1).collect::<String>());
        if shown.chars().count() > MOST {
            shown = shown.chars().take(MOST).chain(['…']).collect();
        }
        Self(shown)
    }

    /// As plain text, for a sentence, a title or an attribute; to be escaped there. Where it could
    /// turn the direction of what is around it, it is isolated (UAX 9, section 2.4.1).
    #[must_use]
    pub fn plain(&self) -> String {
        if self.0.chars().any(is_from_right) {
            format!("\u{2068}{}\u{2069}", self.0)
        } else {
            self.0.clone()
        }
    }

    /// As plain text for the value of a field that is sent back.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a character is of a script that is written from right to left (UAX 9, table 4: R and AL).
fn is_from_right(c: char) -> bool {
    matches!(c,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<bdi>")?;
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&#60;")?,
                '>' => f.write_str("&#62;")?,
                '&' => f.write_str("&#38;")?,
                '"' => f.write_str("&#34;")?,
                '\'' => f.write_str("&#39;")?,
                c => fmt::Write::write_char(f, c)?,
            }
        }
        f.write_str("</bdi>")
    }
}

/// It is escaped where it is written, above.
impl HtmlSafe for Shown {}

impl askama::FastWritable for Shown {
    fn write_into(&self, out: &mut dyn fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        write!(out, "{self}").map_err(Into::into)
    }
}

impl<T: AsRef<str>> From<T> for Shown {
    fn from(text: T) -> Self {
        Self::new(text.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_escaped_isolated_and_seen_whole() {
        for (text, shown) in [
            ("mx.example", "<bdi>mx.example</bdi>"),
            ("<script>", "<bdi>&#60;script&#62;</bdi>"),
            ("\" onload='x' &", "<bdi>&#34; onload=&#39;x&#39; &#38;</bdi>"),
            ("a\u{202e}b\u{2066}", "<bdi>a[U+202E]b[U+2066]</bdi>"),
            ("a\0\n\u{1b}[2J\u{85}", "<bdi>a[U+0000][U+000A][U+001B][2J[U+0085]</bdi>"),
            ("pay\u{200b}pal\u{feff}", "<bdi>pay[U+200B]pal[U+FEFF]</bdi>"),
            ("\u{e0041}", "<bdi>[U+E0041]</bdi>"),
            ("Zürich משרד", "<bdi>Zürich משרד</bdi>"),
        ] {
            assert_eq!(Shown::new(text).to_string(), shown);
        }
        assert_eq!(Shown::new(&"x".repeat(9_000)).value().chars().count(), MOST + 1);
    }

    #[test]
    fn in_a_sentence_a_text_turns_nothing_around_it() {
        assert_eq!(Shown::new("mx.example").plain(), "mx.example");
        assert_eq!(Shown::new("משרד").plain(), "\u{2068}משרד\u{2069}");
    }
}
