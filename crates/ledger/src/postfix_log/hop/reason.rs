//! Why a delivery waits or went back, from what Postfix writes in brackets.
//!
//! The texts are those of Postfix's smtp(8) (`smtp_proto.c`, `smtp_connect.c`, `smtp_trouble.c`) as they
//! stood in logs of 3.7 to 3.12. Of what a server said only the codes are kept: the rest quotes addresses.

use crate::model::delivery::DeliveryReason;
use crate::model::logged_tls::TlsFailure;

/// What may be kept of a text: letters and digits, blanks and a few signs, of bounded length.
const LONGEST: usize = 64;

/// The reason, and the same in words.
pub(in crate::postfix_log) fn reason(text: &str, dsn: &str) -> (DeliveryReason, String) {
    use DeliveryReason as Reason;
    // What qmgr says of mail that it does not even try, because the one before was put off.
    let text = text.strip_prefix("delivery temporarily suspended: ").unwrap_or(text);
    if text.starts_with("REQUIRETLS ") || matches!(dsn, "5.7.10" | "5.7.30") {
        return (Reason::RequireTls, dsn.to_owned());
    }
    if let Some(rest) = text.strip_prefix("TLS is required, but ") {
        return if rest.starts_with("was not offered by host ") {
            (Reason::TlsNotOffered, String::new())
        } else if let Some((_, reply)) = rest.split_once(" refused to start TLS: ") {
            (Reason::TlsNotOffered, codes(reply))
        } else {
            (Reason::PolicyFailed, plain(rest))
        };
    }
    match text {
        "Cannot start TLS: handshake failure" => return (Reason::HandshakeFailed, String::new()),
        "Server certificate not trusted" => {
            return (Reason::CertificateNotTrusted, String::new());
        }
        "Server certificate not verified" => {
            return (Reason::CertificateNotMatched, String::new());
        }
        "client TLS configuration problem" => return (Reason::PolicyFailed, String::new()),
        _ => {}
    }
    if let Some(rest) = text.strip_prefix("host ") {
        for said in [" said: ", " refused to talk to me: "] {
            if let Some((_, reply)) = rest.split_once(said) {
                return (Reason::Reply, codes(reply));
            }
        }
    }
    if let Some(rest) = text.strip_prefix("connect to ") {
        return (Reason::Connection, plain(rest.rsplit(": ").next().unwrap_or_default()));
    }
    for (begin, between, words) in [
        ("lost connection with ", " while ", "lost while "),
        ("conversation with ", " timed out while ", "timed out while "),
    ] {
        if let Some((_, doing)) = text.strip_prefix(begin).and_then(|rest| rest.split_once(between))
        {
            return (Reason::Connection, format!("{words}{}", plain(doing)));
        }
    }
    let of_dns = ["Host or domain name not found", "unable to look up host ", "Name service error"];
    if of_dns.iter().any(|begin| text.starts_with(begin)) {
        return (Reason::Dns, plain(text.rsplit(": ").next().unwrap_or_default()));
    }
    // Whatever else smtp(8) calls a matter of security before it speaks to the server: TLSA records.
    let kind = if dsn == "4.7.5" { Reason::PolicyFailed } else { Reason::Other };
    (kind, plain(dsn))
}

/// `450 4.2.0` of `450 4.2.0 <user@d.example>: Greylisted (in reply to RCPT TO command)`.
pub(in crate::postfix_log) fn codes(reply: &str) -> String {
    let mut words = reply.split([' ', '-']);
    let is_number =
        |word: &&str| word.len() == 3 && word.bytes().all(|octet| octet.is_ascii_digit());
    let Some(code) = words.next().filter(is_number) else { return String::new() };
    let is_enhanced = |word: &&str| {
        let mut parts = word.split('.');
        let mut part =
            || parts.next().is_some_and(|part| part.len() < 4 && part.parse::<u16>().is_ok());
        part() && part() && part() && parts.next().is_none()
    };
    match words.next().filter(is_enhanced) {
        Some(enhanced) => format!("{code} {enhanced}"),
        None => code.to_owned(),
    }
}

/// A text of Postfix's own, or of the system's, as far as it is plain.
pub(in crate::postfix_log) fn plain(text: &str) -> String {
    let kept = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, ' ' | '.' | '-' | '\'')
    };
    text.chars()
        .filter(|character| kept(*character))
        .take(LONGEST)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// What `certificate verification failed for PEER: CAUSE` says is wrong with the certificate.
pub(in crate::postfix_log) fn verification(cause: &str) -> (DeliveryReason, String) {
    // num=62:hostname mismatch
    let cause = match cause.strip_prefix("num=").and_then(|rest| rest.split_once(':')) {
        Some((_, cause)) => cause,
        None => cause,
    };
    // untrusted issuer /O=Example Lab/CN=Example Lab CA
    let cause = cause.split([':', '/']).next().unwrap_or_default();
    let is_of_name =
        ["mismatch", "no matching", "not match"].iter().any(|word| cause.contains(word));
    let reason = if is_of_name {
        DeliveryReason::CertificateNotMatched
    } else {
        DeliveryReason::CertificateNotTrusted
    };
    (reason, plain(cause))
}

