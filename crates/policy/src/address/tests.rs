//! How addresses are read.

use super::*;

fn domains(recipient: &Recipient) -> Vec<&str> {
    let mut names: Vec<&str> = recipient.seen.iter().map(|seen| seen.domain.as_str()).collect();
    names.dedup();
    names
}

fn argument(text: &str) -> Recipient {
    Recipient::new(text.as_bytes(), None, None)
}

#[test]
fn a_plain_address_has_one_domain_and_its_mailbox() {
    for text in [
        "<User@Example.COM>",
        "user@example.com",
        "<user@example.com.>",
        " <user@example.com> ",
        "<\"user\"@example.com>",
    ] {
        let recipient = argument(text);
        assert_eq!(
            recipient.seen(),
            [Sighting {
                mailbox: Mailbox::Exact("user".into()),
                domain: DomainName::parse("example.com").unwrap(),
                origin: Origin::Argument,
            }],
            "{text}"
        );
        assert!(!recipient.local && !recipient.unreadable, "{text}");
    }
}

#[test]
fn every_domain_of_a_convoluted_address_is_seen() {
    for text in [
        "<@relay.test,@other.test:user@example.com>",
        "<user%example.com@local.test>",
        "<example.com!user>",
        "<example.com!user@local.test>",
        "<\"user@example.com\">",
        "<\"user@example.com\"@local.test>",
        "<user@example.com>,<two@free.test>",
        "<a@free.test><user@example.com>",
        "<a@free.test>(c)<user@example.com>",
        "user<two@example.com>@free.test",
        "<user(comment)@example.com>",
        "<user@(comment)example.com>",
        "<user @example.com>",
        "<user@example.com\t>",
        "<user@exam\"\"ple.com>",
        "<user@exam\\ple.com>",
        "<a@b@example.com>",
        "<user@example.com:25>",
        "<user=example.com@local.test%x>",
        "<user@exa(comment)mple.com>",
        "<user@example .com>",
        "<user@[example.com]>",
        "<user@example com>",
        "<user@[EXAMPLE.COM.]>",
        "<user@example(comment)com>",
        "<user@example (a(b)c) com>",
    ] {
        assert!(domains(&argument(text)).contains(&"example.com"), "{text}: {:?}", argument(text));
    }
}

#[test]
fn what_the_mta_understood_counts_beside_what_the_client_wrote() {
    let recipient = Recipient::new(
        b"<user%example.com@relay.test>",
        Some(b"user@example.com"),
        Some(b"example.com."),
    );
    assert!(domains(&recipient).contains(&"example.com"));
    assert!(domains(&recipient).contains(&"relay.test"));
    assert_eq!(recipient.seen.first().map(|seen| seen.origin), Some(Origin::Macro));
}

#[test]
fn a_mailbox_is_found_inside_a_convoluted_address() {
    for text in ["<\\boss@example.com>", "<\"bo\"\"ss\"@example.com>", "<@a.test:boss@example.com>"]
    {
        let found = argument(text).seen.iter().any(|seen| {
            seen.domain.as_str() == "example.com"
                && matches!(&seen.mailbox, Mailbox::Perhaps(words) if words.iter().any(|word| word == "boss"))
        });
        assert!(found, "{text}: {:?}", argument(text));
    }
}

#[test]
fn an_address_of_very_many_words_shows_no_more_than_its_words_by_two_readings() {
    let address = |letter| -> String {
        (0..40).map(|number| format!("{letter}\u{df}{number}.example%")).collect::<String>()
            + "x@y.test"
    };
    let (written, understood) = (address('a'), address('b'));
    let recipient =
        Recipient::new(written.as_bytes(), Some(understood.as_bytes()), Some(b"c.example"));
    assert_eq!(recipient.seen().len(), 2 * 2 * MAX_WORDS + 1);
    assert!(recipient.unreadable, "there are more, and the strictest terms apply");
}

