//! What a Postfix is set to, and what in it defeats the policy: for `check --postfix`, `setup` and `doctor`.
//!
//! [`gather`] asks Postfix and makes facts of the answers; [`findings`] is pure and judges them
//! against the settings and the policy, a module a subject.

mod facts;
mod finding;
mod gather;
mod milters;
mod rewriting;
mod session;
mod syntax;
mod terms;
#[cfg(test)]
mod tests;
mod trust;

use config::settings::Settings;
pub(crate) use facts::PostfixFacts;
pub(crate) use finding::{Finding, Severity};
pub(crate) use gather::gather;
pub(crate) use milters::{address_for_public, is_ours};
use policy::Policy;
pub(crate) use syntax::{elements, milters as milter_entries};

/// What is judged, and by what.
struct Setup<'a> {
    facts: &'a PostfixFacts,
    settings: &'a Settings,
    policy: &'a Policy,
}

/// All that is to be said, the worst first.
pub(crate) fn findings(facts: &PostfixFacts, settings: &Settings, policy: &Policy) -> Vec<Finding> {
    let setup = Setup { facts, settings, policy };
    let mut all = Vec::new();
    for look in [milters::check, session::check, rewriting::check, trust::check] {
        look(&setup, &mut all);
    }
    // What main.cf says is found again for each service that it holds for.
    let mut findings: Vec<Finding> = Vec::new();
    for finding in all {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings.sort_by_key(|finding| finding.severity);
    findings
}
