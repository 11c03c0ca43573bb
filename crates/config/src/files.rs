//! Files that are read whole without any wait, and files that are replaced whole.

use nix::{fcntl::OFlag, unistd::geteuid};
use std::{
    ffi::OsString,
    fs,
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
    time::Duration,
};

/// A larger file is refused: a million domains take some 30 MiB.
pub const MAX_FILE: u64 = 256 * 1024 * 1024;

/// For `custom_flags`: neither follows a link in the place of the file, nor waits for the other end of a FIFO.
pub const WITHOUT_LINK: i32 = OFlag::O_NOFOLLOW.union(OFlag::O_NONBLOCK).bits();

/// Reads a regular file of at most [`MAX_FILE`] octets. A FIFO would block and a device might never
/// end.
///
/// # Errors
///
/// Those of the system; [`ErrorKind::InvalidInput`] for what is no regular file and
/// [`ErrorKind::FileTooLarge`].
pub fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    check(&fs::metadata(path)?)?;
    // By now it may be another one: to open a FIFO must not block, either.
    let without_waiting = OFlag::O_NONBLOCK.bits();
    let file = fs::OpenOptions::new().read(true).custom_flags(without_waiting).open(path)?;
    let size = check(&file.metadata()?)?;
    let mut octets = Vec::with_capacity(usize::try_from(size + 1).unwrap_or(0));
    // It may grow while it is read.
    file.take(MAX_FILE + 1).read_to_end(&mut octets)?;
    check_size(octets.len() as u64)?;
    Ok(octets)
}

/// The size of a file that can be read whole.
fn check(metadata: &fs::Metadata) -> io::Result<u64> {
    if !metadata.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    check_size(metadata.len())
}

/// Refuses more octets than a file may have.
///
/// # Errors
///
/// [`ErrorKind::FileTooLarge`].
pub fn check_size(octets: u64) -> io::Result<u64> {
    if octets > MAX_FILE {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "the file is larger than 256 MiB"));
    }
    Ok(octets)
}

/// Puts a file with these octets and this mode at `path`, or leaves what was there: nobody ever
/// finds half of it, also not after a power failure. It goes to whom the file of before belonged,
/// where the system allows that.
///
/// The draft lies beside it under a hidden name, which no `include` of a policy matches.
///
/// # Errors
///
/// Those of the system, without the path.
pub fn replace(path: &Path, octets: &[u8], mode: u32) -> io::Result<()> {
    replace_and(path, octets, mode, fs::File::sync_all)
}

/// Replaces a file; `settle` has the system bring a file or a directory to the disk.
fn replace_and(
    path: &Path,
    octets: &[u8],
    mode: u32,
    settle: impl Fn(&fs::File) -> io::Result<()>,
) -> io::Result<()> {
    let mut draft = Draft::beside(path)?;
    draft.write_all(octets)?;
    draft.settle_and(mode, &settle)?;
    draft.put_and(settle)
}

/// A file that is written piece by piece, and then takes the place of another in one step: as
/// [`replace`] does with one that is there as a whole. It goes where that never happens.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    file: tempfile::NamedTempFile,
}

