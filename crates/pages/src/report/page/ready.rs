//! Whether the domains can be enforced, and who stands in the way.

use super::Tone;
use crate::readiness::{answer, because, details, name};
use crate::text::{tight_number, unbroken, visible};
use ledger::readiness::{Readiness, State};
use ledger::report::Report;
use policy::Language;

/// How many that stand in the way are named.
const MOST: usize = 12;
/// How many domains there is room for, the worst first.
const MOST_DOMAINS: usize = 50;

pub(super) struct ReadyCard {
    /// Empty where there is no other.
    pub domain: String,
    pub class: &'static str,
    pub answer: String,
    /// Those in the way: the name, and what is told of it.
    pub in_the_way: Vec<(String, String)>,
    pub because: Vec<String>,
}

pub(super) fn cards(report: &Report, language: Language) -> Vec<ReadyCard> {
    let is_one = report.readiness.len() == 1;
    let card = |one: &Readiness| ReadyCard {
        domain: if is_one { String::new() } else { visible(&one.domain) },
        class: tone(one).class(),
        answer: unbroken(answer(one, language, tight_number)),
        in_the_way: one
            .in_the_way()
            .take(MOST)
            .map(|one| {
                let details = details(one, language, tight_number).join("; ");
                (visible(name(one, language)), visible(&details))
            })
            .collect(),
        because: because(one, language, tight_number),
    };
    report.readiness.iter().take(MOST_DOMAINS).map(card).collect()
}

fn tone(readiness: &Readiness) -> Tone {
    match readiness.state {
        State::NotYet => Tone::Warning,
        State::NotEnough => Tone::Unknown,
        State::Enforced if readiness.in_the_way().next().is_some() => Tone::Bad,
        State::Ready | State::Enforced => Tone::Good,
    }
}
