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
    fmt, io,
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

/// A next hop that no policy names.
pub(super) const NOBODY: &str = "postmaster.invalid";

/// Whether a reply is one that a policy could have.
pub(super) fn is_answer(reply: &str) -> bool {
    matches!(reply.split(' ').next(), Some("OK" | "NOTFOUND"))
}

/// Why there are no replies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Unanswered {
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

    /// Has it done, in a process of its own: the replies, in the order of the keys.
    pub fn run(&self) -> Result<Vec<String>, Unanswered> {
        let own = env::current_exe().map_err(Unanswered::untried)?;
        let task = serde_json::to_string(self).map_err(Unanswered::untried)?;
        let arguments = ["doctor".into(), "--look-up".into(), task.into()];
        let written = command::run(own.as_os_str(), &arguments).map_err(|error| match error {
            CommandError::Slow(_) => Unanswered::Hangs("it does not take the connection".into()),
            error => Unanswered::untried(error),
        })?;
        serde_json::from_str(&written.output).map_err(Unanswered::untried)?
    }

    /// Does it, in the process that was made for it.
    pub fn perform(&self) -> Result<Vec<String>, Unanswered> {
        // Who it is now tells which way it goes.
        let socket = self.socket();
        let socket =
            socket.ok_or_else(|| Unanswered::untried(format!("{} is no socket", self.address)))?;
        self.go_there().map_err(Unanswered::untried)?;
        let replies = self.keys.iter().map(|key| socketmap::ask(&socket, key));
        replies.collect::<io::Result<_>>().map_err(|error| Unanswered::of(&error))
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

impl Unanswered {
    fn untried(why: impl fmt::Display) -> Self {
        Self::Untried(why.to_string())
    }

    /// The same in words.
    pub fn why(&self) -> &str {
        match self {
            Self::Silent(why)
            | Self::Closed(why)
            | Self::Hangs(why)
            | Self::Another(why)
            | Self::Untried(why) => why,
        }
    }

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
