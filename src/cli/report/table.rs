//! A report for a terminal, to be read at a glance.

use crate::cli::table;
use crate::wording::counted;
use comfy_table::Table;
use ledger::report::{By, Group, Report, date_text};
use pages::report::{name_of, notes, outcome_text, share_text};
use pages::text::{blank_zero, few, number};
use std::io::{self, Write};

/// Width of the bar that shows a share, in characters.
const BAR: u64 = 20;

pub(super) fn write(out: &mut impl Write, report: &Report, by: By, limit: usize) -> io::Result<()> {
    let whose = report.domain.as_deref().unwrap_or("All domains");
    let totals = report.totals;
    if totals.judged == 0 {
        writeln!(out, "{whose}, since {}", date_text(report.since))?;
        writeln!(out, "\nNo mail was judged in this time.")?;
        if report.trusted == 0 {
            writeln!(
                out,
                "The ledger holds mail for domains that are opted in, and what was imported."
            )?;
            if let Some(domain) = &report.domain {
                writeln!(out, "Is it opted in?  mandatory-tls entries --domain {domain}")?;
            }
        }
        return footnotes(out, report);
    }
    writeln!(out, "{whose}, {} to {}\n", date_text(report.since), date_text(report.until))?;
    let line = |out: &mut dyn Write, name: &str, value: &str, more: &str| {
        writeln!(out, "{}", format!("  {name:<14}{value:>8}   {more}").trim_end())
    };
    let peers = counted(report.peers, "peer");
    line(out, "recipients", &number(totals.judged), &format!("from {peers}"))?;
    line(out, "encrypted", &share_text(totals.share()), &bar(totals.encrypted, totals.known()))?;
    line(out, "refused", &number(totals.refused), "")?;
    line(out, "would refuse", &number(totals.would_refuse), "")?;
    if !report.outcomes.is_empty() {
        line(out, "peers at fault", &number(report.outcomes.values().sum()), &outcomes(report))?;
    }
    writeln!(out)?;
    let shown = report.groups.get(..limit.min(report.groups.len())).unwrap_or_default();
    table::print(out, &table(shown, by), report.groups.len(), limit)?;
    footnotes(out, report)
}

fn footnotes(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for note in notes(report) {
        writeln!(out, "\n{note}")?;
    }
    Ok(())
}

fn outcomes(report: &Report) -> String {
    let words = [
        ("still-failing", "still failing"),
        ("gave-up", "gave up"),
        ("quiet", "quiet"),
        ("resolved", "resolved"),
    ];
    let found = words
        .into_iter()
        .filter_map(|(code, words)| Some(format!("{} {words}", report.outcomes.get(code)?)));
    found.collect::<Vec<_>>().join(", ")
}

fn table(groups: &[Group], by: By) -> Table {
    let mut table = table::plain();
    let whose = matches!(by, By::Peer | By::Sender);
    let mut header = vec![by.name().to_uppercase()];
    header.extend(["RECIPIENTS", "ENCRYPTED", "REFUSED", "WOULD REFUSE", "WHY"].map(str::to_owned));
    if whose {
        header.push(if by == By::Peer { "SENDERS" } else { "PEERS" }.into());
        header.push("STATUS".into());
    }
    table.set_header(header);
    for group in groups {
        let totals = group.totals;
        let name = match &*group.host {
            "" => name_of(group, by),
            host => format!("{host}\n{}", name_of(group, by)),
        };
        let mut row = vec![
            name,
            number(totals.judged),
            share_text(totals.share()),
            blank_zero(totals.refused),
            blank_zero(totals.would_refuse),
            group.reason_words().join("\n"),
        ];
        if whose {
            row.push(few(&group.others));
            row.push(group.outcome.map(outcome_text).unwrap_or_default());
        }
        table.add_row(row);
    }
    table::right(&mut table, 1..=4);
    table
}

fn bar(part: u64, whole: u64) -> String {
    let full = (part * BAR).checked_div(whole).unwrap_or_default();
    let full = usize::try_from(full).unwrap_or_default();
    let empty = usize::try_from(BAR).unwrap_or_default().saturating_sub(full);
    format!("{}{}", "█".repeat(full), "░".repeat(empty))
}
