//! Lists as Postfix writes them: elements between commas and blanks, groups in braces.

use std::{iter, time::Duration};

/// The elements of a list. What stands in braces stays together, with its braces.
pub(crate) fn elements(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    iter::from_fn(move || {
        rest = rest.trim_start_matches(separates);
        let mut depth = 0_usize;
        let end = rest.find(|c| {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && separates(c)
        });
        let (element, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        rest = after;
        (!element.is_empty()).then_some(element)
    })
}

/// Whether elements end at this character.
pub(super) fn separates(c: char) -> bool {
    c == ',' || c.is_whitespace()
}

/// The same list without blanks.
pub(crate) fn compact_list(list: &str) -> String {
    let compact = |element: &str| {
        let inside = in_braces(element);
        if inside == element {
            return element.to_owned();
        }
        match setting(inside).filter(|(name, _)| !name.contains(separates)) {
            Some((name, value)) => format!("{name}={value}"),
            None => format!("{{{}}}", compact_list(inside)),
        }
    };
    elements(list).map(compact).collect::<Vec<_>>().join(",")
}

/// What stands in the braces of an element; without braces, the element itself.
pub(super) fn in_braces(element: &str) -> &str {
    element.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).map_or(element, str::trim)
}

/// `name=value`, with blanks around the sign or without.
pub(super) fn setting(text: &str) -> Option<(&str, &str)> {
    let (name, value) = in_braces(text).split_once('=')?;
    Some((name.trim(), value.trim()))
}

/// A time as Postfix writes it: a number, and a letter for its unit; seconds without one, as most
/// parameters have it.
pub(super) fn time(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match text.get(digits.len()..)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        _ => return None,
    };
    Some(Duration::from_secs(digits.trim().parse::<u64>().ok()?.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_as_postfix_splits_them() {
        for (list, expected) in [
            ("", &[][..]),
            (" , ", &[]),
            ("a, b\tc,,d", &["a", "b", "c", "d"]),
            ("{ a, b } c", &["{ a, b }", "c"]),
            ("inline:{a=b, {c = d e}}, hash:/x", &["inline:{a=b, {c = d e}}", "hash:/x"]),
            ("{ never ends, a", &["{ never ends, a"]),
            ("a } b", &["a", "}", "b"]),
        ] {
            assert_eq!(elements(list).collect::<Vec<_>>(), expected, "{list:?}");
        }
    }

    #[test]
    fn a_list_is_written_without_blanks() {
        for (list, expected) in [
            ("a, b c", "a,b,c"),
            (
                "{ inet:h:1, default_action=x, { protocol = 6 } }, unix:m",
                "{inet:h:1,default_action=x,protocol=6},unix:m",
            ),
            ("$mine", "$mine"),
            ("", ""),
        ] {
            assert_eq!(compact_list(list), expected, "{list}");
        }
    }

    #[test]
    fn times_have_units() {
        for (text, seconds) in
            [("30s", Some(30)), ("30", Some(30)), ("2m", Some(120)), ("1h", Some(3600))]
        {
            assert_eq!(time(text).map(|time| time.as_secs()), seconds, "{text}");
        }
        for text in ["", "s", "1y", "-1s", "99999999999999999999w", "$x"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