impl Draft {
    /// An empty one for the file at `path`.
    ///
    /// # Errors
    ///
    /// Those of the system, without the path.
    pub fn beside(path: &Path) -> io::Result<Self> {
        let prefix = draft_prefix(path).ok_or(ErrorKind::InvalidFilename)?;
        let mut builder = tempfile::Builder::new();
        let file = builder.prefix(&prefix).suffix(DRAFT_SUFFIX).tempfile_in(directory(path))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// The place that it is for.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where it lies meanwhile.
    #[must_use]
    pub fn place(&self) -> &Path {
        self.file.path()
    }

    /// Brings it to the disk with this mode, so that [`Self::put`] takes no time.
    ///
    /// # Errors
    ///
    /// Those of the system, without the path.
    pub fn settle(&self, mode: u32) -> io::Result<()> {
        self.settle_and(mode, &fs::File::sync_all)
    }

    fn settle_and(
        &self,
        mode: u32,
        settle: &impl Fn(&fs::File) -> io::Result<()>,
    ) -> io::Result<()> {
        let file = self.file.as_file();
        // Before the mode, because a new owner may take bits away.
        if let Ok(before) = fs::metadata(&self.path) {
            let owner = fchown(file, Some(before.uid()), Some(before.gid()));
            owner.or_else(|error| match error.kind() {
                ErrorKind::PermissionDenied => Ok(()),
                _ => Err(error),
            })?;
        }
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        settle(file)
    }

    /// Puts it in its place: whoever reads meanwhile finds the one of before or this one.
    ///
    /// # Errors
    ///
    /// Those of the system, without the path.
    pub fn put(self) -> io::Result<()> {
        self.put_and(fs::File::sync_all)
    }

    fn put_and(self, settle: impl Fn(&fs::File) -> io::Result<()>) -> io::Result<()> {
        self.file.persist(&self.path)?;
        settle(&fs::File::open(directory(&self.path))?)
    }
}

impl Write for Draft {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.file.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Whether a file is a draft of another: nothing that anybody reads, until it is put in its place.
pub(crate) fn is_draft(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(DRAFT_SUFFIX.as_bytes())
}

/// The place of a file that lies in a directory of another user, for whoever opens it by its path: without links
/// in it, and with a regular file there, or none. A link there is followed only if it is this user's own, or root's:
/// the other one could lead root anywhere. To open a FIFO would block.
///
/// # Errors
///
/// Those of the system; [`ErrorKind::InvalidInput`] for what is no regular file, and for such a link.
pub fn place_of_regular(path: &Path) -> io::Result<PathBuf> {
    let refused = |why| Err(io::Error::new(ErrorKind::InvalidInput, why));
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        found => Some(found?),
    };
    if let Some(link) = found.as_ref().filter(|found| found.is_symlink()) {
        if !is_trusted(link.uid(), geteuid().as_raw()) {
            return refused("it is a link of another user");
        }
        let place = fs::canonicalize(path)?;
        return if place.metadata()?.is_file() { Ok(place) } else { refused("not a regular file") };
    }
    match path.file_name() {
        Some(name) if found.is_none_or(|found| found.is_file()) => {
            Ok(fs::canonicalize(directory(path))?.join(name))
        }
        _ => refused("not a regular file"),
    }
}

/// Whether a user follows a link of this owner.
fn is_trusted(owner: u32, user: u32) -> bool {
    owner == 0 || owner == user
}

/// Whether two paths lead to the same place, where there need not be a file yet. A link there is not followed.
#[must_use]
pub fn is_same_place(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| fs::canonicalize(directory(path)).ok();
    one == other
        || one.file_name() == other.file_name()
            && place(one).is_some_and(|here| Some(here) == place(other))
}

/// Removes what [`replace`] left beside `path` where the program was killed meanwhile: drafts that
/// nobody has written to for ten minutes, since another process may be at one.
///
/// # Errors
///
/// When the directory cannot be read, or a draft not be removed.
pub fn remove_old_drafts(path: &Path) -> io::Result<()> {
    let Some(prefix) = draft_prefix(path) else { return Ok(()) };
    for entry in fs::read_dir(directory(path))? {
        let entry = entry?;
        let name = entry.file_name();
        let is_draft = name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes())
            && name.as_encoded_bytes().ends_with(DRAFT_SUFFIX.as_bytes());
        let metadata = entry.metadata()?;
        let age = metadata.modified()?.elapsed().unwrap_or_default();
        if is_draft && metadata.is_file() && age > OLD_DRAFT {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// How the name of a draft ends.
const DRAFT_SUFFIX: &str = ".new";
/// Nobody writes to a draft for so long.
const OLD_DRAFT: Duration = Duration::from_secs(600);

/// How the names of drafts for `path` begin; none where it names no file.
fn draft_prefix(path: &Path) -> Option<OsString> {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name()?);
    Some(prefix)
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<OsString> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_link_is_followed_to_a_regular_file_if_it_is_the_users_own_or_roots() {
        for (owner, user, is_followed) in
            [(0, 0, true), (0, 990, true), (990, 990, true), (990, 0, false), (990, 991, false)]
        {
            assert_eq!(is_trusted(owner, user), is_followed, "{owner} {user}");
        }
        let directory = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(directory.path()).unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "x").unwrap();
        for (link, to) in [("to-file", "file"), ("to-directory", "."), ("to-nothing", "none")] {
            std::os::unix::fs::symlink(to, at(link)).unwrap();
        }
        for name in ["file", "to-file"] {
            assert_eq!(place_of_regular(&at(name)).unwrap(), real.join("file"), "{name}");
        }
        assert_eq!(place_of_regular(&at("none")).unwrap(), real.join("none"));
        for (name, kind) in [
            ("to-directory", ErrorKind::InvalidInput),
            ("to-nothing", ErrorKind::NotFound),
            (".", ErrorKind::InvalidInput),
        ] {
            assert_eq!(place_of_regular(&at(name)).unwrap_err().kind(), kind, "{name}");
        }
        assert_eq!(
            place_of_regular(Path::new("/dev/null")).unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("status.json");
        for (octets, mode) in [(&b"one"[..], 0o644), (b"", 0o600), (b"three", 0o640)] {
            let reader = fs::File::open(&path);
            let before = fs::read(&path).unwrap_or_default();
            replace(&path, octets, mode).unwrap();
            assert_eq!(fs::read(&path).unwrap(), octets);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
            // Who has the file of before open still reads that one.
            if let Ok(mut reader) = reader {
                let mut text = Vec::new();
                reader.read_to_end(&mut text).unwrap();
                assert_eq!(text, before);
            }
            assert_eq!(names(directory.path()), ["status.json"]);
        }
    }

    #[test]
    fn a_file_is_on_the_disk_before_it_takes_the_place_of_another_and_then_its_name_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kept");
        fs::write(&path, "before").unwrap();
        // What is brought to the disk, and what a reader would find at that moment.
        let settled = std::cell::RefCell::new(Vec::new());
        replace_and(&path, b"after", 0o600, |file| {
            let metadata = file.metadata()?;
            let size = metadata.is_file().then_some(metadata.len());
            settled.borrow_mut().push((size, fs::read_to_string(&path)?));
            file.sync_all()
        })
        .unwrap();
        let expected = [(Some(5), "before".to_owned()), (None, "after".to_owned())];
        assert_eq!(settled.into_inner(), expected);
        // One that does not get there changes nothing.
        let failed = replace_and(&path, b"third", 0o600, |_| Err(ErrorKind::StorageFull.into()));
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
        assert_eq!(names(directory.path()), ["kept"]);
    }

    #[test]
    fn a_file_that_is_replaced_stays_with_whom_it_belonged_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kept");
        fs::write(&path, "before").unwrap();
        let own = fs::metadata(&path).unwrap();
        // Only root can give a file to others.
        let given = std::os::unix::fs::chown(&path, Some(1), Some(2)).is_ok();
        let (owner, group) = if given { (1, 2) } else { (own.uid(), own.gid()) };
        replace(&path, b"after", 0o640).unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!((after.uid(), after.gid(), after.mode() & 0o777), (owner, group, 0o640));
    }

