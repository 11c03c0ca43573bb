//! When to read the policy again.
//!
//! File events say that something may have happened; a look at the [`Sources`] says whether
//! anything did. So it does not matter how a file is changed (written in place, renamed
//! over, by a symbolic link that is swapped), nor that directories are watched in which other
//! files change, too. A file that is being written in place is not read before it is closed.

use crate::policy_file::Sources;
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Nothing more happens for so long: the change is complete.
const SETTLE: Duration = Duration::from_millis(100);
/// A file that was opened for writing and written to is waited for so long, from the last write.
const OPEN: Duration = Duration::from_secs(10);
/// Changes that do not come to rest are not waited for any longer.
const LONGEST: Duration = Duration::from_secs(30);
/// How often the disk is looked at besides: for network file systems, which send no events.
const LOOK: Duration = Duration::from_secs(30);
/// The same where no events can be had at all.
const LOOK_WITHOUT_EVENTS: Duration = Duration::from_secs(2);
/// More links in a row than this are a circle.
const MAX_LINKS: usize = 40;

/// Tells when the disk may have changed.
pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    events: mpsc::UnboundedReceiver<notify::Result<Event>>,
    watched: BTreeSet<PathBuf>,
    /// The policy's files, and the directories in which any file may be one.
    relevant: BTreeSet<PathBuf>,
    /// Files that are being written, and when they were last written to.
    open: BTreeMap<PathBuf, Instant>,
}

impl Watch {
    /// Begins to watch; nothing is watched yet. Where the system gives no events (its limit on
    /// watches is reached, say), the disk is looked at every few seconds instead.
    pub fn new() -> Self {
        let (send, events) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event| {
            // Nobody listens any more only when the milter ends.
            let _ = send.send(event);
        });
        Self {
            watcher: watcher.inspect_err(no_events).ok(),
            events,
            watched: BTreeSet::new(),
            relevant: BTreeSet::new(),
            open: BTreeMap::new(),
        }
    }

    /// Watches all directories in which something can happen to these files.
    ///
    /// Directories are watched, not files: a file that is renamed over is another one. Each is
    /// taken up anew, because one of the same name may be another one, too.
    pub fn follow(&mut self, sources: &Sources) {
        let mut wanted: BTreeSet<PathBuf> = BTreeSet::new();
        for path in sources.files().chain(sources.directories()) {
            along(path, 0, &mut wanted);
        }
        wanted.extend(sources.directories().map(existing));
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        self.relevant = sources.files().chain(sources.directories()).map(real).collect();
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for old in &self.watched {
            // It may be gone, and its watch with it.
            let _ = watcher.unwatch(old);
        }
        let failed = wanted
            .iter()
            .find_map(|directory| watcher.watch(directory, RecursiveMode::NonRecursive).err());
        self.watched = wanted;
        if let Some(error) = failed {
            no_events(&error);
            self.watcher = None;
        }
    }

    /// Waits until the disk may have changed.
    pub async fn changed(&mut self) {
        let look = if self.watcher.is_some() { LOOK } else { LOOK_WITHOUT_EVENTS };
        // Without an event in that time the disk is looked at all the same.
        if let Ok(Some(event)) = tokio::time::timeout(look, self.events.recv()).await {
            self.note(event);
        }
        while let Ok(event) = self.events.try_recv() {
            self.note(event);
        }
    }

    /// Waits until nothing happens to the policy's files any more, and none of them is being
    /// written.
    pub async fn settled(&mut self) {
        let begun = Instant::now();
        let mut last = begun;
        loop {
            let open = self.open.values().map(|written| *written + OPEN).max();
            let rest = (last + SETTLE).max(open.unwrap_or(last)).min(begun + LONGEST);
            match tokio::time::timeout_at(rest.into(), self.events.recv()).await {
                Ok(Some(event)) => {
                    if self.note(event) {
                        last = Instant::now();
                    }
                }
                _ => break,
            }
        }
        self.open.clear();
    }

    /// Takes note of an event; says whether it is about the policy's files.
    fn note(&mut self, event: notify::Result<Event>) -> bool {
        let Ok(event) = event else { return false };
        let mut relevant = false;
        for path in event.paths {
            let inside = path.parent().is_some_and(|parent| self.relevant.contains(parent));
            if !inside && !self.relevant.contains(&path) {
                continue;
            }
            relevant |=
                !matches!(event.kind, EventKind::Access(AccessKind::Open(_) | AccessKind::Read));
            match event.kind {
                EventKind::Modify(ModifyKind::Data(_)) => {
                    self.open.insert(path, Instant::now());
                }
                EventKind::Access(AccessKind::Close(AccessMode::Write))
                | EventKind::Remove(_)
                | EventKind::Modify(ModifyKind::Name(_)) => {
                    self.open.remove(&path);
                }
                _ => {}
            }
        }
        relevant
    }
}

fn no_events(error: &notify::Error) {
    tracing::warn!(%error, "the system gives no file events; the policy's files are looked at every 2 seconds");
}

/// Every directory in which a change can make `path` lead to another file: its own, and that of
/// each symbolic link on the way.
fn along(path: &Path, links: usize, directories: &mut BTreeSet<PathBuf>) {
    if links > MAX_LINKS {
        return;
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    for part in path.ancestors() {
        let Some(parent) = part.parent() else {
            continue;
        };
        if part == path {
            directories.insert(existing(parent));
        }
        if let Ok(target) = fs::read_link(part) {
            directories.insert(existing(parent));
            let rest = path.strip_prefix(part).unwrap_or(Path::new(""));
            along(&parent.join(target).join(rest), links + 1, directories);
        }
    }
}

/// The directory, or the nearest one above it that exists.
fn existing(directory: &Path) -> PathBuf {
    let found = directory.ancestors().find(|above| above.is_dir());
    found.unwrap_or(Path::new("/")).to_path_buf()
}
