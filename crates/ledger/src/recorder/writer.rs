//! The thread that writes: whatever happens to the file, the thread goes on, and the log says it.

use super::batch::{Batch, MOST_ROWS};
use super::counts::LedgerCounts;
use super::gathering::Gathering;
use super::retention::{Pruned, prune};
use crate::model::clients::Clients;
use crate::model::day::{Day, day_of, day_text};
use crate::model::row::{RowKey, Source};
use crate::model::tally::Tally;
use crate::sqlite::damaged::{remove_old, set_aside};
use crate::sqlite::error::StoreError;
use crate::sqlite::store::Store;
use config::LedgerSettings;
use hashbrown::{HashMap, hash_map::Entry};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// How often the thread tries again while the ledger cannot be written, and looks whether a new day
/// has begun.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// How often the log says that the ledger still cannot be written.
const REMIND: Duration = Duration::from_secs(600);
/// How many damaged files are kept: a disk that damages one after the other gets no more of them.
const SET_ASIDE_AT_MOST: u32 = 3;

/// Writes batches.
pub(super) struct Writer {
    settings: LedgerSettings,
    counts: Arc<LedgerCounts>,
    clients: Option<Clients>,
    store: Option<Store>,
    rows: HashMap<RowKey, Tally>,
    lost: BTreeMap<Day, u64>,
    trouble: Option<Trouble>,
    set_aside: u32,
    /// The day on which the ledger was last pruned.
    pruned: Option<Day>,
    /// Whether the log says already that the clock has leapt.
    doubted: bool,
}

/// Since when the ledger cannot be written, and what was said of it.
struct Trouble {
    since: Timestamp,
    said: Instant,
    lost_before: u64,
    tried: Instant,
}

impl Writer {
    pub fn new(settings: LedgerSettings, counts: Arc<LedgerCounts>) -> Self {
        Self {
            settings,
            counts,
            clients: None,
            store: None,
            rows: HashMap::new(),
            lost: BTreeMap::new(),
            trouble: None,
            set_aside: 0,
            pruned: None,
            doubted: false,
        }
    }

    /// Writes until nothing more comes.
    pub fn run(&mut self, gathering: &Gathering) {
        // Also before the first batch: an administrator learns at once whether there is a ledger.
        self.write();
        let mut is_last = false;
        let mut taken = Instant::now();
        while !is_last {
            let batch;
            (batch, is_last) = gathering.next(taken, TRY_AGAIN);
            taken = Instant::now();
            self.take(batch);
            if self.trouble.as_ref().is_none_or(|trouble| trouble.tried.elapsed() >= TRY_AGAIN) {
                self.write();
            }
        }
        self.write();
        let left: u64 = self.rows.values().map(|tally| tally.count).sum();
        if left > 0 {
            tracing::error!(recipients = left, "the ledger could not be written; this is lost");
        }
    }

    /// Gets ready to run again after a fault inside. What was in hand is dropped, since it may cause
    /// the same fault again.
    pub fn recover(&mut self) {
        let recipients: u64 = self.rows.values().map(|tally| tally.count).sum();
        self.counts.settled.fetch_add(recipients, Ordering::Relaxed);
        self.counts.lost.fetch_add(recipients, Ordering::Relaxed);
        self.counts.failing.store(true, Ordering::Relaxed);
        self.rows.clear();
        self.store = None;
        tracing::error!(recipients, "the ledger goes on after a fault; what was in hand is lost");
    }

    /// Takes a batch in, as rows. What has no room is counted as lost.
    fn take(&mut self, batch: Batch) {
        let Self { clients, counts, rows, lost, .. } = self;
        for (day, count) in batch.lost {
            *lost.entry(day).or_default() += count;
        }
        let mut lose = |day: Day, recipients: u64| {
            counts.settled.fetch_add(recipients, Ordering::Relaxed);
            counts.lost.fetch_add(recipients, Ordering::Relaxed);
            *lost.entry(day).or_default() += recipients;
        };
        for (key, tally) in batch.rows {
            let Some(clients) = clients.as_ref() else {
                // Without the key of the hash nothing of the clients may be kept.
                lose(key.day, tally.count);
                continue;
            };
            let full = rows.len() >= MOST_ROWS;
            match rows.entry(RowKey::new(&key, Source::Milter, clients)) {
                Entry::Occupied(mut row) => row.get_mut().add(tally),
                Entry::Vacant(row) if !full => drop(row.insert(tally)),
                Entry::Vacant(_) => lose(key.day, tally.count),
            }
        }
    }

