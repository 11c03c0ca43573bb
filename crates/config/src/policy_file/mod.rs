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

use crate::yaml::{self, Decoder, Problems};
use nix::{errno::Errno, fcntl::OFlag};
use policy::Policy;
use std::{
    fs,
    io::{self, ErrorKind, Read},
    os::unix::fs::OpenOptionsExt,
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
            if !shows_in_a_stamp(error.kind()) {
                problems.set_refused();
            }
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
    check(&fs::metadata(path)?)?;
    // By now it may be another one: to open a FIFO must not block, either.
    let without_waiting = OFlag::O_NONBLOCK.bits();
    let file = fs::OpenOptions::new().read(true).custom_flags(without_waiting).open(path)?;
    let size = check(&file.metadata()?)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size + 1).unwrap_or(0));
    // It may grow while it is read.
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE { Err(too_large()) } else { Ok(bytes) }
}

/// The size of a file that can be read whole.
fn check(metadata: &fs::Metadata) -> io::Result<u64> {
    if !metadata.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    if metadata.len() > MAX_FILE { Err(too_large()) } else { Ok(metadata.len()) }
}

fn too_large() -> io::Error {
    io::Error::new(ErrorKind::FileTooLarge, "the file is larger than 256 MiB")
}

/// Whether a file that could not be read for this reason looks otherwise once it can be. Where it
/// does not (the system was out of file descriptors, say), it has to be tried again.
fn shows_in_a_stamp(kind: ErrorKind) -> bool {
    use ErrorKind::{FileTooLarge, InvalidInput, NotADirectory, NotFound};
    matches!(kind, FileTooLarge | InvalidInput | NotADirectory | NotFound)
}

fn remedy(error: &io::Error) -> &'static str {
    let errno = error.raw_os_error().map(Errno::from_raw);
    match (error.kind(), errno) {
        (ErrorKind::NotFound, _) => {
            "check the path; a relative one starts at the file that names it"
        }
        (ErrorKind::PermissionDenied, _) => "let the user that the milter runs as read it",
        (ErrorKind::InvalidInput, _) => "put a file in its place",
        (ErrorKind::FileTooLarge, _) => {
            "a list of a million domains takes some 30 MiB: is it the right file?"
        }
        (_, Some(Errno::ELOOP)) => "let the symbolic link name the file: it leads back to itself",
        (_, Some(Errno::EMFILE | Errno::ENFILE)) => {
            "raise the limit on file descriptors (LimitNOFILE= in the service, ulimit -n)"
        }
        _ => "",
    }
}
