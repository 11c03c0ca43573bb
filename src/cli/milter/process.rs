//! The process: its limit on file descriptors, its memory.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{env, io, os::unix::process::CommandExt, path::Path, process::Command};

/// Each connection takes a file descriptor, and the usual limit (1024) is below what `limits`
/// allows: takes all that the system grants.
///
/// `others` are those of connections to something else than the milter.
pub(super) fn raise_descriptor_limit(connections: u32, others: u64) {
    // Besides the connections, for files and the runtime.
    const OTHERS: u64 = 64;
    let wanted = u64::from(connections) + others + OTHERS;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let limit = soft.max(wanted.min(hard));
    if limit > soft && setrlimit(Resource::RLIMIT_NOFILE, limit, hard).is_err() {
        tracing::warn!("cannot raise the limit on file descriptors from {soft} to {limit}");
    } else if limit < wanted {
        tracing::warn!(
            "`limits.connections` is {connections}, but the system grants {limit} file descriptors (ulimit -n)"
        );
    }
}

/// glibc's setting for the size from which on memory is taken from the system piece by piece.
pub(super) const MMAP_THRESHOLD: &str = "MALLOC_MMAP_THRESHOLD_";

/// Starts the milter again, in the same process, with [`MMAP_THRESHOLD`] set if it is not.
///
/// Left to itself, glibc raises the threshold to the size of the largest piece that was given back
/// (mallopt(3)), and then keeps the memory of old policies: after some reloads of a million
/// domains the process takes five times what the policy does. Of the ways to set it the environment
/// is the one without unsafe code; other allocators that were tried keep more.
pub(super) fn fix_mmap_threshold(config: &Path) -> io::Result<()> {
    if cfg!(not(target_env = "gnu")) || env::var_os(MMAP_THRESHOLD).is_some() {
        return Ok(());
    }
    let mut command = Command::new(env::current_exe()?);
    if let Some(name) = env::args_os().next() {
        command.arg0(name);
    }
    // As `Args::plain` knows it.
    command.args(["milter", "--config"]).arg(config);
    Err(command.env(MMAP_THRESHOLD, "1048576").exec())
}
