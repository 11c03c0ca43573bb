//! How mail came, by TLS version: a bar for each, in two parts, since a session can have a version and
//! no encryption.

use super::Tone;
use crate::report::words::Words;
use crate::text::{blank_zero, tight_number, visible};
use ledger::report::{By, Group, Report, share};

pub(super) struct VersionLine {
    pub name: String,
    pub share: String,
    pub count: String,
    pub inadequate: String,
    pub parts: Vec<BarPart>,
}

/// A part of a bar that lies on its side, in per cent of the whole.
pub(super) struct BarPart {
    pub from: f64,
    pub width: f64,
    pub class: &'static str,
}

/// The least width of a part: what is there is seen.
const LEAST: f64 = 0.4;

pub(super) fn versions(report: &Report, words: &Words) -> Vec<VersionLine> {
    let mut versions: Vec<&Group> = report.versions.iter().collect();
    versions.sort_by_key(|group| std::cmp::Reverse(group.totals.judged));
    let all = report.totals.judged;
    versions.into_iter().map(|group| line(group, all, words)).collect()
}

fn line(group: &Group, all: u64, words: &Words) -> VersionLine {
    let judged = group.totals.judged;
    let inadequate = group.totals.known() - group.totals.encrypted;
    let parts = [
        (group.totals.encrypted, Tone::Good),
        (inadequate, Tone::Bad),
        (group.totals.tls_unknown, Tone::Unknown),
    ];
    VersionLine {
        name: visible(words.name_of(group, By::Version)),
        share: words.share(share(judged, all)),
        count: tight_number(judged),
        inadequate: blank_zero(inadequate).replace(' ', "\u{202f}"),
        parts: bar(parts, all),
    }
}

/// A bar of these parts of so many.
pub(super) fn bar(parts: impl IntoIterator<Item = (u64, Tone)>, all: u64) -> Vec<BarPart> {
    let mut from = 0.0;
    let there = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts = there.map(|(count, tone)| {
        let width = share(count, all).unwrap_or_default().max(LEAST);
        from += width;
        BarPart { from: from - width, width, class: tone.class() }
    });
    parts.collect()
}
