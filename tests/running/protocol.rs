//! The running milter, spoken to in the milter protocol: what no MTA at hand would send, too.

use crate::support::{ALL_OPTIONS, Milter, PATIENCE, SOCKET, frame};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::Value;
use std::{
    io::{ErrorKind, Write},
    net::{Shutdown, TcpStream},
    os::unix::net::UnixStream,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

const TLS: [(&str, &str); 3] = [
    ("{tls_version}", "TLSv1.3"),
    ("{cipher}", "TLS_AES_256_GCM_SHA384"),
    ("{cipher_bits}", "256"),
];
const POLICY: &str = "domains: [example.com]\n";

#[test]
fn one_round_trip_is_all_that_a_recipient_costs() {
    let milter = Milter::start(POLICY, "");
    let mut mta = milter.session();
    for _ in 0..3 {
        mta.mail();
        // Nothing was answered so far: the first answer is that of RCPT.
        assert_eq!(mta.rcpt("<u@example.com>", &TLS), (b'c', String::new()));
        let (letter, text) = mta.rcpt("<u@example.com>", &[]);
        assert_eq!(letter, b'y');
        assert!(text.starts_with("450 4.7.1 ") && text.ends_with('\0'), "{text}");
        mta.send(b'A', b"");
    }
    mta.send(b'Q', b"");
    assert_eq!(mta.receive(), None);
}

#[test]
fn an_old_mta_gets_an_answer_to_all_that_it_sends() {
    let milter = Milter::start(POLICY, "");
    let mut mta = milter.connect();
    let answer = mta.negotiate(2, 0x3f, 0);
    assert_eq!(answer, [2u32, 0, 0].map(u32::to_be_bytes).concat());
    for (letter, payload) in [
        (b'C', &b"client\x004\x30\x39203.0.113.9\0"[..]),
        (b'H', b"client.test\0"),
        (b'M', b"<a@b.test>\0"),
        (b'R', b"<u@other.test>\0"),
        (b'L', b"Subject\0x\0"),
        (b'N', b""),
        (b'B', b"text"),
        (b'E', b""),
    ] {
        mta.send(letter, payload);
        assert_eq!(mta.receive(), Some((b'c', Vec::new())), "{}", char::from(letter));
    }
}

#[test]
fn evidence_of_tls_never_outlives_what_it_was_sent_for() {
    let milter = Milter::start(POLICY, "");
    let mut mta = milter.session();
    let unknown = |(letter, text): (u8, String)| letter == b'y' && text.contains("cannot tell");
    let plaintext =
        |(letter, text): (u8, String)| letter == b'y' && text.contains("is not encrypted");
    mta.mail();
    assert_eq!(mta.rcpt("<u@example.com>", &TLS).0, b'c');
    // A second recipient without macros of its own, as no MTA sends it, proves nothing.
    assert!(unknown(mta.bare_rcpt("<u@example.com>")));
    assert_eq!(mta.rcpt("<u@example.com>", &TLS).0, b'c');
    // An empty batch replaces the one before.
    mta.macros(b'R', &[]);
    assert!(unknown(mta.bare_rcpt("<u@example.com>")));
    assert!(plaintext(mta.rcpt("<u@example.com>", &[])));
    mta.macros(b'R', &[("j", "mx.test"), TLS[0], TLS[1]]);
    mta.send(b'A', b"");
    mta.mail();
    assert!(unknown(mta.bare_rcpt("<u@example.com>")));
    // Another connection over the same socket is another session.
    mta.macros(b'H', &TLS);
    assert_eq!(mta.bare_rcpt("<u@example.com>").0, b'c');
    mta.send(b'K', b"");
    mta.send(b'C', b"client\x004\x30\x39203.0.113.9\0");
    mta.mail();
    assert!(unknown(mta.bare_rcpt("<u@example.com>")));
}

#[test]
fn an_mta_that_tells_of_tls_at_helo_only_is_understood() {
    let milter = Milter::start(POLICY, "");
    let mut mta = milter.connect();
    mta.negotiate(6, 0, ALL_OPTIONS);
    mta.macros(b'H', &[TLS[0], TLS[1]]);
    mta.mail();
    assert_eq!(mta.bare_rcpt("<u@example.com>").0, b'c');
    mta.macros(b'H', &[("{tls_version}", ""), ("{cipher}", "")]);
    mta.mail();
    assert!(mta.bare_rcpt("<u@example.com>").1.contains("is not encrypted"));
}

#[test]
fn where_the_mta_does_not_tell_of_tls_the_settings_decide_and_the_log_is_loud() {
    let milter = Milter::start(POLICY, "on_unknown_tls: pass\nlog: { format: json }");
    let mut mta = milter.session();
    mta.mail();
    assert_eq!(mta.bare_rcpt("<u@example.com>").0, b'c');
    let line: Value = serde_json::from_str(&milter.wait_for_line("unknown-tls-passed")).unwrap();
    assert_eq!((&line["level"], &line["verdict"]), (&"WARN".into(), &"accept".into()), "{line}");
}

#[test]
fn the_mtas_own_name_as_the_host_of_a_local_recipient_is_no_domain_in_sight() {
    let milter = Milter::start("domains: [\"*.test\"]\n", "");
    let mut mta = milter.session();
    mta.mail();
    // Postfix gives $myhostname as {rcpt_host} of what it delivers itself.
    let local = [("{rcpt_addr}", "u@free.example"), ("{rcpt_host}", "mx.test")];
    assert_eq!(mta.rcpt("<u@free.example>", &local).0, b'c');
    let relayed = [("{rcpt_addr}", "u@free.example"), ("{rcpt_host}", "other.test")];
    assert_eq!(mta.rcpt("<@hop.free.example:u@free.example>", &relayed).0, b'y');
}

#[test]
fn an_mta_that_takes_no_lists_cannot_prove_plaintext_or_a_certificate() {
    let milter = Milter::start(
        "requirements: { c: { client_certificate: { subject: a.test } } }\n\
         domains: [example.com, { domain: held.example, require: c }]\n",
        "",
    );
    let mut mta = milter.connect();
    mta.negotiate(6, 0, ALL_OPTIONS);
    mta.mail();
    assert!(mta.rcpt("<u@example.com>", &[]).1.contains("cannot tell"));
    let shown = [TLS[0], TLS[1], ("{cert_subject}", "a.test")];
    assert_eq!(mta.rcpt("<u@example.com>", &shown).0, b'c');
    assert!(mta.rcpt("<u@held.example>", &shown).1.contains("certificate"));
}

#[test]
fn a_client_that_cannot_be_read_is_in_no_network_and_its_session_goes_on() {
    let milter = Milter::start("domains: [example.com]\ntrusted: { clients: 0.0.0.0/0 }\n", "");
    let mut mta = milter.connect();
    mta.negotiate(6, 0x1ff, ALL_OPTIONS);
    mta.send(b'C', b"client\x004\x30\x39nonsense\0");
    mta.mail();
    assert_eq!(mta.rcpt("<u@example.com>", &[]).0, b'y');
    assert_eq!(mta.rcpt("<u@free.example>", &[]).0, b'c');
}

#[test]
fn an_ipv6_client_is_read_as_sendmail_writes_it() {
    let milter =
        Milter::start("domains: [example.com]\ntrusted: { clients: [\"2001:db8::/32\"] }\n", "");
    let mut mta = milter.connect();
    mta.negotiate(6, 0x1ff, ALL_OPTIONS);
    mta.send(b'C', b"client\x006\x30\x39IPv6:2001:db8:0:0:0:0:0:1\0");
    mta.mail();
    assert_eq!(mta.rcpt("<u@example.com>", &[]).0, b'c');
}

#[test]
fn a_log_line_is_one_json_object_that_no_client_can_forge() {
    let milter = Milter::start(POLICY, "log: { format: json, level: debug, local_parts: true }");
    let mut mta = milter.session();
    let hostile = "<\"\r\n{\\\"verdict\\\":\\\"accept\\\"}\u{1b}[2J\"@example.com>";
    mta.macros(
        b'M',
        &[("j", "mx.test"), ("i", "4Yx\nforged=1"), ("{mail_addr}", "\"a\nb\"@b.test")],
    );
    mta.send(b'M', b"<\"a\nb\"@b.test>\0");
    assert_eq!(mta.rcpt(hostile, &[("{cipher}", "X\r\nverdict=accept"), TLS[0]]).0, b'y');
    let line = milter.wait_for_line("refuse");
    let object: Value = serde_json::from_str(&line).unwrap();
    for (key, value) in object.as_object().unwrap() {
        let text = value.as_str().unwrap();
        assert!(text.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{key}: {text:?}");
    }
    assert_eq!(object["verdict"], "refuse");
    assert_eq!(object["domain"], "example.com");
    assert_eq!(object["queue_id"], "4Yx\\x0aforged\\x3d1");
    assert!(object["rcpt"].as_str().unwrap().contains("\\x0d\\x0a"), "{object}");
}

#[test]
fn local_parts_stay_out_of_the_log_unless_they_are_asked_for() {
    let milter = Milter::start("domains: [secret.person@example.com]\n", "log: { level: debug }");
    let mut mta = milter.session();
    mta.mail();
    assert_eq!(
        mta.rcpt("<secret.person@example.com>", &[("{rcpt_addr}", "secret.person@example.com")]).0,
        b'y'
    );
    let line = milter.wait_for_line("verdict=refuse");
    assert!(!line.contains("secret") && line.contains("entry=...@example.com"), "{line}");
    assert!(line.contains("sender=b.test") && line.contains("client=203.0.113.9"), "{line}");
}

#[test]
fn a_broken_packet_ends_its_own_connection_and_no_other() {
    let milter = Milter::start(POLICY, "");
    let mut good = milter.session();
    good.mail();
    for garbage in [
        &b"\0\0\0\0"[..],
        b"\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0\0\0\x01R",
        b"\0\0\0\x05O\0\0\0\x06",
    ] {
        let mut bad = milter.connect();
        bad.socket.write_all(garbage).unwrap();
        assert_eq!(bad.receive(), None, "{garbage:?}");
    }
    for payload in [&b"R"[..], b"Rno end", b"M", b"O", b"?"] {
        let mut bad = milter.session();
        bad.send(payload[0], &payload[1..]);
        assert_eq!(bad.receive(), None, "{payload:?}");
    }
    let gone = milter.session();
    gone.socket.shutdown(Shutdown::Both).unwrap();
    assert_eq!(good.rcpt("<u@example.com>", &TLS).0, b'c');
    assert_eq!(good.rcpt("<u@example.com>", &[]).0, b'y');
}

#[test]
fn packets_may_come_in_any_pieces() {
    let milter = Milter::start(POLICY, "");
    let mut mta = milter.session();
    mta.mail();
    let mut frames = Vec::new();
    for payload in [&b"DRj\0mx.test\0"[..], b"R<u@example.com>\0"] {
        frames.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
        frames.extend_from_slice(payload);
    }
    mta.socket.set_nodelay(true).unwrap();
    for octet in frames {
        mta.socket.write_all(&[octet]).unwrap();
    }
    assert_eq!(mta.receive().unwrap().0, b'y');
}

#[test]
fn content_that_is_sent_unasked_is_answered_and_not_kept() {
    let milter = Milter::start(POLICY, "");
    let mut mta = milter.connect();
    mta.negotiate(6, 0x1ff, 0);
    let content = vec![b'x'; 1024 * 1024 - 1];
    for letter in *b"LBB" {
        mta.send(letter, &content);
        assert_eq!(mta.receive(), Some((b'c', Vec::new())));
    }
    assert_eq!(mta.rcpt("<u@example.com>", &[]).0, b'y');
    mta.socket.write_all(b"\0\x10\0\x01B").unwrap();
    assert_eq!(mta.receive(), None);
}

#[test]
fn an_mta_that_reads_no_answers_is_not_read_from_and_misses_none() {
    let milter = Milter::start(POLICY, "");
    let mut mta = milter.session();
    let mut frame = 17u32.to_be_bytes().to_vec();
    frame.extend_from_slice(b"R<u@example.com>\0");
    let mut stream = frame.repeat(64);
    // Where nothing goes any more the milter has stopped reading, and all buffers are full.
    mta.socket.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut sent = 0;
    loop {
        match mta.socket.write(&stream) {
            Ok(written) => {
                sent += written;
                stream.rotate_left(written % frame.len());
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
        assert!(sent < 64 << 20, "it goes on reading though nobody takes its answers");
    }
    mta.socket.set_write_timeout(None).unwrap();
    let rest = (frame.len() - sent % frame.len()) % frame.len();
    let mut end = mta.socket.try_clone().unwrap();
    let stream = stream[..rest].to_vec();
    let writer = std::thread::spawn(move || end.write_all(&stream).unwrap());
    let sent = (sent + rest) / frame.len();
    for _ in 0..sent {
        assert_eq!(mta.receive().unwrap().0, b'y');
    }
    writer.join().unwrap();
    assert_eq!(mta.rcpt("<u@example.com>", &TLS).0, b'c');
}

#[test]
fn crowds_of_idle_and_half_spoken_connections_do_not_hurt_the_others() {
    // Both ends of the connections are this process's and the milter's.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let milter = Milter::start(POLICY, "");
    let idle: Vec<_> = (0..2000).map(|_| milter.session()).collect();
    let half_spoken: Vec<_> = (0..1000)
        .map(|_| {
            let mut mta = milter.session();
            mta.socket.write_all(b"\0\0\0\x20R<u@exa").unwrap();
            mta
        })
        .collect();
    let mut good = milter.session();
    for _ in 0..100 {
        good.mail();
        assert_eq!(good.rcpt("<u@example.com>", &TLS).0, b'c');
        assert_eq!(good.rcpt("<u@example.com>", &[]).0, b'y');
        good.send(b'A', b"");
    }
    let per_connection = milter.memory() / (idle.len() + half_spoken.len());
    assert!(per_connection < 16 * 1024, "{per_connection} octets");
    drop((idle, half_spoken));
    assert_eq!(good.rcpt("<u@example.com>", &TLS).0, b'c');
}

#[test]
fn a_peer_that_never_stops_sending_does_not_starve_the_others() {
    let milter = Milter::start(POLICY, "");
    let mut good = milter.session();
    let mut endless = milter.session();
    let stopped = Arc::new(AtomicBool::new(false));
    let sender = std::thread::spawn({
        let stopped = Arc::clone(&stopped);
        move || {
            // To send these takes less time than to read them, so there is always one more.
            let mail = b"M<\"a b\"%c.test%d.test@e.test>\0";
            let length = u32::try_from(mail.len()).unwrap().to_be_bytes();
            let batch = [&length[..], mail].concat().repeat(10_000);
            while !stopped.load(Ordering::Relaxed) {
                endless.socket.write_all(&batch).unwrap();
            }
        }
    });
    for _ in 0..50 {
        assert_eq!(good.rcpt("<u@example.com>", &TLS).0, b'c');
    }
    stopped.store(true, Ordering::Relaxed);
    sender.join().unwrap();
}

#[test]
fn peers_that_connect_and_hang_up_without_end_do_not_starve_the_others() {
    let milter = Milter::start(POLICY, "");
    let socket = milter.path(SOCKET);
    let mut good = milter.session();
    let served = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !served.load(Ordering::Relaxed) {
                    let mut peer = UnixStream::connect(&socket).unwrap();
                    peer.write_all(&frame(b'Q', b"")).unwrap();
                }
            });
        }
        let began = Instant::now();
        let serve = || {
            for _ in 0..50 {
                assert_eq!(good.rcpt("<u@example.com>", &TLS).0, b'c');
                assert!(began.elapsed() < PATIENCE);
            }
        };
        let result = catch_unwind(AssertUnwindSafe(serve));
        served.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| resume_unwind(panic));
    });
}

