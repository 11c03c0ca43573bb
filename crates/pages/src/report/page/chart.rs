//! Recipients over the whole time of a report: bars, their figures, and what they show in words.

use super::{Tone, days};
use crate::report::words::Words;
use crate::text::{tight_number, unbroken};
use ledger::DAY;
use ledger::report::{Group, Report, Totals, date_text, share};

/// The most bars.
const BARS: u64 = 62;
/// How many days a bar may be, if one a day would be too many: weeks, and multiples of them.
const SPANS: [u64; 4] = [7, 28, 91, 364];
/// The widest bar, in per cent of the chart.
const WIDEST: f64 = 6.0;
/// The least height of a part, in per cent: one refusal among thousands is what a reader looks for.
const LEAST: f64 = 1.0;
/// The most dates that stand below the bars.
const DATES: usize = 8;

pub(super) struct Chart {
    pub bars: Vec<Bar>,
    pub dates: Vec<Date>,
    pub ticks: [Tick; 3],
    /// Whether anything was not judged, would be refused, and was.
    pub has: [bool; 3],
    /// What it shows, in words.
    pub text: String,
}

/// A bar: where it stands and its parts from below, in per cent of the chart; and its figures.
pub(super) struct Bar {
    pub x: f64,
    pub width: f64,
    pub parts: Vec<Part>,
    pub span: String,
    pub judged: String,
    pub encrypted: String,
    pub let_through: String,
    pub not_judged: String,
    pub would_refuse: String,
    pub refused: String,
}

pub(super) struct Part {
    pub y: f64,
    pub height: f64,
    pub class: &'static str,
}

/// A date below the bars, in per cent from the left.
pub(super) struct Date {
    pub at: f64,
    /// On which side of that it stands; and whether a narrow page does without it.
    pub class: &'static str,
    pub text: String,
}

/// A number beside the bars, in per cent from above.
pub(super) struct Tick {
    pub at: f64,
    pub text: String,
}

/// What a bar stands for.
#[derive(Clone, Copy, Default)]
struct Sum {
    judged: u64,
    encrypted: u64,
    accepted: u64,
    not_judged: u64,
    would_refuse: u64,
    refused: u64,
}

impl Sum {
    fn add(&mut self, totals: &Totals) {
        self.judged += totals.judged;
        self.encrypted += totals.encrypted;
        self.accepted += totals.accepted;
        self.not_judged += totals.not_judged;
        self.would_refuse += totals.would_refuse;
        self.refused += totals.refused;
    }
}

impl Chart {
    pub fn new(report: &Report, words: &Words) -> Self {
        let days = days(report);
        let span = span(days);
        let sums = sums(report, days, span);
        let top = round_up(sums.iter().map(|sum| sum.judged).max().unwrap_or_default());
        let slot = 100.0 / float(sums.len() as u64).max(1.0);
        let bars = sums.iter().enumerate().map(|(place, sum)| {
            let first = day_after(report.since, place as u64 * span);
            let last = day_after(first, span - 1).min(day_after(report.since, days - 1));
            bar(sum, place, slot, top, words.span(first, last), words)
        });
        Self {
            bars: bars.collect(),
            dates: dates(report.since, span, sums.len(), slot),
            ticks: [(top, 0.0), (top / 2, 50.0), (0, 100.0)]
                .map(|(count, at)| Tick { at, text: tight_number(count) }),
            has: [report.totals.not_judged, report.totals.would_refuse, report.totals.refused]
                .map(|count| count > 0),
            text: text(report, span, words),
        }
    }
}

/// How many days a bar is.
fn span(days: u64) -> u64 {
    if days <= BARS {
        return 1;
    }
    let fits = SPANS.into_iter().find(|span| days.div_ceil(*span) <= BARS);
    fits.unwrap_or_else(|| days.div_ceil(BARS))
}

/// The days of a report, also those of which it has nothing, added up by bars.
fn sums(report: &Report, days: u64, span: u64) -> Vec<Sum> {
    let mut sums = vec![Sum::default(); usize::try_from(days.div_ceil(span)).unwrap_or_default()];
    for day in &report.days {
        let place = (day.first - report.since) / DAY / i64::try_from(span).unwrap_or(i64::MAX);
        if let Some(sum) = usize::try_from(place).ok().and_then(|place| sums.get_mut(place)) {
            sum.add(&day.totals);
        }
    }
    sums
}

fn day_after(moment: i64, days: u64) -> i64 {
    moment.saturating_add(i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(DAY))
}

