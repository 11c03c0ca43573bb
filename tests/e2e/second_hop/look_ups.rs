//! What smtp(8) asks in which case, recorded on the wire: tests/fixtures/look-ups.jsonl. tests/running replays it.

use super::Hops;
use crate::support::{Resolver, Zone, open_directory, wait_until};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use std::{fs, thread};

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/look-ups.jsonl");
/// The port in the recording.
const RECORDED_PORT: &str = "33333";
/// Stands for the target's port, which is another one each time.
const PORT: &str = "PORT";

/// The policy of the recording, which the replay has as well.
const POLICY: &str = include_str!("../../fixtures/look-ups.yaml");

/// One case: what it shows, transport, recipients, whether the mail leaves.
type Case = (&'static str, &'static str, &'static [&'static str], bool);

const CASES: [Case; 14] = [
    ("a domain", "hop:", &["user@customer.example"], false),
    ("a domain in upper case", "hop:", &["user@CUSTOMER.example"], false),
    ("a next hop in upper case", "hop:Customer.EXAMPLE", &["user@example.org"], false),
    ("a domain below a wildcard", "hop:", &["user@a.b.customer.example"], false),
    ("a domain of which nothing is demanded", "hop:", &["user@free.example"], false),
    ("a domain that is watched", "hop:", &["user@watched.example"], false),
    ("a domain in U-labels", "hop:", &["user@b\u{fc}cher.example"], false),
    ("a host", "hop:[mx.dane.example]:PORT", &["user@example.net"], true),
    ("a host in upper case", "hop:[MX.Dane.EXAMPLE]:PORT", &["user@example.net"], true),
    ("a domain with a port", "hop:dane.example:PORT", &["user@dane.example"], true),
    ("an address", "hop:[127.0.0.1]:PORT", &["user@example.net"], true),
    (
        "three recipients of one domain",
        "hop:[mx.dane.example]:PORT",
        &["a@example.net", "b@example.net", "c@example.net"],
        true,
    ),
    (
        "two domains at one next hop",
        "hop:[mx.dane.example]:PORT",
        &["a@example.net", "b@dane.example"],
        true,
    ),
    (
        "two next hops, of which the first does not answer",
        "hop:[127.0.0.3]:9, [mx.dane.example]:PORT",
        &["user@example.net"],
        true,
    ),
];

/// A request and its answer.
type LookUp = (Vec<u8>, Vec<u8>);

/// Takes requests where smtp(8) asks, hands them on, and keeps both.
struct Recorder(Arc<Mutex<Vec<LookUp>>>);

impl Recorder {
    fn start(at: &Path, program: PathBuf) -> Self {
        let listener = UnixListener::bind(at).expect("our own directory");
        fs::set_permissions(at, fs::Permissions::from_mode(0o666)).expect("ours");
        let kept = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&kept);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, program) = (Arc::clone(&shared), program.clone());
                thread::spawn(move || hand_on(stream, &program, &kept));
            }
        });
        Self(kept)
    }

    /// What was asked and answered since the last time.
    fn take(&self) -> Vec<LookUp> {
        std::mem::take(&mut self.0.lock().expect("no panic while locked"))
    }
}

fn hand_on(mut client: UnixStream, program: &Path, kept: &Mutex<Vec<LookUp>>) {
    let mut to = UnixStream::connect(program).expect("the program listens");
    let (mut request, mut reply) = ([0; 4096], [0; 4096]);
    // smtp(8) sends one request and waits for its answer.
    while let Ok(count @ 1..) = client.read(&mut request) {
        to.write_all(&request[..count]).expect("the program reads");
        let answered = to.read(&mut reply).expect("the program answers");
        // Kept first: what follows may be waited for.
        let pair = (request[..count].to_vec(), reply[..answered].to_vec());
        kept.lock().expect("no panic while locked").push(pair);
        if client.write_all(&reply[..answered]).is_err() {
            return;
        }
    }
}

#[test]
fn what_smtp_asks_is_what_was_recorded() {
    let mut resolver = Resolver::start("");
    let directory = open_directory("look-ups");
    let at = directory.path().join("recorder.sock");
    let transports = directory.path().join("transports");
    fs::write(&transports, "").expect("our own directory");
    let mut hops = Hops::start_with(
        |options, _| {
            let map = format!("socketmap:unix:{}:QUERY", at.display());
            let service = format!(
                "recorded unix - - n - - smtp -o syslog_name=postfix/recorded -o smtp_tls_security_level=may \
                 -o smtp_tls_policy_maps={map} -o smtp_connect_timeout=5s"
            );
            let by_file = format!("transport_maps = texthash:{}", transports.display());
            options
                .resolver(&resolver)
                .main(&by_file)
                .main("recorded_destination_recipient_limit = 2")
                .master(&service)
        },
        |_, _| "domains: []".into(),
    );
    let recorder = Recorder::start(&at, hops.socket());
    let port = Hops::port(&hops.target).to_string();
    let records = "\
dane.example. 1 IN MX 10 dead.dane.example.
dane.example. 1 IN MX 20 mx.dane.example.
dead.dane.example. 1 IN A 127.0.0.3
mx.dane.example. 1 IN A 127.0.0.1
customer.example. 1 IN A 127.0.0.2
a.b.customer.example. 1 IN A 127.0.0.2
free.example. 1 IN A 127.0.0.2
watched.example. 1 IN A 127.0.0.2
xn--bcher-kva.example. 1 IN A 127.0.0.2
";
    resolver.serve(records, Zone::Signed);
    hops.milter.change_policy(&POLICY.replace(RECORDED_PORT, &port));
    let mut recorded = Vec::new();
    for (number, (what, transport, recipients, leaves)) in CASES.into_iter().enumerate() {
        let transport = transport.replace("hop:", "recorded:").replace(PORT, &port);
        fs::write(&transports, format!("* {transport}\n")).expect("our own directory");
        // Postfix waits where a file has changed just now.
        let file = fs::File::options().append(true).open(&transports).expect("our own directory");
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).expect("ours");
        hops.gateway.reload();
        let subject = format!("look-up {number}");
        let output = hops.gateway.submit_locally("a@example.org", recipients, &subject);
        assert!(output.status.success(), "{output:?}");
        if leaves {
            wait_until(what, || hops.gateway.queue().is_empty().then_some(()));
        } else {
            hops.gateway.wait_for_queue(what, |queue| {
                !queue.is_empty() && queue.iter().all(|file| file.queue == "deferred")
            });
            hops.gateway.remove_all();
        }
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let pairs: Vec<Value> = recorder
            .take()
            .iter()
            .map(|(request, reply)| json!([text(request), text(reply)]))
            .collect();
        // The length stands before it.
        assert_eq!(port.len(), 5, "a port of five digits, as in the recording");
        let line = json!({ "case": what, "transport": transport, "recipients": recipients, "look_ups": pairs });
        recorded.push(line.to_string().replace(&port, RECORDED_PORT));
    }
    let recorded = recorded.join("\n") + "\n";
    if std::env::var_os("MANDATORY_TLS_TEST_RECORD").is_some() {
        fs::write(RECORDED, &recorded).expect("the sources can be written");
    }
    let before = fs::read_to_string(RECORDED).unwrap_or_default();
    for (one, other) in before.lines().zip(recorded.lines()) {
        assert_eq!(one, other);
    }
    assert_eq!(before, recorded);
}
