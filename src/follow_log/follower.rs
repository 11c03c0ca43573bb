//! Whoever follows the log: reads on, has it judged, and writes what it told with how far it was read.

use super::feed::{Fed, Feed, Heed, Log, Standing};
use super::policy_in_force::PolicyInForce;
use super::stop::Stop;
use crate::systemd::{self, Watchdog};
use crate::wording::counted;
use config::settings::LedgerSettings;
use jiff::{Timestamp, tz::TimeZone};
use ledger::postfix_log::Unread;
use ledger::{
    Clients, Day, Followed, FromLog, Intake, Store, StoreError, Wanted, day_of, followed_beside,
};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use policy::OnUnknownTls;
use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long it rests where there is no more to read, or something is wrong.
const REST: Duration = Duration::from_secs(1);
/// How often it writes what the log told.
const WRITE: Duration = Duration::from_secs(2);
/// How often it writes that it still follows, where the log has nothing new.
const SIGN: Duration = Duration::from_secs(30);
/// Lines after which it writes in any case: what it holds is bounded.
const MANY: u64 = 50_000;
/// How often the log says that something is still wrong.
const REMIND: Duration = Duration::from_secs(600);

/// What it needs to know.
#[derive(Debug)]
pub struct Orders {
    /// Which log.
    pub log: Log,
    /// The zone of times that do not say theirs.
    pub zone: TimeZone,
    /// The policy's main file.
    pub policy: PathBuf,
    /// What to do with mail of which the MTA does not tell whether it came over TLS.
    pub on_unknown_tls: OnUnknownTls,
    /// The milter's ledger, beside which it writes its own.
    pub ledger: LedgerSettings,
}

/// Whoever follows the log.
pub struct Follower {
    orders: Orders,
    path: PathBuf,
    policy: PolicyInForce,
    store: Store,
    feed: Feed,
    clients: Clients,
    intake: Intake,
    followed: Followed,
    /// What the log told and is not written yet.
    told: FromLog,
    /// Lines since it last wrote.
    lines: u64,
    wrote: Instant,
    /// Whether reading again what was counted before is over.
    is_again: bool,
    /// Whether the log's time begins anew, behind a gap.
    is_gap: bool,
    pruned: Option<Day>,
    trouble: Option<(String, Instant)>,
    /// Whether what it last wanted to write could not be written: that it can read mends nothing.
    is_unwritten: bool,
    /// Whether others are to learn at once how it is.
    is_news: bool,
    /// Why a line could not be read, where the log says so already.
    unread: bool,
    /// Held as long as it follows; none where the file system has no locks.
    _alone: Option<Flock<File>>,
}

/// Why it cannot follow the log at all.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The log cannot be looked at.
    #[error("{0} cannot be followed: {1}")]
    Log(String, io::Error),
    /// The file beside the ledger cannot be written.
    #[error("{}", cannot_write(.0, .1))]
    Store(PathBuf, StoreError),
    /// Two that follow would count each line twice.
    #[error(
        "another follow-log writes to {}, and two would count each line twice\n  = help: stop the other one (systemctl stop mandatory-tls-follow-log; fuser(1) on that directory names it)",
        .0.display()
    )]
    Another(PathBuf),
    /// No thread, no signals.
    #[error("{0}")]
    System(#[from] io::Error),
}

