//! The policy file: YAML to [`Policy`].
//!
//! A policy is read whole, with all files that it includes, or not at all: what is wrong is
//! collected from every file and returned as [`Problems`], each with its place.

mod beside;
mod candidate;
mod deliver;
mod duplicates;
mod entries;
mod exceptions;
mod expectations;
mod gave_way;
mod head;
mod include;
mod included;
mod names;
mod requirements;
mod schema;
mod shared;
mod snapshot;
mod sources;
mod terms;
mod values;
mod written;

use crate::files::Draft;
use crate::yaml::Problems;
use candidate::View;
use expectations::Tests;
use included::Told;
use jiff::Timestamp;
use policy::Policy;
use std::{path::Path, sync::Arc};

pub use candidate::Candidate;
pub use expectations::{CaseError, Question, WrittenCase, WrittenDeliveryTest, WrittenTest, time};
pub use gave_way::{FilePlace, GaveWay, Winner};
pub use head::FileHead;
pub use names::{Remark, undoubted};
pub use snapshot::Snapshot;
pub use sources::Sources;
pub use written::{
    FileWriter, WriteError, WrittenCertificate, WrittenDeliver, WrittenEntry, WrittenException,
    WrittenFile, WrittenReply, to_yaml,
};

/// What came of reading a policy.
#[derive(Debug)]
pub struct Loaded {
    /// The policy, or all that is wrong with it, with places.
    pub policy: Result<Policy, Problems>,
    /// What looks like a mistake in a valid policy.
    pub warnings: Problems,
    /// What was read, also where something is wrong: the files on disk.
    pub sources: Sources,
    /// What those included files say of themselves that are mappings, in the order in which they were read;
    /// also where something is wrong, as far as it could be read.
    pub heads: Vec<FileHead>,
    /// The entries that are not in force, since their file gives way and another one names the same.
    pub gave_way: Vec<GaveWay>,
    /// How many tests the policy has.
    pub tests: usize,
}

impl Loaded {
    /// That there is no policy.
    #[must_use]
    pub fn failed(problems: Problems, sources: Sources) -> Self {
        let warnings = Problems::new();
        Self {
            policy: Err(problems),
            warnings,
            sources,
            heads: Vec::new(),
            gave_way: Vec::new(),
            tests: 0,
        }
    }
}

/// How often a policy is read before its files are said to change all the time.
const TRIES: usize = 20;

/// Reads a policy and the files that it includes, as they all were at one time.
#[must_use]
pub fn load(path: &Path) -> Loaded {
    load_through(path, &View::of_disk(), hold_now())
}

/// Reads a policy as [`load`] does, whether it says what its tests expect or not: to look into a policy of which one
/// is broken.
#[must_use]
pub fn load_untested(path: &Path) -> Loaded {
    load_through(path, &View::of_disk(), Tests::AreRead)
}

/// Reads a policy as [`load`] would once the candidate is in place: so that whoever is about to
/// write a file knows what comes of it first.
#[must_use]
pub fn load_candidate(path: &Path, candidate: &Candidate) -> Loaded {
    load_through(path, &View::with(candidate), hold_now())
}

/// The same with a file that was written piece by piece, and is in its place as soon as it is put there.
#[must_use]
pub fn load_draft(path: &Path, draft: &Draft) -> Loaded {
    load_through(path, &View::with_draft(draft), hold_now())
}

/// Reads a policy as [`load`] does, and gives what its files held beside it, so that it can be kept.
#[must_use]
pub fn load_to_keep(path: &Path) -> (Loaded, Snapshot) {
    let view = View::recording();
    let loaded = load_through(path, &view, hold_now());
    (loaded, view.take_recorded())
}

/// Reads a policy from what its files once held. Of the disk nothing is read; the sources say
/// nothing. Its tests held when it came into force, and are not asked again.
#[must_use]
pub fn load_snapshot(path: &Path, snapshot: &Snapshot) -> Loaded {
    let loaded = load_once(path, &View::of_snapshot(snapshot), Tests::AreRead);
    Loaded { sources: Sources::default(), ..loaded }
}

fn hold_now() -> Tests {
    Tests::HoldAt(Timestamp::now())
}

fn load_through(path: &Path, view: &View<'_>, tests: Tests) -> Loaded {
    let mut loaded = load_once(path, view, tests);
    for _ in 1..TRIES {
        if loaded.sources == loaded.sources.look_again() {
            return loaded;
        }
        loaded = load_once(path, view, tests);
    }
    let mut problems = Problems::new();
    problems.enter(path, Arc::default());
    problems.add_file(
        "the files of the policy change while they are read",
        "write each file under another name, and rename it when it is complete",
    );
    Loaded::failed(problems, loaded.sources)
}

fn load_once(path: &Path, view: &View<'_>, tests: Tests) -> Loaded {
    // Of a policy that changes while it is read, only what was read last counts.
    drop(view.take_recorded());
    let mut problems = Problems::new();
    let mut sources = Sources::default();
    let mut told = Told::default();
    let policy = schema::read(path, view, &mut problems, &mut sources, &mut told, tests);
    let (policy, warnings) = match policy {
        Some(policy) if problems.is_empty() => (Ok(policy), problems),
        _ => (Err(problems), Problems::new()),
    };
    let Told { heads, gave_way, tests } = told;
    Loaded { policy, warnings, sources, heads, gave_way, tests }
}

/// The first moment of a day that is given as `2027-01-01` (in UTC), or the moment that is given as
/// `2027-01-01T08:00:00+01:00`: dates are written alike wherever people write them.
#[must_use]
pub fn moment(text: &str) -> Option<Timestamp> {
    values::parse_moment(text, Some)
}
