//! When to read the policy again.
//!
//! File events say that something may have happened; a look at the [`Sources`] says whether
//! anything did. So it does not matter how a file is changed (written in place, renamed over, by
//! a symbolic link that is swapped), nor that directories are watched in which other files
//! change, too. A file that is being written in place is not read before it is closed: a list of
//! domains that was cut short is as valid as the whole.

use config::policy_file::Sources;
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// A change is complete when nothing more has happened for this long.
const SETTLE: Duration = Duration::from_millis(100);
/// The same where the system gives no events, and only the disk can tell.
const SETTLE_WITHOUT_EVENTS: Duration = Duration::from_secs(1);
/// How often the log says that a file is still being written.
const SAY_OPEN: Duration = Duration::from_secs(60);
/// The first time it does so.
const SAY_OPEN_FIRST: Duration = Duration::from_secs(10);
/// The least time between two looks at the disk, however much happens.
const PAUSE: Duration = Duration::from_millis(20);
/// How often the disk is looked at without an event: network file systems send none.
const LOOK: Duration = Duration::from_secs(30);
/// The same where the system gives no events at all.
const LOOK_WITHOUT_EVENTS: Duration = Duration::from_secs(2);
/// More links in a row than this are a circle.
const MAX_LINKS: usize = 40;

/// Tells when the disk may have changed.
#[derive(Debug)]
pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    events: mpsc::UnboundedReceiver<notify::Result<Event>>,
    watched: BTreeSet<PathBuf>,
    /// Some directory could not be watched.
    blind: bool,
    /// The policy's files, and the directories in which any file may be one; real paths.
    relevant: BTreeSet<PathBuf>,
    /// Files that have been written to and not been closed since.
    open: BTreeSet<PathBuf>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// Nothing that changes anything, such as our own reading.
    Nothing,
    /// A directory that matters, but none of the policy's files.
    Surroundings,
    /// The policy's files.
    Policy,
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
        let watcher = watcher.inspect_err(no_events).ok();
        Self {
            blind: watcher.is_none(),
            watcher,
            events,
            watched: BTreeSet::new(),
            relevant: BTreeSet::new(),
            open: BTreeSet::new(),
        }
    }

    /// Watches all directories in which something can happen to these files.
    ///
    /// Directories are watched, not files: a file that is renamed over is another one. Each is
    /// taken up anew, because one of the same name may be another one, too. They are watched by
    /// their real paths: those are what events then tell.
    pub fn follow(&mut self, sources: &Sources) {
        let mut wanted: BTreeSet<PathBuf> = BTreeSet::new();
        for path in sources.files().chain(sources.directories()) {
            along(path, 0, &mut wanted);
        }
        wanted.extend(sources.directories().map(existing));
        let wanted: BTreeSet<PathBuf> = wanted.iter().map(|directory| real(directory)).collect();
        self.relevant = sources.files().chain(sources.directories()).map(real).collect();
        self.open.retain(|path| is_relevant(&self.relevant, path));
        let Some(watcher) = &mut self.watcher else { return };
        for old in self.watched.difference(&wanted) {
            // It may be gone, and its watch with it.
            let _ = watcher.unwatch(old);
        }
        let failed = wanted.iter().find_map(|directory| {
            let result = watcher.watch(directory, RecursiveMode::NonRecursive);
            // One that went away just now is found gone at the next look.
            result.err().filter(|_| directory.is_dir())
        });
        self.watched = wanted;
        if let Some(error) = &failed
            && !self.blind
        {
            no_events(error);
        }
        self.blind = failed.is_some();
    }

    /// Waits until the disk may have changed, or until this time.
    pub async fn changed(&mut self, at_last: Option<Instant>) {
        let look = Instant::now() + if self.blind { LOOK_WITHOUT_EVENTS } else { LOOK };
        let until = at_last.map_or(look, |at_last| look.min(at_last)).into();
        // Without an event in that time the disk is looked at all the same.
        loop {
            match tokio::time::timeout_at(until, self.events.recv()).await {
                Ok(Some(event)) => {
                    if self.note(event) != About::Nothing {
                        break;
                    }
                }
                Err(_) => break,
                // The system gives no events at all.
                Ok(None) => {
                    tokio::time::sleep_until(until).await;
                    break;
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
        while let Ok(event) = self.events.try_recv() {
            self.note(event);
        }
    }

    /// Waits until nothing happens to the policy's files any more, and none of them is being
    /// written.
    pub async fn settled(&mut self, sources: &Sources) {
        let mut last = Instant::now();
        let mut say = last + SAY_OPEN_FIRST;
        loop {
            let rest = if self.open.is_empty() { last + SETTLE } else { say };
            match tokio::time::timeout_at(rest.into(), self.events.recv()).await {
                Ok(Some(event)) => {
                    if self.note(event) == About::Policy {
                        last = Instant::now();
                    }
                }
                _ if self.open.is_empty() => break,
                _ => {
                    self.say_open();
                    say = Instant::now() + SAY_OPEN;
                }
            }
        }
        if self.blind {
            let mut before = sources.look_again();
            loop {
                tokio::time::sleep(SETTLE_WITHOUT_EVENTS).await;
                let now = sources.look_again();
                if now == before {
                    return;
                }
                before = now;
            }
        }
    }

    fn say_open(&self) {
        for path in &self.open {
            tracing::warn!(
                "{} has been written to and is still open; the policy is read when it is closed, or on SIGHUP",
                path.display()
            );
        }
    }

    fn note(&mut self, event: notify::Result<Event>) -> About {
        let Ok(event) = event else { return About::Surroundings };
        if event.need_rescan() {
            // Events were lost, perhaps those that tell of a file being closed.
            self.open.clear();
            return About::Policy;
        }
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        if matches!(event.kind, EventKind::Access(_)) && event.kind != closed {
            return About::Nothing;
        }
        let mut about = About::Surroundings;
        for path in event.paths {
            if !is_relevant(&self.relevant, &path) {
                continue;
            }
            about = About::Policy;
            match event.kind {
                EventKind::Modify(ModifyKind::Data(_)) => {
                    self.open.insert(path);
                }
                EventKind::Access(_)
                | EventKind::Remove(_)
                | EventKind::Modify(ModifyKind::Name(_)) => {
                    self.open.remove(&path);
                }
                _ => {}
            }
        }
        about
    }
}

fn is_relevant(relevant: &BTreeSet<PathBuf>, path: &Path) -> bool {
    relevant.contains(path) || path.parent().is_some_and(|parent| relevant.contains(parent))
}

fn no_events(error: &notify::Error) {
    tracing::warn!(
        %error,
        "the system gives no file events; the policy's files are looked at every 2 seconds"
    );
}

/// The path without symbolic links; of a file that is not there, that of its directory.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| {
        let parent = path.parent().and_then(|parent| fs::canonicalize(parent).ok());
        match (parent, path.file_name()) {
            (Some(parent), Some(name)) => parent.join(name),
            _ => path.to_path_buf(),
        }
    })
}

/// Every directory in which a change can make `path` lead to another file: its own, and that of
/// each symbolic link on the way.
fn along(path: &Path, links: usize, directories: &mut BTreeSet<PathBuf>) {
    if links > MAX_LINKS {
        return;
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    for part in path.ancestors() {
        let Some(parent) = part.parent() else { continue };
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