#[test]
fn of_many_that_connect_at_once_each_is_served_at_once() {
    let milter = Milter::start(POLICY, "");
    milter.signal(nix::sys::signal::Signal::SIGSTOP);
    let silent: Vec<_> = (0..600).map(|_| milter.connect_locally()).collect();
    let mut mta = milter.connect_locally();
    milter.signal(nix::sys::signal::Signal::SIGCONT);
    let began = Instant::now();
    mta.negotiate(6, 0x1ff, ALL_OPTIONS);
    // Not when something else wakes the milter up: it wakes up by itself after this time.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    drop(silent);
}

#[test]
fn an_mta_that_has_said_much_before_it_is_served_misses_no_answer() {
    let milter = Milter::start(POLICY, "limits: { connections: 1 }");
    let first = milter.session();
    let mut mta = milter.connect_locally();
    milter.wait_for_line("all connections that `limits` allows are in use");
    mta.send(b'O', &[6, 0x1ff, ALL_OPTIONS].map(u32::to_be_bytes).concat());
    // More answers than the socket holds, in one turn, before anything is read.
    mta.socket.write_all(&frame(b'R', b"\0").repeat(2000)).unwrap();
    mta.send(b'R', b"<u@example.com>\0");
    drop(first);
    milter.wait_for_line("example.com");
    assert_eq!(mta.receive().unwrap().0, b'O');
    for _ in 0..=2000 {
        assert_eq!(mta.receive().unwrap().0, b'y');
    }
}

