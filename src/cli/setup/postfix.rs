//! `mandatory-tls setup postfix`: `smtpd_milters`, the way to the socket, and a look at the result.

use super::{NotDone, PostfixArgs, Step, confirm, trial};
use crate::cli::sockets;
use crate::command;
use crate::postfix::{
    PostfixFacts, address_for_public, diagnose, elements, gather, is_ours, milter_entries,
};
use config::settings::{Settings, SocketSpec};
use config::{files, policy_file};
use nix::fcntl::OFlag;
use nix::unistd::Uid;
use policy::Policy;
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsStr,
    fs,
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// The parameter that is changed.
const PARAMETER: &str = "smtpd_milters";
/// What `postconf` had before, for `--undo`.
const RECORD: &str = "/var/lib/mandatory-tls/setup-postfix.json";
/// Who alone writes the record.
const ROOT: Uid = Uid::from_raw(0);
/// A longer record, in octets, is none.
const MOST_RECORD: u64 = 1024 * 1024;
/// How long new connections of Postfix wait for the milter beyond the drain of the one before it.
const BEYOND_DRAIN: u64 = 30;

/// What was changed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// The value in main.cf before; none: it was not there.
    before: Option<String>,
    /// The value that was set.
    after: String,
}

pub(super) fn run(args: &PostfixArgs) -> Result<(), NotDone> {
    let settings = Settings::load(&args.config)
        .map(sockets::with_systemd)
        .map_err(|problems| NotDone::config(format!("the settings have errors\n{problems}")))?;
    let facts = gather(None)
        .map_err(|error| NotDone::unavailable(format!("Postfix cannot be looked into: {error}")))?;
    let raw = in_main_cf()?;
    if args.undo {
        return undo(args, &settings, &facts, raw.as_deref());
    }
    let policy = policy_file::load(&settings.policy).policy.map_err(|problems| {
        NotDone::config(format!("the policy has errors; mend it first\n{problems}"))
    })?;
    let mut steps = way_to_socket(&settings, &facts);
    let old = raw.as_deref().unwrap_or_default();
    let listed = milter_entries(facts.main.get(PARAMETER))
        .any(|entry| is_ours(entry.address, &facts, &settings));
    let after = if listed { old.to_owned() } else { with_milter(&settings, &facts, &policy, old)? };
    if !listed {
        steps.push(Step::new(&["postconf", "-e", &format!("{PARAMETER} = {after}")]));
        steps.push(Step::new(&["postfix", "reload"]));
    }
    if steps.is_empty() {
        println!("Postfix asks the milter already: {PARAMETER} = {old}");
    } else {
        need_root()?;
        confirm(&steps, args.yes)?;
        if !listed {
            keep(&Record { before: raw, after })?;
        }
        run_all(&steps)?;
    }
    report(&settings, &policy)
}

/// Where Postfix names the milter; none where that cannot be told.
pub(super) fn places(args: &PostfixArgs) -> Option<Vec<String>> {
    let settings = Settings::load(&args.config).map(sockets::with_systemd).ok()?;
    let facts = gather(None).ok()?;
    let names_us =
        |list: &str| milter_entries(list).any(|entry| is_ours(entry.address, &facts, &settings));
    let mut places: Vec<String> = [PARAMETER, "non_smtpd_milters"]
        .iter()
        .map(|name| (name, facts.main.get(name)))
        .filter(|(_, list)| names_us(list))
        .map(|(name, list)| format!("main.cf: {name} = {list}"))
        .collect();
    for service in facts.running("smtpd") {
        let value = service.parameters.get(PARAMETER);
        if names_us(value) && value != facts.main.get(PARAMETER) {
            places.push(format!("master.cf: {}: {PARAMETER} = {value}", service.label()));
        }
    }
    Some(places)
}

/// Only root writes main.cf.
fn need_root() -> Result<(), NotDone> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    Err(NotDone::unavailable("only root can change Postfix's configuration: use sudo"))
}

/// The value of the parameter as it stands in main.cf, unexpanded.
fn in_main_cf() -> Result<Option<String>, NotDone> {
    let written = command::run(OsStr::new("postconf"), &["-n".into(), PARAMETER.into()])
        .map_err(NotDone::unavailable)?;
    Ok(written.output.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == PARAMETER).then(|| value.trim().to_owned())
    }))
}

/// The list with this milter at its head.
fn with_milter(
    settings: &Settings,
    facts: &PostfixFacts,
    policy: &Policy,
    old: &str,
) -> Result<String, NotDone> {
    let address = address_for_public(facts, settings, policy).ok_or_else(|| {
        NotDone::config(
            "no smtpd of this Postfix can reach the milter's socket.\n  = help: let the milter \
             listen below /var/spool/postfix or on TCP (`listen` in the settings); and master.cf \
             needs an smtpd (`smtp inet n - y - - smtpd`)",
        )
    })?;
    let wait = settings.limits.drain.as_secs() + BEYOND_DRAIN;
    let milter = format!("{{ {address}, default_action=tempfail, connect_timeout={wait}s }}");
    Ok(if old.is_empty() { milter } else { format!("{milter}, {old}") })
}

