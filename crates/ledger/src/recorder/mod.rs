//! How a judgement gets into the ledger: the milter adds up in memory, a thread writes.
//!
//! The thread that judges adds up as well: nearly always the row is there already, and to count in it
//! costs less than to hand a copy to another thread. The milter waits only for the moment in which the
//! writing thread takes the batch and leaves an empty one; a disk that does not answer delays no mail.
//! When the batch is full, the recipient is not recorded, and is counted as lost.

mod attempts;
mod batch;
mod counts;
mod gathering;
mod retention;
mod writer;

pub use attempts::Envelope;
pub use counts::LedgerCounts;

use crate::model::key::KeyRef;
use attempts::Attempt;
use config::LedgerSettings;
use gathering::Gathering;
use policy::{Case, Decision, DomainName, Verdict};
use std::{
    hash::RandomState,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::Duration,
};
use writer::Writer;

/// How long the thread rests after a fault inside.
const AFTER_A_FAULT: Duration = Duration::from_secs(1);
/// How long the program waits for the last batch when it ends.
const LAST_BATCH: Duration = Duration::from_secs(5);

/// The milter's end of the ledger.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    gathering: Option<Arc<Gathering>>,
    counts: Arc<LedgerCounts>,
    /// For the hashes of attempts.
    key: RandomState,
}

/// What ends the ledger in order.
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
        let counts = Arc::<LedgerCounts>::default();
        let gathering = Arc::<Gathering>::default();
        let mut writer = Writer::new(settings, Arc::clone(&counts));
        let gathered = Arc::clone(&gathering);
        thread::Builder::new().name("ledger".into()).spawn(move || {
            // A panic in here must not end the ledger; the panic itself is logged.
            while catch_unwind(AssertUnwindSafe(|| writer.run(&gathered))).is_err() {
                thread::sleep(AFTER_A_FAULT);
                writer.recover();
            }
            // Closes the file before the program ends.
            drop(writer);
            let _ = finished.send(());
        })?;
        let recorder = Recorder { gathering: Arc::clone(&gathering), done };
        Ok((Self { gathering: Some(gathering), counts, key: RandomState::new() }, recorder))
    }

    /// Takes note of a case and its verdict. Never waits for the file. `client_name` is the client's
    /// name, where the MTA vouches for it; by `envelope` a message is known again when it is tried again.
    pub fn judged(
        &self,
        case: &Case<'_>,
        verdict: &Verdict<'_>,
        client_name: Option<&DomainName>,
        envelope: &Envelope<'_>,
    ) {
        if let Some(gathering) = &self.gathering
            && let Some(seen) = KeyRef::new(case, verdict, client_name)
        {
            // What was let through has arrived: the next one is another message.
            let refused =
                (seen.verdict == Decision::Refuse).then(|| Attempt::new(&self.key, case, envelope));
            let has_room = gathering.add(&seen, case.now.as_second(), refused);
            let counts = &self.counts;
            let count = if has_room { &counts.added } else { &counts.lost };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What it counts of itself.
    #[must_use]
    pub fn counts(&self) -> Arc<LedgerCounts> {
        Arc::clone(&self.counts)
    }
}

impl Recorder {
    /// Waits until what was recorded so far is written, but not for ever: a disk may not answer.
    pub fn finish(self) {
        self.gathering.end();
        if self.done.recv_timeout(LAST_BATCH) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the ledger's last batch could not be written in time and is lost");
        }
    }
}
