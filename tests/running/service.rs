//! The milter under systemd: sockets that are passed, and what it tells. systemd is played by the
//! test, octet for octet; tests in packaging/tests have the real one.

use crate::support::{ALL_OPTIONS, Mta};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::{net::UnixDatagram, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// systemd, as far as a service sees it.
struct Systemd {
    directory: tempfile::TempDir,
    notify: UnixDatagram,
    /// A socket that outlives the service.
    socket: TcpListener,
}

impl Systemd {
    fn new(policy: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("policy.yaml"), policy).unwrap();
        let settings = "listen: systemd\npolicy: policy.yaml\nstatus_file: status.json\n";
        fs::write(directory.path().join("milter.yaml"), settings).unwrap();
        let notify = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        notify.set_read_timeout(Some(PATIENCE)).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { directory, notify, socket }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts the service with the socket as descriptor 3.
    fn start(&self) -> Service {
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg("exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"")
            .arg("sh")
            .arg(env!("CARGO_BIN_EXE_mandatory-tls"))
            .args(["milter", "--config"])
            .arg(self.path("milter.yaml"))
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(self.socket.try_clone().unwrap())))
            .stderr(Stdio::null())
            .env("NOTIFY_SOCKET", self.path("notify"))
            .env("WATCHDOG_USEC", "3000000")
            .process_group(0);
        Service(command.spawn().unwrap())
    }

    /// The next message that has the text.
    fn told(&self, text: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self.notify.recv(&mut buffer).unwrap_or_else(|_| panic!("never: {text}"));
            let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
            if message.contains(text) {
                return message;
            }
        }
    }

    /// An MTA that connects and offers to negotiate; it has an answer once somebody accepts it.
    fn connect(&self) -> Mta {
        let socket = TcpStream::connect(self.socket.local_addr().unwrap()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Mta { socket }
    }

    fn session(&self) -> Mta {
        let mut mta = self.connect();
        mta.negotiate(6, 0x1ff, ALL_OPTIONS);
        mta.send(b'D', b"Cj\0mx.test\0{daemon_port}\x0025\0");
        mta.send(b'C', b"client\x004\x30\x39203.0.113.9\0");
        mta
    }

    /// What the status file holds; nothing while there is none.
    fn status(&self) -> serde_json::Value {
        let text = fs::read(self.path("status.json"));
        text.map_or(serde_json::Value::Null, |text| serde_json::from_slice(&text).unwrap())
    }

    /// Waits until the milter has written its status.
    fn wait_for_status(&self, wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "{status}");
            std::thread::yield_now();
        }
    }
}

struct Service(Child);

