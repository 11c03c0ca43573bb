//! However a recipient is written: what the MTA would deliver to the opted-in domain is judged as
//! mail for it.

use crate::support::{Milter, Postfix, Sendmail, Service, Sink, SmtpClient, Tls};

/// Ways to write a recipient, some of them never seen in honest mail: the argument of RCPT TO, one a line.
const FORMS: &str = include_str!("recipient-forms.txt");

/// Forms that both MTAs deliver to example.com; where one is missing, the test proves less than it says.
const TRICKS: [&str; 6] = [
    "<user@Example.COM>",
    "<user@example.com.>",
    "<@relay.example:user@example.com>",
    "<user%example.com@local.example>",
    "<example.com!user@local.example>",
    "<\"user@example.com\">",
];

fn forms() -> impl Iterator<Item = String> {
    FORMS
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.replace("\\t", "\t"))
}

/// Sends a message to each form; its number is the subject.
fn send_all(port: u16) {
    for (number, form) in forms().enumerate() {
        let mut client = SmtpClient::plaintext(port);
        client.mail("sender@example.org");
        if client.command(&format!("RCPT TO:{form}")).code == 250 {
            client.data(&format!("form {number}"));
        }
    }
}

/// The forms by which mail came to example.com.
fn delivered_to_the_domain(sink: &Sink) -> Vec<String> {
    let deliveries = sink.deliveries();
    let arrived = |number: usize| {
        deliveries.iter().filter(|delivery| delivery.subject() == format!("form {number}")).any(
            |delivery| {
                delivery
                    .recipients
                    .iter()
                    .any(|address| address.to_ascii_lowercase().ends_with("@example.com"))
            },
        )
    };
    forms().enumerate().filter(|(number, _)| arrived(*number)).map(|(_, form)| form).collect()
}

/// Each of these is refused in the clear, and taken over TLS.
fn check(port: u16, delivered: &[String]) {
    for trick in TRICKS {
        assert!(
            delivered.iter().any(|form| form == trick),
            "{trick} was not delivered: {delivered:#?}"
        );
    }
    let mut plaintext = SmtpClient::plaintext(port);
    let mut encrypted = SmtpClient::encrypted(port, &Tls::V1_3);
    let mut passed = Vec::new();
    for form in delivered {
        let command = format!("RCPT TO:{form}");
        plaintext.mail("sender@example.org");
        if plaintext.command(&command).code != 450 {
            passed.push(form);
        }
        plaintext.rset();
        encrypted.mail("sender@example.org");
        encrypted.expect(&command, 250);
        encrypted.rset();
    }
    assert!(passed.is_empty(), "not refused in the clear: {passed:#?}");
}

#[test]
fn no_way_to_write_a_recipient_gets_plaintext_mail_past_the_milter_in_postfix() {
    let milter = Milter::start("domains: []\n");
    let postfix = Postfix::with(&milter);
    send_all(postfix.port(Service::Smtp));
    postfix.wait_for_queue("all mail delivered, or tried", |queue| {
        queue.iter().all(|file| file.queue == "deferred")
    });
    let delivered = delivered_to_the_domain(postfix.sink());
    milter.change_policy("domains: [example.com]\n");
    check(postfix.port(Service::Smtp), &delivered);
}

#[test]
fn no_way_to_write_a_recipient_gets_plaintext_mail_past_the_milter_in_sendmail() {
    let milter = Milter::start("domains: []\n");
    let sendmail = Sendmail::with(&milter);
    send_all(sendmail.smtp_port());
    let delivered = delivered_to_the_domain(sendmail.sink());
    milter.change_policy("domains: [example.com]\n");
    check(sendmail.smtp_port(), &delivered);
}

#[test]
fn no_other_characters_for_the_same_domain_get_plaintext_mail_past_the_milter_in_postfix() {
    // All of these are example.com to a name look-up (UTS 46), and Postfix delivers them there, though
    // it takes none of them for its relay domain example.com.
    const FORMS: [&str; 9] = [
        "<user@ｅxample.com>",
        "<user@ⓔxample.com>",
        "<user@ℯxample.com>",
        "<user@example。com>",
        "<user@example．com>",
        "<user@exa\u{ad}mple.com>",
        "<user@exam\u{200b}ple.com>",
        "<\"user@ｅxample.com\">",
        "<user%ｅxample.com@local.example>",
    ];
    let milter = Milter::start("domains: []\n");
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    let mut rcpt = |form: &str| {
        client.expect("MAIL FROM:<sender@example.org> SMTPUTF8", 250);
        let reply = client.command(&format!("RCPT TO:{form}"));
        if reply.code == 250 {
            client.data(form);
        } else {
            client.rset();
        }
        reply
    };
    for form in FORMS {
        rcpt(form).assert_accepted();
    }
    postfix.sink().wait_for(FORMS.len());
    postfix.wait_for_queue("an empty queue", |queue| queue.is_empty());
    let there = |line: &str| line.contains("status=sent") && line.contains("relay=example.com[");
    assert_eq!(postfix.log().matching(there).len(), FORMS.len());

    milter.change_policy("domains: [example.com]\n");
    for form in FORMS {
        rcpt(form).assert_refused();
    }
}

#[test]
fn sendmails_second_address_in_one_argument_is_judged_too() {
    let milter = Milter::start("domains: [example.net]\n");
    let sendmail = Sendmail::with(&milter);
    // Sendmail sends all of these to two@example.net.
    for argument in [
        "<user@example.com>,<two@example.net>",
        "<user@example.com><two@example.net>",
        "<user@example.com>(c)<two@example.net>",
        "user<two@example.net>@example.com",
    ] {
        let mut client = SmtpClient::plaintext(sendmail.smtp_port());
        client.mail("sender@example.org");
        client.expect(&format!("RCPT TO:{argument}"), 450);
    }
}