#[test]
fn an_mta_that_stops_in_the_middle_of_a_packet_is_given_up_after_half_a_minute() {
    let milter = Milter::start(POLICY, "");
    let mut silent = milter.connect();
    let mut idle = milter.session();
    let mut broken = milter.session();
    broken.socket.write_all(b"\0\0\0\x20R").unwrap();
    let began = Instant::now();
    for given_up in [&mut silent, &mut broken] {
        given_up.socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        assert_eq!(given_up.receive(), None);
        assert!(began.elapsed() >= Duration::from_secs(29));
    }
    milter.wait_for_line("a milter connection broke off");
    // One that has nothing to say for now is not.
    assert_eq!(idle.rcpt("<u@example.com>", &TLS).0, b'c');
}

#[test]
fn beyond_the_limit_connections_wait_and_the_log_says_so() {
    let milter = Milter::start(POLICY, "limits: { connections: 2 }");
    let mut first = milter.session();
    let second = milter.session();
    // The third is connected by the kernel, and not yet served.
    let mut third = milter.connect();
    milter.wait_for_line("all connections that `limits` allows are in use");
    third.send(b'O', &[6, 0x1ff, ALL_OPTIONS].map(u32::to_be_bytes).concat());
    first.mail();
    assert_eq!(first.rcpt("<u@example.com>", &TLS).0, b'c');
    drop(second);
    assert_eq!(third.receive().unwrap().0, b'O');
}

#[test]
fn told_to_stop_it_lets_sessions_end_and_takes_no_more() {
    let mut milter = Milter::start(POLICY, "");
    let mut mta = milter.session();
    mta.mail();
    milter.signal(nix::sys::signal::Signal::SIGTERM);
    milter.wait_for_line("stopping");
    // The socket closes right after that line; what got in before is not served.
    while TcpStream::connect(&milter.address).is_ok() {
        std::thread::yield_now();
    }
    assert_eq!(mta.rcpt("<u@example.com>", &TLS).0, b'c');
    assert_eq!(mta.rcpt("<u@example.com>", &[]).0, b'y');
    mta.send(b'Q', b"");
    assert_eq!(milter.process.wait().unwrap().code(), Some(0));
}

#[test]
fn told_twice_to_stop_it_stops_at_once() {
    let mut milter = Milter::start(POLICY, "");
    let mut mta = milter.session();
    milter.signal(nix::sys::signal::Signal::SIGTERM);
    milter.wait_for_line("stopping");
    milter.signal(nix::sys::signal::Signal::SIGTERM);
    milter.wait_for_line("connections cut off: 1");
    assert_eq!(milter.process.wait().unwrap().code(), Some(0));
    assert_eq!(mta.receive(), None);
}
