//! What `setup postfix` changes in Postfix's configuration, and how it takes it back.

use super::NotDone;
use super::change::{Change, Instance, Record, Setting, kept};
use crate::postfix::{
    PostfixFacts, SANE_ERROR_LIMIT, address_for, address_for_public, compact_list, elements,
    error_limit_is_usual, is_ours, milter_entries, public_smtpd, puts_off,
};
use config::settings::Settings;

/// The parameter with the milters of smtpd.
pub(super) const PARAMETER: &str = "smtpd_milters";
/// The one with those of local mail, which many set to the same.
const LOCAL: &str = "non_smtpd_milters";
/// How many refused recipients a session may have.
const LIMIT: &str = "smtpd_hard_error_limit";
/// How long new connections of Postfix wait for the milter beyond the drain of the one before it.
const BEYOND_DRAIN: u64 = 30;

/// What is to be changed so that each smtpd that takes other servers' mail asks the milter.
pub(super) fn changes(
    postfix: Instance<'_>,
    settings: &Settings,
    facts: &PostfixFacts,
) -> Result<Vec<Change>, NotDone> {
    let mut changes = Vec::new();
    let main = Setting::main(PARAMETER);
    let before = main.raw(postfix)?;
    if !lists_us(facts, settings, facts.main.get(PARAMETER)) {
        let address = address_for_public(facts, settings).ok_or_else(|| nowhere(facts))?;
        let after = with_milter(settings, facts, &address, before.as_deref().unwrap_or_default());
        changes.extend(local_mail(postfix, settings, facts, before.as_deref(), &after)?);
        changes.push(Change { setting: main, before, after });
    }
    // What a service has of its own hides what main.cf says.
    for service in public_smtpd(facts) {
        let setting = Setting::of(&service.label(), PARAMETER);
        let Some(own) = setting.raw(postfix)? else { continue };
        if lists_us(facts, settings, service.parameters.get(PARAMETER)) {
            continue;
        }
        let address = address_for(facts, settings, service.chroot).ok_or_else(|| nowhere(facts))?;
        let after = compact_list(&with_milter(settings, facts, &address, &own));
        changes.push(Change { setting, before: Some(own), after });
    }
    // One that somebody has set stays as it is.
    let limit = Setting::main(LIMIT);
    if error_limit_is_usual(facts) && limit.raw(postfix)?.is_none() {
        changes.push(Change { setting: limit, before: None, after: SANE_ERROR_LIMIT.to_owned() });
    }
    Ok(changes)
}

/// What takes all of it back.
pub(super) fn undone(
    postfix: Instance<'_>,
    settings: &Settings,
    facts: &PostfixFacts,
) -> Result<Vec<(Setting, Option<String>)>, NotDone> {
    let recorded = kept(postfix, Record::Milter);
    let mut back = Vec::new();
    for change in &recorded {
        // Not changed since.
        if change.setting.raw(postfix)?.as_deref() == Some(&*change.after) {
            back.push((change.setting.clone(), change.before.clone()));
        }
    }
    // What somebody has changed since, or has put there: only this milter goes.
    let own = facts.running("smtpd").map(|service| Setting::of(&service.label(), PARAMETER));
    let lists = [PARAMETER, LOCAL].into_iter().map(Setting::main).chain(own);
    for setting in lists.filter(|setting| recorded.is_empty() || setting.name != LOCAL) {
        if back.iter().any(|(known, _)| *known == setting) {
            continue;
        }
        let Some(now) = setting.raw(postfix)? else { continue };
        let ours = |element: &&str| {
            milter_entries(element).any(|entry| is_ours(entry.address, facts, settings))
        };
        if elements(&now).any(|element| ours(&element)) {
            let others: Vec<&str> = elements(&now).filter(|element| !ours(element)).collect();
            // Without a value of its own, a service would have main.cf's.
            let keep = !others.is_empty() || setting.service.is_some();
            back.push((setting, keep.then(|| others.join(", "))));
        }
    }
    Ok(back)
}

