//! A program's file beside the operator's own: who wins, what the milter tells of it, and whether that is true.

use crate::last_good::{refuses, run, text};
use crate::support::{Milter, PATIENCE};
use config::policy_file::{Candidate, WrittenEntry, WrittenFile, load_candidate};
use config::status::{FileInForce, FileStanding, ProblemStatus, Seen, Status};
use policy::Mode;
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

const SETTINGS: &str = "state_dir: state\nstatus_file: run/status.json\n";
const POLICY: (&str, &str) = (
    "policy.yaml",
    "include: [program/*.yaml, d/*.yaml]\ndomains: [{ domain: own.example, mode: off }]\n",
);

/// The program: two domains of which one is the operator's.
struct Program<'m>(&'m Milter);

impl Program<'_> {
    fn path(&self) -> PathBuf {
        self.0.path("program/portal.yaml")
    }

    fn candidate(&self, version: u64, mode: Mode) -> Candidate {
        let entry = |domain: &str| WrittenEntry {
            domain: domain.into(),
            mode: Some(mode),
            ..WrittenEntry::default()
        };
        let entries = vec![entry("customer.example"), entry("Own.Example.")];
        WrittenFile { written_by: "portal".into(), version, entries }
            .candidate(&self.path())
            .unwrap()
    }

    fn write(&self, version: u64, mode: Mode) {
        self.candidate(version, mode).write(0o644).unwrap();
    }
}

/// What the milter says of itself once it says this.
fn told<T>(milter: &Milter, wanted: impl Fn(&Status) -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        let seen = Seen::look(&milter.path("run/status.json"), SystemTime::now()).unwrap();
        if let Seen::Alive(status) = &seen
            && let Some(told) = wanted(status)
        {
            return told;
        }
        assert!(begun.elapsed() < PATIENCE, "{seen:?}");
        std::thread::yield_now();
    }
}

fn in_force(milter: &Milter, version: u64) -> FileInForce {
    let path = Program(milter).path();
    told(milter, |status| match status.policy.standing(&path, version) {
        FileStanding::InForce(file) => Some(file.clone()),
        FileStanding::Refused(_) | FileStanding::NotRead => None,
    })
}

fn refused(milter: &Milter, version: u64) -> ProblemStatus {
    let path = Program(milter).path();
    told(milter, |status| match status.policy.standing(&path, version) {
        FileStanding::Refused(problem) => Some(problem.clone()),
        FileStanding::InForce(_) | FileStanding::NotRead => None,
    })
}

#[test]
fn a_program_is_told_truthfully_which_version_of_its_file_is_in_force() {
    let files = [POLICY, ("program/readme", ""), ("d/list.yaml", "- listed.example\n")];
    let milter = Milter::start_in(tempfile::tempdir().unwrap(), &files, SETTINGS);
    let program = Program(&milter);
    let before = load_candidate(&milter.path("policy.yaml"), &program.candidate(1, Mode::Enforce));
    assert_eq!(before.gave_way[0].pattern.to_string(), "own.example");
    program.write(1, Mode::Enforce);
    let first = in_force(&milter, 1);
    assert_eq!((first.head.entries, first.head.gave_way), (2, 1));
    assert_eq!(first.head.written_by.as_deref(), Some("portal"));
    assert!(refuses(&milter, "customer.example") && !refuses(&milter, "own.example"));
    milter.wait_for_line("own.example is left out: this file gives way");
    // The operator has meant it, as far as anybody can tell.
    let doctor = text(&run(&milter, &["doctor"]));
    assert!(
        doctor.contains("note     policy") && doctor.contains("[entries-gave-way]"),
        "{doctor}"
    );

    // A change elsewhere is none of this file.
    fs::write(milter.path("d/list.yaml"), "- other.example\n").unwrap();
    milter.wait_for_line("policy reloaded: 1 added (other.example)");
    assert_eq!(in_force(&milter, 1), first);

    program.write(2, Mode::Off);
    let line =
        milter.wait_for_line("policy reloaded: 1 mode changed (customer.example: enforce -> off)");
    assert!(line.contains("program/portal.yaml: version 1 -> 2"), "{line}");
    let second = in_force(&milter, 2);
    assert!(second.since > first.since);
    assert!(!refuses(&milter, "customer.example"));

    // The operator breaks his own file: the program's next version is not in force, and that is said.
    fs::write(milter.path("d/list.yaml"), "- { domain: x.example, mode: of }\n").unwrap();
    milter.wait_for_line("policy not reloaded, the one in force stays");
    assert_eq!(in_force(&milter, 2), second);
    program.write(3, Mode::Enforce);
    let problem = refused(&milter, 3);
    assert!(problem.first.contains("d/list.yaml:1:"), "{}", problem.first);
    assert_eq!(problem.files[0].version, Some(3));
    assert!(!refuses(&milter, "customer.example"));
    let doctor = text(&run(&milter, &["doctor"]));
    assert!(doctor.contains("version 2, written by portal, in force for"), "{doctor}");

    // Also after a start under the last good policy, and when all is mended.
    let mut milter = milter.restart();
    let again = in_force(&milter, 2);
    assert!(again.since <= told(&milter, |status| Some(status.started)));
    assert_eq!(refused(&milter, 3).files[0].version, Some(3));
    fs::write(milter.path("d/list.yaml"), "[]\n").unwrap();
    in_force(&milter, 3);
    assert!(refuses(&milter, "customer.example"));
    milter = milter.restart();
    let line = milter.wait_for_line("policy loaded from");
    assert!(line.contains("program/portal.yaml: version 3"), "{line}");
    // And when the file is gone.
    fs::remove_file(Program(&milter).path()).unwrap();
    milter.wait_for_line("policy reloaded: 1 removed (customer.example)");
    told(&milter, |status| status.policy.files.is_empty().then_some(()));
}

#[test]
fn a_milter_that_judges_gives_signs_of_life_and_one_that_was_stopped_leaves_none() {
    let mut milter = Milter::start("domains: []\n", SETTINGS);
    let path = milter.path("run/status.json");
    let started = SystemTime::now();
    told(&milter, |_| Some(()));
    let begun = Instant::now();
    // No mail comes.
    while fs::metadata(&path).unwrap().modified().unwrap() < started + Duration::from_secs(3) {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    milter.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(milter.process.wait().unwrap().success());
    assert_eq!(Seen::look(&path, SystemTime::now()).unwrap(), Seen::NotRunning);
}
