//! What a Postfix or Sendmail is set to, and what in it defeats the policy: for `check --postfix`, `setup` and `doctor`.
//!
//! [`gather`] asks Postfix and makes facts of the answers; [`diagnose`] is pure and judges them
//! against the settings and the policy, a module a subject.

mod actions;
mod cipher_list;
mod deliver;
mod diagnosis;
mod doors;
mod facts;
mod gather;
mod leads;
mod local_names;
mod milter_entry;
mod milter_options;
mod milters;
mod offered;
mod release;
mod replies;
mod rewriting;
mod sendmail;
mod session;
mod submission;
mod syntax;
#[cfg(test)]
mod tests;
mod trust;

use crate::command::CommandError;
use config::finding::FindingId;
use config::settings::Settings;
pub(crate) use deliver::{
    HEADER as HOP_HEADER, PARAMETER as HOP_MAPS, is_our_map, map_address, means_socket, our_map,
};
use diagnosis::Place;
pub(crate) use diagnosis::{Diagnosis, Gravity};
pub(crate) use doors::{doorways, port_number};
pub(crate) use facts::{Parameters, PostfixFacts, Service};
pub(crate) use gather::{gather, gather_all};
pub(crate) use leads::{address_for, address_for_public, is_ours, public_smtpd, smtp_address};
pub(crate) use milter_entry::milters as milter_entries;
use policy::Policy;
pub(crate) use release::puts_off;
pub(crate) use replies::{SANE_ERROR_LIMIT, error_limit_is_usual};
pub(crate) use sendmail::sendmail;
use std::path::Path;
pub(crate) use syntax::{compact_list, elements};

/// What is looked at, and by what it is judged.
struct Given<'a> {
    facts: &'a PostfixFacts,
    settings: &'a Settings,
    policy: &'a Policy,
}

/// All that defeats the policy or may surprise the postmaster, the worst first.
pub(crate) fn diagnose(
    facts: &PostfixFacts,
    settings: &Settings,
    policy: &Policy,
) -> Vec<Diagnosis> {
    let given = Given { facts, settings, policy };
    let mut all = Vec::new();
    let looks = [
        deliver::check,
        milters::check,
        session::check,
        local_names::check,
        rewriting::check,
        actions::check,
        replies::check,
        trust::check,
    ];
    for look in looks {
        look(&given, &mut all);
    }
    // What main.cf says is found again for each service that it holds for.
    let mut diagnoses: Vec<Diagnosis> = Vec::new();
    for diagnosis in all {
        if !diagnoses.contains(&diagnosis) {
            diagnoses.push(diagnosis);
        }
    }
    diagnoses.sort_by_key(|diagnosis| diagnosis.gravity);
    diagnoses
}

/// Looks into a Postfix, with all instances that it has: what each is set to, and what was found there.
///
/// # Errors
///
/// When Postfix cannot be asked: why not.
pub(crate) fn examine(
    directory: Option<&Path>,
    settings: &Settings,
    policy: &Policy,
) -> Result<Vec<(PostfixFacts, Vec<Diagnosis>)>, CommandError> {
    let (all, unseen) = gather_all(directory)?;
    let unseen = unseen.iter().map(|(directory, error)| not_looked_at(directory, error));
    let mut unseen: Vec<Diagnosis> = unseen.collect();
    let look = |facts: PostfixFacts| {
        let mut found = diagnose(&facts, settings, policy);
        // The first one names the others.
        found.append(&mut unseen);
        (facts, found)
    };
    Ok(all.into_iter().map(look).collect())
}

/// That an instance of Postfix could not be looked at.
fn not_looked_at(directory: &str, error: &CommandError) -> Diagnosis {
    Diagnosis::new(
        FindingId::OtherInstance,
        Gravity::Warning,
        Place { subject: directory.to_owned(), text: directory.to_owned() },
        format!("this instance of Postfix cannot be looked into: {error}"),
        "mend its main.cf, or take it out of multi_instance_directories",
    )
}
