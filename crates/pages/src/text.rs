//! Numbers and names as tables and pages show them.

/// The first two of some names, and how many more there are: `a.example, b.example +3`.
#[must_use]
pub fn few(names: &[String]) -> String {
    let mut shown: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    let more = shown.len().saturating_sub(2);
    shown.truncate(2);
    let shown = shown.join(", ");
    if more > 0 { format!("{shown} +{more}") } else { shown }
}

/// A number with thin groups of three digits: `1 234 567`.
#[must_use]
pub fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(' ');
        }
        shown.push(digit);
    }
    shown
}

/// The same, with groups that stay together where a line is broken, for pages.
#[must_use]
pub fn tight_number(count: u64) -> String {
    number(count).replace(' ', "\u{202f}")
}

/// A text whose lines are not broken at hyphens, for dates on pages.
#[must_use]
pub fn unbroken(text: impl AsRef<str>) -> String {
    text.as_ref().replace('-', "\u{2011}")
}

/// The same as [`number`], but empty for zero.
#[must_use]
pub fn blank_zero(count: u64) -> String {
    if count == 0 { String::new() } else { number(count) }
}
