//! `setup postfix --deliver` against a real Postfix that runs: what is set, and that it is as before afterwards.

use crate::support::{Milter, MilterOptions, Postfix, PostfixOptions, Sink};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const MAP: &str = "socketmap:unix:look-ups/deliver.sock:QUERY";
const NAME: &str = "smtp_tls_policy_maps";

/// A gateway with two services that could ask, the program with a socket below its queue, and a server without TLS.
struct Gateway {
    postfix: Postfix,
    milter: Milter,
    plain: Sink,
}

impl Gateway {
    fn start() -> Self {
        let plain = Sink::start();
        let next_hop = format!("[127.0.0.2]:{}", plain.port());
        let services = "hop unix - - y - - smtp\n  -o syslog_name=postfix/$service_name\nother unix - - n - - smtp";
        let transports =
            format!("transport_maps = inline:{{ {{ example.com = hop:{next_hop} }} }}");
        let postfix = Postfix::start(PostfixOptions::default().master(services).main(&transports));
        let directory = postfix.queue_directory().join("look-ups");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let socket = directory.join("deliver.sock");
        let settings =
            format!("socketmap: {{ socket: \"unix:{}\", mode: \"0666\" }}", socket.display());
        let policy = format!(
            "domains: [{{ domain: example.com, deliver: {{ level: encrypt, nexthop: '{next_hop}' }} }}]"
        );
        let milter = Milter::start_with(&policy, MilterOptions::default().settings(&settings));
        Self { postfix, milter, plain }
    }

