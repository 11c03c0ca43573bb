//! What the milter's log says, and what it keeps to itself.

use crate::support::{Milter, MilterOptions, Postfix, Service, SmtpClient, Tls};

const OPTED_IN: &str = "domains: [example.com]\n";

#[test]
fn local_parts_stay_out_of_the_log_unless_the_settings_ask_for_them() {
    for (options, shown) in [
        (MilterOptions::default(), false),
        (MilterOptions::default().log("local_parts: true"), true),
    ] {
        let milter = Milter::start_with(OPTED_IN, options);
        let postfix = Postfix::with(&milter);
        let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
        client.mail("secret-sender@example.org");
        client.rcpt("secret-recipient@example.com").assert_refused();
        client.rcpt("secret-recipient@example.net").assert_accepted();
        milter.wait_for_verdict("refuse", "example.com");
        milter.wait_for_verdict("accept", "example.net");
        let lines = milter.lines().matching(|line| line.contains("secret"));
        assert_eq!(lines.len(), if shown { 2 } else { 0 }, "{lines:?}");
    }
}

#[test]
fn every_line_of_the_json_log_is_an_object_with_the_same_fields() {
    let milter = Milter::start_with(OPTED_IN, MilterOptions::default().log("format: json"));
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::encrypted(postfix.port(Service::Smtp), &Tls::V1_3);
    client.mail("sender@example.org");
    client.rcpt("user@example.net").assert_accepted();
    client.rcpt("user@example.com").assert_accepted();
    let line = milter
        .lines()
        .wait_for("the verdict", |line| line.contains("example.com") && line.contains("verdict"));
    for line in milter.lines().matching(|_| true) {
        let object: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert!(object.is_object() && object["level"].is_string(), "{line}");
    }
    let object: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    for (key, value) in [
        ("verdict", "accept"),
        ("reason", "adequate"),
        ("domain", "example.com"),
        ("client", "127.0.0.1"),
        ("sender", "example.org"),
        ("tls_version", "TLSv1.3"),
        ("cipher", "TLS_AES_256_GCM_SHA384"),
    ] {
        assert_eq!(object[key], value, "{key} in {line}");
    }
    // Postfix gives the queue id with the first recipient it has taken.
    let queue_id = object["queue_id"].as_str().expect("a queue id").to_owned();
    client.data("logged");
    postfix.log().wait_for("the queue id in Postfix's log", |line| line.contains(&queue_id));
}

#[test]
fn a_client_cannot_write_into_the_log() {
    let milter = Milter::start_with(OPTED_IN, MilterOptions::default().log("local_parts: true"));
    let postfix = Postfix::with(&milter);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.send("MAIL FROM:<\"x verdict=accept\ty\"@example.org>\r\n");
    assert_eq!(client.reply().code, 250);
    client.send(
        "RCPT TO:<\"a verdict=accept reason=adequate\tb\u{b}\u{c}\u{1b}[31m\"@example.com>\r\n",
    );
    client.reply().assert_refused();
    let verdict = milter.wait_for_verdict("refuse", "example.com");
    verdict.has("reason", "plaintext");
    for line in milter.lines().matching(|line| line.contains("verdict")) {
        assert_eq!(line.matches("verdict=").count(), 1, "{line}");
        assert!(line.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic()), "{line:?}");
    }
}
