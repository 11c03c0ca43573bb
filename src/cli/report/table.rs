//! A report for a terminal, to be read at a glance.

use super::{hops, story};
use crate::cli::ready;
use crate::cli::table::{Row, Table, note};
use crate::wording::counted;
use ledger::DAY;
use ledger::report::{By, Group, Report, date_text};
use pages::hops::failures;
use pages::report::{name_of, notes, outcome_text, share_text};
use pages::text::{blank_zero, few, number};
use policy::Language;
use std::io::{self, Write};

/// Width of the bar that shows a share, in characters.
const BAR: u64 = 20;

pub(super) fn write(out: &mut impl Write, report: &Report, by: By, limit: usize) -> io::Result<()> {
    let totals = report.totals;
    if totals.judged == 0 {
        nothing(out, report)?;
        writeln!(out)?;
        hops::both(out, report, limit)?;
        hops::handshakes(out, report, limit)?;
        return footnotes(out, report);
    }
    let whose = whose(report);
    let (since, until) = (date_text(report.since), date_text(report.until));
    let later = report.ledger_begins.filter(|begins| *begins >= report.since + DAY);
    let begins = later.map(|begins| format!(" (the ledger begins on {})", date_text(begins)));
    writeln!(out, "{whose}, {since} to {until}{}\n", begins.unwrap_or_default())?;
    let line = |out: &mut dyn Write, name: &str, value: &str, more: &str| {
        writeln!(out, "{}", format!("  {name:<14}{value:>8}   {more}").trim_end())
    };
    let attempts = |attempts: u64, recipients: u64| {
        if attempts > recipients {
            format!("in {} attempts", number(attempts))
        } else {
            String::new()
        }
    };
    let peers = counted(report.peers, "peer");
    let in_attempts = attempts(totals.attempts, totals.judged);
    line(out, "recipients", &number(totals.judged), &format!("from {peers} {in_attempts}"))?;
    line(out, "encrypted", &share_text(totals.share()), &bar(totals.encrypted, totals.known()))?;
    let in_attempts = attempts(totals.refused_attempts, totals.refused);
    line(out, "refused", &number(totals.refused), &in_attempts)?;
    line(out, "would refuse", &number(totals.would_refuse), "")?;
    if !report.outcomes.is_empty() {
        line(out, "peers at fault", &number(report.outcomes.values().sum()), &outcomes(report))?;
    }
    if let Some(trend) = &report.trend {
        for (name, text) in pages::trend::lines(report, trend, Language::English) {
            line(out, name, "", &text)?;
        }
    }
    writeln!(out)?;
    let shown = report.groups.get(..limit.min(report.groups.len())).unwrap_or_default();
    readiness(out, report, limit)?;
    hops::both(out, report, limit)?;
    table(shown, by).print(out, report.groups.len(), limit)?;
    if let Some(story) = &report.story {
        writeln!(out)?;
        story::write(out, story, limit)?;
    }
    hops::handshakes(out, report, limit)?;
    footnotes(out, report)
}

/// What a report is about.
fn whose(report: &Report) -> String {
    match (&report.story, report.domain.as_deref()) {
        (None, domain) => domain.unwrap_or("All domains").to_owned(),
        (Some(story), None) => format!("Mail of {}", story.partner),
        (Some(story), Some(domain)) => format!("Mail of {} for {domain}", story.partner),
    }
}

/// Whether the domains can be enforced.
fn readiness(out: &mut impl Write, report: &Report, limit: usize) -> io::Result<()> {
    if report.readiness.is_empty() {
        return Ok(());
    }
    ready::answers(&report.readiness, limit).print(out, report.readiness.len(), limit)?;
    writeln!(out)
}

/// That no mail was judged, and where to look.
fn nothing(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let whose = whose(report);
    writeln!(out, "{whose}, since {}", date_text(report.since))?;
    writeln!(out, "\nNo mail was judged in this time.")?;
    if report.trusted > 0 {
        return Ok(());
    }
    match report.ledger_begins.zip(report.ledger_ends) {
        Some((begins, ends)) => {
            let (begins, ends) = (date_text(begins), date_text(ends));
            writeln!(
                out,
                "The ledger has mail from {begins} to {ends}, for domains that are opted in"
            )?;
            writeln!(out, "and what was imported.")?;
        }
        None if !report.hops.domains.is_empty() || !report.handshakes.is_empty() => {
            writeln!(out, "The ledger has no mail that came for a domain that is opted in.")?;
        }
        None => {
            writeln!(
                out,
                "The ledger is empty: no mail for a domain that is opted in was judged, and"
            )?;
            writeln!(out, "nothing was imported.")?;
        }
    }
    if let Some(domain) = &report.domain {
        let domain = domain.trim_start_matches("*.");
        writeln!(out, "Is it opted in?  mandatory-tls entries --domain {domain}")?;
    }
    Ok(())
}

fn footnotes(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for text in notes(report) {
        writeln!(out)?;
        note(out, &text)?;
    }
    Ok(())
}

fn outcomes(report: &Report) -> String {
    let words = [
        ("still-failing", "still failing"),
        ("not-back-yet", "not back yet"),
        ("not-back", "not back"),
        ("quiet", "quiet"),
        ("other-server", "other server"),
        ("resolved", "resolved"),
    ];
    let found = words
        .into_iter()
        .filter_map(|(code, words)| Some(format!("{} {words}", report.outcomes.get(code)?)));
    found.collect::<Vec<_>>().join(", ")
}

fn table(groups: &[Group], by: By) -> Table {
    let head = match by {
        By::Peer => "PEER",
        By::Correspondent => "CORRESPONDENT",
        By::Sender => "SENDER",
        By::Domain => "DOMAIN",
        By::Version => "VERSION",
        By::Cipher => "CIPHER",
        By::Day => "DAY",
    };
    let heads = vec![head, "RECIPIENTS", "ENCRYPTED", "REFUSED", "WOULD REFUSE"];
    let mut table = Table::new(heads);
    for group in groups {
        let totals = group.totals;
        let own = name_of(group, by);
        let (name, address) =
            if group.host.is_empty() { (own, String::new()) } else { (group.host.clone(), own) };
        let others = few(&group.others);
        let others = match by {
            By::Peer if !others.is_empty() => format!("from {others}"),
            _ => others,
        };
        let mut details = vec![address, others, group.reason_words().join(", ")];
        if !group.handshakes.is_empty() {
            let why = failures(&group.handshakes, Language::English);
            details.push(format!("TLS was tried and failed: {why}"));
        }
        if totals.refused_attempts > totals.refused {
            details.push(format!("refused in {} attempts", number(totals.refused_attempts)));
        }
        details.push(group.outcome.map(outcome_text).unwrap_or_default());
        let figures = vec![
            number(totals.judged),
            share_text(totals.share()),
            blank_zero(totals.refused),
            blank_zero(totals.would_refuse),
        ];
        table.add(Row { name, figures, details, sentences: vec![] });
    }
    table
}

fn bar(part: u64, whole: u64) -> String {
    let full = (part * BAR).checked_div(whole).unwrap_or_default();
    let full = usize::try_from(full).unwrap_or_default();
    let empty = usize::try_from(BAR).unwrap_or_default().saturating_sub(full);
    format!("{}{}", "█".repeat(full), "░".repeat(empty))
}
