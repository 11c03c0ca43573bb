//! IDNA 2008: what a label may hold (RFC 5892).
//!
//! The crate idna maps and checks by UTS 46, which is more tolerant: it takes symbols and punctuation.
//! No kept-up crate has the tables of RFC 5892, so they are derived here as its section 3 says, from
//! the Unicode properties that idna itself goes by. What UTS 46 has checked is not checked again:
//! that a label is stable under case folding and normalisation, joiners in their context
//! (appendix A.1 and A.2), and the direction of writing (RFC 5893).

use super::shown;
use icu_properties::props::{GeneralCategory, HangulSyllableType};
use icu_properties::{CodePointMapData, props::GeneralCategoryGroup};
use unicode_script::{Script, UnicodeScript};

/// Whether a name, some of whose labels are A-labels, is valid; or why not.
pub(super) fn check(name: &str) -> Result<(), String> {
    let (unicode, result) = idna::domain_to_unicode(name);
    // An A-label is what its U-label is turned into, and nothing else (RFC 5891, section 5.4).
    if result.is_err() || idna::domain_to_ascii(&unicode).ok().as_deref() != Some(name) {
        return Err(format!("`{name}` is no valid internationalised domain name"));
    }
    unicode.split('.').filter(|label| !label.is_ascii()).try_for_each(label)
}

fn label(label: &str) -> Result<(), String> {
    let characters: Vec<char> = label.chars().collect();
    if label.starts_with('-') || label.ends_with('-') {
        return Err(format!("`{label}` begins or ends with a hyphen"));
    }
    if characters.get(2..4) == Some(&['-', '-']) {
        return Err(format!("`{label}` has two hyphens where only A-labels have them"));
    }
    for (at, c) in characters.iter().copied().enumerate() {
        if !is_valid(c) && !is_valid_here(c, at, &characters) {
            return Err(format!("{} cannot stand in a domain name (IDNA 2008)", shown(c)));
        }
    }
    Ok(())
}

/// Whether a character can stand anywhere (PVALID), or needs joining, which was checked.
fn is_valid(c: char) -> bool {
    match c {
        '-' | 'a'..='z' | '0'..='9' | '\u{200c}' | '\u{200d}' => true,
        // Section 2.6, exceptions: valid.
        'ß' | 'ς' | '\u{6fd}' | '\u{6fe}' | '\u{f0b}' | '〇' => true,
        // The same: not valid.
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}' => {
            false
        }
        // The same: valid in a context only.
        '·'
        | '\u{375}'
        | '\u{5f3}'
        | '\u{5f4}'
        | '・'
        | '\u{660}'..='\u{669}'
        | '\u{6f0}'..='\u{6f9}' => false,
        // Section 2.4, blocks: symbols of notation.
        '\u{20d0}'..='\u{20ff}' | '\u{1d100}'..='\u{1d1ff}' | '\u{1d200}'..='\u{1d24f}' => false,
        c if super::typed::is_invisible(c) => false,
        c => is_letter_or_digit(c) && !is_old_hangul(c),
    }
}

/// Section 2.1.
fn is_letter_or_digit(c: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    GeneralCategoryGroup::LowercaseLetter
        .union(GeneralCategoryGroup::UppercaseLetter)
        .union(GeneralCategoryGroup::OtherLetter)
        .union(GeneralCategoryGroup::ModifierLetter)
        .union(GeneralCategoryGroup::DecimalNumber)
        .union(GeneralCategoryGroup::NonspacingMark)
        .union(GeneralCategoryGroup::SpacingMark)
        .contains(category)
}

/// Section 2.9: syllables are written as one, not letter by letter.
fn is_old_hangul(c: char) -> bool {
    matches!(
        CodePointMapData::<HangulSyllableType>::new().get(c),
        HangulSyllableType::LeadingJamo
            | HangulSyllableType::VowelJamo
            | HangulSyllableType::TrailingJamo
    )
}

/// Whether a character that is valid in a context only (CONTEXTO) stands in it (appendix A.3 to A.9).
fn is_valid_here(c: char, at: usize, label: &[char]) -> bool {
    let before = at.checked_sub(1).and_then(|before| label.get(before));
    let after = label.get(at + 1);
    let is_of = |c: Option<&char>, script| c.is_some_and(|c| c.script() == script);
    let has = |range: std::ops::RangeInclusive<char>| label.iter().any(|c| range.contains(c));
    match c {
        '·' => before == Some(&'l') && after == Some(&'l'),
        '\u{375}' => is_of(after, Script::Greek),
        '\u{5f3}' | '\u{5f4}' => is_of(before, Script::Hebrew),
        '・' => label
            .iter()
            .any(|c| matches!(c.script(), Script::Hiragana | Script::Katakana | Script::Han)),
        '\u{660}'..='\u{669}' => !has('\u{6f0}'..='\u{6f9}'),
        '\u{6f0}'..='\u{6f9}' => !has('\u{660}'..='\u{669}'),
        _ => false,
    }
}
