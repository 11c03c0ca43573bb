//! The words of a report, by language: alike in the table, in CSV and on the page.
//!
//! Each language is one value of each of these types, so that none lacks a word. `{}` stands for what
//! is filled in. Words for what the ledger knows as an enum are functions that match all of it.

mod english;
mod german;
mod known;
mod terminal;

pub use terminal::{name_of, notes, outcome_text, share_in, share_text};

use crate::text::Counted;
use english::ENGLISH;
use german::GERMAN;
use ledger::OTHERS;
use ledger::report::{By, Group, Report, date_text};
use policy::Language;

/// What a report says in one language.
#[cfg_attr(test, derive(Debug))]
pub(super) struct Words {
    pub language: Language,
    /// What stands between the parts of a number: `97.2`.
    pub decimal_point: &'static str,
    pub head: Head,
    pub tiles: Tiles,
    pub fates: Fates,
    pub chart: Chart,
    pub versions: Versions,
    pub groups: Groups,
    pub hops: Hops,
    pub handshakes: Handshakes,
    pub trend: TrendWords,
    pub story: StoryWords,
    pub statuses: Statuses,
    pub names: Names,
    pub notes: Notes,
}

#[cfg_attr(test, derive(Debug))]
pub(super) struct Head {
    pub title: &'static str,
    /// Of one partner alone.
    pub title_of: &'static str,
    pub all_domains: &'static str,
    /// The first day, the last one, how many.
    pub period: &'static str,
    pub days: Counted,
    pub nothing: &'static str,
    pub nothing_hint: &'static str,
    pub summary: &'static str,
    /// Whether encryption can be required.
    pub ready: &'static str,
}

/// The figures at the head of the page: each with what it is, and what it says.
#[cfg_attr(test, derive(Debug))]
pub(super) struct Tiles {
    pub encrypted: &'static str,
    pub encrypted_of: Counted,
    /// Of so many, it is not known how they came.
    pub unknown: &'static str,
    pub refused: &'static str,
    pub refused_hint: &'static str,
    /// Behind how many.
    pub attempts: &'static str,
    pub would_refuse: &'static str,
    pub would_refuse_hint: &'static str,
    pub at_fault: &'static str,
    pub at_fault_of: Counted,
}

/// What becomes of a recipient.
#[cfg_attr(test, derive(Debug))]
pub(super) struct Fates {
    pub let_through: &'static str,
    pub not_judged: &'static str,
    pub would_refuse: &'static str,
    pub refused: &'static str,
}

#[cfg_attr(test, derive(Debug))]
pub(super) struct Chart {
    pub title: &'static str,
    /// Where a bar is several days.
    pub bars_of: &'static str,
    /// From one day to another.
    pub span: &'static str,
    /// In words: on how many of how many days mail came, and when the most.
    pub came: &'static str,
    pub came_never: &'static str,
    pub none_refused: &'static str,
    pub refused: &'static str,
    pub would_refuse: &'static str,
    pub on_days: Counted,
    pub counted: Counted,
    pub figures: &'static str,
    pub day: &'static str,
    pub recipients: &'static str,
    pub encrypted: &'static str,
}

#[cfg_attr(test, derive(Debug))]
pub(super) struct Versions {
    pub title: &'static str,
    pub hint: &'static str,
    pub version: &'static str,
    pub share: &'static str,
    pub recipients: &'static str,
    pub inadequate: &'static str,
    pub encrypted: &'static str,
    pub not_encrypted: &'static str,
    pub unknown: &'static str,
}

#[cfg_attr(test, derive(Debug))]
pub(super) struct Groups {
    pub caption_worst_first: &'static str,
    pub caption_by_time: &'static str,
    pub status: &'static str,
    pub refused: &'static str,
    pub would_refuse: &'static str,
    pub recipients: &'static str,
    pub encrypted: &'static str,
    pub reasons: &'static str,
    /// Of a peer, and of a sender.
    pub senders: &'static str,
    pub peers: &'static str,
    pub folded: Counted,
    pub not_here: Counted,
    /// What is folded away when a page is printed.
    pub not_printed: &'static str,
    pub search: &'static str,
    pub search_hint: &'static str,
    /// How many of how many are found.
    pub found: &'static str,
    pub show_more: &'static str,
    pub show_all: &'static str,
    pub sorted: &'static str,
}

/// How it goes.
#[cfg_attr(test, derive(Debug))]
pub(super) struct TrendWords {
    pub title: &'static str,
    pub share: &'static str,
    pub month: &'static str,
}

/// One partner's story.
#[cfg_attr(test, derive(Debug))]
pub(super) struct StoryWords {
    pub houses: &'static str,
    pub sessions: &'static str,
    pub changes: &'static str,
    pub how: &'static str,
    pub elsewhere: &'static str,
    pub elsewhere_hint: &'static str,
}

/// Both hops: what stands around their sentences.
#[cfg_attr(test, derive(Debug))]
pub(super) struct Hops {
    pub title: &'static str,
    pub hint: &'static str,
    pub came: &'static str,
    pub left: &'static str,
    pub encrypted: &'static str,
    /// Behind how many of the encrypted went to a server whose certificate is the one that was demanded.
    pub verified: &'static str,
    pub unencrypted: &'static str,
    pub unknown: &'static str,
    pub refused: &'static str,
    pub waits: &'static str,
    pub local: &'static str,
    pub went_back: &'static str,
    /// Where nothing is recorded of how mail left.
    pub nothing_known: &'static str,
}

/// Failed handshakes.
#[cfg_attr(test, derive(Debug))]
pub(super) struct Handshakes {
    pub title: &'static str,
    pub hint: &'static str,
    pub then: &'static str,
    pub times: &'static str,
    pub last: &'static str,
}

