//! What a Postfix is set to, and what in it defeats the policy: for `check --postfix`, `setup` and `doctor`.
//!
//! [`gather`] asks Postfix and makes facts of the answers; [`diagnose`] is pure and judges them
//! against the settings and the policy, a module a subject.

mod diagnosis;
mod facts;
mod gather;
mod local_names;
mod milter_options;
mod milters;
mod rewriting;
mod session;
mod submission;
mod syntax;
#[cfg(test)]
mod tests;
mod trust;

use config::settings::Settings;
pub(crate) use diagnosis::{Diagnosis, Gravity};
pub(crate) use facts::PostfixFacts;
pub(crate) use gather::gather;
pub(crate) use milters::{address_for_public, is_ours};
use policy::Policy;
pub(crate) use syntax::{elements, milters as milter_entries};

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
    let looks =
        [milters::check, session::check, local_names::check, rewriting::check, trust::check];
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
