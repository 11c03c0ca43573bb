//! The names in a policy: what an entry, a partner, the sender of an exception can be named by.
//!
//! What an SMTP client writes is read as MTAs read it, who take nearly anything. Here somebody means a
//! domain, and a name that no mail can be addressed to protects nobody: IDNA 2008 decides what a
//! name may hold, and an address is no domain. What can be meant, but hardly is, gets a warning.

mod doubt;
mod idna2008;
mod typed;

pub(super) use doubt::doubt;

use ipnet::IpNet;
use policy::{DomainName, Pattern};
use std::net::IpAddr;

/// What is wrong with a name, or may be, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Reads the name of an entry where nobody reads warnings: what the policy file would warn of is
/// refused.
///
/// # Errors
///
/// When no entry can have that name, or hardly one should.
pub fn undoubted(text: &str) -> Result<Pattern, Remark> {
    let pattern = read(text)?;
    match doubt(text, &pattern) {
        Some(remark) => Err(remark),
        None => Ok(pattern),
    }
}

/// What can be written in place of most that is wrong.
const FORMS: &str = "write example.org, \"*.example.org\" or user@example.org";

/// Reads a mailbox, domain or wildcard.
///
/// # Errors
///
/// When it can be none, or no mail can be addressed to it.
pub(super) fn read(text: &str) -> Result<Pattern, Remark> {
    let wrong = |why: String, help: String| Remark {
        message: format!("`{}` is not a domain or mailbox: {why}", text.escape_debug()),
        help,
    };
    typed::check(text).map_err(|(why, help)| wrong(why, help))?;
    if is_address(text) {
        return Err(wrong(
            "it is an address, and entries name domains".into(),
            ADDRESS_HELP.into(),
        ));
    }
    let pattern: Pattern = text.parse().map_err(|error| wrong(format!("{error}"), FORMS.into()))?;
    if let Some(name) = domain(&pattern) {
        can_be_meant(name.as_str()).map_err(|why| wrong(why, FORMS.into()))?;
    }
    Ok(pattern)
}

const ADDRESS_HELP: &str = "name the domain that the mail is addressed to; networks of clients stand \
    under `client` of an exception, and under `trusted`; who gets mail at an address is named by `local`";

/// The domain in a pattern.
fn domain(pattern: &Pattern) -> Option<&DomainName> {
    match pattern {
        Pattern::Mailbox(_, name) | Pattern::Domain(name) | Pattern::Below(name) => Some(name),
        Pattern::Every => None,
    }
}

/// Whether the domain in a name is an IP address or a network, in any of the forms that mail and
/// networks have.
fn is_address(text: &str) -> bool {
    // Names of a long list come by here.
    let ends_in_digit = text.trim_end_matches('.').ends_with(|c: char| c.is_ascii_digit());
    if !ends_in_digit && !text.contains([':', '[', '/']) {
        return false;
    }
    let text = text.rsplit_once('@').map_or(text, |(_, domain)| domain);
    let text = text.strip_prefix("*.").unwrap_or(text);
    let bare = text.strip_prefix('[').unwrap_or(text).trim_end_matches([']', '.']);
    let bare = match bare.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => bare.get(5..).unwrap_or_default(),
        _ => bare,
    };
    bare.parse::<IpAddr>().is_ok() || bare.parse::<IpNet>().is_ok()
}

/// Whether mail can be addressed to a domain of this name (lower case, A-labels); or why not.
fn can_be_meant(name: &str) -> Result<(), String> {
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(format!("no domain ends in a number (`{last}`)"));
    }
    for label in name.split('.') {
        // RFC 952, RFC 1123 (section 2.1): hosts; and RFC 5891 (section 4.2.3.1).
        if label.starts_with('-') || label.ends_with('-') {
            return Err(format!("`{label}` begins or ends with a hyphen"));
        }
    }
    if name.contains("xn--") { idna2008::check(name) } else { Ok(()) }
}

