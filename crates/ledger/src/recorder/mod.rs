//! The way of a judgement into the ledger: the milter adds up, a thread writes.
//!
//! What was judged is added up where it is judged: nearly always its row is there, and to count it
//! there costs less than to hand a copy on. The milter waits for nothing but the moment in which the
//! thread exchanges the full batch for an empty one; a disk that does not answer holds up nothing.
//! Where the batch is full, the recipient is lost, and counted.

pub mod batch;
pub mod retention;
mod writer;

use crate::model::key::Seen;
use batch::{Batch, MOST_ROWS};
use config::LedgerSettings;
use policy::{Case, DomainName, Verdict};
use std::{
    io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};
use writer::Writer;

/// How often what was added up is written.
const HAND_OVER: Duration = Duration::from_secs(1);
/// So much more time for each row: to write a row costs more than to add it up, and on a busy
/// gateway the same rows come again and again. A million mails a day are still written each second.
const PER_ROW: Duration = Duration::from_millis(1);
/// But no longer than this: so much is lost in a crash.
const HAND_OVER_AT_LAST: Duration = Duration::from_secs(15);
/// How long the ledger is let alone after a fault inside.
const AFTER_A_FAULT: Duration = Duration::from_secs(1);
/// How long the end of the program waits for the last batch.
const LAST_BATCH: Duration = Duration::from_secs(5);

/// What the ledger counts of itself.
#[derive(Debug, Default)]
pub struct Counts {
    /// Recipients added up.
    added: AtomicU64,
    /// Of those, the ones that were written, or lost after all.
    pub(crate) settled: AtomicU64,
    /// Recipients written.
    pub(crate) written: AtomicU64,
    /// Recipients lost, for want of room in memory.
    pub(crate) lost: AtomicU64,
    /// Whether the last attempt to write failed.
    pub(crate) failing: AtomicBool,
}

impl Counts {
    /// Recipients that are in the file.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Recipients that could not be recorded.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Recipients that are added up and wait to be written.
    #[must_use]
    pub fn queued(&self) -> u64 {
        let settled = self.settled.load(Ordering::Relaxed);
        self.added.load(Ordering::Relaxed).saturating_sub(settled)
    }

    /// Whether the ledger cannot be written at present.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }
}

/// What is added up, between the milter and the thread that writes.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    state: Mutex<State>,
    /// Told of the first recipient of a batch, of one that is half full, and of the end.
    news: Condvar,
}

#[derive(Debug, Default)]
struct State {
    batch: Batch,
    is_over: bool,
}

impl Gathering {
    fn state(&self) -> MutexGuard<'_, State> {
        // Whatever became of a thread that held it: numbers are whole at each moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a recipient. Returns whether there was room.
    fn add(&self, seen: &Seen<'_>, at: i64) -> bool {
        let mut state = self.state();
        let was = (state.batch.is_empty(), is_half_full(&state.batch));
        let has_room = state.batch.add(seen, at);
        let is = (state.batch.is_empty(), is_half_full(&state.batch));
        drop(state);
        if is != was {
            self.news.notify_one();
        }
        has_room
    }

    fn end(&self) {
        self.state().is_over = true;
        self.news.notify_one();
    }

    /// Waits until there is a batch to write, or for so long; then takes what there is, which may be
    /// nothing, and says whether it is the last. `since` is when the batch before was taken.
    pub fn next(&self, since: Instant, at_most: Duration) -> (Batch, bool) {
        let until = Instant::now() + at_most;
        let mut state = self.state();
        loop {
            let due = if state.batch.is_empty() { until } else { since + patience(&state.batch) };
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() || state.is_over {
                break;
            }
            let woken = self.news.wait_timeout(state, left);
            (state, _) = woken.unwrap_or_else(PoisonError::into_inner);
        }
        let (rows, is_over) = (state.batch.rows.len(), state.is_over);
        drop(state);
        // As many rows will come again; room for them is made while nobody waits.
        let empty = Batch::with_room(rows);
        (mem::replace(&mut self.state().batch, empty), is_over)
    }
}

/// The milter's end of the ledger.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    gathering: Option<Arc<Gathering>>,
    counts: Arc<Counts>,
}

/// The other end: ends the ledger in order.
#[derive(Debug)]
pub struct Recorder {
    gathering: Arc<Gathering>,
    done: Receiver<()>,
}