    fn postconf(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("postconf");
        let output = command.arg("-c").arg(self.postfix.configuration()).args(arguments).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// All that is set.
    fn all(&self) -> [String; 3] {
        [&["-M"][..], &["-P"], &["-n"]].map(|arguments| self.postconf(arguments))
    }

    /// What stands at a service in master.cf; none: nothing of its own.
    fn own(&self, service: &str, name: &str) -> Option<String> {
        let all = self.postconf(&["-P"]);
        let path = format!("{service}/unix/{name} = ");
        all.lines().find_map(|line| line.strip_prefix(&path).map(str::to_owned))
    }

    /// Runs setup where this Postfix runs; what it says, and its exit status.
    fn setup(&self, arguments: &[&str]) -> (String, i32) {
        let program = env!("CARGO_BIN_EXE_mandatory-tls");
        let (etc, settings) =
            (self.postfix.configuration(), self.milter.directory().join("milter.yaml"));
        let postfix = format!("--postfix={}", etc.display());
        let usual = [program, "setup", "postfix", "--deliver", "--yes", &postfix, "--config"];
        let words = [&usual[..], &[settings.to_str().unwrap()], arguments].concat();
        let output = self.postfix.within(&words);
        let said = [output.stdout, output.stderr].concat();
        (String::from_utf8(said).unwrap(), output.status.code().unwrap())
    }

    /// The same; it succeeds.
    fn does(&self, arguments: &[&str]) -> String {
        let (said, status) = self.setup(arguments);
        assert_eq!(status, 0, "{arguments:?}: {said}");
        said
    }
}

#[test]
fn the_map_is_put_before_what_was_there_and_all_is_as_before_afterwards() {
    let gateway = Gateway::start();
    let etc = gateway.postfix.configuration();
    let listed = |file: &str| {
        let path = etc.join(file);
        fs::write(&path, "").unwrap();
        format!("texthash:{}", path.display())
    };
    let (one, two) = (listed("one"), listed("two"));
    for (main, own, expected) in [
        (None, None, MAP.to_owned()),
        // What the service has of its own hides what main.cf has.
        (None, Some(one.clone()), format!("{MAP},{one}")),
        (Some(one.clone()), Some(two.clone()), format!("{MAP},{two}")),
        (Some(format!("{one}, {two}")), None, format!("{MAP},{one},{two}")),
        // Names stay names.
        (Some("$others_of_ours".to_owned()), None, format!("{MAP},$others_of_ours")),
        (Some(one.clone()), Some(String::new()), MAP.to_owned()),
        // What is there and not first, or by another way, is put right.
        (None, Some(format!("{one},{MAP}")), format!("{MAP},{one}")),
        (None, Some("socketmap:unix:/look-ups/deliver.sock:other".to_owned()), MAP.to_owned()),
    ] {
        let what = format!("{main:?} {own:?}");
        gateway.postconf(&["-e", &format!("others_of_ours = {one}")]);
        if let Some(main) = &main {
            gateway.postconf(&["-e", &format!("{NAME} = {main}")]);
        }
        if let Some(own) = &own {
            gateway.postconf(&["-Pe", &format!("hop/unix/{NAME}={own}")]);
        }
        let before = gateway.all();
        gateway.does(&["--service", "hop"]);
        assert_eq!(gateway.own("hop", NAME).as_deref(), Some(&*expected), "{what}");
        // This Postfix has no such parameter, and would warn each time.
        assert_eq!(gateway.own("hop", "tls_required_enable"), None);
        let during = gateway.all();
        let said = gateway.does(&["--service", "hop"]);
        assert!(said.contains("asks already") && gateway.all() == during, "{what}: {said}");
        gateway.does(&["--undo"]);
        assert_eq!(gateway.all(), before, "{what}");
        let said = gateway.does(&["--undo"]);
        // What was by hand before is there again, and goes with the second.
        assert!(said.contains("does not ask") || what.contains("deliver.sock"), "{what}: {said}");
        for line in gateway.postconf(&["-n"]).lines().filter(|line| line.starts_with(NAME)) {
            gateway.postconf(&["-X", line.split(' ').next().unwrap()]);
        }
        if gateway.own("hop", NAME).is_some() {
            gateway.postconf(&["-PX", &format!("hop/unix/{NAME}")]);
        }
    }
}

#[test]
fn each_service_is_set_back_by_itself_and_what_was_changed_since_stays() {
    let gateway = Gateway::start();
    let before = gateway.all();
    // What this Postfix does not know (it came with 3.10) is left alone.
    gateway.postconf(&["-Pe", "other/unix/tls_required_enable=yes"]);
    let with_header = gateway.all();
    gateway.does(&["--service", "hop"]);
    gateway.does(&["--service", "other"]);
    assert_eq!(gateway.own("other", "tls_required_enable").as_deref(), Some("yes"));
    let (said, status) = gateway.setup(&["--asks"]);
    assert!(status == 0 && said.contains("hop/unix") && said.contains("other/unix"), "{said}");
    gateway.does(&["--undo", "--service", "hop"]);
    assert_eq!(
        (gateway.own("hop", NAME), gateway.own("other", NAME).as_deref()),
        (None, Some(MAP))
    );
    gateway.does(&["--undo"]);
    assert_eq!(gateway.all(), with_header);
    assert_eq!(gateway.setup(&["--asks"]).1, 1);

    // Since then somebody has put another map behind it, and set the header themselves.
    gateway.postconf(&["-PX", "other/unix/tls_required_enable"]);
    gateway.does(&["--service", "hop"]);
    gateway.postconf(&["-Pe", &format!("hop/unix/{NAME}={MAP},static:may")]);
    gateway.does(&["--undo"]);
    assert_eq!(gateway.own("hop", NAME).as_deref(), Some("static:may"));
    gateway.postconf(&["-PX", &format!("hop/unix/{NAME}")]);
    assert_eq!(gateway.all(), before);

    // In main.cf, where nobody should have put it.
    gateway.postconf(&["-e", &format!("{NAME} = {MAP}, static:may")]);
    gateway.does(&["--undo"]);
    assert!(gateway.postconf(&["-n"]).contains(&format!("{NAME} = static:may\n")));
}

#[test]
fn nothing_is_changed_where_the_service_would_not_be_answered_or_a_value_cannot_be_kept() {
    let mut gateway = Gateway::start();
    let before = gateway.all();
    let refused = |gateway: &Gateway, arguments: &[&str], status: i32, words: &str| {
        let (said, code) = gateway.setup(arguments);
        assert!(code == status && said.contains(words), "{arguments:?} {code}: {said}");
    };
    refused(&gateway, &["--service", "nobody"], 78, "has no service `nobody` that runs smtp");
    // As root it would be answered.
    let directory = gateway.postfix.queue_directory().join("look-ups");
    let set_mode =
        |mode| fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
    set_mode(0o700);
    refused(&gateway, &["--service", "hop"], 69, "are not answered: Permission denied");
    set_mode(0o755);
    gateway.milter.stop();
    refused(&gateway, &["--service", "hop"], 69, "are not answered: No such file");
    gateway.milter.start_again();
    assert_eq!(gateway.all(), before);
    gateway.postconf(&["-e", &format!("{NAME} = inline:{{ {{ a.example = secure match=x }} }}")]);
    let with_blanks = gateway.all();
    refused(&gateway, &["--service", "hop"], 78, "has blanks, which postconf takes in no value");
    assert_eq!(gateway.all(), with_blanks);
}

#[test]
fn mail_waits_from_the_setup_to_its_undoing_without_a_restart() {
    let mut gateway = Gateway::start();
    let send = |gateway: &Gateway, subject: &str| {
        let output = gateway.postfix.submit_locally("a@example.org", &["b@example.com"], subject);
        assert!(output.status.success(), "{output:?}");
    };
    send(&gateway, "before");
    gateway.plain.wait_for_subject("before");
    gateway.does(&["--service", "hop"]);
    send(&gateway, "during");
    gateway.postfix.wait_for_queue("it waits", |queue| {
        let waits = |why: &str| why.contains("TLS is required, but was not offered");
        queue.iter().any(|file| file.recipients.iter().any(|(_, why)| waits(why)))
    });
    gateway.does(&["--undo"]);
    gateway.postfix.retry_until_delivered();
    gateway.plain.wait_for_subject("during");
    assert!(!Path::new("/var/lib/mandatory-tls").join("setup-postfix-deliver.json").exists());
}
