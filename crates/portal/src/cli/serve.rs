//! `mandatory-tls-portal serve`.

use super::{Failure, Shell};
use crate::app::App;
use crate::serve::{serve_on, sockets};
use config::settings::LogSettings;
use std::os::unix::process::CommandExt;
use std::{env, io, process::Command, sync::Arc};
use tokio::signal::unix::{SignalKind, signal};

/// Settings of glibc's allocator (mallopt(3)), each by its variable.
///
/// Left to itself, glibc raises the size from which on memory is taken from the system piece by piece, once
/// the first large piece was given back. It then keeps the 19 MiB of each password that was checked on each
/// thread that ever checked one: some hundred tries to sign in, by whoever, would take more than the service
/// may have. The first sets it to what glibc begins with. And each thread would have a heap of its own, in
/// which remains what its greatest work took: the second lets them share two.
const ALLOCATOR: [(&str, &str); 2] =
    [("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_ARENA_MAX", "2")];

/// Starts the program again, in the same process, with [`ALLOCATOR`] set if it is not.
pub(super) fn set_allocator() -> io::Result<()> {
    let is_set = |(name, _): &(&str, &str)| env::var_os(name).is_some();
    if cfg!(not(target_env = "gnu")) || ALLOCATOR.iter().all(is_set) {
        return Ok(());
    }
    let mut arguments = env::args_os();
    let mut command = Command::new(env::current_exe()?);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.envs(ALLOCATOR.into_iter().filter(|one| !is_set(one)));
    Err(command.args(arguments).exec())
}

pub(super) fn run(shell: Shell) -> Result<(), Failure> {
    let _guard = service::logging::set_up(&LogSettings::default())?;
    let gateway = Arc::new(shell.gateway()?);
    let Shell { settings, store, .. } = shell;
    let sockets = sockets(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .enable_all()
        .build()?;
    // It outlives the runtime: PostgreSQL's client ends its connections by waiting.
    let kept = Arc::clone(&store);
    let done = runtime.block_on(async {
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let stop = async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
        };
        serve_on(App::new(settings, store, gateway), sockets, stop).await
    });
    drop(runtime);
    drop(kept);
    done.map_err(|error: io::Error| error.into())
}
