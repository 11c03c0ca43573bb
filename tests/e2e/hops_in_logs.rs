//! What real MTAs log of both hops, read by `import`, beside what the servers and clients saw themselves.

use std::collections::BTreeMap;
use std::fs;

use ledger::{
    Afterwards, Delivery, DeliveryReason, DeliveryStatus, Domains, Handshake, History, HopKind,
    Reader, Selection,
};
use policy::DomainName;

use crate::support::{
    Lines, Milter, MilterOptions, Postfix, PostfixOptions, Sendmail, SendmailOptions, Service,
    Sink, SmtpClient, Tls, wait_until,
};

const POLICY: &str = "domains: [example.com, example.net]\n";

fn milter() -> Milter {
    Milter::start_with(POLICY, MilterOptions::default().settings("state_dir: state"))
}

/// Imports the log as it stands, twice: the second time nothing is new.
fn import(milter: &Milter, log: &Lines, what: &str) -> String {
    let lines = log.matching(|line| !line.is_empty()).join("\n");
    fs::write(milter.directory().join("mail.log"), lines).expect("our own directory");
    let arguments = ["import", what, "--opted-in", "mail.log", "--utc-offset", "+00:00"];
    let said = milter.text(&arguments);
    let again = milter.text(&arguments);
    assert!(
        !again.contains("deliveries recorded") && !again.contains("handshakes recorded"),
        "{again}"
    );
    said
}

fn reader(milter: &Milter) -> Reader {
    Reader::open(&milter.directory().join("state/ledger.sqlite")).expect("a ledger")
}

fn deliveries(milter: &Milter) -> Vec<Delivery> {
    let mut found = Vec::new();
    reader(milter)
        .deliveries(&Selection::default(), |row| found.push(row))
        .expect("a ledger that can be read");
    found
}

fn handshakes(milter: &Milter, domains: Domains) -> Vec<Handshake> {
    let mut found = Vec::new();
    let selection = Selection { domains, ..Selection::default() };
    reader(milter)
        .handshakes(&selection, |row| found.push(row))
        .expect("a ledger that can be read");
    found
}

/// Recipients that were sent to a domain, by how.
fn sent(rows: &[Delivery]) -> BTreeMap<(String, HopKind), u64> {
    let mut sum = BTreeMap::new();
    for row in rows.iter().filter(|row| row.key.status == DeliveryStatus::Sent) {
        *sum.entry((row.key.domain.clone(), row.key.kind())).or_default() += row.tally.count;
    }
    sum
}

fn recipients(sink: &Sink, domain: &str) -> u64 {
    let deliveries = sink.deliveries();
    let all = deliveries.iter().flat_map(|delivery| &delivery.recipients);
    all.filter(|recipient| recipient.ends_with(domain)).count() as u64
}

/// A handshake that fails, over and over.
fn fail_handshakes(port: u16, times: usize) {
    for _ in 0..times {
        let mut client = SmtpClient::connect(port);
        client.ehlo();
        client.expect("STARTTLS", 220);
        client.send("this is no TLS\r\n");
        // The server ends it.
        let _ = client.try_reply();
    }
}