/// A character as messages show it: what cannot be seen only by its number.
fn shown(c: char) -> String {
    let number = format!("U+{:04X}", u32::from(c));
    if c.is_whitespace() || c.is_control() || typed::is_invisible(c) {
        return number;
    }
    format!("{c} ({number})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Remark {
        read(text).expect_err(text)
    }

    #[test]
    fn what_a_word_processor_makes_of_a_name_is_told_with_what_was_meant() {
        for (text, what, meant) in [
            ("“example.com”", "quotation mark", "write example.com"),
            ("„example.com“", "quotation mark", "write example.com"),
            ("«example.com»", "quotation mark", "write example.com"),
            ("‘example.com’", "quotation mark", "write example.com"),
            ("„example.com", "quotation mark", "write example.com"),
            ("example.com”", "quotation mark", "write example.com"),
            ("「example.com」", "quotation mark", "write example.com"),
            ("user@example.com”", "quotation mark", "write user@example.com"),
            ("“user@example.com”", "quotation mark", "write user@example.com"),
            ("“*.example.com”", "quotation mark", "write \"*.example.com\""),
            ("my–firm.example", "dash", "write my-firm.example"),
            ("my—firm.example", "dash", "write my-firm.example"),
            ("my−firm.example", "dash", "write my-firm.example"),
            ("my‑firm.example", "dash", "write my-firm.example"),
            ("– example.com", "dash", "write example.com"),
            ("• example.com", "bullet", "write example.com"),
            ("·example.com", "bullet", "write example.com"),
            ("■\u{a0}example.com", "bullet", "write example.com"),
            ("example.com\u{200b}", "cannot be seen", "write example.com"),
            ("exam\u{2060}ple.com", "cannot be seen", "write example.com"),
            ("exam\u{ad}ple.com", "cannot be seen", "write example.com"),
            ("\u{feff}example.com", "cannot be seen", "write example.com"),
            ("example.com\u{200e}", "cannot be seen", "write example.com"),
            ("example.com\u{fe0f}", "cannot be seen", "write example.com"),
            ("example.com\u{a0}", "blank", "write example.com"),
            ("\u{2003}example.com", "blank", "write example.com"),
        ] {
            let Remark { message, help } = refused(text);
            assert!(message.contains(what), "{text}: {message}");
            assert!(help.starts_with(meant), "{text}: {help}");
        }
    }

    #[test]
    fn idna_2008_decides_what_a_name_may_hold() {
        for text in [
            "bücher.example",
            "BÜCHER.example",
            "xn--bcher-kva.example",
            "faß.example",
            "例子.example",
            "例え.example",
            "пример.example",
            "παράδειγμα.example",
            "דוגמה.example",
            "مثال.example",
            "उदाहरण.example",
            "paral·lel.example",
            "コーヒー・紅茶.example",
            "نامه\u{200c}ای.example",
            "ｅｘａｍｐｌｅ。com",
            "under_score.example",
            "a--b.example",
            "1.example",
            "2.0.192.in-addr.arpa",
            "*",
            "user@bücher.example",
            "jürgen@example.com",
            "d'artagnan@example.com",
        ] {
            assert!(read(text).is_ok(), "{text}: {:?}", read(text));
        }
        for text in [
            "☃.example",
            "i❤.example",
            "😀.example",
            "xn--n3h.example",
            "xn--example-v36c.xn--com-9o0a",
            "xn--.example",
            "xn--a-ecp.ru",
            "xn--bcher-kv.example",
            "ab--cü.example",
            "-ü.example",
            "par·alel.example",
            "a・b.example",
            "a\u{200c}b.example",
            "\u{64a}\u{664}\u{6f4}.example",
            "²☃.example",
            "-example.com",
            "example-.com",
            "example.com.-",
            "\u{1100}\u{1161}.☃",
        ] {
            refused(text);
        }
    }

    #[test]
    fn an_address_or_a_number_is_no_domain() {
        for text in [
            "192.0.2.1",
            "192.0.2.1.",
            "*.192.0.2.1",
            "postmaster@192.0.2.1",
            "[192.0.2.1]",
            "postmaster@[192.0.2.1]",
            "192.0.2.0/24",
            "2001:db8::1",
            "2001:db8::/32",
            "[2001:db8::1]",
            "user@[IPv6:2001:db8::1]",
        ] {
            let Remark { message, help } = refused(text);
            assert!(message.contains("it is an address"), "{text}: {message}");
            assert!(help.contains("`client`"), "{text}: {help}");
        }
        for text in
            ["123", "1.5", "*.1", "example.123", "user@example.123", "1.2.3.4.5", "999.1.1.1"]
        {
            assert!(refused(text).message.contains("ends in a number"), "{text}");
        }
        read("192.0.2.example").unwrap();
        read("4.example.1e").unwrap();
    }
}