/// What makes the socket appear: its unit, or its directory.
fn way_to_socket(settings: &Settings, facts: &PostfixFacts) -> Vec<Step> {
    if settings.systemd && sockets::systemd_runs() {
        if is_active(sockets::POSTFIX_UNIT) {
            return Vec::new();
        }
        // systemd gives a new socket only to a service that starts; connections to the others wait.
        return vec![
            Step::new(&["systemctl", "enable", sockets::POSTFIX_UNIT]),
            Step::new(&["systemctl", "stop", "mandatory-tls.service"]),
            Step::new(&["systemctl", "start", sockets::POSTFIX_UNIT, "mandatory-tls.service"]),
        ];
    }
    let queue = Path::new(facts.main.get("queue_directory"));
    settings
        .listen
        .iter()
        .filter_map(|listen| match &listen.socket {
            SocketSpec::Unix(path) if path.starts_with(queue) => path.parent(),
            _ => None,
        })
        .filter(|directory| !directory.exists())
        .map(|directory| {
            // The milter's user makes the socket; with the group's bit it belongs to Postfix's.
            let directory = directory.to_string_lossy();
            Step::new(&[
                "install",
                "-d",
                "-o",
                "mandatory-tls",
                "-g",
                "postfix",
                "-m",
                "2750",
                &directory,
            ])
        })
        .collect()
}

fn is_active(unit: &str) -> bool {
    let arguments = ["is-active".into(), "--quiet".into(), unit.into()];
    command::run(OsStr::new("systemctl"), &arguments).is_ok()
}

fn run_all(steps: &[Step]) -> Result<(), NotDone> {
    let reload = Step::new(&["postfix", "reload"]);
    for step in steps {
        match step.run() {
            // One that does not run reads its configuration when it starts.
            Err(_) if *step == reload && !postfix_runs() => {
                println!("Postfix does not run; it will ask the milter once it starts.");
            }
            result => result?,
        }
    }
    Ok(())
}

fn postfix_runs() -> bool {
    command::run(OsStr::new("postfix"), &["status".into()]).is_ok()
}

/// Keeps what was there before. An earlier record is older, and stays.
fn keep(record: &Record) -> Result<(), NotDone> {
    let path = PathBuf::from(RECORD);
    let write = || -> io::Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        // One that the milter's user has put there would give its owner to this one.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        files::replace(&path, &serde_json::to_vec_pretty(record)?, 0o644)
    };
    write().map_err(|error| NotDone::unavailable(format!("{RECORD} cannot be written: {error}")))
}

/// What was kept, if nobody but root can have written it: the directory is the milter's user's, and what is
/// in the record becomes Postfix's configuration.
fn kept(path: &Path, root: Uid) -> Option<Record> {
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

fn undo(
    args: &PostfixArgs,
    settings: &Settings,
    facts: &PostfixFacts,
    now: Option<&str>,
) -> Result<(), NotDone> {
    let record = kept(Path::new(RECORD), ROOT);
    let ours = |element: &&str| {
        milter_entries(element).any(|entry| is_ours(entry.address, facts, settings))
    };
    let list = now.unwrap_or_default();
    if !elements(list).any(|element| ours(&element)) {
        println!("Postfix does not ask the milter: {PARAMETER} = {list}");
        return Ok(());
    }
    let before = match record {
        // Not changed since.
        Some(record) if now == Some(&record.after) => record.before,
        _ => {
            let others: Vec<&str> = elements(list).filter(|element| !ours(element)).collect();
            (!others.is_empty()).then(|| others.join(", "))
        }
    };
    need_root()?;
    let change = match &before {
        Some(before) => Step::new(&["postconf", "-e", &format!("{PARAMETER} = {before}")]),
        None => Step::new(&["postconf", "-X", PARAMETER]),
    };
    let steps = [change, Step::new(&["postfix", "reload"])];
    confirm(&steps, args.yes)?;
    run_all(&steps)?;
    match fs::remove_file(RECORD) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(NotDone::unavailable(format!("{RECORD} cannot be removed: {error}")));
        }
        _ => {}
    }
    println!("Postfix no longer asks the milter: mail for opted-in domains passes unjudged.");
    Ok(())
}

/// Whether it works, and what else in Postfix is worth knowing.
fn report(settings: &Settings, policy: &Policy) -> Result<(), NotDone> {
    let facts = gather(None).map_err(NotDone::unavailable)?;
    for diagnosis in diagnose(&facts, settings, policy) {
        println!("{diagnosis}");
    }
    if postfix_runs() {
        trial::try_it(settings)?;
    }
    println!("Next: mandatory-tls doctor");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::geteuid;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_record_that_others_than_root_may_have_written_is_not_followed() {
        let own = |path: &Path| kept(path, geteuid());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("setup-postfix.json");
        let text = r#"{ "before": "inet:192.0.2.66:25", "after": "x" }"#;
        let with_mode =
            |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        fs::write(&path, text).unwrap();
        with_mode(0o644);
        assert!(own(&path).is_some());
        with_mode(0o664);
        assert_eq!(own(&path), None);
        with_mode(0o644);
        let link = directory.path().join("link");
        symlink(&path, &link).unwrap();
        assert_eq!(own(&link), None);
        assert_eq!(kept(&path, Uid::from_raw(geteuid().as_raw() + 1)), None);
        // Nor is one waited for, or read for ever.
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(own(&fifo), None);
        assert_eq!(own(Path::new("/dev/zero")), None);
    }
}
