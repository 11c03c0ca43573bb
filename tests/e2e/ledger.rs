//! Mail in, report out: what the ledger says equals what was sent.

use std::collections::BTreeMap;

use openssl::ssl::SslVersion;

use crate::support::{Milter, MilterOptions, Postfix, Service, SmtpClient, Tls, wait_until};

const POLICY: &str = "domains: [example.com, { domain: example.net, mode: monitor }]\n";

/// The ways to come, and how often each comes.
const WAYS: [(&str, usize); 4] = [("none", 3), ("TLSv1.3", 5), ("TLSv1.2", 2), ("SSLv3", 4)];

fn connect(postfix: &Postfix, way: &str) -> SmtpClient {
    match way {
        "TLSv1.3" => SmtpClient::encrypted(postfix.port(Service::Smtp), &Tls::V1_3),
        "TLSv1.2" => SmtpClient::encrypted(postfix.port(Service::Smtp), &Tls::V1_2),
        "SSLv3" => SmtpClient::encrypted(
            postfix.port(Service::Weak),
            &Tls::only(SslVersion::SSL3, "RC4-SHA"),
        ),
        _ => SmtpClient::plaintext(postfix.port(Service::Smtp)),
    }
}

/// Recipients by domain, TLS version and answer, as the client counted them.
type Count = BTreeMap<(String, String, bool), u64>;

/// Sends mail in all ways to all domains. Returns the count and how many messages were taken.
fn send(postfix: &Postfix) -> (Count, usize) {
    let mut count = Count::new();
    let mut messages = 0;
    for (way, times) in WAYS {
        for time in 0..times {
            let mut client = connect(postfix, way);
            // Each a message of its own: what is refused again is another attempt.
            client.mail(&format!("{way}@peer{time}.example"));
            let mut taken = false;
            for domain in ["example.com", "example.net", "virtual.example"] {
                let reply = client.rcpt(&format!("secret.name@{domain}"));
                let accepted = reply.code == 250;
                taken |= accepted;
                *count.entry((domain.into(), way.into(), accepted)).or_default() += 1;
            }
            if taken {
                client.data(&format!("{way} {time}"));
                messages += 1;
            }
            client.quit();
        }
    }
    (count, messages)
}

/// The same, as a report has it.
fn reported(milter: &Milter) -> Count {
    let mut count = Count::new();
    for domain in ["example.com", "example.net", "virtual.example"] {
        let text = milter.text(&["report", domain, "--by", "version", "--format", "json"]);
        let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for group in report["groups"].as_array().expect("a list") {
            let version = group["name"].as_str().expect("a version").to_owned();
            let number = |name: &str| group[name].as_u64().expect("a number");
            let passed = number("accepted") + number("would_refuse");
            for (accepted, number) in [(true, passed), (false, number("refused"))] {
                if number > 0 {
                    count.insert((domain.into(), version.clone(), accepted), number);
                }
            }
        }
    }
    count
}

#[test]
fn a_report_says_what_was_sent() {
    let milter = Milter::start_with(POLICY, MilterOptions::default().settings("state_dir: state"));
    let postfix = Postfix::with(&milter);
    let (mut sent, _) = send(&postfix);
    // Nobody opted this one in: the ledger knows nothing of it.
    sent.retain(|(domain, ..), _| domain != "virtual.example");
    assert_eq!(sent.values().sum::<u64>(), 28);
    wait_until("the ledger", || (reported(&milter).values().sum::<u64>() == 28).then_some(()));
    assert_eq!(reported(&milter), sent);
    let text = milter.text(&["report", "example.com"]);
    assert!(text.contains("127.0.0.1") && text.contains("plaintext"), "{text}");
    let simulated = milter.text(&["simulate", "--domain", "example.net", "--format", "json"]);
    let found: serde_json::Value = serde_json::from_str(&simulated).expect("JSON");
    assert_eq!((&found["newly_refused"], &found["judged"]), (&7.into(), &14.into()));
}

const IMPORT: [&str; 5] = ["import", "postfix-log", "mail.log", "--utc-offset", "+00:00"];

