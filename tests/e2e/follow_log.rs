//! What real Postfixes log, followed as it is written: through rotation and kills, each delivery and each failed
//! handshake is counted once, as servers and clients saw them.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ledger::{Domains, History, HopKind, Reader, Selection};

use crate::support::{
    Postfix, PostfixOptions, Service, Sink, SmtpClient, wait_until, wait_until_or,
};

const SETTINGS: &str =
    "listen: inet:127.0.0.1:0\npolicy: policy.yaml\nstate_dir: state\nlog: { to: stderr }\n";

/// The syslog daemon between Postfix and the log.
struct Syslog {
    path: PathBuf,
    file: Mutex<File>,
    is_over: AtomicBool,
}

impl Syslog {
    fn open(path: &Path) -> File {
        OpenOptions::new().create(true).append(true).open(path).expect("ours")
    }

    /// Writes what Postfix logs until it is told to stop.
    fn write(&self, log: &crate::support::Lines) {
        let mut written = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            let lines = log.matching(|_| true);
            for line in lines.iter().skip(written) {
                let mut file = self.file.lock().expect("no panic while locked");
                file.write_all(format!("{line}\n").as_bytes()).expect("room on the disk");
            }
            written = lines.len();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// As logrotate does it: by renaming, or by copying and cutting.
    fn rotate(&self, copies: bool) {
        let mut file = self.file.lock().expect("no panic while locked");
        let name = |number: usize| self.path.with_extension(format!("log.{number}"));
        let last = (1..).find(|number| !name(*number).exists()).expect("numbers go on");
        for number in (1..last).rev() {
            fs::rename(name(number), name(number + 1)).expect("ours");
        }
        if copies {
            fs::copy(&self.path, name(1)).expect("ours");
            file.set_len(0).expect("ours");
        } else {
            fs::rename(&self.path, name(1)).expect("ours");
            *file = Self::open(&self.path);
        }
    }
}

/// Ends the daemon when it goes.
struct End<'d>(&'d AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// `follow-log`, killed when it goes.
struct Follower(Child);

impl Follower {
    fn start(directory: &Path) -> Self {
        let told = OpenOptions::new().create(true).append(true).open(directory.join("follower"));
        let child = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
            .args(["follow-log", "--config"])
            .arg(directory.join("milter.yaml"))
            .arg("--file")
            .arg(directory.join("mail.log"))
            .stderr(told.expect("ours"))
            .spawn();
        Self(child.expect("the program runs"))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.kill().expect("our child");
        self.0.wait().expect("our child");
    }
}

/// Recipients whose mail arrived, by domain and by what is known of the hop's encryption.
type Sent = BTreeMap<(String, HopKind), u64>;

/// The same, and failed handshakes.
fn recorded(directory: &Path) -> Option<(Sent, u64)> {
    let reader = Reader::open(&directory.join("state-follow-log/hops.sqlite")).ok()?;
    let (mut sent, mut failed) = (BTreeMap::new(), 0);
    let all = || Selection { since: 0, domains: Domains::All };
    let each = |row: ledger::Delivery| {
        *sent.entry((row.key.domain.clone(), row.key.kind())).or_default() += row.tally.count;
    };
    reader.deliveries(&all(), each).ok()?;
    let each = |row: ledger::Handshake| {
        failed += if row.key.is_of_no_domain() { row.tally.count } else { 0 };
    };
    reader.handshakes(&all(), each).ok()?;
    Some((sent, failed))
}

fn recipients(sink: &Sink) -> u64 {
    sink.deliveries().iter().map(|delivery| delivery.recipients.len() as u64).sum()
}

#[test]
fn each_delivery_and_failed_handshake_of_a_real_postfix_is_recorded_once_through_rotation_and_kills()
 {
    let plain = Sink::start();
    let target = Postfix::start(PostfixOptions::default().main("myhostname = target.example.net"));
    let transports = format!(
        "transport_maps = inline:{{ {{ example.com = hop:[127.0.0.2]:{} }}, {{ example.net = hop:[mx.example.com]:{} }} }}",
        plain.port(),
        target.port(Service::Smtp)
    );
    let gateway = Postfix::start(PostfixOptions::default().main(&transports).master(
        "hop unix - - n - - smtp -o syslog_name=postfix/hop -o smtp_tls_loglevel=1 \
         -o smtp_tls_security_level=may -o smtp_tls_CAfile=$config_directory/../tls/ca.crt",
    ));
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path();
    fs::write(place.join("milter.yaml"), SETTINGS).expect("ours");
    fs::write(place.join("policy.yaml"), "domains: [example.com, example.net]\n").expect("ours");
    let path = place.join("mail.log");
    let file = Mutex::new(Syslog::open(&path));
    let syslog = Syslog { path, file, is_over: AtomicBool::new(false) };
    std::thread::scope(|scope| {
        scope.spawn(|| syslog.write(gateway.log()));
        // Also where something fails here, the thread is to end.
        let _end = End(&syslog.is_over);
        let mut follower = Some(Follower::start(place));
        wait_until("its beginning", || recorded(place));
        // First over TLS, so that the service is known to log its sessions.
        for round in 0..12 {
            for domain in ["example.net", "example.net", "example.com"] {
                let to = [format!("a@{domain}"), format!("b@{domain}")];
                let to: Vec<&str> = to.iter().map(String::as_str).collect();
                let output =
                    gateway.submit_locally("sender@example.org", &to, &format!("{round} {domain}"));
                assert!(output.status.success(), "{output:?}");
                if round == 0 && domain == "example.net" {
                    target.sink().wait_for_subject("0 example.net");
                }
            }
            let mut client = SmtpClient::connect(gateway.port(Service::Smtp));
            client.ehlo();
            client.expect("STARTTLS", 220);
            client.send("this is no TLS\r\n");
            // The server ends it.
            let _ = client.try_reply();
            match round % 4 {
                0 => syslog.rotate(false),
                1 => drop(follower.take()),
                2 => syslog.rotate(true),
                _ => follower = Some(Follower::start(place)),
            }
        }
        // It comes back in the clear, so that the handshakes are no longer waited for.
        let mut client = SmtpClient::plaintext(gateway.port(Service::Smtp));
        client.mail("sender@example.org");
        client.rcpt("c@example.com").assert_accepted();
        client.data("in the clear");
        client.quit();
        let expected = || {
            let (clear, over_tls) = (recipients(&plain), recipients(target.sink()));
            (clear == 12 * 2 + 1 && over_tls == 12 * 4).then(|| {
                let of = |domain: &str, kind, count| ((domain.to_owned(), kind), count);
                let sent = [
                    of("example.com", HopKind::Plaintext, clear),
                    of("example.net", HopKind::Encrypted, over_tls),
                ];
                (BTreeMap::from(sent), 12)
            })
        };
        let expected = wait_until("all deliveries", expected);
        // What would be counted twice would be so by then: it reads the hours of before first of all.
        drop(follower.take());
        let _follower = Follower::start(place);
        let told = || fs::read_to_string(place.join("follower")).unwrap_or_default();
        wait_until_or(
            || format!("{expected:?}, is: {:?}; it told: {}", recorded(place), told()),
            || (recorded(place).as_ref() == Some(&expected)).then_some(()),
        );
    });
}
