//! What a digest tells of the second hop, and of handshakes that failed.

use super::digest::{POLICY, mails, only_text, parsed, refused, sendmail};
use super::support::Ledger;

/// Mail for two entries of which some left as it should not.
fn hops() -> Ledger {
    let mut ledger = Ledger::new(
        "domains:
  - { domain: example.org, contact: boss@example.org }
  - { domain: '*.example.com', contact: chef@example.com, language: de }
  - example.net
",
        "digest: { from: gw@mx.example, sendmail: ./sendmail }",
    );
    sendmail(&ledger, 0);
    for to in ["example.org", "a.example.com", "example.net"] {
        ledger.deliver(1, 9, to, &format!("mx.{to}"), "TLSv1.3 trusted sent none");
    }
    ledger
}

#[test]
fn a_digest_tells_how_mail_left_where_that_was_not_as_it_should_be_once() {
    let mut ledger = hops();
    // All is well: there is nothing to say.
    assert_eq!(ledger.text(&["digest", "--send"]), "0 sent\n");
    for to in ["example.org", "a.example.com", "example.net"] {
        ledger.deliver(2, 4, to, &format!("old.{to}"), "none none sent none");
        ledger.deliver(1, 2, to, &format!("mx2.{to}"), "none none deferred tls-not-offered");
        // What is no matter of encryption, and what only the operator can mend.
        ledger.deliver(1, 1, to, "mx3.example", "unknown none deferred connection");
        ledger.deliver(1, 1, to, "mx4.example", "unknown none deferred policy-failed");
        ledger.deliver(1, 1, to, "mx5.example", "unknown none sent none");
    }
    let looked = ledger.text(&["digest"]);
    assert_eq!(looked.matches("Auto-Submitted").count(), 2);
    assert_eq!(ledger.text(&["digest", "--send"]), "2 sent\n");
    let told: Vec<_> = mails(&ledger).iter().map(|mail| parsed(mail)).collect();
    let (german, english) = (&told[0], &told[1]);
    assert_eq!(
        english["head"]["subject"],
        "[example.org] mail left unencrypted, mail could not leave"
    );
    assert_eq!(
        german["head"]["subject"],
        "[*.example.com] E-Mails gingen unverschlüsselt weiter, E-Mails konnten nicht weitergehen"
    );
    let flat = |mail: &serde_json::Value, part: &str| {
        let words = mail[part].as_str().unwrap().split_whitespace();
        words.collect::<Vec<_>>().join(" ")
    };
    for part in ["text", "html"] {
        let (english, german) = (flat(english, part), flat(german, part));
        for words in [
            "Mail for example.org did not leave this gateway as it should.",
            "4 left unencrypted, to old.example.org, last on ",
            "Let this server offer TLS (STARTTLS).",
            "2 had to wait for mx2.example.org: the server does not offer TLS, which is demanded; still waiting: 2",
        ] {
            assert!(english.contains(words), "{words}: {english}");
        }
        for words in [
            "E-Mails an *.example.com gingen von diesem Gateway nicht so weiter",
            "a.example.com: 4 gingen unverschlüsselt weiter, an old.a.example.com",
        ] {
            assert!(german.contains(words), "{words}: {german}");
        }
        for word in ["mx3.", "mx4.", "mx5.", "postmaster@", "mandatory-tls check", "deliver:"] {
            assert!(!english.contains(word) && !german.contains(word), "{word}: {english}");
        }
    }
    // It goes on: nothing new. Another server is.
    ledger.deliver(0, 7, "example.org", "old.example.org", "none none sent none");
    assert_eq!(ledger.text(&["digest", "--send"]), "0 sent\n");
    ledger.deliver(0, 1, "example.org", "older.example.org", "failed none sent none");
    assert_eq!(ledger.text(&["digest", "--send"]), "1 sent\n");
    let mail = flat(&parsed(&mails(&ledger)[2]), "text");
    assert!(mail.contains("older.example.org") && !mail.contains(" old.example.org"), "{mail}");
}

#[test]
fn news_of_the_second_hop_that_could_not_be_sent_is_sent_the_next_time() {
    let mut ledger = hops();
    ledger.deliver(1, 4, "example.org", "old.example.org", "none none sent none");
    sendmail(&ledger, 75);
    assert_eq!(ledger.run(&["digest", "--send"]).status.code(), Some(69));
    sendmail(&ledger, 0);
    assert_eq!(ledger.text(&["digest", "--send"]), "1 sent\n");
}

#[test]
fn a_server_that_tried_tls_has_a_letter_of_its_own() {
    let cases = [
        ("unsupported protocol", "ask its postmaster for TLS 1.2 or newer"),
        ("no shared cipher", "That may be a setting of this gateway: tell whoever runs it."),
        ("tlsv1 alert unknown ca", "does not accept the certificate of this gateway"),
        ("lost connection", "a firewall that looks into SMTP"),
    ];
    for (cause, remedy) in cases {
        let mut ledger =
            Ledger::new(POLICY, "digest: { from: gw@mx.example, sendmail: ./sendmail }");
        sendmail(&ledger, 0);
        ledger.add(1, 3, refused("192.0.2.1", "mx.peer.example", "example.org"));
        let then = (cause, ledger::Afterwards::Refused);
        ledger.fail_handshakes(1, 3, ("192.0.2.1", ""), then, &["example.org"]);
        let text = only_text(&ledger);
        assert!(text.contains("TLS failed: ") && text.contains(remedy), "{cause}: {text}");
        // They have switched it on.
        assert!(!text.contains("switch on TLS") && !text.contains("What to tell them"), "{text}");
    }
    // Beside another one that has not, both letters stand.
    let mut ledger = Ledger::new(POLICY, "digest: { from: gw@mx.example, sendmail: ./sendmail }");
    sendmail(&ledger, 0);
    ledger.add(1, 3, refused("192.0.2.1", "", "example.org"));
    ledger.add(1, 3, refused("192.0.2.2", "", "example.org"));
    let then = ("unsupported protocol", ledger::Afterwards::Refused);
    ledger.fail_handshakes(1, 3, ("192.0.2.1", ""), then, &["example.org"]);
    let text = only_text(&ledger);
    assert!(text.contains("Where nothing else is said above: Ask the postmaster"), "{text}");
    assert_eq!(text.matches("What to do: ").count(), 1, "{text}");
    // Who then wrote to another domain is not shown here.
    let mut ledger = Ledger::new(POLICY, "digest: { from: gw@mx.example, sendmail: ./sendmail }");
    sendmail(&ledger, 0);
    ledger.add(1, 3, refused("192.0.2.1", "", "example.org"));
    ledger.fail_handshakes(1, 3, ("192.0.2.1", ""), then, &["example.net"]);
    assert!(!only_text(&ledger).contains("TLS failed"));
}
