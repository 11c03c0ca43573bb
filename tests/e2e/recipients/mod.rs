//! However a recipient is written: what the MTA would deliver to the opted-in domain is judged as
//! mail for it.
//!
//! The forms (`forms/*.txt`) go in plaintext to one MTA for each configuration: without a policy, to see
//! where it delivers them, and again with a policy. What ended at something that is opted in must have
//! been refused.
//!
//! Refused, too, is some of what ends elsewhere. These kinds are known, and their number is bounded:
//!
//! - the domain stands in the address, and the mail goes elsewhere: as a hop of a source route, behind
//!   a percent or bang that this MTA does not follow or follows to another host first, in quotes, in a
//!   comment, as the first of two addresses, before `=` or `::`, in the local part of a name of the MTA;
//! - the address cannot be understood: controls, octets that are no UTF-8, names over 63 or 253
//!   octets, characters that no domain has (`user@example.com/path`, `user@"example".com`), names that
//!   UTS 46 does not know, very many words;
//! - for a mailbox: what cannot be understood at any domain, and what differs from its name by blanks,
//!   dots, quotes, a list (`"boss,x"`) or characters that fold to it (`boß`).
//!
//! Addresses that are odd and legal (`../../fixtures/recipients/legal.txt`) go the same way. Of those that end
//! elsewhere none is refused, whatever they are relayed to.

mod forms;
mod postfix;
mod sendmail;
mod trial;

use crate::support::{Milter, Postfix, Sendmail, Service, SmtpClient};

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
        let reply = client.command(format!("RCPT TO:{form}"));
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
