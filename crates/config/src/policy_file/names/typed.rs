//! What was typed, or pasted from a word processor or a web page, in place of what was meant.
//!
//! None of these characters can stand in a name (RFC 5892), so to tell of them by what they are for
//! refuses no right one.

use super::{FORMS, shown};
use icu_properties::CodePointMapData;
use icu_properties::CodePointSetData;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use policy::Pattern;

/// What a character was meant for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meant {
    /// Quotes around a name.
    Quote,
    /// A hyphen, or the one before an item.
    Hyphen,
    /// The hyphen before an item.
    Item,
    /// A space.
    Space,
    /// Nothing: a hint to whoever sets the text.
    Nothing,
}

/// Says what was typed that cannot stand in a name, and what to write.
pub(super) fn check(text: &str) -> Result<(), (String, String)> {
    if text.is_ascii() {
        return Ok(());
    }
    let first = text.chars().next();
    let found = text.chars().find_map(|c| Some((c, meant(c, first == Some(c))?)));
    let Some((c, what)) = found else { return Ok(()) };
    let why = match what {
        Meant::Quote => format!("{} is a quotation mark of a word processor", shown(c)),
        Meant::Hyphen => format!("{} is a dash, not the hyphen of domain names", shown(c)),
        Meant::Item => format!("{} is a bullet of a word processor", shown(c)),
        Meant::Space => format!("it has a blank in it, {}", shown(c)),
        Meant::Nothing => format!("it has a character in it that cannot be seen, {}", shown(c)),
    };
    let plain = plain(text, first);
    let help = match plain.parse::<Pattern>() {
        Ok(Pattern::Below(_) | Pattern::Every) => format!("write \"{plain}\", typed anew"),
        Ok(_) => format!("write {plain}, typed anew"),
        Err(_) => FORMS.into(),
    };
    Err((why, help))
}

/// Whether a character takes no room, and does not join the ones around it as some languages need it.
pub(super) fn is_invisible(c: char) -> bool {
    const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];
    !JOINERS.contains(&c) && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

fn meant(c: char, is_first: bool) -> Option<Meant> {
    if c.is_ascii() {
        return None;
    }
    Some(match c {
        '‚' | '„' | '´' | '′' | '″' | '‵' | '‶' | '「' | '」' | '『' | '』' | '〝' | '〞'
        | '〟' => Meant::Quote,
        '−' => Meant::Hyphen,
        '•' | '‣' | '◦' | '⁃' | '∙' | '●' | '○' | '■' | '□' | '▪' | '▫' | '►' | '▶' | '➢' | '➤'
        | '✓' | '✔' => Meant::Item,
        // Within a name it can be right (Catalan).
        '·' if is_first => Meant::Item,
        c if c.is_whitespace() => Meant::Space,
        c if is_invisible(c) => Meant::Nothing,
        c => match CodePointMapData::<GeneralCategory>::new().get(c) {
            GeneralCategory::InitialPunctuation | GeneralCategory::FinalPunctuation => Meant::Quote,
            // Those of full width are read as the hyphen (RFC 5895, section 2).
            GeneralCategory::DashPunctuation if c < '\u{fe00}' => Meant::Hyphen,
            _ => return None,
        },
    })
}

/// The text as it was most probably meant.
fn plain(text: &str, first: Option<char>) -> String {
    let plain: String = text
        .chars()
        .filter_map(|c| match meant(c, first == Some(c)) {
            None => Some(c),
            Some(Meant::Hyphen) => Some('-'),
            Some(Meant::Space) => Some(' '),
            Some(Meant::Quote | Meant::Item | Meant::Nothing) => None,
        })
        .collect();
    plain.trim_start_matches(['-', ' ']).trim_end().to_owned()
}
