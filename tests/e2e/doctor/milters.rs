//! Whether this milter is asked, and who else answers.

use super::{Identity, POLICY, about_mail, files, milter, milter_with, postfix, room, with};
use crate::support::{
    MilterOptions, Postfix, PostfixOptions, Sendmail, Service, SmtpClient, wait_until,
};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

/// The lines of a server whose TLS is as it should be.
fn good(at: &super::Files) -> Vec<String> {
    let identity = Identity::new();
    let own = [&identity.certificate, &identity.issuer.certificate];
    files(&at.certificates("good.crt", &own), &at.key("good.key", &identity.key))
}

/// The one answer about mail that is an error, which has this name.
fn error(said: &str, id: &str) -> String {
    let errors: Vec<String> =
        about_mail(said).into_iter().filter(|answer| answer.starts_with("ERROR")).collect();
    assert!(errors.len() == 1 && errors[0].contains(&format!("[{id}]")), "{id}: {said}");
    errors[0].clone()
}

#[test]
fn where_all_is_right_the_milter_has_judged_over_tls_and_in_plaintext_and_nothing_is_counted() {
    let settings = "state_dir: state\nmetrics: { listen: \"inet:127.0.0.1:0\" }";
    let options = MilterOptions::default();
    let milter = milter_with(POLICY, options.settings(settings));
    let (_room, at) = room();
    let postfix = postfix(&milter, &good(&at));
    let (said, _) = milter.doctor(&postfix.configuration(), &[]);
    let right = about_mail(&said).into_iter().find(|answer| answer.starts_with("ok"));
    let right = right.unwrap_or_else(|| panic!("{said}"));
    for words in [
        "TLS 1.3 and TLS 1.2; this milter judges: in plaintext: refuse (plaintext)",
        "over TLS 1.3: accept (adequate)",
        "over TLS 1.2: accept (adequate)",
        &format!("127.0.0.1:{}", postfix.port(Service::Outside)),
    ] {
        assert!(right.contains(words), "{words}: {said}");
    }
    // Of the trials no recipient was counted, or logged as one that was refused: the next one is the first.
    let mut client = SmtpClient::plaintext(postfix.port(Service::Outside));
    client.try_rcpt("user@example.com").assert_refused();
    let status = || std::fs::read_to_string(milter.directory().join("status.json")).unwrap();
    wait_until("a recipient in the status", || (!status().contains("\"judged\": 0")).then_some(()));
    assert!(status().contains("\"judged\": 1"), "{}", status());
    assert_eq!(milter.lines().matching(|line| line.contains("recipient refused")).len(), 1);
    // Postfix took no message.
    assert!(postfix.queue().is_empty());
}

#[test]
fn a_client_whom_the_policy_trusts_is_tried_as_a_stranger() {
    let policy = "trusted: { clients: [127.0.0.0/8, \"::1/128\"] }\ndomains: [example.com]\n";
    let milter = milter_with(policy, MilterOptions::default());
    let (_room, at) = room();
    let postfix = postfix(&milter, &good(&at));
    let (said, _) = milter.doctor(&postfix.configuration(), &[]);
    assert!(said.contains("in plaintext: refuse (plaintext)"), "{said}");
}

#[test]
fn a_sendmail_is_tried_where_its_daemons_listen() {
    let milter = milter();
    let sendmail = Sendmail::with(&milter);
    let said = sendmail.doctor(&milter);
    let place = format!("127.0.0.1:{} (", sendmail.smtp_port());
    let is_right = |answer: &String| answer.starts_with("ok") && answer.contains(&place);
    let right = about_mail(&said).into_iter().find(is_right).unwrap_or_else(|| panic!("{said}"));
    for words in
        ["in plaintext: refuse (plaintext)", "over TLS 1.3: accept", "over TLS 1.2: accept"]
    {
        assert!(right.contains(words), "{words}: {said}");
    }
}

