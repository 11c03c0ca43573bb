//! `mandatory-tls check --postfix`: is there anything in Postfix that defeats the policy?

use crate::postfix::{Diagnosis, Gravity, PostfixFacts, examine};
use crate::wording::counted;
use config::finding::Accepted;
use config::settings::Settings;
use policy::Policy;
use std::path::Path;

/// Looks into a Postfix, with all instances that it has, and prints what it finds; whether that is without errors
/// that nobody has accepted.
///
/// # Errors
///
/// When Postfix cannot be asked: why not.
pub(super) fn check(
    directory: Option<&Path>,
    settings: &Settings,
    policy: &Policy,
    accepted: &Accepted,
) -> Result<bool, String> {
    let all = examine(directory, settings, policy).map_err(|error| error.to_string())?;
    let mut right = true;
    for (facts, found) in all {
        right &= report(&facts, found, accepted);
    }
    Ok(right)
}

/// Prints what was found in one instance.
fn report(facts: &PostfixFacts, found: Vec<Diagnosis>, accepted: &Accepted) -> bool {
    let (known, new): (Vec<Diagnosis>, Vec<Diagnosis>) = found
        .into_iter()
        .partition(|diagnosis| accepted.holds(diagnosis.id, &diagnosis.place.subject));
    for diagnosis in &new {
        print!("\n{diagnosis}");
    }
    if !known.is_empty() {
        println!();
    }
    for Diagnosis { id, message, place, .. } in &known {
        println!("accepted[{id}]: {message}\n --> {}", place.text);
    }
    let count = |gravity| new.iter().filter(|diagnosis| diagnosis.gravity == gravity).count();
    let errors = count(Gravity::Error);
    let beside =
        if known.is_empty() { String::new() } else { format!(", {} accepted", known.len()) };
    println!(
        "\n{}: Postfix {}; {}, {}, {}{beside}",
        facts.directory,
        facts.main.get("mail_version"),
        counted(errors, "error"),
        counted(count(Gravity::Warning), "warning"),
        counted(count(Gravity::Note), "note"),
    );
    errors == 0
}
