//! The processor's cores: the milter has one to itself, the load another.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::io;
use std::path::Path;
use std::process::Command;

/// One core, by its number.
#[derive(Clone, Copy, Debug)]
pub struct Core(usize);

impl Core {
    /// Two cores that this process may use: for the milter, and for the load.
    ///
    /// # Errors
    ///
    /// When there is only one.
    pub fn two() -> io::Result<(Self, Self)> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let is_allowed = |core: &usize| allowed.is_set(*core).unwrap_or(false);
        let mut cores = (0..CpuSet::count()).filter(is_allowed).map(Self);
        match (cores.next(), cores.next()) {
            (Some(milter), Some(load)) => Ok((milter, load)),
            _ => {
                Err(io::Error::other("two cores are needed: one for the milter, one for the load"))
            }
        }
    }

    /// Keeps this thread to the core.
    ///
    /// # Errors
    ///
    /// When the system refuses it.
    pub fn pin(self) -> io::Result<()> {
        let mut set = CpuSet::new();
        set.set(self.0)?;
        Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
    }

    /// A command that is kept to the core, if there is one given. It ends with this process, however
    /// that ends.
    pub fn command(core: Option<Self>, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(Self(core)) = core {
            command.args(["taskset", "--cpu-list", &core.to_string()]);
        }
        command.arg(program);
        command
    }
}
