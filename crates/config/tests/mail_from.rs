//! Who a digest is from: the settings take what the mail client takes, and read the same in it.

use config::settings::{MailFrom, MailFromError};
use lettre::{Address, message::Mailbox};
use proptest::{collection::vec, prelude::*, sample::select};

/// What a mailbox is made of, in every way that has a meaning to either.
const PIECES: [&str; 32] = [
    "a",
    "Example",
    "gw",
    "mx.example",
    "example.org",
    "@",
    "@example.org",
    "<",
    ">",
    " ",
    "  ",
    "\t",
    "\"",
    "\\",
    ".",
    ",",
    "(",
    ")",
    "[127.0.0.1]",
    "127.0.0.1",
    "b\u{fc}cher.example",
    "\u{3002}",
    "\u{a0}",
    "\u{7f}",
    "\n",
    "-",
    "_",
    ":",
    "+",
    "\"a b\"",
    "<gw@mx.example>",
    "\u{1}",
];

fn assert_same(text: &str) {
    match (text.parse::<MailFrom>(), text.parse::<Mailbox>()) {
        (Ok(ours), Ok(theirs)) => {
            assert_eq!(ours.name, theirs.name, "{text:?}");
            let address = Address::new(&ours.local_part, &ours.domain).unwrap();
            assert_eq!(address, theirs.email, "{text:?}");
        }
        (Err(_), Err(_)) => {}
        (ours, theirs) => panic!("{text:?}: {ours:?}, but {theirs:?}"),
    }
}

#[test]
fn addresses_with_and_without_names_are_read() {
    for (text, name, address) in [
        ("gw@mx.example", None, "gw@mx.example"),
        (" gw@mx.example\n", None, "gw@mx.example"),
        ("<gw@mx.example>", None, "gw@mx.example"),
        ("Gateway <gw@mx.example>", Some("Gateway"), "gw@mx.example"),
        ("Mail  gateway, <gw@mx.example>", None, ""),
        ("Mail  gateway<gw@mx.example>", Some("Mail gateway"), "gw@mx.example"),
        (
            "\"Gateway, Example Inc.\" <gw@mx.example>",
            Some("Gateway, Example Inc."),
            "gw@mx.example",
        ),
        ("Example Inc. <a.b+c@example.org>", Some("Example Inc."), "a.b+c@example.org"),
        ("Z\u{fc}rich <gw@b\u{fc}cher.example>", Some("Z\u{fc}rich"), "gw@b\u{fc}cher.example"),
        ("\"q\\\"q\" <gw@localhost>", Some("q\"q"), "gw@localhost"),
    ] {
        assert_same(text);
        let read = text.parse::<MailFrom>().ok();
        assert_eq!(read.is_some(), !address.is_empty(), "{text}");
        if let Some(MailFrom { name: read_name, local_part, domain }) = read {
            assert_eq!((read_name.as_deref(), &*format!("{local_part}@{domain}")), (name, address));
        }
    }
}

#[test]
fn what_is_wrong_is_told() {
    let long = format!("{}@example.org", "a".repeat(65));
    for (text, error) in [
        ("", MailFromError::Form),
        ("gw", MailFromError::Form),
        ("@example.org", MailFromError::Form),
        ("gw@", MailFromError::Form),
        ("Gateway gw@mx.example", MailFromError::Form),
        ("Gateway <gw@mx.example", MailFromError::Form),
        ("gw@mx.example, other@mx.example", MailFromError::Form),
        ("gw@[127.0.0.1]", MailFromError::Form),
        (&*long, MailFromError::LocalPart),
        ("\"a b\"@mx.example", MailFromError::LocalPart),
        ("gw@-mx.example", MailFromError::Domain),
        ("gw@mx_.example", MailFromError::Domain),
    ] {
        assert_eq!(text.parse::<MailFrom>(), Err(error), "{text}");
        assert_same(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn the_mail_client_takes_what_the_settings_take(pieces in vec(select(&PIECES[..]), 0..8)) {
        assert_same(&pieces.concat());
    }

    #[test]
    fn also_where_it_is_nearly_right(
        name in vec(select(&PIECES[..]), 0..4),
        local in vec(select(&PIECES[..]), 1..3),
        domain in vec(select(&PIECES[..]), 1..3),
        angle in any::<bool>(),
    ) {
        let [name, local, domain] = [name, local, domain].map(|pieces| pieces.concat());
        let text = match angle {
            true => format!("{name}<{local}@{domain}>"),
            false => format!("{local}@{domain}"),
        };
        assert_same(&text);
    }

    #[test]
    fn whatever_the_characters_are(text in "\\PC{0,12}@\\PC{1,12}") {
        assert_same(&text);
    }
}
