//! The batch under way, between those who add to it and the thread that writes it.

use super::attempts::{Attempt, Attempts};
use super::batch::{Batch, MOST_ROWS};
use crate::model::key::KeyRef;
use crate::model::tally::Tally;
use std::{
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How often what was added up is written.
const HAND_OVER: Duration = Duration::from_secs(1);
/// How much later it is written for each row of the batch: to write a row costs more than to add to it
/// in memory, and on a busy gateway the same rows come again and again. With a million mails a day it
/// is still written about each second.
const PER_ROW: Duration = Duration::from_millis(1);
/// How late it is written at most: this much is lost in a crash.
const HAND_OVER_AT_LAST: Duration = Duration::from_secs(15);
/// What is added up, between the milter and the thread that writes.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    state: Mutex<State>,
    /// Signalled at the first recipient of a batch, when the batch is half full, and at the end.
    news: Condvar,
}

#[derive(Debug, Default)]
struct State {
    batch: Batch,
    attempts: Attempts,
    is_over: bool,
}

impl Gathering {
    fn state(&self) -> MutexGuard<'_, State> {
        // Also after a panic of a thread that held it: the numbers are whole at each moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a recipient; of one that was refused, the attempt is remembered. Returns whether there was
    /// room.
    pub fn add(&self, seen: &KeyRef<'_>, at: i64, refused: Option<Attempt>) -> bool {
        let mut state = self.state();
        let was = (state.batch.is_empty(), is_half_full(&state.batch));
        let repeats = refused.is_some_and(|attempt| state.attempts.repeats(attempt, at));
        let tally = if repeats { Tally::again(at) } else { Tally::once(at) };
        let has_room = state.batch.add(seen, tally);
        let is = (state.batch.is_empty(), is_half_full(&state.batch));
        drop(state);
        if is != was {
            self.news.notify_one();
        }
        has_room
    }

    /// Says that nothing more comes.
    pub fn end(&self) {
        self.state().is_over = true;
        self.news.notify_one();
    }

    /// Waits until there is a batch to write, but not longer than `at_most`; then takes what there is,
    /// which may be nothing, and says whether it is the last. `since` is when the batch before was taken.
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
        // About as many rows will come again; room for them is made while nobody waits for the lock.
        let empty = Batch::with_room(rows);
        (mem::replace(&mut self.state().batch, empty), is_over)
    }
}

/// Whether a batch has to be written soon, because it will have no room for more.
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
    use crate::fixtures::key;
    use crate::model::key::Key;
    use std::sync::mpsc::sync_channel;
    use std::thread;

    #[test]
    fn a_batch_that_is_half_full_is_not_waited_for() {
        let half = u32::try_from(MOST_ROWS / 2).unwrap();
        // More than once: the last row may come before the thread waits.
        for _ in 0..6 {
            let gathering = &Gathering::default();
            let add = |numbers: std::ops::Range<u32>| {
                for number in numbers {
                    let client = Some(std::net::Ipv4Addr::from(number).into());
                    gathering.add(&Key { client, ..key("192.0.2.1") }.borrowed(), 7, None);
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
                    let (batch, is_last) = gathering.next(since, HAND_OVER_AT_LAST);
                    total += count(batch);
                    if is_last {
                        break total;
                    }
                }
            });
            let adders: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        (0..EACH).all(|_| gathering.add(&key("192.0.2.1").borrowed(), 7, None))
                    })
                })
                .collect();
            assert!(adders.into_iter().all(|adder| adder.join().unwrap()));
            gathering.end();
            taker.join().unwrap()
        });
        assert_eq!(total, THREADS * EACH);
    }
}
