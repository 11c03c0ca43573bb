//! `mandatory-tls setup postfix --deliver`: a service of Postfix asks what the session to a next hop must be.
//!
//! Set at one service in master.cf, not in main.cf: while nobody answers, all mail of a service that asks is put
//! off. So the program is asked first, as the service will, and Postfix is changed only if it answers.

use super::change::{Change, Instance, Record, Setting, forget_but, keep, kept};
use super::postfix::{need_root, run_all};
use super::{NotDone, PostfixArgs, Step, confirm, way_to_unit};
use crate::cli::look_up::{NOBODY, Task, is_answer};
use crate::cli::sockets;
use crate::postfix::{
    HOP_HEADER, HOP_MAPS, PostfixFacts, Service, compact_list, elements, gather, is_our_map,
    our_map,
};
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
    let changes = changes(postfix, service, &map, facts, settings)?;
    if changes.is_empty() {
        let list = service.parameters.get(HOP_MAPS);
        println!("Postfix asks already: {}: {HOP_MAPS}={list}", service.label());
        return answers(service, &map, facts);
    }
    need_root()?;
    let way = way_to_unit(settings, sockets::DELIVER_UNIT);
    let mut steps: Vec<Step> =
        changes.iter().map(|change| change.setting.put(postfix, Some(&change.after))).collect();
    steps.push(postfix.command("postfix", &["reload"]));
    confirm(&[way.clone(), steps.clone()].concat(), args.yes)?;
    run_all(postfix, &way)?;
    answers(service, &map, facts)?;
    keep(postfix, Record::Deliver, &changes)?;
    run_all(postfix, &steps)?;
    println!("Next: mandatory-tls check --postfix");
    Ok(())
}

/// What is to be changed so that a service asks this map first, and no header of the mail switches that off.
fn changes(
    postfix: Instance<'_>,
    service: &Service,
    map: &str,
    facts: &PostfixFacts,
    settings: &Settings,
) -> Result<Vec<Change>, NotDone> {
    let label = service.label();
    let mut changes = Vec::new();
    if elements(service.parameters.get(HOP_MAPS)).next() != Some(map) {
        let setting = Setting::of(&label, HOP_MAPS);
        let before = setting.raw(postfix)?;
        // What the service has of its own hides what main.cf says.
        let list = match &before {
            Some(own) => own.clone(),
            None => Setting::main(HOP_MAPS).raw(postfix)?.unwrap_or_default(),
        };
        let others = elements(&list).filter(|one| !is_our_map(one, facts, settings));
        let after = compact_list(&[map].into_iter().chain(others).collect::<Vec<_>>().join(","));
        if after.contains(char::is_whitespace) {
            return Err(NotDone::config(format!(
                "{HOP_MAPS} has blanks, which postconf takes in no value of a service: {list}\n  = help: give \
                 the list a name of its own in main.cf (other_maps = ...; {HOP_MAPS} = $other_maps)"
            )));
        }
        changes.push(Change { setting, before, after });
    }
    // Older Postfix has no such parameter, and calls it unused each time.
    let header = service.parameters.get(HOP_HEADER);
    if !header.is_empty() && header != "no" {
        let setting = Setting::of(&label, HOP_HEADER);
        let before = setting.raw(postfix)?;
        changes.push(Change { setting, before, after: "no".to_owned() });
    }
    Ok(changes)
}

/// Where Postfix asks the program for next hops; none where that cannot be told.
pub(super) fn places(args: &PostfixArgs) -> Option<Vec<String>> {
    let settings = Settings::load(&args.config).map(sockets::with_systemd).ok()?;
    let facts = gather(args.postfix.as_deref()).ok()?;
    let asks = |list: &str| elements(list).any(|map| is_our_map(map, &facts, &settings));
    let of_main = facts.main.get(HOP_MAPS);
    let mut places: Vec<String> =
        asks(of_main).then(|| format!("main.cf: {HOP_MAPS} = {of_main}")).into_iter().collect();
    for service in facts.running("smtp") {
        let own = service.parameters.get(HOP_MAPS);
        if own != of_main && asks(own) {
            places.push(format!("master.cf: {}: {HOP_MAPS} = {own}", service.label()));
        }
    }
    Some(places)
}

