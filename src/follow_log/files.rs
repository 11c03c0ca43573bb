//! The files that a log lies in: the one that is written to, and those that rotation has made of it.

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// A file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogFile {
    pub path: PathBuf,
    /// How it stands to the others.
    pub age: Age,
    pub length: u64,
    /// Device and inode.
    pub identity: (u64, u64),
}

/// How old a file is: the oldest is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Age {
    /// The log itself is the youngest.
    is_live: bool,
    /// When it was last written to, in seconds and nanoseconds. Renaming leaves that as it is, and so do
    /// those who pack.
    written: (i64, i64),
    /// By its name, where two were written to at the same moment.
    name: i64,
}

/// Device and inode.
pub(super) fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// When a file was last written to.
pub(super) fn written(metadata: &Metadata) -> (i64, i64) {
    (metadata.mtime(), metadata.mtime_nsec())
}

impl Age {
    /// That of a file which has no name any more: the oldest of those that were written to when it was.
    pub fn of_nameless(metadata: &Metadata) -> Self {
        Self { is_live: false, written: written(metadata), name: i64::MIN }
    }

    /// When it was last written to, in seconds since 1970-01-01.
    pub fn written(self) -> i64 {
        self.written.0
    }
}

/// All files of the log at `path` that are not empty, the oldest first.
///
/// # Errors
///
/// When the directory cannot be read.
pub(super) fn files(path: &Path) -> io::Result<Vec<LogFile>> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let mut found = Vec::new();
    for entry in fs::read_dir(directory.unwrap_or(Path::new(".")))? {
        let entry = entry?.path();
        let is_live = entry.file_name() == path.file_name();
        let (Some(name), Some(log)) = (name(&entry), name(path)) else { continue };
        let Some(number) = (if is_live { Some(0) } else { rotated(name, log) }) else { continue };
        // One that is gone meanwhile was renamed or packed: it is there under another name.
        let Ok(metadata) = fs::metadata(&entry) else { continue };
        if metadata.is_file() && metadata.len() > 0 {
            let age = Age { is_live, written: written(&metadata), name: number };
            let (length, identity) = (metadata.len(), identity(&metadata));
            found.push(LogFile { path: entry, age, length, identity });
        }
    }
    let plain: Vec<_> = found.iter().map(|file| file.path.clone()).collect();
    // Beside the file that it is made of, a packed one may be in the making.
    found.retain(|file| !packed(&file.path).is_some_and(|of| plain.contains(&of)));
    found.sort_by_key(|file| file.age);
    Ok(found)
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

const PACKED: [&str; 5] = [".gz", ".bz2", ".xz", ".zst", ".zstd"];

/// What a packed file was made of.
fn packed(path: &Path) -> Option<PathBuf> {
    let plain = PACKED.iter().find_map(|ending| name(path)?.strip_suffix(ending))?;
    Some(path.with_file_name(plain))
}

/// The place among others that its name gives to a file which rotation has made of `log`: `mail.log.1`,
/// `mail.log.2.gz`, `mail.log-20261128`, `mail.log-20261128-1795860000.zst`, `mail.log.20261128-101500`
/// (`postfix logrotate`), `mail-20261128.log` (logrotate's `extension`).
fn rotated(name: &str, log: &str) -> Option<i64> {
    let plain = PACKED.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    let behind = |plain: &str, stem: &str, ending: &str| -> Option<i64> {
        let middle = plain.strip_prefix(stem)?.strip_suffix(ending)?.strip_prefix(['.', '-'])?;
        let is_number = middle.starts_with(|first: char| first.is_ascii_digit())
            && middle.bytes().all(|octet| octet.is_ascii_digit() || b"-_.:T".contains(&octet));
        if !is_number {
            return None;
        }
        let digits: String = middle.chars().filter(char::is_ascii_digit).take(18).collect();
        let number: i64 = digits.parse().ok()?;
        // A count goes up with age, a date goes down.
        Some(if digits.len() < 6 { -number } else { number })
    };
    let (stem, ending) = log.rsplit_once('.').map_or((log, ""), |(stem, ending)| (stem, ending));
    behind(plain, log, "").or_else(|| behind(plain, stem, &format!(".{ending}")))
}

/// Opens a file to read it, without waiting for whoever may write into a FIFO.
pub(super) fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().read(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits()).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn files_of_a_log_are_told_by_their_names() {
        for (name, expected) in [
            ("mail.log.1", Some(-1)),
            ("mail.log.0", Some(0)),
            ("mail.log.12.gz", Some(-12)),
            ("mail.log-20261128", Some(20_261_128)),
            ("mail.log-20261128.xz", Some(20_261_128)),
            ("mail.log-20261128-1795860000.zst", Some(202_611_281_795_860_000)),
            ("mail.log.20261128-101500.gz", Some(20_261_128_101_500)),
            ("mail-20261128.log", Some(20_261_128)),
            ("mail.1.log.bz2", Some(-1)),
            ("mail.log.bak", None),
            ("mail.log.1.bak", None),
            ("mail.log.old", None),
            ("mail.log~", None),
            ("mail.log.", None),
            ("mail.log.gz", None),
            ("mail.err.1", None),
            ("mail.info", None),
            ("xmail.log.1", None),
            ("mail.logs-1", None),
        ] {
            assert_eq!(rotated(name, "mail.log"), expected, "{name}");
        }
        assert_eq!(rotated("maillog-20261128", "maillog"), Some(20_261_128));
        assert_eq!(rotated("maillog.1", "maillog"), Some(-1));
    }

    #[test]
    fn the_oldest_file_comes_first_and_the_log_itself_last() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mail.log");
        let now = SystemTime::now();
        for (name, age) in [
            ("mail.log", 50),
            ("mail.log.1", 10),
            ("mail.log.2", 20),
            ("mail.log.2.gz", 20),
            ("mail.log.3.gz", 30),
            ("mail.log.4.gz", 30),
            ("mail.log-20261101", 40),
            ("mail.log-20261102", 40),
            ("mail.err", 1),
        ] {
            fs::write(directory.path().join(name), "x").unwrap();
            let file = File::options().write(true).open(directory.path().join(name)).unwrap();
            file.set_modified(now - Duration::from_secs(age)).unwrap();
        }
        fs::write(directory.path().join("mail.log.5"), "").unwrap();
        fs::create_dir(directory.path().join("mail.log.6")).unwrap();
        let found = files(&path).unwrap();
        let names: Vec<_> = found.iter().map(|file| name(&file.path).unwrap()).collect();
        assert_eq!(
            names,
            [
                "mail.log-20261101",
                "mail.log-20261102",
                "mail.log.4.gz",
                "mail.log.3.gz",
                "mail.log.2",
                "mail.log.1",
                "mail.log"
            ]
        );
        assert!(files(&directory.path().join("other.log")).unwrap().is_empty());
        assert!(files(Path::new("/no/such/mail.log")).is_err());
    }
}
