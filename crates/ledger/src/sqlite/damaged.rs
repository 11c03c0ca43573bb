//! Ledgers that were damaged: they are kept beside the new one, for as long as their rows would have
//! been kept.

use crate::model::day::{Day, day_of};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use std::{
    fs, io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

/// Between the name of the ledger and the time.
const MARK: &str = ".damaged-";
const TIME: &str = "%Y%m%dT%H%M%SZ";
/// The database and the files that SQLite keeps beside it.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// Moves a damaged ledger aside, with the files that SQLite keeps beside it, and says where to.
///
/// # Errors
///
/// When it cannot be renamed.
pub(crate) fn set_aside(path: &Path, at: Timestamp) -> io::Result<PathBuf> {
    let to = with(path, &format!("{MARK}{}", at.strftime(TIME)));
    fs::rename(path, &to)?;
    for part in PARTS.iter().filter(|part| !part.is_empty()) {
        // They are not always there.
        let _ = fs::rename(with(path, part), with(&to, part));
    }
    Ok(to)
}

/// The damaged ledgers that lie beside the ledger at `path`, with the files of each, and the day on
/// which they were set aside.
///
/// # Errors
///
/// When the directory cannot be read.
pub fn damaged_beside(path: &Path) -> io::Result<Vec<(PathBuf, Day)>> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?.path();
        found.extend(set_aside_on(path, &entry).map(|day| (entry, day)));
    }
    found.sort();
    Ok(found)
}

/// Removes those that were set aside on other days than these, and returns them.
///
/// # Errors
///
/// When the directory cannot be read, or a file not be removed.
pub(crate) fn remove_old(path: &Path, kept: &RangeInclusive<Day>) -> io::Result<Vec<PathBuf>> {
    let mut old = damaged_beside(path)?;
    old.retain(|(_, day)| !kept.contains(day));
    old.into_iter().map(|(file, _)| fs::remove_file(&file).map(|()| file)).collect()
}

/// The day that the name tells; none of other files.
fn set_aside_on(path: &Path, file: &Path) -> Option<Day> {
    let name = file.file_name()?.to_str()?;
    let rest = name.strip_prefix(path.file_name()?.to_str()?)?.strip_prefix(MARK)?;
    let time = PARTS.iter().rev().find_map(|part| rest.strip_suffix(part))?;
    let moment = TimeZone::UTC.to_timestamp(DateTime::strptime(TIME, time).ok()?).ok()?;
    Some(day_of(moment.as_second()))
}

fn with(path: &Path, tail: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(tail);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_ledger_goes_when_its_rows_would_have_and_nothing_else_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.sqlite");
        let at = |day: Day| Timestamp::from_second(i64::from(day) * 86_400 + 7).unwrap();
        let mut aside = Vec::new();
        for day in [20_000, 20_001] {
            for part in PARTS {
                fs::write(with(&path, part), "x").unwrap();
            }
            aside.push(set_aside(&path, at(day)).unwrap());
        }
        let others = [".damaged-", ".damaged-20010101", ".damaged-20010101T000000Z.bak", ""];
        for other in others {
            fs::write(with(&path, other), "x").unwrap();
        }
        assert_eq!(damaged_beside(&path).unwrap().len(), 6);
        assert_eq!(remove_old(&path, &(20_001..=Day::MAX)).unwrap().len(), 3);
        assert!(!aside[0].exists() && aside[1].exists());
        assert!(others.iter().all(|other| with(&path, other).exists()));
        assert_eq!(remove_old(&path, &(20_001..=Day::MAX)).unwrap(), [] as [PathBuf; 0]);
    }
}
