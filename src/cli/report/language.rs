//! The language that the contact of a domain reads.

use crate::cli::ledger_file::LedgerFile;
use config::policy_file;
use policy::{DomainName, Language};

/// The language of the entry that decides for this domain; English for all domains together, for one
/// without an entry, and where there are no settings beside the ledger.
///
/// A policy that cannot be read stops no report: it says so, and goes on in English.
pub(super) fn of_domain(place: &LedgerFile, domain: Option<&DomainName>) -> Language {
    let (Some(domain), Ok(settings)) = (domain, place.settings()) else {
        return Language::English;
    };
    match policy_file::load(&settings.policy).policy {
        Ok(policy) => {
            let found = policy.domains.find_domain(domain);
            found.map_or(Language::English, |found| found.entry.language)
        }
        Err(_) => {
            eprintln!(
                "The policy cannot be read, so the page is in English; --language says otherwise."
            );
            Language::English
        }
    }
}
