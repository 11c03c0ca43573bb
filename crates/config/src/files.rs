//! Files that are read whole without any wait, and files that are replaced whole.

use nix::fcntl::OFlag;
use std::{
    fs,
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::Path,
};

/// A larger file is refused: a million domains take some 30 MiB.
pub const MAX_FILE: u64 = 256 * 1024 * 1024;

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
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or(ErrorKind::InvalidFilename)?;
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    let mut draft =
        tempfile::Builder::new().prefix(&prefix).suffix(".new").tempfile_in(directory)?;
    draft.write_all(octets)?;
    let file = draft.as_file();
    // Before the mode, because a new owner may take bits away.
    if let Ok(before) = fs::metadata(path) {
        let owner = fchown(file, Some(before.uid()), Some(before.gid()));
        owner.or_else(|error| match error.kind() {
            ErrorKind::PermissionDenied => Ok(()),
            _ => Err(error),
        })?;
    }
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()?;
    draft.persist(path)?;
    fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<std::ffi::OsString> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect()
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
