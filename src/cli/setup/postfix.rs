//! `mandatory-tls setup postfix`: `smtpd_milters`, the way to the socket, and a look at the result.

use super::change::{Instance, Record, forget_but, keep};
use super::plan::{self, PARAMETER};
use super::{NotDone, PostfixArgs, Step, confirm, trial, way_to_unit};
use crate::cli::sockets;
use crate::postfix::{PostfixFacts, diagnose, gather, is_ours, milter_entries};
use config::policy_file;
use config::settings::{Settings, SocketSpec};
use policy::Policy;
use std::path::Path;

pub(super) fn run(args: &PostfixArgs) -> Result<(), NotDone> {
    let settings = Settings::load(&args.config)
        .map(sockets::with_systemd)
        .map_err(|problems| NotDone::config(format!("the settings have errors\n{problems}")))?;
    let postfix = Instance(args.postfix.as_deref());
    let facts = gather(postfix.0)
        .map_err(|error| NotDone::unavailable(format!("Postfix cannot be looked into: {error}")))?;
    if args.undo {
        return undo(args, postfix, &settings, &facts);
    }
    let policy = policy_file::load(&settings.policy).policy.map_err(|problems| {
        NotDone::config(format!("the policy has errors; mend it first\n{problems}"))
    })?;
    let mut steps = way_to_socket(&settings, &facts);
    let changes = plan::changes(postfix, &settings, &facts)?;
    steps.extend(changes.iter().map(|change| change.setting.put(postfix, Some(&change.after))));
    if !changes.is_empty() {
        steps.push(postfix.command("postfix", &["reload"]));
    }
    if steps.is_empty() {
        println!("Postfix asks the milter already: {PARAMETER} = {}", facts.main.get(PARAMETER));
    } else {
        need_root()?;
        confirm(&steps, args.yes)?;
        if !changes.is_empty() {
            keep(postfix, Record::Milter, &changes)?;
        }
        run_all(postfix, &steps)?;
    }
    report(postfix, &settings, &policy)
}

/// Where Postfix names the milter; none where that cannot be told.
pub(super) fn places(args: &PostfixArgs) -> Option<Vec<String>> {
    let settings = Settings::load(&args.config).map(sockets::with_systemd).ok()?;
    let facts = gather(args.postfix.as_deref()).ok()?;
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
pub(super) fn need_root() -> Result<(), NotDone> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    Err(NotDone::unavailable("only root can change Postfix's configuration: use sudo"))
}

/// What makes the socket appear: its unit, or its directory.
fn way_to_socket(settings: &Settings, facts: &PostfixFacts) -> Vec<Step> {
    if settings.systemd && sockets::systemd_runs() {
        return way_to_unit(settings, sockets::POSTFIX_UNIT);
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

pub(super) fn run_all(postfix: Instance<'_>, steps: &[Step]) -> Result<(), NotDone> {
    let reload = postfix.command("postfix", &["reload"]);
    for step in steps {
        match step.run() {
            // One that does not run reads its configuration when it starts.
            Err(_) if *step == reload && !postfix_runs(postfix) => {
                println!("Postfix does not run; it will ask the milter once it starts.");
            }
            result => result?,
        }
    }
    Ok(())
}

fn postfix_runs(postfix: Instance<'_>) -> bool {
    postfix.command("postfix", &["status"]).run().is_ok()
}

fn undo(
    args: &PostfixArgs,
    postfix: Instance<'_>,
    settings: &Settings,
    facts: &PostfixFacts,
) -> Result<(), NotDone> {
    let back = plan::undone(postfix, settings, facts)?;
    if back.is_empty() {
        println!("Postfix does not ask the milter: {PARAMETER} = {}", facts.main.get(PARAMETER));
        return Ok(());
    }
    need_root()?;
    let mut steps: Vec<Step> =
        back.iter().map(|(setting, value)| setting.put(postfix, value.as_deref())).collect();
    steps.push(postfix.command("postfix", &["reload"]));
    confirm(&steps, args.yes)?;
    run_all(postfix, &steps)?;
    forget_but(postfix, Record::Milter, &[])?;
    println!("Postfix no longer asks the milter: mail for opted-in domains passes unjudged.");
    Ok(())
}

/// Whether it works, and what else in Postfix is worth knowing.
fn report(postfix: Instance<'_>, settings: &Settings, policy: &Policy) -> Result<(), NotDone> {
    let facts = gather(postfix.0).map_err(NotDone::unavailable)?;
    for diagnosis in diagnose(&facts, settings, policy) {
        if !settings.accept.holds(diagnosis.id, &diagnosis.place.subject) {
            println!("{diagnosis}");
        }
    }
    if postfix_runs(postfix) {
        trial::try_it(settings, &facts)?;
    }
    match postfix.0 {
        Some(directory) => println!("Next: mandatory-tls doctor --postfix={}", directory.display()),
        None => println!("Next: mandatory-tls doctor"),
    }
    Ok(())
}
