//! The replies to what is refused.

use super::{NOW, PLAIN, RC4, SSL3, policy_from};
use policy::{Case, Client, OnUnknownTls, Recipient, Sender, TlsState, judge};

#[test]
fn the_reply_says_which_domain_what_was_wrong_and_what_to_do() {
    let policy = policy_from(
        r#"
defaults: { reply: { url: "https://help.example/tls" } }
domains:
  - example.com
  - { domain: own.example, reply: { code: 550, text: "{domain}: {reason}. {tls_version} {cipher} 100%", url: "https://o.example" } }
senders: [bank.example]
"#,
    );
    let reply = |rcpt: &str, sender: &str, tls: (&str, &str)| {
        let tls = TlsState::from_macros(Some(tls.0.as_bytes()), Some(tls.1.as_bytes()), None);
        let recipient = Recipient::new(rcpt.as_bytes(), None, None);
        let sender = Sender::new(sender.as_bytes(), None);
        let case = Case {
            tls: &tls,
            client: Client::default(),
            sender: &sender,
            recipient: &recipient,
            now: NOW.parse().unwrap(),
            on_unknown_tls: OnUnknownTls::Defer,
            require: None,
        };
        judge(&policy, &case).reply(&case).unwrap().to_string()
    };
    assert_eq!(
        reply("<u@example.com>", "<>", PLAIN),
        "450 4.7.1 Mail for example.com is accepted only over an adequately encrypted connection: this \
         connection is not encrypted. Enable TLS (STARTTLS) for outgoing mail on the sending server. \
         https://help.example/tls"
    );
    let weak = reply("<u@example.com>", "<>", SSL3);
    assert!(weak.contains("SSLv3") && weak.contains("Update TLS"), "{weak}");
    assert!(
        reply("<u@x.example>", "<a@bank.example>", PLAIN).contains("Mail from bank.example is")
    );
    assert_eq!(
        reply("<u@own.example>", "<>", RC4),
        "550 5.7.1 own.example: cipher ECDHE-RSA-RC4-SHA is not accepted (RC4). TLSv1.2 ECDHE-RSA-RC4-SHA \
         100% https://o.example"
    );
}

#[test]
fn a_reply_is_in_the_language_of_its_domain() {
    let policy = policy_from(
        "
defaults: { language: de }
domains:
  - example.com
  - { domain: example.org, language: en }
  - { domain: example.net, reply: { text: 'No: {reason}' } }
local: {}
",
    );
    let reply = |rcpt: &str| {
        let recipient = Recipient::new(rcpt.as_bytes(), None, None);
        let case = Case {
            tls: &TlsState::Plaintext,
            client: Client::default(),
            sender: &Sender::default(),
            recipient: &recipient,
            now: jiff::Timestamp::UNIX_EPOCH,
            on_unknown_tls: OnUnknownTls::Defer,
            require: None,
        };
        judge(&policy, &case).reply(&case).unwrap().to_string()
    };
    assert_eq!(
        reply("<a@example.com>"),
        "450 4.7.1 E-Mails an example.com werden nur ueber eine ausreichend verschluesselte \
         Verbindung angenommen: diese Verbindung ist nicht verschluesselt. Schalten Sie auf dem \
         sendenden Server TLS (STARTTLS) fuer ausgehende E-Mails ein."
    );
    assert!(reply("<a@example.org>").contains("this connection is not encrypted"));
    assert_eq!(reply("<a@example.net>"), "450 4.7.1 No: diese Verbindung ist nicht verschluesselt");
    assert!(reply("<a>").contains("diesen Empfaenger"));
}

#[test]
fn a_reply_under_a_star_names_the_domain_where_it_is_written_and_no_word_of_a_local_part() {
    let policy = policy_from("domains: ['*']");
    let tls = TlsState::from_macros(None, None, None);
    let sender = Sender::default();
    for (rcpt, named) in [
        ("<user@example.com>", "Mail for example.com is"),
        ("<\"first last\"@example.com>", "Mail for example.com is"),
        ("<\"a b, <x>@y\"@example.com>", "Mail for example.com is"),
        ("<\"a@other.test\"@example.com>", "Mail for example.com is"),
        ("<\"a!b\"@Example.COM.>", "Mail for example.com is"),
        ("<a%other.test@example.com>", "Mail for example.com is"),
        ("<other.test!user@example.com>", "Mail for example.com is"),
        // Where the domain cannot be read, none is made of the local part.
        ("<mail@gr??n.example>", "Mail for this recipient is"),
    ] {
        let recipient = Recipient::new(rcpt.as_bytes(), None, None);
        let case = Case {
            tls: &tls,
            client: Client::default(),
            sender: &sender,
            recipient: &recipient,
            now: NOW.parse().unwrap(),
            on_unknown_tls: OnUnknownTls::Defer,
            require: None,
        };
        let reply = judge(&policy, &case).reply(&case).unwrap().to_string();
        assert!(reply.contains(named), "{rcpt}: {reply}");
    }
}
