//! A report as comma-separated values: the groups.

use crate::cli::table::safe;
use ledger::report::{By, Report, date_text};
use pages::report::{name_of, share_text};
use std::io::{self, Write};

pub(super) fn write(out: &mut impl Write, report: &Report, by: By) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record([
        by.name(),
        "host",
        "recipients",
        "encrypted",
        "encrypted_percent",
        "accepted",
        "would_refuse",
        "refused",
        "reasons",
        "others",
        "first",
        "last",
        "outcome",
        "outcome_date",
        "version_unknown",
        "tls_failed",
        "tls_unknown",
        "not_judged",
        "attempts",
        "refused_attempts",
    ])?;
    for group in &report.groups {
        let totals = group.totals;
        csv.write_record([
            &*safe(name_of(group, by)),
            &*group.host,
            &totals.judged.to_string(),
            &totals.encrypted.to_string(),
            share_text(totals.share()).trim_end_matches(" %"),
            &totals.accepted.to_string(),
            &totals.would_refuse.to_string(),
            &totals.refused.to_string(),
            &group.reason_words().join(" "),
            &safe(group.others.join(" ")),
            &date_text(group.first),
            &date_text(group.last),
            group.outcome.map(|outcome| outcome.code()).unwrap_or_default(),
            &group.outcome.map(|outcome| date_text(outcome.moment())).unwrap_or_default(),
            &totals.version_unknown.to_string(),
            &totals.tls_failed.to_string(),
            &totals.tls_unknown.to_string(),
            &totals.not_judged.to_string(),
            &totals.attempts.to_string(),
            &totals.refused_attempts.to_string(),
        ])?;
    }
    csv.flush()
}
