//! A report as one page that needs nothing else: to be mailed to a customer, or printed.

use super::words::{name_of, notes, outcome_text, share_text};
use crate::text::{blank_zero, few, number};
use askama::Template;
use ledger::report::{By, Group, Outcome, Report, date_text, share};

/// The chart of the days, in units of its SVG.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 180.0;
/// The most dates that stand below it.
const DATES: usize = 8;

#[derive(Template)]
#[template(path = "report/report.html")]
struct Page {
    title: String,
    from: String,
    to: String,
    /// Whether no mail was judged: there is nothing to draw then.
    nothing: bool,
    tiles: Vec<Tile>,
    days: Vec<DayBar>,
    dates: Vec<Label>,
    ticks: Vec<Label>,
    versions: Vec<Share>,
    by: &'static str,
    others: &'static str,
    rows: Vec<GroupLine>,
    more: usize,
    notes: Vec<String>,
    version: &'static str,
}

struct Tile {
    value: String,
    name: &'static str,
    detail: String,
    class: &'static str,
}

/// A day: where its bar stands, and its parts from below.
struct DayBar {
    x: f64,
    width: f64,
    title: String,
    parts: Vec<Part>,
}

struct Part {
    y: f64,
    height: f64,
    class: &'static str,
}

struct Label {
    at: f64,
    text: String,
}

struct Share {
    name: String,
    percent: String,
    width: f64,
    class: &'static str,
    count: String,
}

struct GroupLine {
    name: String,
    host: String,
    judged: String,
    encrypted: String,
    bar: f64,
    refused: String,
    would_refuse: String,
    reasons: String,
    others: String,
    status: String,
    class: &'static str,
}

/// The page of a report as HTML, with its first `limit` groups.
///
/// # Errors
///
/// When the template cannot be filled in.
pub fn page(report: &Report, by: By, limit: usize) -> Result<String, askama::Error> {
    let shown = report.groups.get(..limit.min(report.groups.len())).unwrap_or_default();
    let most = report.days.iter().map(|day| day.totals.judged).max().unwrap_or(0);
    let top = round_up(most);
    let page = Page {
        title: report.domain.clone().unwrap_or_else(|| "all domains".into()),
        from: date_text(report.since),
        to: date_text(report.until),
        nothing: report.totals.judged == 0,
        tiles: tiles(report),
        days: bars(&report.days, top),
        dates: dates(&report.days),
        ticks: ticks(top),
        versions: versions(report),
        by: by.name(),
        others: match by {
            By::Peer => "senders",
            By::Sender => "peers",
            By::Domain | By::Version | By::Cipher | By::Day => "",
        },
        rows: shown.iter().map(|group| line(group, by)).collect(),
        more: report.groups.len() - shown.len(),
        notes: notes(report).into_iter().map(|(n, what)| format!("{} {what}", number(n))).collect(),
        version: env!("CARGO_PKG_VERSION"),
    };
    page.render()
}

fn tiles(report: &Report) -> Vec<Tile> {
    let totals = report.totals;
    let peers = |code: &str| report.outcomes.get(code).copied().unwrap_or_default();
    let at_fault: u64 = report.outcomes.values().sum();
    let alarm = |count: u64, class: &'static str| if count > 0 { class } else { "plain" };
    vec![
        Tile {
            value: share_text(totals.share()),
            name: "encrypted",
            detail: format!("of {} recipients", number(totals.judged)),
            class: alarm(totals.judged, "good"),
        },
        Tile {
            value: number(totals.refused),
            name: "refused",
            detail: "recipients; the mail stays with the sender's server".into(),
            class: alarm(totals.refused, "bad"),
        },
        Tile {
            value: number(totals.would_refuse),
            name: "would be refused",
            detail: "recipients, once the mode is enforce".into(),
            class: alarm(totals.would_refuse, "warn"),
        },
        Tile {
            value: number(at_fault),
            name: "sending servers at fault",
            detail: format!(
                "of {}: {} still failing, {} gave up, {} quiet, {} resolved",
                number(report.peers),
                peers("still-failing"),
                peers("gave-up"),
                peers("quiet"),
                peers("resolved"),
            ),
            class: alarm(peers("still-failing") + peers("gave-up"), "bad"),
        },
    ]
}

