//! The way of a judgement into the ledger: a bounded queue, a thread that adds up, a thread that
//! writes.
//!
//! The milter only ever puts a small value into the queue, and never waits: where the queue is full
//! the record is lost, and counted. Two threads, so that a disk that does not answer holds up
//! neither the milter nor the adding up.

use super::batch::{Batch, MOST_ROWS};
use super::record::{Record, day_of};
use super::settings::LedgerSettings;
use super::writer::Writer;
use crate::session::Judgement;
use jiff::Timestamp;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{
            Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel,
        },
    },
    thread,
    time::{Duration, Instant},
};

/// Records that may wait to be added up: a tenth of a second at the greatest rate measured. The
/// queue takes memory for those that wait only, which are few.
const QUEUE: u64 = 8192;
/// How often the queue is emptied. The milter wakes nobody up in between.
const POLL: Duration = Duration::from_millis(50);
/// How often what was added up is handed on to be written.
const HAND_OVER: Duration = Duration::from_secs(1);
/// So much more time for each row: to write a row costs more than to add it up, and on a busy
/// gateway the same rows come again and again. A million mails a day are still written each second.
const PER_ROW: Duration = Duration::from_millis(1);
/// But no longer than this: so much is lost in a crash.
const HAND_OVER_AT_LAST: Duration = Duration::from_secs(15);
/// How long the end of the program waits for the last batch.
const LAST_BATCH: Duration = Duration::from_secs(5);

/// What the ledger counts of itself.
#[derive(Debug, Default)]
pub struct Counts {
    /// Recipients handed over.
    taken: AtomicU64,
    /// Recipients taken out of the queue.
    added: AtomicU64,
    /// Recipients written.
    pub(super) written: AtomicU64,
    /// Recipients lost, for want of room in the queue or in memory.
    pub(super) lost: AtomicU64,
    /// Of those, the ones that the queue lost and the ledger does not know yet.
    unsaid: AtomicU64,
    /// Whether the last attempt to write failed.
    pub(super) failing: AtomicBool,
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

    /// Recipients in the queue.
    #[must_use]
    pub fn queued(&self) -> u64 {
        let added = self.added.load(Ordering::Relaxed);
        self.taken.load(Ordering::Relaxed).saturating_sub(added)
    }

    /// Whether the ledger cannot be written at present.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }
}

/// A record, or the end of all.
type Message = Option<Record>;

/// The milter's end of the ledger.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    queue: Option<Sender<Message>>,
    counts: Arc<Counts>,
}

/// The other end: ends the ledger in order.
#[derive(Debug)]
pub struct Recorder {
    queue: Sender<Message>,
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
        let (queue, records) = channel();
        let (batches, to_write) = sync_channel(1);
        let (finished, done) = sync_channel(1);
        let counts = Arc::<Counts>::default();
        let writer = Writer::new(settings, Arc::clone(&counts));
        thread::Builder::new().name("ledger-write".into()).spawn(move || {
            writer.run(&to_write);
            let _ = finished.send(());
        })?;
        let shared = Arc::clone(&counts);
        thread::Builder::new()
            .name("ledger-add".into())
            .spawn(move || add_up(&records, &batches, &shared))?;
        Ok((Self { queue: Some(queue.clone()), counts }, Recorder { queue, done }))
    }

    /// Takes note of a judgement. Never waits.
    pub fn judged(&self, judgement: &Judgement<'_>) {
        if let Some(queue) = &self.queue
            && let Some(record) = Record::of(judgement)
        {
            self.put(queue, record);
        }
    }

    fn put(&self, queue: &Sender<Message>, record: Record) {
        let counts = &self.counts;
        if counts.queued() < QUEUE && queue.send(Some(record)).is_ok() {
            counts.taken.fetch_add(1, Ordering::Relaxed);
        } else {
            counts.lost.fetch_add(1, Ordering::Relaxed);
            counts.unsaid.fetch_add(1, Ordering::Relaxed);
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
        // Where nobody listens any more, nothing is left to wait for.
        let _ = self.queue.send(None);
        if self.done.recv_timeout(LAST_BATCH) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the ledger's last batch could not be written in time and is lost");
        }
    }
}

/// How long a batch is added to.
fn patience(batch: &Batch) -> Duration {
    if batch.rows.len() >= MOST_ROWS / 2 {
        return HAND_OVER;
    }
    let rows = u32::try_from(batch.rows.len()).unwrap_or(u32::MAX);
    (HAND_OVER + PER_ROW.saturating_mul(rows)).min(HAND_OVER_AT_LAST)
}

/// Adds records up until it is told to stop.
fn add_up(records: &Receiver<Message>, batches: &SyncSender<Batch>, counts: &Counts) {
    let mut batch = Batch::default();
    let mut handed_over = Instant::now();
    let mut idle = true;
    let mut going_on = true;
    while going_on {
        let mut first = None;
        if idle {
            // Wakes up for the first record after a pause, and for no other.
            first = records.recv().ok();
            going_on = first.is_some();
        } else {
            thread::sleep(POLL);
        }
        let mut found = 0;
        for message in first.into_iter().chain(records.try_iter()) {
            match message {
                Some(record) => {
                    found += 1;
                    if !batch.add(record) {
                        counts.lost.fetch_add(1, Ordering::Relaxed);
                    }
                }
                None => going_on = false,
            }
        }
        counts.added.fetch_add(found, Ordering::Relaxed);
        batch.lose(day_of(Timestamp::now().as_second()), counts.unsaid.swap(0, Ordering::Relaxed));
        if !batch.is_empty() && (handed_over.elapsed() >= patience(&batch) || !going_on) {
            let full = std::mem::take(&mut batch);
            if !going_on {
                let _ = batches.send(full);
                break;
            }
            match batches.try_send(full) {
                Ok(()) => handed_over = Instant::now(),
                // The writer is busy: goes on adding up.
                Err(TrySendError::Full(kept)) => batch = kept,
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
        idle = found == 0 && batch.is_empty();
    }
}
