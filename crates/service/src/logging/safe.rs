//! What comes from outside, made safe for a line of the log.

use std::{borrow::Cow, fmt::Write};

/// Octets from outside, as printable ASCII without blanks; anything else, and the signs by which a
/// log line is read, become `\xNN`. Cut after a few hundred octets.
#[must_use]
pub fn safe(octets: &[u8]) -> Cow<'_, str> {
    const MOST: usize = 320;
    let is_plain = |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b'"' | b'\\' | b'=');
    if octets.len() <= MOST
        && octets.iter().all(|octet| is_plain(*octet))
        && let Ok(text) = str::from_utf8(octets)
    {
        return text.into();
    }
    let mut text = String::new();
    for octet in octets.iter().copied().take(MOST) {
        match is_plain(octet) {
            true => text.push(octet.into()),
            // Writing to a string cannot fail.
            false => drop(write!(text, "\\x{octet:02x}")),
        }
    }
    if octets.len() > MOST {
        text.push_str("...");
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_can_forge_a_log_line() {
        for (octets, shown) in [
            (&b"user@example.com"[..], "user@example.com"),
            (b"a\nb", r"a\x0ab"),
            (b"a\r\n2026 INFO x", r"a\x0d\x0a2026\x20INFO\x20x"),
            (b"a\tb\0c\x1b[31m\x7f", r"a\x09b\x00c\x1b[31m\x7f"),
            (b"x verdict=accept", r"x\x20verdict\x3daccept"),
            (b"\"q\"\\", r"\x22q\x22\x5c"),
        ] {
            assert_eq!(safe(octets), shown);
        }
        for octet in 0..=u8::MAX {
            let octets = [octet];
            assert!(safe(&octets).bytes().all(|shown| shown.is_ascii_graphic()), "{octet}");
        }
    }
}
