//! Settings of a real Postfix: what they do to mail, and what `setup` makes of them.

use std::{fs, process::Command};

use crate::support::{Milter, Postfix, PostfixOptions, Service, SmtpClient};

const OPTED_IN: &str = "domains: [example.com]\n";

/// What the recipient who has not opted in is answered after so many refused ones.
fn after(refused: usize, lines: &[&str]) -> u16 {
    let milter = Milter::start(OPTED_IN);
    let options = lines.iter().fold(
        PostfixOptions::default()
            .milter(&milter)
            .main("smtpd_soft_error_limit = 1000")
            .hosts(&["example.com", "free.example"]),
        |options, line| options.main(line),
    );
    let postfix = Postfix::start(options);
    let mut client = SmtpClient::plaintext(postfix.port(Service::Smtp));
    client.mail("sender@example.org");
    for number in 0..refused {
        client.rcpt(&format!("user{number}@example.com")).assert_refused();
    }
    client.command("RCPT TO:<user@free.example>").code
}

#[test]
fn refused_recipients_end_a_session_at_the_hard_error_limit_and_not_before() {
    // As Postfix has it by default.
    let usual = "smtpd_hard_error_limit = ${stress?{1}:{20}}";
    for (refused, lines, code) in [
        (19, &[usual][..], 250),
        (20, &[usual], 421),
        (1, &[usual, "stress = yes"], 421),
        // What setup sets.
        (60, &["smtpd_hard_error_limit = ${stress?{10}:{100}}"], 250),
        (9, &["smtpd_hard_error_limit = ${stress?{10}:{100}}", "stress = yes"], 250),
    ] {
        assert_eq!(after(refused, lines), code, "{refused} refused, {lines:?}");
    }
}

#[test]
fn a_misspelt_list_of_protocols_switches_tls_off() {
    let milter = Milter::start(OPTED_IN);
    let options = PostfixOptions::default().milter(&milter).main("smtpd_tls_protocols = >=TLSv12");
    let postfix = Postfix::start(options);
    let mut client = SmtpClient::connect(postfix.port(Service::Smtp));
    client.ehlo();
    client.expect("STARTTLS", 454);
}

/// Runs a script of shell commands with a Postfix configuration of its own, as root, and with nobody else's records.
fn scripted(main: &str, master: &str, script: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().display().to_string();
    let write = |name: &str, text: &str| {
        fs::write(directory.path().join(name), text.replace("DIR", &place)).unwrap();
    };
    let sound =
        "compatibility_level = 3.6\nqueue_directory = DIR/queue\ndata_directory = DIR/data\n";
    write("main.cf", &format!("{sound}{main}"));
    write("master.cf", master);
    write("milter.yaml", "listen: inet:127.0.0.1:8893\npolicy: policy.yaml\n");
    write("policy.yaml", OPTED_IN);
    let script = format!(
        "set -e; mount -t tmpfs tmpfs /var/lib; cd {place}\n\
         setup() {{ \"$MTLS\" setup postfix --config milter.yaml --postfix={place} --yes \"$@\"; }}\n\
         value() {{ postconf -c {place} -n \"$1\"; }}\n{script}"
    );
    let output = Command::new("unshare")
        .args(["--mount", "bash", "-c", &script])
        .env("MTLS", env!("CARGO_BIN_EXE_mandatory-tls"))
        .output()
        .unwrap();
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{said}");
    said
}

const MASTER: &str = "smtp inet n - n - - smtpd\ncleanup unix n - y - 0 cleanup\n";

#[test]
fn setup_keeps_the_milters_of_local_mail_and_undo_puts_everything_back() {
    let main =
        "mine = inet:127.0.0.1:8891\nsmtpd_milters = $mine\nnon_smtpd_milters = $smtpd_milters\n";
    let said = scripted(
        main,
        MASTER,
        "cp main.cf before; setup >/dev/null; value smtpd_milters; value non_smtpd_milters\n\
         value smtpd_hard_error_limit; setup; setup --undo >/dev/null\n\
         for name in smtpd_milters non_smtpd_milters smtpd_hard_error_limit; do value $name; done",
    );
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("smtpd_milters = { inet:127.0.0.1:8893, default_action=")
            && lines[0].ends_with(", connect_timeout=60s }, $mine"),
        "{said}"
    );
    assert_eq!(lines[1], "non_smtpd_milters = $mine");
    assert_eq!(lines[2], "smtpd_hard_error_limit = ${stress?{10}:{100}}");
    assert!(said.contains("Postfix asks the milter already"), "{said}");
    let end = "\nsmtpd_milters = $mine\nnon_smtpd_milters = $smtpd_milters\n";
    assert!(said.ends_with(end), "{said}");
}

#[test]
fn setup_puts_the_milter_where_a_service_has_milters_of_its_own() {
    let master = "192.0.2.7:25 inet n - n - - smtpd -o smtpd_milters=inet:127.0.0.1:11332\n\
         submission inet n - n - - smtpd -o smtpd_milters=\n";
    let said = scripted(
        "smtpd_milters = { inet:127.0.0.1:8893, default_action = accept }\n",
        &format!("{MASTER}{master}"),
        "setup >/dev/null; postconf -c . -P | grep milters; value smtpd_milters\n\
         setup --undo; postconf -c . -P | grep milters",
    );
    // postconf -P takes no blanks.
    let own = "192.0.2.7:25/inet/smtpd_milters = {inet:127.0.0.1:8893,default_action=";
    assert!(
        said.contains(own) && said.contains("connect_timeout=60s},inet:127.0.0.1:11332\n"),
        "{said}"
    );
    // What smtpd could not use is not kept beside it.
    assert!(said.contains("\nsmtpd_milters = { inet:127.0.0.1:8893, default_action="), "{said}");
    assert!(!said.contains("default_action = accept },"), "{said}");
    let after = said.split("passes unjudged.").nth(1).unwrap();
    assert!(after.contains("192.0.2.7:25/inet/smtpd_milters = inet:127.0.0.1:11332\n"), "{said}");
    assert_eq!(said.matches("submission/inet/smtpd_milters =").count(), 2, "{said}");
}

#[test]
fn setup_of_an_instance_that_takes_no_mail_names_the_others() {
    let said = scripted(
        "master_service_disable = inet\nmulti_instance_directories = /etc/postfix-in\n",
        MASTER,
        "setup && exit 1 || true",
    );
    assert!(
        said.contains("takes mail from other servers") && said.contains("/etc/postfix-in"),
        "{said}"
    );
}
