//! How addresses are read.

use super::words::MAX_WORDS;
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
        assert!(!recipient.is_local() && !recipient.unreadable, "{text}");
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
        "<\"user%example.com\"@local.test>",
        "<\"example.com!user\"@local.test>",
        "<\"user\u{ff05}example.com\"@local.test>",
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
        "<user@(example com)>",
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
        assert!(recipient.is_local() && !recipient.unreadable, "{text}: {recipient:?}");
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
        assert!(argument(text).is_local(), "{text}");
    }
    for text in ["<\"user\"@example.com>", "<\"a\\\"b\"@example.com>", "<\"user\\\\\"@example.com>"]
    {
        assert!(!argument(text).is_local(), "{text}");
    }
}

#[test]
fn a_literal_behind_a_sign_by_which_mtas_route_may_be_the_mtas_own() {
    for text in ["<user%free.test@[192.0.2.1]>", "<\"a@free.test\"@[192.0.2.1]>"] {
        assert!(argument(text).is_local(), "{text}");
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
    // Nor is it one where the client wrote the same.
    let text = "550 user@example.com";
    assert!(domains(&told(text, text, "")).contains(&"example.com"));
}

/// What is seen of a recipient of which the MTA says this.
fn told(argument: &str, rcpt_addr: &str, rcpt_host: &str) -> Recipient {
    let macros = [rcpt_addr, rcpt_host].map(|value| Some(value.as_bytes()));
    Recipient::new(argument.as_bytes(), macros[0], macros[1])
}

#[test]
fn a_plain_address_is_judged_by_its_own_domain_wherever_the_mta_routes_it() {
    for host in [
        "free.example",
        "free.example.",
        "[mx.example.net]:587",
        "mx.example.net",
        "bücher.example",
    ] {
        for address in
            ["user@free.example", "\"John Q. Public\"@free.example", "👩\u{200d}💻@free.example"]
        {
            let recipient = told(&format!("<{address}>"), address, host);
            assert_eq!(domains(&recipient), ["free.example"], "{address} {host}");
            let alone = Recipient::new(address.as_bytes(), None, Some(host.as_bytes()));
            assert_eq!(domains(&alone), ["free.example"], "{address} {host}");
        }
        let literal = told("<user@[192.0.2.1]>", "user@[192.0.2.1]", host);
        assert_eq!(domains(&literal), [""; 0], "{host}");
    }
}

#[test]
fn the_host_counts_where_it_is_another_spelling_of_what_was_written() {
    let names = ["fass.example", "xn--fa-hia.example"];
    for (address, seen) in [("user@fass.example", names), ("user@faß.example", names)] {
        let recipient = told(&format!("<{address}>"), "user@fass.example", "faß.example");
        let mut found = domains(&recipient);
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, seen, "{address}");
    }
}

#[test]
fn the_host_counts_where_the_address_is_not_plain() {
    for (argument, rcpt_addr) in [
        ("<user%a.test@relay.test>", "user@a.test"),
        ("<@relay.test:user@a.test>", "user@a.test"),
        ("<user@a.test>,<two@b.test>", "two@b.test"),
        ("<user@a.test(c)>", "user@a.test"),
        ("<us\"er\"@a.test>", "user@a.test"),
        ("<user>", ""),
    ] {
        let recipient = told(argument, rcpt_addr, "example.com");
        assert!(domains(&recipient).contains(&"example.com"), "{argument}: {recipient:?}");
    }
}

#[test]
fn a_host_that_is_no_text_leaves_in_doubt_only_where_an_address_leads_that_is_not_plain() {
    let routed = |argument: &str| {
        Recipient::new(argument.as_bytes(), Some(b"user@a.test"), Some(b"b\xfccher.example"))
    };
    assert!(routed("<user%a.test@relay.test>").is_unreadable());
    assert!(!routed("<user@a.test>").is_unreadable());
}

