//! The words of a report for a terminal and CSV, which are in English.

use super::Words;
use crate::text::number;
use ledger::report::{By, Group, Outcome, Report};
use policy::Language;

fn words() -> &'static Words {
    Words::of(Language::English)
}

/// What a reader has to know of the figures.
#[must_use]
pub fn notes(report: &Report) -> Vec<String> {
    words().notes(report, number)
}

/// What became of a group, in words.
#[must_use]
pub fn outcome_text(outcome: Outcome) -> String {
    words().outcome(outcome)
}

/// The name of a group, also of one that has none.
#[must_use]
pub fn name_of(group: &Group, by: By) -> String {
    words().name_of(group, by).to_owned()
}

/// A share in a language: `97,2 %` in German.
#[must_use]
pub fn share_in(share: Option<f64>, language: Language) -> String {
    Words::of(language).share(share)
}

/// A share as `97.2 %`; what is not quite all is never shown as 100, and what is not quite nothing never
/// as 0.
#[must_use]
pub fn share_text(share: Option<f64>) -> String {
    words().share(share)
}
