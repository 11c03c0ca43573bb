//! The look-ups of next hops, as smtp(8) makes them, and as nobody should.

use super::support::{Milter, PATIENCE};
use crate::metrics;
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    process::{Command, Stdio},
    time::Duration,
};

const POLICY: &str = "\
domains:
- { domain: a.example, deliver: { level: secure, match: nexthop, nexthop: '[mx.a.example]:25' } }
- { domain: b.example, mode: monitor, deliver: encrypt }
- c.example
";
const SOCKET: &str = "deliver.sock";

/// The milter, and the address of its figures.
fn start_with_figures(policy: &str) -> (Milter, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(SOCKET);
    let settings = format!(
        "metrics: {{ listen: inet:127.0.0.1:0 }}\nsocketmap: [{{ socket: unix:{}, mode: \"0660\" }}, inet:127.0.0.1:0]",
        path.display()
    );
    let milter = Milter::start_in(directory, &[("policy.yaml", policy)], &settings);
    let figures = metrics::address(&milter);
    // Sockets are served once the milter says which.
    milter.wait_for_line("look-ups of next hops on unix:");
    (milter, figures)
}

fn start(policy: &str) -> Milter {
    start_with_figures(policy).0
}

/// One smtp process.
struct Smtp<S>(S);

impl Smtp<UnixStream> {
    fn connect(milter: &Milter) -> Self {
        let stream = UnixStream::connect(milter.path(SOCKET)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }
}

impl<S: Read + Write> Smtp<S> {
    fn send(&mut self, octets: &[u8]) {
        self.0.write_all(octets).unwrap();
    }

    /// The next reply, without the netstring about it.
    fn reply(&mut self) -> String {
        let mut length = String::new();
        let mut octet = [0];
        loop {
            self.0.read_exact(&mut octet).unwrap();
            match octet[0] {
                b':' => break,
                digit => length.push(char::from(digit)),
            }
        }
        let mut reply = vec![0; length.parse::<usize>().unwrap() + 1];
        self.0.read_exact(&mut reply).unwrap();
        assert_eq!(reply.pop(), Some(b','));
        String::from_utf8(reply).unwrap()
    }

    fn ask(&mut self, key: &str) -> String {
        let request = format!("QUERY {key}");
        self.send(format!("{}:{request},", request.len()).as_bytes());
        self.reply()
    }
}

#[test]
fn next_hops_are_answered_from_the_policy_on_every_socket() {
    let (milter, figures) = start_with_figures(POLICY);
    let line = milter.wait_for_line("look-ups of next hops on inet:");
    let (_, rest) = line.split_once("inet:").unwrap();
    let address: String = rest.chars().take_while(|c| *c != '"').collect();
    let mut over_tcp = Smtp(TcpStream::connect(address).unwrap());
    let mut smtp = Smtp::connect(&milter);
    for (key, expected) in [
        ("a.example", "OK secure match=nexthop"),
        ("A.Example", "OK secure match=nexthop"),
        ("[mx.a.example]:25", "OK secure match=nexthop"),
        ("[mx.a.example]", "NOTFOUND "),
        ("b.example", "NOTFOUND "),
        ("c.example", "NOTFOUND "),
        ("nobody.example", "NOTFOUND "),
        (".example", "NOTFOUND "),
    ] {
        assert_eq!(smtp.ask(key), expected, "{key}");
        assert_eq!(over_tcp.ask(key), expected, "{key}");
    }
    assert!(milter.wait_for_line("next hop b.example").contains("would be held to: encrypt"));
    let line = |answer: &str, count: u32| {
        format!("mandatory_tls_next_hop_lookups_total{{answer=\"{answer}\"}} {count}")
    };
    metrics::wait_for(&figures, &line("demanded", 6));
    metrics::wait_for(&figures, &line("monitored", 2));
    metrics::wait_for(&figures, &line("not-found", 8));
}

#[test]
fn what_postfix_was_seen_to_ask_is_answered_as_it_was() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let read = |name| std::fs::read_to_string(format!("{fixtures}/{name}")).unwrap();
    let milter = start(&read("look-ups.yaml"));
    let recorded = read("look-ups.jsonl");
    assert!(recorded.lines().count() > 10);
    for line in recorded.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        // Each case is an smtp process of its own; its requests come one octet at a time, too.
        for piece in [usize::MAX, 1] {
            let mut smtp = Smtp::connect(&milter);
            for pair in case["look_ups"].as_array().unwrap() {
                for octets in pair[0].as_str().unwrap().as_bytes().chunks(piece) {
                    smtp.send(octets);
                }
                let reply = smtp.reply();
                assert_eq!(
                    format!("{}:{reply},", reply.len()),
                    pair[1].as_str().unwrap(),
                    "{line}"
                );
            }
        }
    }
}

