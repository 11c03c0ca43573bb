//! `mandatory-tls check --postfix`: is there anything in Postfix that defeats the policy?

use crate::postfix::{Severity, findings, gather};
use crate::wording::counted;
use config::settings::Settings;
use policy::Policy;
use std::path::Path;

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