fn bar(sum: &Sum, place: usize, slot: f64, top: u64, span: String, words: &Words) -> Bar {
    let width = (slot * 0.76).min(WIDEST);
    let mut below = 100.0;
    let parts = [
        (sum.accepted, Tone::Good),
        (sum.not_judged, Tone::Unknown),
        (sum.would_refuse, Tone::Warning),
        (sum.refused, Tone::Bad),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, tone)| {
        let height = (float(count) * 100.0 / float(top)).max(LEAST);
        below -= height;
        Part { y: below, height, class: tone.class() }
    });
    Bar {
        x: float(place as u64) * slot + (slot - width) / 2.0,
        width,
        parts: parts.collect(),
        span,
        judged: tight_number(sum.judged),
        encrypted: words.share(share(sum.encrypted, sum.judged)),
        let_through: tight_number(sum.accepted),
        not_judged: tight_number(sum.not_judged),
        would_refuse: tight_number(sum.would_refuse),
        refused: tight_number(sum.refused),
    }
}

/// A round number that is not below a count: the top of the chart.
fn round_up(count: u64) -> u64 {
    let mut step: u64 = 1;
    loop {
        for factor in [1, 2, 4, 6] {
            let top = step.saturating_mul(factor);
            // A scale that is parted into halves.
            if top >= count.max(2) {
                return top;
            }
        }
        step = step.saturating_mul(10);
    }
}

fn dates(since: i64, span: u64, bars: usize, slot: f64) -> Vec<Date> {
    let every = bars.div_ceil(DATES).max(1);
    let dates = (0..bars).step_by(every).enumerate().map(|(number, place)| {
        let at = (float(place as u64) + 0.5) * slot;
        Date {
            at,
            class: match number % 3 {
                _ if at < 5.0 => "start",
                0 if at > 95.0 => "end",
                0 => "",
                _ if at > 95.0 => "minor end",
                _ => "minor",
            },
            text: date_text(day_after(since, place as u64 * span)),
        }
    });
    dates.collect()
}

/// What the chart shows, in words.
fn text(report: &Report, span: u64, words: &Words) -> String {
    let chart = &words.chart;
    let on_days = |of: fn(&Totals) -> u64| {
        let count = report.days.iter().filter(|day| of(&day.totals) > 0).count();
        chart.on_days.of(count as u64)
    };
    let peak = report.days.iter().max_by(|one, other| {
        // Of two that are alike, the first.
        one.totals.judged.cmp(&other.totals.judged).then(other.first.cmp(&one.first))
    });
    let came = |peak: &Group| {
        let count = chart.counted.of(peak.totals.judged);
        let came = chart.came.replace("{days}", &on_days(|totals| totals.judged));
        came.replace("{peak}", &unbroken(date_text(peak.first))).replace("{count}", &count)
    };
    let mut sentences = vec![peak.map_or_else(|| chart.came_never.to_owned(), came)];
    let mut tell = |sentence: &str, of: fn(&Totals) -> u64| {
        let count = of(&report.totals);
        if count > 0 {
            let count = chart.counted.of(count);
            sentences.push(sentence.replace("{count}", &count).replace("{days}", &on_days(of)));
        }
    };
    tell(chart.refused, |totals| totals.refused);
    tell(chart.would_refuse, |totals| totals.would_refuse);
    if report.totals.at_fault() == 0 {
        sentences.push(chart.none_refused.into());
    }
    if span > 1 {
        sentences.push(chart.bars_of.replace("{}", &span.to_string()));
    }
    sentences.join(" ")
}

#[expect(clippy::cast_precision_loss, reason = "counts of mail are far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_of_a_chart_is_round_and_not_below_its_bars() {
        for (count, top) in [
            (0, 2),
            (1, 2),
            (3, 4),
            (5, 6),
            (7, 10),
            (11, 20),
            (99, 100),
            (1001, 2000),
            (4001, 6000),
            (u64::MAX, u64::MAX),
        ] {
            assert_eq!(round_up(count), top, "{count}");
        }
    }

    #[test]
    fn a_bar_is_a_day_as_long_as_there_is_room_then_weeks() {
        for (days, of) in
            [(1, 1), (62, 1), (63, 7), (434, 7), (435, 28), (9_700, 364), (740_000, 11_936)]
        {
            assert_eq!(span(days), of, "{days}");
            assert!(days.div_ceil(of) <= BARS);
        }
    }
}
