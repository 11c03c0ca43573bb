//! A panic inside: what goes on in spite of it, and what ends, so that whoever started the milter
//! starts it again.
//!
//! Nothing panics on purpose. Here the log does, at certain lines: whatever is logged is a place
//! where a fault can be put without a hook in the product. What the tests run is the library, in
//! this process.

use crate::support::{ALL_OPTIONS, Mta};
use arc_swap::ArcSwap;
use config::policy_file;
use config::settings::LedgerSettings;
use config::settings::{Limits, Listen, SocketSpec};
use ledger::Ledger;
use mandatory_tls::milter::{Context, Log, serve};
use mandatory_tls::net::Listener;
use mandatory_tls::reload::Reloader;
use mandatory_tls::trial::TrialKey;
use policy::{OnUnknownTls, Policy};
use std::{
    fmt::{self, Write},
    fs, io,
    net::TcpStream,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{Event, Metadata, Subscriber, field::Field, field::Visit, span};

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lines with one of these end in a panic.
const FAULTS: [&str; 3] = ["fault.example", "unknown command `!`", "fault.sqlite"];
/// Faults so far of the thread that reloads, and of the one that writes the ledger.
static RELOADING: AtomicU32 = AtomicU32::new(0);
static WRITING: AtomicU32 = AtomicU32::new(0);

struct FaultyLog;

impl FaultyLog {
    /// Makes it the log of this process.
    fn set_up() {
        static DONE: OnceLock<()> = OnceLock::new();
        DONE.get_or_init(|| tracing::subscriber::set_global_default(FaultyLog).unwrap());
    }
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for FaultyLog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        if FAULTS.iter().any(|fault| line.0.contains(fault)) {
            match thread::current().name() {
                Some("reload") => RELOADING.fetch_add(1, Ordering::Relaxed),
                Some("ledger") => WRITING.fetch_add(1, Ordering::Relaxed),
                _ => 0,
            };
            panic!("{}", line.0);
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// A milter in this process.
struct Served {
    address: String,
    stop: watch::Sender<u32>,
    thread: JoinHandle<io::Result<usize>>,
}

impl Served {
    fn start(policy: Policy) -> Self {
        Self::recording(policy, Ledger::off())
    }

    fn recording(policy: Policy, ledger: Ledger) -> Self {
        FaultyLog::set_up();
        let socket = SocketSpec::Inet("127.0.0.1".into(), 0);
        let listener = Listener::bind(&Listen { socket, mode: None, group: None }).unwrap();
        let SocketSpec::Inet(host, port) = listener.address() else { unreachable!() };
        let address = format!("{host}:{port}");
        let context = Context {
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            on_unknown_tls: OnUnknownTls::Defer,
            log: Log { local_parts: false, facts: false },
            activity: Arc::default(),
            ledger,
            metrics: None,
            trial_key: TrialKey::new().unwrap(),
        };
        let (stop, stopped) = watch::channel(0);
        let limits = Limits { connections: 100, drain: PATIENCE };
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(serve(vec![listener], Arc::new(context), limits, stopped))
        });
        Self { address, stop, thread }
    }

    fn session(&self) -> Mta {
        let socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut mta = Mta { socket };
        mta.negotiate(6, 0x1ff, ALL_OPTIONS);
        mta.macros(b'C', &[("j", "mx.test")]);
        mta
    }
}

fn policy(directory: &Path, text: &str) -> Policy {
    fs::write(directory.join("policy.yaml"), text).unwrap();
    policy_file::load(&directory.join("policy.yaml")).policy.unwrap()
}

/// One message: what an opted-in domain and another one are answered.
fn mail(mta: &mut Mta) {
    mta.mail();
    assert_eq!(mta.rcpt("<user@example.com>", &[]).0, b'y');
    assert_eq!(mta.rcpt("<user@example.net>", &[]).0, b'c');
}

#[test]
fn a_fault_in_one_connection_ends_that_one_alone() {
    let directory = tempfile::tempdir().unwrap();
    let milter = Served::start(policy(directory.path(), "domains: [example.com, fault.example]"));
    let mut other = milter.session();
    mail(&mut other);
    for _ in 0..3 {
        let mut mta = milter.session();
        mail(&mut mta);
        mta.macros(b'R', &[("j", "mx.test")]);
        mta.send(b'R', b"<user@fault.example>\0");
        // The fault comes when the log tells of it: the answer is on its way by then, and stands.
        assert_eq!(mta.receive().unwrap().0, b'y');
        assert_eq!(mta.receive(), None, "closed: the MTA applies its default action from now on");
        mail(&mut other);
    }
    mail(&mut milter.session());
    drop(other);
    milter.stop.send(1).unwrap();
    assert_eq!(milter.thread.join().unwrap().unwrap(), 0);
}

#[test]
fn a_fault_in_the_loop_itself_ends_the_milter_with_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let milter = Served::start(policy(directory.path(), "domains: [example.com]"));
    let mut mta = milter.session();
    mail(&mut mta);
    // What is logged of it is logged by the loop.
    mta.send(b'!', b"");
    let error = milter.thread.join().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the milter's thread died");
    assert_eq!(mta.receive(), None);
}

