//! Hostile and broken MTAs against the running milter: mutated recordings of real ones, packets out
//! of order or with a wrong length, floods, silence, connections that end at any octet.
//!
//! What each stream of octets deserves is worked out by a model of its own, from the octets alone:
//! every answer is held against it. Beside that, a well-behaved MTA goes on all the time and gets
//! the right answers, every line of the log is one of the milter's, and the process ends with the
//! memory and descriptors that it had.
//!
//! MANDATORY_TLS_TEST_PACKETS says how many packets are sent, MANDATORY_TLS_TEST_SEED which; a
//! failure names the connection, which is the same again with the same seed.

mod attack;
mod evidence;
mod log;
mod model;
mod peer;

use self::attack::{Attack, Recorded};
use self::log::Form;
use self::model::course;
use self::peer::Place;
use crate::metrics;
use crate::random::{Random, seed, setting};
use crate::recordings::recordings;
use crate::support::{Milter, Mta, SOCKET};
use nix::sys::signal::Signal;
use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// Packets where the environment does not say how many, for each form of the log.
const PACKETS: u64 = 30_000;
/// How many hostile MTAs there are at a time, beside those that have gone silent.
const PEERS: usize = 3;
/// How many silent connections each of them keeps.
const SILENT: usize = 50;
/// What the process may have grown by: its log waits in memory for who reads it, its allocator keeps
/// some of what it has had.
const GROWTH: usize = 16 << 20;

#[test]
fn whatever_an_mta_sends_it_gets_the_answers_that_the_protocol_and_the_policy_ask_for() {
    withstand(Form::Text);
}

#[test]
fn whatever_an_mta_sends_a_json_log_tells_of_it_as_well() {
    withstand(Form::Json);
}

#[test]
fn an_mta_may_be_gone_at_any_octet() {
    let target = Target::start(Form::Text);
    let chosen =
        ["postfix-multi-rcpt-policy", "sendmail-multi-rcpt-policy", "postfix-milter-protocol2"];
    let recordings = recordings();
    let recordings = recordings.iter().filter(|recording| chosen.contains(&&*recording.name));
    let streams: Vec<Vec<u8>> =
        recordings.flat_map(attack::connections).map(|all| all.concat()).collect();
    assert_eq!(streams.len(), chosen.len());
    let fresh = attack::clean_stream();
    let mut judged = Judged::default();
    for stream in &streams {
        // There are recipients in it, and room before them.
        assert!(course(stream).rcpts() > 0 && course(&stream[..stream.len() / 3]).rcpts() == 0);
        for end in 0..=stream.len() {
            let cut = &stream[..end];
            let course_of_cut = course(cut);
            let half_closed = target.place.connect(false);
            peer::converse(&half_closed, cut, end.max(1), &course_of_cut).unwrap();
            // Gone by a reset, with all that was to be read.
            peer::carry_out(&target.place, &Attack::gone(cut), &course_of_cut).unwrap();
            let next = target.place.connect(false);
            peer::converse(&next, &fresh, fresh.len(), &course(&fresh)).unwrap();
            judged.certainly += course_of_cut.rcpts() + course(&fresh).rcpts();
            judged.perhaps += course_of_cut.rcpts();
        }
    }
    target.stop(judged);
}

/// Sends packets, and holds all that comes of them against what has to.
fn withstand(form: Form) {
    let goal = setting("MANDATORY_TLS_TEST_PACKETS", PACKETS);
    let siege = Siege {
        seed: seed(),
        recorded: recordings().iter().flat_map(attack::connections).collect(),
        ..Siege::default()
    };
    let mut target = Target::start(form);
    let mut control = target.control.take().unwrap();
    let (stop, stopped) = mpsc::channel::<()>();
    let began = Instant::now();
    let (warm, end) = thread::scope(|scope| {
        let siege = &siege;
        let control = scope.spawn(move || {
            let _alarm = Alarm(siege, String::from("the well-behaved MTA"));
            let mut slowest = Duration::ZERO;
            let mut messages = 0;
            // A breath between two messages leaves the processor to the others.
            while stopped.recv_timeout(Duration::from_millis(1)) == Err(RecvTimeoutError::Timeout) {
                let began = Instant::now();
                well_behaved(&mut control);
                slowest = slowest.max(began.elapsed());
                messages += 1;
            }
            (messages, slowest, control)
        });
        siege.send(&target.place, goal / 4);
        target.is_quiet();
        let warm = target.milter.memory();
        siege.send(&target.place, goal);
        target.is_quiet();
        let end = target.milter.memory();
        drop(stop);
        let (messages, slowest, control) = control.join().unwrap();
        target.messages += messages;
        target.control = Some(control);
        println!("{messages} messages of a well-behaved MTA, the slowest took {slowest:?}");
        (warm, end)
    });
    println!(
        "{} packets over {} connections with seed {} in {:?}; memory {} KiB, then {} KiB",
        siege.packets.load(Relaxed),
        siege.connections.load(Relaxed),
        siege.seed,
        began.elapsed(),
        warm / 1024,
        end / 1024
    );
    assert!(end < warm + GROWTH, "from {warm} to {end} octets");
    target.stop(Judged {
        certainly: siege.certainly.load(Relaxed),
        perhaps: siege.perhaps.load(Relaxed),
    });
}