#[test]
fn the_log_of_a_real_postfix_tells_of_both_hops_what_servers_and_clients_saw() {
    let milter = milter();
    // example.com's server has no STARTTLS; that of example.net has it, and says in a header over what
    // it took each message.
    let plain = Sink::start();
    let target = Postfix::start(PostfixOptions::default().main("myhostname = target.example.net"));
    let to_target = format!("[mx.example.com]:{}", target.port(Service::Smtp));
    let to_plain = format!("[127.0.0.2]:{}", plain.port());
    let transports = format!(
        "transport_maps = inline:{{ {{ example.com = hop:{to_plain} }}, {{ example.net = hop:{to_target} }}, \
         {{ strict.example.com = strict:{to_plain} }}, {{ named.example.com = named:{to_target} }} }}"
    );
    let service = |name: &str, options: &str| {
        format!(
            "{name} unix - - n - - smtp -o syslog_name=postfix/{name} -o smtp_tls_loglevel=1 \
             -o smtp_tls_CAfile=$config_directory/../tls/ca.crt {options}"
        )
    };
    let relayed = "relay_domains = example.com, example.net, strict.example.com, named.example.com";
    let gateway = Postfix::start(
        PostfixOptions::default()
            .milter(&milter)
            .main(&transports)
            .main(relayed)
            .master(&service("hop", "-o smtp_tls_security_level=may"))
            .master(&service("strict", "-o smtp_tls_security_level=encrypt"))
            .master(&service(
                "named",
                "-o smtp_tls_security_level=secure -o smtp_tls_secure_cert_match=other.example",
            )),
    );
    milter.change_policy("domains: [example.com, example.net, '*.example.com']\n");
    let send = |recipients: &[&str], subject: &str| {
        let output = gateway.submit_locally("sender@example.org", recipients, subject);
        assert!(output.status.success(), "{output:?}");
    };
    // First over TLS, so that the service is known to log its sessions.
    for number in 0..4 {
        send(&["a@example.net", "b@example.net"], &format!("over TLS {number}"));
        target.sink().wait_for_subject(&format!("over TLS {number}"));
    }
    for number in 0..3 {
        send(&["a@example.com"], &format!("in the clear {number}"));
        plain.wait_for_subject(&format!("in the clear {number}"));
    }
    send(&["a@strict.example.com"], "waits for TLS");
    send(&["a@named.example.com"], "waits for another certificate");
    // In between, clients whose handshakes fail: one comes in the clear and is refused.
    fail_handshakes(gateway.port(Service::Smtp), 3);
    let mut client = SmtpClient::plaintext(gateway.port(Service::Smtp));
    client.try_rcpt("user@example.com").assert_refused();
    client.quit();
    wait_until("all attempts", || {
        let log = gateway.log();
        let ended = log.matching(|line| line.contains("/smtp[") && line.contains(", status="));
        let refused = log.matching(|line| line.contains("milter-reject"));
        let gone =
            log.matching(|line| line.contains("disconnect from") && line.contains("rcpt=0/1"));
        (ended.len() == 13 && refused.len() == 1 && gone.len() == 1).then_some(())
    });

    let said = import(&milter, gateway.log(), "postfix-log");
    assert!(
        said.contains(" 11  deliveries recorded\n           3  of them in plaintext\n"),
        "{said}"
    );
    assert!(
        said.contains(
            "  2  recipients whose mail had to wait\n           2  of them because of TLS\n"
        ),
        "{said}"
    );
    assert!(said.contains("  3  failed TLS handshakes recorded\n           3  of them before the client came in plaintext, and was refused"), "{said}");
    let rows = deliveries(&milter);
    let received = target.sink().deliveries();
    let encrypted = received.iter().filter(|delivery| {
        delivery.message.contains("using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384")
    });
    let encrypted: usize = encrypted.map(|delivery| delivery.recipients.len()).sum();
    let expected = BTreeMap::from([
        (("example.com".to_owned(), HopKind::Plaintext), recipients(&plain, "example.com")),
        (("example.net".to_owned(), HopKind::Encrypted), encrypted as u64),
    ]);
    assert_eq!(sent(&rows), expected);
    assert_eq!(expected.values().sum::<u64>(), 11);
    for row in rows.iter().filter(|row| row.key.kind() == HopKind::Encrypted) {
        assert_eq!(
            (&*row.key.tls_version, &*row.key.cipher),
            ("TLSv1.3", "TLS_AES_256_GCM_SHA384")
        );
    }
    let waiting = |domain: &str| {
        let row = rows.iter().find(|row| row.key.domain == domain).expect("a row");
        (row.key.status, row.key.reason, row.tally.recipients())
    };
    let deferred = DeliveryStatus::Deferred;
    assert_eq!(waiting("strict.example.com"), (deferred, DeliveryReason::TlsNotOffered, 1));
    assert_eq!(waiting("named.example.com"), (deferred, DeliveryReason::CertificateNotMatched, 1));
    // The handshakes stand with the domain that the client then wrote to, and with no other.
    let of = |name: &str| {
        let rows = handshakes(&milter, Domains::One(DomainName::parse(name).expect("a domain")));
        rows.iter().map(|row| row.tally.count).sum::<u64>()
    };
    assert_eq!((of("example.com"), of("example.net")), (3, 0));
    let all = handshakes(&milter, Domains::All);
    assert!(all.iter().all(|row| row.key.afterwards == Afterwards::Refused));
    assert!(all.iter().all(|row| row.key.failure.to_string() == "wrong version number"));
}

#[test]
fn the_log_of_a_real_sendmail_tells_of_both_hops_what_servers_and_clients_saw() {
    let milter = milter();
    let sendmail = Sendmail::start(SendmailOptions::default().milter(&milter).stamped());
    let port = sendmail.smtp_port();
    fail_handshakes(port, 2);
    let mut client = SmtpClient::plaintext(port);
    client.try_rcpt("user@example.com").assert_refused();
    client.quit();
    for (number, tls) in [Tls::V1_2, Tls::V1_3, Tls::V1_3].iter().enumerate() {
        let mut client = SmtpClient::encrypted(port, tls);
        client.mail("sender@example.org");
        client.rcpt("a@example.com").assert_accepted();
        client.rcpt("b@example.com").assert_accepted();
        client.data(&format!("message {number}"));
        client.quit();
    }
    wait_until("all deliveries", || {
        let sent = sendmail.log().matching(|line| line.contains("stat=Sent"));
        (sent.len() == 3).then_some(())
    });
    assert_eq!(recipients(sendmail.sink(), "example.com"), 6);
    // The milter had this mail before; here is what it has not.
    let said = import(&milter, sendmail.log(), "sendmail-log");
    assert!(said.contains(" of Sendmail; 3 messages over SMTP, 3 TLS sessions"), "{said}");
    let rows = deliveries(&milter);
    assert_eq!(rows.iter().map(|row| row.tally.count).sum::<u64>(), 6);
    // Nobody there speaks TLS, and so no line says whether sessions are logged.
    assert!(rows.iter().all(|row| row.key.kind() == HopKind::Unknown), "{rows:?}");
    let of_domain =
        handshakes(&milter, Domains::One(DomainName::parse("example.com").expect("a domain")));
    assert_eq!(of_domain.iter().map(|row| row.tally.count).sum::<u64>(), 2);
    assert!(of_domain.iter().all(|row| row.key.afterwards == Afterwards::Refused), "{of_domain:?}");

    // A ledger of its own, without the milter's rows: the mail is what was sent.
    let other = Milter::start_with(POLICY, MilterOptions::default().settings("state_dir: state"));
    import(&other, sendmail.log(), "sendmail-log");
    let text = other.text(&["report", "example.com", "--by", "version", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut versions = BTreeMap::new();
    for group in report["groups"].as_array().expect("a list") {
        let name = group["name"].as_str().expect("a version").to_owned();
        versions.insert(name, group["accepted"].as_u64().expect("a number"));
    }
    assert_eq!(versions, BTreeMap::from([("TLSv1.2".to_owned(), 2), ("TLSv1.3".to_owned(), 4)]));
}
