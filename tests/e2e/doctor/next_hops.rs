//! What doctor finds of the look-ups of next hops, as a chrooted smtp(8) would have them.

use super::milter_with;
use crate::support::{Milter, MilterOptions, Postfix, PostfixOptions};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;

const POLICY: &str = "\
domains:
- { domain: example.com, deliver: { level: secure, match: mx.example.com, nexthop: '[mx.example.com]:25' } }
- { domain: '*.example.net', deliver: encrypt }
- { domain: example.org, mode: monitor, deliver: encrypt }
- free.example
";
const MAP: &str = "socketmap:unix:look-ups/deliver.sock:QUERY";

/// A Postfix whose service `hop` asks this map in its chroot, and the place of the socket below its queue.
fn postfix(map: &str) -> (Postfix, PathBuf) {
    let hop = format!("hop unix - - y - - smtp -o smtp_tls_policy_maps={map}");
    let postfix = Postfix::start(PostfixOptions::default().master(&hop));
    let directory = postfix.queue_directory().join("look-ups");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    (postfix, directory.join("deliver.sock"))
}

fn milter(socket: &Path) -> Milter {
    let socketmap =
        format!("socketmap: {{ socket: \"unix:{}\", mode: \"0666\" }}", socket.display());
    milter_with(POLICY, MilterOptions::default().settings(&socketmap))
}

/// The one answer about next hops.
fn about(milter: &Milter, postfix: &Postfix) -> String {
    let (said, _) = milter.doctor(&postfix.configuration(), &[]);
    let answers = super::about(&said, "next");
    let [answer] = answers.as_slice() else { panic!("{said}") };
    answer.clone()
}

#[test]
fn look_ups_are_had_as_the_service_has_them_and_are_what_the_policy_says() {
    let (postfix, socket) = postfix(MAP);
    let milter = milter(&socket);
    let answer = about(&milter, &postfix);
    // example.com and its next hop, .example.net, example.org, free.example, and nobody.
    let words = "hop/unix (socketmap:unix:look-ups/deliver.sock:QUERY): answered as the policy says, for 6 next \
                 hops, to user postfix in its chroot";
    assert!(answer.starts_with("ok ") && answer.contains(words), "{answer}");
    // A policy that has just been changed is no difference.
    let more = format!("{POLICY}- {{ domain: more.example, deliver: encrypt }}\n");
    milter.write_policy(&more);
    let answer = about(&milter, &postfix);
    assert!(answer.starts_with("ok ") && answer.contains("7 next hops"), "{answer}");
    // Beside a broken file, the policy before it is in force.
    milter.write_policy("domains: [");
    let answer = about(&milter, &postfix);
    assert!(answer.starts_with("ok "), "{answer}");
}

#[test]
fn a_socket_that_is_not_there_or_out_of_reach_puts_all_mail_off() {
    let (postfix, socket) = postfix(MAP);
    let mut milter = milter(&socket);
    let directory = socket.parent().unwrap();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).unwrap();
    let answer = about(&milter, &postfix);
    assert!(answer.starts_with("ERROR") && answer.contains("[look-ups-out-of-reach]"), "{answer}");
    assert!(
        answer.contains("Postfix's user is not let in") && answer.contains("put off"),
        "{answer}"
    );
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    milter.stop();
    let answer = about(&milter, &postfix);
    assert!(answer.starts_with("ERROR") && answer.contains("[look-ups-silent]"), "{answer}");
    // The file of a socket that a crash has left.
    drop(UnixListener::bind(&socket).unwrap());
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    let answer = about(&milter, &postfix);
    assert!(answer.contains("[look-ups-silent]") && answer.contains("refused"), "{answer}");
}

#[test]
fn a_path_that_is_right_outside_of_the_chroot_only_is_out_of_reach() {
    let directory = crate::support::open_directory("look-ups");
    let socket = directory.path().join("deliver.sock");
    let (postfix, _) = postfix(&format!("socketmap:unix:{}:QUERY", socket.display()));
    let milter = milter(&socket);
    let answer = about(&milter, &postfix);
    assert!(answer.starts_with("ERROR") && answer.contains("[look-ups-out-of-reach]"), "{answer}");
    assert!(answer.contains("the socket is there, and Postfix does not find it"), "{answer}");
    let (said, _) = milter.doctor(&postfix.configuration(), &[]);
    assert!(said.contains("[next-hop-map-astray]"), "{said}");
}

#[test]
fn another_program_at_the_socket_is_told_by_what_it_answers() {
    let (postfix, socket) = postfix(MAP);
    let mut milter = milter(&socket);
    milter.stop();
    for (program, id, words) in [
        (
            Some("9:NOTFOUND ,"),
            "look-ups-differ",
            "[mx.example.com]:25: `NOTFOUND`, and not `OK secure match=mx",
        ),
        (
            Some("6:OK may,"),
            "look-ups-differ",
            "example.com: `OK may`, and not `OK secure match=mx.example.com`",
        ),
        (
            Some("12:TEMP no data,"),
            "look-ups-of-another",
            "[mx.example.com]:25: `TEMP no data`, and not",
        ),
        (Some("9:OK \x1b[2J x,"), "look-ups-differ", r"`OK \u{1b}[2J x`"),
        (Some("220 mail.example ESMTP\r\n"), "look-ups-of-another", "no socketmap"),
        (Some(""), "look-ups-of-another", "it closes the connection without an answer"),
        (None, "look-ups-hang", "it takes the request, and does not answer"),
    ] {
        // The file of the one before may be there.
        let _ = fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
        thread::spawn(move || answer_all(&listener, program));
        let answer = about(&milter, &postfix);
        assert!(
            answer.starts_with("ERROR") && answer.contains(&format!("[{id}]")),
            "{id}: {answer}"
        );
        assert!(answer.contains(words), "{words}: {answer}");
    }
}

/// Answers whatever is asked with the same; none: with nothing.
fn answer_all(listener: &UnixListener, answer: Option<&'static str>) {
    let mut kept = Vec::new();
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { return };
        let mut room = [0; 1000];
        // Whoever asks may be gone.
        let _ = stream.read(&mut room);
        match answer {
            Some(answer) => _ = stream.write_all(answer.as_bytes()),
            None => kept.push(stream),
        }
    }
}