/// A round number that is not below a count: the top of the chart.
fn round_up(count: u64) -> u64 {
    let mut step = 1;
    loop {
        for top in [step, 2 * step, 5 * step] {
            // A scale that is parted into halves.
            if top >= count.max(2) {
                return top;
            }
        }
        step *= 10;
    }
}

#[expect(clippy::cast_precision_loss, reason = "days of a chart, and counts of mail")]
fn bars(days: &[Group], top: u64) -> Vec<DayBar> {
    let slot = WIDTH / days.len().max(1) as f64;
    let width = (slot * 0.8).min(60.0);
    let bar = |(place, day): (usize, &Group)| {
        let totals = day.totals;
        let mut below = HEIGHT;
        let parts =
            [(totals.accepted, "good"), (totals.would_refuse, "warn"), (totals.refused, "bad")]
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, class)| {
                    let height = count as f64 * HEIGHT / top as f64;
                    below -= height;
                    Part { y: below, height, class }
                })
                .collect();
        DayBar {
            x: place as f64 * slot + (slot - width) / 2.0,
            width,
            title: format!(
                "{}: {} recipients, {} refused, {} would be refused",
                day.name, totals.judged, totals.refused, totals.would_refuse
            ),
            parts,
        }
    };
    days.iter().enumerate().map(bar).collect()
}

#[expect(clippy::cast_precision_loss, reason = "days of a chart")]
fn dates(days: &[Group]) -> Vec<Label> {
    let slot = WIDTH / days.len().max(1) as f64;
    let every = days.len().div_ceil(DATES).max(1);
    let all = days.iter().enumerate().step_by(every);
    all.map(|(place, day)| Label { at: (place as f64 + 0.5) * slot, text: day.name.clone() })
        .collect()
}

fn ticks(top: u64) -> Vec<Label> {
    [(0, HEIGHT), (top / 2, HEIGHT / 2.0), (top, 0.0)]
        .into_iter()
        .map(|(count, at)| Label { at, text: number(count) })
        .collect()
}

fn versions(report: &Report) -> Vec<Share> {
    let mut versions: Vec<&Group> = report.versions.iter().collect();
    versions.sort_by_key(|group| std::cmp::Reverse(group.totals.judged));
    let of = |group: &&Group| {
        let part = share(group.totals.judged, report.totals.judged);
        Share {
            name: name_of(group, By::Version),
            percent: share_text(part),
            width: part.unwrap_or_default(),
            class: if group.totals.encrypted > 0 { "good" } else { "bad" },
            count: number(group.totals.judged),
        }
    };
    versions.iter().map(of).collect()
}

fn line(group: &Group, by: By) -> GroupLine {
    let totals = group.totals;
    GroupLine {
        name: name_of(group, by),
        host: group.host.clone(),
        judged: number(totals.judged),
        encrypted: share_text(totals.share()),
        bar: totals.share().unwrap_or_default(),
        refused: blank_zero(totals.refused),
        would_refuse: blank_zero(totals.would_refuse),
        reasons: group.reason_words().join(", "),
        others: few(&group.others),
        // A date is not broken at its hyphens.
        status: group.outcome.map(outcome_text).unwrap_or_default().replace('-', "\u{2011}"),
        class: match group.outcome {
            Some(Outcome::StillFailing { .. } | Outcome::GaveUp { .. }) => "bad",
            Some(Outcome::Quiet { .. }) => "warn",
            Some(Outcome::Resolved { .. }) => "good",
            None => "plain",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::round_up;

    #[test]
    fn the_top_of_a_chart_is_round_and_not_below_its_bars() {
        for (count, top) in [(0, 2), (1, 2), (3, 5), (6, 10), (11, 20), (99, 100), (1001, 2000)] {
            assert_eq!(round_up(count), top, "{count}");
        }
    }
}