#[test]
fn what_is_split_or_sent_at_once_or_too_long_is_answered_and_garbage_ends_only_its_connection() {
    let milter = start(POLICY);
    let mut smtp = Smtp::connect(&milter);
    for octet in b"15:QUERY a.example," {
        smtp.send(&[*octet]);
    }
    assert_eq!(smtp.reply(), "OK secure match=nexthop");
    let many = "15:QUERY a.example,15:QUERY c.example,".repeat(1000);
    let mut writer = smtp.0.try_clone().unwrap();
    let sender = std::thread::spawn(move || writer.write_all(many.as_bytes()).unwrap());
    for _ in 0..1000 {
        assert_eq!(smtp.reply(), "OK secure match=nexthop");
        assert_eq!(smtp.reply(), "NOTFOUND ");
    }
    sender.join().unwrap();
    let long = "x".repeat(1_000_000);
    smtp.send(format!("1000000:{long},").as_bytes());
    assert_eq!(smtp.reply(), "TEMP the request is too long");
    for key in ["", "a b", "\u{1b}[2J", "[a.example", "a..example", &"a.".repeat(4000)] {
        assert_eq!(smtp.ask(key), "TEMP the key is not a next hop");
    }
    assert_eq!(smtp.ask("a.example"), "OK secure match=nexthop");
    for garbage in ["GET / HTTP/1.1\r\n\r\n", "5:hello;", "-1:,", "99999999999:x", "\0\0\0\0"] {
        let mut other = Smtp::connect(&milter);
        other.send(garbage.as_bytes());
        assert_eq!(other.reply(), "TEMP the request is malformed");
        // What is left unread makes a reset of the end.
        let end = other.0.read(&mut [0; 10]);
        let is_reset = |error: &std::io::Error| error.kind() == ErrorKind::ConnectionReset;
        assert!(
            end.as_ref().is_ok_and(|count| *count == 0) || end.as_ref().is_err_and(is_reset),
            "{end:?}"
        );
    }
    // One that stops amid a request, and one that hangs up at once, are no news.
    Smtp::connect(&milter).send(b"15:QUERY");
    drop(Smtp::connect(&milter));
    assert_eq!(smtp.ask("a.example"), "OK secure match=nexthop");
}