/// Puts the log of Postfix, once it has delivered so many messages, beside the settings.
fn keep_log(postfix: &Postfix, messages: usize, milter: &Milter) {
    wait_until("the end of all messages", || {
        let removed = postfix.log().matching(|line| line.ends_with(": removed"));
        (removed.len() == messages).then_some(())
    });
    // A program logs under the name of its file, and the weak one has another.
    let log = postfix.log().matching(|line| !line.is_empty()).join("\n");
    let log = log.replace("smtpd-weak[", "smtpd[");
    std::fs::write(milter.directory().join("mail.log"), log).expect("our own directory");
}

#[test]
fn what_the_milter_judged_and_what_only_the_log_knows_make_a_whole() {
    let milter = Milter::start_with(POLICY, MilterOptions::default().settings("state_dir: state"));
    let postfix = Postfix::with(&milter);
    let (sent, messages) = send(&postfix);
    wait_until("the ledger", || (reported(&milter).values().sum::<u64>() == 28).then_some(()));
    keep_log(&postfix, messages, &milter);
    let said = milter.text(&IMPORT);
    // What was refused is not in the log.
    assert!(said.contains("14  recipients recorded"), "{said}");
    assert!(said.contains("21  recipients left out: judged by the milter itself"), "{said}");
    assert_eq!(reported(&milter), sent);
}

#[test]
fn the_log_of_a_postfix_without_a_milter_says_the_same() {
    let milter =
        Milter::start_with("domains: []\n", MilterOptions::default().settings("state_dir: state"));
    let postfix = Postfix::start(crate::support::PostfixOptions::default());
    let (sent, messages) = send(&postfix);
    keep_log(&postfix, messages, &milter);
    let said = milter.text(&IMPORT);
    assert!(said.contains("14 messages over SMTP, 11 TLS sessions"), "{said}");
    assert!(said.contains("42  recipients recorded"), "{said}");
    assert_eq!(reported(&milter), sent);
    let text = milter.text(&["simulate", "--domain", "example.com", "--format", "json"]);
    let found: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(found["newly_refused"], 7);
}

/// Refuses one message in the clear, so that there is something to tell.
fn refuse_one(milter: &Milter, postfix: &Postfix) {
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.try_rcpt("user@example.com").assert_refused();
    client.quit();
    wait_until("the ledger", || {
        let text = milter.text(&["report", "--format", "json"]);
        text.contains("\"refused\": 1").then_some(())
    });
}

const WITH_CONTACT: &str =
    "domains: [{ domain: example.com, contact: boss@example.net, language: de }]\n";

/// Says in the settings how digests are sent.
fn send_digests(milter: &Milter, how: &str) {
    let settings = milter.directory().join("milter.yaml");
    let before = std::fs::read_to_string(&settings).expect("our own directory");
    let lines = before.lines().filter(|line| !line.starts_with("digest:"));
    let digest = format!("digest: {{ from: gw@mx.example.com, {how} }}\n");
    let after: String = lines.map(|line| format!("{line}\n")).collect::<String>() + &digest;
    std::fs::write(&settings, after).expect("our own directory");
}

/// Sends the digest where these names are the loopback address, and are not taken for it.
fn digest_by_name(milter: &Milter, trusted: Option<&std::path::Path>) -> std::process::Output {
    let hosts = milter.directory().join("hosts");
    std::fs::write(&hosts, "127.0.0.1 server.example.com other.example.com\n").expect("ours");
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "sh", "-c", "mount --bind hosts /etc/hosts && exec \"$@\"", "sh"]);
    command.arg(env!("CARGO_BIN_EXE_mandatory-tls"));
    command.args(["digest", "--send", "--config", "milter.yaml"]);
    command.current_dir(milter.directory()).env_remove("SSL_CERT_DIR");
    command.env("SSL_CERT_FILE", trusted.unwrap_or("/etc/ssl/certs/ca-certificates.crt".as_ref()));
    command.output().expect("unshare(1)")
}

