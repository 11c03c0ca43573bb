//! Whose portal it is: root's commands go on as that user.

use super::{Failure, UNAVAILABLE};
use config::settings::{Database, PortalSettings};
use nix::errno::Errno;
use nix::unistd::{Gid, Uid, User, initgroups, setgid, setgroups, setuid};
use std::ffi::CString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io, path};

/// So many links are followed, as Linux does.
const LINKS: usize = 40;

fn failed(message: impl std::fmt::Display) -> Failure {
    Failure { status: UNAVAILABLE, message: format!("error: {message}") }
}

/// Goes on as the user whose portal it is, where root runs a command: files that root makes beside the
/// database would keep the portal itself out of it, PostgreSQL knows that user, not root, and what that
/// user has put in their place could lead root anywhere.
pub(super) fn become_owner(settings: &PortalSettings) -> Result<(), Failure> {
    if !Uid::effective().is_root() {
        return Ok(());
    }
    let mut files = vec![&settings.file];
    if let Database::Sqlite(path) = &settings.database {
        files.push(path);
    }
    let mut found = None;
    for file in files {
        let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        let owner = owner_of(directory).map_err(|error| {
            failed(format_args!(
                "cannot tell whose portal this is: {}: {error}\n  = help: the directories of `database` and `file` must be there, and belong to the portal's user",
                directory.display()
            ))
        })?;
        match (found, owner) {
            (Some((user, _)), Some((other, _))) if user != other => {
                let why = "the database and the policy's file lie with two users";
                return Err(failed(format_args!("cannot tell whose portal this is: {why}")));
            }
            (None, owner) => found = owner,
            (Some(_), _) => {}
        }
    }
    let Some((user, group)) = found else { return Ok(()) };
    become_user(user, group).map_err(|error| {
        failed(format_args!("cannot go on as the user {user}, whose portal this is: {error}"))
    })
}

/// The first on the way to a directory who is not root: below what is theirs they may have put whatever
/// they like. None: all of the way is root's.
fn owner_of(directory: &Path) -> io::Result<Option<(Uid, Gid)>> {
    let mut way = path::absolute(directory)?;
    'links: for _ in 0..LINKS {
        let mut here = PathBuf::new();
        let mut rest = way.components();
        while let Some(step) = rest.next() {
            here.push(step);
            let metadata = here.symlink_metadata()?;
            if metadata.uid() != 0 {
                let (user, group) = (metadata.uid(), metadata.gid());
                return Ok(Some((Uid::from_raw(user), Gid::from_raw(group))));
            }
            if metadata.is_symlink() {
                let target = fs::read_link(&here)?;
                here.pop();
                way = here.join(target).join(rest.as_path());
                continue 'links;
            }
        }
        return Ok(None);
    }
    Err(io::Error::other("too many links"))
}

fn become_user(user: Uid, group: Gid) -> Result<(), Errno> {
    match User::from_uid(user)? {
        Some(known) => {
            let name = CString::new(known.name).map_err(|_| Errno::EINVAL)?;
            initgroups(&name, known.gid)?;
            setgid(known.gid)?;
        }
        None => {
            setgroups(&[group])?;
            setgid(group)?;
        }
    }
    setuid(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{chown, symlink};

    #[test]
    fn what_the_portals_user_puts_in_a_way_does_not_make_it_roots() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        fs::create_dir(&state).unwrap();
        let owner = if Uid::effective().is_root() {
            chown(&state, Some(12345), Some(12345)).unwrap();
            Some(Uid::from_raw(12345))
        } else {
            Some(Uid::effective())
        };
        let user = |path: &Path| owner_of(path).map(|owner| owner.map(|(user, _)| user));
        assert_eq!(user(&state).unwrap(), owner);
        assert_eq!(user(&state.join("policy")).unwrap(), owner);
        symlink("/etc", state.join("policy")).unwrap();
        assert_eq!(user(&state.join("policy")).unwrap(), owner);
        assert_eq!(user(&state.join("policy/ssl")).unwrap(), owner);
        // A link of root's leads to whose it is.
        let link = directory.path().join("link");
        symlink("state", &link).unwrap();
        assert_eq!(user(&link.join("policy")).unwrap(), owner);
        assert_eq!(user(Path::new("/etc")).unwrap(), None);
        user(Path::new("/none/such")).unwrap_err();
    }
}
