//! `mandatory-tls setup postfix --deliver`: a service of Postfix asks what the session to a next hop must be.
//!
//! Set at one service in master.cf, not in main.cf: while nobody answers, all mail of a service that asks is put
//! off. So the program is asked first, and Postfix is changed only if it answers.

use super::change::Instance;
use super::postfix::{need_root, run_all};
use super::{NotDone, PostfixArgs, confirm, way_to_unit};
use crate::cli::sockets;
use crate::postfix::{HOP_HEADER, HOP_MAPS, PostfixFacts, elements, gather, is_our_map, our_map};
use crate::socketmap;
use config::settings::Settings;

/// The service by which mail for `relay_domains` leaves.
pub(super) const SERVICE: &str = "relay";

pub(super) fn run(args: &PostfixArgs) -> Result<(), NotDone> {
    let settings = Settings::load(&args.config)
        .map(sockets::with_systemd)
        .map_err(|problems| NotDone::config(format!("the settings have errors\n{problems}")))?;
    let facts = gather(args.postfix.as_deref())
        .map_err(|error| NotDone::unavailable(format!("Postfix cannot be looked into: {error}")))?;
    if args.undo { undo(args, &settings, &facts) } else { set_up(args, &settings, &facts) }
}

fn set_up(args: &PostfixArgs, settings: &Settings, facts: &PostfixFacts) -> Result<(), NotDone> {
    let postfix = Instance(args.postfix.as_deref());
    let name = args.service.as_deref().unwrap_or(SERVICE);
    let service = facts.running("smtp").find(|one| one.name == name && one.kind == "unix");
    let service = service.ok_or_else(|| {
        NotDone::config(format!(
            "master.cf has no service `{name}` that runs smtp\n  = help: name one with --service; \
             postconf -M lists them"
        ))
    })?;
    let map = our_map(service, facts, settings).ok_or_else(|| {
        NotDone::config(
            "there is no socket for look-ups that this service can reach\n  = help: name one under \
             `socketmap` in the settings, below Postfix's queue directory or on TCP",
        )
    })?;
    let label = service.label();
    let old = service.parameters.get(HOP_MAPS);
    let mut changes = Vec::new();
    if !elements(old).any(|map| is_our_map(map, facts, settings)) {
        let list = if old.is_empty() {
            map.clone()
        } else {
            format!("{map},{}", elements(old).collect::<Vec<_>>().join(","))
        };
        changes.push(postfix.command("postconf", &["-P", &format!("{label}/{HOP_MAPS}={list}")]));
    }
    // Older Postfix has no such parameter, and calls it unused each time.
    let header = service.parameters.get(HOP_HEADER);
    if !header.is_empty() && header != "no" {
        changes.push(postfix.command("postconf", &["-P", &format!("{label}/{HOP_HEADER}=no")]));
    }
    if changes.is_empty() {
        println!("Postfix asks already: {label}: {HOP_MAPS}={old}");
        return answers(settings);
    }
    need_root()?;
    let way = way_to_unit(settings, sockets::DELIVER_UNIT);
    changes.push(postfix.command("postfix", &["reload"]));
    confirm(&[way.clone(), changes.clone()].concat(), args.yes)?;
    run_all(postfix, &way)?;
    answers(settings)?;
    run_all(postfix, &changes)?;
    println!("Next: mandatory-tls check --postfix");
    Ok(())
}

/// Whether somebody answers on the sockets.
fn answers(settings: &Settings) -> Result<(), NotDone> {
    for listen in &settings.socketmap {
        let answer = socketmap::ask(&listen.socket, "postmaster.invalid");
        answer.map_err(|error| {
            NotDone::unavailable(format!(
                "nobody answers look-ups on {}: {error}\n  = help: start the milter: while nobody answers, all \
                 mail of a service that asks is put off",
                listen.socket
            ))
        })?;
    }
    Ok(())
}

fn undo(args: &PostfixArgs, settings: &Settings, facts: &PostfixFacts) -> Result<(), NotDone> {
    let postfix = Instance(args.postfix.as_deref());
    let ours = |map: &&str| is_our_map(map, facts, settings);
    let mut steps = Vec::new();
    for service in facts.running("smtp") {
        let list = service.parameters.get(HOP_MAPS);
        let is_meant = args.service.as_deref().is_none_or(|name| name == service.name);
        if !is_meant || !elements(list).any(|map| ours(&map)) {
            continue;
        }
        let label = service.label();
        let others: Vec<&str> = elements(list).filter(|map| !ours(map)).collect();
        // postconf -P takes no blanks in a value.
        let others = others.join(",");
        if others == elements(facts.main.get(HOP_MAPS)).collect::<Vec<_>>().join(",") {
            steps.push(postfix.command("postconf", &["-PX", &format!("{label}/{HOP_MAPS}")]));
        } else {
            steps.push(
                postfix.command("postconf", &["-P", &format!("{label}/{HOP_MAPS}={others}")]),
            );
        }
        if service.parameters.get(HOP_HEADER) == "no" && facts.main.get(HOP_HEADER) != "no" {
            steps.push(postfix.command("postconf", &["-PX", &format!("{label}/{HOP_HEADER}")]));
        }
    }
    if steps.is_empty() {
        println!("Postfix does not ask for next hops.");
        return Ok(());
    }
    need_root()?;
    steps.push(postfix.command("postfix", &["reload"]));
    confirm(&steps, args.yes)?;
    run_all(postfix, &steps)?;
    println!("Postfix no longer asks: mail leaves as Postfix itself is set.");
    Ok(())
}
