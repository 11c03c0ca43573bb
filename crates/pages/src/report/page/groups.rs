//! The groups of a report, the worst of them in sight and the others folded away.

use super::Tone;
use crate::digest::reason;
use crate::hops::fault;
use crate::report::words::Words;
use crate::text::{few, tight_number, unbroken, visible};
use ledger::RecordedReason;
use ledger::report::{By, Group, Outcome, Report};
use policy::Language;

/// How many are in sight. The others unfold; so they are read without the script, and searched with it.
const IN_SIGHT: usize = 25;

pub(super) struct GroupTable {
    pub title: &'static str,
    pub caption: &'static str,
    /// The heads of the first column, and of the other side; none where there is no other side, and no
    /// status either.
    pub name: &'static str,
    pub others: Option<&'static str>,
    /// A class that says which these are.
    pub whose: &'static str,
    pub in_sight: Vec<GroupLine>,
    pub folded: Vec<GroupLine>,
    /// How many are folded away, in words: to unfold them, and on paper.
    pub unfold: String,
    pub not_printed: String,
    /// How many there is no room for, in words; none where all are there.
    pub not_here: Option<String>,
}

pub(super) struct GroupLine {
    pub name: String,
    pub host: String,
    pub status: String,
    /// Figures of what became of it; empty for none.
    pub detail: String,
    pub class: &'static str,
    /// By how grave it is, for the script.
    pub gravity: u8,
    pub refused: String,
    /// In how many attempts, in words, where these are more; else empty.
    pub attempts: String,
    pub would_refuse: String,
    pub judged: String,
    pub encrypted: String,
    /// In per cent.
    pub share: f64,
    pub reasons: String,
    pub others: String,
}

impl GroupTable {
    pub fn new(report: &Report, by: By, limit: usize, words: &Words) -> Self {
        let text = &words.groups;
        let here = report.groups.get(..limit).unwrap_or(&report.groups);
        let mut in_sight: Vec<GroupLine> =
            here.iter().map(|group| line(group, by, words)).collect();
        // To unfold a line or two is more trouble than to read them.
        let room = if in_sight.len() <= IN_SIGHT + 3 { in_sight.len() } else { IN_SIGHT };
        let folded = in_sight.split_off(room);
        let not_here = (report.groups.len() - here.len()) as u64;
        Self {
            title: words.by_title(by),
            caption: if by == By::Day { text.caption_by_time } else { text.caption_worst_first },
            name: words.by(by),
            others: match by {
                By::Peer => Some(text.senders),
                By::Sender | By::Correspondent => Some(text.peers),
                By::Domain | By::Version | By::Cipher | By::Day => None,
            },
            whose: match by {
                By::Peer => "senders",
                By::Sender | By::Correspondent => "peers",
                By::Domain | By::Version | By::Cipher | By::Day => "",
            },
            in_sight,
            not_printed: text.not_printed.replace("{}", &tight_number(folded.len() as u64)),
            unfold: text.folded.of(folded.len() as u64),
            folded,
            not_here: (not_here > 0).then(|| text.not_here.of(not_here)),
        }
    }
}

fn line(group: &Group, by: By, words: &Words) -> GroupLine {
    let totals = group.totals;
    let (tone, gravity) = tone(group.outcome);
    let language: Language = words.language;
    let mut reasons: Vec<_> =
        group.reasons.iter().map(|recorded| reason(recorded, language)).collect();
    // Several reasons may have the same words.
    reasons.dedup();
    let blank_zero = |count: u64| if count == 0 { String::new() } else { tight_number(count) };
    let status = group.outcome.map(|outcome| unbroken(words.outcome(outcome))).unwrap_or_default();
    let (status, detail) = status.split_once(": ").unwrap_or((&status, ""));
    let is_repeated = totals.refused_attempts > totals.refused;
    GroupLine {
        name: visible(words.name_of(group, by)),
        host: visible(&group.host),
        status: status.to_owned(),
        detail: detail.to_owned(),
        class: tone.class(),
        gravity,
        refused: blank_zero(totals.refused),
        attempts: if is_repeated {
            words.statuses.attempts.of(totals.refused_attempts)
        } else {
            String::new()
        },
        would_refuse: blank_zero(totals.would_refuse),
        judged: tight_number(totals.judged),
        encrypted: words.share(totals.share()),
        share: totals.share().unwrap_or_default(),
        reasons: visible(&(reasons.join(", ") + &failed(group, language))),
        others: visible(&few(&group.others)),
    }
}

/// Why its handshakes failed, where it tried TLS and no reason says it; else empty.
fn failed(group: &Group, language: Language) -> String {
    if group.reasons.iter().any(|reason| matches!(reason, RecordedReason::TlsFailed(_))) {
        return String::new();
    }
    let mut faults: Vec<_> =
        group.handshakes.iter().map(|failure| fault(failure.fault, language)).collect();
    faults.dedup();
    let tried = match language {
        Language::English => "TLS failed",
        Language::German => "TLS schlug fehl",
    };
    if faults.is_empty() { String::new() } else { format!("; {tried}: {}", faults.join(", ")) }
}

fn tone(outcome: Option<Outcome>) -> (Tone, u8) {
    match outcome {
        Some(Outcome::StillFailing { .. }) => (Tone::Bad, 6),
        Some(Outcome::NotBackYet { .. }) => (Tone::Warning, 5),
        Some(Outcome::NotBack { .. }) => (Tone::Bad, 4),
        Some(Outcome::Quiet { .. }) => (Tone::Warning, 3),
        Some(Outcome::OtherServer { .. }) => (Tone::Warning, 2),
        Some(Outcome::Resolved { .. }) => (Tone::Good, 1),
        None => (Tone::Plain, 0),
    }
}
