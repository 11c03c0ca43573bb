//! The lines a process writes, collected as they come, and waiting for one of them.

use std::cell::RefCell;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once};
use std::time::Instant;

use super::PATIENCE;

/// All lines so far; clones see the same lines.
#[derive(Clone)]
pub struct Lines {
    name: &'static str,
    shared: Arc<(Mutex<Collected>, Condvar)>,
}

#[derive(Default)]
struct Collected {
    lines: Vec<String>,
    /// How many are still reading: the last reader of a process that was started again may end after
    /// the next has begun.
    readers: usize,
}

impl Lines {
    /// Reads `source` to its end on a thread of its own.
    pub fn of(name: &'static str, source: impl Read + Send + 'static) -> Self {
        let lines = Self::empty(name);
        lines.follow(source);
        lines
    }

    /// No lines yet.
    pub fn empty(name: &'static str) -> Self {
        remember_what_failed();
        Self { name, shared: Arc::default() }
    }

    /// Appends what `source` brings, on a thread of its own.
    pub fn follow(&self, source: impl Read + Send + 'static) {
        self.collected().readers += 1;
        let lines = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n') {
                let Ok(line) = line else { break };
                lines.collected().lines.push(String::from_utf8_lossy(&line).into_owned());
                lines.shared.1.notify_all();
            }
            lines.collected().readers -= 1;
            lines.shared.1.notify_all();
        });
    }

    /// Waits for a line that matches, among those before and those to come.
    pub fn wait_for(&self, what: &str, matches: impl Fn(&str) -> bool) -> String {
        self.wait_after(0, what, matches)
    }

    /// Waits for a matching line, the first `start` lines not counted.
    pub fn wait_after(&self, start: usize, what: &str, matches: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = start;
        let mut collected = self.collected();
        loop {
            while let Some(line) = collected.lines.get(seen) {
                if matches(line) {
                    return line.clone();
                }
                seen += 1;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let ended = collected.readers == 0;
            if left.is_zero() || ended {
                let end = if ended { "it has ended" } else { "in vain" };
                let all = collected.lines.join("\n  ");
                drop(collected);
                panic!("waited for {what} from {}: {end}. Its lines:\n  {all}", self.name);
            }
            collected = self.shared.1.wait_timeout(collected, left).expect("no reader panics").0;
        }
    }

    /// Waits until all is read of processes that have ended.
    pub fn wait_for_end(&self) {
        let reading = |collected: &mut Collected| collected.readers > 0;
        let (collected, _) = (self.shared.1)
            .wait_timeout_while(self.collected(), PATIENCE, reading)
            .expect("no reader panics");
        assert_eq!(collected.readers, 0, "{} still runs", self.name);
    }

    /// How many lines there are now: where to wait from for what comes next.
    pub fn len(&self) -> usize {
        self.collected().lines.len()
    }

    /// The lines so far that match.
    pub fn matching(&self, matches: impl Fn(&str) -> bool) -> Vec<String> {
        self.collected().lines.iter().filter(|line| matches(line)).cloned().collect()
    }

    /// Prints all of them where the test has failed, and below them once more what failed: they are
    /// thousands, and whoever keeps a part of a long output keeps its end.
    pub fn print_if_failed(&self) {
        if std::thread::panicking() {
            eprintln!("{self}");
            FAILED.with_borrow(|failed| eprintln!("---- what failed ----\n{failed}"));
        }
    }

    fn collected(&self) -> MutexGuard<'_, Collected> {
        self.shared.0.lock().expect("no reader panics")
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "---- {} ----", self.name)?;
        self.collected().lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

thread_local! {
    /// What the test on this thread failed with.
    static FAILED: RefCell<String> = const { RefCell::new(String::new()) };
}

fn remember_what_failed() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            FAILED.set(panic.to_string());
            print(panic);
        }));
    });
}
