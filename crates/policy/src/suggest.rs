//! "Did you mean" for what people write: the keys and words of files, names of ciphers.

use std::fmt;

/// No name is as long as this, so a longer text is not a typo of one.
const LONGEST: usize = 80;
/// A word of at least this length may be the start of what is meant, or go on after it.
const SHORTEST_START: usize = 4;

/// The candidate that is so near to the text that it may be meant: a few typos away, or one is the
/// start of the other (`retention` for `retention_days`).
pub fn nearest<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if text.len() > LONGEST {
        return None;
    }
    let text = text.to_ascii_uppercase();
    let allowed = (text.len() / 3).clamp(1, 4);
    let starts =
        |start: &str, whole: &str| start.len() >= SHORTEST_START && whole.starts_with(start);
    candidates
        .into_iter()
        .filter_map(|name| {
            let upper = name.to_ascii_uppercase();
            let distance = strsim::damerau_levenshtein(&text, &upper);
            let is_near = distance <= allowed || starts(&text, &upper) || starts(&upper, &text);
            is_near.then_some((distance, name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The part of an error message that makes a suggestion, or nothing.
pub(crate) struct DidYouMean(pub(crate) Option<&'static str>);

impl fmt::Display for DidYouMean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, " (did you mean `{name}`?)"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_and_half_a_word_are_answered_with_what_may_be_meant() {
        let keys = ["mode", "require", "enforce_from", "exceptions", "retention_days", "de"];
        for (text, expected) in [
            ("mod", Some("mode")),
            ("Mode", Some("mode")),
            ("requirement", Some("require")),
            ("enforce", Some("enforce_from")),
            ("excpetion", Some("exceptions")),
            ("retention", Some("retention_days")),
            ("dx", Some("de")),
            ("deutsch", None),
            ("", None),
            ("portal", None),
        ] {
            assert_eq!(nearest(text, keys), expected, "{text}");
        }
        assert_eq!(nearest(&"mode".repeat(40), keys), None);
    }
}
