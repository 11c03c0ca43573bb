//! The figures at the head of the page.

use super::Tone;
use crate::report::words::Words;
use crate::text::tight_number;
use ledger::report::{Outcome, Report};

pub(super) struct Tile {
    pub value: String,
    pub name: &'static str,
    pub detail: String,
    /// Smaller figures that it is made of, each with what it is.
    pub parts: Vec<(String, &'static str)>,
    pub class: &'static str,
}

/// The outcomes in the order of their gravity. Their moments do not matter here.
const OUTCOMES: [(Outcome, Tone); 6] = [
    (Outcome::StillFailing { since: 0 }, Tone::Bad),
    (Outcome::NotBackYet { since: 0, attempts: 0, days: 0 }, Tone::Warning),
    (Outcome::NotBack { since: 0, attempts: 0, days: 0 }, Tone::Bad),
    (Outcome::Quiet { since: 0 }, Tone::Warning),
    (Outcome::OtherServer { at: 0 }, Tone::Warning),
    (Outcome::Resolved { at: 0 }, Tone::Good),
];

pub(super) fn tiles(report: &Report, words: &Words) -> Vec<Tile> {
    let totals = report.totals;
    let text = &words.tiles;
    let at_fault: u64 = report.outcomes.values().sum();
    let found = OUTCOMES.into_iter().filter_map(|(outcome, tone)| {
        let count = report.outcomes.get(outcome.code()).copied().filter(|count| *count > 0)?;
        Some((count, outcome, tone))
    });
    let found: Vec<_> = found.collect();
    vec![
        Tile {
            value: words.share(totals.share()),
            name: text.encrypted,
            detail: text.encrypted_of.of(totals.known()),
            parts: match totals.tls_unknown {
                0 => vec![],
                unknown => vec![(tight_number(unknown), text.unknown)],
            },
            class: Tone::Good.if_any(totals.encrypted).class(),
        },
        Tile {
            value: tight_number(totals.refused),
            name: text.refused,
            detail: text.refused_hint.into(),
            parts: match totals.refused_attempts {
                attempts if attempts > totals.refused => {
                    vec![(tight_number(attempts), text.attempts)]
                }
                _ => vec![],
            },
            class: Tone::Bad.if_any(totals.refused).class(),
        },
        Tile {
            value: tight_number(totals.would_refuse),
            name: text.would_refuse,
            detail: text.would_refuse_hint.into(),
            parts: vec![],
            class: Tone::Warning.if_any(totals.would_refuse).class(),
        },
        Tile {
            value: tight_number(at_fault),
            name: text.at_fault,
            detail: text.at_fault_of.of(report.peers),
            parts: found
                .iter()
                .map(|(count, outcome, _)| (tight_number(*count), words.outcome_kind(*outcome)))
                .collect(),
            class: found.first().map_or(Tone::Plain, |(_, _, tone)| *tone).class(),
        },
    ]
}