#[test]
fn a_digest_to_another_host_goes_over_tls_to_a_server_with_the_right_certificate_alone() {
    let milter =
        Milter::start_with(WITH_CONTACT, MilterOptions::default().settings("state_dir: state"));
    let postfix = Postfix::with(&milter);
    refuse_one(&milter, &postfix);
    let port = postfix.port(Service::Smtp);
    let authority = crate::support::cache().join("tls/ca.crt");
    let not_sent = |trusted, words: &[&str]| {
        let output = digest_by_name(&milter, trusted);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), &*output.stdout),
            (Some(69), &b"0 sent\n"[..]),
            "{error}"
        );
        for words in words {
            assert!(error.contains(words), "{words} in {error}");
        }
    };
    let help = "help: the certificate of the server must name the host in `smtp`, and its CA be one that \
                this system trusts";
    send_digests(&milter, &format!("smtp: 'inet:other.example.com:{port}'"));
    not_sent(Some(&*authority), &["other.example.com", "not valid for name", help]);
    send_digests(&milter, &format!("smtp: 'inet:server.example.com:{port}'"));
    not_sent(None, &["invalid peer certificate: UnknownIssuer", help]);
    // One that knows no STARTTLS.
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let plain = server.local_addr().expect("a port").port();
    let refuses = std::thread::spawn(move || {
        use std::io::{BufRead, Write};
        let (mut stream, _) = server.accept().expect("a connection");
        stream.write_all(b"220 mx\r\n").expect("a client");
        let lines = std::io::BufReader::new(stream.try_clone().expect("a copy")).lines();
        let commands = lines.map_while(Result::ok).inspect(|_| {
            let _ = stream.write_all(b"250 mx\r\n");
        });
        commands.collect::<Vec<_>>()
    });
    send_digests(&milter, &format!("smtp: 'inet:server.example.com:{plain}'"));
    not_sent(Some(&*authority), &["STARTTLS is not supported on this server"]);
    let commands = refuses.join().expect("no panic");
    assert!(!commands.iter().any(|command| command.starts_with("MAIL")), "{commands:?}");

    send_digests(&milter, &format!("smtp: 'inet:server.example.com:{port}'"));
    let output = digest_by_name(&milter, Some(&*authority));
    assert_eq!(output.stdout, b"1 sent\n", "{}", String::from_utf8_lossy(&output.stderr));
    let arrived = postfix.sink().wait_for(1).remove(0);
    assert_eq!(arrived.recipients, ["boss@example.net"]);
    assert!(arrived.message.contains("using TLSv1.3"), "{}", arrived.message);
}

#[test]
fn a_digest_arrives_over_smtp() {
    let milter =
        Milter::start_with(WITH_CONTACT, MilterOptions::default().settings("state_dir: state"));
    let postfix = Postfix::with(&milter);
    refuse_one(&milter, &postfix);
    let port = postfix.port(Service::Smtp);
    send_digests(&milter, &format!("smtp: 'inet:127.0.0.1:{port}'"));
    assert_eq!(milter.text(&["digest", "--send"]), "1 sent\n");
    assert_eq!(milter.text(&["digest", "--send"]), "0 sent\n");
    let arrived = postfix.sink().wait_for(1).remove(0);
    assert_eq!(arrived.recipients, ["boss@example.net"]);
    assert_eq!(arrived.sender, "gw@mx.example.com");
    assert!(
        arrived.subject().contains("[example.com] 1 Server neu abgewiesen"),
        "{}",
        arrived.message
    );
    assert!(arrived.message.contains("Auto-Submitted: auto-generated"), "{}", arrived.message);
}

#[test]
fn a_digest_arrives_through_sendmail() {
    use std::os::unix::fs::PermissionsExt;
    let milter =
        Milter::start_with(WITH_CONTACT, MilterOptions::default().settings("state_dir: state"));
    let postfix = Postfix::with(&milter);
    refuse_one(&milter, &postfix);
    // Postfix's own sendmail(1), told which Postfix is meant.
    let program = milter.directory().join("sendmail");
    let script = format!(
        "#!/bin/sh\nexec /usr/sbin/sendmail -C {} \"$@\"\n",
        postfix.queue_directory().with_file_name("etc").display()
    );
    std::fs::write(&program, script).expect("our own directory");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("ours");
    send_digests(&milter, "sendmail: ./sendmail");
    assert_eq!(milter.text(&["digest", "--send"]), "1 sent\n");
    let arrived = postfix.sink().wait_for(1).remove(0);
    assert_eq!(arrived.recipients, ["boss@example.net"]);
}

