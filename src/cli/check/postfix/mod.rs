//! `mandatory-tls check --postfix`: is there anything in Postfix that defeats the policy?
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

use crate::policy::Policy;
use crate::settings::Settings;
use crate::status::counted;
pub(in crate::cli) use facts::PostfixFacts;
pub(in crate::cli) use finding::{Finding, Severity};
pub(in crate::cli) use gather::gather;
pub(in crate::cli) use milters::{address_for_public, is_ours};
use std::path::Path;
pub(in crate::cli) use syntax::{elements, milters as milter_entries};

/// What is judged, and by what.
struct Setup<'a> {
    facts: &'a PostfixFacts,
    settings: &'a Settings,
    policy: &'a Policy,
}

/// Looks into a Postfix and prints what it finds; whether that is without errors.
///
/// # Errors
///
/// When Postfix cannot be asked: why not.
pub(super) fn check(
    directory: Option<&Path>,
    settings: &Settings,
    policy: &Policy,
) -> Result<bool, String> {
    let facts = gather(directory).map_err(|error| error.to_string())?;
    let findings = findings(&facts, settings, policy);
    for finding in &findings {
        print!("\n{finding}");
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let errors = count(Severity::Error);
    println!(
        "\n{}: Postfix {}; {}, {}, {}",
        facts.directory,
        facts.main.get("mail_version"),
        counted(errors, "error"),
        counted(count(Severity::Warning), "warning"),
        counted(count(Severity::Note), "note"),
    );
    Ok(errors == 0)
}

/// All that is to be said, the worst first.
pub(in crate::cli) fn findings(
    facts: &PostfixFacts,
    settings: &Settings,
    policy: &Policy,
) -> Vec<Finding> {
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
