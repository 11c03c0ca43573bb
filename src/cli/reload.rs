//! `mandatory-tls reload`: the policy is read at once, and whoever asked hears what came of it.
//!
//! A change is seen without this. But a signal alone says nothing: not when the milter has read its files,
//! nor whether they are in force. The status file says both.

use super::eyes::INSTALLED;
use super::failure::{Failure, ended};
use crate::last_good::LastGoodSettings;
use crate::wording::counted;
use config::settings::Settings;
use config::status::Status;
use nix::unistd::geteuid;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal, test_kill_process};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

const AFTER_HELP: &str = "\
A change of a file is seen without this; but this waits until the milter has read its files, and fails where \
they have errors, with exit status 78. systemctl reload runs it.";

/// Arguments of `reload`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The settings
    #[arg(long, value_name = "FILE", default_value = INSTALLED)]
    config: PathBuf,
}

/// How long to wait for the milter: a million domains take a second, a busy machine several.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often to look whether it is done; the milter writes its status once a second.
const LOOK: Duration = Duration::from_millis(50);

pub(super) fn run(args: &Args) -> ExitCode {
    ended(reload(&args.config))
}

fn reload(config: &Path) -> Result<(), Failure> {
    let current = Settings::load(config);
    // Those that the milter runs under where it could not use the file.
    let last_good = || LastGoodSettings::load(config).map(|last_good| last_good.settings);
    let settings = match &current {
        Ok(settings) => settings.clone(),
        Err(problems) => last_good().map_err(|_| Failure::config(problems))?,
    };
    let file = settings.status_file.ok_or_else(|| {
        Failure::unavailable(
            "error: the settings name no `status_file`, so the milter cannot be found\n  = help: add \
             `status_file: /run/mandatory-tls/status.json`, and restart the milter; or send it SIGHUP",
        )
    })?;
    let before = running(&file)?;
    ask(&before, &file)?;
    let after = wait(&file, &before)?;
    if let Some(problem) = &after.policy.problem {
        return Err(Failure::found_elsewhere(format!(
            "error: policy not reloaded, the one in force stays: {}: {}\n  = help: mandatory-tls check shows all",
            counted(problem.errors, "error"),
            problem.first
        )));
    }
    let (domains, senders) = (after.policy.domains, after.policy.senders);
    println!("policy in force: {}, {}", counted(domains, "domain"), counted(senders, "sender"));
    // The policy is in force; but a restart would not find these.
    current.map(drop).map_err(|problems| Failure::config(&problems))
}

/// Asks the milter to read its policy.
fn ask(milter: &Status, file: &Path) -> Result<(), Failure> {
    let failed = |error: Errno| {
        Failure::unavailable(format!("error: process {} cannot be asked: {error}", milter.pid))
    };
    let pid = i32::try_from(milter.pid).ok().and_then(Pid::from_raw).ok_or_else(|| gone(file))?;
    // Whoever gets this number after it: what is signalled is the process that is looked at here.
    let process = pidfd_open(pid, PidfdFlags::empty()).map_err(failed)?;
    if !is_its_own(milter.pid, file) {
        return Err(gone(file));
    }
    pidfd_send_signal(process, Signal::HUP).map_err(failed)
}

/// The status of a milter that runs.
fn running(file: &Path) -> Result<Status, Failure> {
    let status = Status::read(file).map_err(|error| {
        Failure::unavailable(format!(
            "error: the milter does not run, as far as {} says: {error}",
            file.display()
        ))
    })?;
    if is_its_own(status.pid, file) { Ok(status) } else { Err(gone(file)) }
}

/// Whether there is this process, and it is the one that the file can be about.
///
/// Whoever can write the file must not have root signal others: no link counts, and root's own process only where
/// nobody but root can have put the file there. Anybody else can only signal what is his; in the sandbox of the
/// service, he does not even see other processes.
fn is_its_own(pid: u32, file: &Path) -> bool {
    if !geteuid().is_root() {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        return pid.is_some_and(|pid| test_kill_process(pid).is_ok());
    }
    let owner = |path: &Path| fs::symlink_metadata(path).map(|metadata| metadata.uid()).ok();
    let of_process = owner(&Path::new("/proc").join(pid.to_string()));
    let is_roots = file.parent().and_then(owner) == Some(0);
    of_process.is_some() && of_process == owner(file) && (of_process != Some(0) || is_roots)
}

/// Waits until the milter has read its files since `before`.
fn wait(file: &Path, before: &Status) -> Result<Status, Failure> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let now = running(file)?;
        // A milter that has started meanwhile has read them as well.
        if now.pid != before.pid || now.policy.asked > before.policy.asked {
            return Ok(now);
        }
        thread::sleep(LOOK);
    }
    Err(Failure::unavailable(
        "error: the milter does not say that it has read its files; its log may",
    ))
}

fn gone(file: &Path) -> Failure {
    Failure::unavailable(format!(
        "error: the milter that wrote {} does not run any more",
        file.display()
    ))
}
