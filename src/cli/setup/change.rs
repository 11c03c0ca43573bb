//! Values in Postfix's configuration: as they stand there, how they are changed, and what was there before.

use super::{NotDone, Step};
use crate::command;
use crate::postfix::compact_list;
use config::files;
use nix::fcntl::OFlag;
use nix::unistd::Uid;
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsStr,
    fs,
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Where records lie.
const RECORDS: &str = "/var/lib/mandatory-tls";
/// Who alone writes a record.
const ROOT: Uid = Uid::from_raw(0);
/// A longer record, in octets, is none.
const MOST_RECORD: u64 = 1024 * 1024;

/// A Postfix, by the directory of its configuration; without one, the one that it looks for itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instance<'a>(pub Option<&'a Path>);

impl Instance<'_> {
    /// A command of Postfix for this instance.
    pub fn command(self, program: &str, arguments: &[&str]) -> Step {
        let directory = self.0.map(|directory| directory.display().to_string());
        let mut words = vec![program];
        words.extend(directory.iter().flat_map(|directory| ["-c", directory]));
        words.extend(arguments);
        Step::new(&words)
    }

    /// What a command of Postfix says for this instance.
    pub fn ask(self, program: &str, arguments: &[&str]) -> Result<String, NotDone> {
        let directory = self.0.map(|directory| ["-c".into(), directory.into()]);
        let arguments = directory.into_iter().flatten().chain(arguments.iter().map(Into::into));
        command::run(OsStr::new(program), &arguments.collect::<Vec<_>>())
            .map(|written| written.output)
            .map_err(NotDone::unavailable)
    }

    /// Where what was changed is kept.
    fn record(self, of: Record) -> PathBuf {
        let kind = match of {
            Record::Milter => "setup-postfix",
            Record::Deliver => "setup-postfix-deliver",
        };
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let directory = self.0.map(Path::to_string_lossy).unwrap_or_default();
        let directory: String = directory.chars().map(plain).collect();
        Path::new(RECORDS).join(format!("{kind}{directory}.json"))
    }
}

/// What was changed, each with a record of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// Whom smtpd asks about recipients.
    Milter,
    /// Whom smtp asks about next hops.
    Deliver,
}

/// A parameter of main.cf, or of one service in master.cf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Setting {
    /// The service as `postconf -P` names it; none: main.cf.
    pub service: Option<String>,
    /// The parameter.
    pub name: String,
}

impl Setting {
    /// One of main.cf.
    pub fn main(name: &str) -> Self {
        Self { service: None, name: name.to_owned() }
    }

    /// One of a service.
    pub fn of(service: &str, name: &str) -> Self {
        Self { service: Some(service.to_owned()), name: name.to_owned() }
    }

    /// The name by which postconf knows it.
    fn path(&self) -> String {
        match &self.service {
            Some(service) => format!("{service}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// The value as it stands there, unexpanded; none where it does not.
    pub fn raw(&self, postfix: Instance<'_>) -> Result<Option<String>, NotDone> {
        let output = match &self.service {
            // Asked for all: postconf takes an unknown one for an error.
            Some(_) => postfix.ask("postconf", &["-P"])?,
            None => postfix.ask("postconf", &["-n", &self.name])?,
        };
        let path = self.path();
        Ok(output.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == path).then(|| value.trim().to_owned())
        }))
    }

    /// What puts a value there, or takes it away.
    pub fn put(&self, postfix: Instance<'_>, value: Option<&str>) -> Step {
        let (edit, remove) = if self.service.is_some() { ("-Pe", "-PX") } else { ("-e", "-X") };
        match value {
            Some(value) => {
                // `postconf -P` takes no blanks in a value.
                let is_own = self.service.is_some() && value.contains(char::is_whitespace);
                let compact = is_own.then(|| compact_list(value));
                let value = compact.as_deref().unwrap_or(value);
                let setting = format!("{} = {value}", self.path());
                postfix.command("postconf", &[edit, &setting])
            }
            None => postfix.command("postconf", &[remove, &self.path()]),
        }
    }
}

/// What was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    /// Where.
    pub setting: Setting,
    /// The value before; none: it was not there.
    pub before: Option<String>,
    /// The value that was set.
    pub after: String,
}