#[test]
fn a_fault_in_a_reload_is_not_the_end_of_reloads() {
    FaultyLog::set_up();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.yaml");
    fs::write(&path, "domains: [example.com]").unwrap();
    let reloader = Reloader::start(&path, None, false).unwrap();
    let (policy, state) = (reloader.policy(), reloader.state());
    let (reload, requests) = mpsc::channel(1);
    reloader.follow(requests).unwrap();
    let wait_for = |domains| {
        let deadline = Instant::now() + PATIENCE;
        while policy.load().domains.len() != domains {
            assert!(Instant::now() < deadline, "the policy with {domains} domains never comes");
            thread::sleep(Duration::from_millis(5));
        }
    };
    for round in 0..2 {
        // In force before the fault, which comes when the log tells of it.
        fs::write(&path, "domains: [example.com, fault.example, fault.example.net]").unwrap();
        wait_for(3);
        fs::write(&path, "domains: [example.com, example.net]").unwrap();
        // This one is a fault as well: it takes the domain out again.
        wait_for(2);
        fs::write(&path, "domains: [example.com]").unwrap();
        wait_for(1);
        let (request, done) = oneshot::channel();
        reload.blocking_send(request).unwrap();
        done.blocking_recv().unwrap();
        assert!(state.borrow().rejected.is_none(), "round {round}");
    }
    assert!(RELOADING.load(Ordering::Relaxed) >= 4);
}

#[test]
fn a_fault_in_the_ledger_is_not_the_end_of_it() {
    FaultyLog::set_up();
    let directory = tempfile::tempdir().unwrap();
    let mut settings = LedgerSettings::in_directory(directory.path());
    settings.path = directory.path().join("fault.sqlite");
    // Cannot be opened, and the log tells of that.
    fs::create_dir(&settings.path).unwrap();
    let path = settings.path.clone();
    let (ledger, recorder) = Ledger::start(settings).unwrap();
    let wait_for = |what: &str, is_there: &dyn Fn() -> bool| {
        let deadline = Instant::now() + PATIENCE;
        while !is_there() {
            assert!(Instant::now() < deadline, "{what} never comes");
            thread::sleep(Duration::from_millis(5));
        }
    };
    wait_for("a fault", &|| WRITING.load(Ordering::Relaxed) > 0);
    fs::remove_dir(&path).unwrap();
    let milter =
        Served::recording(policy(directory.path(), "domains: [example.com]"), ledger.clone());
    mail(&mut milter.session());
    let counts = ledger.counts();
    wait_for("a row", &|| counts.written() == 1);
    assert!(!counts.is_failing());
    recorder.finish();
}
