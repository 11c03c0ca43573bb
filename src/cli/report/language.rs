//! The language that the contact of a domain reads.

use crate::cli::entry_name::deciding;
use crate::cli::ledger_file::LedgerFile;
use config::policy_file;
use policy::{Language, Pattern};

/// The language of the entry that decides for what has this name; English for all domains together, for one
/// without an entry, and where there are no settings beside the ledger.
///
/// A policy that cannot be read stops no report: it says so, and goes on in English.
pub(super) fn of_entry(place: &LedgerFile, name: Option<&Pattern>) -> Language {
    let (Some(name), Ok(settings)) = (name, place.settings()) else {
        return Language::English;
    };
    match policy_file::load(&settings.policy).policy {
        Ok(policy) => deciding(&policy, name).map_or(Language::English, |entry| entry.language),
        Err(_) => {
            eprintln!(
                "The policy cannot be read, so the page is in English; --language says otherwise."
            );
            Language::English
        }
    }
}
