//! A log as a syslog daemon and logrotate make it, and whoever follows it and is killed: each line is counted
//! once.

use super::feed::{Fed, Feed, Heed, Log, Standing};
use jiff::{Timestamp, tz::TimeZone};
use proptest::prelude::*;
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// The first line's time.
const START: i64 = 1_700_000_000;
/// Seconds from line to line.
const STEP: i64 = 97;

/// A log, and the daemon that writes it.
struct Writer {
    directory: TempDir,
    /// What the daemon has open.
    open: File,
    /// Lines that were written.
    lines: u64,
    /// The rest of a line that it is in the middle of.
    rest: Option<String>,
    now: i64,
}

impl Writer {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let open = append(&directory.path().join("mail.log"));
        Self { directory, open, lines: 0, rest: None, now: START }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("mail.log")
    }

    fn numbered(&self, number: u64) -> PathBuf {
        self.directory.path().join(format!("mail.log.{number}"))
    }

    fn line(&mut self) -> String {
        let at = Timestamp::from_second(self.now).unwrap();
        self.now += STEP;
        self.lines += 1;
        format!("{at} mx postfix/smtp[9]: line {}\n", self.lines - 1)
    }

    fn write(&mut self, count: u64) {
        let mut text = self.rest.take().unwrap_or_default();
        (0..count).for_each(|_| text += &self.line());
        self.open.write_all(text.as_bytes()).unwrap();
    }

    /// Writes a part of a line.
    fn begin(&mut self, length: usize) {
        self.write(0);
        let line = self.line();
        let (begun, rest) = line.split_at(length.min(line.len()));
        self.open.write_all(begun.as_bytes()).unwrap();
        self.rest = Some(rest.to_owned()).filter(|rest| !rest.is_empty());
    }

    /// The rotated files become older by one.
    fn shift(&self) {
        let mut last = 1;
        while self.numbered(last).exists() || packed(&self.numbered(last)).exists() {
            last += 1;
        }
        for number in (1..last).rev() {
            for (from, to) in [
                (self.numbered(number), self.numbered(number + 1)),
                (packed(&self.numbered(number)), packed(&self.numbered(number + 1))),
            ] {
                if from.exists() {
                    fs::rename(from, to).unwrap();
                }
            }
        }
    }

    /// Rotation by renaming; the daemon writes on for so many lines before it opens the new file.
    fn rotate(&mut self, late: u64, creates: bool) {
        self.shift();
        if self.path().exists() {
            fs::rename(self.path(), self.numbered(1)).unwrap();
        }
        if creates {
            drop(append(&self.path()));
        }
        self.write(late);
        self.open = append(&self.path());
    }

    fn copy_and_truncate(&mut self) {
        self.write(0);
        self.shift();
        fs::copy(self.path(), self.numbered(1)).unwrap();
        OpenOptions::new().write(true).truncate(true).open(self.path()).unwrap();
    }

    /// The same content in another file.
    fn replace(&mut self) {
        let new = self.directory.path().join("new");
        let written = fs::metadata(self.path()).unwrap().modified().unwrap();
        fs::copy(self.path(), &new).unwrap();
        File::options().write(true).open(&new).unwrap().set_modified(written).unwrap();
        fs::rename(new, self.path()).unwrap();
        self.open = append(&self.path());
    }

    fn pack(&self, number: u64) {
        let file = self.numbered(number);
        if file.exists() {
            let with = ["gzip", "bzip2", "xz"][usize::try_from(number).unwrap() % 3];
            assert!(Command::new(with).arg(&file).status().unwrap().success());
            let ending = [".gz", ".bz2", ".xz"][usize::try_from(number).unwrap() % 3];
            let made = self.directory.path().join(format!("mail.log.{number}{ending}"));
            // Under one ending, so that `shift` finds it: what it is says its beginning.
            fs::rename(made, packed(&file)).unwrap();
        }
    }
}