impl Ledger {
    /// A ledger that records nothing.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// Starts the ledger. A file that cannot be written is no error here: the log says so, and it
    /// is tried again.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread.
    pub fn start(settings: LedgerSettings) -> io::Result<(Self, Recorder)> {
        let (finished, done) = sync_channel(1);
        let counts = Arc::<Counts>::default();
        let gathering = Arc::<Gathering>::default();
        let mut writer = Writer::new(settings, Arc::clone(&counts));
        let gathered = Arc::clone(&gathering);
        thread::Builder::new().name("ledger".into()).spawn(move || {
            // A fault in here must not be the end of the ledger; the panic itself is logged.
            while catch_unwind(AssertUnwindSafe(|| writer.run(&gathered))).is_err() {
                thread::sleep(AFTER_A_FAULT);
                writer.recover();
            }
            // Closes the file, before anybody ends the program.
            drop(writer);
            let _ = finished.send(());
        })?;
        let recorder = Recorder { gathering: Arc::clone(&gathering), done };
        Ok((Self { gathering: Some(gathering), counts }, recorder))
    }

    /// Takes note of a case and its verdict. Never waits for the file. `client_name` is the client's
    /// name, where the MTA vouches for it.
    pub fn judged(&self, case: &Case<'_>, verdict: &Verdict<'_>, client_name: Option<&DomainName>) {
        if let Some(gathering) = &self.gathering
            && let Some(seen) = Seen::new(case, verdict, client_name)
        {
            let has_room = gathering.add(&seen, case.now.as_second());
            let counts = &self.counts;
            let count = if has_room { &counts.added } else { &counts.lost };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What it counts of itself.
    #[must_use]
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }
}

impl Recorder {
    /// Has what was recorded so far written, and waits for it; not for ever, a disk may not answer.
    pub fn finish(self) {
        self.gathering.end();
        if self.done.recv_timeout(LAST_BATCH) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the ledger's last batch could not be written in time and is lost");
        }
    }
}

/// Whether a batch is to be written soon, lest there be no room for more.
fn is_half_full(batch: &Batch) -> bool {
    batch.rows.len() >= MOST_ROWS / 2
}

/// How long a batch is added to.
fn patience(batch: &Batch) -> Duration {
    if is_half_full(batch) {
        return HAND_OVER;
    }
    let rows = u32::try_from(batch.rows.len()).unwrap_or(u32::MAX);
    (HAND_OVER + PER_ROW.saturating_mul(rows)).min(HAND_OVER_AT_LAST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::Key;
    use crate::tests::key;

    #[test]
    fn a_batch_that_is_half_full_is_not_waited_for() {
        let half = u32::try_from(MOST_ROWS / 2).unwrap();
        // More than once: the last row may come before the thread waits.
        for _ in 0..6 {
            let gathering = &Gathering::default();
            let add = |numbers: std::ops::Range<u32>| {
                for number in numbers {
                    let client = Some(std::net::Ipv4Addr::from(number).into());
                    gathering.add(&Key { client, ..key("192.0.2.1") }.seen(), 7);
                }
            };
            add(0..half - 1);
            let begun = Instant::now();
            thread::scope(|scope| {
                let (about_to_wait, waits) = sync_channel(0);
                let taker = scope.spawn(move || {
                    about_to_wait.send(()).unwrap();
                    gathering.next(begun, HAND_OVER_AT_LAST)
                });
                waits.recv().unwrap();
                add(half - 1..half);
                assert_eq!(taker.join().unwrap().0.rows.len(), MOST_ROWS / 2);
            });
            assert!(begun.elapsed() < HAND_OVER_AT_LAST / 2, "{:?}", begun.elapsed());
        }
    }

    #[test]
    fn each_recipient_is_in_one_batch_and_the_last_batch_is_handed_on_at_once() {
        const THREADS: u64 = 4;
        const EACH: u64 = 2_000;
        let gathering = Gathering::default();
        let count = |batch: Batch| batch.rows.values().map(|tally| tally.count).sum::<u64>();
        let total = thread::scope(|scope| {
            let taker = scope.spawn(|| {
                let mut total = 0;
                loop {
                    // Long ago, so that each batch is due at once.
                    let since = Instant::now() - HAND_OVER_AT_LAST;
                    let (batch, is_last) = gathering.next(since, LAST_BATCH);
                    total += count(batch);
                    if is_last {
                        break total;
                    }
                }
            });
            let adders: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| (0..EACH).all(|_| gathering.add(&key("192.0.2.1").seen(), 7)))
                })
                .collect();
            assert!(adders.into_iter().all(|adder| adder.join().unwrap()));
            gathering.end();
            taker.join().unwrap()
        });
        assert_eq!(total, THREADS * EACH);
    }
}