/// The figures of those that were refused and have not come back.
#[cfg_attr(test, derive(Debug))]
pub(super) struct Statuses {
    pub attempts: Counted,
    pub days: Counted,
}

/// The names of groups that have none of their own.
#[cfg_attr(test, derive(Debug))]
pub(super) struct Names {
    pub others: &'static str,
    pub no_address: &'static str,
    pub no_domain: &'static str,
    pub no_plain_address: &'static str,
    pub plaintext: &'static str,
    pub tls_failed: &'static str,
    pub version_unknown: &'static str,
    pub cipher_unknown: &'static str,
    pub unknown: &'static str,
}

#[cfg_attr(test, derive(Debug))]
pub(super) struct Notes {
    pub title: &'static str,
    pub counted: &'static str,
    pub encrypted: &'static str,
    pub trusted: Counted,
    pub from_log: Counted,
    pub version_unknown: Counted,
    pub tls_failed: Counted,
    pub tls_unknown: Counted,
    pub not_judged: Counted,
    /// Attempts for the refused recipients.
    pub attempts: Counted,
    pub untold_attempts: Counted,
    pub before_enforced: Counted,
    pub lost: Counted,
}

impl Words {
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
        }
    }

    /// A share as `97.2 %`; what is not quite all is never shown as 100, and what is not quite nothing
    /// never as 0.
    pub fn share(&self, share: Option<f64>) -> String {
        let shown = match share {
            None => return "-".into(),
            Some(share) if share >= 100.0 => "100 %".into(),
            Some(share) if share <= 0.0 => "0 %".into(),
            Some(share) => format!("{:.1} %", share.clamp(0.1, 99.9)),
        };
        shown.replace('.', self.decimal_point)
    }

    /// The name of a group, also of one that has none.
    pub fn name_of<'n>(&self, group: &'n Group, by: By) -> &'n str
    where
        Self: 'n,
    {
        let names = &self.names;
        match (&*group.name, by) {
            (OTHERS, _) => names.others,
            ("", By::Peer) => names.no_address,
            ("", By::Domain) => names.no_domain,
            ("", _) => names.no_plain_address,
            ("none", By::Version | By::Cipher) => names.plaintext,
            ("failed", By::Version) => names.tls_failed,
            ("encrypted" | "not-said", By::Version) => names.version_unknown,
            ("not-said", By::Cipher) => names.cipher_unknown,
            ("unknown", By::Version | By::Cipher) => names.unknown,
            (name, _) => name,
        }
    }

    /// What a reader has to know of the figures, with numbers that are written like this.
    pub fn notes(&self, report: &Report, number: fn(u64) -> String) -> Vec<String> {
        let totals = report.totals;
        let attempts =
            if totals.refused_attempts > totals.refused { totals.refused_attempts } else { 0 };
        let notes = [
            (report.trusted, &self.notes.trusted),
            (report.from_log, &self.notes.from_log),
            (report.totals.version_unknown, &self.notes.version_unknown),
            (report.totals.tls_failed, &self.notes.tls_failed),
            (report.totals.tls_unknown, &self.notes.tls_unknown),
            (report.totals.not_judged, &self.notes.not_judged),
            (attempts, &self.notes.attempts),
            (totals.untold_attempts, &self.notes.untold_attempts),
            (report.before_enforced, &self.notes.before_enforced),
            (report.lost, &self.notes.lost),
        ];
        let worth = notes.into_iter().filter(|(count, _)| *count > 0);
        worth.map(|(count, words)| words.written(count, number)).collect()
    }

    /// From one day to another, or the one day that it is.
    pub fn span(&self, first: i64, last: i64) -> String {
        let (first, last) = (date_text(first), date_text(last));
        if first == last {
            return first;
        }
        self.chart.span.replacen("{}", &first, 1).replacen("{}", &last, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_was_left_in_english_and_none_lacks_what_is_filled_in() {
        // Where a word may be parted is no matter here.
        let shown = |words: &Words| format!("{words:#?}").replace("\\u{ad}", "");
        let (english, german) = (shown(&ENGLISH), shown(&GERMAN));
        assert_eq!(english.lines().count(), german.lines().count());
        // The same word in both languages, and nothing but a place to fill in.
        let alike = ["period: \"{span} · {days}, in UTC\",", "version: \"Version\","];
        for (one, other) in english.lines().zip(german.lines()) {
            let (one, other) = (one.trim(), other.trim());
            assert!(one != other || !one.contains('"') || alike.contains(&one), "{other}");
            let places = |text: &str| {
                let mut places: Vec<String> = text
                    .split('{')
                    .skip(1)
                    .filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()))
                    .collect();
                places.sort();
                places
            };
            assert_eq!(places(one), places(other), "{other}");
        }
    }

    #[test]
    fn words_of_columns_can_stand_in_a_style_sheet() {
        for words in [&ENGLISH, &GERMAN] {
            let groups = &words.groups;
            for column in [
                groups.refused,
                groups.would_refuse,
                groups.recipients,
                groups.encrypted,
                groups.reasons,
                groups.senders,
                groups.peers,
            ] {
                assert!(!column.contains(['"', '\\', '<', '&', '\n']), "{column}");
            }
        }
    }

    #[test]
    fn what_is_not_quite_all_or_nothing_is_never_shown_as_that() {
        for (share, english, german) in [
            (None, "-", "-"),
            (Some(0.0), "0 %", "0 %"),
            (Some(0.000_1), "0.1 %", "0,1 %"),
            (Some(97.24), "97.2 %", "97,2 %"),
            (Some(99.999), "99.9 %", "99,9 %"),
            (Some(100.0), "100 %", "100 %"),
        ] {
            assert_eq!((&*ENGLISH.share(share), &*GERMAN.share(share)), (english, german));
        }
    }
}