/// Whether a list has this milter, in a way that Postfix can use.
fn lists_us(facts: &PostfixFacts, settings: &Settings, list: &str) -> bool {
    milter_entries(list)
        .any(|entry| entry.fault.is_none() && is_ours(entry.address, facts, settings))
}

fn nowhere(facts: &PostfixFacts) -> NotDone {
    let others = facts.main.get("multi_instance_directories");
    if public_smtpd(facts).next().is_none() && !others.is_empty() {
        return NotDone::config(format!(
            "no smtpd of {} takes mail from other servers.\n  = help: name the instance that does: \
             --postfix=DIR, with one of {others}",
            facts.directory
        ));
    }
    NotDone::config(format!(
        "no smtpd of this Postfix can reach the milter's socket.\n  = help: let the milter listen below {} or \
         on TCP (`listen` in the settings); and master.cf needs an smtpd (`smtp inet n - y - - smtpd`)",
        facts.main.get("queue_directory")
    ))
}

/// The list with this milter at its head. An entry of it that Postfix cannot use goes.
fn with_milter(settings: &Settings, facts: &PostfixFacts, address: &str, old: &str) -> String {
    let wait = settings.limits.drain.as_secs() + BEYOND_DRAIN;
    let action = puts_off(facts);
    let milter = format!("{{ {address}, default_action={action}, connect_timeout={wait}s }}");
    let is_kept = |element: &&str| {
        !milter_entries(element).any(|entry| is_ours(entry.address, facts, settings))
    };
    if elements(old).all(|element| is_kept(&element)) {
        return if old.is_empty() { milter } else { format!("{milter}, {old}") };
    }
    let others: Vec<&str> = elements(old).filter(is_kept).collect();
    [vec![&*milter], others].concat().join(", ")
}

/// Where local mail has the milters of smtpd, keeps it at those that there were.
fn local_mail(
    postfix: Instance<'_>,
    settings: &Settings,
    facts: &PostfixFacts,
    before: Option<&str>,
    after: &str,
) -> Result<Option<Change>, NotDone> {
    let setting = Setting::main(LOCAL);
    let Some(raw) = setting.raw(postfix)? else { return Ok(None) };
    let assigned = format!("{PARAMETER}={after}");
    let output = postfix.ask("postconf", &["-x", "-o", &assigned, LOCAL])?;
    let then = output.split_once('=').map_or("", |(_, value)| value.trim());
    let now = facts.main.get(LOCAL);
    if now == then || lists_us(facts, settings, now) {
        return Ok(None);
    }
    Ok(Some(Change {
        after: pinned(&raw, before.unwrap_or_default(), now),
        setting,
        before: Some(raw),
    }))
}

/// A value with what `$smtpd_milters` stood for; where it is named in a roundabout way, all that it came to.
fn pinned(raw: &str, milters: &str, expanded: &str) -> String {
    let braced = [format!("${{{PARAMETER}}}"), format!("$({PARAMETER})")];
    let plain = format!("${PARAMETER}");
    let found = [&*braced[0], &*braced[1], &*plain].into_iter().find(|name| raw.contains(*name));
    match found.and_then(|name| raw.split_once(name)) {
        // `$smtpd_milters_too` is another parameter.
        Some((head, tail)) if !tail.starts_with(|c: char| c.is_alphanumeric() || c == '_') => {
            format!("{head}{milters}{tail}").trim().to_owned()
        }
        _ => expanded.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_mail_keeps_the_milters_that_it_had() {
        for (raw, milters, expanded, expected) in [
            ("$smtpd_milters", "inet:a:1, $b", "inet:a:1, inet:b:2", "inet:a:1, $b"),
            ("${smtpd_milters}, inet:c:3", "inet:a:1", "", "inet:a:1, inet:c:3"),
            ("$(smtpd_milters)", "", "", ""),
            ("$smtpd_milters_too", "inet:a:1", "inet:x:9", "inet:x:9"),
            ("$mine", "inet:a:1", "inet:a:1", "inet:a:1"),
        ] {
            assert_eq!(pinned(raw, milters, expanded), expected, "{raw}");
        }
    }
}
