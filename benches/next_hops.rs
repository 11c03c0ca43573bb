//! Look-ups of next hops: how many a second the program answers on one core with a million domains, and how
//! long the slowest of a hundred takes, also while the policy is read again and again.
//!
//! The program is bound to the first core, who asks to the others. Beside it a responder that only echoes a fixed
//! answer, for what sockets cost by themselves.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const DOMAINS: usize = 1_000_000;
/// As many smtp processes ask at a time.
const CLIENTS: usize = 16;
const SPAN: Duration = Duration::from_secs(3);

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let mut policy = "defaults: { deliver: encrypt }\ndomains:\n".to_owned();
    for number in 0..DOMAINS {
        if number % 10 == 0 {
            writeln!(policy, "- {{ domain: d{number}.example.net, deliver: {{ level: secure, nexthop: '[mx{number}.example.net]:25' }} }}").unwrap();
        } else {
            writeln!(policy, "- d{number}.example.net").unwrap();
        }
    }
    fs::write(path("policy.yaml"), &policy).unwrap();
    let settings =
        "listen: unix:milter.sock\npolicy: policy.yaml\nlog: { level: warn }\nsocketmap: unix:";
    let settings =
        settings.replace("unix:milter", &format!("unix:{}/milter", directory.path().display()));
    fs::write(path("milter.yaml"), format!("{settings}{}\n", path("deliver.sock").display()))
        .unwrap();
    let mut program = Command::new("taskset")
        .args(["-c", "0", env!("CARGO_BIN_EXE_mandatory-tls"), "milter", "--config"])
        .arg(path("milter.yaml"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(program.stderr.take().unwrap());
    thread::spawn(move || log.lines().for_each(drop));
    while UnixStream::connect(path("deliver.sock")).is_err() {
        thread::sleep(Duration::from_millis(50));
    }
    let status = fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmRSS")).unwrap());
    echo(&path("echo.sock"));
    for (what, socket, window) in [
        ("one at a time, bare responder", "echo.sock", 1),
        ("one at a time", "deliver.sock", 1),
        ("32 at once, bare responder", "echo.sock", 32),
        ("32 at once", "deliver.sock", 32),
    ] {
        println!("{what}: {}", ask(&path(socket), window, &AtomicBool::new(false), CLIENTS));
    }
    // As smtp(8) does it, and not more than a busy gateway has.
    let paced = |what: &str| {
        println!("{what}: {}", ask(&path("deliver.sock"), 1, &AtomicBool::new(true), 4));
    };
    paced("4 processes that pause, quiet");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !over.load(Ordering::Relaxed) {
                number += 1;
                fs::write(path("new"), format!("{policy}- e{number}.example.net\n")).unwrap();
                fs::rename(path("new"), path("policy.yaml")).unwrap();
                thread::sleep(Duration::from_millis(200));
            }
        });
        paced("4 processes that pause, while the policy is read again and again");
        over.store(true, Ordering::Relaxed);
    });
    program.kill().unwrap();
    program.wait().unwrap();
}

/// Answers each request with the same words, as little as can be done.
fn echo(path: &Path) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut room = [0; 65536];
                while let Ok(count @ 1..) = stream.read(&mut room) {
                    let requests = room[..count].iter().filter(|octet| **octet == b',').count();
                    if stream.write_all("10:OK encrypt,".repeat(requests).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

/// What came of asking for a while: look-ups a second, and percentiles of the time for one turn.
fn ask(path: &Path, window: usize, pauses: &AtomicBool, clients: usize) -> String {
    let pauses = pauses.load(Ordering::Relaxed);
    let turns: Vec<Vec<Duration>> = thread::scope(|scope| {
        let clients: Vec<_> = (0..clients)
            .map(|client| {
                scope.spawn(move || {
                    let mut stream = UnixStream::connect(path).unwrap();
                    let (mut turns, mut number, start) =
                        (Vec::new(), client * 7919, Instant::now());
                    let mut room = [0; 65536];
                    while start.elapsed() < SPAN {
                        let mut requests = String::new();
                        for _ in 0..window {
                            number = (number + 104_729) % DOMAINS;
                            let key = if number % 20 == 0 {
                                format!("QUERY [mx{number}.example.net]:25")
                            } else {
                                format!("QUERY d{number}.example.net")
                            };
                            write!(requests, "{}:{key},", key.len()).unwrap();
                        }
                        let turn = Instant::now();
                        stream.write_all(requests.as_bytes()).unwrap();
                        let mut replies = 0;
                        while replies < window {
                            let count = stream.read(&mut room).unwrap();
                            assert!(count > 0);
                            replies += room[..count].iter().filter(|octet| **octet == b',').count();
                        }
                        turns.push(turn.elapsed());
                        if pauses {
                            thread::sleep(Duration::from_micros(500));
                        }
                    }
                    turns
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let mut turns: Vec<Duration> = turns.into_iter().flatten().collect();
    turns.sort_unstable();
    let at = |part: f64| turns[((turns.len() - 1) as f64 * part) as usize];
    let rate = (turns.len() * window) as f64 / SPAN.as_secs_f64();
    format!("{rate:.0} a second; a turn takes {:?}, p99 {:?}", at(0.5), at(0.99))
}
