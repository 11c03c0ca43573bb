//! Both hops, a card for each domain: the sentence, how mail came and how it left, and the exceptions.

use super::Tone;
use super::versions::{BarPart, bar};
use crate::hops::{Reader, advice, exception, sentence};
use crate::report::words::Words;
use crate::text::{quoted, tight_number, unbroken};
use ledger::hops::{Came, DomainHops, First, Left, Second};
use ledger::report::Report;

/// How many are in sight, and how many there is room for. The worst come first.
const IN_SIGHT: usize = 10;
const MOST: usize = 500;

pub(super) struct HopCards {
    pub in_sight: Vec<HopCard>,
    pub folded: Vec<HopCard>,
    /// How many are folded away, in words.
    pub unfold: String,
    /// How many there is no room for, in words; none where all are there.
    pub not_here: Option<String>,
    /// Whether there is more than one.
    pub named: bool,
}

pub(super) struct HopCard {
    pub domain: String,
    pub class: &'static str,
    pub sentence: String,
    pub hops: [Hop; 2],
    /// Each exception, with what to do about it, if anything.
    pub exceptions: Vec<(String, Option<String>)>,
}

/// One of the hops.
pub(super) struct Hop {
    pub name: &'static str,
    /// The parts of the bar; none where nothing is known.
    pub parts: Vec<BarPart>,
    /// The figures, each with what it is.
    pub figures: Vec<(String, &'static str)>,
}

impl HopCards {
    pub fn new(report: &Report, reader: Reader, words: &Words) -> Self {
        let domains = &report.hops.domains;
        let mut in_sight: Vec<_> =
            domains.iter().take(MOST).map(|hops| card(hops, reader, words)).collect();
        // To unfold a card or two is more trouble than to read them.
        let room = if in_sight.len() <= IN_SIGHT + 2 { in_sight.len() } else { IN_SIGHT };
        let folded = in_sight.split_off(room);
        let not_here = domains.len().saturating_sub(MOST) as u64;
        Self {
            named: report.domain.is_none() || domains.len() > 1,
            in_sight,
            unfold: words.groups.folded.of(folded.len() as u64),
            folded,
            not_here: (not_here > 0).then(|| words.groups.not_here.of(not_here)),
        }
    }
}

fn card(hops: &DomainHops, reader: Reader, words: &Words) -> HopCard {
    let language = words.language;
    let exceptions = hops.exceptions.iter().map(|one| {
        let text = unbroken_dates(&exception(one, language, tight_number));
        let advice = advice(one, language, reader);
        (text, advice.map(|advice| quoted(&advice, language)))
    });
    HopCard {
        domain: hops.domain.clone(),
        class: tone(hops).class(),
        sentence: unbroken_dates(&sentence(hops, language)),
        hops: [came(&hops.came, words), left(hops.left.as_ref(), words)],
        exceptions: exceptions.collect(),
    }
}

/// Dates are not broken at their hyphens.
fn unbroken_dates(text: &str) -> String {
    let is_date = |word: &str| word.starts_with("20") && word.contains('-');
    let words =
        text.split(' ').map(|word| if is_date(word) { unbroken(word) } else { word.to_owned() });
    words.collect::<Vec<_>>().join(" ")
}

fn tone(hops: &DomainHops) -> Tone {
    match (hops.first, hops.second) {
        (_, Second::NotAll) => Tone::Bad,
        _ if hops.exceptions.iter().any(ledger::hops::Exception::is_held_up) => Tone::Warning,
        (First::NotAll, _) => Tone::Warning,
        (First::NothingCame, Second::NothingKnown) => Tone::Plain,
        (First::NotKnown, _) | (_, Second::NotKnown | Second::NothingKnown) => Tone::Unknown,
        _ => Tone::Good,
    }
}

fn came(came: &Came, words: &Words) -> Hop {
    let text = &words.hops;
    let all = [
        (came.encrypted, text.encrypted, Tone::Good),
        (came.unencrypted(), text.unencrypted, Tone::Bad),
        (came.unknown, text.unknown, Tone::Unknown),
    ];
    let mut hop = hop(text.came, &all);
    hop.figures.extend(shown(came.refused, text.refused));
    hop
}

fn left(left: Option<&Left>, words: &Words) -> Hop {
    let text = &words.hops;
    let Some(left) = left else {
        let figures = vec![(String::new(), text.nothing_known)];
        return Hop { name: text.left, parts: Vec::new(), figures };
    };
    let all = [
        (left.verified + left.encrypted, text.encrypted, Tone::Good),
        (left.unencrypted, text.unencrypted, Tone::Bad),
        (left.unknown, text.unknown, Tone::Unknown),
        (left.waits, text.waits, Tone::Warning),
    ];
    let mut hop = hop(text.left, &all);
    if left.verified > 0 {
        let place = usize::from(left.verified + left.encrypted > 0);
        hop.figures.insert(place, (tight_number(left.verified), text.verified));
    }
    hop.figures.extend(shown(left.local, text.local));
    hop.figures.extend(shown(left.went_back, text.went_back));
    hop
}

fn shown(count: u64, name: &'static str) -> Option<(String, &'static str)> {
    (count > 0).then(|| (tight_number(count), name))
}

fn hop(name: &'static str, all: &[(u64, &'static str, Tone)]) -> Hop {
    let sum: u64 = all.iter().map(|(count, ..)| count).sum();
    let parts = bar(all.iter().map(|(count, _, tone)| (*count, *tone)), sum);
    let figures = all.iter().filter_map(|(count, name, _)| shown(*count, name)).collect();
    Hop { name, parts, figures }
}