/// Keeps what was there before; of the same settings, instead of what was kept earlier.
pub(super) fn keep(postfix: Instance<'_>, of: Record, changes: &[Change]) -> Result<(), NotDone> {
    let is_new = |old: &Change| changes.iter().all(|new| new.setting != old.setting);
    let mut all: Vec<Change> = kept(postfix, of).into_iter().filter(is_new).collect();
    all.extend(changes.iter().cloned());
    write(&postfix.record(of), &all)
}

fn write(path: &Path, all: &[Change]) -> Result<(), NotDone> {
    let write = || -> io::Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        // One that the milter's user has put there would give its owner to this one.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        files::replace(path, &serde_json::to_vec_pretty(all)?, 0o644)
    };
    write().map_err(|error| {
        NotDone::unavailable(format!("{} cannot be written: {error}", path.display()))
    })
}

/// What was kept.
pub(super) fn kept(postfix: Instance<'_>, of: Record) -> Vec<Change> {
    kept_at(&postfix.record(of), ROOT).unwrap_or_default()
}

/// Forgets what was kept, but for these.
pub(super) fn forget_but(
    postfix: Instance<'_>,
    of: Record,
    rest: &[Change],
) -> Result<(), NotDone> {
    if !rest.is_empty() {
        return write(&postfix.record(of), rest);
    }
    let path = postfix.record(of);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(NotDone::unavailable(format!("{} cannot be removed: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// What was kept, if nobody but root can have written it: the directory is the milter's user's, and what is
/// in the record becomes Postfix's configuration.
fn kept_at(path: &Path, root: Uid) -> Option<Vec<Change>> {
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let found = file.metadata().ok()?;
    if !found.is_file() || found.uid() != root.as_raw() || found.mode() & 0o022 != 0 {
        return None;
    }
    let mut octets = Vec::new();
    file.take(MOST_RECORD).read_to_end(&mut octets).ok()?;
    serde_json::from_slice(&octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::geteuid;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_record_that_others_than_root_may_have_written_is_not_followed() {
        let own = |path: &Path| kept_at(path, geteuid());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("setup-postfix.json");
        let change = Change {
            setting: Setting::main("smtpd_milters"),
            before: Some("inet:192.0.2.66:25".into()),
            after: "x".into(),
        };
        let with_mode =
            |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        fs::write(&path, serde_json::to_vec(&[&change]).unwrap()).unwrap();
        with_mode(0o644);
        assert_eq!(own(&path), Some(vec![change]));
        with_mode(0o664);
        assert_eq!(own(&path), None);
        with_mode(0o644);
        let link = directory.path().join("link");
        symlink(&path, &link).unwrap();
        assert_eq!(own(&link), None);
        assert_eq!(kept_at(&path, Uid::from_raw(geteuid().as_raw() + 1)), None);
        // Nor is one waited for, or read for ever.
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(own(&fifo), None);
        assert_eq!(own(Path::new("/dev/zero")), None);
    }

    #[test]
    fn each_instance_has_its_own_commands_and_record() {
        let usual = Instance(None);
        assert_eq!(usual.command("postfix", &["reload"]).to_string(), "postfix reload");
        assert_eq!(
            usual.record(Record::Milter),
            Path::new("/var/lib/mandatory-tls/setup-postfix.json")
        );
        let other = Instance(Some(Path::new("/etc/postfix-in")));
        let put = Setting::of("smtp/inet", "smtpd_milters").put(other, Some("a"));
        assert_eq!(
            put.to_string(),
            "postconf -c /etc/postfix-in -Pe 'smtp/inet/smtpd_milters = a'"
        );
        let put = Setting::main("smtpd_milters").put(other, None);
        assert_eq!(put.to_string(), "postconf -c /etc/postfix-in -X smtpd_milters");
        for (of, name) in [
            (Record::Milter, "setup-postfix_etc_postfix-in.json"),
            (Record::Deliver, "setup-postfix-deliver_etc_postfix-in.json"),
        ] {
            assert_eq!(other.record(of), Path::new(RECORDS).join(name));
        }
    }
}