/// Runs a command of the shell, with the path as `$1`.
fn shell(command: &str, path: &std::path::Path) {
    let status = std::process::Command::new("sh").args(["-c", command, "sh"]).arg(path).status();
    assert!(status.expect("a shell").success(), "{command}");
}

/// A disk that is unmounted in the end, also of a test that fails.
struct Disk(std::path::PathBuf);

impl Drop for Disk {
    fn drop(&mut self) {
        shell("umount -l \"$1\"", &self.0);
    }
}

/// A message in the clear is refused for the opted-in domain, one over TLS is delivered.
fn mail_flows(postfix: &Postfix, subject: &str) {
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.mail(&format!("{}@peer.example", subject.replace(' ', "-")));
    client.rcpt("user@example.com").assert_refused();
    client.quit();
    let mut client = SmtpClient::encrypted(postfix.port(Service::Smtp), &Tls::V1_3);
    client.mail("someone@peer.example");
    client.rcpt("user@example.com").assert_accepted();
    client.data(subject);
    client.quit();
    let arrived = postfix.sink().wait_for_subject(subject);
    assert_eq!(arrived.recipients, ["user@example.com"]);
}

#[test]
fn mail_flows_while_the_ledger_is_locked_read_only_or_full() {
    let mut milter =
        Milter::start_with(POLICY, MilterOptions::default().settings("state_dir: state"));
    let postfix = Postfix::with(&milter);
    mail_flows(&postfix, "at first");
    milter.stop();
    // On a disk of its own from here on.
    let state = milter.directory().join("state");
    shell("rm -r \"$1\"/* && mount -t tmpfs -o size=512k tmpfs \"$1\"", &state);
    let _disk = Disk(state.clone());
    milter.start_again();
    let total = |milter: &Milter| reported(milter).values().sum::<u64>();
    mail_flows(&postfix, "on a small disk");
    wait_until("the ledger", || (total(&milter) == 2).then_some(()));

    let lock = rusqlite::Connection::open(state.join("ledger.sqlite")).expect("the ledger");
    lock.execute_batch("BEGIN EXCLUSIVE").expect("a lock");
    mail_flows(&postfix, "while it is locked");
    milter.lines().wait_for("the lock in the log", |line| line.contains("database is locked"));
    lock.execute_batch("ROLLBACK").expect("no lock");
    drop(lock);
    wait_until("the ledger", || (total(&milter) == 4).then_some(()));

    shell("dd if=/dev/zero of=\"$1/filler\" bs=4k 2>/dev/null; true", &state);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    let mut sent = 0;
    let full = |line: &str| line.contains("cannot be written") && line.contains("full");
    while milter.lines().matching(full).is_empty() {
        client.mail(&format!("someone@p{sent}.example"));
        client.rcpt("user@example.com").assert_refused();
        client.rset();
        sent += 1;
    }
    mail_flows(&postfix, "while the disk is full");
    shell("rm \"$1/filler\" && mount -o remount,size=16m \"$1\"", &state);
    wait_until("the ledger", || (total(&milter) == 6 + sent).then_some(()));

    milter.stop();
    shell("mount -o remount,ro \"$1\"", &state);
    milter.start_again();
    mail_flows(&postfix, "while it is read-only");
    assert_eq!(total(&milter), 6 + sent);
}

#[test]
fn mail_flows_while_the_ledger_is_damaged() {
    let mut milter =
        Milter::start_with(POLICY, MilterOptions::default().settings("state_dir: state"));
    let postfix = Postfix::with(&milter);
    mail_flows(&postfix, "at first");
    milter.stop();
    shell(
        "head -c 100000 /dev/zero | tr '\\0' x > \"$1/ledger.sqlite\"",
        &milter.directory().join("state"),
    );
    milter.start_again();
    milter.lines().wait_for("the damage in the log", |line| line.contains("is damaged"));
    mail_flows(&postfix, "with a damaged ledger");
    wait_until("a new ledger", || (reported(&milter).values().sum::<u64>() == 2).then_some(()));
}