#[test]
fn a_trial_works_however_other_servers_come_in() {
    let milter = milter();
    let (_room, at) = room();
    let good = good(&at);
    for (program, lines, words) in [
        ("smtpd", "smtpd_discard_ehlo_keywords = dsn", "in plaintext: refuse (plaintext)"),
        ("postscreen", "postscreen_greet_action = enforce", "in plaintext: refuse (plaintext)"),
        ("smtpd -o smtpd_upstream_proxy_protocol=haproxy", "biff = no", "refuse (plaintext)"),
        ("smtpd -o smtpd_tls_wrappermode=yes", "biff = no", "judges: over TLS 1.3"),
        ("smtpd -o smtpd_tls_security_level=encrypt", "biff = no", "takes none (530 5.7.0"),
        ("smtpd", "smtpd_milters = , $milters_of_ours", "refuse (plaintext)"),
        ("smtpd", "smtpd_helo_restrictions = reject_non_fqdn_helo_hostname", "refuse (plaintext)"),
        ("smtpd", "smtpd_hard_error_limit = 1", "refuse (plaintext)"),
    ] {
        let ours = format!("milters_of_ours = {}", milter.postfix_name());
        let lines = [good.clone(), vec![lines.into(), ours]].concat();
        let options = PostfixOptions::default().milter(&milter).outside(program);
        let postfix = Postfix::start(with(options, &lines));
        let (said, _) = milter.doctor(&postfix.configuration(), &[]);
        let right = about_mail(&said).into_iter().find(|answer| answer.starts_with("ok"));
        let right = right.unwrap_or_else(|| panic!("{program} {lines:?}: {said}"));
        assert!(right.contains("over TLS 1.3: accept (adequate)"), "{program}: {said}");
        assert!(right.contains(words), "{program} {lines:?}: {said}");
    }
}

#[test]
fn an_mta_that_refuses_by_itself_is_told_from_a_milter_that_is_down() {
    let mut milter = milter();
    let (_room, at) = room();
    let with_line = |milter: &crate::support::Milter, line: &str| {
        postfix(milter, &[good(&at), vec![line.into()]].concat())
    };
    let about = |postfix: &Postfix, id: &str| {
        let (said, _) = milter.doctor(&postfix.configuration(), &[]);
        let answer =
            about_mail(&said).into_iter().find(|answer| answer.contains(&format!("[{id}]")));
        answer.unwrap_or_else(|| panic!("{id}: {said}"))
    };
    // Postfix takes its own postmaster whatever its restrictions are.
    let picky = with_line(&milter, "smtpd_recipient_restrictions = reject");
    let answer = about(&picky, "recipients-refused");
    assert!(
        answer.starts_with("note") && answer.contains("<postmaster@example.com> (554 5.7.1"),
        "{answer}"
    );
    let closed = ["smtpd_client_restrictions = reject".into(), "smtpd_delay_reject = no".into()];
    let closed = postfix(&milter, &[&good(&at)[..], &closed[..]].concat());
    let answer = about(&closed, "mta-turns-away");
    assert!(answer.starts_with("ERROR") && answer.contains("(554 5.7.1"), "{answer}");
    // postscreen's deep tests put off whom it does not know, its own host as well.
    let options = PostfixOptions::default().milter(&milter);
    let options = options.outside("postscreen -o postscreen_access_list=");
    let deep = [
        &good(&at)[..],
        &["postscreen_pipelining_enable = yes".into(), "postscreen_greet_wait = 1s".into()],
    ]
    .concat();
    let answer = about(&Postfix::start(with(options, &deep)), "recipients-refused");
    assert!(answer.starts_with("WARNING") && answer.contains("postscreen"), "{answer}");
    let bouncing = with_line(&milter, "milter_default_action = reject");
    milter.stop();
    let (said, status) = milter.doctor(&bouncing.configuration(), &[]);
    let answer = error(&said, "mta-turns-away");
    assert!(answer.contains("(554 ") && answer.contains("this milter does not run"), "{said}");
    assert_eq!(status, 2);
}

#[test]
fn a_service_that_does_not_ask_is_named_and_so_is_one_that_asks_another_program() {
    let milter = milter();
    let (_room, at) = room();
    let options = PostfixOptions::default().milter(&milter).outside("smtpd -o smtpd_milters=");
    let deaf = Postfix::start(with(options, &good(&at)));
    let (said, _) = milter.doctor(&deaf.configuration(), &[]);
    let answer = error(&said, "mail-unjudged");
    assert!(
        answer.contains("without asking this milter: mail for opted-in domains passes"),
        "{said}"
    );

    let options = PostfixOptions::default().outside("smtpd").milters(&another_milter());
    let with_another = Postfix::start(with(options, &good(&at)));
    let (said, _) = milter.doctor(&with_another.configuration(), &[]);
    error(&said, "mail-unjudged");
}

#[test]
fn what_happens_to_mail_while_the_milter_is_down_is_said() {
    let mut milter = milter();
    let (_room, at) = room();
    let postfix = postfix(&milter, &good(&at));
    let lines = [good(&at), vec!["milter_default_action = accept".into()]].concat();
    let lax = super::postfix(&milter, &lines);
    milter.stop();
    let (said, status) = milter.doctor(&postfix.configuration(), &[]);
    let answer = error(&said, "mail-put-off");
    assert!(answer.contains("it puts ALL MAIL off (451") && status == 2, "{said}");
    // A key of its own, which does not fit, would be named in its place: Postfix refuses STARTTLS, too.
    assert!(!said.contains("[tls-broken]"), "{said}");
    let (said, _) = milter.doctor(&lax.configuration(), &[]);
    let answer = error(&said, "mail-unjudged");
    assert!(answer.contains("though this milter does not run"), "{said}");
}