impl Service {
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }

    fn wait(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn replace(path: &Path, text: &str) {
    let draft = path.with_extension("draft");
    fs::write(&draft, text).unwrap();
    fs::rename(draft, path).unwrap();
}

const POLICY: &str = "domains: [a.example, b.example]\nsenders: [bank.example]\n";

#[test]
fn systemd_is_told_of_the_start_the_policy_each_reload_and_the_end() {
    let systemd = Systemd::new(POLICY);
    let service = systemd.start();
    let ready = systemd.told("READY=1");
    assert!(ready.contains("STATUS=2 domains, 1 sender; policy in force for less than a minute"));
    service.signal(Signal::SIGHUP);
    let reloading = systemd.told("RELOADING=1");
    let clock = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(clock.unwrap().parse::<u64>().unwrap() > 0);
    systemd.told("READY=1");
    replace(&systemd.path("policy.yaml"), "domains: []\ndomans: []\n");
    let status = systemd.told("STATUS=PROBLEM");
    assert!(status.contains("policy.yaml:2:1: there is no key `domans` here"), "{status}");
    assert!(status.contains("the one before, with 2 domains"), "{status}");
    // A reload that fails ends all the same: the milter is ready, with the policy of before.
    service.signal(Signal::SIGHUP);
    systemd.told("RELOADING=1");
    assert!(systemd.told("READY=1").contains("PROBLEM"));
    replace(&systemd.path("policy.yaml"), "domains: []\n");
    systemd.told("STATUS=0 domains, 0 senders; policy in force");
    service.signal(Signal::SIGTERM);
    let stopping = systemd.told("STOPPING=1");
    // The drain of 30 seconds, and 10 for the rest.
    assert!(stopping.contains("EXTEND_TIMEOUT_USEC=40000000"), "{stopping}");
    service.wait();
    assert!(!systemd.path("status.json").exists());
}

#[test]
fn systemd_hears_that_the_milter_is_ready_however_long_what_is_wrong_with_a_file_is() {
    let systemd = Systemd::new(POLICY);
    let settings = fs::read_to_string(systemd.path("milter.yaml")).unwrap();
    fs::write(systemd.path("milter.yaml"), settings + "state_dir: state\n").unwrap();
    let service = systemd.start();
    systemd.told("READY=1");
    systemd.wait_for_status(|status| status["policy"]["keeping"] == "kept");
    // systemd leaves messages over 4096 octets unread: after its time for a start, it would end the milter.
    let name = "k".repeat(100_000);
    replace(&systemd.path("policy.yaml"), &format!("domains: [\"a..{name}\"]\n"));
    systemd.told("STATUS=PROBLEM");
    service.signal(Signal::SIGHUP);
    systemd.told("RELOADING=1");
    assert!(systemd.told("READY=1").len() < 4000);
    service.signal(Signal::SIGTERM);
    service.wait();
    let _next = systemd.start();
    let ready = systemd.told("READY=1");
    assert!(ready.len() < 4000 && ready.contains("policy.yaml:1:11: `a..kkkk"), "{ready}");
}

#[test]
fn the_watchdog_hears_from_a_milter_that_has_nothing_to_do() {
    let systemd = Systemd::new(POLICY);
    let _service = systemd.start();
    systemd.told("READY=1");
    systemd.told("WATCHDOG=1");
    systemd.told("WATCHDOG=1");
}

#[test]
fn a_session_ends_with_the_milter_it_began_with_and_a_new_one_waits_for_the_next() {
    let systemd = Systemd::new(POLICY);
    let first = systemd.start();
    systemd.told("READY=1");
    let mut old = systemd.session();
    old.mail();
    first.signal(Signal::SIGTERM);
    systemd.told("STOPPING=1");
    // Nobody accepts this one yet, and nobody turns it away.
    let mut new = systemd.connect();
    assert_eq!(old.rcpt("<user@a.example>", &[]).0, b'y');
    old.send(b'Q', b"");
    first.wait();
    let _second = systemd.start();
    systemd.told("READY=1");
    new.negotiate(6, 0x1ff, ALL_OPTIONS);
    new.mail();
    assert_eq!(new.rcpt("<user@a.example>", &[]).0, b'y');
}

#[test]
fn the_status_file_counts_what_was_judged_and_whether_the_mta_told_of_tls() {
    let systemd = Systemd::new(POLICY);
    let _service = systemd.start();
    systemd.told("READY=1");
    let mut mta = systemd.session();
    mta.mail();
    mta.rcpt("<user@a.example>", &[]);
    let tls = [
        ("{tls_version}", "TLSv1.3"),
        ("{cipher}", "TLS_AES_256_GCM_SHA384"),
        ("{cipher_bits}", "256"),
    ];
    mta.rcpt("<user@a.example>", &tls);
    // A RCPT without any macros: the MTA did not tell.
    mta.bare_rcpt("<user@a.example>");
    let status = systemd.wait_for_status(|status| status["recipients"]["judged"] == 3);
    assert_eq!(status["recipients"]["encrypted"], 1);
    assert_eq!(status["recipients"]["refused"], 2);
    assert_eq!(status["recipients"]["unknown_tls"], 1);
    assert_eq!(status["policy"]["domains"], 2);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_doctor_sees_a_policy_that_is_in_force_one_that_is_broken_and_a_milter_that_is_gone() {
    let systemd = Systemd::new(POLICY);
    // Sockets of a systemd that is none are not to be had by the doctor: it has one of its own.
    let settings = fs::read_to_string(systemd.path("milter.yaml")).unwrap();
    let address = systemd.socket.local_addr().unwrap();
    let own = settings.replace("listen: systemd", &format!("listen: inet:{address}"));
    fs::write(systemd.path("doctor.yaml"), own).unwrap();
    let doctor = || {
        let output = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
            .args(["doctor", "--config"])
            .arg(systemd.path("doctor.yaml"))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(doctor().contains("ERROR    service    the milter does not run"));
    let service = systemd.start();
    systemd.told("READY=1");
    systemd.wait_for_status(|status| !status.is_null());
    let said = doctor();
    assert!(said.contains("ok       in force   what the files say"), "{said}");
    assert!(said.contains(&format!("ok       socket     inet:{address} answers")), "{said}");
    assert!(said.contains("note     ledger     no ledger is kept"), "{said}");
    assert!(said.contains("note     macros     the MTA has named no recipient"), "{said}");
    replace(&systemd.path("policy.yaml"), "domains: []\ndomans: []\n");
    systemd.told("STATUS=PROBLEM");
    let said = doctor();
    assert!(said.contains("ERROR    policy     error: there is no key `domans` here"), "{said}");
    service.signal(Signal::SIGKILL);
    drop(service);
    let said = doctor();
    assert!(said.contains("ERROR    service    the milter has died"), "{said}");
}

#[test]
fn a_milter_that_is_to_have_sockets_from_systemd_and_gets_none_says_what_to_do() {
    let systemd = Systemd::new(POLICY);
    let output = Command::new(env!("CARGO_BIN_EXE_mandatory-tls"))
        .args(["milter", "--config"])
        .arg(systemd.path("milter.yaml"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(69));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("systemd passes no socket"), "{said}");
}

#[test]
fn a_start_that_fails_turns_connections_away_until_a_file_is_mended() {
    let systemd = Systemd::new("domains: [a..b]\n");
    for broken in ["policy.yaml", "milter.yaml"] {
        let good = fs::read_to_string(systemd.path("milter.yaml")).unwrap();
        if broken == "milter.yaml" {
            fs::write(systemd.path("policy.yaml"), POLICY).unwrap();
            fs::write(systemd.path("milter.yaml"), format!("{good}lisen: x\n")).unwrap();
        }
        let mut service = systemd.start();
        let status = systemd.told("STATUS=PROBLEM: the milter cannot start");
        assert!(status.contains(&format!("{broken}:")), "{status}");
        // Those who wait, and those who come, know at once that there is no milter.
        for _ in 0..3 {
            assert_eq!(systemd.connect().receive(), None);
        }
        assert!(service.0.try_wait().unwrap().is_none());
        let begun = Instant::now();
        replace(&systemd.path("policy.yaml"), POLICY);
        replace(&systemd.path("milter.yaml"), &good);
        assert_eq!(service.0.wait().unwrap().code(), Some(78));
        assert!(begun.elapsed() < Duration::from_secs(3));
        let _next = systemd.start();
        systemd.told("READY=1");
        systemd.session();
    }
}

#[test]
fn a_start_that_fails_ends_by_itself_so_that_systemd_tries_again() {
    let systemd = Systemd::new("domains: [a..b]\n");
    let mut service = systemd.start();
    let begun = Instant::now();
    assert_eq!(service.0.wait().unwrap().code(), Some(78));
    assert!((Duration::from_secs(4)..PATIENCE).contains(&begun.elapsed()));
}