fn append(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

fn packed(path: &Path) -> PathBuf {
    path.with_file_name(format!("{}.gz", path.file_name().unwrap().to_str().unwrap()))
}

/// Whoever follows it, and what it has kept.
struct Follower {
    path: PathBuf,
    feed: Feed,
    counted: Vec<u64>,
    /// What is known beside it: as the reader's memory, it is not kept.
    known: Vec<u64>,
    kept: (Vec<u64>, Option<Standing>),
}

impl Follower {
    fn start(path: &Path) -> Self {
        let feed = feed(path, None);
        let mut follower = Self {
            path: path.to_owned(),
            feed,
            counted: Vec::new(),
            known: Vec::new(),
            kept: (Vec::new(), None),
        };
        follower.commit();
        follower
    }

    fn read(&mut self) -> Fed {
        let Self { feed, counted, known, .. } = self;
        let now = Timestamp::from_second(START + 1_000_000).unwrap();
        feed.read(now, &mut |line, _, heed| {
            let number = line.rsplit(' ').next().unwrap().parse().unwrap();
            known.push(number);
            if heed == Heed::Count {
                counted.push(number);
            }
        })
        .unwrap()
    }

    fn read_all(&mut self) {
        // The end of one file is not that of the last one.
        while self.read() != Fed::All {}
    }

    fn commit(&mut self) {
        if let Some(standing) = self.feed.standing() {
            let text = serde_json::to_string(&standing).unwrap();
            self.kept = (self.counted.clone(), Some(serde_json::from_str(&text).unwrap()));
        }
    }

    fn killed(&mut self) {
        self.counted.clone_from(&self.kept.0);
        self.known.clear();
        self.feed = feed(&self.path, self.kept.1.clone());
    }
}

fn feed(path: &Path, standing: Option<Standing>) -> Feed {
    let now = Timestamp::from_second(START).unwrap();
    let mut feed = Feed::start(Log::File(path.to_owned()), TimeZone::UTC, standing, now).unwrap();
    feed.hurry();
    feed
}

#[derive(Clone, Debug)]
enum Step {
    Write(u64),
    Begin(usize),
    Rotate { late: u64, creates: bool },
    CopyAndTruncate,
    Replace,
    Pack(u64),
    Read,
    Commit,
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..40u64).prop_map(Step::Write),
        1 => (100..400u64).prop_map(Step::Write),
        2 => (0..60usize).prop_map(Step::Begin),
        2 => (0..4u64, any::<bool>()).prop_map(|(late, creates)| Step::Rotate { late, creates }),
        1 => Just(Step::CopyAndTruncate),
        1 => Just(Step::Replace),
        1 => (2..4u64).prop_map(Step::Pack),
        8 => Just(Step::Read),
        4 => Just(Step::Commit),
        3 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..60)
}

fn follow(steps: &[Step]) {
    let mut writer = Writer::new();
    let mut follower = Follower::start(&writer.path());
    for step in steps {
        match step {
            Step::Write(count) => writer.write(*count),
            Step::Begin(length) => writer.begin(*length),
            Step::Rotate { late, creates } => writer.rotate(*late, *creates),
            Step::CopyAndTruncate => writer.copy_and_truncate(),
            Step::Replace => writer.replace(),
            Step::Pack(number) => writer.pack(*number),
            Step::Read => {
                let _ = follower.read();
            }
            Step::Commit => follower.commit(),
            Step::Kill => follower.killed(),
        }
    }
    writer.write(1);
    follower.read_all();
    let all: Vec<u64> = (0..writer.lines).collect();
    assert_eq!(follower.counted, all);
    // What it knows is as if it had never been killed, as far back as lines count for anything.
    let back = usize::try_from(5 * 60 * 60 / STEP).unwrap().min(all.len());
    assert!(follower.known.ends_with(&all[all.len() - back..]), "{:?}", follower.known);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(300), max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_line_is_counted_once_through_rotation_and_kills(steps in steps()) {
        follow(&steps);
    }
}