/// A cause of a failed handshake, as smtp(8) words it: `-1` says nothing.
pub(in crate::postfix_log) fn failure(cause: &str) -> TlsFailure {
    let is_number = cause.trim_start_matches('-').bytes().all(|octet| octet.is_ascii_digit());
    TlsFailure::new(if is_number { "handshake failed" } else { cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_of_postfix_has_its_kind_and_keeps_no_word_of_a_server() {
        for (dsn, text, kind, words) in [
            (
                "4.7.4",
                "TLS is required, but was not offered by host 127.0.0.2[127.0.0.2]",
                "tls-not-offered",
                "",
            ),
            (
                "4.7.0",
                "TLS is required, but host 127.0.0.2[127.0.0.2] refused to start TLS: 454 4.7.0 TLS not available",
                "tls-not-offered",
                "454 4.7.0",
            ),
            (
                "4.7.5",
                "TLS is required, but our TLS engine is unavailable",
                "policy-failed",
                "our TLS engine is unavailable",
            ),
            ("4.7.5", "Cannot start TLS: handshake failure", "handshake-failed", ""),
            ("4.7.5", "Server certificate not verified", "certificate-not-matched", ""),
            ("4.7.5", "Server certificate not trusted", "certificate-not-trusted", ""),
            ("4.7.5", "client TLS configuration problem", "policy-failed", ""),
            ("4.7.5", "TLSA lookup error for mx.example:25", "policy-failed", "4.7.5"),
            (
                "5.7.30",
                "REQUIRETLS Failure: sender requested REQUIRETLS, but no server was found that supports REQUIRETLS. The last attempted server was mx[192.0.2.1]",
                "require-tls",
                "5.7.30",
            ),
            (
                "4.2.0",
                "host mx[192.0.2.1] said: 450 4.2.0 <U@D14.EXAMPLE>: Recipient address rejected: Greylisted, see http://x.example (in reply to RCPT TO command)",
                "reply",
                "450 4.2.0",
            ),
            ("5.1.1", "host mx[192.0.2.1] said: 550-no such user 550 really", "reply", "550"),
            (
                "4.0.0",
                "host mx[192.0.2.1] refused to talk to me: 421 4.7.0 try later",
                "reply",
                "421 4.7.0",
            ),
            ("4.0.0", "host mx[192.0.2.1] said: secret@d.example", "reply", ""),
            (
                "4.4.1",
                "connect to mx.example.com[127.0.0.1]:2602: Connection refused",
                "connection",
                "Connection refused",
            ),
            (
                "4.4.1",
                "connect to mx.example[2001:db8::1]:25: No route to host",
                "connection",
                "No route to host",
            ),
            (
                "4.4.2",
                "lost connection with 127.0.0.2[127.0.0.2] while receiving the initial server greeting",
                "connection",
                "lost while receiving the initial server greeting",
            ),
            (
                "4.4.2",
                "conversation with mx[192.0.2.1] timed out while sending end of data -- message may be sent more than once",
                "connection",
                "timed out while sending end of data -- message may be sent more than once",
            ),
            (
                "4.4.4",
                "unable to look up host nosuch.invalid: Temporary failure in name resolution",
                "dns",
                "Temporary failure in name resolution",
            ),
            (
                "4.4.3",
                "Host or domain name not found. Name service error for name=x.example type=MX: Host not found, try again",
                "dns",
                "Host not found try again",
            ),
            (
                "4.7.4",
                "delivery temporarily suspended: TLS is required, but was not offered by host mx[192.0.2.1]",
                "tls-not-offered",
                "",
            ),
            ("5.1.2", "no way <user@d.example>", "other", "5.1.2"),
            ("4.3.0", "mail transport unavailable", "other", "4.3.0"),
            ("", "", "other", ""),
        ] {
            let (found, said) = reason(text, dsn);
            assert_eq!((found.code(), &*said), (kind, words), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_from_a_name_that_does_not_match() {
        for (cause, kind, words) in [
            (
                "untrusted issuer /O=Example Lab/CN=Example Lab CA",
                "certificate-not-trusted",
                "untrusted issuer",
            ),
            ("self-signed certificate", "certificate-not-trusted", "self-signed certificate"),
            (
                "num=10:certificate has expired",
                "certificate-not-trusted",
                "certificate has expired",
            ),
            ("num=62:hostname mismatch", "certificate-not-matched", "hostname mismatch"),
            (
                "num=65:no matching DANE TLSA records",
                "certificate-not-matched",
                "no matching DANE TLSA records",
            ),
        ] {
            let (found, said) = verification(cause);
            assert_eq!((found.code(), &*said), (kind, words), "{cause}");
        }
    }
}
