//! "Did you mean" for the names of a policy file.

use std::fmt;

/// Longer texts are no typos of anything here.
const LONGEST: usize = 80;

/// The candidate that is so near to the text that it may be meant.
pub(crate) fn nearest(
    text: &str,
    candidates: impl IntoIterator<Item = &'static str>,
) -> Option<&'static str> {
    if text.len() > LONGEST {
        return None;
    }
    let text = text.to_ascii_uppercase();
    let allowed = (text.len() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&text, &name.to_ascii_uppercase()), name))
        .filter(|(distance, _)| *distance <= allowed)
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
