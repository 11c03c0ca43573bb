//! The files as the milter's user sees them, whoever asks.
//!
//! Root may read everything, and an administrator what is his own; the milter runs as a user that may
//! not. So a command that says whether the files are right reads them as that user. Only root can become
//! another user; for anybody else, owners and modes tell.

use super::sockets::systemd_runs;
use crate::command;
pub(super) use crate::last_good::INSTALLED;
use crate::last_good::is_installed;
use config::policy_file::Sources;
use config::settings::Settings;
use nix::unistd::{
    Gid, Uid, User, getegid, geteuid, getgrouplist, getgroups, initgroups, setegid, seteuid,
    setgroups,
};
use std::{
    ffi::{CString, OsStr},
    fs::{self, Metadata},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The service, and its user.
const NAME: &str = "mandatory-tls";

/// By whose rights files are looked at; this user's own unless it is said.
#[derive(Debug, Default)]
pub(super) struct Eyes {
    /// The milter's user, where it is known and is not this one.
    user: Option<User>,
}

impl Eyes {
    /// Those of the milter that runs with these settings: the user of the installed service, or else
    /// whom the state directory belongs to, where the settings can be read.
    pub fn of_milter(config: &Path, settings: Option<&Settings>) -> Self {
        let user = if is_installed(config) { service_user() } else { None };
        let user = user.or_else(|| {
            let owner = fs::metadata(settings?.state_dir.as_ref()?).ok()?.uid();
            User::from_uid(Uid::from_raw(owner)).ok()?
        });
        Self { user: user.filter(|user| !user.uid.is_root() && user.uid != geteuid()) }
    }

    /// The milter's user, where it is another one than this.
    pub fn user(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.name.as_str())
    }

    /// Whether what is looked at is seen as the milter sees it, and not only as this user does. To be asked
    /// while nobody looks.
    pub fn are_the_milters(&self) -> bool {
        self.user.is_none() || geteuid().is_root()
    }

    /// Does this with the rights of the milter's user, where that can be.
    ///
    /// # Errors
    ///
    /// When the system does not let root become that user.
    pub fn look<T>(&self, look: impl FnOnce() -> T) -> io::Result<T> {
        let _disguise = match &self.user {
            Some(user) if geteuid().is_root() => Some(Disguise::of(user)?),
            _ => None,
        };
        Ok(look())
    }

    /// Which of these files, and of the directories on the way to them, the milter's user cannot read, as
    /// far as this user cannot become that one and owners and modes tell.
    pub fn unreadable(&self, config: &Path, sources: &Sources) -> Vec<PathBuf> {
        let Some(user) = self.user.as_ref().filter(|_| !geteuid().is_root()) else {
            return Vec::new();
        };
        let rights = Rights::of(user);
        let files = sources.files().chain([config]).map(|path| (path, 0o4));
        let directories = sources.directories().map(|path| (path, 0o5));
        let mut unreadable: Vec<PathBuf> = files
            .chain(directories)
            .filter_map(|(path, bits)| rights.missing(&fs::canonicalize(path).ok()?, bits))
            .collect();
        unreadable.sort();
        unreadable.dedup();
        unreadable
    }
}

/// Whom the service runs as.
fn service_user() -> Option<User> {
    let arguments = ["show".into(), "--property=User".into(), "--value".into(), NAME.into()];
    let told = systemd_runs().then(|| command::run(OsStr::new("systemctl"), &arguments).ok());
    let told = told.flatten().map(|written| written.output.trim().to_owned());
    let name = told.filter(|name| !name.is_empty()).unwrap_or_else(|| NAME.into());
    User::from_name(&name).ok()?
}

/// Root with the rights of another user, until this is dropped.
struct Disguise {
    gid: Gid,
    groups: Vec<Gid>,
}

impl Disguise {
    fn of(user: &User) -> io::Result<Self> {
        let before = Self { gid: getegid(), groups: getgroups()? };
        // What is done so far is undone when this is dropped on the way.
        initgroups(&name(user), user.gid)?;
        setegid(user.gid)?;
        seteuid(user.uid)?;
        Ok(before)
    }
}

impl Drop for Disguise {
    fn drop(&mut self) {
        let undone = seteuid(Uid::from_raw(0))
            .and_then(|()| setegid(self.gid))
            .and_then(|()| setgroups(&self.groups));
        if undone.is_err() {
            // The user of before is root itself: the system has no reason to refuse.
            eprintln!("warning: the command goes on with the rights of the milter's user");
        }
    }
}

fn name(user: &User) -> CString {
    CString::new(user.name.as_bytes()).unwrap_or_default()
}

/// What owners and modes grant a user.
struct Rights {
    user: Uid,
    groups: Vec<Gid>,
}

impl Rights {
    fn of(user: &User) -> Self {
        let groups = getgrouplist(&name(user), user.gid).unwrap_or_else(|_| vec![user.gid]);
        Self { user: user.uid, groups }
    }

    /// The first thing on the way to a path that the user has no right to: to go through a directory, or
    /// to what these bits of a mode say at its end.
    fn missing(&self, path: &Path, bits: u32) -> Option<PathBuf> {
        let mut way: Vec<(&Path, u32)> = path.ancestors().skip(1).map(|path| (path, 0o1)).collect();
        way.reverse();
        way.push((path, bits));
        let denied = way.into_iter().find(|(path, bits)| {
            // Where there is an access list, the mode does not tell.
            fs::metadata(path).is_ok_and(|found| !self.grant(&found, *bits)) && !has_list(path)
        });
        denied.map(|(path, _)| path.to_path_buf())
    }

    fn grant(&self, found: &Metadata, bits: u32) -> bool {
        let mode = found.permissions().mode();
        let granted = if found.uid() == self.user.as_raw() {
            mode >> 6
        } else if self.groups.iter().any(|group| group.as_raw() == found.gid()) {
            mode >> 3
        } else {
            mode
        };
        granted & bits == bits
    }
}

fn has_list(path: &Path) -> bool {
    let mut room = [0; 1024];
    rustix::fs::getxattr(path, "system.posix_acl_access", &mut room).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_and_modes_tell_what_the_milters_user_may_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "").unwrap();
        let found = fs::metadata(&path).unwrap();
        let (me, other) = (Uid::from_raw(found.uid()), Uid::from_raw(found.uid() + 1));
        let (mine, others) = (Gid::from_raw(found.gid()), Gid::from_raw(found.gid() + 1));
        for (user, group, mode, granted) in [
            (me, others, 0o400, true),
            (me, mine, 0o044, false),
            (other, mine, 0o040, true),
            (other, mine, 0o604, false),
            (other, others, 0o004, true),
            (other, others, 0o640, false),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let rights = Rights { user, groups: vec![group] };
            let found = fs::metadata(&path).unwrap();
            assert_eq!(rights.grant(&found, 0o4), granted, "{user} {group} {mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o750)).unwrap();
        let rights = Rights { user: other, groups: vec![others] };
        assert_eq!(rights.missing(&path, 0o4).as_deref(), Some(directory.path()));
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(rights.missing(&path, 0o4), None);
    }
}
