//! What the product says to the outside is fit for whom it is said to.

/// The longest line of an SMTP reply, in octets, with its end (RFC 5321, section 4.5.3.1.5).
const LONGEST_LINE: usize = 512;

/// Checks the reply to a RCPT as it goes to the MTA, which takes it for a format and passes it on.
///
/// # Panics
///
/// When an MTA or a client would stumble over it.
pub fn check_reply(text: &str) {
    let lines: Vec<&str> = text.split("\r\n").collect();
    let last = lines.len() - 1;
    let code = &text[..3];
    assert!(code.starts_with("45") || code.starts_with("55"), "{text:?}");
    let status = format!("{}.7.1 ", &code[..1]);
    for (number, line) in lines.iter().enumerate() {
        let separator = if number == last { ' ' } else { '-' };
        assert!(line.starts_with(&format!("{code}{separator}{status}")), "{text:?}");
        assert!(line.len() + 2 <= LONGEST_LINE, "{} octets", line.len());
        assert!(line.chars().all(is_printable), "{text:?}");
        assert!(!line.replace("%%", "").contains('%'), "{text:?}");
    }
}

/// ASCII that is seen, or a blank.
#[must_use]
pub fn is_printable(c: char) -> bool {
    c.is_ascii_graphic() || c == ' '
}

/// Checks a text for a person at a terminal: it may be in any script, but must neither control
/// the terminal nor turn the direction of the text.
///
/// # Panics
///
/// When it could.
pub fn check_for_terminal(text: &str) {
    let harmful = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(harmful), "{text:?}");
}
