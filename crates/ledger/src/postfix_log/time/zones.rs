//! Abbreviations of time zones, as `journalctl -o short-full` and others write them.

use jiff::tz::Offset;

/// What an abbreviation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// This distance from UTC.
    Offset(Offset),
    /// It is in use in several places, for several distances.
    Ambiguous,
}

/// Abbreviations of one meaning, as minutes east of UTC (tzdata 2025b). Those of the tropics and others that
/// tzdata writes as numbers, such as `+07`, need no name.
const NAMES: [(&str, i32); 45] = [
    ("UTC", 0),
    ("GMT", 0),
    ("Z", 0),
    ("UCT", 0),
    ("WET", 0),
    ("WEST", 60),
    ("BST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("MET", 60),
    ("MEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("IDT", 180),
    ("MSK", 180),
    ("WAT", 60),
    ("CAT", 120),
    ("SAST", 120),
    ("EAT", 180),
    ("PKT", 300),
    ("WIB", 420),
    ("WITA", 480),
    ("WIT", 540),
    ("HKT", 480),
    ("JST", 540),
    ("KST", 540),
    ("AWST", 480),
    ("ACST", 570),
    ("ACDT", 630),
    ("AEST", 600),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
    ("HST", -600),
    ("HDT", -540),
    ("AKST", -540),
    ("AKDT", -480),
    ("PDT", -420),
    ("MST", -420),
    ("MDT", -360),
    ("EST", -300),
    ("EDT", -240),
    ("AST", -240),
    ("NST", -210),
    ("NDT", -150),
];

/// Those of several meanings: America or China, India or Ireland or Israel, America or the Philippines,
/// America or Cuba.
const AMBIGUOUS: [&str; 4] = ["CST", "IST", "PST", "CDT"];

/// What an abbreviation of a zone, or a distance such as `+01`, `-0330` or `+01:00`, says; none where it
/// is none.
pub(super) fn zone(text: &str) -> Option<Zone> {
    if text.starts_with(['+', '-']) {
        return distance(text).map(Zone::Offset);
    }
    if AMBIGUOUS.contains(&text) {
        return Some(Zone::Ambiguous);
    }
    let (_, minutes) = NAMES.iter().find(|(name, _)| *name == text)?;
    Offset::from_seconds(minutes * 60).ok().map(Zone::Offset)
}

/// `+01`, `-0330`, `+01:00`.
pub(super) fn distance(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits = |text: &str, most: i32| {
        let is_number = text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_digit());
        text.parse().ok().filter(|number| is_number && *number <= most)
    };
    let (hours, minutes) = rest.split_at_checked(2)?;
    let minutes = match minutes.strip_prefix(':').unwrap_or(minutes) {
        "" => 0,
        minutes => digits(minutes, 59)?,
    };
    Offset::from_seconds(sign * (digits(hours, 15)? * 3600 + minutes * 60)).ok()
}

/// The distance from UTC that people write as `+01:00` or `-05:30`.
#[must_use]
pub fn offset(text: &str) -> Option<Offset> {
    distance(text).filter(|_| text.len() == 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_told_by_its_abbreviation_or_its_distance_unless_several_share_it() {
        for (text, seconds) in
            [("CET", 3600), ("UTC", 0), ("+07", 25_200), ("-0330", -12_600), ("+05:30", 19_800)]
        {
            let offset = Offset::from_seconds(seconds).unwrap();
            assert_eq!(zone(text), Some(Zone::Offset(offset)), "{text}");
        }
        assert_eq!(zone("CST"), Some(Zone::Ambiguous));
        for text in ["", "+", "+1", "mx", "+99", "+01:", "+01x00", "é1"] {
            assert_eq!(zone(text), if text == "+01:" { zone("+01") } else { None }, "{text}");
        }
    }
}
