//! Numbers and names as tables and pages show them.

use policy::Language;

/// What one or several of something are called. `{}` stands for how many.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// For one of it, with the number in words or figures.
    pub one: &'static str,
    /// For none, and for more.
    pub many: &'static str,
}

impl Counted {
    /// In words for so many.
    #[must_use]
    pub fn of(&self, count: u64) -> String {
        self.written(count, tight_number)
    }

    /// The same, with numbers that are written like this.
    #[must_use]
    pub fn written(&self, count: u64, number: fn(u64) -> String) -> String {
        let words = if count == 1 { self.one } else { self.many };
        words.replace("{}", &number(count))
    }
}

/// Whether a spreadsheet takes what begins with this for a formula (OWASP, CSV injection).
fn begins_formula(c: char) -> bool {
    ['=', '+', '-', '@', '\t', '\r'].contains(&c)
}

/// A cell for a spreadsheet, in which nothing is a formula: an apostrophe comes before it. Names come from
/// outside. In some languages a spreadsheet begins another cell after a semicolon or a tab.
#[must_use]
pub fn safe_cell(text: String) -> String {
    let mut safe = String::with_capacity(text.len());
    for part in text.split_inclusive([';', '\t']) {
        // Where there are apostrophes before it already, another one lets it be read as it was.
        if part.trim_start_matches('\'').starts_with(begins_formula) {
            safe.push('\'');
        }
        safe.push_str(part);
    }
    safe
}

/// What [`safe_cell`] was made of.
#[must_use]
pub fn plain_cell(cell: &str) -> String {
    let parts = cell.split_inclusive([';', '\t']).map(|part| match part.strip_prefix('\'') {
        Some(rest) if rest.trim_start_matches('\'').starts_with(begins_formula) => rest,
        _ => part,
    });
    parts.collect()
}

/// A text from outside with what cannot be seen of it written out: controls, and characters that have
/// no form of their own, such as those that turn the direction of a line (`a[U+202E]b`).
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            shown.push_str(&format!("[U+{:04X}]", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Controls, directions, joiners, tags, selectors of variants, blanks that are none.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

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

/// A text in which what is to be typed stands in quotation marks in place of back quotes, for pages and mails.
#[must_use]
pub fn quoted(text: &str, language: Language) -> String {
    let marks = match language {
        Language::English => ['\u{201c}', '\u{201d}'],
        Language::German => ['«', '»'],
    };
    let mut next = marks.into_iter().cycle();
    text.chars().map(|one| if one == '`' { next.next().unwrap_or(one) } else { one }).collect()
}

/// Broken into lines of at most so many characters, as far as its words allow.
pub(crate) fn wrapped(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        if let Some(line) = lines.last_mut() {
            if line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            } else {
                lines.push(word.to_owned());
            }
        }
    }
    lines.join("\n")
}

/// The same as [`number`], but empty for zero.
#[must_use]
pub fn blank_zero(count: u64) -> String {
    if count == 0 { String::new() } else { number(count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_each_reads_as_it_was() {
        for (cell, safe) in [
            ("=1+1", "'=1+1"),
            ("+49", "'+49"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t'=1"),
            ("x;=cmd|' /C calc'!A0", "x;'=cmd|' /C calc'!A0"),
            ("x\t@SUM(A1)", "x\t'@SUM(A1)"),
            (";;-1;", ";;'-1;"),
            ("'=1", "''=1"),
            ("''=1", "'''=1"),
            ("a=b", "a=b"),
            ("a; b", "a; b"),
            ("'quoted'", "'quoted'"),
            ("*.example.org", "*.example.org"),
            ("", ""),
        ] {
            assert_eq!(safe_cell(cell.to_owned()), safe);
            assert_eq!(plain_cell(safe), cell);
        }
    }
}
