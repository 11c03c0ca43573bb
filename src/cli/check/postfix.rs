//! `mandatory-tls check --postfix`: is there anything in Postfix that defeats the policy?

use crate::postfix::{Gravity, diagnose, gather};
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
    let diagnoses = diagnose(&facts, settings, policy);
    for diagnosis in &diagnoses {
        print!("\n{diagnosis}");
    }
    let count = |gravity| diagnoses.iter().filter(|diagnosis| diagnosis.gravity == gravity).count();
    let errors = count(Gravity::Error);
    println!(
        "\n{}: Postfix {}; {}, {}, {}",
        facts.directory,
        facts.main.get("mail_version"),
        counted(errors, "error"),
        counted(count(Gravity::Warning), "warning"),
        counted(count(Gravity::Note), "note"),
    );
    Ok(errors == 0)
}
