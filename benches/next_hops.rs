//! Look-ups of next hops: how many a second the program answers on one core with a million domains, what one costs in
//! processor time, and how long the slowest of a hundred takes, also while the policy is read again and again.
//!
//! Beside it stands a bare responder in a process of its own: plain tokio, one thread, one answer for all, the least that
//! a program on tokio can do. What is told are medians over rounds in which they take turns, since machines are now
//! faster, now slower; ratios are of one round.
//!
//!     cargo bench --bench next_hops                        five rounds
//!     cargo bench --bench next_hops -- --rounds 15
//!     cargo bench --bench next_hops -- NAME=SOCKET=PID     beside another program that listens on a Unix socket
//!
//! Program and responder are bound to the first core, who asks to the others. While the policy is read, the program has
//! all cores, as it has them where it runs.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const DOMAINS: usize = 1_000_000;
/// As many smtp processes ask at a time.
const CLIENTS: usize = 16;
const SPAN: Duration = Duration::from_secs(2);
/// How the bench is asked to be the responder.
const RESPONDER: &str = "--be-the-responder";

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [word, socket] = arguments.as_slice()
        && word == RESPONDER
    {
        return respond(Path::new(socket));
    }
    let rounds = arguments.iter().position(|word| word == "--rounds");
    let rounds = rounds.map_or(5, |at| arguments[at + 1].parse().expect("a number of rounds"));
    // NAME=SOCKET=PID
    let others = arguments.iter().filter_map(|word| {
        let (name, rest) = word.split_once('=')?;
        let (socket, pid) = rest.split_once('=')?;
        Some((name.to_owned(), PathBuf::from(socket), pid.parse().expect("a process")))
    });
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let policy = policy();
    fs::write(path("policy.yaml"), &policy).unwrap();
    let (program, socket) = (Process(start(directory.path(), true)), path("deliver.sock"));
    let own = env::current_exe().unwrap();
    let responder = Command::new("taskset")
        .args(["-c", "0"])
        .arg(own)
        .arg(RESPONDER)
        .arg(path("bare.sock"))
        .spawn();
    let responder = Process(responder.unwrap());
    wait_for(&path("bare.sock"));
    let mut all = vec![
        ("bare responder".to_owned(), path("bare.sock"), responder.id()),
        ("mandatory-tls".to_owned(), socket, program.id()),
    ];
    all.extend(others);
    println!("{DOMAINS} domains; {}", memory(program.id()));
    for (what, window) in [("one request at a time", 1), ("32 requests at once", 32)] {
        compare(what, window, rounds, &all);
    }
    drop((program, responder));
    reloads(directory.path(), &policy, rounds);
}

/// A process that ends with this.
struct Process(Child);

impl Process {
    fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn policy() -> String {
    let mut policy = "defaults: { deliver: encrypt }\ndomains:\n".to_owned();
    for number in 0..DOMAINS {
        if number % 10 == 0 {
            writeln!(policy, "- {{ domain: d{number}.example.net, deliver: {{ level: secure, nexthop: '[mx{number}.example.net]:25' }} }}").unwrap();
        } else {
            writeln!(policy, "- d{number}.example.net").unwrap();
        }
    }
    policy
}

/// Starts the program, which listens when this returns.
fn start(directory: &Path, one_core: bool) -> Child {
    let place = directory.display();
    let settings = format!(
        "listen: unix:{place}/milter.sock\npolicy: policy.yaml\nlog: {{ level: warn }}\n\
         socketmap: unix:{place}/deliver.sock\n"
    );
    fs::write(directory.join("milter.yaml"), settings).unwrap();
    let binary = env!("CARGO_BIN_EXE_mandatory-tls");
    let words = if one_core { &["taskset", "-c", "0", binary][..] } else { &[binary] };
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).args(["milter", "--config"]).arg(directory.join("milter.yaml"));
    let mut program = command.stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(program.stderr.take().unwrap());
    thread::spawn(move || log.lines().for_each(drop));
    wait_for(&directory.join("deliver.sock"));
    program
}

fn wait_for(socket: &Path) {
    while UnixStream::connect(socket).is_err() {
        thread::sleep(Duration::from_millis(20));
    }
}

fn memory(id: u32) -> String {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    status.lines().find(|line| line.starts_with("VmRSS")).unwrap().to_owned()
}

/// The processor time of a process so far; the kernel counts it in hundredths of a second.
fn processor(id: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = |at: usize| fields.split(' ').nth(at).unwrap().parse::<u64>().unwrap();
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Plain tokio: a task a connection, a fixed answer for each netstring.
fn respond(socket: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::UnixListener::bind(socket).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut room, mut answers) = (vec![0; 4096], Vec::new());
                loop {
                    if stream.readable().await.is_err() {
                        return;
                    }
                    match stream.try_read(&mut room) {
                        Ok(0) => return,
                        Ok(count) => {
                            answers.clear();
                            // No key has a comma in it.
                            for octet in &room[..count] {
                                if *octet == b',' {
                                    answers.extend_from_slice(b"10:OK encrypt,");
                                }
                            }
                        }
                        Err(_) => continue,
                    }
                    let mut rest = answers.as_slice();
                    while !rest.is_empty() {
                        match stream.try_write(rest) {
                            Ok(count) => rest = &rest[count..],
                            Err(_) => stream.writable().await.unwrap(),
                        }
                    }
                }
            });
        }
    });
}