/// Whether the service will be answered.
fn answers(service: &Service, map: &str, facts: &PostfixFacts) -> Result<(), NotDone> {
    let Some(task) = Task::of(service, map, facts, vec![NOBODY.to_owned()]) else { return Ok(()) };
    let why = match task.run() {
        Ok(replies) => match replies.iter().find(|reply| !is_answer(reply)) {
            None => return Ok(()),
            Some(reply) => format!("it says `{}`", reply.escape_debug()),
        },
        Err(unanswered) => unanswered.why().to_owned(),
    };
    Err(NotDone::unavailable(format!(
        "look-ups of {} on {map} are not answered: {why}\n  = help: start the milter, and see that Postfix's user \
         reaches the socket: while nobody answers, all mail of a service that asks is put off",
        service.label()
    )))
}

fn undo(args: &PostfixArgs, settings: &Settings, facts: &PostfixFacts) -> Result<(), NotDone> {
    let postfix = Instance(args.postfix.as_deref());
    let is_meant = |service: &str| {
        let name = args.service.as_deref();
        name.is_none_or(|name| service.rsplit_once('/').is_some_and(|(own, _)| own == name))
    };
    let of_it = |change: &Change| change.setting.service.as_deref().is_some_and(is_meant);
    let (recorded, rest): (Vec<Change>, Vec<Change>) =
        kept(postfix, Record::Deliver).into_iter().partition(of_it);
    let mut back = Vec::new();
    for change in &recorded {
        // Not changed since.
        if change.setting.raw(postfix)?.as_deref() == Some(&*change.after) {
            back.push((change.setting.clone(), change.before.clone()));
        }
    }
    // What somebody has changed since, or has put there: only our map goes.
    let services = facts.running("smtp").map(|service| Some(service.label()));
    let services = services.filter(|label| label.as_deref().is_some_and(is_meant));
    for label in services.chain(args.service.is_none().then_some(None)) {
        let is_recorded = recorded.iter().any(|change| change.setting.service == label);
        for (setting, value) in by_hand(postfix, label.as_deref(), settings, facts)? {
            // A header that was not changed then was somebody's own wish.
            let is_wish = is_recorded && setting.name == HOP_HEADER;
            if !is_wish && back.iter().all(|(known, _)| *known != setting) {
                back.push((setting, value));
            }
        }
    }
    if back.is_empty() {
        println!("Postfix does not ask for next hops.");
        return Ok(());
    }
    need_root()?;
    let mut steps: Vec<Step> =
        back.iter().map(|(setting, value)| setting.put(postfix, value.as_deref())).collect();
    steps.push(postfix.command("postfix", &["reload"]));
    confirm(&steps, args.yes)?;
    run_all(postfix, &steps)?;
    forget_but(postfix, Record::Deliver, &rest)?;
    println!("Postfix no longer asks: mail leaves as Postfix itself is set.");
    Ok(())
}

/// What takes our map out of a service, or of main.cf, by what is there.
fn by_hand(
    postfix: Instance<'_>,
    service: Option<&str>,
    settings: &Settings,
    facts: &PostfixFacts,
) -> Result<Vec<(Setting, Option<String>)>, NotDone> {
    let of = |name| service.map_or_else(|| Setting::main(name), |label| Setting::of(label, name));
    let setting = of(HOP_MAPS);
    let Some(list) = setting.raw(postfix)? else { return Ok(Vec::new()) };
    let is_ours = |map: &&str| is_our_map(map, facts, settings);
    if !elements(&list).any(|map| is_ours(&map)) {
        return Ok(Vec::new());
    }
    let others: Vec<&str> = elements(&list).filter(|map| !is_ours(map)).collect();
    let of_main = Setting::main(HOP_MAPS).raw(postfix)?.unwrap_or_default();
    // The same as main.cf's is no setting of a service's own.
    let is_own = match service {
        Some(_) => others != elements(&of_main).collect::<Vec<_>>(),
        None => !others.is_empty(),
    };
    let mut back = vec![(setting, is_own.then(|| others.join(",")))];
    let header = of(HOP_HEADER);
    if service.is_some() && header.raw(postfix)?.as_deref() == Some("no") {
        back.push((header, None));
    }
    Ok(back)
}