    #[test]
    fn what_a_killed_program_left_goes_once_it_is_old_and_nothing_else_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kept");
        let write = |name: &str, age: Duration| {
            let file = fs::File::create(directory.path().join(name)).unwrap();
            file.set_modified(std::time::SystemTime::now() - age).unwrap();
        };
        let old = OLD_DRAFT * 2;
        for (name, age) in [
            (".keptAbC.new", old),
            (".keptXyZ.new", Duration::ZERO),
            (".other.new", old),
            ("kept", old),
        ] {
            write(name, age);
        }
        remove_old_drafts(&path).unwrap();
        let mut left = names(directory.path());
        left.sort();
        assert_eq!(left, [".keptXyZ.new", ".other.new", "kept"]);
    }

    #[test]
    fn what_cannot_be_replaced_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("taken");
        fs::create_dir(&path).unwrap();
        replace(&path, b"x", 0o644).unwrap_err();
        assert!(path.is_dir());
        assert_eq!(names(directory.path()), ["taken"]);
        replace(&directory.path().join("missing/file"), b"x", 0o644).unwrap_err();
        assert_eq!(
            replace(Path::new("/"), b"x", 0o644).unwrap_err().kind(),
            ErrorKind::InvalidFilename
        );
    }

    #[test]
    fn a_file_is_read_and_nothing_else_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "text").unwrap();
        assert_eq!(read_limited(&path).unwrap(), b"text");
        assert_eq!(read_limited(directory.path()).unwrap_err().kind(), ErrorKind::InvalidInput);
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(read_limited(&fifo).unwrap_err().kind(), ErrorKind::InvalidInput);
        fs::File::create(&path).unwrap().set_len(MAX_FILE + 1).unwrap();
        assert_eq!(read_limited(&path).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}
