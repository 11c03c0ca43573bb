//! Letters of each kind: what they advise, what they tell us first, and what they do not tell.

use super::*;
use ledger::handshakes::HandshakeFault as Fault;
use strum::IntoEnumIterator;

fn complaint(causes: &[Cause]) -> Complaint {
    let server = Complained {
        client: "192.0.2.77".into(),
        host: "mail.lawyers.example".into(),
        recipients: 12,
        attempts: 40,
        first: 1_795_000_000,
        last: 1_795_432_100,
        causes: causes.iter().copied().collect(),
        sessions: [("TLSv1".to_owned(), "RC4-SHA".to_owned())].into(),
    };
    Complaint {
        domains: ["example.org".to_owned()].into(),
        senders: ["lawyers.example".to_owned()].into(),
        is_own: false,
        refused: false,
        servers: vec![server],
    }
}

fn all_causes() -> Vec<Cause> {
    let known =
        [Cause::Plaintext, Cause::Version, Cause::Cipher, Cause::Certificate, Cause::NotTold];
    known.into_iter().chain(Fault::iter().map(Cause::Handshake)).collect()
}

#[test]
fn what_is_advised_follows_from_the_reason_and_where_it_may_be_ours_we_are_told_first() {
    for (cause, advice, is_first) in [
        (Cause::Plaintext, "smtp_tls_security_level = may", false),
        (Cause::Version, "smtp_tls_protocols = >=TLSv1.2", false),
        (Cause::Cipher, "smtp_tls_ciphers = high", false),
        (Cause::Certificate, "smtp_tls_chain_files", false),
        (Cause::NotTold, "", true),
        (Cause::Handshake(Fault::Version), "smtp_tls_protocols = >=TLSv1.2", false),
        (Cause::Handshake(Fault::NothingShared), "smtp_tls_ciphers = high", true),
        (Cause::Handshake(Fault::OurCertificate), "our certificate", true),
        (Cause::Handshake(Fault::Ours), "", true),
        (Cause::Handshake(Fault::ClientCertificate), "", true),
        (Cause::Handshake(Fault::TheyRefused), "log of your server", false),
        (Cause::Handshake(Fault::NotTls), "port 25", false),
        (Cause::Handshake(Fault::BrokenOff), "port 25", true),
        (Cause::Handshake(Fault::NotLogged), "log of your server", true),
        (Cause::Handshake(Fault::Other), "log of your server", false),
    ] {
        let letter = letter(&complaint(&[cause]), None, Language::English, Reader::Operator);
        let body = letter.body.unwrap_or_default().replace('\n', " ");
        assert_eq!(
            (body.is_empty(), letter.first.is_empty()),
            (advice.is_empty(), !is_first),
            "{cause:?}"
        );
        assert!(body.contains(advice), "{cause:?}: {body}");
        // To switch TLS on is no help to those who have tried it.
        let is_on = body.contains("Switch on TLS");
        assert_eq!(is_on, cause == Cause::Plaintext, "{cause:?}");
    }
}

#[test]
fn a_letter_names_the_server_and_its_times_and_nothing_of_this_gateway() {
    for language in [Language::English, Language::German] {
        for cause in all_causes() {
            for (from, refused) in [(Some(1_797_000_000), false), (None, true), (None, false)] {
                let complaint = Complaint { refused, ..complaint(&[cause]) };
                let letter = letter(&complaint, from, language, Reader::Contact);
                assert_eq!(letter.to, ["postmaster@lawyers.example"]);
                let Some(text) = letter.text(language) else { continue };
                for part in [
                    "mail.lawyers.example [192.0.2.77]",
                    "2026-11-18",
                    "UTC",
                    "12 ",
                    "40 ",
                    "example.org",
                ] {
                    assert!(text.contains(part), "{part}: {text}");
                }
                for inside in
                    ["mandatory-tls", "doctor", "ledger", "Ledger", "policy", "{", "milter"]
                {
                    assert!(!text.contains(inside), "{inside}: {text}");
                }
                assert!(text.lines().all(|line| line.chars().count() <= 76), "{text}");
                assert_eq!(text.contains("450"), refused);
                assert_eq!(text.contains("2026-12-11"), from.is_some(), "{text}");
            }
        }
    }
}

#[test]
fn nobody_is_written_to_of_mail_in_the_organisations_own_name_without_a_word_to_us() {
    let own = Complaint {
        senders: BTreeSet::new(),
        is_own: true,
        servers: vec![Complained {
            host: String::new(),
            ..complaint(&[Cause::Plaintext]).servers.remove(0)
        }],
        ..complaint(&[])
    };
    let letter = letter(&own, None, Language::English, Reader::Contact);
    assert!(letter.to.is_empty());
    assert!(letter.first.iter().any(|text| text.contains("own domain")), "{:?}", letter.first);
}

#[test]
fn a_name_from_outside_makes_no_line_of_its_own() {
    let mut evil = complaint(&[Cause::Plaintext]);
    evil.senders = ["a\r\nBcc: b@evil.example".to_owned()].into();
    for server in &mut evil.servers {
        server.host = "mx\nSubject: x\u{202e}".into();
    }
    let letter = letter(&evil, None, Language::English, Reader::Contact);
    let text = format!("{}\n{}", letter.to.join(", "), letter.text(Language::English).unwrap());
    assert!(!text.contains("\nBcc") && !text.contains("\nSubject: x"), "{text}");
    assert!(!text.contains(['\r', '\u{202e}']), "{text}");
}
