//! How it goes, in words: alike in tables and on pages.

use crate::hops::pick;
use crate::report::share_in;
use crate::text::{few, number};
use ledger::DAY;
use ledger::report::{Report, Trend, date_text};
use policy::Language;

/// What there is to say, each with what it is about; nothing where nothing has changed and nothing is known of before.
#[must_use]
pub fn lines(report: &Report, trend: &Trend, language: Language) -> Vec<(&'static str, String)> {
    let pick = |words| pick(language, words);
    let mut lines = Vec::new();
    if let Some(before) = trend.before.filter(|before| before.judged > 0) {
        let words = pick([
            "{share} of {count} encrypted, {fault} at fault, {from} to {to}",
            "{share} von {count} verschlüsselt, {fault} mit Mängeln, {from} bis {to}",
        ]);
        let text = words
            .replace("{share}", &share_in(before.share(), language))
            .replace("{count}", &number(before.judged))
            .replace("{fault}", &number(before.at_fault()))
            .replace("{from}", &date_text(trend.before_since))
            .replace("{to}", &date_text(report.since - DAY));
        lines.push((pick(["before", "vorher"]), text));
    }
    for (names, words) in [
        (&trend.new, ["new at fault", "neu mit Mängeln"]),
        (&trend.returning, ["back at fault", "wieder mit Mängeln"]),
        (&trend.resolved, ["resolved", "behoben"]),
        (&trend.away, ["not seen", "nicht gesehen"]),
    ] {
        if !names.is_empty() {
            lines.push((pick(words), few(names)));
        }
    }
    lines
}
