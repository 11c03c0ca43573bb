//! The policy file: YAML to [`Policy`].
//!
//! A policy is read whole, with all files that it includes, or not at all: what is wrong is
//! collected from every file and returned as [`Problems`], each with its place.

mod entries;
mod include;
mod requirements;
mod schema;
mod sources;
mod terms;
mod values;

use crate::policy::Policy;
use crate::yaml::{self, Decoder, Problems};
use std::{
    fs,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

/// A larger file is refused: a million domains take some 30 MiB.
const MAX_FILE: u64 = 256 * 1024 * 1024;

pub use sources::Sources;

/// What came of reading a policy.
#[derive(Debug)]
pub struct Loaded {
    /// The policy, or all that is wrong with it, with places.
    pub policy: Result<Policy, Problems>,
    /// What may not be meant, in a valid policy.
    pub warnings: Problems,
    /// What was read, also where something is wrong.
    pub sources: Sources,
}

/// How often a policy is read that changes while it is read.
const TRIES: usize = 20;

/// Reads a policy and the files that it includes, as they all were at one time.
#[must_use]
pub fn load(path: &Path) -> Loaded {
    let mut loaded = load_once(path);
    for _ in 1..TRIES {
        if loaded.sources == loaded.sources.look_again() {
            return loaded;
        }
        loaded = load_once(path);
    }
    let mut problems = Problems::new();
    problems.enter(path, Arc::default());
    problems.add_file(
        "the files of the policy change while they are read",
        "write each file under another name, and rename it when it is complete",
    );
    Loaded { policy: Err(problems), ..loaded }
}

fn load_once(path: &Path) -> Loaded {
    let mut problems = Problems::new();
    let mut sources = Sources::default();
    match schema::read(path, &mut problems, &mut sources) {
        Some(policy) if problems.is_empty() => {
            Loaded { policy: Ok(policy), warnings: problems, sources }
        }
        _ => Loaded { policy: Err(problems), warnings: Problems::new(), sources },
    }
}

/// The first moment of a day that is given as `2027-01-01` (in UTC), or the moment that is given as
/// `2027-01-01T08:00:00+01:00`: dates are written alike wherever people write them.
#[must_use]
pub fn moment(text: &str) -> Option<jiff::Timestamp> {
    values::parse_moment(text, Some)
}

/// Reads a file and hands its tree to `decode`. What is wrong goes to `problems`.
///
/// Also for the settings, which are written in the same YAML.
pub(crate) fn read_file<T>(
    path: &Path,
    problems: &mut Problems,
    decode: impl FnOnce(&mut Decoder<'_>, Option<yaml::Node<'_>>) -> Option<T>,
) -> Option<T> {
    problems.enter(path, Arc::default());
    let bytes = match read_limited(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            problems.add_file(format!("cannot be read: {error}"), remedy(&error));
            return None;
        }
    };
    let text = match String::from_utf8(bytes) {
        Ok(text) => Arc::new(without_mark(text)),
        Err(error) => {
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let (marked, text) = (text.len(), without_mark(text));
            let marked = marked - text.len();
            problems.enter(path, Arc::new(text));
            let spot = problems.spot_at(error.utf8_error().valid_up_to() - marked);
            problems.add(
                spot,
                "this is not UTF-8",
                "save the file as UTF-8, or write the domain in its A-label form (xn--...)",
            );
            return None;
        }
    };
    problems.enter(path, Arc::clone(&text));
    let tree = yaml::parse(&text, problems);
    let decoded = if problems.is_broken() && tree.root().is_none() {
        None
    } else {
        decode(&mut Decoder::new(problems), tree.root())
    };
    problems.leave();
    decoded
}

/// A text without the byte order mark that some editors put first.
fn without_mark(text: String) -> String {
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}

/// Reads a regular file. A FIFO would block and a device might never end.
fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes =
        Vec::with_capacity(usize::try_from(metadata.len().min(MAX_FILE) + 1).unwrap_or(0));
    fs::File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than 256 MiB"));
    }
    Ok(bytes)
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "check the path; a relative one starts at the file that names it"
        }
        io::ErrorKind::PermissionDenied => "let the user that the milter runs as read it",
        _ => "",
    }
}