#[test]
fn another_program_on_the_milters_socket_is_told_apart() {
    let mut milter = milter();
    let (_room, at) = room();
    let postfix = postfix(&milter, &good(&at));
    milter.stop();
    for (answers, words) in [
        (&b"220 mail.example.net ESMTP\r\n"[..], "it does not speak as a milter"),
        (&MILTERS_OFFER[..], "a milter that asks for other things"),
        (b"", "it says nothing that a milter says"),
    ] {
        let listener = TcpListener::bind(("127.0.0.1", milter.port().unwrap())).unwrap();
        let server = thread::spawn(move || serve(&listener, answers, 1));
        let (said, _) = milter.doctor(&postfix.configuration(), &["--accept", "milter-down"]);
        assert!(said.contains("[socket-of-another]") && said.contains(words), "{words}: {said}");
        server.join().unwrap();
    }
}

#[test]
fn a_postfix_that_is_stopped_and_an_address_at_which_it_does_not_listen_are_named() {
    let milter = milter();
    let (_room, at) = room();
    let mut lines = good(&at);
    lines.push("inet_interfaces = 127.0.0.1".into());
    let mut running = postfix(&milter, &lines);
    // On one address alone: the others are none of its business.
    let (said, _) = milter.doctor(&running.configuration(), &[]);
    assert!(about_mail(&said).iter().any(|answer| answer.starts_with("ok")), "{said}");
    assert!(about_mail(&said).iter().all(|answer| !answer.contains("[::1]")), "{said}");
    assert!(said.contains("[only-this-host]"), "{said}");
    let main = running.configuration().join("main.cf");
    let text = std::fs::read_to_string(&main).unwrap();
    std::fs::write(
        &main,
        text.replace("inet_interfaces = 127.0.0.1", "inet_interfaces = 127.0.0.1 127.0.0.9"),
    )
    .unwrap();
    let (said, _) = milter.doctor(&running.configuration(), &[]);
    let answer = error(&said, "mta-down");
    assert!(answer.contains("127.0.0.9:") && !answer.contains("127.0.0.1:"), "{said}");

    std::fs::write(&main, text).unwrap();
    running.stop();
    let (said, status) = milter.doctor(&running.configuration(), &[]);
    let answer = error(&said, "mta-down");
    assert!(answer.contains("the MTA is stopped") && status == 2, "{said}");
}

#[test]
fn what_was_found_is_kept_for_the_metrics() {
    let ports = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = ports.local_addr().unwrap().port();
    drop(ports);
    let settings = format!("metrics: {{ listen: \"inet:127.0.0.1:{port}\" }}");
    let milter = milter_with(POLICY, MilterOptions::default().settings(&settings));
    let (_room, at) = room();
    let postfix =
        postfix(&milter, &[good(&at), vec!["smtpd_tls_security_level = none".into()]].concat());
    let figure = |name: &str| {
        let text = metrics(port);
        let line = text.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.map(|value| value.trim().parse::<f64>().unwrap())
    };
    assert_eq!(figure("mandatory_tls_doctor_errors "), None);
    let (said, _) = milter.doctor(&postfix.configuration(), &["--record"]);
    assert!(said.contains("[starttls-not-offered]"), "{said}");
    wait_until("the figure", || (figure("mandatory_tls_doctor_errors ")? >= 1.0).then_some(()));
    assert!(figure("mandatory_tls_doctor_timestamp_seconds ").unwrap() > 1e9);
    let kept = std::fs::read_to_string(milter.directory().join("doctor.json")).unwrap();
    assert!(kept.contains("\"starttls-not-offered\""), "{kept}");
}

fn metrics(port: u16) -> String {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// A milter's answer to the MTA's offer: version 6, no actions, no options.
const MILTERS_OFFER: [u8; 17] = [0, 0, 0, 13, b'O', 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0];

/// A milter of somebody else's, which lets everything through; its name for Postfix.
fn another_milter() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("inet:{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut head = [0; 5];
                while stream.read_exact(&mut head).is_ok() {
                    let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
                    let mut rest = vec![0; length - 1];
                    let _ = stream.read_exact(&mut rest);
                    let answer: &[u8] = match head[4] {
                        b'O' => &MILTERS_OFFER,
                        b'D' | b'A' | b'Q' => b"",
                        _ => b"\0\0\0\x01c",
                    };
                    let _ = stream.write_all(answer);
                }
            });
        }
    });
    name
}

/// Says this to some connections, and hangs up once the client has.
fn serve(listener: &TcpListener, answer: &[u8], connections: usize) {
    for stream in listener.incoming().take(connections) {
        let mut stream = stream.unwrap();
        let _ = stream.write_all(answer);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
}