#[test]
fn recipients_without_a_domain_and_literals_are_the_mtas_own() {
    for text in ["<postmaster>", "postmaster", "<user@[192.0.2.1]>", "<user@[IPv6:::1]>", "<user@>"]
    {
        let recipient = argument(text);
        assert!(recipient.local && !recipient.unreadable, "{text}: {recipient:?}");
    }
}

#[test]
fn a_recipient_whose_at_sign_is_quoted_may_be_the_mtas_own() {
    for text in [
        "<\"user@example.com\">",
        "<\"user@example com\">",
        "<user\\@example.com>",
        "<\"\\\"user@example.com\">",
        "<\"example.com!user\">",
    ] {
        assert!(argument(text).local, "{text}");
    }
    for text in ["<\"user\"@example.com>", "<\"a\\\"b\"@example.com>", "<\"user\\\\\"@example.com>"]
    {
        assert!(!argument(text).local, "{text}");
    }
}

#[test]
fn what_cannot_be_understood_is_unreadable() {
    for text in [
        &b"<user@b\xfccher.example>"[..],
        b"<>",
        b"",
        b"<user@exam\0ple.com>",
        b"<user@a..b>",
        b"<us\rer@example.com>",
        b"<user@foo#bar.example.com>",
        b"<user@x/example.com>",
        b"<user@example.com&x>",
        b"<foo#bar.example.com!user>",
        b"<@>",
    ] {
        assert!(Recipient::new(text, None, None).unreadable, "{text:?}");
    }
    let crowd = ["<a@b.test>"; 3].join(",")
        + &(0..40).map(|n| format!(",<u@d{n}.test>")).collect::<String>();
    assert!(argument(&crowd).unreadable);
}

#[test]
fn an_error_text_in_rcpt_addr_is_no_address() {
    let recipient = Recipient::new(b"<user@example.com>", Some(b"550 5.1.1 User unknown"), None);
    assert_eq!(domains(&recipient), ["example.com"]);
    assert!(!recipient.unreadable);
}

#[test]
fn the_host_counts_where_it_names_another_domain() {
    let seen = |host: &[u8]| {
        let recipient =
            Recipient::new(b"<user@example.com>", Some(b"user@example.com"), Some(host));
        recipient.seen.iter().map(|seen| seen.domain.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(seen(b"example.com."), ["example.com"]);
    assert_eq!(seen(b"[smarthost.example.net]:587"), ["example.com"]);
    assert_eq!(seen(b"mx.example.net"), ["example.com", "mx.example.net"]);
    assert_eq!(
        seen("fa\u{df}.example".as_bytes()),
        ["example.com", "fass.example", "xn--fa-hia.example"]
    );
}

#[test]
fn the_null_sender_has_no_domain_and_a_convoluted_one_is_not_trusted() {
    assert_eq!(Sender::new(b"<>", Some(b"")).seen(), []);
    assert_eq!(
        Sender::new(b"<a@B.test>", Some(b"a@B.test")).domain().map(DomainName::as_str),
        Some("b.test")
    );
    for convoluted in ["<%b.test>", "<\"a b\"@b.test>", "<@b.test>"] {
        assert_eq!(Sender::new(convoluted.as_bytes(), None).domain(), None, "{convoluted}");
    }
    let convoluted = Sender::new(b"<a%b.test@c.test>", None);
    assert_eq!(convoluted.domain(), None);
    assert!(convoluted.seen().iter().any(|seen| seen.domain.as_str() == "b.test"));
}

#[test]
fn a_mailbox_that_an_address_holds_in_two_cases_is_one() {
    let recipient = Recipient::new(b"<Boss%boss+x@box.example>", None, None);
    for seen in recipient.seen() {
        if let Mailbox::Perhaps(words) = &seen.mailbox {
            assert_eq!(words.iter().filter(|word| *word == "boss").count(), 1, "{words:?}");
        }
    }
    assert!(recipient.seen().iter().any(|seen| matches!(seen.mailbox, Mailbox::Perhaps(_))));
}