/// All hostile MTAs.
#[derive(Default)]
struct Siege {
    seed: u64,
    recorded: Vec<Recorded>,
    /// Connections so far; each has its number.
    connections: AtomicU64,
    packets: AtomicU64,
    /// Recipients that were judged for sure, and those of whom that is not known.
    certainly: AtomicUsize,
    perhaps: AtomicUsize,
    failed: AtomicBool,
}

/// Ends the siege where a part of it fails, and says which.
struct Alarm<'s>(&'s Siege, String);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.failed.store(true, Relaxed);
            eprintln!("with seed {}: {}", self.0.seed, self.1);
        }
    }
}

impl Siege {
    /// Goes on until so many packets have been sent in all.
    fn send(&self, place: &Place, goal: u64) {
        thread::scope(|scope| {
            for _ in 0..PEERS {
                scope.spawn(|| self.one_after_the_other(place, goal));
            }
        });
    }

    fn one_after_the_other(&self, place: &Place, goal: u64) {
        let mut silent = VecDeque::new();
        while self.packets.load(Relaxed) < goal && !self.failed.load(Relaxed) {
            let number = self.connections.fetch_add(1, Relaxed);
            let attack = Attack::new(&mut Random::new(self.seed, number), &self.recorded);
            let _alarm = Alarm(self, format!("connection {number}, {attack}"));
            let course = course(&attack.octets);
            silent.extend(peer::carry_out(place, &attack, &course).unwrap());
            silent.drain(..silent.len().saturating_sub(SILENT));
            self.packets.fetch_add(course.packets as u64, Relaxed);
            let judged = if attack.is_read() { &self.certainly } else { &self.perhaps };
            judged.fetch_add(course.rcpts(), Relaxed);
        }
    }
}

/// How many recipients were judged.
#[derive(Clone, Copy, Debug, Default)]
struct Judged {
    certainly: usize,
    /// Of connections that were not read to their end the milter may have read nothing or all.
    perhaps: usize,
}

/// Sends a message as every MTA does; each recipient gets the right answer.
fn well_behaved(mta: &mut Mta) {
    const TLS: [(&str, &str); 2] =
        [("{tls_version}", "TLSv1.3"), ("{cipher}", "TLS_AES_256_GCM_SHA384")];
    mta.mail();
    assert_eq!(mta.rcpt("<u@control.test>", &[]).0, b'y');
    assert_eq!(mta.rcpt("<u@control.test>", &TLS).0, b'c');
    assert_eq!(mta.rcpt("<u@zz.test>", &[]).0, b'c');
    mta.send(b'A', b"");
}

/// Recipients of such a message.
const RECIPIENTS: usize = 3;

/// A milter under attack.
struct Target {
    milter: Milter,
    place: Place,
    metrics: String,
    /// A well-behaved MTA.
    control: Option<Mta>,
    /// Its messages so far.
    messages: usize,
    /// Open before the attack.
    descriptors: usize,
    log: Option<thread::JoinHandle<log::Counts>>,
}

impl Target {
    fn start(form: Form) -> Self {
        let log = match form {
            Form::Text => "text",
            Form::Json => "json",
        };
        // All that keeps something of what an MTA sends, with little room.
        let settings = format!(
            "log: {{ format: {log}, level: debug, local_parts: true }}\n\
             state_dir: state\n\
             ledger: {{ rows_per_day: 1000, rows_per_domain_and_day: 100 }}\n\
             metrics: {{ listen: inet:127.0.0.1:0, domains: 100 }}"
        );
        let mut milter = Milter::start(evidence::POLICY, &settings);
        let metrics = metrics::address(&milter);
        let lines = milter.take_lines();
        let place = Place { tcp: milter.address.clone(), unix: milter.path(SOCKET) };
        let mut control = milter.session();
        well_behaved(&mut control);
        metrics::wait_for(&metrics, "mandatory_tls_ledger_recorded_total 2");
        metrics::wait_for(&metrics, "mandatory_tls_connections 1");
        let descriptors = milter.descriptors();
        let log = Some(thread::spawn(move || log::read(lines, form)));
        Self { milter, place, metrics, control: Some(control), messages: 1, descriptors, log }
    }

    /// All connections but that of the well-behaved MTA come to their end, and leave nothing.
    fn is_quiet(&self) {
        metrics::wait_for(&self.metrics, "mandatory_tls_connections 1");
        let deadline = Instant::now() + Duration::from_secs(20);
        // The endpoint for figures may still be closing.
        while self.milter.descriptors() > self.descriptors {
            assert!(Instant::now() < deadline, "{} descriptors", self.milter.descriptors());
            thread::yield_now();
        }
    }

    /// The milter stops as it should, and has logged as many recipients as were judged.
    fn stop(mut self, judged: Judged) {
        self.is_quiet();
        self.control = None;
        self.milter.signal(Signal::SIGTERM);
        assert_eq!(self.milter.process.wait().unwrap().code(), Some(0));
        let counts = self.log.take().unwrap().join().unwrap();
        let logged = counts.verdicts + counts.lost;
        let least = judged.certainly + self.messages * RECIPIENTS;
        assert!(
            logged >= least && logged <= least + judged.perhaps,
            "{counts:?} {least} {judged:?}"
        );
    }
}
