//! Look-ups of next hops as smtp(8) makes them: by its user, from its directory, in its chroot. For `doctor` and
//! `setup`.
//!
//! Root can do that only in a process of its own, which does not come back from there; and whoever hangs, hangs
//! there.

use crate::command::{self, CommandError};
use crate::postfix::{PostfixFacts, Service, map_address};
use crate::socketmap;
use config::settings::SocketSpec;
use nix::unistd::{User, chdir, chroot, geteuid, initgroups, setgid, setuid};
use serde::{Deserialize, Serialize};
use std::{
    env,
    ffi::CString,
    io,
    path::{Path, PathBuf},
};

/// What is to be asked, and how.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    /// The socket as the parameter of Postfix names it: `unix:PATH`, `inet:HOST:PORT`.
    pub address: String,
    /// Where the client stands; none: anywhere.
    pub directory: Option<PathBuf>,
    /// Whether that is its root.
    pub chroot: bool,
    /// As whom, where this is root; none: as this user.
    pub user: Option<String>,
    /// What is asked for.
    pub keys: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// The replies, in the order of the keys.
    Replies(Vec<String>),
    /// Nobody is there.
    Silent(String),
    /// This user is not let in.
    Closed(String),
    /// There is no reply in time.
    Hangs(String),
    /// Who answers speaks another language, or not at all.
    Another(String),
    /// It could not be tried.
    Untried(String),
}

impl Task {
    /// What a service of Postfix does that has this map; none where it is no socketmap.
    pub fn of(
        service: &Service,
        map: &str,
        facts: &PostfixFacts,
        keys: Vec<String>,
    ) -> Option<Self> {
        Some(Self {
            address: map_address(map)?.to_owned(),
            directory: Some(facts.main.get("queue_directory").into()),
            chroot: service.chroot,
            user: Some(facts.main.get("mail_owner").to_owned()),
            keys,
        })
    }

    /// Has it done, in a process of its own.
    pub fn run(&self) -> Outcome {
        let untried = |error: &dyn std::fmt::Display| Outcome::Untried(error.to_string());
        let (own, task) = match (env::current_exe(), serde_json::to_string(self)) {
            (Ok(own), Ok(task)) => (own, task),
            (Err(error), _) => return untried(&error),
            (_, Err(error)) => return untried(&error),
        };
        let arguments = ["doctor".into(), "--look-up".into(), task.into()];
        match command::run(own.as_os_str(), &arguments) {
            Ok(written) => {
                serde_json::from_str(&written.output).unwrap_or_else(|error| untried(&error))
            }
            Err(CommandError::Slow(_)) => Outcome::Hangs("it does not take the connection".into()),
            Err(error) => untried(&error),
        }
    }

    /// Does it, in the process that was made for it.
    pub fn perform(&self) -> Outcome {
        // Who it is now tells which way it goes.
        let Some(socket) = self.socket() else {
            return Outcome::Untried(format!("{} is no socket", self.address));
        };
        if let Err(error) = self.go_there() {
            return Outcome::Untried(error.to_string());
        }
        let replies = self.keys.iter().map(|key| socketmap::ask(&socket, key));
        match replies.collect::<io::Result<Vec<String>>>() {
            Ok(replies) => Outcome::Replies(replies),
            Err(error) => Outcome::of(&error),
        }
    }

    /// The socket; unlike one of the settings, its path may be relative.
    fn socket(&self) -> Option<SocketSpec> {
        let Some(path) = self.address.strip_prefix("unix:") else {
            return self.address.parse().ok();
        };
        // Who may not go into the chroot sees it from outside.
        let outside = self.directory.as_ref().filter(|_| self.chroot && !geteuid().is_root());
        Some(SocketSpec::Unix(match outside {
            Some(directory) => directory.join(path.trim_start_matches('/')),
            None => path.into(),
        }))
    }

    /// Goes where the client stands, and becomes its user.
    fn go_there(&self) -> io::Result<()> {
        let is_root = geteuid().is_root();
        let user = match self.user.as_deref().filter(|_| is_root) {
            Some(name) => {
                let unknown = || io::Error::other(format!("there is no user {name}"));
                Some(User::from_name(name)?.ok_or_else(unknown)?)
            }
            None => None,
        };
        if let Some(user) = &user {
            // Groups are looked up outside of the chroot.
            initgroups(&CString::new(user.name.as_bytes())?, user.gid)?;
            setgid(user.gid)?;
        }
        if let Some(directory) = &self.directory {
            chdir(directory)?;
            if self.chroot && is_root {
                chroot(Path::new("."))?;
            }
        }
        if let Some(user) = &user {
            setuid(user.uid)?;
        }
        Ok(())
    }
}

impl Outcome {
    fn of(error: &io::Error) -> Self {
        use io::ErrorKind::{
            BrokenPipe, ConnectionRefused, ConnectionReset, InvalidData, NotFound,
            PermissionDenied, TimedOut, UnexpectedEof, WouldBlock,
        };
        match error.kind() {
            NotFound | ConnectionRefused => Self::Silent(error.to_string()),
            PermissionDenied => Self::Closed(error.to_string()),
            WouldBlock | TimedOut => {
                Self::Hangs("it takes the request, and does not answer".into())
            }
            InvalidData => Self::Another(error.to_string()),
            UnexpectedEof | ConnectionReset | BrokenPipe => {
                Self::Another("it closes the connection without an answer".into())
            }
            _ => Self::Untried(error.to_string()),
        }
    }
}
