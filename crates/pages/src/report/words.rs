//! The words of a report, alike in the table, in CSV and on the page.

use ledger::OTHERS;
use ledger::report::{By, Group, Outcome, Report, date_text};

/// What a reader has to know of the figures, with a count each.
#[must_use]
pub fn notes(report: &Report) -> Vec<(u64, &'static str)> {
    let notes = [
        (
            report.trusted,
            "recipients in mail of trusted clients were not judged and are not counted above.",
        ),
        (
            report.from_log,
            "of the recipients are known from the MTA's log; the milter did not judge them.",
        ),
        (
            report.totals.version_unknown,
            "of the encrypted recipients are known from a log that tells neither version nor cipher of their sessions.",
        ),
        (
            report.totals.tls_failed,
            "recipients came in plaintext after the client had tried TLS and failed; the reason stands with the peer.",
        ),
        (
            report.totals.tls_unknown,
            "recipients came over sessions of which it is not known whether they were encrypted; they bear on no share.",
        ),
        (
            report.totals.not_judged,
            "recipients have no verdict: it hangs on what the MTA's log does not tell of their sessions.",
        ),
        (
            report.lost,
            "recipients (of all domains) could not be recorded; the milter's log says why.",
        ),
    ];
    notes.into_iter().filter(|(count, _)| *count > 0).collect()
}

/// What became of a group, in words.
#[must_use]
pub fn outcome_text(outcome: Outcome) -> String {
    let date = date_text(outcome.moment());
    match outcome {
        Outcome::Resolved { .. } => format!("resolved, with TLS on {date}"),
        Outcome::Quiet { .. } => format!("quiet since {date}"),
        Outcome::GaveUp { .. } => format!("gave up on {date}"),
        Outcome::StillFailing { .. } => format!("still failing since {date}"),
    }
}

/// The name of a group, also of one that has none.
#[must_use]
pub fn name_of(group: &Group, by: By) -> String {
    match (&*group.name, by) {
        (OTHERS, _) => "(others)".into(),
        ("", By::Peer) => "(no address)".into(),
        ("", By::Domain) => "(no domain)".into(),
        ("", _) => "(no plain address)".into(),
        ("none", By::Version | By::Cipher) => "plaintext".into(),
        ("failed", By::Version) => "plaintext, TLS failed".into(),
        ("encrypted", By::Version) => "TLS, version unknown".into(),
        ("not-said", By::Cipher) => "TLS, cipher unknown".into(),
        (name, _) => name.to_owned(),
    }
}

/// A share as `97.2 %`; what is not quite all is never shown as 100.
#[must_use]
pub fn share_text(share: Option<f64>) -> String {
    match share {
        None => "-".into(),
        Some(share) if share < 100.0 => format!("{:.1} %", share.min(99.9)),
        Some(_) => "100 %".into(),
    }
}
