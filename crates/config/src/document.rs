//! One file in YAML: octets to text to tree, and to what is decoded from it.

use crate::yaml::{self, Decoder, Problems, Tree, shown_path};
use nix::errno::Errno;
use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

/// A file that was parsed, to be decoded now or later.
pub(crate) struct Document {
    path: PathBuf,
    text: Arc<String>,
    tree: Tree,
    /// Some of it could not be parsed.
    is_broken: bool,
}

/// Hands the tree of a file to `decode`; `octets` is what came of reading the file. What is wrong
/// goes to `problems`.
pub(crate) fn read<T>(
    path: &Path,
    octets: io::Result<Vec<u8>>,
    problems: &mut Problems,
    decode: impl FnOnce(&mut Decoder<'_>, Option<yaml::Node<'_>>) -> Option<T>,
) -> Option<T> {
    parse(path, octets, problems)?.decode(problems, decode)
}

/// Parses a file; `octets` is what came of reading it. What is wrong goes to `problems`.
pub(crate) fn parse(
    path: &Path,
    octets: io::Result<Vec<u8>>,
    problems: &mut Problems,
) -> Option<Document> {
    problems.enter(path, Arc::default());
    let octets = match octets {
        Ok(octets) => octets,
        Err(error) => {
            problems.add_file(format!("cannot be read: {error}"), remedy(path, &error));
            if !shows_in_a_stamp(error.kind()) {
                problems.set_refused();
            }
            return None;
        }
    };
    let text = match String::from_utf8(octets) {
        Ok(text) => Arc::new(without_mark(text)),
        Err(error) => {
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let (marked, text) = (text.len(), without_mark(text));
            let marked = marked - text.len();
            problems.enter(path, Arc::new(text));
            let span = problems.span_at(error.utf8_error().valid_up_to() - marked);
            problems.add(
                span,
                "this is not UTF-8",
                "save the file as UTF-8, or write the domain in its A-label form (xn--...)",
            );
            return None;
        }
    };
    problems.enter(path, Arc::clone(&text));
    let tree = yaml::parse(&text, problems);
    let is_broken = problems.is_broken();
    problems.leave();
    Some(Document { path: path.to_path_buf(), text, tree, is_broken })
}

impl Document {
    /// The value of the document; none if there is nothing.
    pub(crate) fn root(&self) -> Option<yaml::Node<'_>> {
        self.tree.root()
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The text alone.
    pub(crate) fn into_text(self) -> Arc<String> {
        self.text
    }

    /// Hands the tree to `decode`.
    pub(crate) fn decode<T>(
        &self,
        problems: &mut Problems,
        decode: impl FnOnce(&mut Decoder<'_>, Option<yaml::Node<'_>>) -> Option<T>,
    ) -> Option<T> {
        problems.enter(&self.path, Arc::clone(&self.text));
        if self.is_broken {
            problems.set_broken();
        }
        let decoded = if self.is_broken && self.root().is_none() {
            None
        } else {
            decode(&mut Decoder::new(problems), self.root())
        };
        problems.leave();
        decoded
    }
}

/// A text without the byte order mark that some editors put first.
fn without_mark(text: String) -> String {
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
}

/// Whether a file that could not be read for this reason looks otherwise once it can be. Where it
/// does not (the system was out of file descriptors, say), it has to be tried again.
fn shows_in_a_stamp(kind: ErrorKind) -> bool {
    use ErrorKind::{FileTooLarge, InvalidInput, NotADirectory, NotFound};
    matches!(kind, FileTooLarge | InvalidInput | NotADirectory | NotFound)
}

fn remedy(path: &Path, error: &io::Error) -> String {
    let Ok(target) = fs::read_link(path) else { return remedy_of(error).to_owned() };
    let target = shown_path(&target);
    match error.kind() {
        ErrorKind::NotFound => format!(
            "check the path: it is a link to {target}, which is not there, or not for the service: a sandbox \
             hides /home, /root, /run/user and the /tmp of others from it"
        ),
        ErrorKind::PermissionDenied => format!(
            "it is a link to {target}: let the user that the milter runs as go through all directories on the \
             way there, and read it; or put the file itself in its place"
        ),
        _ => remedy_of(error).to_owned(),
    }
}

fn remedy_of(error: &io::Error) -> &'static str {
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