#[test]
fn a_sign_by_which_mtas_route_is_no_doubt_where_the_mta_took_it_as_it_stands() {
    for address in [
        "50%.off/x@free.example",
        "a!b.c#d@free.example",
        "\"50% off, today..!\"@free.example",
        "\"a@b[c]\"@free.example",
        "user\u{ff20}home@free.example",
        "user\u{3000}home@free.example",
    ] {
        let bracketed = format!("<{address}>");
        let recipient = told(&bracketed, address, "mx.example.net");
        assert!(!recipient.unreadable && !recipient.is_local(), "{address}: {recipient:?}");
        assert!(!domains(&recipient).contains(&"mx.example.net"), "{address}");
        // It may be rewritten all the same, by an MTA that does not say so.
        let alone = Recipient::new(bracketed.as_bytes(), None, Some(b"mx.example.net"));
        assert!(domains(&alone).contains(&"mx.example.net"), "{address}");
    }
    // What stands in it counts, and so does that it has no domain that can be.
    let hidden = "\"x@opted.example\"@free.example";
    assert!(domains(&told(hidden, hidden, "free.example")).contains(&"opted.example"));
    assert!(told("<a%b@c..d>", "a%b@c..d", "c..d").unreadable);
}

#[test]
fn a_quoted_local_part_belongs_to_the_domain_behind_it() {
    for (text, words) in [
        (
            "<\"John Q. Public\"@example.com>",
            &["john q. public", "john", "public", "john.q..public"][..],
        ),
        ("<\"big boss\"@example.com>", &["big.boss", "bigboss", "boss"]),
        ("<\"boss,x\"@example.com>", &["boss"]),
        ("<\" boss\"@example.com>", &["boss"]),
        ("<\"a>b\"@example.com>", &["a>b", "a"]),
        ("<\"\\\"boss\\\"\"@example.com>", &["\"boss\"", "boss"]),
        ("<\"/C=US/A= /P=ACME/S=Public/G=John/\"@example.com>", &["public/g"]),
    ] {
        let recipient = argument(text);
        assert_eq!(domains(&recipient), ["example.com"], "{text}");
        assert!(!recipient.unreadable && !recipient.is_local(), "{text}");
        let Mailbox::Perhaps(found) = &recipient.seen[0].mailbox else { panic!("{recipient:?}") };
        for word in words {
            assert!(found.iter().any(|other| other == word), "{text}: {word}: {found:?}");
        }
    }
    for text in ["<\"b\\oss\"@example.com>", "<\"boss\"@example.com>"] {
        assert_eq!(argument(text).seen[0].mailbox, Mailbox::Exact("boss".into()), "{text}");
    }
}

#[test]
fn the_words_of_a_quoted_local_part_count_where_it_is_longer_than_any_that_is_in_use() {
    let quoted = |length: usize| {
        let local = format!("{} example.com", "x".repeat(length - " example.com".len()));
        argument(&format!("<\"{local}\"@local.test>"))
    };
    assert_eq!(domains(&quoted(128)), ["local.test"]);
    assert!(domains(&quoted(129)).contains(&"example.com"));
}

#[test]
fn what_only_begins_like_a_quoted_local_part_is_not_taken_for_one() {
    for text in [
        "<\"user\"x@example.com>",
        "<\"user@example.com>",
        "<\"us\"\"er\"@example.com>",
        "<\"user\"@exam(c)ple.com>",
        "<\"user\"@example.com,two@b.test>",
        "<\"us\ter\"@example.com>",
        "<\"user\"@example.com><two@b.test>",
    ] {
        let mailboxes =
            argument(text).seen.iter().map(|seen| seen.mailbox.clone()).collect::<Vec<_>>();
        assert!(mailboxes.len() > 1, "{text}: {mailboxes:?}");
    }
}

#[test]
fn sendmails_own_recipients_are_delivered_under_the_domain_that_was_written() {
    let named = Recipient::new(b"<user@mx.example.com>", Some(b"user"), None);
    assert!(named.is_delivered_here() && !named.is_local());
    assert_eq!(domains(&named), ["mx.example.com"]);
    for argument in
        ["<user>", "<user@[192.0.2.1]>", "<@mx.example.com:user>", "<user%x@mx.example.com>"]
    {
        let nameless = Recipient::new(argument.as_bytes(), Some(b"user"), None);
        assert!(nameless.is_local() && !nameless.is_delivered_here(), "{argument}");
    }
    assert!(argument("<user@example.com>").delivered_here().is_delivered_here());
    assert!(argument("<user>").delivered_here().is_local());
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