    fn write(&mut self) {
        match self.try_to_write() {
            Ok(()) => self.succeeded(),
            Err(error) if error.is_corrupt() && self.set_aside < SET_ASIDE_AT_MOST => {
                self.store = None;
                self.set_aside += 1;
                match set_aside(&self.settings.path, Timestamp::now()) {
                    Ok(place) => {
                        tracing::error!(
                            "the ledger {} is damaged ({error}); it now lies at {}, and a new one is begun",
                            self.settings.path.display(),
                            place.display()
                        );
                        self.write();
                    }
                    Err(error) => self.failed(&StoreError::File(error)),
                }
            }
            Err(error) => {
                // Opened again the next time: the file may be mended or replaced.
                if !error.is_locked() {
                    self.store = None;
                }
                self.failed(&error);
            }
        }
    }

    fn try_to_write(&mut self) -> Result<(), StoreError> {
        if self.store.as_ref().is_some_and(|store| !store.is_in_place()) {
            tracing::warn!(
                "the ledger {} was moved away; it is opened again",
                self.settings.path.display()
            );
            self.store = None;
        }
        let store = match &mut self.store {
            Some(store) => store,
            none => {
                // Makes the directory of the key too.
                let opened = Store::open(&self.settings.path, self.settings.room);
                // Also where the file cannot be opened: with the key, rows can wait for it.
                let known = match self.clients {
                    Some(_) => Ok(()),
                    None => Clients::new(self.settings.clients, &self.settings.key())
                        .map(|clients| self.clients = Some(clients)),
                };
                let store = opened?;
                known.map_err(StoreError::Key)?;
                none.insert(store)
            }
        };
        if !self.rows.is_empty() || !self.lost.is_empty() {
            // In the order of the file: neighbours are on one page.
            let mut rows: Vec<_> = self.rows.iter().collect();
            rows.sort_unstable_by(|(one, _), (other, _)| one.place().cmp(&other.place()));
            store.write(rows.into_iter(), &self.lost)?;
            let written = self.rows.values().map(|tally| tally.count).sum();
            self.counts.settled.fetch_add(written, Ordering::Relaxed);
            self.counts.written.fetch_add(written, Ordering::Relaxed);
            self.rows.clear();
            self.lost.clear();
        }
        self.prune(Timestamp::now())
    }

    /// Deletes what is too old, once a day.
    fn prune(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let today = day_of(now.as_second());
        let Some(store) = self.store.as_mut().filter(|_| self.pruned != Some(today)) else {
            return Ok(());
        };
        let keep = Day::try_from(self.settings.retention_days).unwrap_or(Day::MAX);
        match prune(store, keep, now.as_second())? {
            Pruned::Done { rows, kept } => {
                self.pruned = Some(today);
                self.doubted = false;
                if rows > 0 {
                    tracing::info!(rows, "deleted from the ledger what is older than {keep} days");
                }
                self.remove_damaged(&kept);
            }
            Pruned::Doubted { before } => {
                self.pruned = None;
                // A new ledger has nothing to delete.
                if let Some(before) = before.filter(|_| !self.doubted) {
                    tracing::warn!(
                        "the clock shows {now}, and {} when the ledger was last pruned: nothing is \
                         deleted from it before the clock has stayed so for a day",
                        day_text(before)
                    );
                }
                self.doubted = true;
            }
        }
        Ok(())
    }

