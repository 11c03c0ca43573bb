//! What `check` and `doctor` find, by words that stay the same, and which of it somebody has accepted.

mod id;

pub use id::FindingId;

use crate::yaml::{Decoder, Node};
use std::{fmt, str::FromStr};
use strum::IntoEnumIterator;

/// A finding that somebody knows of and lives with: `ID`, or `ID:WHAT` for one service or parameter, as in
/// `port-not-asked:589/inet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// Which one.
    pub id: FindingId,
    /// The service (as `postconf -P` names it) or parameter that it may bear on; none: any.
    pub of: Option<String>,
}

/// There is no such finding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no finding `{0}`{1}")]
pub struct UnknownFinding(String, String);

impl FromStr for Acceptance {
    type Err = UnknownFinding;

    fn from_str(text: &str) -> Result<Self, UnknownFinding> {
        // A word has no colon, a service may (127.0.0.1:10025/inet).
        let (id, of) = match text.split_once(':') {
            Some((id, of)) => (id, Some(of.trim().to_owned())),
            None => (text, None),
        };
        let id = id.trim();
        match id.parse() {
            Ok(id) => Ok(Self { id, of: of.filter(|of| !of.is_empty()) }),
            Err(_) => {
                let nearest = policy::nearest(id, FindingId::iter().map(Into::into));
                let hint = match nearest {
                    Some(word) => format!("; did you mean `{word}`?"),
                    None => ": `check` and `doctor` show the name of each in brackets".to_owned(),
                };
                Err(UnknownFinding(id.escape_debug().to_string(), hint))
            }
        }
    }
}

impl fmt::Display for Acceptance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Some(of) => write!(f, "{}:{of}", self.id),
            None => write!(f, "{}", self.id),
        }
    }
}

/// All that is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted(Vec<Acceptance>);

impl Accepted {
    /// What the settings accept, and what the command line adds.
    pub fn with(&self, more: &[Acceptance]) -> Self {
        Self(self.0.iter().chain(more).cloned().collect())
    }

    /// Whether a finding is accepted for what it bears on.
    pub fn holds(&self, id: FindingId, subject: &str) -> bool {
        self.0.iter().any(|accepted| {
            accepted.id == id && accepted.of.as_deref().is_none_or(|of| of == subject)
        })
    }

    /// Reads `accept`.
    pub(crate) fn read(decoder: &mut Decoder<'_>, node: Node<'_>) -> Option<Self> {
        let items = decoder.one_or_more(node);
        let read = |item| decoder.parsed(item, "a finding", Acceptance::from_str);
        Some(Self(items.iter().filter_map(read).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_accepted_everywhere_or_for_one_service() {
        let accepted = |texts: &[&str]| {
            Accepted(texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Acceptance>>())
        };
        let port = FindingId::PortNotAsked;
        for (texts, subject, holds) in [
            (&["port-not-asked"][..], "589/inet", true),
            (&["port-not-asked:589/inet"], "589/inet", true),
            (&["port-not-asked:589/inet"], "590/inet", false),
            (&["port-not-asked:127.0.0.1:10026/inet"], "127.0.0.1:10026/inet", true),
            (&["qmqp", "soft-bounce:589/inet"], "589/inet", false),
            (&[], "589/inet", false),
        ] {
            assert_eq!(accepted(texts).holds(port, subject), holds, "{texts:?} {subject}");
        }
    }

    #[test]
    fn a_word_that_is_none_is_told_with_the_one_that_may_be_meant() {
        let error = "port-not-askd:589/inet".parse::<Acceptance>().unwrap_err().to_string();
        assert!(error.contains("no finding `port-not-askd`"), "{error}");
        assert!(error.contains("port-not-asked"), "{error}");
        let error = "x\x1b".parse::<Acceptance>().unwrap_err().to_string();
        assert!(error.contains(r"`x\u{1b}`"), "{error}");
    }

    #[test]
    fn the_words_are_short_and_in_kebab_case() {
        for id in FindingId::iter() {
            let word: &str = id.into();
            assert!(
                word.len() <= 30
                    && word
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            );
            assert_eq!(word.parse(), Ok(id));
        }
    }
}
