//! The lines of `export sendmail-access`, in the access map of a real Sendmail.

use crate::support::{
    Postfix, PostfixOptions, Sendmail, SendmailOptions, Service, SmtpClient, Wire, open_directory,
};
use std::fs;
use std::process::Command;

/// What is made of a policy.
fn exported(policy: &str) -> String {
    let directory = open_directory("export");
    let path = directory.path().join("policy.yaml");
    fs::write(&path, policy).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"));
    let output =
        command.args(["export", "sendmail-access", "--policy"]).arg(path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Sends a message; Sendmail delivers it, or queues it, before it answers.
fn send(sendmail: &Sendmail, domain: &str, subject: &str) {
    let mut client = SmtpClient::plaintext(sendmail.smtp_port());
    client.mail("a@example.org");
    client.rcpt(&format!("user@{domain}")).assert_accepted();
    client.data(subject);
    client.quit();
}

/// Waits until Sendmail has put the mail off for the session's sake.
fn put_off(sendmail: &Sendmail, what: &str) {
    let by_rule =
        |line: &str| line.contains("ruleset=tls_rcpt") && line.contains("reject=403 4.7.0");
    let line = sendmail.log().wait_for(what, by_rule);
    let id = line.split(": ").next().unwrap_or_default();
    sendmail.log().wait_for(what, |line| line.starts_with(id) && line.contains("stat=Deferred"));
}

#[test]
fn mail_leaves_encrypted_or_waits_as_the_lines_say() {
    let target = Postfix::start(PostfixOptions::default().main("myhostname = target.example.net"));
    let wire = Wire::to(target.port(Service::Smtp));
    // The server's certificate has this name, and an authority that Sendmail knows.
    let with = |terms: &str| {
        exported(&format!(
            "domains:\n- {{ domain: example.com, deliver: {{ {terms} }} }}\n- example.net\n"
        ))
    };
    for (number, (terms, leaves)) in [
        ("level: encrypt", true),
        ("level: verify", true),
        ("level: secure, match: mx.example.com", true),
        ("level: secure, match: other.example", false),
        ("level: may", true),
    ]
    .into_iter()
    .enumerate()
    {
        let options = SendmailOptions::default().access(&with(terms)).delivers_to(wire.port());
        let sendmail = Sendmail::start(options);
        let subject = format!("terms {number}");
        send(&sendmail, "example.com", &subject);
        if leaves {
            target.sink().wait_for_subject(&subject);
        } else {
            put_off(&sendmail, terms);
        }
        assert!(!wire.has_seen(&subject), "{terms}");
    }
    assert_eq!(target.sink().deliveries().len(), 4);
}

#[test]
fn mail_for_a_server_without_tls_waits_and_that_of_others_leaves() {
    for (policy, domain, leaves) in [
        ("domains: [{ domain: example.com, deliver: encrypt }, example.net]", "example.com", false),
        ("domains: [{ domain: example.com, deliver: encrypt }, example.net]", "example.net", true),
        ("domains: [{ domain: '*.com', deliver: encrypt }]", "example.com", false),
        ("domains: [{ domain: '*', deliver: encrypt }]", "example.com", false),
        (
            "domains: [{ domain: example.com, mode: monitor, deliver: encrypt }]",
            "example.com",
            true,
        ),
    ] {
        let sendmail = Sendmail::start(SendmailOptions::default().access(&exported(policy)));
        send(&sendmail, domain, "in the clear");
        if leaves {
            sendmail.sink().wait_for_subject("in the clear");
        } else {
            put_off(&sendmail, policy);
            assert!(sendmail.sink().deliveries().is_empty(), "{policy}");
        }
    }
}

#[test]
fn where_no_tls_is_wanted_none_is_tried() {
    let target = Postfix::start(PostfixOptions::default().main("myhostname = target.example.net"));
    let wire = Wire::to(target.port(Service::Smtp));
    let lines = exported(
        "domains: [{ domain: example.com, deliver: { level: none, nexthop: '[127.0.0.2]' } }]",
    );
    let options = SendmailOptions::default().access(&lines).delivers_to(wire.port());
    let sendmail = Sendmail::start(options);
    send(&sendmail, "example.com", "without TLS");
    target.sink().wait_for_subject("without TLS");
    assert!(wire.has_seen("without TLS"));
}