#[test]
fn a_thousand_idle_connections_are_kept_and_answered() {
    let (soft, hard) =
        nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
    nix::sys::resource::setrlimit(
        nix::sys::resource::Resource::RLIMIT_NOFILE,
        hard.min(8192).max(soft),
        hard,
    )
    .unwrap();
    let milter = start(POLICY);
    let mut idle: Vec<_> = (0..1000).map(|_| Smtp::connect(&milter)).collect();
    for smtp in &mut idle {
        assert_eq!(smtp.ask("a.example"), "OK secure match=nexthop");
    }
    // None of them was closed meanwhile.
    for smtp in &mut idle {
        smtp.0.set_nonblocking(true).unwrap();
        assert_eq!(smtp.0.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
        smtp.0.set_nonblocking(false).unwrap();
        assert_eq!(smtp.ask("[mx.a.example]:25"), "OK secure match=nexthop");
    }
}

#[test]
fn a_change_of_the_policy_is_the_next_answer_and_a_broken_one_changes_nothing() {
    let milter = start(POLICY);
    let mut smtp = Smtp::connect(&milter);
    assert_eq!(smtp.ask("c.example"), "NOTFOUND ");
    std::fs::write(
        milter.path("policy.yaml"),
        format!("defaults: {{ deliver: encrypt }}\n{POLICY}"),
    )
    .unwrap();
    milter.signal(nix::sys::signal::Signal::SIGHUP);
    milter.wait_for_line("policy reloaded");
    assert_eq!(smtp.ask("c.example"), "OK encrypt");
    std::fs::write(milter.path("policy.yaml"), "domains: [").unwrap();
    milter.signal(nix::sys::signal::Signal::SIGHUP);
    milter.wait_for_line("policy not reloaded");
    assert_eq!(smtp.ask("c.example"), "OK encrypt");
    std::fs::write(milter.path("policy.yaml"), POLICY).unwrap();
    milter.signal(nix::sys::signal::Signal::SIGHUP);
    milter.wait_for_line("policy reloaded");
    assert_eq!(smtp.ask("c.example"), "NOTFOUND ");
}

#[test]
fn without_descriptors_connections_wait_and_are_answered_when_there_are_some() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(SOCKET);
    let settings = format!(
        "listen: unix:{0}/milter.sock\npolicy: policy.yaml\nlimits: {{ connections: 8 }}\nsocketmap: unix:{0}/{SOCKET}\n",
        directory.path().display()
    );
    std::fs::write(directory.path().join("milter.yaml"), settings).unwrap();
    std::fs::write(directory.path().join("policy.yaml"), POLICY).unwrap();
    let mut process = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 40; exec \"$@\"",
            "sh",
            env!("CARGO_BIN_EXE_mandatory-tls"),
            "milter",
            "--config",
        ])
        .arg(directory.path().join("milter.yaml"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = std::io::BufReader::new(process.stderr.take().unwrap());
    let mut lines = std::io::BufRead::lines(stderr).map(Result::unwrap);
    let mut wait = |part: &str| {
        assert!(lines.by_ref().any(|line| line.contains(part)), "{part}");
    };
    wait("look-ups of next hops on");
    let mut crowd: Vec<Smtp<UnixStream>> = (0..60)
        .map(|_| {
            let stream = UnixStream::connect(&path).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            Smtp(stream)
        })
        .collect();
    wait("cannot take connections on");
    let mut last = crowd.pop().unwrap();
    // The last waits until another one ends.
    crowd.truncate(1);
    assert_eq!(last.ask("a.example"), "OK secure match=nexthop");
    assert_eq!(crowd[0].ask("a.example"), "OK secure match=nexthop");
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn a_socket_that_systemd_passes_under_its_name_is_for_look_ups_and_outlives_the_program() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(SOCKET);
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let settings =
        format!("listen: unix:{}/milter.sock\npolicy: policy.yaml\n", directory.path().display());
    std::fs::write(directory.path().join("milter.yaml"), settings).unwrap();
    std::fs::write(directory.path().join("policy.yaml"), POLICY).unwrap();
    let run = || {
        Command::new("sh")
            .args(["-c", "exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=socketmap; exec \"$@\"", "sh"])
            .args([env!("CARGO_BIN_EXE_mandatory-tls"), "milter", "--config"])
            .arg(directory.path().join("milter.yaml"))
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(listener.try_clone().unwrap())))
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let connect = || {
        let stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Smtp(stream)
    };
    for _ in 0..2 {
        // It waits for the program that is still to come, as it does while one is restarted.
        let mut smtp = connect();
        let mut process = run();
        assert_eq!(smtp.ask("a.example"), "OK secure match=nexthop");
        process.kill().unwrap();
        process.wait().unwrap();
        assert_eq!(smtp.0.read(&mut [0; 1]).unwrap(), 0);
    }
}
