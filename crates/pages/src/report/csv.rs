//! A report as comma-separated values: the groups.

use super::{name_of, share_text};
use crate::hops::sentence;
use crate::text::safe_cell;
use ledger::handshakes::Failure;
use ledger::hops::{DomainHops, Left};
use ledger::report::{By, Report, date_text};
use policy::Language;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};

/// Writes the groups, with a line of names first.
///
/// # Errors
///
/// Those of `out`.
pub fn write_csv(out: &mut impl Write, report: &Report, by: By) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    let mut head = vec![
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
    ];
    head.extend_from_slice(match by {
        By::Domain => &HOPS,
        By::Peer => &["failed_handshakes", "handshake_faults"],
        By::Correspondent | By::Sender | By::Version | By::Cipher | By::Day => &[],
    });
    csv.write_record(head)?;
    let hops: HashMap<_, _> =
        report.hops.domains.iter().map(|hops| (&*hops.domain, hops)).collect();
    for group in &report.groups {
        let totals = group.totals;
        let mut record: Vec<String> = [
            &*safe_cell(name_of(group, by)),
            &safe_cell(group.host.clone()),
            &totals.judged.to_string(),
            &totals.encrypted.to_string(),
            share_text(totals.share()).trim_end_matches(" %"),
            &totals.accepted.to_string(),
            &totals.would_refuse.to_string(),
            &totals.refused.to_string(),
            &group.reason_words().join(" "),
            &safe_cell(group.others.join(" ")),
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
        ]
        .map(str::to_owned)
        .into();
        match by {
            By::Domain => record.extend(both(hops.get(&*group.name).copied())),
            By::Peer => record.extend(failed(&group.handshakes)),
            By::Correspondent | By::Sender | By::Version | By::Cipher | By::Day => {}
        }
        csv.write_record(record)?;
    }
    csv.flush()
}

/// Columns of both hops, by domain. Where nothing is recorded of the second hop, its figures are empty.
const HOPS: [&str; 12] = [
    "came_encrypted",
    "came_unencrypted",
    "came_unknown",
    "left_verified",
    "left_encrypted",
    "left_unencrypted",
    "left_unknown",
    "left_local",
    "waits",
    "went_back",
    "exceptions",
    "both_hops",
];

fn both(hops: Option<&DomainHops>) -> Vec<String> {
    let Some(hops) = hops else { return vec![String::new(); HOPS.len()] };
    let came = &hops.came;
    let mut cells: Vec<String> =
        [came.encrypted, came.unencrypted(), came.unknown].map(|count| count.to_string()).into();
    match &hops.left {
        Some(left) => {
            let Left { verified, encrypted, unencrypted, local, unknown, waits, went_back } = left;
            let figures = [verified, encrypted, unencrypted, unknown, local, waits, went_back];
            cells.extend(figures.map(ToString::to_string));
        }
        None => cells.extend(vec![String::new(); 7]),
    }
    let exceptions: BTreeSet<_> = hops.exceptions.iter().map(|one| one.what.code()).collect();
    cells.push(exceptions.into_iter().collect::<Vec<_>>().join(" "));
    cells.push(sentence(hops, Language::English));
    cells
}

fn failed(failures: &[Failure]) -> [String; 2] {
    let attempts: u64 = failures.iter().map(|failure| failure.attempts).sum();
    let faults: BTreeSet<_> = failures.iter().map(|failure| failure.fault.code()).collect();
    [attempts.to_string(), faults.into_iter().collect::<Vec<_>>().join(" ")]
}