impl Follower {
    /// Goes on where it stood.
    ///
    /// # Errors
    ///
    /// Where it cannot follow the log at all.
    pub fn start(orders: Orders) -> Result<Self, FollowError> {
        let path = followed_beside(&orders.ledger.path);
        let failed = |error| FollowError::Store(path.clone(), error);
        if let Some(directory) = path.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o750).create(directory);
            made.map_err(|error| failed(StoreError::File(error)))?;
        }
        let alone = alone(&path)?;
        let mut store = Store::open(&path, orders.ledger.room).map_err(failed)?;
        let clients = Clients::new(orders.ledger.clients, &orders.ledger.key())
            .map_err(|error| failed(StoreError::Key(error)))?;
        let followed = store.followed().map_err(failed)?;
        let now = Timestamp::now();
        let standing = followed.as_ref().and_then(|followed| {
            let read = serde_json::from_value::<Standing>(followed.standing.clone());
            read.inspect_err(|error| tracing::warn!("where it stood is not known: {error}")).ok()
        });
        let is_new = standing.is_none();
        let feed = Feed::start(orders.log.clone(), orders.zone.clone(), standing, now)
            .map_err(|error| FollowError::Log(orders.log.to_string(), error))?;
        let mut followed = followed.unwrap_or_default();
        followed.log = orders.log.to_string();
        if let (true, Some(standing)) = (is_new, feed.standing()) {
            followed.begins(now.as_second());
            (followed.at, followed.last) = (now.as_second(), now.as_second());
            let standing = serde_json::to_value(standing).map_err(io::Error::from)?;
            followed.standing = standing;
            // At once: a kill before the first line must not let the next start begin later.
            store.follow(&FromLog::default(), &followed).map_err(failed)?;
            tracing::info!(
                "{} is followed from now on; import adds what was logged before",
                orders.log
            );
        } else {
            tracing::info!("{} is followed from where it was left", orders.log);
        }
        let intake = new_intake(&orders, clients.clone());
        let policy = PolicyInForce::at(&orders.policy);
        Ok(Self {
            orders,
            path,
            policy,
            store,
            is_again: feed.standing().is_none(),
            feed,
            clients,
            intake,
            followed,
            told: FromLog::default(),
            lines: 0,
            wrote: Instant::now(),
            is_gap: false,
            pruned: None,
            trouble: None,
            is_unwritten: false,
            is_news: false,
            unread: false,
            _alone: alone,
        })
    }

    /// Follows the log until SIGTERM or SIGINT.
    ///
    /// # Errors
    ///
    /// When the system gives no signals.
    pub fn run(mut self) -> Result<(), FollowError> {
        let mut stop = Stop::on_signals()?;
        let mut watchdog = Watchdog::from_environment();
        let mut turns = 0;
        let mut told = String::new();
        systemd::ready("");
        loop {
            let is_more = self.turn();
            turns += 1;
            watchdog.alive(turns);
            let line = self.line();
            if line != told {
                systemd::status(&line);
                told = line;
            }
            let rest = if is_more { Duration::ZERO } else { REST };
            if stop.is_asked_within(rest) {
                // What it cannot write now, it reads again the next time.
                self.write_if(true);
                tracing::info!("stopped; the log is followed from here at the next start");
                return Ok(());
            }
        }
    }

    /// Reads a little, and writes if that is due. Returns whether there is more to read at once.
    fn turn(&mut self) -> bool {
        self.policy.look();
        let mut is_more = false;
        // Without a policy nothing can be judged; what cannot be written is not to become more.
        if self.policy.policy().is_some() && self.lines < 2 * MANY {
            match self.read() {
                Ok(more) => is_more = more,
                Err(error) => self.is_in_trouble(&error),
            }
        }
        let is_due = std::mem::take(&mut self.is_news)
            || self.lines >= MANY
            || self.lines > 0 && self.wrote.elapsed() >= WRITE
            || self.wrote.elapsed() >= SIGN;
        self.write_if(is_due);
        is_more
    }

    fn read(&mut self) -> Result<bool, String> {
        let Self { feed, intake, followed, policy, store, unread, lines, is_again, .. } = self;
        let (Some(policy), log) = (policy.policy(), self.orders.log.to_string()) else {
            return Ok(false);
        };
        let mut failed = None;
        let fed = feed.read(Timestamp::now(), &mut |text, clock, heed| {
            if heed == Heed::Count {
                *lines += 1;
                if std::mem::take(is_again) {
                    // What it told up to here is counted.
                    failed = intake.judge(policy, store, |_, _| {}).err();
                    drop(intake.take());
                }
                followed.counts.lines += 1;
            }
            let before = intake.tallied().of_mta();
            let taken = intake.line(text, clock, 0);
            if heed == Heed::Know {
                return;
            }
            followed.counts.of_mta += intake.tallied().of_mta() - before;
            if let Err(why) = taken {
                followed.counts.unread += 1;
                if !std::mem::replace(unread, true) {
                    say_unread(&log, why, text);
                }
            }
        });
        let fed = fed.map_err(|error| format!("{log} cannot be read: {error}"))?;
        if let Some(error) = failed {
            return Err(cannot_write(&self.path, &error));
        }
        match fed {
            Fed::More => {}
            Fed::All => {
                self.recovers();
                return Ok(false);
            }
            Fed::Gap => {
                self.followed.counts.gaps += 1;
                self.is_gap = true;
                tracing::warn!(
                    "the place in {log} is gone: it was cut, or rotated and removed before it was read; what was logged since {} may be missing",
                    time(self.feed.last())
                );
            }
            Fed::Anew => {
                tracing::warn!("{log} is not as it was: sessions under way are not known");
                self.intake = new_intake(&self.orders, self.clients.clone());
                self.is_again = false;
            }
        }
        self.recovers();
        Ok(true)
    }

    fn write_if(&mut self, is_due: bool) {
        let (Some(standing), true) = (self.feed.standing(), is_due) else { return };
        match self.write(&standing) {
            Ok(()) => {
                self.lines = 0;
                self.wrote = Instant::now();
                self.is_unwritten = false;
            }
            Err(error) => {
                self.is_unwritten = true;
                let why = cannot_write(&self.path, &error);
                self.is_in_trouble(&why);
                self.reopen(&error);
            }
        }
    }

    /// Writes what the log told, and how far it was read.
    fn write(&mut self, standing: &Standing) -> Result<(), StoreError> {
        let Some(policy) = self.policy.policy() else { return Ok(()) };
        let now = Timestamp::now().as_second();
        if self.feed.is_at_the_end() {
            self.intake.past(now);
        }
        self.intake.judge(policy, &self.store, |_, _| {})?;
        self.told.add(self.intake.take());
        if std::mem::take(&mut self.is_gap) {
            self.followed.begins(standing.last());
        }
        self.followed.reached(standing.last());
        self.followed.at = now;
        self.followed.behind = self.feed.behind();
        self.followed.standing = serde_json::to_value(standing).map_err(io::Error::from)?;
        self.store.follow(&self.told, &self.followed)?;
        self.told = FromLog::default();
        self.prune(now)
    }

    /// Deletes what is too old, once a day.
    fn prune(&mut self, now: i64) -> Result<(), StoreError> {
        let today = day_of(now);
        if self.pruned != Some(today) {
            let days = Day::try_from(self.orders.ledger.retention_days).unwrap_or(Day::MAX);
            self.store.prune(days, now)?;
            self.intake.set_oldest(now - i64::from(days) * ledger::DAY);
            // A start reads some hours again.
            self.store.forget_prints(day_of(self.feed.last()).min(today) - 2)?;
            self.pruned = Some(today);
        }
        Ok(())
    }

    /// A file that is damaged, or was moved away, is begun anew.
    fn reopen(&mut self, error: &StoreError) {
        if error.is_corrupt() {
            match self.store.set_aside(Timestamp::now()) {
                Ok(place) => tracing::error!(
                    "{} is damaged; it now lies at {}, and a new one is begun",
                    self.path.display(),
                    place.display()
                ),
                Err(error) => tracing::error!("{}: {error}", self.path.display()),
            }
        }
        if (error.is_corrupt() || !self.store.is_in_place())
            && let Ok(store) = Store::open(&self.path, self.orders.ledger.room)
        {
            self.store = store;
        }
    }

    /// Says what is wrong, once, and again after a while.
    fn is_in_trouble(&mut self, why: &str) {
        let is_said =
            self.trouble.as_ref().is_some_and(|(said, at)| said == why && at.elapsed() < REMIND);
        if !is_said {
            tracing::error!("{why}");
            self.is_news = true;
            self.trouble = Some((why.to_owned(), Instant::now()));
        }
        self.followed.problem = Some(why.to_owned());
    }

    fn recovers(&mut self) {
        if self.is_unwritten {
            return;
        }
        self.followed.problem = self.policy.problem().map(str::to_owned);
        if self.trouble.take().is_some() {
            self.is_news = true;
            tracing::info!("{} is followed again", self.orders.log);
        }
    }

    /// How it stands, for systemd.
    fn line(&self) -> String {
        let log = &self.orders.log;
        if let Some(problem) = self.followed.problem.as_deref().or(self.policy.problem()) {
            return format!("PROBLEM: {problem}");
        }
        if self.is_again {
            return format!("Reads the last hours of {log} again, to know what is under way");
        }
        let lines = counted(self.followed.counts.lines, "line");
        format!("Follows {log}: {lines} so far, the last of {}", time(self.feed.last()))
    }
}