/// What came of asking for a while.
struct Found {
    /// Look-ups a second.
    rate: f64,
    /// Processor time of the program for one, in microseconds.
    cost: f64,
    /// The time for one turn: the median, and what one of a hundred exceeds, in microseconds.
    median: f64,
    p99: f64,
}

fn ask(path: &Path, id: u32, window: usize, pause: Option<Duration>, clients: usize) -> Found {
    let before = processor(id);
    let turns: Vec<Vec<Duration>> = thread::scope(|scope| {
        let clients: Vec<_> = (0..clients)
            .map(|client| scope.spawn(move || one_client(path, client, window, pause)))
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let spent = processor(id) - before;
    let mut turns: Vec<Duration> = turns.into_iter().flatten().collect();
    turns.sort_unstable();
    let at = |part: f64| turns[((turns.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e6;
    let count = (turns.len() * window) as f64;
    Found {
        rate: count / SPAN.as_secs_f64(),
        cost: spent.as_secs_f64() * 1e6 / count,
        median: at(0.5),
        p99: at(0.99),
    }
}

fn one_client(path: &Path, client: usize, window: usize, pause: Option<Duration>) -> Vec<Duration> {
    let mut stream = UnixStream::connect(path).unwrap();
    let (mut turns, mut number, start) = (Vec::new(), client * 7919, Instant::now());
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
        if let Some(pause) = pause {
            thread::sleep(pause);
        }
    }
    turns
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A median, and in brackets the least and the greatest.
fn spread(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(0.0, f64::max);
    format!("{:.2} ({least:.2} to {greatest:.2})", median(values.to_vec()))
}

/// They take turns; the first is what the others are compared with.
fn compare(what: &str, window: usize, rounds: usize, all: &[(String, PathBuf, u32)]) {
    let mut found: Vec<Vec<Found>> = all.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for ((_, socket, id), of_it) in all.iter().zip(&mut found) {
            of_it.push(ask(socket, *id, window, None, CLIENTS));
        }
    }
    println!("\n{what}, {CLIENTS} clients, {rounds} rounds");
    for ((name, ..), of_it) in all.iter().zip(&found) {
        let of = |value: fn(&Found) -> f64| median(of_it.iter().map(value).collect());
        let ratio = |value: fn(&Found) -> f64| {
            let pairs = of_it.iter().zip(&found[0]);
            spread(&pairs.map(|(one, bare)| value(one) / value(bare)).collect::<Vec<_>>())
        };
        println!(
            "  {name}: {:.0} a second, {:.2} us of processor time each, p99 {:.0} us; to the bare one: rate {}, \
             processor time {}",
            of(|found| found.rate),
            of(|found| found.cost),
            of(|found| found.p99),
            ratio(|found| found.rate),
            ratio(|found| found.cost),
        );
    }
}

/// As smtp(8) asks, and more than a busy gateway does: with the policy at rest, and read again and again.
fn reloads(directory: &Path, policy: &str, rounds: usize) {
    let program = Process(start(directory, false));
    let socket = directory.join("deliver.sock");
    let pause = Some(Duration::from_micros(500));
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        quiet.push(ask(&socket, program.id(), 1, pause, 4));
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let (over, directory) = (&over, directory);
            scope.spawn(move || {
                let mut number = 0;
                while !over.load(Ordering::Relaxed) {
                    number += 1;
                    let new = format!("{policy}- e{round}x{number}.example.net\n");
                    fs::write(directory.join("new"), new).unwrap();
                    fs::rename(directory.join("new"), directory.join("policy.yaml")).unwrap();
                    thread::sleep(Duration::from_millis(300));
                }
            });
            busy.push(ask(&socket, program.id(), 1, pause, 4));
            over.store(true, Ordering::Relaxed);
        });
        // The last one is read before the next round.
        thread::sleep(Duration::from_secs(2));
    }
    println!("\n4 processes that pause, {rounds} rounds");
    for (name, found) in [("quiet", &quiet), ("while the policy is read again and again", &busy)] {
        let of = |value: fn(&Found) -> f64| median(found.iter().map(value).collect());
        println!(
            "  {name}: {:.0} a second, median {:.0} us, p99 {:.0} us",
            of(|found| found.rate),
            of(|found| found.median),
            of(|found| found.p99)
        );
    }
    let pairs = quiet.iter().zip(&busy);
    let ratios: Vec<f64> = pairs.map(|(quiet, busy)| busy.p99 / quiet.p99).collect();
    println!("  p99 while it is read, to the quiet one: {}", spread(&ratios));
}
