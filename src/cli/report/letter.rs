//! `report --letter`: what to write to the postmaster of somebody whose mail is not encrypted as it should be.

use super::beside::Beside;
use crate::wording::harmless;
use ledger::complaint::complaint;
use ledger::partner::Partner;
use ledger::report::Query;
use ledger::{Domains, Reader, Selection, StoreError};
use pages::hops;
use pages::letter::{Letter, letter};
use policy::Language;
use std::io::{self, Write};

/// The letter; none where nothing was or would be refused.
pub(super) fn of(
    ledger: &Reader,
    query: &Query,
    partner: &Partner,
    (beside, language): (&Beside<'_>, Language),
) -> Result<Option<Letter>, StoreError> {
    let domains = query.of.as_ref().map(Domains::from).unwrap_or_default();
    let selection = Selection { since: query.since, domains };
    let found = complaint(ledger, &selection, partner)?;
    let from = query.of.as_ref().and_then(|name| beside.enforced_from(name));
    Ok(found.map(|found| letter(&found, from, language, hops::Reader::Operator)))
}

/// The letter goes to standard output, to be mailed; what is for us alone goes to standard error.
pub(super) fn write(out: &mut impl Write, letter: &Letter, language: Language) -> io::Result<()> {
    if !letter.first.is_empty() {
        eprintln!("Before you send this:");
        for text in &letter.first {
            eprintln!("- {}", harmless(text));
        }
        eprintln!();
    }
    match letter.text(language) {
        None => {
            eprintln!("There is nothing that their postmaster could mend, so there is no letter.")
        }
        Some(text) => {
            if !letter.to.is_empty() {
                let to = match language {
                    Language::English => "To",
                    Language::German => "An",
                };
                writeln!(out, "{to}: {}", harmless(&letter.to.join(", ")))?;
            }
            write!(out, "{}", harmless(&text))?;
        }
    }
    Ok(())
}