fn new_intake(orders: &Orders, clients: Clients) -> Intake {
    let kept = i64::from(orders.ledger.retention_days) * ledger::DAY;
    let oldest = Timestamp::now().as_second() - kept;
    Intake::new(clients, orders.on_unknown_tls, Wanted::NotMail, oldest)
}

fn say_unread(log: &str, why: Unread, text: &str) {
    let shown: String = text.chars().take(120).flat_map(char::escape_default).collect();
    tracing::warn!(
        "{log} has lines of an MTA that cannot be read, and count for nothing; the first ({why:?}): {shown}"
    );
}

/// Locks the directory of this file, which has nothing else, for as long as what comes back is held. Not the file
/// itself: SQLite has its locks on that.
fn alone(path: &Path) -> Result<Option<Flock<File>>, FollowError> {
    let directory = File::open(path.parent().unwrap_or(Path::new("/")))
        .map_err(|error| FollowError::Store(path.to_owned(), StoreError::File(error)))?;
    match Flock::lock(directory, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Err(FollowError::Another(path.to_owned())),
        // Some file systems of the network lock no directory.
        Err(_) => Ok(None),
    }
}

fn cannot_write(path: &Path, error: &StoreError) -> String {
    let remedy = match error.remedy() {
        "" => String::new(),
        // The remedies of the ledger speak of the milter's user and directory.
        _ if error.is_refused() => format!(
            " (the directory must be there and belong to the user of follow-log: install -d -o USER -m 750 {}; if the service has run here, it is mandatory-tls-log)",
            path.parent().unwrap_or(path).display()
        ),
        remedy => format!(" ({remedy})"),
    };
    format!("{} cannot be written: {error}{remedy}", path.display())
}

fn time(second: i64) -> String {
    Timestamp::from_second(second).map_or_else(|_| second.to_string(), |time| time.to_string())
}