    /// Removes damaged ledgers that are too old. If one cannot be removed, the ledger is written all
    /// the same.
    fn remove_damaged(&self, kept: &RangeInclusive<Day>) {
        match remove_old(&self.settings.path, kept) {
            Ok(removed) => {
                for file in removed {
                    tracing::info!("removed {}: older than the ledger keeps days", file.display());
                }
            }
            Err(error) => tracing::warn!(
                %error,
                "cannot remove damaged ledgers that are too old beside {}",
                self.settings.path.display()
            ),
        }
    }

    fn succeeded(&mut self) {
        self.counts.failing.store(false, Ordering::Relaxed);
        if let Some(trouble) = self.trouble.take() {
            let lost = self.counts.lost().saturating_sub(trouble.lost_before);
            tracing::warn!(lost, "the ledger is written again; it was not since {}", trouble.since);
        }
    }

    fn failed(&mut self, error: &StoreError) {
        self.counts.failing.store(true, Ordering::Relaxed);
        let lost = self.counts.lost();
        let (since, lost_before) = match &mut self.trouble {
            None => (Timestamp::now(), lost),
            Some(trouble) if trouble.said.elapsed() < REMIND => {
                trouble.tried = Instant::now();
                return;
            }
            Some(trouble) => (trouble.since, trouble.lost_before),
        };
        let now = Instant::now();
        self.trouble = Some(Trouble { since, said: now, lost_before, tried: now });
        let remedy = match error.remedy() {
            "" => String::new(),
            remedy => format!(" ({remedy})"),
        };
        tracing::error!(
            lost = lost - lost_before,
            "the ledger {} cannot be written since {since}: {error}{remedy}; mail is judged as before",
            self.settings.path.display()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::key;
    use config::ClientDetail;
    use std::fs;

    fn batch() -> Batch {
        let mut batch = Batch::default();
        batch
            .rows
            .insert(key("192.0.2.1"), Tally { count: 3, repeats: Some(0), first: 1, last: 2 });
        batch
    }

    fn writer(path: &std::path::Path) -> Writer {
        let mut settings = LedgerSettings::in_directory(path);
        settings.clients = ClientDetail::Hashed;
        Writer::new(settings, Arc::default())
    }

    #[test]
    fn a_key_that_cannot_be_read_is_said_at_the_start_until_it_is_mended() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(directory.path());
        let key = writer.settings.key();
        fs::write(&key, "short").unwrap();
        writer.write();
        assert!(writer.counts.failing.load(Ordering::Relaxed));
        let tried = writer.trouble.as_ref().unwrap().tried;
        // Mail that goes on does not put the next attempt off.
        writer.take(batch());
        assert_eq!(writer.trouble.as_ref().unwrap().tried, tried);
        assert_eq!(writer.counts.lost(), 3);
        writer.write();
        assert!(writer.counts.failing.load(Ordering::Relaxed));
        fs::remove_file(&key).unwrap();
        writer.write();
        assert!(!writer.counts.failing.load(Ordering::Relaxed) && key.exists());
        writer.take(batch());
        writer.write();
        assert_eq!(writer.counts.lost(), 3);
        assert_eq!(writer.counts.written.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_damaged_ledger_is_removed_when_it_is_older_than_what_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(directory.path());
        let day = |number: i64| Timestamp::from_second(number * crate::model::day::DAY).unwrap();
        fs::write(&writer.settings.path, "no database").unwrap();
        let aside = set_aside(&writer.settings.path, day(20_000)).unwrap();
        writer.write();
        // The first day is waited for.
        for (today, there) in [(20_089, true), (20_090, true), (20_091, false)] {
            writer.prune(day(today)).unwrap();
            assert_eq!(aside.exists(), there, "{today}");
        }
    }

    #[test]
    fn rows_wait_for_a_file_that_cannot_be_opened_at_the_start() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(directory.path());
        fs::create_dir(&writer.settings.path).unwrap();
        writer.write();
        assert!(writer.counts.failing.load(Ordering::Relaxed));
        writer.take(batch());
        fs::remove_dir(&writer.settings.path).unwrap();
        writer.write();
        assert_eq!(writer.counts.lost(), 0);
        assert_eq!(writer.counts.written.load(Ordering::Relaxed), 3);
    }
}
